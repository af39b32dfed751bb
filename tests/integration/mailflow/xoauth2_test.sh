#!/usr/bin/env bash
# Mail handed in with XOAUTH2, as Exchange Online wants it: tokens from the same code as the CRM's, fetched anew when they are
# refused, and told when they cannot be had.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
start_crm --environment https://outlook.office365.com
start_smtp --user relay@contoso.com --tokens "$CRM"
printf '%s\n' 'rehearsal~secret.0+/=' >"$DIR/smtp.secret"
chmod 600 "$DIR/smtp.secret"
SMTP_AUTH="auth: xoauth2, username: relay@contoso.com, oauth: { method: azure_ad, directory_id: 12345678-0000-0000-0000-000000000000, client_id: 23456052-0000-0000-0000-000000000000, client_secret_file: smtp.secret, authority: \"$CRM\" }"
write_config
set_contacts "owner@contoso.com"
mail_block
start_relay
accept_lead one@example.com
wait_until 20 "told with a token" lead_told "$ID"
equal "$(mails '.[0].user')" '"relay@contoso.com"'
for n in 1 2 3 4 5; do accept_lead "more$n@example.com"; done
wait_until 20 "all are told" all_told
equal "$(smtp /counters | jq .refusedAuths)" 0
tokens=$(crm counters | jq .tokens_issued)
[ "$tokens" -le 2 ] || fail "one token for the CRM and one for mail, not $tokens"

# A token that is refused is fetched anew. (The server asks for the login on a new connection only.)
crm tokens/revoke -X POST >/dev/null
smtp /online false
smtp /online true
accept_lead revoked@example.com
wait_until 30 "told with a new token" lead_told "$ID"

# The app's secret expires: mail is parked in Azure AD's words; a new one mends it.
crm settings -X POST --data '{"secrets":["new~secret"]}' >/dev/null
printf 'new~secret\n' >"$DIR/crm.secret"
crm tokens/revoke -X POST >/dev/null
smtp /online false
smtp /online true
accept_lead expired@example.com
parked() { grep -qE 'AADSTS7000215' <<<"$(ctl status || true)" && ! lead_told "$ID"; }
wait_until 30 "mail is parked in Azure AD's words" parked
equal "$(told dead)" 0
printf 'new~secret\n' >"$DIR/smtp.secret"
wait_until 40 "a new secret mends it" lead_told "$ID"
stop_relay
equal "$STATUS" 0
expect_no_text "no secret in the log" "$(cat "$DIR/relay.log")" 'rehearsal~secret|new~secret|Bearer'
