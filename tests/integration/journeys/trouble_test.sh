#!/usr/bin/env bash
# A destination in trouble: outage, throttling over a restart, refused credentials, missing role, answers that lie. Each is told
# in words, costs no lead, and mends itself.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
CRM_TIMEOUT=1s
start_crm
write_config
start_relay

fault() { crm faults -X POST --data "$1" >/dev/null; }
mend() { crm faults -X DELETE >/dev/null; }
creates() { crm counters | jq '.requests.create'; }
reason_of() { ctl --json status | jq -r --arg d "$1" '.destinations[] | select(.name == $d) | .reason // ""'; }
error_of() { ctl --json status | jq -r --arg d "$1" '.destinations[] | select(.name == $d) | .error // ""'; }
archived() { grep -q "$1" "$DIR/archive.jsonl"; }

# An outage: accepted all the same, the archive is not held up, and delivery goes on by itself.
accept_lead before@example.com
wait_until 10 "a first lead passes" delivered "$ID" crm
crm settings -X POST --data '{"online":false}' >/dev/null
for n in 1 2 3 4 5 6; do accept_lead "outage$n@example.com"; done
wait_until 10 "the archive has them meanwhile" archived "$ID"
wait_until 10 "the destination backs off" destination_is crm backing_off
equal "$(ctl --json show "$ID" | jq -r '.deliveries[] | select(.destination == "archive") | .state')" delivered
crm settings -X POST --data '{"online":true}' >/dev/null
wait_until 15 "the outage's leads arrive" nothing_waits
wait_until 5 "the destination is open again" destination_is crm open

# Throttled: not one request until the time is over, not even after a restart.
fault '{"fault":"throttle","where":"create","times":1,"retry_after":"15"}'
accept_lead throttled@example.com
wait_until 10 "the destination is throttled" destination_is crm throttled
since=$(date +%s%3N)
equal "$(ctl --json show "$ID" | jq '.deliveries[] | select(.destination == "crm") | .attempts')" 0 "throttling costs no attempt"
before=$(creates)
accept_lead waits@example.com
stop_relay
equal "$STATUS" 0
start_relay
equal "$(destination_state crm)" throttled "after the restart"
equal "$(creates)" "$before" "no request while throttled"
wait_until 20 "then they arrive" nothing_waits
waited=$(($(date +%s%3N) - since))
[ $waited -ge 14000 ] || fail "asked again after $waited ms, not 15000"
said "Retry-After is kept over a restart"

# The secret expires: parked, in Azure AD's words with the remedy; the lead waits, and a new secret in the file mends it.
mend
crm settings -X POST --data '{"secrets":["new~secret"]}' >/dev/null
crm tokens/revoke -X POST >/dev/null
accept_lead secret@example.com
wait_until 15 "the destination is parked" destination_is crm parked
equal "$(reason_of crm)" unauthorized
expect_text "Azure AD's own words" "$(error_of crm)" 'AADSTS7000215'
expect_text "the remedy is in status" "$(ctl status || true)" 'secret'
equal "$(state_of "$ID" crm)" pending
expect_exit 3 ctl validate crm
expect_text "validate names the step" "$OUT" 'token.*'
printf 'new~secret\n' >"$DIR/crm.secret"
wait_until 25 "a new secret file is noticed without a signal" delivered "$ID" crm

# A missing role: two leads in a row, then the destination; the first lead is put back.
fault '{"fault":"role_missing","where":"any","times":-1}'
accept_lead role1@example.com
first=$ID
accept_lead role2@example.com
wait_until 15 "the destination is parked" destination_is crm parked
equal "$(reason_of crm)" forbidden
both_wait() { [ "$(state_of "$first" crm) $(state_of "$ID" crm)" = "pending pending" ]; }
wait_until 5 "both leads wait" both_wait
mend
wait_until 15 "with the role they arrive" nothing_waits

# Answers that lie: committed and then silence, committed and then a reset. No second record.
fault '{"fault":"commit_then_hang","where":"create","times":1}'
accept_lead hang@example.com
wait_until 20 "the lead whose answer was lost arrives" delivered "$ID" crm
equal "$(crm records | jq --arg e hang@example.com '[.records[] | select(.emailaddress1 == $e)] | length')" 1
expect_text "history tells both exchanges" "$(ctl --json show "$ID" | jq -c '[.deliveries[] | select(.destination == "crm") | .history[].outcome]')" 'unknown.*already_there'
fault '{"fault":"commit_then_reset","where":"create","times":1}'
accept_lead reset@example.com
wait_until 20 "the lead whose connection was reset arrives" delivered "$ID" crm
equal "$(crm records | jq --arg e reset@example.com '[.records[] | select(.emailaddress1 == $e)] | length')" 1

# Operator: park, resume, hold, release, discard.
expect_exit 0 ctl destinations park crm --why "maintenance tonight"
accept_lead parked@example.com
equal "$(destination_state crm)" parked
expect_text "the operator's own words" "$(error_of crm)" 'maintenance tonight'
expect_exit 0 ctl hold "$ID"
equal "$(state_of "$ID" crm)" held
expect_exit 0 ctl destinations resume crm
expect_exit 0 ctl release "$ID"
wait_until 10 "released and delivered" delivered "$ID" crm
expect_exit 1 ctl release "$ID"
expect_exit 2 ctl discard --state dead </dev/null
expect_exit 4 ctl destinations resume nowhere

wait_until 10 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
expect_no_text "no secret in the log" "$(cat "$DIR/relay.log")" 'rehearsal~secret|new~secret'
