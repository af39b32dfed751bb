#!/usr/bin/env bash
# leadctl forget: afterwards no file of state_dir holds a byte of the person, and nothing but the person brings her back.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
# The archive outside of state_dir is somebody else's; mails wait for a server that is not there.
sed -i 's/    max_concurrency: 16/    max_concurrency: 16\n    contacts: "owner@contoso.com; second@contoso.com"/; s/website.token, destinations/website.token, on_invalid: quarantine, destinations/' "$DIR/leadrelay.yaml"
cat >>"$DIR/leadrelay.yaml" <<YAML
mail: { smtp: { url: "smtp://127.0.0.1:9", tls: none }, from: "relay@contoso.com", detail: full, digest: 1s }
YAML
ANA=Ana.Silva@example.com
names_her() { grep -rliE 'ana\.silva|Zebrafinch|\+3312345|Okapi' "$DIR/state"; }
no_trace() { # WHAT
	! names_her >"$DIR/traces" || fail "$1: traces in $(cat "$DIR/traces"): $(sqlite3 "$DIR/state/outbox.db" .dump | grep -iE 'ana\.silva|Zebrafinch|\+3312345|Okapi' | head -c 600)"
	said "$1: no trace"
}
her_lead() { # marks
	jq -cn --arg e "$ANA" --arg d "$1" '{first_name:"Zebrafinch",last_name:"Okapi",email:$e,phone:"+3312345",description:$d,note:{deep:["Okapi"]}}'
}
JSON=json-token-0123456789ab

start_relay
expect_exit 4 ctl forget nobody@example.com
expect_exit 2 ctl forget
expect_exit 2 ctl forget Okapi
post partner $JSON "$(her_lead delivered)"
equal "$STATUS" 202
first=$(jq -r .id <<<"$BODY")
wait_until 10 "delivered" delivered "$first" crm
wait_until 10 "archived" delivered "$first" archive
expect_exit 0 ctl destinations park crm --why "until later"
post partner $JSON "$(her_lead pending)"
pending=$(jq -r .id <<<"$BODY")
post partner $JSON "$(her_lead held)"
held=$(jq -r .id <<<"$BODY")
expect_exit 0 ctl hold --destination crm "$held"
post partner $JSON "$(her_lead dead)"
dead=$(jq -r .id <<<"$BODY")
post partner $JSON "$(her_lead discarded)"
expect_exit 0 ctl discard --destination crm "$(jq -r .id <<<"$BODY")"
# Her among others: an array, a mention, a body that cannot be read, a form.
post partner $JSON "[$(her_lead array),$(jq -cn '{last_name:"Other",email:"other@example.com"}')]"
equal "$STATUS" 202
other=$(jq -r '.ids[1]' <<<"$BODY")
post partner $JSON "$(jq -cn --arg e "$ANA" '{last_name:"Friend",email:"friend@example.com",description:("tell " + $e + "."),cc:[$e]}')"
friend=$(jq -r .id <<<"$BODY")
post partner $JSON "$(jq -cn '{last_name:"Namesake",email:"xana.silva@example.com",description:"not her"}')"
namesake=$(jq -r .id <<<"$BODY")
post marketplace "$TOKEN" "{\"broken: Zebrafinch Okapi ana.silva@example.com"
equal "$(jq -r .status <<<"$BODY")" quarantined
expect "a form" curl -sSf -o /dev/null --data 'last_name=Okapi&first_name=Zebrafinch&email=ana.silva%40example.com' \
	"$RELAY/in/website/website-token-0123456789"
for i in $(seq 30); do post partner $JSON "$(jq -cn --arg i "$i" '{last_name:"Many",email:("many" + $i + "@example.com")}')"; done
# A row that grew and shrank again leaves nothing where it stood, either.
for text in "$(printf 'Okapi %.0s' {1..900})" short; do
	expect_exit 0 ctl replay "$first" --again --destination archive --set "description=$text"
	wait_until 10 "archived again" delivered "$first" archive
done
names_her >/dev/null || fail "the test itself is blind"
stop_relay
# What a remote says may quote her, with her lead and with others'.
sqlite3 "$DIR/state/outbox.db" "PRAGMA secure_delete=ON;
	UPDATE delivery SET state = 4, error = 'plug-in: Okapi is known', settled_at = 1, reason = 14 WHERE lead = (SELECT seq FROM lead WHERE id = x'${dead//-/}') AND destination = 1;
	UPDATE destination SET pending = pending - 1, dead = dead + 1, died = died + 1 WHERE id = 1;
	INSERT INTO attempt SELECT id, 1, 5, 5, 5, 14, 400, 'ana.silva@EXAMPLE.com is a duplicate' FROM delivery WHERE lead = (SELECT seq FROM lead WHERE id = x'${friend//-/}') AND destination = 1;"
expect "sound before" ctl check
sums() { (ctl --json status || true) | jq -c .accounting; } # it exits 3: crm is parked
before=$(sums)
cp -a "$DIR/state" "$DIR/state.before"

