#!/usr/bin/env bash
# A byte that changes in the WAL after a crash: SQLite would take it for the log's end and drop every lead behind it. The daemon refuses,
# changes nothing, and salvage has every lead that was acknowledged.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
sed -i 's/destinations: \[crm, archive\]/destinations: [crm]/' "$DIR/leadrelay.yaml"
start_relay
expect_exit 0 ctl destinations park crm --why "so that leads wait"

# Killed under load; what was acknowledged stands in the files acked.N.
post_some() { # N
	local i answer
	for i in $(seq 100); do
		answer=$(curl -sS --max-time 10 -H "Authorization: Bearer $TOKEN" --data-binary "$(marketplace_lead "lead$1.$i@example.com")" \
			"$RELAY/in/marketplace" 2>/dev/null) || break
		jq -re .id <<<"$answer" >>"$DIR/acked.$1" || break
	done
}
posting=()
for n in 1 2 3; do
	post_some "$n" &
	posting+=($!)
	PIDS+=($!)
done
enough() { [ "$(cat "$DIR"/acked.* | wc -l)" -ge 60 ]; }
wait_until 60 "leads are acknowledged" enough
stop_relay KILL
wait "${posting[@]}" || true
cat "$DIR"/acked.* | tr -d - | tr a-f A-F | sort >"$DIR/acked"
said "killed with $(wc -l <"$DIR/acked") leads acknowledged"
cp -a "$DIR/state" "$DIR/killed"
size=$(stat -c %s "$DIR/killed/outbox.db-wal")
[ "$size" -gt 100000 ] || fail "the WAL is too short for this test: $size"

flip() { # FILE AT: one bit of it
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %02x $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
files() { (cd "$DIR/state" && cat outbox.db outbox.db-wal | sha256sum && ls outbox.db*); }
refused() { # WHAT
	local status=0 before
	before=$(files)
	timeout 60 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml" 2>"$DIR/refused.log" || status=$?
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail "$1: the daemon started, or hung: $status"
	expect_text "$1: the daemon says why" "$(cat "$DIR/refused.log")" "outbox.db-wal is damaged at byte [0-9]+.*leadctl salvage $DIR/state/outbox.db"
	expect_exit 1 ctl list
	expect_text "$1: so does leadctl" "$ERR" "outbox.db-wal is damaged at byte [0-9]+.*leadctl salvage $DIR/state/outbox.db"
	equal "$(files)" "$before" "$1: something was changed"
}
all_there() { # FILE WHAT
	sqlite3 "$1" "SELECT hex(id) FROM lead" | sort >"$DIR/there"
	[ -z "$(comm -23 "$DIR/acked" "$DIR/there")" ] || fail "$2: lost: $(comm -23 "$DIR/acked" "$DIR/there" | wc -l)"
	equal "$(sqlite3 "$1" 'PRAGMA integrity_check')" ok
	said "$2: every acknowledged lead is there"
}
damaged() { # WHAT AT
	rm -rf "$DIR/state" "$DIR"/rescued.db && cp -a "$DIR/killed" "$DIR/state"
	flip "$DIR/state/outbox.db-wal" "$2"
	refused "$1"
	local status=0
	ctl --json salvage "$DIR/rescued.db" >"$DIR/out" || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ] || fail "$1: salvage: $status"
	equal "$(jq .leads_lost "$DIR/out")" 0
	all_there "$DIR/rescued.db" "$1"
}
damaged "the head of the log" 2
damaged "the head of a frame" $((32 + 4120 * 3 + 2))
damaged "in the middle" $((32 + 4120 * (size / 4120 / 2) + 24 + 4000))
damaged "an early frame" $((32 + 4120 * 2 + 24 + 100))

# In its place: what was damaged is kept, and the daemon delivers.
cp "$DIR/state/outbox.db-wal" "$DIR/damaged.wal"
status=0
OUT=$(ctl salvage "$DIR/state/outbox.db") || status=$?
[ "$status" = 0 ] || [ "$status" = 3 ] || fail "salvage: $status"
cmp "$DIR/damaged.wal" "$(ls "$DIR"/state/outbox.db.aside-*-wal)" || fail "the damaged WAL is not kept"
expect "sound" ctl check
all_there "$DIR/state/outbox.db" "in place"
start_relay
expect_exit 0 ctl destinations resume crm
all_delivered() { [ "$(ctl --json destinations | jq -r '.[] | select(.name == "crm") | .pending')" = 0 ]; }
wait_until 120 "the rescued leads are delivered" all_delivered
expect "sound when all is delivered" ctl check
stop_relay

# As a power cut leaves it: the end is torn, and that is no damage.
rm -rf "$DIR/state" && cp -a "$DIR/killed" "$DIR/state"
truncate -s $((size - 3000)) "$DIR/state/outbox.db-wal"
start_relay
expect "sound after a torn end" ctl check
stop_relay
said "a damaged WAL"
