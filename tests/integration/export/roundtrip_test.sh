#!/usr/bin/env bash
# Property: whatever leads came in, an export that is imported elsewhere gives the same leads, and its export the same again.
# SEED=n repeats one run; ROUNDS says how many requests of random leads are posted.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
ROUNDS=${ROUNDS:-12}
echo "SEED=$SEED"

relay_at() { # NAME: a configuration of its own, into $DIR/NAME
	mkdir "$DIR/$1"
	printf '%s\n' json-token-0123456789ab >"$DIR/$1/json.token"
	chmod 600 "$DIR/$1/json.token"
	cat >"$DIR/$1/leadrelay.yaml" <<YAML
state_dir: $DIR/$1/state
intake: { listen: ["127.0.0.1:0"], max_body: 4MiB }
sources:
  - { name: partner, kind: json, token_file: json.token, destinations: [archive] }
  - { name: files, kind: csv, destinations: [archive] }
destinations:
  - { name: archive, kind: file, path: $DIR/$1/archive.jsonl }
log: { level: warn }
YAML
	chmod 600 "$DIR/$1/leadrelay.yaml"
}
at() { "$BIN/leadctl" -c "$DIR/$1/leadrelay.yaml" "${@:2}"; }
start_at() { # NAME
	cp "$DIR/$1/leadrelay.yaml" "$DIR/leadrelay.yaml"
	cp "$DIR/$1/json.token" "$DIR/json.token"
	sed -i 's/level: warn/level: info/' "$DIR/leadrelay.yaml"
	start_relay
}
compare() { python3 "$(dirname "$0")/roundtrip.py" "$@"; }
leads() { at "$1" export --format jsonl | compare lines; }

relay_at first
start_at first
for round in $(seq "$ROUNDS"); do
	node "$(dirname "$0")/random_leads.mjs" $((SEED + round)) 40 >"$DIR/posted"
	post partner json-token-0123456789ab @"$DIR/posted"
	equal "$STATUS" 202 "$BODY (SEED=$SEED)"
done
stop_relay
equal "$STATUS" 0
count=$((ROUNDS * 40))

# What came in is what is exported, and CSV and JSON Lines say the same.
leads first >"$DIR/first.jsonl"
equal "$(wc -l <"$DIR/first.jsonl")" "$count"
expect "what was posted is what is exported (SEED=$SEED)" compare posted "$DIR/posted" "$DIR/first.jsonl"
at first export >"$DIR/first.csv"
compare csv "$DIR/first.csv" "$DIR/first.jsonl" || fail "the CSV and the lines differ (SEED=$SEED)"
said "CSV says the same as JSON Lines to a parser that is not ours"

# Through import into another relay, with the daemon up; and from there, with semicolons, into a third that is down.
relay_at second
start_at second
expect_exit 0 at second --json import "$DIR/first.csv" --source files
equal "$(jq -c '[.rows, .accepted, .duplicate, .rejected]' <<<"$OUT")" "[$count,$count,0,0]" "SEED=$SEED"
expect_exit 0 at second --json import "$DIR/first.csv" --source files
equal "$(jq -c '[.accepted, .duplicate, .rejected]' <<<"$OUT")" "[0,$count,0]" "SEED=$SEED"
leads second | cmp - "$DIR/first.jsonl" || fail "the imported leads differ (SEED=$SEED)"
stop_relay
equal "$STATUS" 0
at second export --delimiter ';' >"$DIR/second.csv"
relay_at third
start_at third
stop_relay
expect_exit 0 at third --json import "$DIR/second.csv" --source files
equal "$(jq -c '[.rows, .accepted, .duplicate, .rejected]' <<<"$OUT")" "[$count,$count,0,0]" "SEED=$SEED"
leads third | cmp - "$DIR/first.jsonl" || fail "the leads of the third relay differ (SEED=$SEED)"
said "the same leads, twice removed (SEED=$SEED)"
