#!/usr/bin/env bash
# init without a terminal: flags for everything, each tried on the rehearsal CRM; nothing is written before all of it is right.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
source "$(dirname "$0")/common.sh"
setup "$1"
make_certificate
# an application certificate
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/app.key" -out "$DIR/app.crt" -days 60 -subj /CN=app 2>/dev/null
start_crm --certificate "$DIR/app.crt" --username relay@contoso.com --password 'p$${x}"w'
prepare

# Who cannot be asked is told all that is missing.
expect_exit 2 init </dev/null
expect_text "every missing flag is named" "$ERR" '--url .*--directory-id .*--client-id .*--secret-file '
expect_exit 2 init --url "$CRM" --auth office365 --client-id $CLIENT </dev/null
expect_text "those of the method, too" "$ERR" 'missing is --username .*--secret-file'
expect_no_text "organizations is where office365 looks" "$ERR" 'directory-id'
expect_exit 2 init words </dev/null
expect_exit 2 init --secret sesame </dev/null
nothing_written

# Wrong answers: named by their flags, in config_load's words; then the CRM's own.
expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" --expires soon </dev/null
expect_text "a date that is none" "$ERR" '--expires: .*a date, such as'
expect_exit 2 init "${IDS[@]:0:6}" --client-id nonsense --secret-file "$DIR/right" </dev/null
expect_text "an id that is none" "$ERR" '--client-id: .*GUID'
expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" --listen 0.0.0.0:8443 --tls-certificate "$DIR/mail.crt" --tls-key "$DIR/app.key" </dev/null
expect_text "a key of another certificate" "$ERR" '--tls-key: .*does not belong'
expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" --listen 0.0.0.0:8443 </dev/null
expect_text "beyond loopback TLS is needed" "$ERR" '--tls-certificate .*--tls-key'
expect_exit 1 init "${IDS[@]}" --secret-file "$DIR/nowhere" </dev/null
expect_text "a secret file that is not there" "$ERR" "--secret-file: $DIR/nowhere: No such file"
expect_exit 1 init --url http://127.0.0.1:1 "${IDS[@]:2}" --secret-file "$DIR/right" </dev/null
expect_text "where nobody listens" "$OUT" 'connect +FAILED'
expect_exit 1 init "${IDS[@]}" --secret-file "$DIR/wrong" </dev/null
expect_text "a wrong secret: the cause" "$OUT" 'AADSTS7000215'
expect_text "and the remedy" "$OUT" 'remedy: put the secret'
expect_text "nothing was written" "$ERR" 'nothing was written'
expect_exit 1 init "${IDS[@]}" --secret-file "$DIR/wrong" --json </dev/null
expect_text "with --json the cause is told, too" "$ERR" 'token: .*AADSTS7000215'
crm faults -X PUT -d '[{"fault":"role_missing"}]' >/dev/null
expect_exit 1 init "${IDS[@]}" --secret-file "$DIR/right" </dev/null
expect_text "without the role" "$OUT" 'privilege +FAILED'
crm faults -X DELETE >/dev/null
nothing_written

expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" --admin everywhere </dev/null
expect_text "an address that is none" "$ERR" '--admin: .*IP address'

# Right: from standard input; what is written is good, private, and delivers.
umask 000
expect_exit 0 init "${IDS[@]}" --secret-file - --contacts 'owner@contoso.com; sales@contoso.com' --expires 2099-11-01 \
	--public-url https://leads.contoso.com/ --listen 127.0.0.1:0 --admin 127.0.0.1:0 <"$DIR/right"
umask 022
expect_no_text "no secret on the terminal" "$OUT$ERR" 's\$\{e\}c'
for name in leadrelay.yaml crm.secret marketplace.token admin.token; do
	equal "$(mode_of "$DIR/etc/$name")" "600 $(id -un)" "$name"
