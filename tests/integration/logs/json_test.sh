#!/usr/bin/env bash
# log: { level: debug, format: json }: every line is one JSON object, and none holds a person or a secret, whatever happens.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
sed -i 's/^log: .*/log: { level: debug, format: json }/' "$DIR/leadrelay.yaml"
"$BIN/leadrelayd" -c "$DIR/leadrelay.yaml" 2>"$DIR/relay.log" &
RELAY_PID=$!
PIDS+=("$RELAY_PID")
listens() { RELAY=http://$(jq -r 'select(.event == "started") | .listen' "$DIR/relay.log" | grep .); }
wait_until 30 "leadrelayd is ready" listens

hostile() { jq -cn --arg e "$1" '{UserDetails:{FirstName:"Zoë\n\"x\"",LastName:"Silva\u001b[31m",Email:$e,Phone:"16175550100",Company:"Fabrikam, \u2028 Inc"},
	LeadSource:"AzureMarketplace",ActionCode:"INS",OfferTitle:"Contoso Backup"}'; }
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1,"match":{"emailaddress1":"refused@example.com"}}' >/dev/null
post marketplace "$TOKEN" "$(hostile refused@example.com)"
equal "$STATUS" 202
ID=$(jq -r .id <<<"$BODY")
post marketplace "$TOKEN" '{"UserDetails":{"Email":"broken@example.com"'
equal "$STATUS" 202
post marketplace "guessed-token-0123456789" '{}'
equal "$STATUS" 401
is_dead() { [ "$(state_of "$ID" crm)" = dead ]; }
wait_until 30 "the lead is refused" is_dead
crm settings -X POST --data '{"online":false}' >/dev/null
post marketplace "$TOKEN" "$(hostile waits@example.com)"
wait_until 30 "the destination backs off" destination_is crm backing_off
expect_exit 0 ctl destinations park archive --why "maintenance
tonight"
kill -HUP "$RELAY_PID"
reloaded() { grep -q 'configuration reloaded' "$DIR/relay.log"; }
wait_until 20 "the reload" reloaded
stop_relay
equal "$STATUS" 0

lines=$(wc -l <"$DIR/relay.log")
equal "$(jq -c 'select((.at | test("^20[0-9-]+T[0-9:.]+Z$")) and (.level | IN("debug", "info", "warn", "error")) and (.event | length > 0))' "$DIR/relay.log" | wc -l)" "$lines" "a JSON object a line"
for event in started 'lead dead' 'lead quarantined' 'wrong token' 'destination parked' 'destination does not answer' stopped; do
	jq -s -e --arg e "$event" 'any(.event == $e)' "$DIR/relay.log" >/dev/null || fail "no line tells: $event"
done
equal "$(jq -r 'select(.event == "lead dead") | .lead' "$DIR/relay.log")" "$ID" "a lead is told by its id"
expect_no_text "no person" "$(cat "$DIR/relay.log")" 'Zo|Silva|Fabrikam|16175550100|@example\.com'
expect_no_text "no secret" "$(cat "$DIR/relay.log")" 'token-0123456789|rehearsal~secret'
said "$lines lines"
