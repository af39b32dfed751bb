#!/usr/bin/env bash
# Contacts are told of each lead: one mail per lead and distinct contact, as much of the person as `detail` allows, at once or as
# a digest; nobody is told of do-not-contact leads and of bodies that are no leads.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
start_crm
start_smtp
begin() { # CONTACTS MAIL-LINES...: a configuration and a daemon on it
	write_config
	set_contacts "$1"
	mail_block "${@:2}"
	ctl config check >/dev/null || fail "the configuration is refused: $(ctl config check 2>&1)"
	start_relay
}
finish() {
	wait_until 20 "every notification is settled" all_told
	stop_relay
	equal "$STATUS" 0 "orderly stop"
}
lead() { # FIRST LAST EMAIL OFFER [ACTION]
	jq -cn --arg f "$1" --arg l "$2" --arg e "$3" --arg o "$4" --arg a "${5:-INS}" '{UserDetails:{FirstName:$f,LastName:$l,Email:$e,
		Phone:"16175550100",Country:"US",Company:"Fabrikam",Title:"CTO"},LeadSource:"AzureMarketplace",ActionCode:$a,OfferTitle:$o,
		Description:"asked for a demo"}'
}
send_lead() {
	post marketplace "$TOKEN" "$(lead "$@")"
	equal "$STATUS" 202 "$BODY"
	ID=$(jq -r .id <<<"$BODY")
}

# masked, at once; the same contact twice in other letters is one.
begin "owner@contoso.com; sales@contoso.com; Owner@Contoso.com" "detail: masked"
send_lead Zoë "Ångström, 東京" zoe.secret@example.com "Contoso Backup"
wait_until 15 "both contacts are told" mails_are 2
wait_until 5 "the lead says so" lead_told "$ID"
equal "$(mails_to owner@contoso.com) $(mails_to sales@contoso.com)" "1 1"
equal "$(notifications_of "$ID" | jq -c 'map(.to) | sort')" '["owner@contoso.com","sales@contoso.com"]'
equal "$(notifications_of "$ID" | jq -c '[.[] | .attempts >= 1 and (.sent_at | test("^2")) and (.error == null or .error == "")] | all')" true
mail=$(mails '.[] | select(.to == "owner@contoso.com")')
expect_text "the subject names the offer" "$(jq -r .subject <<<"$mail")" 'Contoso Backup'
expect_text "masked: the company" "$(jq -r .text <<<"$mail")" Fabrikam
expect_text "masked: the mail address is not whole" "$(jq -r .text <<<"$mail")" 'z\*\*\*@example\.com'
expect_no_text "masked: neither name nor address nor phone" "$mail" 'zoe\.secret|Zoë|Ångström|16175550100'
expect_text "there is HTML, too" "$(jq -r .html <<<"$mail")" '<[a-z]+.*Contoso Backup'
expect_no_text "nothing from outside" "$(jq -r .html <<<"$mail")" '<script|src="?https?:|@import'
equal "$(jq -r '.fromName + " " + .from' <<<"$mail")" "Lead relay relay@contoso.com"
equal "$(jq -r '.headerTo' <<<"$mail")" owner@contoso.com "one recipient, and no other in the header"
equal "$(jq -r '.autoSubmitted' <<<"$mail")" auto-generated
equal "$(mails '[.[].messageId] | unique | length')" 2 "each mail its own Message-ID"
equal "$(told sent)/$(told dead)" 2/0

# Nobody is told of these.
send_lead Do Not dnc@example.com "Contoso Backup" DNC
dnc=$ID
post marketplace "$TOKEN" '{"offerTitle":"Contoso Test" "description":"comma missing"}'
equal "$(jq -r .status <<<"$BODY")" quarantined
quarantined=$(jq -r .id <<<"$BODY")
expect_exit 0 ctl replay "$quarantined" --set offer_title="Contoso Test"
# A repeat is no new lead.
post marketplace "$TOKEN" "$(lead Zoë "Ångström, 東京" zoe.secret@example.com "Contoso Backup")"
equal "$STATUS" 200 "$BODY"
# A source whose destinations have no contacts would tell nobody; this one has: and a replay tells nobody again.
wait_until 10 "the first lead is delivered" delivered "$dnc" crm
expect_exit 0 ctl replay "$dnc" --again
wait_until 10 "nothing waits" nothing_waits
equal "$(notifications_of "$dnc")" '[]'
equal "$(notifications_of "$quarantined")" '[]'
equal "$(mails length)" 2 "no further mail"