done
equal "$(cat "$DIR/etc/crm.secret")" "$CRM_SECRET"
token=$(cat "$DIR/etc/marketplace.token")
[ ${#token} -ge 32 ] || fail "a short token: $token"
expect_text "the address for Partner Center" "$OUT" "https://leads.contoso.com/in/marketplace/$token\$"
expect_text "how it is started" "$OUT" "leadrelayd -c $FILE"
expect_text "where the page is, and what it asks for" "$OUT" "http://127.0.0.1:0/ .*$DIR/etc/admin.token"
expect_text "validate was its last step" "$OUT" 'delete +OK'
equal "$(crm counters | jq -c '[.creates, .deletes]')" '[1,1]'
expect_exit 0 "$BIN/leadctl" -c "$FILE" config check
expect_no_text "nobody is told without mail, which is said" "$ERR" 'bad'
cp "$FILE" "$DIR/leadrelay.yaml.first"
ln -s "$FILE" "$DIR/leadrelay.yaml"
for name in crm.secret marketplace.token admin.token; do cp -p "$DIR/etc/$name" "$DIR/"; done
start_relay
post marketplace "$token" "$(marketplace_lead first@example.com)"
equal "$STATUS" 202 "$BODY"
wait_until 10 "what init wrote delivers" nothing_waits
equal "$(crm records | jq -r '.records[0].emailaddress1')" first@example.com
page=http://$(sed -n 's/.* started .*admin=\([0-9.:]*\).*/\1/p' "$DIR/relay.log")
equal "$(curl -s -o /dev/null -w '%{http_code}' "$page/api/v1/status")" 401
equal "$(curl -s -H "Authorization: Bearer $(cat "$DIR/admin.token")" "$page/api/v1/status" | jq -r '.sources[0].accepted')" 1
stop_relay
equal "$STATUS" 0

# What is there stays.
snapshot() { (cd "$DIR/etc" && sha256sum -- *.yaml *.secret *.token && ls -A); }
before=$(snapshot)
expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" </dev/null
expect_text "it says how" "$ERR" 'is there already.*--force'
# --force: a failed check leaves all as it was; then the old ones are kept, and the token with Microsoft's address stays.
expect_exit 1 init "${IDS[@]}" --secret-file "$DIR/wrong" --force </dev/null
equal "$(snapshot)" "$before"
expect_exit 0 init "${IDS[@]}" --secret-file "$DIR/right" --force --json --no-lead --mail-server smtp://127.0.0.1:25 --no-checks \
	--mail-user relay --mail-password-file "$DIR/wrong" --mail-from '"Relay, lead" <relay@contoso.com>' --alerts-to ops@contoso.com </dev/null
equal "$(jq -r '[.ok, .validate] | @json' <<<"$OUT")" '[true,null]'
equal "$(jq -r '.written[]' <<<"$OUT" | xargs -n 1 basename | sort | tr '\n' ' ')" "crm.secret leadrelay.yaml smtp.password "
cmp "$(jq -r '.aside[] | select(contains("yaml"))' <<<"$OUT")" "$DIR/leadrelay.yaml.first"
equal "$(cat "$DIR/etc/marketplace.token")" "$token"
cmp "$DIR/etc/admin.token" "$DIR/admin.token"
expect_text "its address has the same token" "$(jq -r .partner_center_url <<<"$OUT")" "/in/marketplace/$token\$"
equal "$(cat "$DIR/etc/smtp.password")" not-the-secret
expect_exit 0 "$BIN/leadctl" -c "$FILE" config check
expect_text "a sender with quotes" "$(cat "$FILE")" 'from: "\\"Relay, lead\\" <relay@contoso.com>"'
rm -f "$FILE"
expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" </dev/null
expect_text "a secret file without its configuration is not overwritten either" "$ERR" 'marketplace.token is there already'

# Each kind of authentication.
again() { rm -rf "$DIR/etc" "$DIR/leadrelay.yaml" && mkdir -m 0755 "$DIR/etc"; }
again
expect_exit 0 init "${IDS[@]}" --auth azure_ad_certificate --certificate "$DIR/app.crt" --key "$DIR/app.key" --no-lead </dev/null
expect_text "by certificate" "$OUT" 'token +OK .*given for the certificate'
[ ! -e "$DIR/etc/crm.secret" ] || fail "a secret file for a certificate"
again
printf '%s\n' 'p$${x}"w' >"$DIR/password"
expect_exit 1 init "${IDS[@]:0:4}" --auth office365 --client-id 51f81489-12ee-4a9e-aaae-a2591f45987d --directory-id $TENANT \
	--username relay@contoso.com --secret-file "$DIR/wrong" --no-lead </dev/null
expect_text "a wrong password" "$OUT" 'AADSTS50126'
expect_no_text "no advice for a relay that runs" "$OUT" 'destinations resume'
expect_exit 0 init "${IDS[@]:0:4}" --auth office365 --client-id 51f81489-12ee-4a9e-aaae-a2591f45987d --directory-id $TENANT \
	--username relay@contoso.com --secret-file "$DIR/password" --no-lead --admin none </dev/null
[ ! -e "$DIR/etc/admin.token" ] || fail "a token of no page"
expect_no_text "without a page" "$OUT$(cat "$FILE")" '8090|admin'
expect_text "by password" "$OUT" 'token +OK .*given for the password'

# The mail server is tried, too; TLS of its own.
again
printf '%s\n' "$SMTP_PASSWORD" >"$DIR/smtp.password"
start_smtp --user relay --password-file "$DIR/smtp.password"
mail=(--mail-server "smtp://localhost:$SMTP_PORT" --mail-ca-file "$DIR/mail.crt" --mail-user relay --mail-from relay@contoso.com --contacts ops@contoso.com)
tls=(--listen 0.0.0.0:8443 --tls-certificate "$DIR/mail.crt" --tls-key "$DIR/mail.key")
expect_exit 1 init "${IDS[@]}" --secret-file "$DIR/right" "${mail[@]}" --mail-password-file "$DIR/wrong" </dev/null
expect_text "a wrong mail password" "$OUT" 'mail +FAILED'
nothing_written
expect_exit 0 init "${IDS[@]}" --secret-file "$DIR/right" "${mail[@]}" --mail-password-file "$DIR/smtp.password" "${tls[@]}" --no-lead </dev/null
expect_text "the mail server takes mail" "$OUT" 'mail +OK'
expect_text "the address has the certificate's name and the port" "$OUT" 'https://localhost:8443/in/marketplace/'
expect_text "alerts go to the contacts" "$(cat "$FILE")" 'alerts_to: ops@contoso.com'
expect_exit 0 "$BIN/leadctl" -c "$FILE" config check
equal "$(smtp /counters | jq .mails)" 0

# A folder that cannot be written to: nothing half.
again
expect_exit 2 "$BIN/leadctl" -c "$DIR/nowhere/leadrelay.yaml" init "${OWN[@]}" "${IDS[@]}" --secret-file "$DIR/right" </dev/null
expect_text "a folder that is not there" "$ERR" 'there is no folder'
mkdir "$DIR/etc/crm.secret"
expect_exit 1 init "${IDS[@]}" --secret-file "$DIR/right" </dev/null
equal "$(ls -A "$DIR/etc")" crm.secret
rmdir "$DIR/etc/crm.secret"

# As root for another account: all is that account's, and it is that account that validates.
if [ "$(id -u)" -eq 0 ]; then
	OWN=(--owner nobody)
	expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" "${tls[@]}" </dev/null
	expect_text "what that account cannot read" "$ERR" 'nobody cannot read .*mail.key'
	nothing_written
	expect_exit 0 init "${IDS[@]}" --secret-file "$DIR/right" --no-lead </dev/null
	for name in leadrelay.yaml crm.secret marketplace.token; do
		equal "$(mode_of "$DIR/etc/$name")" "600 nobody" "$name"
	done
	equal "$(stat -c '%a %U' "$DIR/etc/state")" "700 nobody"
	expect_text "it is started as that account" "$OUT" 'runuser -u nobody -- leadrelayd'
fi
OWN=(--owner nobody-of-that-name)
expect_exit 2 init "${IDS[@]}" --secret-file "$DIR/right" </dev/null
