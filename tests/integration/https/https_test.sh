#!/usr/bin/env bash
# Kind https against a receiver with the npm standardwebhooks verifier: signatures and their rotation, keys, headers, what each answer
# does, addresses that are refused, redirects that are not followed, validate.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/common.sh"
setup "$1"
start_receiver
printf '%s\n' "$OLD_SECRET" >"$DIR/hook.secret"
printf '%s\n' "Bearer partner-access-token" >"$DIR/hook.authorization"
chmod 600 "$DIR"/hook.*
hook() { # [LINES]
	configure hook "  - name: hook
    kind: https
    url: ${URL:-$RECEIVER/leads?sig=query-secret}
    secret_file: hook.secret
    headers: { X-Tenant: contoso, Authorization_file: hook.authorization }
    map: { last_name: nom }
    set: { origin: relay }
    probe_interval: 1s
$1"
}
steps() { jq -r '[.steps[] | .step + (if .ok then "" else "!" end)] | join(" ")' <<<"$OUT"; }

# A loopback address is refused, by number and by name, and nothing leaves.
hook ""
expect_exit 0 ctl config check
expect_exit 3 ctl --json validate hook
equal "$(steps)" "resolve connect!"
expect_text "the remedy names the key" "$(jq -r '.steps[-1].remedy' <<<"$OUT")" allow_private
port=${RECEIVER##*:}
for url in "http://localhost:$port/leads" "http://[::ffff:127.0.0.1]:$port/leads" "http://0x7f.1:$port/"; do
	URL=$url hook '    allow_plain: true'
	expect_exit 3 ctl --json validate hook
	equal "$(steps)" "resolve connect!" "$url"
done
hook ""
start_relay
lead refused
parked_for() { [ "$(field_of hook state) $(field_of hook reason)" = "parked $1" ]; }
wait_until 30 "the destination is parked" parked_for connect
expect_text "and says what would permit it" "$(grep 'destination parked' "$DIR/relay.log")" 'allow_private'
equal "$(seen length)" 0 "nothing came"
equal "$(delivery "$ID" hook | jq .attempts)" 0 "no attempt is counted"
hook '    allow_private: true'
reload
wait_until 30 "with allow_private it goes on at once" delivered "$ID" hook

# What arrived.
equal "$(seen '.[0] | [.method, .path, .key, .verified, .headers["x-tenant"], .headers.authorization, .headers["content-type"]]')" \
	"[\"POST\",\"/leads?sig=query-secret\",\"$ID\",[\"old\"],\"contoso\",\"Bearer partner-access-token\",\"application/json\"]"
equal "$(seen '.[0] | [.headers["webhook-id"], .lead.id, .lead.source, .lead.test, .lead.fields, .lead.extra]')" \
	"[\"$ID\",\"$ID\",\"partner\",false,{\"nom\":\"refused\",\"email\":\"refused@example.com\",\"origin\":\"relay\"},{}]"
equal "$(delivery "$ID" hook | jq -r .remote_id)" rec_1
said "the document, its key, its signature and the headers are as documented"

# Rotation: two secrets make two signatures, the changed file is noticed by itself.
printf '%s\n%s\n' "$NEW_SECRET" "$OLD_SECRET" >"$DIR/hook.secret"
verified_by() { lead rotation && wait_until 30 delivered delivered "$ID" hook && [ "$(seen '.[-1].verified')" = "$1" ]; }
wait_until 60 "both verify while the secret changes" verified_by '["old","new"]'
equal "$(seen '.[-1].headers["webhook-signature"]' | grep -o v1, | wc -l)" 2
printf '%s\n' "$NEW_SECRET" >"$DIR/hook.secret"
wait_until 60 "then the new one alone" verified_by '["new"]'

# What an answer does.
answer_with '{"status":503,"body":"busy","times":2}'
lead retried
wait_until 30 "503 is tried again" delivered "$ID" hook
equal "$(seen --arg id "$ID" '[.[] | select(.key == $id)] | [length, ([.[].headers["webhook-id"]] | unique | length)]')" '[3,1]' "one key on every attempt"

answer_with '{"status":302,"headers":{"Location":"/elsewhere?token=x"}}'
lead redirected
wait_until 30 "a redirect is refused" is_dead "$ID" hook
equal "$(delivery "$ID" hook | jq -r .reason)" environment
expect_text "in words" "$(delivery "$ID" hook)" 'HTTP 302: redirected to another path there, and redirects are not followed'
equal "$(seen '[.[] | select(.path | startswith("/elsewhere"))] | length')" 0 "and not followed"
redirected=$ID

answer_with '{"status":422,"body":"{\"message\":\"no such country\"}","times":1}'
lead invalid
wait_until 30 "422 kills this lead" is_dead "$ID" hook
expect_text "with the endpoint's words" "$(delivery "$ID" hook | jq -r .error)" 'no such country'
equal "$(destination_state hook)" open

answer_with '{"status":429,"headers":{"Retry-After":"3"},"body":"slow down","times":1}'
lead throttled
wait_until 30 "429 with Retry-After is waited for" delivered "$ID" hook
[ "$(seen --arg id "$ID" '[.[] | select(.key == $id).at] | .[1] - .[0]')" -ge 2950 ] || fail "asked again too early"
equal "$(delivery "$ID" hook | jq .attempts)" 1 "throttling costs no attempt"

for case in "401 unauthorized" "403 forbidden" "410 gone"; do
	answer_with "{\"status\":${case% *},\"body\":\"who is parked${case% *}@example.com? partner-access-token is unknown\"}"
	lead "parked${case% *}"
	wait_until 30 "${case% *} parks" parked_for "${case#* }"
	equal "$(state_of "$ID" hook) $(delivery "$ID" hook | jq .attempts)" "pending 0"
	answer_with '{"status":204,"body":""}'
	wait_until 30 "and it goes on by itself" delivered "$ID" hook
done
expect_no_text "neither person nor secret is in the log" "$(cat "$DIR/relay.log")" \
	'parked40|partner-access-token|query-secret|MfKQ9r8GK|next year'
expect_text "the words stand in the history" "$(ctl --json show "$ID")" 'who is parked410@example.com'
expect_no_text "without the secret" "$(ctl --json show "$ID")" 'partner-access-token'

# validate sends a test lead, or says that it did not.
expect_exit 0 ctl --json validate hook
equal "$(steps)" "resolve connect tls create"
equal "$(seen '.[-1] | [.lead.test, .verified, .lead.fields.nom]')" '[true,["new"],"leadrelay validate"]'
expect_text "what stays is told" "$ERR" 'stays at hook'
before=$(seen length)
expect_exit 0 ctl --json validate hook --no-lead
equal "$(steps)" "resolve connect tls"
expect_text "what was not tried is told" "$ERR" 'only a test lead tells'
equal "$(seen length)" "$before"

expect_exit 0 ctl replay "$redirected"
wait_until 30 "replayed, the redirected lead arrives" delivered "$redirected" hook
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
