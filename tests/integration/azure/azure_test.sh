#!/usr/bin/env bash
# Leads into a table service that we did not write (Azurite): by key and by SAS, the table made when missing, repeats, refused
# signatures, and a daemon that is killed on its way.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
here=$(cd "$(dirname "$0")" && pwd)
key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==

start_azurite() { # sets TABLES (URL); keeps AZURITE_PORT once it has one
	local try
	mkdir -p "$DIR/azurite"
	for try in 1 2 3 4 5; do
		[ -n "${AZURITE_PORT:-}" ] ||
			AZURITE_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		node "$here/../../node_modules/.bin/azurite-table" --location "$DIR/azurite" \
			--tableHost 127.0.0.1 --tablePort "$AZURITE_PORT" >"$DIR/azurite.log" 2>&1 &
		AZURITE_PID=$!
		PIDS+=("$AZURITE_PID")
		TABLES=http://127.0.0.1:$AZURITE_PORT/devstoreaccount1
		wait_until 60 "Azurite starts" azurite_settled
		kill -0 "$AZURITE_PID" 2>/dev/null && return 0
		AZURITE_PORT=
	done
	fail "Azurite: $(cat "$DIR/azurite.log")"
}
azurite_settled() { ! kill -0 "$AZURITE_PID" 2>/dev/null || grep -q 'successfully started' "$DIR/azurite.log"; }
table() { node "$here/table.mjs" "$TABLES" "$@"; }
of_table() { { ctl --json status || true; } | jq -r --arg k "$1" '.destinations[0][$k]'; } # status exits 3 when parked
connection_string() { echo "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=$1;TableEndpoint=$TABLES;"; }