# One line each in the list.
ctl --json notifications list >"$DIR/list"
equal "$(jq -s length "$DIR/list")" 2
equal "$(jq -rs 'map(.state) | unique | join(" ")' "$DIR/list")" sent
equal "$(jq -s 'all(has("lead_id") and has("to") and has("attempts") and has("sent_at"))' "$DIR/list")" true
expect_text "for people, too" "$(ctl notifications list)" 'owner@contoso\.com'
finish
smtp /forget

# none and full.
begin "owner@contoso.com" "detail: none"
send_lead Ana Silva ana@example.com "Contoso Backup"
wait_until 15 "told" mails_are 1
mail=$(mails '.[0]')
expect_text "none: the offer" "$mail" 'Contoso Backup'
expect_no_text "none: nothing of the person" "$mail" 'Fabrikam|Silva|ana@|a\*\*\*|16175550100'
finish
smtp /forget
begin "owner@contoso.com" "detail: full"
send_lead Zoë "Ångström, 東京" zoe@example.com "Contoso <b>Backup</b> & more"
wait_until 15 "told" mails_are 1
mail=$(mails '.[0]')
for word in Zoë 'Ångström, 東京' zoe@example.com Fabrikam 16175550100 CTO 'asked for a demo'; do
	grep -qF -- "$word" <<<"$(jq -r .text <<<"$mail")" || fail "full: $word is missing in: $mail"
done
said "full: all fields"
expect_text "HTML is escaped" "$(jq -r .html <<<"$mail")" 'Contoso &lt;b&gt;Backup&lt;/b&gt; &amp; more'
# No field opens a header or a recipient.
send_lead Eve "X" eve@example.com $'Offer\r\nBcc: spy@evil.example\r\n\r\nbody'
wait_until 15 "told" mails_are 2
equal "$(mails '[.[] | .headers | index("bcc")] | all(. == null)')" true "no Bcc"
equal "$(mails '[.[].to] | unique | join(",")')" '"owner@contoso.com"'
finish
smtp /forget

# A digest: the leads of two seconds are one mail per contact.
begin "owner@contoso.com; sales@contoso.com" "detail: masked" "digest: 2s"
# Windows begin at any time: leads may fall into two of them, hardly into more.
for n in 1 2 3 4 5; do send_lead Ana "Silva$n" "digest$n@example.com" "Offer number $n"; done
wait_until 20 "the digest is sent" all_told
count=$(mails_to owner@contoso.com)
[ "$count" -ge 1 ] && [ "$count" -le 2 ] || fail "expected one or two digests, got $count: $(mails 'map(.subject)')"
for n in 1 2 3 4 5; do
	equal "$(mails_saying owner@contoso.com "Offer number $n")/$(mails_saying sales@contoso.com "Offer number $n")" 1/1 "lead $n stands in one digest of each"
done
equal "$(notifications_of "$ID" | jq -c 'map(.state)')" '["sent","sent"]'
# Once sent for the first time a digest is frozen: what comes while it is tried again goes into the next one.
wait_until 10 "nothing waits" nothing_waits
smtp /forget
smtp /behave '{"end":"451 4.3.0 try again"}'
for n in 1 2 3; do send_lead Ana "Frozen$n" "frozen$n@example.com" "Frozen number $n"; done
refused_some() { [ "$(smtp /refused | jq length)" -ge 2 ]; }
wait_until 15 "the digest is refused for the moment" refused_some
ids=$(smtp /refused | jq -c unique)
send_lead Ana Late late@example.com "Late number 1"
smtp /behave '{"end":null}'
wait_until 30 "both digests are sent" all_told
equal "$(mails_saying owner@contoso.com 'Late number 1')" 1
equal "$(smtp /mails | jq --argjson ids "$ids" '[.[] | select(.messageId as $id | $ids | index($id)) | .text | test("Late number")] | any')" false "none joins a frozen digest"
equal "$(smtp /mails | jq --argjson ids "$ids" '[.[].messageId] as $all | [$ids[] | . as $id | [$all[] | select(. == $id)] | length == 1] | all')" true "each came under its Message-ID, once"
for n in 1 2 3; do equal "$(mails_saying owner@contoso.com "Frozen number $n")" 1 "lead $n once"; done
finish
smtp /forget

# Without mail: everything works, and nobody is told.
write_config
set_contacts "owner@contoso.com"
start_relay
send_lead No Body nobody@example.com "Contoso Backup"
wait_until 10 "delivered without mail" delivered "$ID" crm
equal "$(notifications_of "$ID")" '[]'
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
expect_no_text "no personal data in the log" "$(cat "$DIR/relay.log")" '@example\.com|Silva|Ångström|Fabrikam|owner@contoso|sales@contoso'
