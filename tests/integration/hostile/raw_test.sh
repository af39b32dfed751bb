#!/usr/bin/env bash
# What no well-behaved client sends, byte by byte (raw.py): every case has its answer, no ambiguous request becomes two leads, and the
# books balance behind it.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
CRM=http://127.0.0.1:9 # nobody there: not a destination of this test
write_config
cat >"$DIR/leadrelay.yaml" <<YAML
state_dir: $DIR/state
intake: { listen: ["127.0.0.1:0"], request_timeout: 5s, max_body: 64KiB }
sources:
  - { name: partner, kind: json, token_file: json.token, destinations: [archive] }
  - { name: website, kind: form, token_file: website.token, on_invalid: reject, destinations: [archive] }
destinations:
  - { name: archive, kind: file, path: $DIR/archive.jsonl }
YAML
start_relay
timeout 300 python3 "$(dirname "$0")/raw.py" "${RELAY#http://}" "$DIR/archive.jsonl" "${@:2}"
wait_until 15 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
equal "$(ctl --json status | jq '.accounting.accepted')" "$(wc -l <"$DIR/archive.jsonl")" "leads in the outbox and in the archive"
stop_relay
equal "$STATUS" 0
