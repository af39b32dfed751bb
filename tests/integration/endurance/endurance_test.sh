#!/usr/bin/env bash
# What a night on a small server brings, in short form: no descriptors left, reload after reload under load, a foreign program that
# holds the outbox open, three crashes in a row. Nothing is lost, nobody is turned away for good: endurance_test.sh BIN [RELOADS]
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
reloads=${2:-60}
start_crm
write_config
sed -i 's/^  listen: .*/&\n  rate_per_address: 100000\/s/' "$DIR/leadrelay.yaml"

all_arrived() { # FILE of ids
	local records
	records=$(crm records | jq -r '.records[].leadid' | tr A-F a-f | sort -u)
	[ -z "$(comm -23 <(sort -u "$1") <(printf '%s\n' "$records"))" ]
}
# load SECONDS-FILE IDS: posts until the file is gone; an answer that is not 202 goes to $DIR/refused.
load() {
	while [ -e "$1" ]; do
		post marketplace "$TOKEN" "$(marketplace_lead "load$RANDOM$RANDOM@example.com")" || { echo "connection refused" >>"$DIR/refused"; continue; }
		if [ "$STATUS" = 202 ]; then jq -r .id <<<"$BODY" >>"$2"; else echo "$STATUS" >>"$DIR/refused"; fi
	done
}

# No descriptors left: idle connections take them all; when they go, everything goes on.
start_relay prlimit --nofile=60:60
accept_lead before@example.com
node -e '
const net = require("net"), [host, port] = [process.argv[1], Number(process.argv[2])];
const sockets = Array.from({ length: 200 }, () => net.connect(port, host).on("error", () => {}));
setTimeout(() => { for (const s of sockets) s.destroy(); }, 3000);
' 127.0.0.1 "${RELAY##*:}" &
PIDS+=($!)
sleep 1.5
kill -0 "$RELAY_PID" || fail "it ended without descriptors"
taken() { post marketplace "$TOKEN" "$(marketplace_lead after@example.com)" && [ "$STATUS" -lt 300 ]; }
wait_until 20 "a lead is taken again" taken
wait_until 20 "and delivered" nothing_waits
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0

# Reload after reload while leads come in.
start_relay
touch "$DIR/loading"
load "$DIR/loading" "$DIR/ids" &
loader=$!
PIDS+=("$loader")
for n in $(seq "$reloads"); do
	sed -i "s/^    max_concurrency: .*/    max_concurrency: $((n % 15 + 1))/" "$DIR/leadrelay.yaml"
	kill -HUP "$RELAY_PID"
	sleep 0.02
done
rm "$DIR/loading"
wait "$loader"
[ ! -s "$DIR/refused" ] || fail "refused while it reloaded: $(sort "$DIR/refused" | uniq -c)"
wait_until 30 "everything is delivered" nothing_waits
expect "every accepted lead is in the CRM" all_arrived "$DIR/ids"
said "$reloads reloads, $(wc -l <"$DIR/ids") leads accepted meanwhile"
expect "the books balance" accounting_holds

# A foreign program reads the outbox in one long transaction: intake and delivery go on.
mkfifo "$DIR/fifo"
sqlite3 "$DIR/state/outbox.db" <"$DIR/fifo" >/dev/null &
PIDS+=($!)
exec 9>"$DIR/fifo"
echo 'BEGIN; SELECT count(*) FROM lead;' >&9
sleep 0.5
for n in $(seq 20); do accept_lead "pinned$n@example.com"; done
wait_until 20 "delivered with a foreign reader" nothing_waits
exec 9>&-
expect "the books balance" accounting_holds

# Three crashes within ten minutes: it takes leads, delivers nothing, says so, and goes on when it is told to.
for n in 1 2 3; do
	kill -KILL "$RELAY_PID"
	wait "$RELAY_PID" 2>/dev/null || true
	start_relay
done
accept_lead careful@example.com
sleep 1
equal "$(state_of "$ID" crm)" pending
expect_exit 3 ctl status
expect_text "status says what to do" "$OUT" 'leadctl resume'
expect_exit 0 ctl resume
wait_until 20 "delivered after the word" nothing_waits
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
