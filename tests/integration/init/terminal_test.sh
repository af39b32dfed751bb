#!/usr/bin/env bash
# init on a terminal: asks, tries, asks again for just what is wrong; what is typed unseen stays unseen; Ctrl-C anywhere leaves nothing.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/common.sh"
setup "$1"
start_crm
prepare
TALK=$(dirname "$0")/talk.py
talk() { # ARGUMENTS of init; the script is standard input, "words => typed"
	sed 's/ => \?/\t/' >"$DIR/script"
	expect_exit "$WANT" "$TALK" "$DIR/script" "$BIN/leadctl" -c "$FILE" init "${OWN[@]}" "$@"
}

WANT=0
talk --authority "$CRM" <<SCRIPT
Environment URL: => http://127.0.0.1:1
Environment URL .http://127.0.0.1:1.: => $CRM
Authentication .azure_ad.: =>
Directory .tenant. ID: => $TENANT
Application .client. ID: => nonsense
GUID such as(.|\n|\r)*Application .client. ID .nonsense.: => $CLIENT
Client secret .not shown.: => not-the-secret
AADSTS7000215(.|\n|\r)*Client secret .not shown; Enter: the same.: => $CRM_SECRET
privilege(.|\n|\r)*It expires on: => tomorrow
a date(.|\n|\r)*It expires on .tomorrow.: => 2099-11-01
Contacts: => owner@contoso.com
Mail server: =>
Intake listens on .127.0.0.1:8080.: => 127.0.0.1:8081
Address from outside .https: => http://leads.contoso.com
https:// only(.|\n|\r)*Address from outside .http: => https://leads.contoso.com
SCRIPT
expect_no_text "what is typed unseen stays unseen" "$OUT" 's\$\{e\}c'
expect_no_text "also a wrong one" "$OUT" 'not-the-secret'
expect_text "where nobody listens" "$OUT" 'connect +.*FAILED'
equal "$(grep -c 'Directory (tenant) ID' <<<"$OUT")" 1 "what is right is asked once"
expect_text "the address for Partner Center" "$OUT" "https://leads.contoso.com/in/marketplace/$(cat "$DIR/etc/marketplace.token")"
equal "$(cat "$DIR/etc/crm.secret")" "$CRM_SECRET"
expect_exit 0 "$BIN/leadctl" -c "$FILE" config check
expect_text "the corrected date" "$(cat "$FILE")" 'expires: 2099-11-01'
expect_text "the corrected address" "$(cat "$FILE")" 'listen: ."127.0.0.1:8081".'
equal "$(crm counters | jq -c '[.creates, .deletes]')" '[1,1]'

# The file is there: nothing is asked.
WANT=2
talk </dev/null
expect_text "it says how" "$OUT" 'is there already'
expect_no_text "and asks nothing" "$OUT" 'Environment URL'

# Flags are not asked for; nothing that a remedy speaks of: what now?
rm -rf "$DIR/etc"/*
crm faults -X PUT -d '[{"fault":"role_missing"}]' >/dev/null
WANT=3
talk "${IDS[@]}" --secret-file "$DIR/right" --listen 127.0.0.1:0 --public-url https://leads.contoso.com --no-lead <<SCRIPT
Authentication =>
privilege(.|\n|\r)*try again.: => nonsense
"nonsense" is none(.|\n|\r)*try again.: =>
privilege(.|\n|\r)*try again.: => client-id
Application .client. ID .$CLIENT.: =>
privilege(.|\n|\r)*try again.: => skip
It expires on: =>
Contacts: =>
Mail server: =>
SCRIPT
expect_text "it is written all the same, and says that validate fails" "$OUT" 'does not pass yet'
expect_exit 0 "$BIN/leadctl" -c "$FILE" config check
crm faults -X DELETE >/dev/null

# Ctrl-C, or the input's end, at each question: nothing is there, and the terminal is as it was.
questions=("Environment URL: => $CRM" "Authentication =>" "Directory => $TENANT" "Application => $CLIENT" "Client secret => $CRM_SECRET" "It expires on =>"
	"Contacts => a@b.example" "Mail server =>" "Intake listens =>" "Address from outside =>")
for ((i = 0; i < ${#questions[@]}; i++)); do
	rm -rf "$DIR/etc"/*
	WANT=130
	talk --authority "$CRM" < <(
		((i == 0)) || printf '%s\n' "${questions[@]:0:i}"
		printf '%s => ^C\n' "${questions[i]%% =>*}"
	)
	nothing_written "after Ctrl-C at ${questions[i]%% =>*}"
	expect_text "it says so" "$OUT" 'nothing was written'
done
WANT=1
talk --authority "$CRM" < <(printf '%s\n' "${questions[@]:0:3}" "Application => ^D")
nothing_written "at the end of input"
# A shell around it sees its echo again after a Ctrl-C in the middle of a secret.
cat >"$DIR/around" <<SHELL
trap : INT
"$BIN/leadctl" -c "$FILE" init ${OWN[*]} --authority $CRM
echo "ended with \$?"
stty -a
SHELL
{ printf '%s\n' "${questions[@]:0:4}" "Client secret => ^C"; } | sed 's/ => \?/\t/' >"$DIR/script"
expect_exit 0 "$TALK" "$DIR/script" bash "$DIR/around"
expect_text "a secret is given up" "$OUT" 'ended with 130'
expect_text "what is typed is seen again" "$OUT" ' echo '
nothing_written
