#!/usr/bin/env bash
# leadctl reconcile: what Microsoft has and the relay never saw; taking it in, once; what cannot be judged is left alone.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
LIST="$DIR/partner-center.csv"
stamp() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
row() { # FIRST LAST EMAIL OFFER CREATED
	printf '"%s","%s","%s","Fabrikam","%s","INS","%s","en-%s"\r\n' "$@" "$2"
}
heading='First name,Last name,Email,Company name,Offer name,Action code,Created date,Market'

start_relay
sleep 1.1 # a second behind the relay's begin: a list has whole seconds
accept_lead here@example.com
accept_lead dead@example.com
dead=$ID
accept_lead other@example.com
accept_lead waiting@example.com
waiting=$ID
wait_until 20 "the leads are delivered" nothing_waits
ctl destinations park crm --why "leads are to wait" >/dev/null
ctl replay "$dead" "$waiting" --again >/dev/null
ctl discard "$dead" --destination crm >/dev/null
post marketplace "$TOKEN" '{"UserDetails":{"Email":"odd@example.com","FirstName":7777777777777777777},"OfferTitle":"Contoso Backup"}'
equal "$STATUS" 202 "$BODY"

{
	printf '%s\r\n' "$heading"
	row Ana Silva HERE@example.com "Contoso Backup" "$(stamp now)"
	row Ana Silva waiting@example.com "Contoso Backup" "$(stamp '-3 days')"
	row "Zoë" Never never@example.com "Contoso Backup" "$(stamp now)"
	row Ana Silva other@example.com "Another offer" "$(stamp now)"
	row Ana Silva here@example.com "Contoso Backup" "$(stamp '-8 days')"
	row Old Man old@example.com "Contoso Backup" "$(stamp '-30 days')"
	row No Mail "" "Contoso Backup" "$(stamp now)"
	row No Time notime@example.com "Contoso Backup" ""
	row Ana Silva other@example.com "" ""
} >"$LIST"
statuses() { jq -r '.leads[] | "\(.line):\(.status)"' <<<"$OUT" | tr '\n' ' '; }
expect_exit 3 ctl --json reconcile "$LIST"
equal "$(jq -c '[.rows, .matched, .missing, .unknown, .imported]' <<<"$OUT")" '[9,3,2,4,0]'
equal "$(statuses)" "3:pending 4:missing 5:missing 6:unknown 7:unknown 8:unknown 9:unknown "
equal "$(jq -c '.leads[1] | [.email, .offer_title, .id, (.created_at | length)]' <<<"$OUT")" '["never@example.com","Contoso Backup",null,24]'
equal "$(jq -r '.leads[0].id' <<<"$OUT")" "$waiting"
online=$OUT
expect_exit 3 ctl reconcile "$LIST"
expect_text "a table" "$OUT" '4 .*never@example.com +Contoso Backup +missing'
expect_text "a summary" "$OUT" '2 are missing'
expect_text "what to do" "$OUT" "leadctl reconcile $LIST --import"
expect_exit 3 ctl --json reconcile - <"$LIST"
equal "$OUT" "$online" "standard input"
equal "$(ctl --json list --limit 0 | wc -l)" 5 "looking changes nothing"
stop_relay
expect_exit 3 ctl --json reconcile "$LIST"
equal "$OUT" "$online" "with the daemon down"
start_relay

# What it cannot read.
expect_exit 2 ctl reconcile
expect_exit 1 ctl reconcile "$DIR/nowhere.csv"
: >"$DIR/empty.csv"
expect_exit 2 ctl reconcile "$DIR/empty.csv"
printf 'colour,size\nred,7\n' >"$DIR/colours.csv"
expect_exit 2 ctl reconcile "$DIR/colours.csv"
expect_exit 4 ctl reconcile "$LIST" --import --source nowhere
expect_exit 2 ctl reconcile "$LIST" --import --source website
expect_text "why not" "$ERR" 'marketplace'

# --import takes in what is missing, once, marked as recovered, with its own time; it is delivered like any lead.
ctl destinations resume crm >/dev/null
wait_until 20 "nothing waits" nothing_waits
accepted_in_all() { { ctl --json status || true; } | jq .accounting.accepted; }
accepted=$(accepted_in_all)
expect_exit 0 ctl --json reconcile "$LIST" --import
equal "$(jq -c '[.rows, .matched, .missing, .unknown, .imported]' <<<"$OUT")" '[9,3,2,4,2]'
equal "$(statuses)" "4:imported 5:imported 6:unknown 7:unknown 8:unknown 9:unknown "
equal "$(accepted_in_all)" $((accepted + 4)) "two leads, two destinations"
never=$(ctl --json list --email never@example.com | jq -r .id)
wait_until 20 "they are delivered" nothing_waits
expect_exit 0 ctl --json show "$never"
equal "$(jq -c '[.origin, .source, .test, .fields.first_name, .fields.last_name, .fields.company, .fields.offer_title, .fields.action_code, .extra]' <<<"$OUT")" \
	'["recovered","marketplace",false,"Zoë","Never","Fabrikam","Contoso Backup","INS",{"Market":"en-Never"}]'
