#!/usr/bin/env bash
# leadctl with the daemon up, down and starting; exit codes; the lock.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config

# Without a daemon and without a store.
expect_exit 0 ctl version
expect_exit 0 "$BIN/leadctl" --help
expect_text "help names the commands" "$OUT" 'status.*|replay'
for command in status list show replay hold release discard validate destinations resume check config; do
	expect_exit 0 "$BIN/leadctl" "$command" --help
	expect_text "$command --help has an example" "$OUT" "leadctl .*$command"
done
expect_exit 2 ctl nonsense
expect_exit 2 ctl list --state nonsense
expect_exit 2 ctl list --nonsense
expect_exit 0 ctl config check
expect_exit 2 "$BIN/leadctl" -c "$DIR/nowhere.yaml" config check
expect_text "names the file" "$ERR" 'nowhere.yaml'
expect_exit 3 ctl status
expect_text "says that it is stopped" "$OUT$ERR" 'stopped'

start_relay
accept_lead one@example.com
one=$ID
accept_lead two@example.com
two=$ID
wait_until 10 "both are delivered" nothing_waits
online=$(ctl --json show "$one" | jq -cS .)
expect_exit 0 ctl --json status
equal "$(jq -r '.state, .accounting.difference' <<<"$OUT" | tr '\n' ' ')" "running 0 "
for key in state version uptime_s sources quarantined destinations accounting notifications; do
	jq -e "has(\"$key\")" <<<"$OUT" >/dev/null || fail "status has no $key: $OUT"
done
for key in name kind state reason error since pending held delivered dead discarded accepted oldest_pending_s in_flight next_attempt_at credential_expires; do
	jq -e ".destinations[0] | has(\"$key\")" <<<"$OUT" >/dev/null || fail "status.destinations has no $key: $OUT"
done
expect_exit 0 ctl --json list
equal "$(jq -r .email <<<"$OUT" | tr '\n' ' ')" "two@example.com one@example.com " "newest first"
equal "$(head -n 1 <<<"$OUT" | jq -c 'keys')" '["company","deliveries","email","id","received_at","source","test"]'
expect_exit 0 ctl --json list --email ONE@example.com
equal "$(jq -r .id <<<"$OUT")" "$one"
expect_exit 0 ctl --json list --limit 1 --state delivered --destination crm --source marketplace --since 1h
equal "$(jq -r .id <<<"$OUT")" "$two"
expect_exit 4 ctl list --destination nowhere
expect_exit 2 ctl list --since yesterday
expect_exit 0 ctl --json show "${one: -8}"
expect_exit 4 ctl show ffffffffffff
expect_exit 4 ctl show abc
expect_exit 4 ctl hold "$one" ffffffffffff
expect_exit 2 ctl replay "$one" --set nonsense=1
expect_exit 0 ctl replay --state delivered --again --dry-run
expect_exit 0 ctl replay "$one" --again
wait_until 10 "it is delivered again, under the same key" nothing_waits
equal "$(crm records | jq '.records | length')" 2
expect_text "history has both" "$(ctl --json show "$one" | jq -c '.deliveries[] | select(.destination == "crm") | [.history[].outcome]')" 'delivered.*already_there'
expect_exit 0 ctl validate
expect_text "validate goes through its steps" "$OUT" 'resolve'
equal "$(crm records | jq '.records | length')" 2 "the test lead is gone again"
expect_exit 0 ctl --json validate crm
equal "$(jq -r '[.steps[].step] | join(" ")' <<<"$OUT")" "resolve connect tls token whoami privilege create read delete"
expect_exit 0 ctl validate crm --no-lead

# A second daemon is told at once.
begun=$(date +%s%3N)
expect_exit 5 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml"
[ $(($(date +%s%3N) - begun)) -lt 9000 ] || fail "the second daemon took its time"

# The daemon down: the same answers, by the lock.
stop_relay
equal "$STATUS" 0
expect_exit 0 ctl --json show "$two"
expect_exit 3 ctl --json status
equal "$(jq -r .state <<<"$OUT")" stopped
expect_exit 0 ctl check

expect_exit 1 ctl hold "$two"
expect_text "a transition that does not exist is explained" "$OUT$ERR" 'delivered'
expect_exit 0 ctl replay "$one" --again
equal "$(state_of "$one" crm)" pending
start_relay
wait_until 10 "what was replayed offline is delivered" nothing_waits

# A foreign process holds the lock: 5.
stop_relay
flock "$DIR/state/lock" sleep 30 &
PIDS+=($!)
sleep 0.3
expect_exit 5 timeout 25 "$BIN/leadctl" -c "$DIR/leadrelay.yaml" check

equal "$(stat -c %a "$DIR/state")" 700
equal "$(stat -c %a "$DIR/state/outbox.db")" 600
