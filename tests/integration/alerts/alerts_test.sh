#!/usr/bin/env bash
# Those who look after the relay are told once when something needs them, with cause, consequence and command, and once when it is
# over; a restart repeats nothing. Alerts about mail itself stay in the log and in status.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
start_crm
start_smtp
ops=ops@contoso.com
SECONDS_FOR_AN_ALERT=30
write_config
sed -i "s|client_secret_file: crm.secret|&\n      expires: $(date -u -d '+10 days' +%F)|" "$DIR/leadrelay.yaml"
mail_block "alerts_to: \"$ops\""
start_relay
alerts() { mails_saying $ops "$1"; }
alerted() { says $ops "$1" "${2:-1}"; }
restart() {
	stop_relay
	equal "$STATUS" 0
	start_relay
}

# A credential that expires in ten days.
wait_until $SECONDS_FOR_AN_ALERT "the expiry is told" alerted 'expire'
expect_text "of which destination and when" "$(mail_saying $ops expire | jq -r '.subject + .text')" 'crm'
expect_text "with the date" "$(mail_saying $ops expire | jq -r '.subject + .text')" "$(date -u -d '+10 days' +%F)|10 days|9 days"

# Parked: once, with cause, consequence and what to do; leads that come meanwhile add nothing.
crm settings -X POST --data '{"secrets":["new~secret"]}' >/dev/null
crm tokens/revoke -X POST >/dev/null
accept_lead parked@example.com
wait_until $SECONDS_FOR_AN_ALERT "parked is told" alerted 'crm parked'
alert=$(mail_saying $ops 'crm parked')
expect_text "which one" "$(jq -r .subject <<<"$alert")" 'crm'
expect_text "the cause in Azure AD's words" "$(jq -r .text <<<"$alert")" 'AADSTS7000215'
expect_text "the consequence" "$(jq -r .text <<<"$alert")" 'wait|lost'
expect_text "the command" "$(jq -r .text <<<"$alert")" 'leadctl '
equal "$(jq -r .autoSubmitted <<<"$alert")" auto-generated
for n in 1 2 3; do accept_lead "more$n@example.com"; done
restart
sleep 7
equal "$(alerts 'crm parked')" 1 "told once, also over a restart"
equal "$(alerts expire)" 1 "the expiry, too"
wait_until 5 "logged as well" logged 'parked'
printf 'new~secret\n' >"$DIR/crm.secret"
wait_until 30 "mended, the leads arrive" nothing_waits
resumed='crm resumed'
wait_until $SECONDS_FOR_AN_ALERT "the all-clear" alerted "$resumed"
equal "$(alerts "$resumed")" 1 "once: $(mails 'map(.subject)')"

# Dead leads are grouped; the mail has the command that shows them.
before=$(mails length)
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1}' >/dev/null
for n in 1 2 3 4 5 6; do accept_lead "poison$n@example.com"; done
wait_until 15 "all are dead" nothing_waits
wait_until $SECONDS_FOR_AN_ALERT "dead leads are told" alerted 'dead at crm'
crm faults -X DELETE >/dev/null
sleep 6
[ "$(alerts 'dead at crm')" -le 2 ] || fail "six dead leads are one alert or two, not $(alerts 'dead at crm')"
expect_text "the command" "$(mail_saying $ops 'dead at crm' | jq -r .text)" 'leadctl list --state dead'

# A body that is no lead.
post marketplace "$TOKEN" '{"offerTitle":"Contoso Test" "description":"comma missing"}'
equal "$(jq -r .status <<<"$BODY")" quarantined
wait_until $SECONDS_FOR_AN_ALERT "quarantined is told" alerted 'quarantine'

# Wrong tokens.
post marketplace wrong-token-0123456789 '{}'
equal "$STATUS" 401
wait_until $SECONDS_FOR_AN_ALERT "wrong tokens are told" alerted 'wrong token'
for n in 1 2 3; do post marketplace wrong-token-0123456789 '{}'; done
sleep 6
equal "$(alerts 'wrong token')" 1 "grouped"
expect_no_text "but not the token" "$(mails)" 'wrong-token'
expect_no_text "no person in any alert" "$(mails)" '@example\.com|Silva|Fabrikam'
[ "$(alerts 'dead at crm')" -le 2 ] || fail "still grouped: $(alerts 'dead at crm')"

# Nothing of it again after a restart.
wait_until 10 "all are sent" all_told
count=$(mails length)
restart
sleep 7
equal "$(mails length)" "$count" "a restart repeats nothing: $(mails 'map(.subject)')"

# Alerts about mail itself: log and status, and no mail that could not be sent anyway.
smtp /behave '{"mail":"550 5.7.60 not your address"}'
post marketplace wrong-token-0123456789 '{}'
crm settings -X POST --data '{"secrets":["third~secret"]}' >/dev/null
crm tokens/revoke -X POST >/dev/null
accept_lead again@example.com
mail_parked() { grep -qiE 'mail.*parked|parked.*mail' <<<"$(ctl status || true)"; }
wait_until $SECONDS_FOR_AN_ALERT "mail is parked and status tells" mail_parked
wait_until 5 "and the log" logged '[Mm]ail.*(parked|not your address)|\(mail\).*parked|parked.*\(mail\)'
smtp /behave '{"mail":null}'
expect_exit 0 ctl destinations resume '(mail)'
wait_until 30 "the alert that waited arrives" alerted 'crm parked' 2
sleep 6
expect_no_text "none is about mail" "$(mails 'map(.subject)')" '[Mm]ail (is )?parked|\(mail\)'
printf 'third~secret\n' >"$DIR/crm.secret"
wait_until 30 "mended" nothing_waits
stop_relay
equal "$STATUS" 0

# Silence: told once, and over with the next lead. Without alerts_to it is a line in the log.
smtp /forget
write_config
printf 'third~secret\n' >"$DIR/crm.secret"
mail_block "alerts_to: \"$ops\""
echo 'silence_alert: 4s' >>"$DIR/leadrelay.yaml"
start_relay
wait_until $SECONDS_FOR_AN_ALERT "silence is told" alerted 'no lead for'
sleep 5
equal "$(alerts 'no lead for')" 1 "once"
accept_lead loud@example.com
wait_until $SECONDS_FOR_AN_ALERT "a lead is the all-clear" alerted 'leads arrive again'
stop_relay
equal "$STATUS" 0
smtp /forget
sed -i '/alerts_to/d' "$DIR/leadrelay.yaml"
rm -f "$DIR/relay.log"
start_relay
wait_until $SECONDS_FOR_AN_ALERT "without alerts_to the log has it" logged 'no lead for|silence'
equal "$(mails length)" 0
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
expect_no_text "no secret in the log" "$(cat "$DIR/relay.log")" 'third~secret|new~secret|wrong-token'
