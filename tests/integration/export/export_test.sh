#!/usr/bin/env bash
# leadctl export: CSV and JSON Lines, with the daemon up and down; harmless to spreadsheets and terminals; never silently cut short.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
start_relay
ctl destinations park crm --why "leads are to wait" >/dev/null

accept_lead plain@example.com
plain=$ID
cat >"$DIR/evil.json" <<'JSON'
{"last_name": "=HYPERLINK(\"http://x\",\"y\")", "first_name": "'s", "phone": "+46 8 123", "company": "Zoë, \"Söhne\"; & Co",
"title": "-1", "description": "one\r\ntwo\u001b[2J\u009b\u007f", "email": "evil@example.com",
"points": 12345678901234567890, "rate": 1.10, "deep": {"list": [1, "a,b", null]}}
JSON
post partner json-token-0123456789ab @"$DIR/evil.json"
equal "$STATUS" 202 "$BODY"
evil=$(jq -r .id <<<"$BODY")
post marketplace "$TOKEN" 'not json'
equal "$(jq -r .status <<<"$BODY")" quarantined
wait_until 20 "what the archive takes is there" delivered "$evil" archive
wait_until 20 "what the archive takes is there" delivered "$plain" archive

# CSV, read by a parser that is not ours (python's).
columns='id,received_at,source,test,first_name,last_name,full_name,email,phone,mobile,company,title,country,region,city,postal_code,street,website,offer_title,offer_id,product_id,action_code,lead_source,campaign,description,extra,deliveries'
rows() { # FILE [DELIMITER]: its rows as JSON Lines
	python3 - "$@" <<'PY'
import csv, json, sys
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file, strict=True, delimiter=sys.argv[2] if len(sys.argv) > 2 else ","):
        print(json.dumps(row))
PY
}
ctl export >"$DIR/leads.csv" 2>"$DIR/export.err"
expect_text "what is left out is told" "$(cat "$DIR/export.err")" '1 quarantined body was left out'
equal "$(head -n 1 "$DIR/leads.csv")" "$columns"$'\r'
rows "$DIR/leads.csv" >"$DIR/rows"
equal "$(jq -r .id "$DIR/rows" | tr '\n' ' ')" "$plain $evil " "oldest first"
row=$(tail -n 1 "$DIR/rows")
equal "$(jq -r .last_name <<<"$row")" "'=HYPERLINK(\"http://x\",\"y\")"
equal "$(jq -r .first_name <<<"$row")" "''s"
equal "$(jq -r .phone <<<"$row")" "'+46 8 123"
equal "$(jq -r .title <<<"$row")" "'-1"
equal "$(jq -r .company <<<"$row")" 'Zoë, "Söhne"; & Co'
equal "$(jq -r '.description' <<<"$row")" $'one\r\ntwo\e[2J\u009b\x7f' "in a file data stays what it is"
equal "$(jq -r .extra <<<"$row")" '{"points":12345678901234567890,"rate":1.10,"deep":{"list":[1,"a,b",null]}}'
equal "$(jq -r '[.source, .test, .deliveries] | join("|")' <<<"$row")" 'partner|false|crm:pending archive:delivered'
equal "$(head -n 1 "$DIR/rows" | jq -r '[.source, .email, .extra] | join("|")')" 'marketplace|plain@example.com|'
if grep -qP '(^|,)"?[=+\-@\t\r]' "$DIR/leads.csv"; then fail "a cell begins like a formula: $(cat "$DIR/leads.csv")"; fi
ctl export --delimiter ';' 2>/dev/null >"$DIR/semicolons.csv"
rows "$DIR/semicolons.csv" ';' | cmp - "$DIR/rows" || fail "semicolons change more than the delimiter"
ctl export --delimiter tab 2>/dev/null >"$DIR/tabs.csv"
rows "$DIR/tabs.csv" $'\t' | cmp - "$DIR/rows" || fail "tabs change more than the delimiter"
said "CSV that others read, and that no spreadsheet computes"

# JSON Lines: as show, without history.
ctl export --format jsonl >"$DIR/leads.jsonl" 2>/dev/null
equal "$(ctl --json export 2>/dev/null)" "$(cat "$DIR/leads.jsonl")"
equal "$(wc -l <"$DIR/leads.jsonl")" 2
tail -n 1 "$DIR/leads.jsonl" >"$DIR/last"
for id in "$plain" "$evil"; do
	shown=$(ctl --json show "$id" | jq -cS 'del(.deliveries[].history)')
	equal "$(jq -cS --arg id "$id" 'select(.id == $id)' "$DIR/leads.jsonl")" "$shown"
done
expect_text "numbers keep their digits" "$(cat "$DIR/last")" '"points":12345678901234567890,"rate":1.10,'
expect_text "and in show" "$(ctl --json show "$evil")" '"points":12345678901234567890,"rate":1.10,'

# The filters of list.
equal "$(ctl export --email EVIL@example.com --format jsonl 2>/dev/null | jq -r .id)" "$evil"
equal "$(ctl export --source marketplace --since 1h --state pending --destination crm --format jsonl 2>/dev/null | jq -r .id)" "$plain"
equal "$(ctl export --limit 1 --format jsonl 2>/dev/null | jq -r .id)" "$plain"
equal "$(ctl export --until 1h 2>/dev/null | wc -l)" 1 "only the heading"
equal "$(ctl export --state quarantined --format jsonl | jq -c '[.quarantined, .deliveries]')" '[true,[]]'
expect_exit 2 ctl export --format html
expect_exit 2 ctl --json export --format csv
expect_exit 2 ctl export --delimiter '|'
expect_exit 2 ctl export --state gone
equal "$OUT" ""
expect_exit 2 ctl export leads.csv
expect_exit 4 ctl export --source nowhere
equal "$OUT" ""

# On a terminal nothing moves the cursor.
script -qec "$BIN/leadctl -c $DIR/leadrelay.yaml export" /dev/null </dev/null >"$DIR/typescript" 2>&1
expect_text "a terminal shows control characters" "$(cat "$DIR/typescript")" 'one\\x0d\\ntwo\\x1b\[2J\\x9b\\x7f'
script -qec "$BIN/leadctl -c $DIR/leadrelay.yaml export --format jsonl" /dev/null </dev/null >"$DIR/typescript" 2>&1
if LC_ALL=C grep -q $'\e\[2J\|\xc2\x9b\|\x7f' "$DIR/typescript"; then fail "a control character reached the terminal"; fi

# What cannot be written is told.
expect_exit 1 sh -c "'$BIN/leadctl' -c '$DIR/leadrelay.yaml' export >/dev/full"
expect_text "a full disk" "$ERR" 'No space left on device; it is not complete'
mkfifo "$DIR/reader"
exec 3<>"$DIR/reader" 4>"$DIR/reader" 3>&-
expect_exit 1 sh -c "'$BIN/leadctl' -c '$DIR/leadrelay.yaml' export >&4"
exec 4>&-
expect_text "a reader that went away" "$ERR" 'Broken pipe; it is not complete'

# The daemon down: the same bytes, but for the state of what waits.
online=$(ctl export 2>/dev/null | md5sum)
stop_relay
equal "$STATUS" 0
equal "$(ctl export 2>/dev/null | md5sum)" "$online"
equal "$(ctl export --format jsonl 2>/dev/null | jq -cS 'del(.deliveries[].next_attempt_at)')" "$(jq -cS 'del(.deliveries[].next_attempt_at)' "$DIR/leads.jsonl")"
expect_exit 0 ctl check
