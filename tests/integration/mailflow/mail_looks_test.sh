#!/usr/bin/env bash
# The mails as a person sees them: a lead, a lead with hostile values, a digest and an alert go through the daemon and a mail server,
# and headless Chromium shows their HTML at a desk's and a telephone's width: mail_looks_test.sh BIN PICTURES
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
start_crm
start_smtp
begin() { # MAIL-LINES...
	write_config
	set_contacts "owner@contoso.com"
	mail_block "$@"
	start_relay
}
lead() { # JSON: a lead from the partner
	post partner json-token-0123456789ab "$1"
	equal "$STATUS" 202 "$BODY"
}
finish() {
	stop_relay
	equal "$STATUS" 0 "orderly stop"
}

begin "detail: full" "alerts_to: ops@contoso.com"
lead '{"first_name":"Zoë","last_name":"Ångström, 東京","email":"zoe@example.com","phone":"+46 8 123 456 78","company":"Fabrikam",
	"title":"CTO","country":"SE","city":"東京","offer_title":"Contoso Backup","action_code":"INS",
	"description":"asked for a demo\nand for prices, per month and per year","budget":"12000","newsletter":true}'
wait_until 15 "the lead is told" mails_to_are owner@contoso.com 1
single=$(mails '.[0]')
long=$(printf 'W%.0s' {1..400})
lead "$(jq -cn --arg w "$long" '{first_name:"<script>document.title=1</script>",last_name:$w,email:(($w | .[:60]) + "@example.com"),
	company:"<img src=\"http://127.0.0.1:9/x.png\"><style>body{width:4000px}</style>",title:"\u202eesrever",offer_title:$w,
	description:($w + "\n" + ("\u6771\u4eac" * 150) + "\n</td></tr></table><h1 style=\"font-size:900px\">"),
	website:("https://example.com/" + $w),(($w | .[:100])):$w,"deep":{"a":[1,2,{"b":$w}]},"&<>\"":"\u0627\u0644\u0639\u0631\u0628\u064a\u0629"}')"
wait_until 15 "the hostile one, too" mails_to_are owner@contoso.com 2
hostile=$(mails '.[1]')
crm settings -X POST --data '{"secrets":["new~secret"]}' >/dev/null
crm tokens/revoke -X POST >/dev/null
lead '{"last_name":"Parked","email":"parked@example.com"}'
wait_until 30 "parked is told" says ops@contoso.com 'crm parked'
alert=$(mail_saying ops@contoso.com 'crm parked')
wait_until 15 "nobody else waits for mail" all_told
finish
smtp /forget

begin "detail: masked" "digest: 4s"
# one request, so that all six fall into one digest however slow the machine is
lead "$(jq -cn '[range(1; 6) | {first_name:"東\(.)",last_name:"Ångström",email:"p\(.)@example.com",company:"Fabrikam \(.)",offer_title:"Offer number \(.)"}]
	+ [{last_name:"Probe",company:"MSFT_TEST",offer_title:"Contoso Backup"}]')"
wait_until 20 "the digest is sent" all_told
digest=$(mails '.[-1]')
equal "$(mails length)" 1
finish

jq -n --argjson single "$single" --argjson hostile "$hostile" --argjson digest "$digest" --argjson alert "$alert" '$ARGS.named' >"$DIR/mails.json"
node "$(dirname "$0")/mail_looks_test.mjs" "$DIR/mails.json" "$2"
