#!/usr/bin/env bash
# Debian's Postfix with STARTTLS and AUTH: names beyond ASCII and a subject of 300 characters arrive whole, read back by a parser
# that we did not write; an unknown recipient is dead in Postfix's words; a night's worth goes over few connections.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
prefix=$(cd "$(dirname "$0")/../../.." && pwd)/build/servers
if [ "$(id -u)" -ne 0 ] || [ ! -f "$prefix/.complete" ]; then
	echo "skipped: Postfix needs root and build/servers (tools/install-deps)"
	exit 77
fi
setup "$1"
start_crm
start_postfix "$prefix" owner sales ops
printf '%s\n' "$SMTP_PASSWORD" >"$DIR/smtp.password"
chmod 600 "$DIR/smtp.password"
MAIL_FROM='\"Zoë Ångström, 東京\" <relay@contoso.com>'
SMTP_AUTH='auth: plain, username: relay, password_file: smtp.password'
write_config
set_contacts "owner@contoso.com; nobody@contoso.com"
mail_block 'detail: full' 'alerts_to: "ops@contoso.com"'
start_relay

offer="$(printf 'Contoso Bäckup für 東京 %.0s' {1..14})"
offer=${offer:0:300}
post marketplace "$TOKEN" "$(jq -cn --arg o "$offer" '{UserDetails:{FirstName:"Zoë",LastName:"Ångström, 東京",Email:"zoe@example.com",Company:"Söhne & Co"},
	LeadSource:"AzureMarketplace",ActionCode:"INS",OfferTitle:$o,Description:".\n..\nFrom here\n"}')"
equal "$STATUS" 202 "$BODY"
first=$(jq -r .id <<<"$BODY")
wait_until 20 "the mail is in the box" mailbox_has owner 1
mail=$(mailbox owner)
expect_text "From: the name, whole" "$(jq -r '.fromName + "|" + .from' <<<"$mail")" '^Zoë Ångström, 東京\|relay@contoso\.com$'
grep -qF -- "$offer" <<<"$(jq -r .text <<<"$mail")" || fail "the offer's 300 characters stand in the text: $mail"
subject=$(jq -r .subject <<<"$mail")
[ "${#subject}" -ge 200 ] || fail "the long subject was cut to ${#subject} characters: $subject"
expect_text "the subject is read back" "$subject" 'Contoso Bäckup für 東京 Contoso Bäckup für 東京'
expect_no_text "and has no broken characters" "$mail" $'\xef\xbf\xbd'
expect_text "the person, too" "$(jq -r .text <<<"$mail")" 'Ångström, 東京'
expect_text "and in HTML" "$(jq -r .html <<<"$mail")" 'Söhne &amp; Co'
equal "$(jq -r .deliveredTo <<<"$mail")" owner@contoso.com

refused() { notifications_of "$first" | jq -e '.[] | select(.to == "nobody@contoso.com" and .state == "dead")' >/dev/null; }
wait_until 15 "Postfix knows nobody of the other name" refused
expect_text "in Postfix's words" "$(notifications_of "$first" | jq -r '.[] | select(.state == "dead") | .error')" 'User unknown|Recipient address rejected'
wait_until 20 "the alert arrives" mailbox_has ops 1

# More of them: all arrive once, over few connections.
sed -i 's/; nobody@contoso\.com"/"/' "$DIR/leadrelay.yaml"
kill -HUP "$RELAY_PID"
wait_until 10 "the configuration is reloaded" logged 'configuration reloaded'
for n in $(seq 60); do accept_lead "many$n@example.com"; done
wait_until 60 "all are told" all_told
wait_until 20 "all are in the box" mailbox_has owner 61
equal "$(mailbox owner | jq -s 'map(.messageId) | unique | length')" 61 "each once"
connections=$(grep -c 'smtpd.*: connect from' "$DIR/postfix/log")
[ "$connections" -le 30 ] || fail "61 mails took $connections connections"
said "over $connections connections"
wait_until 10 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
