#!/usr/bin/env bash
# Configuration errors in words; SIGHUP; a bad file refused while the old one runs on; secrets and certificates that change; a
# destination that goes away and comes back; three crashes in a row.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
good=$DIR/good.yaml
cp -p "$DIR/leadrelay.yaml" "$good"

# Every error names file, line, key, what is wrong and what is allowed; the store is not touched.
refused() { # WHAT SED-EXPRESSION PATTERN
	sed "$2" "$good" >"$DIR/leadrelay.yaml"
	expect_exit 2 ctl config check
	expect_text "$1" "$OUT$ERR" "leadrelay.yaml:[0-9]+: $3"
	expect_exit 2 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml"
	expect_text "$1: the daemon says the same" "$ERR" "leadrelay.yaml:[0-9]+: $3"
}
refused "an unknown key" 's/^retry:/retri:/' '.*retri: unknown key.*retry'
refused "a bad duration" 's/first: 100ms/first: soon/' '.*first: .*soon'
refused "a bad kind" 's/kind: form/kind: fax/' '.*kind: .*fax.*marketplace'
refused "two of one name" 's/name: website/name: marketplace/' '.*marketplace'
refused "an unknown destination" 's/destinations: \[crm, archive\]/destinations: [crm, attic]/' '.*attic'
refused "a missing key" '/client_id:/d' '.*client_id: missing'
refused "an unset variable" 's/name: archive, kind: file, path: .*/name: archive, kind: file, path: "${NO_SUCH_VARIABLE}" }/' '.*NO_SUCH_VARIABLE'
refused "plain HTTP beyond loopback" 's/127.0.0.1:0"\]/0.0.0.0:0"]/' '.*listen: .*'
refused "a missing secret file" 's/crm.secret/nowhere.secret/' '.*nowhere.secret'
[ ! -e "$DIR/state" ] || fail "the store was touched"
printf 'short\n' >"$DIR/website.token"
refused "a token too short" '' '.*token.*16'
printf '%s\n' website-token-0123456789 >"$DIR/website.token"
cp -p "$good" "$DIR/leadrelay.yaml"

start_relay
accept_lead one@example.com
wait_until 10 "a lead passes" delivered "$ID" crm

reloads() { grep -c 'configuration reloaded' "$DIR/relay.log" || true; }
reload() { # waits until it is done
	local before
	before=$(reloads)
	kill -HUP "$RELAY_PID"
	reloaded() { [ "$(reloads)" -gt "$before" ]; }
	wait_until 10 "the configuration is reloaded" reloaded
}

# A bad file is refused, and the running one stays.
sed 's/^retry:/retri:/' "$good" >"$DIR/leadrelay.yaml"
kill -HUP "$RELAY_PID"
logged() { grep -q "$1" "$DIR/relay.log"; }
wait_until 10 "the error is logged" logged 'retri: unknown key'
accept_lead two@example.com
wait_until 10 "and leads still pass" delivered "$ID" crm
cp -p "$good" "$DIR/leadrelay.yaml"

# A new token beside the old one.
printf '%s\n%s\n' "$TOKEN" second-token-0123456789 >"$DIR/marketplace.token"
reload
post marketplace second-token-0123456789 "$(marketplace_lead three@example.com)"
equal "$STATUS" 202 "$BODY"
post marketplace "$TOKEN" "$(marketplace_lead four@example.com)"
equal "$STATUS" 202 "the old token is valid too"

# A destination goes while leads wait for it: parked as removed, and it comes back.
crm settings -X POST --data '{"online":false}' >/dev/null
accept_lead waits@example.com
waits=$ID
sed -e '/name: crm$/,/max_concurrency/d' -e 's/destinations: \[crm, archive\]/destinations: [archive]/; s/destinations: \[crm\]/destinations: [archive]/' "$good" >"$DIR/leadrelay.yaml"
reload
equal "$(destination_state crm)" parked
equal "$(ctl --json status | jq -r '.destinations[] | select(.name == "crm") | .reason')" removed
stop_relay
equal "$STATUS" 0
start_relay
equal "$(destination_state crm)" parked "after a restart too"
equal "$(state_of "$waits" crm)" pending
crm settings -X POST --data '{"online":true}' >/dev/null
cp -p "$good" "$DIR/leadrelay.yaml"
reload
wait_until 15 "with its destination back the lead is delivered" delivered "$waits" crm

# Three crashes in a row: leads are accepted, nothing is delivered until someone says so.
for _ in 1 2 3; do
	stop_relay KILL
	start_relay
done
accept_lead crashed@example.com
expect_text "status says so" "$(ctl status || true)" 'intake only'
equal "$(state_of "$ID" archive)" pending
expect_exit 0 ctl resume
wait_until 10 "after resume it is delivered" delivered "$ID" crm
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
expect_no_text "no secret in the log" "$(cat "$DIR/relay.log")" 'token-0123456789|rehearsal~secret'
