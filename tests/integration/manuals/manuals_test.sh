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
for secret in admin.token marketplace.token website.token admin.token crm.secret crm.password mail.secret smtp.password partner.authorization; do
	echo "a-secret-0123456789" >"$DIR/$secret"
done
echo "whsec_$(head -c 24 /dev/urandom | base64)" >"$DIR/partner.secret"
echo "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=$(head -c 64 /dev/urandom | base64 -w 0);EndpointSuffix=core.windows.net" >"$DIR/storage.account"
echo "sv=2022-11-02&sp=a&se=2090-01-01T00:00:00Z&tn=PartnerLeads&sig=$(head -c 32 /dev/urandom | base64 | sed 's/+/%2B/g; s/\//%2F/g; s/=/%3D/g')" >"$DIR/partner.sas"
chmod 600 "$DIR"/*.{key,token,secret,password,authorization,account,sas}
node "$here/keys.mjs" "$man/leadrelay.yaml.5" "$here/../../../README.md" "$BIN/leadctl" "$DIR" || fail "leadrelay.yaml(5) and the program differ"
