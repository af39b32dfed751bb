#!/usr/bin/env bash
# leadctl salvage: of an outbox damaged anywhere nearly everything comes back, and the damaged file is only read.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
LEADS=600
start_relay
expect_exit 0 ctl destinations park crm --why "so that leads wait"
for i in $(seq 12); do
	post partner json-token-0123456789ab "$(jq -cn --argjson i "$i" '[range(50) | {last_name:("Lead" + (($i * 50 + .) | tostring)), email:("lead" + (($i * 50 + .) | tostring) + "@example.com"), description:("x" * 300)}]')"
	equal "$STATUS" 202 "$BODY"
done
nothing_at_archive() { [ "$(ctl --json destinations | jq -r '.[] | select(.name == "archive") | .pending')" = 0 ]; }
wait_until 60 "archived" nothing_at_archive
stop_relay
cp -a "$DIR/state" "$DIR/clean"
pages=$(($(stat -c %s "$DIR/clean/outbox.db") / 4096))

# What came back: ids and e-mails of the new file among those of the old.
ids() { sqlite3 "$1" "SELECT hex(id) || email FROM lead" | sort; }
ids "$DIR/clean/outbox.db" >"$DIR/all"
came_back() { # FILE WHAT [AT LEAST, percent]
	ids "$1" >"$DIR/back"
	[ -z "$(comm -13 "$DIR/all" "$DIR/back")" ] || fail "$2: leads that never were: $(comm -13 "$DIR/all" "$DIR/back" | head -3)"
	local count
	count=$(wc -l <"$DIR/back")
	[ $((100 * count)) -ge $((${3:-99} * $(wc -l <"$DIR/all"))) ] || fail "$2: only $count leads of $(wc -l <"$DIR/all") came back"
	said "$2: $count of $(wc -l <"$DIR/all") leads"
}
fresh() { rm -rf "$DIR/state" "$DIR"/rescued.db* && cp -a "$DIR/clean" "$DIR/state"; }
flip() { printf '\xff\x5a\x00\xa5' | dd of="$DIR/state/$1" bs=1 seek="$2" conv=notrunc status=none; }
rescue() { # WHAT [AT LEAST]: into a new file; the damaged ones stay as they are
	local status=0 before
	before=$(cat "$DIR"/state/outbox.db* | sha256sum)
	ctl --json salvage "$DIR/rescued.db" >"$DIR/out" 2>"$DIR/stderr" || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ] || fail "$1: exit $status: $(cat "$DIR/stderr")"
	equal "$(cat "$DIR"/state/outbox.db* | sha256sum)" "$before" "$1: the damaged file was written to"
	equal "$(stat -c %a "$DIR/rescued.db")" 600
	came_back "$DIR/rescued.db" "$1" "${2:-99}"
}

fresh # nothing is damaged: nothing is lost
expect_exit 0 ctl --json salvage "$DIR/rescued.db"
equal "$(jq -c '[.leads, .deliveries, .leads_lost, .unreadable]' <<<"$OUT")" "[$LEADS,$((2 * LEADS)),0,0]"
came_back "$DIR/rescued.db" "a whole one" 100
expect_exit 2 ctl salvage

fresh # the header
flip outbox.db 0
flip outbox.db 16
expect_exit 1 ctl list
expect_text "what helps" "$ERR" "leadctl restore BACKUP.*leadctl salvage $DIR/state/outbox.db"
status=0
timeout 20 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml" 2>"$DIR/refused.log" || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail "a daemon on a damaged outbox: $status"
expect_text "the daemon says so, too" "$(cat "$DIR/refused.log")" "leadctl salvage $DIR/state/outbox.db"
rescue "the header" 100

fresh # the root of the leads: no tree leads to them any more
root=$(sqlite3 "$DIR/clean/outbox.db" "SELECT rootpage FROM sqlite_schema WHERE name = 'lead'")
dd if=/dev/zero of="$DIR/state/outbox.db" bs=4096 seek=$((root - 1)) count=1 conv=notrunc status=none
rescue "the root of the leads" 100

fresh # the freelist
flip outbox.db 32
flip outbox.db 36
rescue "the freelist" 100

fresh # the schema
dd if=/dev/urandom of="$DIR/state/outbox.db" bs=1 seek=100 count=300 conv=notrunc status=none
rescue "the schema"

RANDOM=${SEED:-7}
for round in $(seq "${ROUNDS:-6}"); do # anywhere
	fresh
	for n in 1 2 3; do flip outbox.db $((RANDOM * 32768 % (pages * 4096) + RANDOM % 4096)); done
	rescue "four bytes in three places, round $round" 97
done

# The WAL: a killed daemon leaves what is only there.
fresh
start_relay
for i in $(seq 5); do accept_lead "wal$i@example.com"; done
stop_relay KILL
cp -a "$DIR/state" "$DIR/state.wal"
sqlite3 "$DIR/state/outbox.db" "SELECT hex(id) || email FROM lead" | sort >"$DIR/all"
rm -rf "$DIR/state" "$DIR"/rescued.db && cp -a "$DIR/state.wal" "$DIR/state"
wal=$(stat -c %s "$DIR/state/outbox.db-wal")
flip outbox.db-wal $((32 + 24 + 4120 * (wal / 4120 / 2) + 2000))
flip outbox.db 0
rescue "a frame of the WAL"

# In the place of the damaged one, which is kept; then the daemon delivers.
cp "$DIR/state/outbox.db" "$DIR/damaged.db"
expect_exit 0 ctl salvage "$DIR/state/outbox.db"
expect_text "where the damaged one is" "$OUT" 'outbox.db.aside-'
equal "$(find "$DIR/state" -name '*.making*')" "" "what it was made in is left"
cmp "$DIR/damaged.db" "$(find "$DIR/state" -name 'outbox.db.aside-*' ! -name '*-wal')" || fail "the damaged one was changed"
expect "sound" ctl check
start_relay
expect_exit 5 ctl salvage "$DIR/other.db"
expect_exit 0 ctl destinations resume crm
all_delivered() { [ "$(ctl --json destinations | jq -r '.[] | select(.name == "crm") | .pending')" = 0 ]; }
wait_until 120 "the rescued leads are delivered" all_delivered
expect "sound when all is delivered" ctl check
stop_relay

# Another file, for restore.
expect_exit 0 ctl salvage "$DIR/damaged.db"
came_back "$DIR/damaged.db.salvaged" "another file" 97
expect_exit 0 ctl restore "$DIR/damaged.db.salvaged"
expect "sound after the restore" ctl check
said "salvage"
