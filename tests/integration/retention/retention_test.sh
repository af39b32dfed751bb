#!/usr/bin/env bash
# Rows past their age go and stay in the counters: the books balance before, during and after; what is young or waits stays.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
start_crm
start_smtp
write_config
set_contacts "owner@contoso.com"
mail_block
echo 'retention: { delivered: 1s, dead: 1s, discarded: 1s, quarantined: 1s, attempts: 1s }' >>"$DIR/leadrelay.yaml"
sed 's/^retention:.*//' "$DIR/leadrelay.yaml" >"$DIR/keep.yaml"
cp "$DIR/leadrelay.yaml" "$DIR/prune.yaml"
chmod 600 "$DIR"/*.yaml
cp "$DIR/keep.yaml" "$DIR/leadrelay.yaml"
start_relay
listed() { ctl --json list --limit 0 "$@" | jq -s length; }
listed_are() { [ "$(listed "${@:2}")" -eq "$1" ]; }
books() { status_json | jq -c '[.accounting, (.destinations[] | {name, delivered, dead, discarded, accepted}), .notifications, [.sources[] | {name, accepted, test}]]'; }

for n in $(seq 30); do accept_lead "ok$n@example.com"; done
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1,"match":{"companyname":"Poison"}}' >/dev/null
for n in 1 2 3; do
	post marketplace "$TOKEN" "$(marketplace_lead "poison$n@example.com" | jq -c '.UserDetails.Company = "Poison"')"
done
post marketplace "$TOKEN" 'no lead at all'
wait_until 20 "nothing waits" nothing_waits
wait_until 20 "all are told" all_told
crm settings -X POST --data '{"online":false}' >/dev/null
accept_lead waits@example.com
waits=$ID
accept_lead held@example.com
held=$ID
expect_exit 0 ctl hold "$held"
accept_lead gone@example.com
expect_exit 0 ctl discard "$ID"
wait_until 20 "all are told" all_told
equal "$(listed)" 37
expect "the books balance" accounting_holds
sent=$(told sent)
before=$(books)

# From now on they go.
cp "$DIR/prune.yaml" "$DIR/leadrelay.yaml"
kill -HUP "$RELAY_PID"
wait_until 10 "the configuration is reloaded" logged 'configuration reloaded'
wait_until 90 "what is past its age goes" listed_are 2
equal "$(ctl --json list --limit 0 | jq -r .id | sort | xargs)" "$(printf '%s\n' "$waits" "$held" | sort | xargs)" "what waits or is held stays"
equal "$(books)" "$before" "counters stay"
expect "the books balance afterwards" accounting_holds
equal "$(told sent)" "$sent"
expect_exit 4 ctl show "$ID"
equal "$(ctl --json show "$waits" | jq -r '.fields.email')" waits@example.com
# The bytes are gone, too, not only the rows (secure_delete). The WAL is emptied by the stop.
crm settings -X POST --data '{"online":true}' >/dev/null
expect_exit 0 ctl release "$held"
wait_until 20 "the others arrive" nothing_waits
wait_until 90 "and go" listed_are 0
expect "the books balance at the end" accounting_holds
equal "$(ctl --json status | jq '.destinations[] | select(.name == "crm") | .delivered')" "$(crm records | jq '.records | length')"
accept_lead after@example.com
wait_until 10 "and leads come in as ever" nothing_waits
stop_relay
equal "$STATUS" 0
expect "the books balance, daemon stopped" accounting_holds
if grep -qaE 'ok[0-9]+@example\.com' "$DIR/state/outbox.db"; then fail "a pruned lead's address still stands in the file"; fi
said "nothing of the pruned leads stands in the file"
