#!/usr/bin/env bash
# GET /metrics under load and afterwards: what leadctl says, in Prometheus' words; /readyz and /healthz; the example alerts and the dashboard.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
setup "$1"
here=$(cd "$(dirname "$0")" && pwd)
system=$(cd "$here/../../../tools/system" && pwd)
promtool=$here/../../../build/prometheus/usr/bin/promtool # tools/install-deps puts it there
[ -x "$promtool" ] || promtool=$(command -v promtool) || fail "there is no promtool: tools/install-deps"

start_crm
start_smtp
write_config
set_contacts "owner@contoso.com"
mail_block
sed -i 's|^      client_secret_file: crm.secret|&\n      expires: 2030-11-01|' "$DIR/leadrelay.yaml"
echo 'admin: { listen: "127.0.0.1:0" }' >>"$DIR/leadrelay.yaml"
admin() { echo "http://$(sed -n 's/.* started .*admin=\([0-9.:]*\).*/\1/p' "$DIR/relay.log" | tail -n 1)"; }
scrape() { curl -sS --fail --max-time 30 "$(admin)/metrics" >"$DIR/scrape"; }
metric() { # NAME [LABELS as written]: its value at the last scrape
	local name=$1
	[ -z "${2:-}" ] || name="$1{$2}"
	awk -v name="$name" '$1 == name { print $2; found = 1 } END { exit !found }' "$DIR/scrape" || fail "no $name"
}
sum_of() { awk -v name="$1{" 'index($1, name) == 1 { sum += $2 } END { print sum + 0 }' "$DIR/scrape"; } # over all labels
equals() { equal "$(metric "$1" "$2")" "$3" "$1{$2}"; }
ready() { READY=$(curl -sS --max-time 20 -o "$DIR/ready" -w '%{http_code}' "$(admin)/readyz"); }

start_relay
ready
equal "$READY $(jq -c . "$DIR/ready")" '200 {"reasons":[],"ready":true,"intake_only":false}'
equal "$(curl -sS -o /dev/null -w '%{http_code}' "$(admin)/healthz")" 200

# ---- under load: 120 leads by 6 senders, some refused for good, some later; scraped all the while ----
crm faults -X POST --data '{"fault":"plugin_refuses","where":"create","times":-1,"match":{"emailaddress1":"poison@example.com"}}' >/dev/null
crm faults -X POST --data '{"fault":"unavailable","where":"create","times":2}' >/dev/null
load() { # SENDER
	local i
	for i in $(seq 5); do
		jq -cn --arg s "$1" --arg i "$i" '[range(4) | {email: "secret-\($s)-\($i)-\(.)@example.com", last_name: "Silva", company: "Fabrikam"}]' |
			curl -sS -o /dev/null -H 'Authorization: Bearer json-token-0123456789ab' -H 'Content-Type: application/json' --data-binary @- "$RELAY/in/partner"
	done
}
senders=()
for sender in 1 2 3 4 5 6; do
	load "$sender" &
	senders+=($!)
done
scrapes=0
while kill -0 "${senders[@]}" 2>/dev/null; do
	scrape
	equals leadrelay_accounting_difference '' 0
	equal "$(sum_of leadrelay_deliveries)" "$((2 * $(metric leadrelay_leads_accepted_total 'source="partner"')))" "each scrape is one moment"
	scrapes=$((scrapes + 1))
done
wait "${senders[@]}"
said "$scrapes scrapes under load agree with themselves"
accept_lead poison@example.com
POISON=$ID
for i in 1 2 3; do post marketplace wrong-token-0123456789 '{}'; done
equal "$STATUS" 401
post nowhere "$TOKEN" '{}'
equal "$STATUS" 404
post marketplace "$TOKEN" '{"UserDetails":}'
equal "$(jq -r .status <<<"$BODY")" quarantined
dead() { [ "$(state_of "$POISON" crm)" = dead ]; }
wait_until 30 "the poison is refused" dead
wait_until 60 "the rest is delivered" nothing_waits
wait_until 30 "all are told" all_told

