#!/usr/bin/env bash
# Files people really have, and nasty ones: each with what must come of it next to it.
source "$(dirname "$0")/../../support/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
corpus=$here/../../corpus/csv
setup "$1"
CRM=http://127.0.0.1:1 # never asked
write_config
sed -i 's|^destinations:|  - { name: fair, kind: csv, destinations: [archive] }\ndestinations:|' "$DIR/leadrelay.yaml"

judge() { # NAME CSV EXPECTED
	local status=0
	rm -rf "$DIR/state"
	mkdir -m 700 "$DIR/state"
	ctl --json import "$2" --source fair >"$DIR/out" 2>"$DIR/err" || status=$?
	: >"$DIR/leads"
	[ ! -f "$DIR/state/outbox.db" ] || ctl export --format jsonl >"$DIR/leads"
	python3 "$here/judge.py" "$3" "$status" "$DIR/out" "$DIR/err" "$DIR/leads" || fail "$1"
	[ ! -f "$DIR/state/outbox.db" ] || ctl check >/dev/null || fail "$1: the accounting"
	said "$1"
}

for csv in "$corpus"/*.csv; do
	judge "$(basename "$csv" .csv)" "$csv" "${csv%.csv}.json"
done

# Those too large to be kept.
python3 - "$DIR" <<'PY'
import json, sys
folder = sys.argv[1]
def put(name, text, **expected):
    open(f"{folder}/{name}.csv", "wb").write(text)
    json.dump(expected, open(f"{folder}/{name}.json", "w"))
put("long_cell", b"name,email,notes\nAda,a@example.com," + b"x" * 1_000_000 + b"\nBob,b@example.com,ok\n",
    exit=3, rows=2, accepted=1, rejected=1, duplicate=0, leads=[{"email": "b@example.com", "fields": {"description": "ok"}}],
    errors=[{"line": 2, "column": "notes", "reason": "more than 256 KiB"}])
put("long_line", b"name,email\n" + b"x" * 3_000_000 + b",a@example.com\nBob,b@example.com\n",
    exit=3, rows=2, accepted=1, rejected=1, duplicate=0, leads=[], errors=[{"line": 2, "column": None, "reason": "more than 1 MiB"}])
wide = ",".join(f"c{i}" for i in range(10_000))
put("many_columns", f"email,{wide}\na@example.com,{wide}\n".encode(),
    exit=0, rows=1, accepted=1, rejected=0, duplicate=0, errors=[], leads=[{"email": "a@example.com", "extra": {"c9999": "c9999"}}])
put("mixed_encodings", ("name,email\n" + "".join(f"Zoé {i},z{i}@example.com\n" for i in range(4000))).encode()
    + b"Andr\xe9,andre@example.com\n", exit=3, rows=4001, accepted=4000, rejected=1, duplicate=0,
    errors=[{"line": 4002, "column": "name", "reason": r'"Andr\\xe9" is not UTF-8'}], leads=[{"email": "z3999@example.com"}])
put("never_closed", b'name,email\n"Ada,a@example.com\n' + b"Bob,b@example.com\n" * 3,
    exit=3, rows=4, accepted=1, duplicate=2, rejected=1, leads=[], errors=[{"line": 2, "column": "name", "reason": "never closed"}])
PY
for csv in "$DIR"/*.csv; do
	judge "$(basename "$csv" .csv)" "$csv" "${csv%.csv}.json"
done
