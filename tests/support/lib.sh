# lib.sh: what the integration and crash tests share: a scratch directory, the rehearsal CRM, the
# real daemon, and clients. Source it, call `setup BIN` first; everything started is ended on exit.
# A failed expectation prints what was seen and ends the test.
set -euo pipefail

setup() { # BIN: the folder with leadrelayd, leadctl and leadrelay-rehearsal
	BIN=$(cd "$1" && pwd)
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/leadrelay-test.XXXXXX")
	PIDS=()
	AT_END=() # commands that end what a kill -9 would leave behind
	trap 'teardown $?' EXIT
	trap 'exit 130' INT TERM
	unset LEADRELAY_CONFIG http_proxy https_proxy NOTIFY_SOCKET JOURNAL_STREAM
	TOKEN=marketplace-token-0123456789
}

teardown() {
	local status=$1 pid step
	set +e
	for step in ${AT_END[@]+"${AT_END[@]}"}; do "$step"; done 2>/dev/null
	for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill -KILL "$pid"; done 2>/dev/null
	wait 2>/dev/null
	mountpoint -q "$DIR/state" && umount "$DIR/state"
	if [ "$status" -ne 0 ]; then
		echo "--- test failed with $status; the last log lines of the daemon:"
		tail -n 40 "$DIR"/relay.log 2>/dev/null
	fi
	[ -n "${KEEP:-}" ] && echo "kept: $DIR" || rm -rf "$DIR"
	exit "$status"
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
said() { echo "ok: $*"; }

# expect WHAT COMMAND...: the command succeeds.
expect() {
	local what=$1
	shift
	"$@" || fail "$what: $*"
	said "$what"
}
# expect_exit CODE COMMAND...: it exits with exactly that code; its output stands in $OUT and $ERR.
expect_exit() {
	local code=$1 status=0
	shift
	OUT=$("$@" 2>"$DIR/stderr") || status=$?
	ERR=$(cat "$DIR/stderr")
	[ "$status" -eq "$code" ] || fail "exit $status instead of $code: $* | $OUT | $ERR"
}
expect_text() { # WHAT TEXT PATTERN
	grep -qE -- "$3" <<<"$2" || fail "$1: expected /$3/ in: $2"
	said "$1"
}
expect_no_text() { # WHAT TEXT PATTERN
	if grep -qE -- "$3" <<<"$2"; then fail "$1: did not expect /$3/ in: $2"; fi
	said "$1"
}
equal() { [ "$1" = "$2" ] || fail "expected '$2', got '$1' ${3:+($3)}"; }

# wait_until SECONDS WHAT COMMAND...: asks again until it succeeds. SECONDS are those of an idle machine; a busy one gets four times as many.
wait_until() {
	local until=$((SECONDS + 4 * $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ -z "${GONE:-}" ] || fail "$GONE"
		[ $SECONDS -lt $until ] || fail "waited in vain: $what"
		sleep 0.05
	done
}

start_crm() { # [options]: sets CRM (URL) and CRM_PID
	"$BIN/leadrelay-rehearsal" --listen 127.0.0.1:0 --port-file "$DIR/crm.port" \
		--secret "${CRM_SECRET:-rehearsal~secret.0+/=}" "$@" >"$DIR/crm.log" 2>&1 &
	CRM_PID=$!
	PIDS+=("$CRM_PID")
	wait_until 10 "the rehearsal CRM starts" test -s "$DIR/crm.port"
	CRM=http://127.0.0.1:$(cat "$DIR/crm.port")
}
crm() { curl -sS --fail-with-body -H 'Content-Type: application/json' "$CRM/_rehearsal/$1" "${@:2}"; }

# The standard configuration; a test appends to it or writes its own.
write_config() {
	printf '%s\n' "$TOKEN" >"$DIR/marketplace.token"
	printf '%s\n' "website-token-0123456789" >"$DIR/website.token"
	printf '%s\n' "json-token-0123456789ab" >"$DIR/json.token"
	printf '%s\n' "${CRM_SECRET:-rehearsal~secret.0+/=}" >"$DIR/crm.secret"
	chmod 600 "$DIR"/*.token "$DIR/crm.secret"
	cat >"$DIR/leadrelay.yaml" <<YAML
state_dir: $DIR/state
intake:
  listen: ["${LISTEN:-127.0.0.1:0}"]
sources:
  - { name: marketplace, kind: marketplace, token_file: marketplace.token, destinations: [crm, archive] }
  - { name: website, kind: form, token_file: website.token, destinations: [crm] }
  - { name: partner, kind: json, token_file: json.token, destinations: [crm, archive] }
destinations:
  - name: crm
    kind: dynamics365
    url: $CRM
    auth:
      method: azure_ad
      directory_id: 12345678-0000-0000-0000-000000000000
      client_id: 23456052-0000-0000-0000-000000000000
      client_secret_file: crm.secret
      authority: $CRM
    timeout: ${CRM_TIMEOUT:-5s}
    probe_interval: 1s
    max_concurrency: 16
  - { name: archive, kind: file, path: $DIR/archive.jsonl }
retry: { first: 100ms, factor: 2, longest: 1s, give_up_after: 14d }
log: { level: info }
YAML
	chmod 600 "$DIR/leadrelay.yaml"
}

start_relay() { # [wrapper...]: sets RELAY (URL) and RELAY_PID; returns when it is ready
	GONE=''
	touch "$DIR/relay.log"
	LOG_BEGIN=$(($(wc -l <"$DIR/relay.log") + 1))
	"$@" "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml" 2>>"$DIR/relay.log" &
	RELAY_PID=$!
	PIDS+=("$RELAY_PID")
	wait_until "${READY_SECONDS:-20}" "leadrelayd is ready" relay_answers
	kill -0 "$RELAY_PID" 2>/dev/null || fail "leadrelayd ended: $(tail -n 3 "$DIR/relay.log")"
}
relay_answers() {
	kill -0 "$RELAY_PID" 2>/dev/null || return 0 # it ended: no use in waiting
	local port
	port=$(relay_port) && [ -n "$port" ] && RELAY=http://127.0.0.1:$port &&
		curl -s -o /dev/null --max-time 2 "$RELAY/"
}
# The port it really listens on, from the line `started` of this process.
relay_port() { tail -n "+$LOG_BEGIN" "$DIR/relay.log" | sed -n 's/.* started .*listen=127\.0\.0\.1:\([0-9]*\).*/\1/p'; }

stop_relay() { # [SIGNAL]: ends it and returns its exit status in STATUS
	STATUS=0
	kill -"${1:-TERM}" "$RELAY_PID"
	wait "$RELAY_PID" || STATUS=$?
}

ctl() { "$BIN/leadctl" -c "$DIR/leadrelay.yaml" "$@"; }

# A marketplace lead; arguments: e-mail, action code.
marketplace_lead() {
	jq -cn --arg email "$1" --arg action "${2:-INS}" '{UserDetails:{FirstName:"Ana",LastName:"Silva",Email:$email,
		Phone:"16175550100",Country:"US",Company:"Fabrikam",Title:"CTO"},LeadSource:"AzureMarketplace",
		ActionCode:$action,OfferTitle:"Contoso Backup",Description:"asked for a demo"}'
}
# post SOURCE TOKEN BODY [curl options]: sets STATUS (HTTP) and BODY (answer).
post() {
	local answer
	answer=$(curl -sS --max-time 20 -w '\n%{http_code}' -H "Authorization: Bearer $2" --data-binary "$3" \
		-H 'Content-Type: application/json' "${@:4}" "$RELAY/in/$1")
	STATUS=${answer##*$'\n'}
	BODY=${answer%$'\n'*}
}
accept_lead() { # EMAIL: posts a marketplace lead, expects 202, sets ID
	post marketplace "$TOKEN" "$(marketplace_lead "$1")"
	equal "$STATUS" 202 "$BODY"
	ID=$(jq -r .id <<<"$BODY")
}

state_of() { # ID DESTINATION: the delivery's state
	ctl --json show "$1" | jq -r --arg d "$2" '.deliveries[] | select(.destination == $d) | .state'
}
delivered() { [ "$(state_of "$1" "$2")" = delivered ]; }
destination_state() { ctl --json status | jq -r --arg d "$1" '.destinations[] | select(.name == $d) | .state'; }
destination_is() { [ "$(destination_state "$1")" = "$2" ]; }
waiting_in_all() { ctl --json status | jq -r '.accounting.pending'; }
nothing_waits() { [ "$(waiting_in_all)" = 0 ]; }
accounting_holds() { ctl check; }