configure() { # extra lines of the destination
	cat >"$DIR/leadrelay.yaml" <<YAML
state_dir: $DIR/state
intake: { listen: ["127.0.0.1:0"] }
sources:
  - { name: marketplace, kind: marketplace, token_file: marketplace.token, destinations: [table] }
  - { name: partner, kind: json, token_file: json.token, destinations: [table] }
destinations:
  - name: table
    kind: azure_table
    timeout: 30s
    probe_interval: 1s
    max_concurrency: ${CONCURRENCY:-4}
$1
retry: { first: 100ms, longest: 1s }
YAML
	chmod 600 "$DIR/leadrelay.yaml"
}
printf '%s\n' "$TOKEN" >"$DIR/marketplace.token"
printf '%s\n' json-token-0123456789ab >"$DIR/json.token"
chmod 600 "$DIR"/*.token
start_azurite
write_key() {
	connection_string "$1" >"$DIR/account"
	chmod 600 "$DIR/account"
}
write_key $key
configure "    connection_string_file: account"

# validate goes the whole way, creates the table, and leaves nothing in it.
expect_exit 0 ctl --json validate table
equal "$(jq -c '[.steps[].step]' <<<"$OUT")" '["resolve","connect","tls","table","create","read","delete"]'
equal "$(table get MarketplaceLeads)" '[]'

# A lead in the marketplace's columns.
start_relay
accept_lead ana@example.com
first=$ID
wait_until 30 "the lead is delivered" delivered "$first" table
entity=$(table get MarketplaceLeads | jq -c --arg id "$first" '.[] | select(.RowKey == $id)')
equal "$(jq -r '.CustomerInfo | fromjson | .FirstName + " " + .LastName + " " + .Email + " " + .Company' <<<"$entity")" "Ana Silva ana@example.com Fabrikam"
equal "$(jq -r '.LeadSource + " " + .ActionCode + " " + .OfferDisplayName + " " + .Description' <<<"$entity")" \
	"AzureMarketplace INS Contoso Backup asked for a demo"
expect_text "the partition is a day" "$(jq -r .PartitionKey <<<"$entity")" '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
equal "$(ctl --json show "$first" | jq -r '.deliveries[0].remote_id')" "$(jq -r '.PartitionKey + "/" + .RowKey' <<<"$entity")"

# The same lead again: recognised by its key.
expect_exit 0 ctl replay "$first" --again
again() { ctl --json show "$first" | jq -e '[.deliveries[0].history[].outcome] == ["delivered", "already_there"]'; }
wait_until 30 "the repeat is recognised" again
equal "$(table get MarketplaceLeads | jq length)" 1

# Texts beyond what an entity holds are cut, and named; odd characters survive.
long=$(head -c 70000 /dev/zero | tr '\0' 'x')
post partner json-token-0123456789ab "$(jq -cn --arg d "$long" '{last_name:"Ångström\u2028\"😀\"",description:$d,note:{"a":[1,2.5]}}')"
equal "$STATUS" 202 "$BODY"
ID=$(jq -r .id <<<"$BODY")
wait_until 30 "the long lead is delivered" delivered "$ID" table
entity=$(table get MarketplaceLeads | jq -c --arg id "$ID" '.[] | select(.RowKey == $id)')
equal "$(jq -r '.Description | length' <<<"$entity")" 32768
equal "$(jq -r '.CustomerInfo | fromjson | .LastName' <<<"$entity" | jq -Rr .)" "$(jq -rn '"Ångström\u2028\"😀\""')"
equal "$(jq -r .Extra <<<"$entity")" '{"note":{"a":[1,2.5]}}'
expect_text "what was cut is named" "$(ctl --json show "$ID" | jq -r '.deliveries[0].history[0].error')" 'cut to what an entity holds: Description'

# A wrong key: parked in the service's words with a remedy; the right one in the file mends it, and the lead was not lost.
write_key "A${key:1}"
sleep 1
kill -HUP "$RELAY_PID"
accept_lead refused@example.com
wait_until 30 "a refused signature parks" destination_is table parked
refused=$ID
equal "$(of_table reason)" unauthorized
expect_text "in the service's words" "$(of_table error)" 'HTTP 403: Server failed to authenticate the request.*\(Auth'
expect_exit 3 ctl validate table
expect_text "validate says what to do" "$OUT" "remedy: check the account's key"
equal "$(state_of "$refused" table)" pending
equal "$(ctl --json show "$refused" | jq '.deliveries[0].attempts')" 0 "a refused key costs no attempt"
write_key $key
wait_until 40 "the changed file mends it" delivered "$refused" table
wait_until 10 "the destination is open again" destination_is table open

# The service goes away and comes back. (SIGINT, as it writes what it holds to disk every 5 s and when it is asked to end.)
kill -INT "$AZURITE_PID"
wait "$AZURITE_PID" 2>/dev/null || true
accept_lead away@example.com
accept_lead away2@example.com
failed() { [ "$(ctl --json show "$ID" | jq '.deliveries[0].history | length')" -gt 0 ]; }
wait_until 30 "nobody answers" failed
start_azurite
wait_until 60 "they arrive when it is back" nothing_waits

# Killed on its way, three times: one entity per lead.
leads() { jq -cn --arg n "$1" '[range(200) | {last_name: "Many", email: "many\($n)-\(.)@example.com"}]'; }
begun() { [ "$(of_table delivered)" -gt "$before" ]; }
halfway=0
for round in 1 2 3; do
	before=$(($(of_table delivered) + round * 5))
	post partner json-token-0123456789ab "$(leads $round)"
	equal "$STATUS" 202 "$BODY"
	wait_until 30 "some are delivered" begun
	kill -KILL "$RELAY_PID"
	wait "$RELAY_PID" 2>/dev/null || true
	[ "$(of_table pending)" -eq 0 ] || halfway=$((halfway + 1))
	start_relay
done
[ $halfway -gt 0 ] || fail "it was never killed on its way"
expect "three unclean ends ask for a word" ctl resume
wait_until 120 "all of them arrive" nothing_waits
entities=$(table get MarketplaceLeads)
equal "$(jq '[.[] | select(.CustomerInfo | contains("many"))] | length' <<<"$entities")" 600
equal "$(jq '[.[].RowKey] | (length - (unique | length))' <<<"$entities")" 0
ctl --json list --limit 0 | jq -r .id | sort >"$DIR/ids"
jq -r '.[].RowKey' <<<"$entities" | sort >"$DIR/rows"
expect "the table holds the leads and nothing else" cmp "$DIR/ids" "$DIR/rows"
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0

# By SAS, with the least that is enough.
table create Partners
sas_is() {
	table sas "$@" >"$DIR/table.sas"
	chmod 600 "$DIR/table.sas"
}
by_sas="    url: $TABLES
    sas_file: table.sas
    table: Partners"
sas_is Partners a
configure "$by_sas"
expect_exit 0 ctl --json validate table
expect_text "reading is not allowed, which is fine" "$(jq -r '.steps[] | select(.step == "table") | .detail' <<<"$OUT")" 'may not read, which is fine'
expect_text "nor is deleting" "$(jq -r '.steps[] | select(.step == "delete") | .detail' <<<"$OUT")" 'not allowed to, which is fine'
start_relay
accept_lead sas@example.com
wait_until 30 "a lead passes by SAS" delivered "$ID" table
equal "$(table get Partners | jq -r --arg id "$ID" '.[] | select(.RowKey == $id) | .CustomerInfo | fromjson | .Email')" sas@example.com
# One that has ended.
sas_is Partners a 2024-01-01T00:00:00Z
kill -HUP "$RELAY_PID"
accept_lead ended@example.com
wait_until 30 "an ended SAS parks" destination_is table parked
expect_text "and is named" "$(of_table error)" 'the SAS expired at 2024-01-01T00:00:00.000Z'
equal "$(of_table credential_expires)" 2024-01-01
sas_is Partners a
wait_until 40 "a new one mends it" delivered "$ID" table
# One that may not create the table that is missing.
sas_is Missing a
configure "${by_sas/Partners/Missing}"
kill -HUP "$RELAY_PID"
accept_lead missing@example.com
wait_until 30 "a missing table parks" destination_is table parked
equal "$(of_table reason)" environment
expect_text "and says what is missing" "$(of_table error)" 'the table Missing does not exist, and this SAS may not create it'
table create Missing
wait_until 40 "once it is there" delivered "$ID" table
expect_exit 0 ctl config check
sas_is Missing r
expect_exit 2 ctl config check
expect_text "a SAS that may not add is told at its key" "$ERR" 'leadrelay.yaml:[0-9]+: destinations.table.sas: its permissions'
stop_relay
equal "$STATUS" 0
sig=$(sed 's/.*sig=//' "$DIR/table.sas")
expect_no_text "no secret in the log" "$(cat "$DIR/relay.log")" "${key:0:20}|sig=|${sig:0:12}"
expect_no_text "no personal data in the log" "$(cat "$DIR/relay.log")" 'example\.com|Silva|Fabrikam|Ångström'
