#!/usr/bin/env bash
# A mail server in trouble: gone, refusing for a while, refusing one recipient, refusing the password. Leads are delivered all
# the while, no notification is lost, and status tells.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
start_crm
printf '%s\n' "$SMTP_PASSWORD" >"$DIR/account.password" # the server's
printf '%s\n' "$SMTP_PASSWORD" >"$DIR/smtp.password"    # ours
chmod 600 "$DIR"/*.password
start_smtp --user relay --password-file "$DIR/account.password"
SMTP_AUTH='auth: plain, username: relay, password_file: smtp.password'
write_config
set_contacts "owner@contoso.com; sales@contoso.com"
mail_block 'alerts_to: "ops@contoso.com"'
start_relay
contacts_told() { [ "$(($(mails_to owner@contoso.com) + $(mails_to sales@contoso.com)))" -eq "$1" ]; }
mail_says() { grep -qiE "$1" <<<"$(ctl status || true)"; }

accept_lead before@example.com
wait_until 15 "a first lead is told" lead_told "$ID"
equal "$(mails '[.[].user] | unique | join(",")')" '"relay"' "with a login"

# The server is gone.
smtp /online false
for n in 1 2 3 4 5 6 7 8; do accept_lead "down$n@example.com"; done
wait_until 15 "leads are delivered all the same" nothing_waits
sleep 3
equal "$(told pending)" 16 "nothing is lost, nothing dead"
equal "$(told dead)" 0
expect_text "status names the mail" "$(ctl status || true)" '[Mm]ail|[Nn]otification'
lines=$(sed 1,/started/d "$DIR/relay.log" | grep -cE '\(mail\)|mail' || true)
[ "$lines" -le 2 ] || fail "an outage of the mail server is worth a line or two, not $lines: $(grep -E 'mail' "$DIR/relay.log")"
[ "$lines" -ge 1 ] || fail "the log does not tell that the mail server is gone: $(cat "$DIR/relay.log")"
# A restart in between loses nothing either.
stop_relay
equal "$STATUS" 0
start_relay
equal "$(told pending)" 16 "after the restart"
smtp /online true
wait_until 30 "then all are told" all_told
equal "$(told dead)" 0
wait_until 5 "all contacts have their mails" contacts_told 18

# A refusal for the moment: again a little later, under the same Message-ID; the first reply lost nothing.
smtp /behave '{"rcpt":{"owner@contoso.com":{"reply":"451 4.7.1 greylisted, try again","times":2}}}'
accept_lead later@example.com
wait_until 20 "greylisted, then told" lead_told "$ID"
notification=$(notifications_of "$ID" | jq -c '.[] | select(.to == "owner@contoso.com")')
[ "$(jq .attempts <<<"$notification")" -ge 3 ] || fail "greylisted twice: $notification"
equal "$(told dead)" 0

# Refused after all was said: the same mail again, under the same Message-ID.
smtp /behave '{"rcpt":null,"end":{"reply":"451 4.3.0 try again","times":3}}'
accept_lead end@example.com
wait_until 20 "refused at its end, then told" lead_told "$ID"
for id in $(smtp /refused | jq -r '.[]'); do
	equal "$(mails "[.[] | select(.messageId == \"$id\")] | length")" 1 "what was refused came under its Message-ID, once"
done
equal "$(smtp /refused | jq length)" 3
smtp /behave '{"end":null}'

# One refused recipient: that notification is dead and told to those who look after the relay; the other contact is told.
smtp /behave '{"rcpt":{"sales@contoso.com":"550 5.1.1 no such user here"}}'
accept_lead refused@example.com
refused_is_dead() { notifications_of "$ID" | jq -e '.[] | select(.to == "sales@contoso.com" and .state == "dead")' >/dev/null; }
wait_until 20 "the refused notification is dead" refused_is_dead
expect_text "in the server's words" "$(notifications_of "$ID" | jq -r '.[] | select(.state == "dead") | .error')" 'no such user here'
other_told() { notifications_of "$ID" | jq -e '.[] | select(.to == "owner@contoso.com" and .state == "sent")' >/dev/null; }
wait_until 10 "the other contact is told" other_told
equal "$(told dead)" 1
expect_text "status tells" "$(ctl status || true)" '1 dead'
wait_until 15 "an alert is raised" says ops@contoso.com 'notification'
expect_text "the list names it" "$(ctl notifications list)" 'dead'
smtp /behave '{"rcpt":null}'
expect_exit 0 ctl notifications retry
wait_until 15 "tried anew and told" lead_told "$ID"
equal "$(told dead)" 0

# The server accepts no mail from this sender: mail as a whole is parked, nothing dies.
smtp /behave '{"mail":"550 5.7.60 not your address"}'
accept_lead sender@example.com
wait_until 15 "mail is parked" mail_says 'mail.*parked|parked.*mail'
equal "$(told dead)" 0
expect_text "with the server's words" "$(ctl status || true)" 'not your address'
expect_exit 3 ctl status
smtp /behave '{"mail":null}'
expect_exit 0 ctl destinations resume '(mail)'
wait_until 30 "and goes on" lead_told "$ID"

# The password expires: parked at once, not tried again and again, and a new password in the file mends it.
printf 'another~password\n' >"$DIR/account.password"
stop_relay
start_relay
refused() { smtp /counters | jq .refusedAuths; }
before=$(refused)
for n in 1 2 3 4 5; do accept_lead "password$n@example.com"; done
wait_until 15 "mail is parked for its password" mail_says 'mail.*parked|parked.*mail'
expect_text "status names the step and the server's words" "$(ctl status || true)" 'AUTH .*credentials invalid'
expect_text "and the remedy" "$(ctl status || true)" 'what to do: .*mail\.smtp'
sleep 4
after=$(refused)
[ $((after - before)) -le 6 ] || fail "a refused password was tried $((after - before)) times"
sleep 3
equal "$(refused)" "$after" "and is not tried again by itself"
equal "$(told dead)" 0
wait_until 10 "leads are delivered all the while" nothing_waits
printf 'another~password\n' >"$DIR/smtp.password"
wait_until 30 "a new password in the file mends it" lead_told "$ID"
wait_until 15 "all are told" all_told

wait_until 10 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
expect_no_text "no secret and no contact in the log" "$(cat "$DIR/relay.log")" 'mail~password|another~password|@example\.com|owner@contoso|sales@contoso'
