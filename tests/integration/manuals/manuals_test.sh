#!/usr/bin/env bash
# The manuals say what the programs do, and are well formed.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
here=$(cd "$(dirname "$0")" && pwd)
man=$here/../../../tools/man

for path in "$man"/*.[1-8]; do
	page=$(basename "$path")
	expect "$page is clean under mandoc" test -z "$(mandoc -T lint -W warning "$path" 2>&1)"
	expect "$page is clean under groff" test -z "$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$path" 2>&1 >/dev/null)"
done

# The files that the examples name.
make_pair() { # NAME
	openssl req -x509 -newkey rsa:2048 -nodes -days 400 -subj "/CN=$1" \
		-keyout "$DIR/$1.key" -out "$DIR/$1.crt" 2>/dev/null
}
make_pair tls
make_pair app
cp "$DIR/tls.crt" "$DIR/corporate-ca.pem"
for secret in admin.token marketplace.token website.token crm.secret crm.password mail.secret smtp.password partner.authorization; do
	echo "a-secret-0123456789" >"$DIR/$secret"
done
echo "whsec_$(head -c 24 /dev/urandom | base64)" >"$DIR/partner.secret"
echo "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=$(head -c 64 /dev/urandom | base64 -w 0);EndpointSuffix=core.windows.net" >"$DIR/storage.account"
echo "sv=2022-11-02&sp=a&se=2090-01-01T00:00:00Z&tn=PartnerLeads&sig=$(head -c 32 /dev/urandom | base64 | sed 's/+/%2B/g; s/\//%2F/g; s/=/%3D/g')" >"$DIR/partner.sas"
chmod 600 "$DIR"/*.{key,token,secret,password,authorization,account,sas}
node "$here/keys.mjs" "$man/leadrelay.yaml.5" "$here/../../../README.md" "$BIN/leadctl" "$DIR" || fail "leadrelay.yaml(5) and the program differ"

# What the commands answer with --json, for the manual to be compared with.
start_crm
write_config
printf 'reports:\n  - { name: daily, every: day, directory: reports }\n' >>"$DIR/leadrelay.yaml"
sed -i 's/^destinations:/  - { name: fair, kind: csv, destinations: [crm] }\n&/' "$DIR/leadrelay.yaml"
sed -i 's/client_secret_file: crm.secret/&\n      expires: 2099-01-01/' "$DIR/leadrelay.yaml"
printf 'admin: { listen: "127.0.0.1:0" }\n' >>"$DIR/leadrelay.yaml"
start_relay
accept_lead one@example.com
mkdir "$DIR/answers"
answer() { # NAME COMMAND...: whatever its exit status
	ctl --json "${@:2}" >"$DIR/answers/$1.json" 2>"$DIR/stderr" || test $? -eq 3 || fail "$1: $(cat "$DIR/stderr")"
	[ -s "$DIR/answers/$1.json" ] || fail "$1 answers nothing"
}
wait_until 10 "it is delivered" nothing_waits
printf 'email,last_name\na@example.com,Doe\n,\n' >"$DIR/fair.csv"
mkdir "$DIR/new"
"$BIN/leadctl" -c "$DIR/new/leadrelay.yaml" --json init --url "$CRM" --authority "$CRM" --directory-id 12345678-0000-0000-0000-000000000000 \
	--client-id 23456052-0000-0000-0000-000000000000 --secret-file "$DIR/crm.secret" --listen 127.0.0.1:8080 --state-dir "$DIR/new-state" --no-lead \
	>"$DIR/answers/init.json" 2>"$DIR/stderr" || fail "init: $(cat "$DIR/stderr")"
answer import import "$DIR/fair.csv" --source fair
answer reconcile reconcile "$DIR/fair.csv"
answer status status
answer list list
answer show show "$ID"
answer validate validate
answer report report daily
answer check check
answer prune prune
answer doctor doctor
answer version version
answer tail tail
answer shape shape
answer hold hold --state pending --yes
answer "notifications retry" notifications retry
answer "config check" config check
answer "config keys" config keys
answer backup backup "$DIR/backup.db"
answer forget forget a@example.com
admin=$(sed -n "s/.* started .*admin=\([0-9.:]*\).*/\1/p" "$DIR/relay.log")
curl -sS --fail "http://$admin/metrics" >"$DIR/metrics" || fail "no metrics"
stop_relay
answer restore restore "$DIR/backup.db"
answer salvage salvage "$DIR/salvaged.db"
node "$here/commands.mjs" "$man" "$BIN" "$DIR/answers" "$DIR/metrics" "$here/../../.." || fail "the manuals and the programs differ"