equal "$(jq -r '.received_at[0:19]' <<<"$OUT")Z" "$(sed -n 4p "$LIST" | cut -d, -f7 | tr -d '"')"
expect_text "show says it in words" "$(ctl show "$never")" 'recovered'
equal "$(ctl show --raw "$never")" "$(sed -n 4p "$LIST" | tr -d '\r')" "the record as it stands in the file"
equal "$(ctl --json show "$waiting" | jq -r .origin)" request
equal "$(ctl export --email never@example.com --format jsonl | jq -r .origin)" recovered
equal "$(crm records | jq '[.records[] | select(.emailaddress1 == "never@example.com")] | length')" 1

expect_exit 0 ctl --json reconcile "$LIST" --import
equal "$(jq -c '[.matched, .missing, .imported]' <<<"$OUT")" '[5,0,0]'
stop_relay
equal "$STATUS" 0
expect_exit 0 ctl --json reconcile "$LIST" --import
equal "$(jq -c '[.matched, .missing, .imported]' <<<"$OUT")" '[5,0,0]' "with the daemon down"
row Ana Silva late@example.com "Contoso Backup" "$(stamp now)" >>"$LIST"
expect_exit 0 ctl reconcile "$LIST" --import --source marketplace
expect_text "a summary of what was taken in" "$OUT" '1 was never seen and is taken in now'
equal "$(ctl --json list --limit 0 | wc -l)" 8
expect_exit 0 ctl check

# A row that is dead here is told, and the exit status with it; so is one that cannot be read.
start_relay
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1,"match":{"emailaddress1":"poison@example.com"}}' >/dev/null
accept_lead poison@example.com
poison=$ID
is_dead() { [ "$(state_of "$poison" crm)" = dead ]; }
wait_until 20 "the CRM refuses it" is_dead
{
	printf '%s\r\n' "$heading"
	row Ana Silva here@example.com "Contoso Backup" "$(stamp now)"
	row Ana Silva poison@example.com "Contoso Backup" "$(stamp now)"
} >"$LIST"
expect_exit 3 ctl --json reconcile "$LIST"
equal "$(jq -c '.leads | map([.line, .status, .id])' <<<"$OUT")" "[[3,\"dead\",\"$poison\"]]"
expect_text "a summary of what is here" "$(ctl reconcile "$LIST" || true)" '2 are here \(1 dead\)'
row Ana Silva here@example.com "Contoso Backup" "the other day" >"$DIR/row"
{ printf '%s\r\n' "$heading"; row Ana Silva here@example.com "Contoso Backup" "$(stamp now)"; cat "$DIR/row"; } >"$LIST"
expect_exit 3 ctl --json reconcile "$LIST"
equal "$(statuses)" "3:unknown "
expect_text "which line, column and value" "$ERR" ':3: Created date: .*the other day'
no_mail=$(tail -n +1 "$DIR/relay.log" | grep -c '@example.com' || true)
equal "$no_mail" 0 "no address in the log"

# A person who asked to be forgotten is not brought back.
crm faults -X DELETE >/dev/null
accept_lead forgotten@example.com
wait_until 20 "it is delivered" delivered "$ID" crm
expect_exit 0 ctl --json forget forgotten@example.com
{
	printf '%s\r\n' "$heading"
	row Ana Silva forgotten@example.com "Contoso Backup" "$(stamp now)"
	row Ana Silva Forgotten@example.com "Another offer" "$(stamp now)"
} >"$LIST"
expect_exit 0 ctl --json reconcile "$LIST" --import
equal "$(jq -c '[.rows, .matched, .missing, .unknown, .imported]' <<<"$OUT")" '[2,1,0,1,0]'
equal "$(statuses)" "3:erased "
equal "$(ctl --json list --email forgotten@example.com | wc -l)" 0

# A long list, killed while it is taken in: the next run takes in the rest, and all are here once.
ctl destinations park crm --why "only the archive takes them" >/dev/null
many=1300
{
	printf '%s\r\n' "$heading"
	when=$(stamp now)
	for i in $(seq "$many"); do printf 'Ana,Silva,many%d@example.com,Fabrikam,Contoso Backup,INS,%s,\r\n' "$i" "$when"; done
} >"$LIST"
count_many() { ctl --json list --limit 0 | grep -c '"email":"many' || true; }
some_came() { [ "$(count_many)" -gt 0 ]; }
"$BIN/leadctl" -c "$DIR/leadrelay.yaml" reconcile "$LIST" --import >/dev/null 2>&1 &
leadctl=$!
PIDS+=("$leadctl")
wait_until 60 "the first ones are taken in" some_came
kill -KILL "$leadctl" 2>/dev/null || true
wait "$leadctl" 2>/dev/null || true
before=$(count_many)
said "killed behind $before of $many"
expect_exit 0 ctl --json reconcile "$LIST" --import
equal "$(jq -c '[.rows, .missing, .imported, .unknown]' <<<"$OUT")" "[$many,$((many - before)),$((many - before)),0]"
equal "$(count_many)" "$many"
equal "$(ctl --json list --limit 0 | jq -r 'select(.email | startswith("many")?) | .email' | sort | uniq -d | wc -l)" 0
expect_exit 0 ctl --json reconcile "$LIST" --import
equal "$(jq -c '[.matched, .missing, .imported]' <<<"$OUT")" "[$many,0,0]"
expect_exit 0 ctl check