# ---- afterwards: the same numbers as leadctl's ----
scrape
expect "promtool accepts them" "$promtool" check metrics <"$DIR/scrape"
status=$(status_json)
while IFS=$'\t' read -r name state number; do
	equals leadrelay_deliveries "destination=\"$name\",state=\"$state\"" "$number"
done < <(jq -r '.destinations[] as $d | ("pending", "held", "delivered", "dead", "discarded") | [$d.name, ., $d[.]] | @tsv' <<<"$status")
while IFS=$'\t' read -r name number; do
	equals leadrelay_leads_accepted_total "source=\"$name\"" "$number"
done < <(jq -r '.sources[] | [.name, .accepted] | @tsv' <<<"$status")
equals leadrelay_leads_accepted_total 'source="partner"' 120
equals leadrelay_leads_accepted_total 'source="marketplace"' 1
equals leadrelay_deliveries 'destination="crm",state="dead"' 1
equals leadrelay_quarantined '' "$(jq .quarantined <<<"$status")"
equals leadrelay_accounting_difference '' 0
equals leadrelay_intake_rejected_total 'source="marketplace",status="401"' 3
[ "$(metric leadrelay_intake_rejected_total 'source="",status="404"')" -ge 1 ] || fail "an unknown source is counted"
equals leadrelay_attempts_total 'destination="crm",outcome="delivered"' 120
equals leadrelay_attempts_total 'destination="crm",outcome="refused"' 1
equals leadrelay_attempts_total 'destination="archive",outcome="delivered"' 121
expect_exit 0 ctl report --since 1h --format json
equal "$(sum_of leadrelay_attempts_total)" "$(jq '[.destinations[].attempts] | add' <<<"$OUT")" "attempts as in the report"
equals leadrelay_delivery_age_seconds_count 'destination="crm"' 120
equals leadrelay_delivery_age_seconds_bucket 'destination="archive",le="+Inf"' 121
equals leadrelay_oldest_pending_seconds 'destination="crm"' 0
equals leadrelay_destination_state 'destination="crm",state="open"' 1
[ "$(metric leadrelay_destination_concurrency 'destination="crm"')" -ge 1 ] || fail "concurrency"
equals leadrelay_credential_expiry_timestamp_seconds 'destination="crm"' "$(date -d 2030-11-01T00:00:00Z +%s)"
equals leadrelay_notifications_total 'outcome="delivered"' "$(jq .notifications.sent <<<"$status")"
equals leadrelay_notifications_total 'outcome="delivered"' 121
# 30 arrays, the poison and the quarantined one were answered after a commit; the wrong tokens and whatever was refused at its head are timed as well
[ "$(metric leadrelay_intake_duration_seconds_count)" -ge 32 ] || fail "answers are timed"
equals leadrelay_store_batch_leads_sum '' 122
[ "$(metric leadrelay_store_commit_seconds_count)" -ge 1 ] || fail "commits are timed"
equals leadrelay_store_bytes 'file="outbox.db"' "$(stat -c %s "$DIR/state/outbox.db")"
equals leadrelay_store_working '' 1
equals leadrelay_build_info 'version="'"$("$BIN/leadctl" --json version | jq -r .version)"'"' 1
expect_no_text "mails are no destination" "$(cat "$DIR/scrape")" 'destination="\(mail\)"'
expect_no_text "no person is in a metric" "$(cat "$DIR/scrape")" 'secret-|Silva|Fabrikam|poison|owner@'
expect_no_text "nor in the log" "$(cat "$DIR/relay.log")" 'secret-|Silva|Fabrikam|poison|owner@|wrong-token'
said "after the load"

