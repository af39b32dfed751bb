#!/usr/bin/env bash
# leadctl with the daemon up and down: the same answers, the exit statuses of the contract, and what people see.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"

# Without any configuration.
expect_exit 0 "$BIN/leadctl" --help
expect_exit 0 "$BIN/leadctl" replay --help
expect_text "help has an example" "$OUT" '^Example:'
expect_exit 0 "$BIN/leadctl" --json version
equal "$(jq -r 'has("version")' <<<"$OUT")" true
expect_exit 2 "$BIN/leadctl"
expect_exit 2 "$BIN/leadctl" fly
expect_exit 2 "$BIN/leadctl" fly --high
expect_exit 2 "$BIN/leadctl" -c "$DIR/none.yaml" status

start_crm
write_config
expect_exit 0 ctl config check
sed 's/state_dir:/colour: green\nstate_dir:/' "$DIR/leadrelay.yaml" >"$DIR/bad.yaml"
chmod 600 "$DIR/bad.yaml"
expect_exit 2 "$BIN/leadctl" -c "$DIR/bad.yaml" config check
expect_text "FILE:LINE: key" "$ERR" 'bad.yaml:1: colour'

# Before the first start.
expect_exit 3 ctl --json status
equal "$(jq -r .state <<<"$OUT")" stopped
expect_exit 1 ctl list

start_relay
accept_lead ana@example.com
ana=$ID
wait_until 10 "ana is delivered" delivered "$ana" crm
wait_until 10 "ana is archived" delivered "$ana" archive
expect_exit 0 ctl --json status
equal "$(jq -c '[.state, .quarantined, .accounting.accepted, .accounting.difference]' <<<"$OUT")" '["running",0,2,0]'
equal "$(jq -r '.destinations | map(.name) | sort | join(" ")' <<<"$OUT")" "archive crm"
expect_exit 0 ctl status
expect_text "the accounting line" "$OUT" '^all 1 lead accounted for: 2 deliveries = 2 delivered'
expect_exit 0 ctl destinations park crm --why "migration until noon"
expect_exit 3 ctl --json status
accept_lead bea@example.com
bea=$ID
wait_until 10 "bea is archived" delivered "$bea" archive
equal "$(state_of "$bea" crm)" pending
expect_exit 0 ctl hold "$bea"
equal "$(jq -c . <<<"$(ctl --json show "$bea" | jq '[.deliveries[] | select(.destination == "crm") | .state]')")" '["held"]'

online=$(ctl --json list)
stop_relay
equal "$STATUS" 0

# Down: the same leads, by the same words.
equal "$(ctl --json list)" "$online"
expect_exit 3 ctl --json status
equal "$(jq -c '[.state, .uptime_s, .accounting.held]' <<<"$OUT")" '["stopped",null,1]'
equal "$(jq -c '.destinations[] | select(.name == "crm") | [.state, .reason]' <<<"$OUT")" '["parked","operator"]'
expect_exit 0 ctl --json destinations
equal "$(jq -r 'length' <<<"$OUT")" 2
expect_exit 0 ctl show "${bea:24}"
expect_text "a beginning or an end of the id will do" "$OUT" "lead $bea"
expect_text "what to do" "$OUT" "leadctl release $bea"
expect_exit 0 ctl show --raw "$ana"
equal "$(jq -r .UserDetails.Email <<<"$OUT")" ana@example.com
expect_exit 0 "$BIN/leadctl" -c "$DIR/bad.yaml" --json list
expect_text "a bad file is warned about" "$ERR" 'configuration is bad'
expect_exit 2 "$BIN/leadctl" -c "$DIR/bad.yaml" release "$bea"

# Filters, and who may be asked.
equal "$(ctl --json list --email ANA@example.com | jq -r .id)" "$ana"
equal "$(ctl --json list --email - <<<bea@example.com | jq -r .id)" "$bea"
equal "$(ctl --json list --state held --destination crm --source marketplace --since 1h | jq -r .id)" "$bea"
equal "$(ctl --json list --until 1h | wc -l)" 0
equal "$(ctl --json list --limit 1 | jq -r .id)" "$bea"
expect_exit 2 ctl list --state gone
expect_exit 2 ctl list --reason inval
expect_exit 2 ctl list --since noon
expect_exit 4 ctl list --destination nowhere
expect_exit 4 ctl show ffffffffffff
expect_exit 2 ctl show
expect_exit 2 ctl release --destination crm </dev/null
expect_text "nobody to ask" "$ERR" '--yes'
expect_exit 0 ctl --json release --destination crm --dry-run
equal "$(jq -c '[.matched, .changed, .dry_run, .by_reason]' <<<"$OUT")" '[1,0,true,{"none":1}]'
expect_exit 4 ctl release "$bea" ffffffffffff
equal "$(state_of "$bea" crm)" held
expect_exit 1 ctl replay "$ana"
expect_text "why not" "$ERR" 'crm is delivered.*--again'
expect_exit 2 ctl replay "$ana" --again --set surname=King
expect_exit 0 ctl --json release --destination crm --yes
equal "$(jq -c '[.matched, .changed, .refused]' <<<"$OUT")" '[1,1,0]'
expect_exit 1 ctl release "$bea"
expect_exit 0 ctl destinations resume crm
expect_exit 1 ctl destinations resume crm
expect_exit 4 ctl destinations resume nowhere
expect_exit 0 ctl --json check
equal "$(jq -c '[.ok, .integrity, .problems, .accounting.accepted]' <<<"$OUT")" '[true,"ok",[],4]'

# Up again: what was done meanwhile counts.
start_relay
wait_until 10 "bea is delivered" delivered "$bea" crm
expect_exit 0 ctl replay "$ana" --again --destination crm
wait_until 10 "ana again" delivered "$ana" crm
equal "$(crm records | jq .count)" 2
expect "the accounting holds" accounting_holds
stop_relay
equal "$STATUS" 0
