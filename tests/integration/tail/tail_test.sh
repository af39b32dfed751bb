#!/usr/bin/env bash
# tail: what happened, as it happens, over a restart, without a person in it; shape; status --watch.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config

# events FILE JQ: of the JSON lines, those that match.
events() { jq -c "select($2)" "$1"; }
has() { [ -n "$(events "$DIR/follow" "$1" 2>/dev/null)" ]; }

expect_exit 1 ctl tail
start_relay
accept_lead first@example.com
first=$ID
wait_until 10 "it is delivered" nothing_waits
expect_exit 0 ctl --json tail
equal "$(jq -c 'keys' <<<"$OUT" | sort -u | head -n 1)" '["at","destination","event","lead_id","number","outcome","reason","source"]'
equal "$(jq -r '.event' <<<"$OUT" | sort | tr '\n' ' ')" "accepted delivered delivered "
equal "$(jq -r '.lead_id' <<<"$OUT" | sort -u)" "$first"
expect_exit 0 ctl --json tail -n 1
equal "$(jq -r .event <<<"$OUT")" delivered
expect_exit 0 ctl tail --limit 0
equal "$OUT" ""
expect_exit 2 ctl tail -n -1
expect_exit 2 ctl tail -n 1001
expect_exit 2 ctl tail words
expect_exit 0 ctl tail
expect_text "a line for people" "$OUT" "^....-..-.. ..:..:..Z delivered +${first: -12} crm +delivered\$"
expect_text "where it came from" "$OUT" "accepted +${first: -12} +from marketplace\$"

# Following: what comes, with its outcome.
"$BIN/leadctl" -c "$DIR/leadrelay.yaml" --json tail -f -n 0 >"$DIR/follow" 2>"$DIR/follow.err" &
follower=$!
PIDS+=("$follower")
sleep 0.3
accept_lead second@example.com
second=$ID
wait_until 10 "the second is seen" has ".lead_id == \"$second\" and .event == \"delivered\" and .destination == \"crm\""
post marketplace "$TOKEN" "$(marketplace_lead second@example.com)"
equal "$STATUS" 200
wait_until 10 "a repeat names the first" has ".event == \"duplicate\" and .lead_id == \"$second\""
post marketplace "$TOKEN" '{"nothing":'
equal "$STATUS" 202
wait_until 10 "a quarantined body" has '.event == "quarantined" and .source == "marketplace"'
crm faults -X PUT -d '[{"fault":"missing_column","times":1}]' >/dev/null 2>&1 || crm faults -X PUT -d '[{"fault":"status","where":"create","status":400,"code":"0x80040203","message":"no","times":1}]' >/dev/null
accept_lead third@example.com
third=$ID
wait_until 10 "a dead one, with its reason" has ".lead_id == \"$third\" and .event == \"dead\" and .reason != null"
crm faults -X DELETE >/dev/null
ctl replay "$third" >/dev/null
wait_until 10 "what the operator did" has ".event == \"replayed\" and .lead_id == \"$third\" and .count == 1"
ctl destinations park crm --why "a while" >/dev/null
wait_until 10 "a parked destination" has '.event == "parked" and .destination == "crm" and .reason == "operator"'
accept_lead fourth@example.com
fourth=$ID
expect_exit 0 ctl --json shape
equal "$(jq -c '.destinations[] | select(.name == "crm") | [(.buckets | map(.pending) | add), (.buckets[0] | keys)]' <<<"$OUT")" '[1,["dead","held","pending","up_to_s"]]'
expect_exit 0 ctl shape
expect_text "the shape" "$OUT" '^crm +pending +1 +1 +0'

# The daemon restarts: said once, and it goes on; what happened meanwhile is there, too.
stop_relay
equal "$STATUS" 0
wait_until 10 "it waits for the daemon" grep -q 'does not run; waiting' "$DIR/follow.err"
ctl discard "$fourth" --destination crm >/dev/null
start_relay
accept_lead fifth@example.com
fifth=$ID
wait_until 20 "it goes on" has ".lead_id == \"$fifth\" and .event == \"accepted\""
ctl destinations resume crm >/dev/null
wait_until 10 "a resumed destination" has '.event == "resumed" and .destination == "crm"'
equal "$(grep -c 'leadrelayd' "$DIR/follow.err")" 2 "$(cat "$DIR/follow.err")"
equal "$(events "$DIR/follow" ".lead_id == \"$fifth\" and .event == \"accepted\"" | wc -l)" 1
equal "$(jq -s 'map(.number // 0) | map(select(. > 0)) | . == sort and (length == (unique | length))' "$DIR/follow")" true
expect_no_text "no person" "$(cat "$DIR/follow")" '@example|Silva|Fabrikam|6175550100'
kill -INT "$follower"
status=0
wait "$follower" || status=$?
equal "$status" 0 "Ctrl-C"

# Nobody reads any more: it ends by itself, quietly.
status=0
timeout 60 "$BIN/leadctl" -c "$DIR/leadrelay.yaml" tail -f -n 3 2>"$DIR/pipe.err" | head -n 1 >/dev/null || status=$?
[ "$status" -le 1 ] || fail "tail -f into a pipe that closes: $status"
equal "$(cat "$DIR/pipe.err")" ""

# With the daemon down the outbox tells: leads and attempts.
stop_relay
expect_exit 0 ctl --json tail -n 1000
equal "$(jq -r "select(.lead_id == \"$first\") | .event" <<<"$OUT" | sort | tr '\n' ' ')" "accepted delivered delivered "
expect_text "also what died" "$(jq -c "select(.lead_id == \"$third\")" <<<"$OUT")" '"outcome":"refused"'
equal "$(jq -s 'map(.at) | . == sort' <<<"$OUT")" true

# status --watch in a pipe: one after the other; as JSON a line each.
start_relay
expect_exit 3 ctl status --watch=1 -n 2
equal "$(grep -c 'accounted for' <<<"$OUT")" 2
expect_no_text "no terminal's codes in a pipe" "$OUT" $'\033'
expect_exit 3 ctl --json status --watch 1 -n 2
equal "$(jq -r .state <<<"$OUT" | tr '\n' ' ')" "running running "
expect_exit 2 ctl status --watch 0
expect_exit 2 ctl status -n 2
expect_exit 2 ctl status 5
stop_relay
