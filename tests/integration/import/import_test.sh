#!/usr/bin/env bash
# leadctl import: every row once, told with its line; with the daemon and without; again, corrected, interrupted.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
sed -i 's|^destinations:|  - { name: fair, kind: csv, destinations: [crm, archive, emea], map: { Stand: campaign }, set: { lead_source: fair } }\ndestinations:|' "$DIR/leadrelay.yaml"
sed -i "s|^retry:|  - { name: emea, kind: file, path: $DIR/emea.jsonl, when: { country: [FR, UK] } }\nretry:|" "$DIR/leadrelay.yaml"
counts() { jq -c '[.rows, .accepted, .duplicate, .rejected]' <<<"$1"; }
cat >"$DIR/fair.csv" <<'CSV'
Prénom;Nom;E-mail;Société;Pays;Stand;Couleur
Ada;Lovelace;ada@example.com;ACME;UK;12;bleu
Bob;;bob@example.com;;US;;
;;;;FR;;
Eve;;eve@example.com
Zoé;;zoe@example.fr;;FR;;
CSV

# Without a daemon, into an outbox that does not exist yet: counted, shown, nothing written.
mkdir -m 700 "$DIR/state"
expect_exit 3 ctl import "$DIR/fair.csv" --source fair --dry-run
expect_text "a dry run shows rows as they would be stored" "$OUT" 'campaign +12'
expect_text "constants included" "$OUT" 'lead_source +fair'
expect_text "and what no field takes" "$OUT" 'extra +\{"Couleur":"bleu"\}'
expect_text "and what is rejected, with its line" "$OUT" 'line 5: 3 cells, where the heading has 7'
expect_exit 3 ctl --json import "$DIR/fair.csv" --source fair --dry-run
equal "$(counts "$OUT")" '[5,3,0,2]'
equal "$(jq -c '[.dry_run, (.preview | length), .preview[0].fields.email]' <<<"$OUT")" '[true,3,"ada@example.com"]'
equal "$(ls -A "$DIR/state")" ''

# Taken, with a file of what was not.
expect_exit 3 ctl --json import "$DIR/fair.csv" --source fair --rejects "$DIR/rejects.csv"
equal "$(counts "$OUT")" '[5,3,0,2]'
equal "$(jq -c '[.resumed_at_line, .dry_run, .errors[].line]' <<<"$OUT")" '[null,false,4,5]'
equal "$(stat -c %a "$DIR/rejects.csv")" 600
equal "$(head -n 1 "$DIR/rejects.csv" | tr -d '\r')" 'Prénom;Nom;E-mail;Société;Pays;Stand;Couleur;_line;_reason'
expect "the accounting holds" accounting_holds
equal "$(ctl --json status | jq -c '.sources[] | select(.name == "fair") | [.accepted, .rejected]')" '[3,2]'

# The same again adds nothing; what is not corrected stays rejected; what is, is taken.
expect_exit 3 ctl --json import "$DIR/fair.csv" --source fair
equal "$(counts "$OUT")" '[5,0,3,2]'
expect_exit 3 ctl --json import "$DIR/rejects.csv" --source fair
equal "$(counts "$OUT")" '[2,0,0,2]'
sed -e 's/^;;;;FR/Léa;;;;FR/' -e 's/^Eve;/Eve;Moon/' "$DIR/rejects.csv" >"$DIR/corrected.csv"
expect_exit 0 ctl --json import "$DIR/corrected.csv" --source fair
equal "$(counts "$OUT")" '[2,2,0,0]'
expect_exit 2 ctl import "$DIR/fair.csv" --source fair --rejects "$DIR/fair.csv"
expect_text "the input is not overwritten by its rejects" "$ERR" 'is what is being imported'

# A daemon delivers them; while it runs, import goes through its socket.
start_relay
wait_until 60 "everything is delivered" nothing_waits
equal "$(jq -s 'length' "$DIR/archive.jsonl")" 5
equal "$(jq -r .fields.first_name "$DIR/emea.jsonl" | sort | paste -sd ' ')" 'Ada Léa Zoé'
equal "$(jq -c 'select(.fields.first_name == "Ada") | [.fields.campaign, .fields.lead_source, .extra.Couleur]' "$DIR/archive.jsonl")" '["12","fair","bleu"]'
id=$(ctl --json list --email ada@example.com | jq -r .id)
equal "$(ctl show "$id" --raw)" 'Ada;Lovelace;ada@example.com;ACME;UK;12;bleu'
printf 'name,email,action\nAnn,ann@example.com,DNC\nMSFT_TEST_636573304831318844,t@test.com,INS\n' >"$DIR/more.csv"
expect_exit 0 ctl --json import "$DIR/more.csv" --source fair
equal "$(counts "$OUT")" '[2,2,0,0]'
wait_until 60 "the new ones, too" nothing_waits
equal "$(ctl --json list --email t@test.com | jq .test)" true
expect_exit 3 ctl --json import "$DIR/fair.csv" --source fair
equal "$(counts "$OUT")" '[5,0,3,2]'
post fair "$TOKEN" '{}'
equal "$STATUS" 404

