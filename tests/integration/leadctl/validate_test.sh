#!/usr/bin/env bash
# validate: each step on the production code path, the first failure with cause and remedy, the test lead gone again.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config

steps() { jq -r '[.steps[] | .step + (if .ok then "" else "!" end)] | join(" ")' <<<"$OUT"; }

expect_exit 0 ctl --json validate crm
equal "$(steps)" "resolve connect tls token whoami privilege create read delete"
equal "$(jq -c '[.destination, .ok]' <<<"$OUT")" '["crm",true]'
equal "$(crm counters | jq -c '[.creates, .deletes, .records]')" '[1,1,0]'
expect_exit 0 ctl --json validate crm --no-lead
equal "$(steps)" "resolve connect tls token whoami privilege"
equal "$(crm counters | jq .creates)" 1
expect_exit 0 ctl --json validate archive
equal "$(steps)" open
expect_exit 0 ctl --json validate
equal "$(jq -r '[.destinations[].destination] | sort | join(" ")' <<<"$OUT")" "archive crm"
expect_exit 0 ctl validate
expect_text "a line for each step" "$OUT" '^  privilege +OK '
[ ! -s "$DIR/archive.jsonl" ] || fail "the test lead reached the archive"
[ ! -e "$DIR/state" ] || fail "validate touched the outbox"
expect_exit 4 ctl validate nowhere

# failing FAULT STEPS WORDS: the first failure ends it, with cause and remedy.
failing() {
	crm faults -X PUT -d "[$1]" >/dev/null
	expect_exit 3 ctl --json validate crm
	equal "$(steps)" "$2"
	expect_text "the cause of $1" "$(jq -r '.steps[-1].error' <<<"$OUT")" "$3"
	[ -n "$(jq -r '.steps[-1].remedy // empty' <<<"$OUT")" ] || fail "no remedy for $1"
	crm faults -X DELETE >/dev/null
}
failing '{"fault":"secret_expired"}' "resolve connect tls token!" AADSTS7000222
failing '{"fault":"role_missing"}' "resolve connect tls token whoami privilege!" prvCreateLead
failing '{"fault":"storage_full"}' "resolve connect tls token whoami privilege create!" 0x80072325
equal "$(crm records | jq .count)" 0

# Not allowed to delete is no failure; the operator is told what stays.
crm faults -X PUT -d '[{"fault":"forbidden","where":"delete"}]' >/dev/null
expect_exit 0 ctl --json validate crm
expect_text "what stays is told" "$ERR" 'stays at crm'
crm faults -X DELETE >/dev/null

# Nobody listens.
kill -TERM "$CRM_PID"
wait "$CRM_PID" || true
expect_exit 3 ctl --json validate crm
equal "$(steps)" "resolve connect!"
sed "s|url: http://127.0.0.1:[0-9]*|url: https://crm.invalid|" "$DIR/leadrelay.yaml" >"$DIR/lost.yaml"
chmod 600 "$DIR/lost.yaml"
expect_exit 3 "$BIN/leadctl" -c "$DIR/lost.yaml" --json validate crm
equal "$(steps)" "resolve!"
