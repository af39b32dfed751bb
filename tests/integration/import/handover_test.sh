#!/usr/bin/env bash
# Imports and daemons that come and go: one that starts in the middle, ends, is killed; two imports at once.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
CRM=http://127.0.0.1:1
write_config
sed -i 's|^destinations:|  - { name: fair, kind: csv, destinations: [archive] }\ndestinations:|' "$DIR/leadrelay.yaml"
mkdir -m 700 "$DIR/state"
file() { # NAME ROWS
	python3 -c "
import sys
print('name,email')
for i in range($2):
    print(f'{\"$1\"}{i},{\"$1\"}{i}@example.com')" >"$DIR/$1.csv"
}
counts() { jq -c '[.rows, .accepted, .duplicate, .rejected]' "$1"; }
kept() { ctl export --format jsonl 2>/dev/null | jq -r .fields.email | grep -c "^$1" || true; }
begin_import() { # NAME [output]: in the background; sets IMPORT
	ctl --json import "$DIR/$1.csv" --source fair >"$DIR/${2:-$1}.out" 2>"$DIR/${2:-$1}.err" &
	IMPORT=$!
	PIDS+=("$IMPORT")
}

# It has the outbox; a daemon starts, ends, is killed, starts again: every row is taken once.
file a 12000
begin_import a
wait_until 30 "it has begun" test -s "$DIR/state/outbox.db"
began=$SECONDS
start_relay
[ $((SECONDS - began)) -lt 9 ] || fail "the daemon waited for the import"
said "a daemon got the outbox from an import"
stop_relay
equal "$STATUS" 0
start_relay
kill -KILL "$RELAY_PID"
wait "$RELAY_PID" 2>/dev/null || true
start_relay
wait "$IMPORT" || fail "the import failed: $(cat "$DIR/a.err")"
equal "$(counts "$DIR/a.out")" '[12000,12000,0,0]'
equal "$(kept a)" 12000
expect "the accounting holds" accounting_holds

# One that waits for its input does not keep the outbox from a daemon.
stop_relay
mkfifo "$DIR/slow"
ctl --json import - --source fair <"$DIR/slow" >"$DIR/slow.out" 2>"$DIR/slow.err" &
slow=$!
PIDS+=("$slow")
exec 7>"$DIR/slow" # the other end is open, too, then
python3 -c "
print('name,email')
for i in range(4000): print(f's{i},s{i}@example.com')" >&7
holds() { ! flock -n "$DIR/state/lock" true; }
wait_until 30 "it has the outbox" holds
start_relay 7>&- # the daemon is no writer of it
echo 'last,slast@example.com' >&7
exec 7>&-
wait "$slow" || fail "the slow import failed: $(cat "$DIR/slow.err")"
equal "$(counts "$DIR/slow.out")" '[4001,4001,0,0]'

# Two imports of one file share its rows; of two files, each its own.
file b 2000
file c 2000
begin_import b b1
first=$IMPORT
begin_import b b2
second=$IMPORT
begin_import c
wait "$first" || fail "the first failed: $(cat "$DIR/b1.err")"
wait "$second" || fail "the second failed: $(cat "$DIR/b2.err")"
wait "$IMPORT" || fail "the third failed: $(cat "$DIR/c.err")"
equal "$(kept b)" 2000
equal "$(kept c)" 2000
for out in b1 b2 c; do
	equal "$(jq '.rows == .accepted + .duplicate + .rejected and .rows == 2000' "$DIR/$out.out")" true
done
expect "the accounting holds" accounting_holds
