#!/usr/bin/env bash
# A lead in, a record out: each source, the columns, repeats, test and do-not-contact leads, one poison lead.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
start_relay

record() { crm records | jq -c --arg id "$1" '.records[] | select(.leadid | ascii_downcase == $id)'; }
column() { record "$1" | jq -r --arg c "$2" '.[$c] // empty'; }

# A marketplace lead, whole.
accept_lead ana@example.com
expect_text "the id is a UUIDv7" "$ID" '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
wait_until 10 "the lead is delivered" delivered "$ID" crm
equal "$(column "$ID" lastname)" Silva
equal "$(column "$ID" emailaddress1)" ana@example.com
equal "$(column "$ID" companyname)" Fabrikam
equal "$(column "$ID" jobtitle)" CTO
equal "$(column "$ID" address1_country)" US
equal "$(column "$ID" subject)" "Contoso Backup (INS)"
expect_text "the description travels" "$(column "$ID" description)" 'asked for a demo'
wait_until 10 "the archive has it" grep -q "$ID" "$DIR/archive.jsonl"
equal "$(grep "$ID" "$DIR/archive.jsonl" | jq -r .fields.email)" ana@example.com

# The same body again within the window: a repeat, counted on the first lead.
post marketplace "$TOKEN" "$(marketplace_lead ana@example.com)"
equal "$STATUS" 200 "$BODY"
equal "$(jq -r '.status + " " + .id' <<<"$BODY")" "duplicate $ID"
equal "$(ctl --json show "$ID" | jq .duplicates)" 1
# Two .edu buyers send the same bytes, and are two leads.
edu='{"LeadSource":"AzureMarketplace","ActionCode":"INS","OfferTitle":"Contoso Backup"}'
post marketplace "$TOKEN" "$edu"
equal "$STATUS" 202
first=$(jq -r .id <<<"$BODY")
post marketplace "$TOKEN" "$edu"
equal "$STATUS" 202
[ "$first" != "$(jq -r .id <<<"$BODY")" ] || fail "two .edu leads became one"
wait_until 10 "the .edu lead is delivered" delivered "$first" crm
equal "$(column "$first" lastname)" "(unknown)"

# Idempotency keys.
post partner json-token-0123456789ab '{"last_name":"Keyed"}' -H 'Idempotency-Key: order-1'
equal "$STATUS" 202
keyed=$(jq -r .id <<<"$BODY")
post partner json-token-0123456789ab '{"last_name":"Keyed"}' -H 'Idempotency-Key: order-1'
equal "$STATUS" 200
equal "$(jq -r .id <<<"$BODY")" "$keyed"
post partner json-token-0123456789ab '{"last_name":"Other"}' -H 'Idempotency-Key: order-1'
equal "$STATUS" 422

# An array: all or nothing.
post partner json-token-0123456789ab '[{"last_name":"One","email":"one@example.com"},{"last_name":"Two","email":"two@example.com"}]'
equal "$STATUS" 202
equal "$(jq -r '.accepted, (.ids | length)' <<<"$BODY" | tr '\n' ' ')" "2 2 "
post partner json-token-0123456789ab '[{"last_name":"Three"},{"note":"nobody"}]'
equal "$STATUS" 422
post partner json-token-0123456789ab '[{"last_name":"One","email":"one@example.com"},{"last_name":"Two","email":"two@example.com"}]'
equal "$STATUS $(jq -c '[.accepted, .duplicates, (.ids | length)]' <<<"$BODY")" "200 [0,2,2]"

# A form, with a name beyond ASCII.
STATUS=$(curl -sS -o "$DIR/answer" -w '%{http_code}' "$RELAY/in/website/website-token-0123456789" \
	--data-urlencode 'last_name=Ångström' --data-urlencode 'first_name=Zoë' --data-urlencode 'email=zoe@example.org')
equal "$STATUS" 202 "$(cat "$DIR/answer")"
zoe=$(jq -r .id "$DIR/answer")
wait_until 10 "the form is delivered" delivered "$zoe" crm
equal "$(column "$zoe" lastname)" Ångström

# Do not contact.
post marketplace "$TOKEN" "$(marketplace_lead dnc@example.com DNC)"
dnc=$(jq -r .id <<<"$BODY")
wait_until 10 "the DNC lead is delivered" delivered "$dnc" crm
equal "$(record "$dnc" | jq -c '[.donotemail, .donotphone, .donotbulkemail]')" '[true,true,true]'

# Microsoft's test lead: as printed in its FAQ, with the comma missing, it is quarantined; well-formed it is a test lead.
post marketplace "$TOKEN" '{"userDetails":{"firstName":"MSFT_TEST_636573304831318844"},"offerTitle":"Contoso Test" "description":"MSFT_TEST_636573304831318844"}'
equal "$STATUS $(jq -r .status <<<"$BODY")" "202 quarantined"
quarantined=$(jq -r .id <<<"$BODY")
expect_text "the raw bytes are kept" "$(ctl show --raw "$quarantined")" '"offerTitle":"Contoso Test" "description"'
expect_exit 2 ctl replay "$quarantined"
expect_exit 0 ctl replay "$quarantined" --set offer_title="Contoso Test"
wait_until 10 "what was quarantined is delivered" delivered "$quarantined" crm
post marketplace "$TOKEN" '{"userDetails":{"firstName":"MSFT_TEST_636573304831318844","lastName":"MSFT_TEST_636573304831318844","email":"MSFT_TEST_636573304831318844@test.com"},"leadSource":"AzureMarketplace","actionCode":"INS","offerTitle":"Contoso Test"}'
equal "$STATUS" 202
equal "$(ctl --json show "$(jq -r .id <<<"$BODY")" | jq .test)" true

# Over-long texts are cut, and stand whole in the description.
long=$(printf 'Very long company name %.0s' {1..8})
post partner json-token-0123456789ab "$(jq -cn --arg c "$long" '{last_name:"Long",company:$c}')"
id=$(jq -r .id <<<"$BODY")
wait_until 10 "the long lead is delivered" delivered "$id" crm
equal "$(column "$id" companyname | wc -m)" 101
expect_text "the full text is in the description" "$(column "$id" description)" "$(sed 's/ *$//' <<<"$long")"

# One poison lead stops nobody, and its reason is the plug-in's.
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1,"match":{"emailaddress1":"poison@example.com"}}' >/dev/null
accept_lead poison@example.com
poison=$ID
accept_lead healthy@example.com
wait_until 10 "the healthy lead passes" delivered "$ID" crm
dead() { [ "$(state_of "$poison" crm)" = dead ]; }
wait_until 10 "the poison lead is dead" dead
shown=$(ctl --json show "$poison" | jq -c '.deliveries[] | select(.destination == "crm")')
equal "$(jq -r .reason <<<"$shown")" plugin "$shown"
expect_text "in the plug-in's words" "$(jq -r .error <<<"$shown")" 'LeadGuard: leads from this campaign are not accepted'
equal "$(destination_state crm)" open
crm faults -X DELETE >/dev/null
expect_exit 0 ctl replay "$poison"
wait_until 10 "the replayed lead is delivered" delivered "$poison" crm

wait_until 10 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
records=$(crm records | jq '.records | length')
equal "$(ctl --json status | jq '.destinations[] | select(.name == "crm") | .delivered')" "$records"
stop_relay
equal "$STATUS" 0 "orderly stop"
expect_no_text "no personal data in the log" "$(cat "$DIR/relay.log")" 'example\.(com|org)|Silva|Ångström|Fabrikam'
expect_no_text "no secret in the log" "$(cat "$DIR/relay.log")" 'token-0123456789|rehearsal~secret'
