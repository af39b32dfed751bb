#!/usr/bin/env bash
# nginx with TLS in front of the CRM: a private CA, a wrong host name, an expired certificate, TLS too old, HTTP/2. Each failure has
# its own words, and no lead is lost to any.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
free_port() { while :; do p=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo $p; return; }; done; }
nginx_port=$(free_port)
start_crm --environment "https://localhost:$nginx_port"
cd "$DIR"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj "/CN=Test CA" 2>/dev/null
certificate() { # NAME SUBJECT-ALT-NAME DAYS-FROM-NOW
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
	printf 'subjectAltName=%s\n' "$2" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days "$3" -extfile "$1.ext" 2>/dev/null
}
certificate good DNS:localhost,IP:127.0.0.1 30
certificate other DNS:crm.elsewhere.example 30
certificate old DNS:localhost,IP:127.0.0.1 -1
openssl req -x509 -newkey rsa:2048 -nodes -keyout lone.key -out lone.crt -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null

front() { # CERTIFICATE [LINE]: nginx answers with it
	cat >nginx.conf <<NGINX
daemon off; master_process off; pid $DIR/nginx.pid; error_log $DIR/nginx.log warn; worker_processes 1; user root;
events { worker_connections 256; }
http {
	access_log off; client_body_temp_path $DIR/b; proxy_temp_path $DIR/p; fastcgi_temp_path $DIR/f; uwsgi_temp_path $DIR/u; scgi_temp_path $DIR/s;
	server {
		listen 127.0.0.1:$nginx_port ssl http2;
		ssl_certificate $DIR/$1.crt; ssl_certificate_key $DIR/$1.key; ssl_protocols ${2:-TLSv1.2 TLSv1.3}; ssl_ciphers ALL:@SECLEVEL=0;
		location / { proxy_pass $CRM; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host \$http_host; }
	}
}
NGINX
	if [ -s nginx.pid ] && kill -0 "$(cat nginx.pid)" 2>/dev/null; then
		kill -TERM "$(cat nginx.pid)"
		wait "$nginx" || true
	fi
	nginx -c "$DIR/nginx.conf" -p "$DIR" 2>>nginx.log &
	nginx=$!
	PIDS+=("$nginx")
	up() { (exec 3<>"/dev/tcp/127.0.0.1/$nginx_port") 2>/dev/null; }
	wait_until 10 "nginx answers" up
}

front good
direct=$CRM
CRM=https://localhost:$nginx_port
write_config
CRM=$direct
sed -i "s#authority: .*#authority: https://localhost:$nginx_port#; s/max_concurrency: 16/max_concurrency: 16\n    ca_file: ca.crt/" leadrelay.yaml
start_relay
accept_lead one@example.com
wait_until 15 "a lead passes over TLS with a private CA" delivered "$ID" crm
expect_exit 0 ctl validate crm

worded() { # WHAT PATTERN: validate and the destination say it
	expect_exit 3 ctl validate crm
	expect_text "$1: validate" "$OUT" "tls.*"
	expect_text "$1: in words" "$OUT" "$2"
	said_so() { ctl --json status | jq -r '.destinations[] | select(.name == "crm") | .reason' | grep -qx tls; }
	wait_until 15 "$1: status says tls" said_so
}
front old
accept_lead expired@example.com
worded "an expired certificate" expired
front other
worded "a wrong host name" 'host ?name|does not match|no alternative'
front lone
worded "an unknown authority" 'self.signed|unknown|issuer'
front good
wait_until 20 "with the right certificate the lead arrives" delivered "$ID" crm

# Renewed while leads come: what was on the way is sent again, none is lost, none is dead, none arrives twice.
certificate renewed DNS:localhost,IP:127.0.0.1 30
before=$(crm records | jq .count)
post_all() {
	local n
	for n in $(seq 120); do
		curl -sS -o /dev/null --fail -H "Authorization: Bearer $TOKEN" --data-binary "$(marketplace_lead "renewed$n@example.com")" "$RELAY/in/marketplace" || return 1
	done
}
post_all &
posting=$!
PIDS+=("$posting")
serial_is() { [ "$(openssl s_client -connect "127.0.0.1:$nginx_port" </dev/null 2>/dev/null | openssl x509 -noout -serial)" = "$(openssl x509 -noout -serial -in "$1.crt")" ]; }
for name in renewed good renewed; do
	front "$name"
	wait_until 10 "nginx shows another certificate" serial_is "$name"
done
wait "$posting" || fail "intake stopped while the CRM's certificate was renewed"
wait_until 60 "all arrive" nothing_waits
equal "$(crm records | jq .count)" $((before + 120))
equal "$(ctl --json status | jq '.accounting.dead')" 0
expect "the books agree" ctl check

# HTTP/2 by setting.
sed -i 's/    ca_file: ca.crt/    ca_file: ca.crt\n    http_version: "2"/' leadrelay.yaml
kill -HUP "$RELAY_PID"
for n in 1 2 3 4 5 6 7 8; do accept_lead "h2-$n@example.com"; done
wait_until 15 "leads pass over HTTP/2" nothing_waits

# No such host, and nobody listening: words of their own.
stop_relay
sed -i "s#https://localhost:$nginx_port#https://crm.invalid#" leadrelay.yaml
expect_exit 3 ctl validate crm
expect_text "no such host" "$OUT" 'resolve.*'
sed -i "s#https://crm.invalid#https://127.0.0.1:$(free_port)#" leadrelay.yaml
expect_exit 3 ctl validate crm
expect_text "nobody listens" "$OUT" 'refused'
