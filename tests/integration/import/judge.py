"""Judges one import of a corpus file: judge.py EXPECTED EXIT OUTPUT STDERR EXPORT

EXPECTED says exit, the counts, the errors (line, column, a pattern of the reason), a
pattern of standard error, and leads by their e-mail: the fields and extra they must have
at least; "fields" of a lead compare as far as named."""
import json
import re
import sys

expected = json.load(open(sys.argv[1]))
status, output, stderr = int(sys.argv[2]), open(sys.argv[3]).read(), open(sys.argv[4]).read()
leads = [json.loads(line) for line in open(sys.argv[5])]
wrong = []


def same(what, got, want):
    if got != want:
        wrong.append(f"{what}: {got!r} instead of {want!r}")


def judge_error(got, want):
    same("line", got["line"], want["line"])
    same("column", got["column"], want["column"])
    if not re.search(want["reason"], got["reason"]):
        wrong.append(f"line {got['line']}: reason {got['reason']!r} has no {want['reason']!r}")


def judge_lead(want):
    found = [lead for lead in leads if lead["fields"].get("email") == want["email"]]
    if len(found) != 1:
        wrong.append(f"{want['email']}: {len(found)} leads")
        return
    lead = found[0]
    for part in "fields", "extra":
        for name, value in want.get(part, {}).items():
            same(f"{want['email']} {part} {name}", lead[part].get(name), value)
    for name in "received_at", "test":
        if name in want:
            same(f"{want['email']} {name}", lead[name], want[name])


same("exit", status, expected["exit"])
if "stderr" in expected and not re.search(expected["stderr"], stderr):
    wrong.append(f"stderr {stderr!r} has no {expected['stderr']!r}")
if "rows" in expected and not wrong:
    result = json.loads(output)
    for name in "rows", "accepted", "duplicate", "rejected":
        same(name, result[name], expected[name])
    same("the sum", result["accepted"] + result["duplicate"] + result["rejected"], result["rows"])
    same("resumed_at_line", result["resumed_at_line"], None)
    same("errors", len(result["errors"]), len(expected["errors"]))
    for got, want in zip(result["errors"], expected["errors"]):
        judge_error(got, want)
    same("leads kept", len(leads), expected["accepted"])
    for want in expected["leads"]:
        judge_lead(want)
if wrong:
    sys.exit("\n".join(wrong) + "\n" + stderr)
