#!/usr/bin/env bash
# leadctl backup: whole or not at all, with the daemon up and down, while leads come in.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
expect_exit 2 ctl backup
expect_exit 1 ctl backup "$DIR/none.db" # no state_dir yet
[ ! -e "$DIR/none.db" ] || fail "a file without a backup"

start_relay
for i in $(seq 20); do accept_lead "lead$i@example.com"; done
last=$ID
wait_until 20 "the last is delivered" delivered "$last" crm

# While somebody posts.
post_all() {
	local i
	for i in $(seq 60); do
		curl -sS -o /dev/null -H "Authorization: Bearer $TOKEN" --data-binary "$(marketplace_lead "during$i@example.com")" \
			"$RELAY/in/marketplace" || return 1
	done
}
post_all &
posting=$!
PIDS+=("$posting")
cd "$DIR" # a path is the caller's
expect_exit 0 ctl --json backup up.db
equal "$(jq -r .file <<<"$OUT")" up.db
equal "$(jq -r .sha256 <<<"$OUT")" "$(sha256sum up.db | cut -d' ' -f1)"
equal "$(jq -r .bytes <<<"$OUT")" "$(stat -c %s up.db)"
equal "$(stat -c %a up.db)" 600
[ "$(jq -r .leads <<<"$OUT")" -ge 20 ] || fail "fewer leads than were accepted before: $OUT"
leads=$(jq -r .leads <<<"$OUT")
wait "$posting" || fail "intake stopped during a backup"
[ ! -e up.db-wal ] && [ ! -e up.db.leadctl-partial ] || fail "something lies beside the backup"
equal "$(sqlite3 up.db 'PRAGMA journal_mode; PRAGMA integrity_check; SELECT count(*) FROM lead' | tr '\n' ' ')" "delete ok $leads "
equal "$(sqlite3 up.db "SELECT count(*) FROM lead WHERE email LIKE 'lead%@example.com'")" 20

# Not overwritten, but by --force.
sum=$(sha256sum up.db)
expect_exit 2 ctl backup up.db
expect_text "why not" "$ERR" '--force'
equal "$(sha256sum up.db)" "$sum"
expect_exit 0 ctl backup --force up.db
expect_text "in words" "$OUT" '80 leads, .* read again and whole'
ln -s up.db link.db
for force in "" --force; do
	expect_exit 2 ctl backup $force link.db
	expect_text "a link $force" "$ERR" 'link.db is a symbolic link.*name the file that it leads to'
done
expect_exit 1 ctl backup "$DIR/nowhere/up.db"
expect_exit 2 ctl backup "$DIR/"
for own in outbox.db outbox.db-wal lock control.sock; do # what the relay lives on is never replaced
	expect_exit 2 ctl backup --force "$DIR/state/../state/$own"
	expect_text "$own is told" "$ERR" 'belongs to the relay itself'
done
expect "the outbox is as it was" accounting_holds

# Killed in the middle: no file of that name; the next one is not in its way.
expect_exit 1 env LEADRELAY_FAULT=backup.mid_step:kill "$BIN/leadctl" -c "$DIR/leadrelay.yaml" backup killed.db
[ ! -e killed.db ] || fail "half a backup"
printf 'half' >killed.db.leadctl-partial
expect_exit 0 ctl backup killed.db
equal "$(sqlite3 killed.db 'SELECT count(*) FROM lead')" 80
expect_exit 1 env LEADRELAY_FAULT=backup.mid_step:kill "$BIN/leadctl" -c "$DIR/leadrelay.yaml" backup --force killed.db
equal "$(sqlite3 killed.db 'SELECT count(*) FROM lead')" 80

# The daemon is killed with a WAL: recovered, then copied.
accept_lead "wal@example.com"
stop_relay KILL
expect_exit 0 ctl --json backup down.db
equal "$(jq -r .leads <<<"$OUT")" 81
equal "$(sqlite3 down.db "SELECT count(*) FROM lead WHERE email = 'wal@example.com'")" 1

# A daemon that starts during a backup gets the lock at once; the backup is made all the same.
LEADRELAY_FAULT=backup.mid_step:stop "$BIN/leadctl" -c "$DIR/leadrelay.yaml" backup slow.db >slow.out 2>&1 &
slow=$!
PIDS+=("$slow")
stopped() { grep -q 'State:.T' /proc/$(pgrep -P "$slow")/status; }
wait_until 10 "the backup stands in the middle" stopped
"$BIN/leadrelayd" -c "$DIR/leadrelay.yaml" 2>>"$DIR/relay.log" &
RELAY_PID=$!
PIDS+=("$RELAY_PID")
sleep 0.5
kill -CONT "$(pgrep -P "$slow")"
wait "$slow" || fail "the backup gave up: $(cat slow.out)"
equal "$(sqlite3 slow.db 'SELECT count(*) FROM lead')" 81
runs() { [ "$(ctl --json status | jq -r .state)" = running ]; }
wait_until 20 "the daemon runs" runs

# An outbox whose sums differ is backed up, and told.
stop_relay
sqlite3 "$DIR/state/outbox.db" 'UPDATE destination SET accepted = accepted + 1'
expect_exit 3 ctl backup differs.db
expect_text "the difference" "$ERR" 'difference.*accepted'
[ -e differs.db ] || fail "no backup"
said "backup"
