#!/usr/bin/env bash
# Several destinations: when, one of them dead while the other takes everything, one that comes later, one that goes.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/common.sh"
setup "$1"
start_receiver dead
dead=$RECEIVER dead_pid=$RECEIVER_PID
kill "$dead_pid"
wait "$dead_pid" || true
start_receiver
alive=$RECEIVER
destination() { # NAME URL [MORE]
	printf '  - { name: %s, kind: https, url: "%s/leads", allow_private: true, probe_interval: 1s%s }\n' "$1" "$2" "${3:+, $3}"
}
counts() { ctl --json status | jq -c --arg d "$1" '.destinations[] | select(.name == $d) | [.accepted, .pending, .delivered, .dead]'; }
counts_are() { [ "$(counts "$1")" = "$2" ]; }

# One dead, one alive, one for some leads only.
configure "alive, dead, some" "$(destination alive "$alive")
$(destination dead "$dead")
$(destination some "$alive" 'when: { offer_id: "contoso.*", action_code: [INS, PLT] }')"
start_relay
for n in $(seq 40); do
	case $((n % 4)) in
	0) lead "lead$n" '"offer_id":"Contoso.backup","action_code":"ins"' ;;
	1) lead "lead$n" '"offer_id":"contoso.backup","action_code":"CWS"' ;;
	2) lead "lead$n" '"offer_id":"fabrikam.backup","action_code":"PLT"' ;;
	3) lead "lead$n" ;;
	esac
	[ $n -ne 20 ] || lead20=$ID
done
wait_until 60 "the one that lives has them all" counts_are alive '[40,0,40,0]'
wait_until 60 "when chose its own" counts_are some '[10,0,10,0]'
equal "$(counts dead)" '[40,40,0,0]'
dead_backs_off() { [ "$(destination_state dead)" = backing_off ]; }
wait_until 30 "the dead one is asked with care" dead_backs_off
equal "$(destination_state alive) $(destination_state some)" "open open"
equal "$(ctl --json status | jq -c .accounting | jq -c '[.accepted, .pending, .delivered, .difference]')" '[90,40,50,0]'
stop_relay KILL
start_relay
lead after-the-crash
wait_until 30 "fresh leads pass the living one at once, after a crash too" delivered "$ID" alive
equal "$(state_of "$ID" dead) $(counts dead)" "pending [41,41,0,0]"
RECEIVER_PORT=${dead##*:} start_receiver dead
wait_until 60 "alive again, it gets all of them" counts_are dead '[41,0,41,0]'
equal "$(seen '[.[].key] | [length, (unique | length)]')" '[41,41]' "each once"
expect "the books balance" accounting_holds

# One that comes later takes new leads only, until it is given the past.
before=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sleep 1.1
configure "alive, late" "$(destination alive "$alive")
$(destination dead "$dead")
$(destination some "$alive")
$(destination late "$alive")"
reload
lead new
wait_until 30 "a new lead goes to it" delivered "$ID" late
equal "$(counts late)" '[1,0,1,0]'
expect_exit 0 ctl --json replay --to late --since "$before" --dry-run
equal "$(jq -c '[.matched, .changed, .refused]' <<<"$OUT")" '[0,0,0]' "since then there was one, and it is there"
expect_exit 2 ctl replay --to late --since 1h
expect_exit 0 ctl --json replay --to late --since 1h --yes
equal "$(jq -c '[.matched, .changed, .refused]' <<<"$OUT")" '[41,41,0]'
wait_until 60 "with replay --to it has the past" counts_are late '[42,0,42,0]'
equal "$(state_of "$lead20" late)" delivered

# One that goes while leads wait.
configure "alive, late" "$(destination alive "$alive")
$(destination late http://127.0.0.1:1)"
reload
for n in 1 2 3; do lead "waits$n"; done
waits=$ID
wait_until 30 "they wait for it" counts_are late '[45,3,42,0]'
configure alive "$(destination alive "$alive")"
expect_exit 0 ctl config check
expect_text "config check warns before it is done" "$ERR" 'late is not in this file and 3 leads wait.*replay --destination late --state pending --to OTHER.*discard --destination late'
expect_exit 0 ctl --json config check
equal "$(jq '[.warnings[] | select(contains("late"))] | length' <<<"$OUT")" 1
reload
equal "$(destination_state late) $(field_of late reason)" "parked removed"
stop_relay
expect_exit 0 ctl config check
expect_text "while nothing runs too" "$ERR" 'late is not in this file and 3 leads wait'
: >"$DIR/relay.log"
start_relay
expect_text "the start warns" "$(cat "$DIR/relay.log")" 'destination removed.*late.*replay.*discard --destination late'
equal "$(state_of "$waits" late)" pending
expect_exit 4 ctl replay --destination late --state pending --to some --yes
expect_text "not to one that is gone as well" "$ERR" 'some is not in the configuration'
stop_relay
configure "alive" "$(destination alive "$alive")
$(destination other "$alive")"
expect_exit 1 ctl replay --destination late --state pending --to other --yes
expect_text "nor to one that nobody has entered yet" "$ERR" 'no leadrelayd has read it yet'
start_relay
expect_exit 0 ctl --json replay --destination late --state pending --to other --yes
equal "$(jq .changed <<<"$OUT")" 3
wait_until 30 "sent elsewhere they are delivered" delivered "$waits" other
equal "$(state_of "$waits" late)" pending
expect_exit 0 ctl --json discard --destination late --yes
equal "$(jq .changed <<<"$OUT")" 3
expect_exit 0 ctl --json config check
equal "$(jq '[.warnings[] | select(contains("late"))] | length' <<<"$OUT")" 0 "then nothing is left to warn of"
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