forget_and_look() { # WHAT
	expect_exit 0 ctl --json forget - <<<"ANA.silva@EXAMPLE.com"
	equal "$(jq -c '[.leads, .blocked, .others]' <<<"$OUT")" '[8,false,1]'
	equal "$(jq -c '[.remote[] | select(.certain != false)]' <<<"$OUT")" "[{\"destination\":\"crm\",\"remote_id\":\"$first\"}]"
	equal "$(jq -r .notifications <<<"$OUT")" 14
	no_trace "$1"
	expect "$1: the books balance" ctl check
	after=$(sums)
	equal "$(jq -c '[.accepted, .difference]' <<<"$after")" "$(jq -c '[.accepted, 0]' <<<"$before")"
	equal "$(jq -c '[.pending + .held + .dead + .delivered + .discarded]' <<<"$after")" "$(jq -c '[.accepted]' <<<"$before")"
	equal "$(ctl --json list --limit 0 --email ana.silva@example.com | wc -l)" 0
	equal "$(ctl --json show "$other" | jq -r .fields.email)" other@example.com
	equal "$(ctl --json show "$friend" | jq -c '[.fields.email, .fields.description, .extra.cc]')" '["friend@example.com","tell (erased).",["(erased)"]]'
	equal "$(ctl --json show "$namesake" | jq -r .fields.email)" xana.silva@example.com
	expect_exit 4 ctl show "$first"
	expect_exit 4 ctl show --raw "$other"
	expect_exit 4 ctl forget ana.silva@example.com # nobody any more
}
# xana.silva is somebody else: not a trace.
names_her() { grep -rlaiE '(^|[^x])ana\.silva|Zebrafinch|\+3312345|Okapi' "$DIR/state"; }
forget_and_look "daemon down"
rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state"
start_relay
forget_and_look "daemon up"

# In words, the ids come first.
rm -rf "$DIR/words" && stop_relay && rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state" && start_relay
expect_exit 0 ctl forget ana.silva@example.com
equal "$(sed -n '2p' <<<"$OUT" | awk '{print $1, $2}')" "crm $first"
expect_text "and what was erased" "$OUT" '^erased: 8 leads, 14 notifications'

# A reader with an old state: told, and finished later.
stop_relay && rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state" && start_relay
mkfifo "$DIR/hold"
sqlite3 -readonly "$DIR/state/outbox.db" <"$DIR/hold" >"$DIR/reader.out" &
reader=$!
PIDS+=("$reader")
exec 7>"$DIR/hold"
accept_lead "somebody@example.com" # so that the WAL has something for the reader to stand on
echo "BEGIN; SELECT 'reads', count(*) FROM lead;" >&7
wait_until 10 "the reader reads" grep -q reads "$DIR/reader.out"
expect_exit 3 ctl forget ana.silva@example.com
expect_text "who blocks" "$ERR" 'blocked by a reader'
equal "$(ctl --json list --limit 0 --email ana.silva@example.com | wc -l)" 0
exec 7>&-
wait "$reader" || true
expect_exit 0 ctl --json forget ana.silva@example.com
equal "$(jq -c '[.leads, .blocked]' <<<"$OUT")" '[0,false]'
no_trace "after the reader"

# Killed in the middle: the rest follows.
stop_relay && rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state"
expect_exit 137 env LEADRELAY_FAULT=forget.mid_batch:kill:3 "$BIN/leadctl" -c "$DIR/leadrelay.yaml" forget ana.silva@example.com
expect_exit 0 ctl forget ana.silva@example.com
no_trace "after a kill"
expect "sound after a kill" ctl check

# Nobody but she herself brings her back.
start_relay
expect_exit 1 ctl replay "$other" --again --set "email=$ANA"
expect_text "why not" "$ERR" 'asked to be forgotten'
post marketplace "$TOKEN" '{"broken: second'
lost=$(jq -r .id <<<"$BODY")
expect_exit 1 ctl replay "$lost" --set last_name=Okapi --set email=ana.silva@example.com
no_trace "refused"
post partner $JSON "$(her_lead again)"
equal "$STATUS" 202
equal "$(ctl --json list --email ana.silva@example.com | jq -r .id)" "$(jq -r .id <<<"$BODY")"

# What is on its way is let arrive, and its id is told; what the answer says is kept nowhere.
expect_exit 0 ctl destinations resume crm
nothing_due() { [ "$(ctl --json destinations | jq -r '.[] | select(.name == "crm") | .pending')" = 0 ]; }
wait_until 30 "crm has everything" nothing_due
crm faults -X POST --data '{"fault":"latency","where":"create","ms":2000,"times":-1}' >/dev/null
post partner $JSON "$(her_lead flying)"
flying=$(jq -r .id <<<"$BODY")
in_flight() { ctl --json destinations | jq -e '.[] | select(.name == "crm") | .in_flight > 0'; }
wait_until 10 "it is on its way" in_flight
expect_exit 0 ctl --json forget ana.silva@example.com
jq -e --arg id "$flying" '.remote | any(.destination == "crm" and .remote_id == $id)' <<<"$OUT" >/dev/null || fail "the id of what was on its way: $OUT"
no_trace "after one on its way"

# Somebody else's file in state_dir is told of.
post partner $JSON "$(her_lead again)"
printf 'x Ana.Silva@Example.com y' >"$DIR/state/notes.txt"
expect_exit 3 ctl forget ana.silva@example.com
expect_text "another file" "$ERR" 'notes.txt still names the person'
stop_relay
equal "$STATUS" 0
if grep -iE 'ana\.silva|Okapi' "$DIR/relay.log"; then fail "the log names her"; fi
said "forget"
