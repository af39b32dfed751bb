#!/usr/bin/env bash
# Signs of life for the service manager: as long as the loop and the store both go on, and no longer. A store that fails is not one that hangs.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
python3 "$(dirname "$0")/manager.py" "$DIR/manager" >"$DIR/heard" &
PIDS+=($!)
wait_until 10 "the service manager listens" grep -q listening "$DIR/heard"

signs() { grep -c 'WATCHDOG=1' "$DIR/heard" || true; }
more_than() { [ "$(signs)" -gt "$1" ]; }
watched=(env NOTIFY_SOCKET="$DIR/manager" WATCHDOG_USEC=600000)

start_relay "${watched[@]}"
expect_text "readiness is told" "$(cat "$DIR/heard")" "READY=1 MAINPID=$RELAY_PID STATUS=accepting and delivering"
before=$(signs)
wait_until 10 "signs of life" more_than $((before + 3))
stop_relay
equal "$STATUS" 0
expect_text "the end is told" "$(cat "$DIR/heard")" 'STOPPING=1'

# A store that fails says so, tries again, and is alive.
start_relay "${watched[@]}" LEADRELAY_FAULT=store.commit:fail:12+
refused() { post marketplace "$TOKEN" "$(marketplace_lead "n$RANDOM@example.com")" && [ "$STATUS" = 503 ]; }
wait_until 20 "the store fails" refused
before=$(signs)
wait_until 20 "a store that fails gives signs of life" more_than $((before + 3))
refused || fail "the store still fails: $STATUS"
stop_relay

# A store that hangs: the loop answers, no lead is taken, and no sign of life comes any more.
start_relay "${watched[@]}" LEADRELAY_FAULT=store.batch:hang:30
hangs() { ! curl -s -o /dev/null --max-time 2 -H "Authorization: Bearer $TOKEN" --data-binary "$(marketplace_lead late@example.com)" "$RELAY/in/marketplace"; }
wait_until 60 "the store hangs" hangs
equal "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$RELAY/")" 404 "the loop goes on"
sleep 0.3 # one that was under way
before=$(signs)
sleep 3 # five times as long as the service manager would wait
equal "$(signs)" "$before" "signs of life of a store that hangs"
said "a store that hangs gives no sign of life"
stop_relay KILL
