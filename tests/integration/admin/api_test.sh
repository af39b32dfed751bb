#!/usr/bin/env bash
# openapi.yaml against the running daemon: every path and method is asked, every answer validated (api.mjs); then what the API does
# is what leadctl sees, and persons are masked.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
here=$(cd "$(dirname "$0")" && pwd)
start_crm
write_config
sed -i 's/^    probe_interval: 1s/    probe_interval: 1s\n    contacts: owner@contoso.com/' "$DIR/leadrelay.yaml"
cat >>"$DIR/leadrelay.yaml" <<YAML
mail:
  smtp: { url: "smtp://127.0.0.1:9", tls: none }
  from: "relay@contoso.com"
reports:
  - { name: daily, every: day, directory: $DIR }
admin: { listen: "127.0.0.1:0" }
YAML
start_relay
API=http://$(sed -n 's/.* started .*admin=\([0-9.:]*\).*/\1/p' "$DIR/relay.log")

# A dead lead, delivered ones, a held one, a quarantined body.
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1,"match":{"emailaddress1":"poison@example.com"}}' >/dev/null
accept_lead ana.silva@example.com
DELIVERED=$ID
accept_lead poison@example.com
DEAD=$ID
dead() { [ "$(state_of "$DEAD" crm)" = dead ]; }
wait_until 15 "the lead is dead" dead
wait_until 15 "the other is delivered" delivered "$DELIVERED" crm
post marketplace "$TOKEN" 'this is not JSON: bea@example.com'
equal "$STATUS" 202 "$BODY"
BODY_ID=$(jq -r .id <<<"$BODY")
ctl destinations park archive --why "so that a lead waits" >/dev/null
accept_lead waiting@example.com
WAITING=$ID
timeout 120 node "$here/api.mjs" "$API" "$DELIVERED" "$DEAD" "$WAITING" "$BODY_ID"

# ---- the same as leadctl --json says, of what no longer changes (mails are tried again all the time) ----
wait_until 30 "nothing waits" nothing_waits
same() { # PATH FILTER LEADCTL...
	equal "$(curl -sS --max-time 20 "$API/api/v1$1" | jq -cS "$2")" "$(ctl --json "${@:3}" | jq -cS "$2")" "$1"
	said "$1 is leadctl ${*:3}"
}
same /version . version
same /destinations '[.. | objects | select(has("kind"))] | map(del(.oldest_pending_s))' status
same "/leads/$DELIVERED?personal=show" 'del(.notifications[] | .attempts, .next_attempt_at, .error)' show "$DELIVERED"
same /check . check
equal "$(curl -sS "$API/api/v1/leads?personal=show" | jq -c '.leads[]' | jq -cS .)" "$(ctl --json list | jq -cS .)"
said "/leads is leadctl list"
equal "$(curl -sS "$API/api/v1/leads/$DELIVERED/raw?personal=show")" "$(ctl show "$DELIVERED" --raw)"
said "/raw is leadctl show --raw"

# ---- no person unless asked for, and then the log knows of which lead ----
for path in /leads "/leads/$DELIVERED" "/leads/$DEAD" "/leads/$BODY_ID" /notifications /reasons /status; do
	expect_no_text "$path is masked" "$(curl -sS "$API/api/v1$path")" 'silva|Silva|16175550100|poison@|bea@|owner@'
done
expect_text "a reader knows who is meant" "$(curl -sS "$API/api/v1/leads/$DELIVERED")" 'a\*\*\*@example.com'
equal "$(curl -sS -o /dev/null -w '%{http_code}' "$API/api/v1/leads/$DELIVERED/raw")" 403
expect_text "who looked is found by the lead's id" "$(cat "$DIR/relay.log")" "personal data shown lead=$DELIVERED"
expect_no_text "and by nothing else" "$(cat "$DIR/relay.log")" 'silva|poison@|bea@'
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
