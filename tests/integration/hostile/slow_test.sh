#!/usr/bin/env bash
# slowhttptest with 1,000 connections: slow heads (Slowloris), slow bodies, slow readers; a healthy client posts meanwhile, and each
# of its posts gets 202.
#
# First with the limits as they are by default, where one address gets no more than 100 connections and a client at another one
# notices nothing. Then with the limit per address out of the way, as if the thousand came from everywhere.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
CRM=http://127.0.0.1:9 # nobody there: not a destination of this test
write_config
ulimit -n 8192 2>/dev/null || ulimit -n "$(ulimit -Hn)"
configure() { # LINES of intake
	cat >"$DIR/leadrelay.yaml" <<YAML
state_dir: $DIR/state
intake:
  listen: ["${LISTEN:-127.0.0.1:0}"]
$1
sources:
  - { name: partner, kind: json, token_file: json.token, destinations: [archive] }
destinations:
  - { name: archive, kind: file, path: $DIR/archive.jsonl }
YAML
}
posted=0
healthy() { # one post from another address; a few seconds are allowed, not more
	posted=$((posted + 1))
	STATUS=$(curl -s -o "$DIR/answer" -w '%{http_code}' --max-time 20 --interface 127.0.0.2 \
		-H 'Authorization: Bearer json-token-0123456789ab' -H 'Content-Type: application/json' --data "{\"last_name\":\"Healthy $posted\"}" "$RELAY/in/partner") || true
	equal "$STATUS" 202 "a healthy post was answered: $(cat "$DIR/answer" 2>/dev/null)"
}
descriptors() { find "/proc/$RELAY_PID/fd" -mindepth 1 2>/dev/null | wc -l; }

# attack MODE MOST LEAST: what slowhttptest does for some seconds; the daemon holds at most MOST descriptors, and once at least LEAST.
attack() {
	local mode=$1 most=$2 least=$3 seen=0 now
	slowhttptest "$mode" -c 1000 -r 400 -l 6 -i 1 -p 20 -x 24 -s 4096 -w 1 -y 2 -n 1 -z 1 -k 3 -t POST -v 0 \
		-u "$RELAY/in/partner/json-token-0123456789ab" >"$DIR/slow.log" 2>&1 &
	local pid=$!
	PIDS+=("$pid")
	while kill -0 $pid 2>/dev/null; do
		healthy
		now=$(descriptors)
		[ "$now" -le "$seen" ] || seen=$now
	done
	wait $pid || true
	[ "$seen" -le "$most" ] || fail "$mode: $seen descriptors, where the limits allow $most"
	[ "$seen" -ge "$least" ] || fail "$mode: $seen descriptors: the attack did not happen: $(tail -n 5 "$DIR/slow.log")"
	said "$mode: $posted healthy posts so far, at most $seen descriptors"
}

configure ""
start_relay
# 100 of that address, as many again that are told 503 and close, and what a daemon has open anyway.
for mode in -H -B -X; do attack $mode 300 60; done
stop_relay
equal "$STATUS" 0

configure "  max_connections: 1200
  max_connections_per_address: 1100
  request_timeout: 3s"
start_relay
for mode in -H -B -X; do attack $mode 1300 150; done
gone() { [ "$(descriptors)" -lt 100 ]; }
wait_until 60 "the slow ones are ended by their deadline" gone
healthy

wait_until 15 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
equal "$(jq -r .fields.last_name "$DIR/archive.jsonl" | sort -u | wc -l)" "$posted" "each healthy post is one lead"
equal "$(wc -l <"$DIR/archive.jsonl")" "$posted"
stop_relay
equal "$STATUS" 0
