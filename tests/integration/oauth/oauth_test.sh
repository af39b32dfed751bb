#!/usr/bin/env bash
# Tokens from an OAuth server that we did not write: by client secret, and by a certificate's signed assertion. A wrong secret is
# told in the server's words.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
tests=$(cd "$(dirname "$0")/../.." && pwd)
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/app.key" -out "$DIR/app.crt" -days 30 -subj /CN=leadrelay 2>/dev/null
chmod 600 "$DIR/app.key"
secret='s3cret~with.odd+chars/and=signs&more'
NODE_PATH=$tests/node_modules node "$tests/integration/oauth/server.mjs" "$DIR/oauth.port" "$DIR/app.crt" "$secret" >"$DIR/oauth.log" 2>&1 &
PIDS+=($!)
wait_until 30 "the OAuth server starts" test -s "$DIR/oauth.port"
CRM=http://127.0.0.1:$(cat "$DIR/oauth.port")

write_config
printf '%s\n' "$secret" >"$DIR/crm.secret"
configure() { # AUTH-LINES
	cat >"$DIR/leadrelay.yaml" <<YAML
state_dir: $DIR/state
intake: { listen: ["127.0.0.1:0"] }
sources:
  - { name: marketplace, kind: marketplace, token_file: marketplace.token, destinations: [crm] }
destinations:
  - name: crm
    kind: dynamics365
    url: $CRM
    auth: { $1, directory_id: 12345678-0000-0000-0000-000000000000, token_url: "$CRM/oauth/token" }
    probe_interval: 1s
retry: { first: 100ms, longest: 1s }
YAML
	chmod 600 "$DIR/leadrelay.yaml"
}
taken_by() { curl -sS "$CRM/seen" | jq -e --arg e "$1" --arg c "$2" '.leads[] | select(.emailaddress1 == $e and .client == $c)' >/dev/null; }

configure 'method: azure_ad, client_id: with-secret, client_secret_file: crm.secret'
start_relay
for n in 1 2 3; do accept_lead "secret$n@example.com"; done
wait_until 15 "leads pass with a client secret" taken_by secret3@example.com with-secret
wait_until 10 "nothing waits" nothing_waits
equal "$(curl -sS "$CRM/seen" | jq .tokens)" 1 "one token for all"

configure 'method: azure_ad_certificate, client_id: with-certificate, certificate: app.crt, key: app.key'
kill -HUP "$RELAY_PID"
switched() { grep -q 'configuration reloaded' "$DIR/relay.log"; }
wait_until 10 "the configuration is reloaded" switched
accept_lead certificate@example.com
wait_until 15 "leads pass with a certificate" taken_by certificate@example.com with-certificate
stop_relay
equal "$STATUS" 0

configure 'method: azure_ad, client_id: with-secret, client_secret_file: crm.secret'
printf 'wrong~secret\n' >"$DIR/crm.secret"
start_relay
accept_lead wrong@example.com
wait_until 15 "a wrong secret parks the destination" destination_is crm parked
expect_text "in the server's words" "$(ctl --json status | jq -r '.destinations[0].error')" 'client authentication failed'
expect_exit 3 ctl validate crm
expect_text "validate names step and cause" "$OUT" 'client authentication failed'