# ---- states: a destination that is down, one that is parked ----
expect_exit 0 ctl destinations park archive --why "a test"
crm settings -X POST --data '{"online":false}' >/dev/null
accept_lead waits@example.com
wait_until 20 "the destination backs off" destination_is crm backing_off
scrape
equals leadrelay_destination_state 'destination="crm",state="backing_off"' 1
equals leadrelay_destination_state 'destination="crm",state="open"' 0
equals leadrelay_destination_state 'destination="archive",state="parked"' 1
equals leadrelay_deliveries 'destination="crm",state="pending"' 1
awk -v age="$(metric leadrelay_oldest_pending_seconds 'destination="crm"')" 'BEGIN { exit !(age > 0 && age < 600) }' || fail "the age of what waits"
crm settings -X POST --data '{"online":true}' >/dev/null
stop_relay
equal "$STATUS" 0

# ---- the examples: what they name is there ----
sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' "$DIR/scrape" >"$DIR/families"
cp "$system/leadrelay.rules.yml" "$here/rules.test.yml" "$DIR"
expect "the example alerts are well formed" "$promtool" check rules "$DIR/leadrelay.rules.yml"
expect "and ring when they should" "$promtool" test rules "$DIR/rules.test.yml"
names() { grep -oE 'leadrelay_[a-z_]+' "$1" | sed 's/_\(bucket\|sum\|count\)$//' | sort -u; }
for file in leadrelay.rules.yml leadrelay-dashboard.json; do
	equal "$(names "$system/$file" | grep -vxF -f "$DIR/families" | tr '\n' ' ')" '' "metrics in $file that do not exist"
done
unused=$(grep -vxF -f <(names "$system/leadrelay-dashboard.json") "$DIR/families" | tr '\n' ' ' || true)
equal "$unused" '' "metrics that the dashboard leaves out"
{
	echo 'groups: [{ name: dashboard, rules: ['
	jq -r '.panels[].targets[]?.expr' "$system/leadrelay-dashboard.json" | sed 's/\$__rate_interval/5m/g; s/"\$[a-z]*"/".*"/g' |
		jq -R '{record: "panel:\(input_line_number)", expr: .}' | jq -s -r 'map(tojson) | join(",\n")'
	echo ']}]'
} >"$DIR/dashboard.rules.yml"
expect "every query of the dashboard can be read" "$promtool" check rules "$DIR/dashboard.rules.yml"
equal "$(jq '[.panels[] | select(.type != "row") | .targets | length] | add' "$system/leadrelay-dashboard.json")" "$(grep -c 'record' "$DIR/dashboard.rules.yml")"
equal "$(jq '[.panels[].id] | length == (unique | length)' "$system/leadrelay-dashboard.json")" true

# ---- the store fails: not ready, and the metrics say so with what was last read ----
touch "$DIR/relay.log"
start_relay env LEADRELAY_FAULT=store.commit:fail:25+
scrape
equals leadrelay_store_working '' 1
refused() { post marketplace "$TOKEN" "$(marketplace_lead "n$RANDOM@example.com")" && [ "$STATUS" = 503 ]; }
wait_until 60 "the store fails" refused
not_ready() { ready && [ "$READY" = 503 ]; }
wait_until 10 "it is not ready" not_ready
expect_text "and says why" "$(cat "$DIR/ready")" '"reasons":\["the store cannot be written'
scrape
equals leadrelay_store_working '' 0
equals leadrelay_deliveries 'destination="crm",state="dead"' 1
equal "$(curl -sS -o /dev/null -w '%{http_code}' "$(admin)/healthz")" 200 "alive all the same"
stop_relay KILL

# ---- intake only: ready, and said ----
for i in 1 2 3; do
	start_relay
	stop_relay KILL
done
start_relay
ready
equal "$READY $(jq -c . "$DIR/ready")" '200 {"reasons":[],"ready":true,"intake_only":true}'
scrape
equals leadrelay_intake_only '' 1
stop_relay
said "metrics"
