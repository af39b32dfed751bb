#!/usr/bin/env bash
# nginx asks for a client certificate in front of the receiver: with ours leads pass, with a stranger's or an expired one they wait and the
# reason is tls; two destinations with different certificates stay two; a renewed certificate is taken without a restart.
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/common.sh"
setup "$1"
start_receiver
cd "$DIR"
authority() { # NAME
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.crt" -days 30 -subj "/CN=$1" 2>/dev/null
}
certificate() { # NAME AUTHORITY DAYS-FROM-NOW [SUBJECT-ALT-NAME]
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
	printf 'subjectAltName=%s\n' "${4:-DNS:$1.example}" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -out "$1.crt" -days "$3" -extfile "$1.ext" 2>/dev/null
	chmod 600 "$1.key"
}
authority ca
authority elsewhere
certificate server ca 30 DNS:localhost,IP:127.0.0.1
certificate one ca 60
certificate two ca 60
certificate stranger elsewhere 60
port=$(free_port)
cat >nginx.conf <<NGINX
daemon off; master_process off; pid $DIR/nginx.pid; error_log $DIR/nginx.log warn; worker_processes 1; user root;
events { worker_connections 256; }
http {
	access_log off; client_body_temp_path $DIR/b; proxy_temp_path $DIR/p; fastcgi_temp_path $DIR/f; uwsgi_temp_path $DIR/u; scgi_temp_path $DIR/s;
	server {
		listen 127.0.0.1:$port ssl;
		ssl_certificate $DIR/server.crt; ssl_certificate_key $DIR/server.key; ssl_client_certificate $DIR/ca.crt; ssl_verify_client on;
		location / { proxy_pass $RECEIVER; proxy_set_header X-Client \$ssl_client_s_dn; }
	}
}
NGINX
nginx -c "$DIR/nginx.conf" -p "$DIR" 2>>nginx.log &
PIDS+=($!)
up() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
wait_until 20 "nginx answers" up

destination() { # NAME CERTIFICATE-LINES
	printf '  - { name: %s, kind: https, url: "https://localhost:%s/leads", allow_private: true, ca_file: ca.crt, probe_interval: 1s%s }\n' "$1" "$port" "${2:+, $2}"
}
pair() { echo "client_certificate: $1.crt, client_key: $1.key"; }
cp one.crt mine.crt
cp -p one.key mine.key
configure "first, second" "$(destination first "$(pair mine)")
$(destination second "$(pair two)")"
expect_exit 0 ctl config check
start_relay
for n in 1 2 3 4 5; do lead "both$n"; done
wait_until 30 "leads pass with our certificates" nothing_waits
equal "$(seen '[.[].headers["x-client"]] | group_by(.) | map([.[0], length])')" '[["CN=one",5],["CN=two",5]]'
said "each destination is known by its own certificate"
expect_text "its end is told" "$(ctl --json status | jq -r '.destinations[] | select(.name == "first") | .credential_expires')" '^20'
expect_exit 0 ctl --json validate first

# Renewed in place: no restart, no signal.
certificate mine ca 60
known_as() { lead renewed && wait_until 30 delivered delivered "$ID" first && seen '[.[].headers["x-client"]]' | grep -q "$1"; }
wait_until 60 "a renewed certificate is taken by itself" known_as CN=mine

# The wrong one: nginx refuses it, and no lead is lost.
before=$(seen length)
configure "first, second" "$(destination first "$(pair stranger)")
$(destination second "")"
reload
lead wrong
wrong=$ID
for name in first second; do
	is_tls() { [ "$(field_of "$name" reason)" = tls ]; }
	wait_until 30 "$name: a wrong or missing certificate is tls" is_tls
	equal "$(state_of "$wrong" "$name")" pending
	expect_text "$name: nginx's words" "$(field_of "$name" error)" 'SSL certificate'
	expect_exit 3 ctl validate "$name"
	expect_text "$name: validate tells the remedy" "$OUT" 'remedy: +.*client_certificate'
done
equal "$(seen length)" "$before" "nothing came through"
configure "first, second" "$(destination first "$(pair mine)")
$(destination second "$(pair two)")"
reload
wait_until 30 "with the right ones the lead arrives" delivered "$wrong" first
wait_until 30 "at both" delivered "$wrong" second

# A server that ends the handshake itself: an alert in place of an answer.
stop_relay
equal "$STATUS" 0
for version in tls1_2 tls1_3; do
	alert_port=$(free_port)
	openssl s_server -quiet -accept "127.0.0.1:$alert_port" -cert server.crt -key server.key -CAfile ca.crt -Verify 1 -verify_return_error "-$version" >s_server.log 2>&1 &
	server=$!
	PIDS+=("$server")
	listens() { (exec 3<>"/dev/tcp/127.0.0.1/$alert_port") 2>/dev/null; }
	wait_until 20 "s_server listens" listens
	configure first "  - { name: first, kind: https, url: \"https://localhost:$alert_port/\", allow_private: true, ca_file: ca.crt, timeout: 5s }"
	expect_exit 3 ctl --json validate first
	expect_text "$version: no certificate is told" "$(jq -r '.steps[-1].error' <<<"$OUT")" 'TLS|connection broke'
	kill "$server"
	wait "$server" || true
done

# What cannot be a pair is told with its line.
configure first "$(destination first "client_certificate: one.crt, client_key: two.key")"
expect_exit 2 ctl config check
expect_text "a key of another certificate" "$OUT$ERR" 'leadrelay.yaml:6: destinations.first.client_certificate: .*does not belong'
