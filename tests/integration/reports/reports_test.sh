#!/usr/bin/env bash
# Reports: their figures are what the CRM and the mail server counted; by mail and into a folder; one that was due while the
# daemon was down is sent at start, once.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
boss=boss@contoso.com
start_crm
start_smtp
mkdir "$DIR/reports"
write_config
set_contacts "owner@contoso.com"
mail_block
cat >>"$DIR/leadrelay.yaml" <<YAML
reports:
  - { name: hourly, every: hour, at: "00:00", timezone: Europe/Paris, to: "$boss", formats: [html, csv, text, json] }
  - { name: files, every: hour, timezone: UTC, directory: $DIR/reports, formats: [html, json, csv, text] }
YAML
begun=$(date -u +%FT%TZ)
start_relay

# Ten leads pass, two meet a 503 first, three are refused, one is a test lead, one is repeated, one is no lead.
for n in 1 2 3 4 5 6 7 8; do accept_lead "ok$n@example.com"; done
wait_until 15 "they pass" nothing_waits
crm faults -X POST --data '{"fault":"unavailable","where":"create","times":2}' >/dev/null
for n in 1 2; do accept_lead "retried$n@example.com"; done
wait_until 15 "they pass, too" nothing_waits
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1,"match":{"companyname":"Poison"}}' >/dev/null
for n in 1 2 3; do
	post marketplace "$TOKEN" "$(marketplace_lead "poison$n@example.com" | jq -c '.UserDetails.Company = "Poison"')"
	equal "$STATUS" 202 "$BODY"
done
post marketplace "$TOKEN" '{"userDetails":{"firstName":"MSFT_TEST_1","lastName":"MSFT_TEST_1","email":"MSFT_TEST_1@test.com"},"leadSource":"AzureMarketplace","actionCode":"INS","offerTitle":"Contoso Test"}'
equal "$STATUS" 202
post marketplace "$TOKEN" "$(marketplace_lead ok1@example.com)"
equal "$STATUS" 200
post marketplace "$TOKEN" 'no lead at all'
post marketplace wrong-token-0123456789 '{}'
equal "$STATUS" 401
wait_until 15 "nothing waits" nothing_waits
wait_until 15 "all are told" all_told

expect_exit 0 ctl report --since "$begun" --format json
report=$OUT
of() { jq -r "$1" <<<"$report"; }
crm_of() { of ".destinations[] | select(.name == \"crm\") | $1"; }
records=$(crm records | jq '.records | length')
equal "$(crm_of .delivered)" "$records" "delivered is what the CRM has"
equal "$(crm_of .accepted)" 14
equal "$(crm_of .delivered)" 11
equal "$(crm_of .dead)" 3
equal "$(crm_of .pending)" 0
equal "$(crm_of '.dead_by_reason | tostring')" '{"plugin":3}'
equal "$(crm_of .attempts)" "$(crm counters | jq .requests.create)" "attempts are the creates that the CRM met"
equal "$(crm_of .retries)" 2
equal "$(crm_of '.p50_s <= .p95_s and .p95_s <= .max_s and .max_s < 60')" true
equal "$(of '.destinations[] | select(.name == "archive") | .delivered')" 14
equal "$(of '[.destinations[].name] | sort | join(" ")')" "archive crm" "mail is no destination"
equal "$(of '.sources[] | select(.name == "marketplace") | [.accepted, .duplicates, .quarantined, .test] | tostring')" '[14,1,1,1]'
equal "$(of .notifications.sent)" "$(mails_to owner@contoso.com)" "notifications are the mails that the server took"
equal "$(of .notifications.dead)" 0
equal "$(of '.accounting | .accepted == .pending + .held + .delivered + .dead + .discarded')" true
equal "$(of '.accounting.difference // 0')" 0
expect_no_text "ids, never persons" "$report" '@example|Silva|Fabrikam'

for format in text html csv; do
	expect_exit 0 ctl report --since "$begun" --format $format
	expect_no_text "$format: never persons" "$OUT" '@example|Silva|Fabrikam'
	expect_text "$format: the destination" "$OUT" crm
	if [ $format != csv ]; then expect_text "$format: how to see the dead" "$OUT" 'leadctl list .*--state dead|leadctl list .*dead'; fi
done
expect_exit 0 ctl report --since "$begun" --format html
expect_no_text "nothing from outside, no script" "$OUT" '<script|src="?https?:|href="?https?:|@import'
expect_exit 4 ctl report nosuchreport
expect_exit 2 ctl report --since yesterday-ish
expect_exit 2 ctl report --format pdf

# By hand, to whom the report goes: at once.
expect_exit 0 ctl report hourly --send
wait_until 15 "the report is mailed" mails_to_are $boss 1
mail=$(mails ".[] | select(.to == \"$boss\")")
expect_text "its subject has the figures" "$(jq -r .subject <<<"$mail")" 'hourly'
expect_text "HTML in the body" "$(jq -r .html <<<"$mail")" 'crm'
equal "$(jq -r '[.attachments[] | select(.name != null) | .name | sub(".*\\."; "")] | index("csv") != null' <<<"$mail")" true "CSV attached"
equal "$(jq -r '.attachments[] | select(.name != null and (.name | endswith(".csv"))) | .text | test("crm")' <<<"$mail")" true
expect_exit 0 ctl --json report files
equal "$(jq -r .name <<<"$OUT")" files

# Due while the daemon was down: at start, once; a second start adds nothing.
stop_relay
equal "$STATUS" 0
smtp /forget
rm -rf "$DIR/reports"/*
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
libraries=$(ldd "$BIN/leadrelayd")
if [ -n "$faketime" ] && [[ $libraries != *san.so* ]]; then
	later() { start_relay env LD_PRELOAD="$faketime" FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME="$1"; }
else # the sanitizers do not go with libfaketime: the last ones were made three hours ago
	sqlite3 "$DIR/state/outbox.db" 'UPDATE report SET due_at = due_at - 3 * 3600 * 1000'
	later() { start_relay; }
fi
later +3h
wait_until 20 "the report that was due is mailed" mails_to_are $boss 1
written() { [ "$(find "$DIR/reports" -type f | wc -l)" -eq "$1" ]; }
wait_until 20 "and written" written 4
equal "$(find "$DIR/reports" -name '*.json' -exec jq -r .name {} +)" files
equal "$(find "$DIR/reports" -type f | sed 's/.*\.//' | sort | xargs)" "csv html json txt"
equal "$(find "$DIR/reports" -name '*.json' -exec jq -r '(.until | fromdateiso8601? // (sub("\\.000Z"; "Z") | fromdateiso8601)) % 3600' {} +)" 0 "up to the full hour"
stop_relay
equal "$STATUS" 0
later +3h
sleep 5
equal "$(mails_to $boss)" 1 "a second start sends nothing"
equal "$(find "$DIR/reports" -type f | wc -l)" 4
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
