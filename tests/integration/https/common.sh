# What the tests of kind https share. Source lib.sh first.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OLD_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
NEW_SECRET='raw secret of the next year'

start_receiver() { # [NAME]: sets RECEIVER (URL) and RECEIVER_PID
	local name=${1:-receiver}
	rm -f "$DIR/$name.port"
	NODE_PATH=$(cd "$HERE/../.." && pwd)/node_modules node "$HERE/receiver.mjs" "$DIR/$name.port" \
		"old=$OLD_SECRET" "new=raw:$NEW_SECRET" >"$DIR/$name.log" 2>&1 &
	RECEIVER_PID=$!
	PIDS+=("$RECEIVER_PID")
	wait_until 30 "the receiver starts" test -s "$DIR/$name.port"
	RECEIVER=http://127.0.0.1:$(cat "$DIR/$name.port")
}
answer_with() { curl -sS --fail-with-body -X PUT --data "$1" "$RECEIVER/_answer" >/dev/null; }
seen() { curl -sS "$RECEIVER/_seen" | jq -c "$@"; }
free_port() { while :; do p=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo $p; return; }; done; }

# configure DESTINATIONS-NAMES DESTINATION-LINES
configure() {
	printf '%s\n' json-token-0123456789ab >"$DIR/json.token"
	chmod 600 "$DIR/json.token"
	cat >"$DIR/leadrelay.yaml" <<YAML
state_dir: $DIR/state
intake: { listen: ["127.0.0.1:0"] }
sources:
  - { name: partner, kind: json, token_file: json.token, destinations: [$1], dedupe_window: 0s }
destinations:
$2
retry: { first: 100ms, factor: 2, longest: 1s, give_up_after: 14d }
YAML
	chmod 600 "$DIR/leadrelay.yaml"
}
lead() { # LAST-NAME [JSON-MEMBERS]: posts it, expects 202, sets ID
	post partner json-token-0123456789ab "{\"last_name\":\"$1\",\"email\":\"$1@example.com\"${2:+,$2}}"
	equal "$STATUS" 202 "$BODY"
	ID=$(jq -r .id <<<"$BODY")
}
reload() { # waits until it is done
	local before
	before=$(grep -c 'configuration reloaded' "$DIR/relay.log" || true)
	kill -HUP "$RELAY_PID"
	reloaded() { [ "$(grep -c 'configuration reloaded' "$DIR/relay.log" || true)" -gt "$before" ]; }
	wait_until 30 "the configuration is reloaded" reloaded
}
field_of() { # DESTINATION FIELD: of status
	ctl --json status | jq -r --arg d "$1" --arg f "$2" '.destinations[] | select(.name == $d) | .[$f]'
}
delivery() { ctl --json show "$1" | jq -c --arg d "$2" '.deliveries[] | select(.destination == $d)'; } # ID DESTINATION
is_dead() { [ "$(state_of "$1" "$2")" = dead ]; }
