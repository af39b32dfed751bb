# common.sh: for both: a CRM whose secret no file format likes, a folder to write into.
CRM_SECRET='s${e}c"r\et: #&%+/='
TENANT=12345678-0000-0000-0000-000000000000
CLIENT=23456052-0000-0000-0000-000000000000
prepare() {
	mkdir -m 0755 "$DIR/etc"
	chmod 755 "$DIR"
	FILE=$DIR/etc/leadrelay.yaml
	printf '%s\n' "$CRM_SECRET" >"$DIR/right"
	printf 'not-the-secret\n' >"$DIR/wrong"
	IDS=(--url "$CRM" --authority "$CRM" --directory-id $TENANT --client-id $CLIENT)
	OWN=(--owner "$(id -un)")
}
init() { "$BIN/leadctl" -c "$FILE" init "${OWN[@]}" "$@"; }
nothing_written() { equal "$(ls -A "$DIR/etc")" "" "${1:-something was written}"; }
mode_of() { stat -c '%a %U' "$1"; }
