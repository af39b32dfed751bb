"""What roundtrip_test.sh compares: leads as other programs read them, numbers by their digits.

lines         standard input: `export --format jsonl`; prints what a lead is, a line each
posted A B    the leads of the JSON array A came out as the last lines of B
csv A B       the CSV export A says the same as the lines B
"""
import csv
import json
import sys

FORMULA = tuple("=+-@\t\r\n") + ("＝", "＋", "－", "＠")


class Number(dict):
    def __init__(self, text):
        super().__init__(number=text)


def parse(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


def read_lines(name):
    with open(name, encoding="utf-8", newline="") as file:
        return [parse(line) for line in file.read().split("\n") if line]


def lines():
    for line in sys.stdin.buffer.read().decode().split("\n"):
        if line:
            lead = parse(line)
            print(json.dumps({name: lead[name] for name in ("id", "received_at", "test", "fields", "extra")}, sort_keys=True))


def field_text(value):  # what intake makes of a field
    return value["number"] if isinstance(value, Number) else value.strip()


def posted(name, kept):
    leads = parse(open(name, encoding="utf-8").read())
    for lead, line in zip(leads, read_lines(kept)[-len(leads):]):
        for key, value in lead.items():
            if "|" in str(lead.get("lead_source")) and key in ("lead_source", "action_code", "offer_id"):
                continue  # a composite is split
            if key in line["extra"]:
                same = line["extra"][key] == untouched(value)
            else:
                same = line["fields"].get(key) == field_text(value)
            if not same:
                sys.exit(f"{key}: posted {value!r}, exported {line}")


def untouched(value):  # as the lines have numbers
    return json.loads(json.dumps(value))


def plain(cell):  # the README's rule
    if cell.startswith(FORMULA):
        sys.exit(f"not guarded: {cell!r}")
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA + ("'",)) else cell


def compare_csv(name, kept):
    csv.field_size_limit(1 << 30)
    with open(name, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    leads = read_lines(kept)
    if len(rows) != len(leads):
        sys.exit(f"{len(rows)} rows, {len(leads)} leads")
    for row, lead in zip(rows, leads):
        row = {column: plain(cell) for column, cell in row.items() if column not in ("source", "deliveries")}
        read = {"id": row.pop("id"), "received_at": row.pop("received_at"), "test": row.pop("test") == "true",
                "extra": untouched(parse(row.pop("extra") or "{}")), "fields": {field: cell for field, cell in row.items() if cell}}
        if read != lead:
            sys.exit(f"the row says\n{read}\nand the line\n{lead}")


{"lines": lines, "posted": posted, "csv": compare_csv}[sys.argv[1]](*sys.argv[2:])
