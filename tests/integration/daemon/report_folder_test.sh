#!/usr/bin/env bash
# A report whose folder fails: its mail goes all the same, once; the failure is told; when the folder is back, the files come
# within the minute, the all-clear with them, and no second mail.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
ops=ops@contoso.com boss=boss@contoso.com
start_crm
start_smtp
write_config
mail_block "alerts_to: $ops"
cat >>"$DIR/leadrelay.yaml" <<YAML
reports:
  - { name: files, every: hour, timezone: UTC, directory: $DIR/reports, to: $boss, formats: [html, json, csv, text] }
YAML
begun() { [ "$(sqlite3 "$DIR/state/outbox.db" 'SELECT count(*) FROM report')" -eq 2 ]; }
alerted() { says $ops "$1"; }
written() { [ "$(find "$DIR/reports" -type f -perm 0640 | wc -l)" -eq "$1" ]; }

start_relay
wait_until 10 "a new report begins with the hour that runs" begun
stop_relay
equal "$STATUS" 0
mails_are 0 || fail "nothing was due"
sqlite3 "$DIR/state/outbox.db" 'UPDATE report SET due_at = due_at - 3 * 3600 * 1000'
start_relay
wait_until 20 "the failure is told" alerted 'report files failed'
expect_text "with its cause" "$(mail_saying $ops 'report files failed' | jq -r .text)" "$DIR/reports: No such file"
wait_until 10 "the mail goes all the same" mails_to_are $boss 1
expect "and the log has it" logged 'report failed report=files'
mkdir "$DIR/reports"
wait_until 80 "the files come" written 4
wait_until 20 "the all-clear, too" alerted 'report files made'
equal "$(mails_to $boss)" 1 "one mail"
equal "$(find "$DIR/reports" | wc -l)" 5 "and nothing else is in the folder"
stop_relay
equal "$STATUS" 0