# Standard input; a delimiter of one's own; what a column is.
expect_exit 0 ctl --json import - --source fair --delimiter '|' --map 'who=email' --map 'when=created' <<<$'who|when\nx@example.com|2026-01-02'
equal "$(counts "$OUT")" '[1,1,0,0]'
equal "$(ctl --json list --email x@example.com | jq -r .received_at)" 2026-01-02T00:00:00.000Z
expect_exit 0 ctl --json import - --source fair --delimiter '|' --map 'who=email' --map 'when=created' <<<$'who|when\nx@example.com|2026-01-02'
equal "$(counts "$OUT")" '[1,0,1,0]'

# A row with bytes that no text has stays rejected until somebody corrects it.
printf 'email,company\nnul\0l@example.com,A\nno@example.com,\377\376\nyes@example.com,\303\251\n' >"$DIR/bytes.csv"
expect_exit 3 ctl --json import "$DIR/bytes.csv" --source fair --encoding UTF-8 --rejects "$DIR/bytes-rejects.csv"
equal "$(counts "$OUT")" '[3,1,0,2]'
expect_text "the value is told, escaped" "$(jq -r '.errors[0].reason' <<<"$OUT")" '^"nul.x00l@example.com" holds a NUL'
expect_exit 3 ctl --json import "$DIR/bytes-rejects.csv" --source fair
equal "$(counts "$OUT")" '[2,0,0,2]'
sed 's/nul l@/nul@/' "$DIR/bytes-rejects.csv" >"$DIR/bytes-corrected.csv"
expect_exit 3 ctl --json import "$DIR/bytes-corrected.csv" --source fair
equal "$(counts "$OUT")" '[2,1,0,1]'

# What is refused before anything is done.
expect_exit 1 ctl import "$DIR/fair.csv" --source fair --rejects "$DIR/nowhere/rejects.csv"
expect_text "a folder that is not there is told, and what to do" "$ERR" 'no such folder; create it'
expect_exit 4 ctl import "$DIR/fair.csv" --source nobody
expect_text "a source that is not there names those that are" "$ERR" 'sources of kind csv: fair'
expect_exit 2 ctl import "$DIR/fair.csv" --source website
expect_text "another kind of source is told" "$ERR" 'takes requests, not files'
expect_exit 2 ctl import "$DIR/fair.csv"
expect_exit 2 ctl import "$DIR/fair.csv" --source fair --map 'Nose=email'
expect_text "a column that is not there is told with those that are" "$ERR" 'no column "Nose".*Prénom, Nom'
expect_exit 2 ctl import "$DIR/fair.csv" --source fair --map 'Nom=nose'
expect_exit 2 ctl import "$DIR/fair.csv" --source fair --map 'Nom=last_name' --map 'nom=first_name'
expect_text "a column for two fields is told" "$ERR" '"Nom" is last_name already'
expect_exit 2 ctl import "$DIR/fair.csv" --source fair --encoding klingon
expect_exit 2 ctl import "$DIR/fair.csv" --source fair --delimiter ab
expect_exit 1 ctl import "$DIR/absent.csv" --source fair
expect_exit 1 ctl import "$DIR" --source fair

# Ctrl-C behind the batch at hand; the same command goes on.
python3 - "$DIR/long.csv" <<'PY'
import sys
with open(sys.argv[1], "w") as f:
    f.write("name,email\n" + "".join(f"L{i},l{i}@example.com\n" for i in range(10000)))
PY
ctl destinations park crm --why "only the outbox counts here" >/dev/null
"$BIN/leadctl" -c "$DIR/leadrelay.yaml" --json import "$DIR/long.csv" --source fair >"$DIR/out" 2>"$DIR/err" &
import=$!
PIDS+=("$import")
some_taken() { [ "$(ctl --json status | jq '.sources[] | select(.name == "fair") | .accepted')" -gt 100 ]; }
wait_until 60 "some rows are taken" some_taken
kill -INT "$import"
status=0
wait "$import" || status=$?
if [ "$status" -eq 1 ]; then
	expect_text "an interrupted import says how to go on" "$(cat "$DIR/err")" 'the same command goes on from there'
	taken=$(jq .rows "$DIR/out")
	[ "$taken" -lt 10000 ] || fail "it was not interrupted"
	expect_exit 0 ctl --json import "$DIR/long.csv" --source fair
	equal "$(counts "$OUT")" '[10000,10000,0,0]'
	equal "$(jq .resumed_at_line <<<"$OUT")" $((taken + 2))
else
	equal "$status" 0 "it was quicker than the interruption"
fi
equal "$(ctl --json list --limit 0 | jq -r .email | grep -c '^l[0-9]*@')" 10000

# Requests are taken while a file is imported.
sed 's/@example/@example2/' "$DIR/long.csv" >"$DIR/long2.csv"
ctl --json import "$DIR/long2.csv" --source fair >"$DIR/out" &
import=$!
PIDS+=("$import")
for i in 1 2 3 4 5 6 7 8 9 10; do accept_lead "web$i@example.com"; done
wait "$import"
equal "$(counts "$(cat "$DIR/out")")" '[10000,10000,0,0]'
expect "the accounting holds" accounting_holds
