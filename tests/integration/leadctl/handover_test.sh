#!/usr/bin/env bash
# The lock between leadctl and the daemon: given up when one starts, waited for, and never held by a stuck pager.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
start_relay
ctl destinations park crm --why "a backlog is wanted" >/dev/null
many=$(jq -cn '[range(1000) | {last_name: "Lead \(.)", email: "lead\(.)@example.com"}]')
for round in 1 2 3; do
	post partner json-token-0123456789ab "$(jq -c --arg r "$round" 'map(.company = $r)' <<<"$many")"
	equal "$STATUS" 202 "$BODY"
done
stop_relay
equal "$STATUS" 0

# A list into a pager that stands still: the daemon starts all the same, and the list is whole in the end.
mkfifo "$DIR/pager"
ctl --json list --limit 0 >"$DIR/pager" 2>"$DIR/list.err" &
list=$!
PIDS+=("$list")
exec 7<"$DIR/pager"
head -n 1 <&7 >/dev/null # it is under way
began=$(date +%s%N)
start_relay
took_ms=$((($(date +%s%N) - began) / 1000000))
[ "$took_ms" -lt 9000 ] || fail "the daemon waited $took_ms ms for a list"
said "the daemon started in $took_ms ms while a list stood in a pager"
cat <&7 >"$DIR/rest"
exec 7<&-
wait "$list" || fail "the list failed: $(cat "$DIR/list.err")"
# head read a block: count what came behind it by ids that are whole
equal "$(tail -n +2 "$DIR/rest" | jq -r .id | sort | uniq -d | wc -l)" 0
equal "$(tail -n 1 "$DIR/rest" | jq -r .company)" 1
stop_relay

# A change under way when the daemon starts goes on over its socket: every row once.
ctl --json hold --destination crm --yes >"$DIR/hold" 2>"$DIR/hold.err" &
hold=$!
PIDS+=("$hold")
start_relay
wait "$hold" || fail "hold failed: $(cat "$DIR/hold.err")"
equal "$(jq -c '[.matched, .changed, .refused]' "$DIR/hold")" '[3000,3000,0]'
equal "$(ctl --json status | jq .accounting.held)" 3000
expect "the accounting holds" accounting_holds

# Two leadctl at once take turns.
stop_relay
ctl --json release --destination crm --yes >"$DIR/release" &
release=$!
PIDS+=("$release")
expect_exit 0 ctl --json check
wait "$release"
equal "$(jq .changed "$DIR/release")" 3000

# A daemon that holds the lock and does not answer: exit 5 after a while.
start_relay
kill -STOP "$RELAY_PID"
mv "$DIR/state/control.sock" "$DIR/state/control.away"
expect_exit 5 ctl status
mv "$DIR/state/control.away" "$DIR/state/control.sock"
kill -CONT "$RELAY_PID"
stop_relay
equal "$STATUS" 0
