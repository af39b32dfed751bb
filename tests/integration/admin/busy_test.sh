#!/usr/bin/env bash
# What many people ask of the API at once never keeps the intake, a status or the end waiting: long checks and lists, slow clients, more
# connections than there may be.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
CRM=http://127.0.0.1:9
write_config
cat >"$DIR/leadrelay.yaml" <<YAML
state_dir: $DIR/state
intake: { listen: ["127.0.0.1:0"] }
sources:
  - { name: partner, kind: json, token_file: json.token, destinations: [archive] }
destinations:
  - { name: archive, kind: file, path: $DIR/archive.jsonl }
admin: { listen: "127.0.0.1:0" }
YAML
start_relay
API=$(sed -n 's/.* started .*admin=\([0-9.:]*\).*/\1/p' "$DIR/relay.log")
for n in 1 2; do
	jq -cn --arg n "$n" '[range(1000) | {email: "lead\(.)@\($n).example.com", description: ("x" * 100)}]' >"$DIR/leads.json"
	post partner json-token-0123456789ab "@$DIR/leads.json"
	equal "$STATUS" 202
done
timeout 120 python3 "$(dirname "$0")/busy.py" "$API" "${RELAY#http://}" json-token-0123456789ab
expect "the books balance" accounting_holds

# Told to stop while checks run, it stops in time.
for _ in 1 2 3 4; do curl -s -o /dev/null --max-time 30 "http://$API/api/v1/check" & PIDS+=($!); done
stop_relay
equal "$STATUS" 0
expect_no_text "nothing was left behind" "$(cat "$DIR/relay.log")" 'stopped without waiting longer'
