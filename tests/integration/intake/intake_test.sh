#!/usr/bin/env bash
# Every status of the HTTP contract, ambiguous framing by raw sockets, slow clients, limits, TLS.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
sed -i 's/^intake:$/intake:\n  request_timeout: 2s\n  max_body: 64KiB\n  max_memory: 4MiB\n  max_connections_per_address: 1000\n  max_connections: 1100/' "$DIR/leadrelay.yaml"
sed -i '/name: website/c\  - { name: website, kind: form, token_file: website.token, destinations: [crm], redirect: "https://www.contoso.com/thanks", honeypot: website_url, allowed_origins: ["https://www.contoso.com"], map: { surname: last_name }, set: { campaign: spring } }' "$DIR/leadrelay.yaml"
start_relay
host=127.0.0.1
port=${RELAY##*:}

problem() { # WHAT STATUS: the last answer is a problem document
	equal "$STATUS" "$2" "$1: $BODY"
	jq -e '.title and .status == '"$2"' and .detail' <<<"$BODY" >/dev/null || fail "$1: not a problem document: $BODY"
	said "$1"
}
lead=$(marketplace_lead a@example.com)

post marketplace wrong-token-0123456789ab "$lead" && problem "wrong token" 401
post nowhere "$TOKEN" "$lead" && problem "unknown source" 404
post marketplace "$TOKEN" '' && problem "empty body" 400
post partner json-token-0123456789ab '{"last_name":' && problem "broken JSON" 400
post partner json-token-0123456789ab '{"note":"nobody"}' && problem "nothing identifies the lead" 422
post partner json-token-0123456789ab '{"last_name":["a"]}' && problem "a canonical field of a wrong type" 422
post partner json-token-0123456789ab '{"last_name":"a","phone":12345678901234567890}' && problem "a number too long" 422
post partner json-token-0123456789ab '{"last_name":"a\u0000b"}'
[[ $STATUS = 400 || $STATUS = 422 ]] || fail "U+0000: $STATUS"
post partner json-token-0123456789ab "$(printf '[%.0s' {1..40})$(printf ']%.0s' {1..40})" && problem "nested too deep" 400
post partner json-token-0123456789ab '{"last_name":"a"}' -H 'Idempotency-Key: '"$(printf 'k%.0s' {1..300})" && problem "a long Idempotency-Key" 400
post website website-token-0123456789 'last_name=a' -H 'Content-Type: application/json' && problem "not a form" 415
post marketplace "$TOKEN" "$(head -c 70000 /dev/zero | tr '\0' x)" && problem "a body too large" 413
equal "$(curl -s -o /dev/null -w '%{http_code}' "$RELAY/in/marketplace/$TOKEN")" 405
expect_text "405 names what is allowed" "$(curl -si "$RELAY/in/marketplace/$TOKEN")" '^[Aa]llow: .*POST'
equal "$(curl -s -o /dev/null -w '%{http_code}' "$RELAY/in/marketplace/$TOKEN?pad=$(head -c 9000 /dev/zero | tr '\0' x)" --data "$lead")" 414
equal "$(curl -s -o /dev/null -w '%{http_code}' "$RELAY/in/marketplace/$TOKEN" -H "X-Pad: $(head -c 34000 /dev/zero | tr '\0' x)" --data "$lead")" 431

# Forms of a browser: 303 to the thanks page, the trap field, other origins.
browser() { curl -s -D - -o "$DIR/answer" "$RELAY/in/website?token=website-token-0123456789" -H 'Accept: text/html' "$@"; }
expect_text "a browser is sent on" "$(browser --data-urlencode 'surname=Browser' --data-urlencode email=b@example.com)" '^HTTP/1.1 303'
expect_text "to the page configured" "$(browser --data-urlencode 'surname=Browser2')" 'ocation: https://www.contoso.com/thanks'
browser --data 'surname=Bot&website_url=http://spam.example' >/dev/null
equal "$(ctl --json status | jq .quarantined)" 1 "a filled trap field is quarantined"
expect_text "preflight" "$(curl -si -X OPTIONS "$RELAY/in/website" -H 'Origin: https://www.contoso.com' -H 'Access-Control-Request-Method: POST')" 'ccess-[Cc]ontrol-[Aa]llow-[Oo]rigin: https://www.contoso.com'
STATUS=$(curl -s -o "$DIR/answer" -w '%{http_code}' "$RELAY/in/website/website-token-0123456789" -F last_name=Multi -F email=m@example.com)
equal "$STATUS" 202 "multipart: $(cat "$DIR/answer")"
equal "$(ctl --json show "$(jq -r .id "$DIR/answer")" | jq -r .fields.campaign)" spring
STATUS=$(curl -s -o "$DIR/answer" -w '%{http_code}' "$RELAY/in/website/website-token-0123456789" -F last_name=File -F cv=@"$DIR/leadrelay.yaml")
[[ $STATUS = 415 || $STATUS = 422 ]] || fail "a file in a form: $STATUS"

# Raw: what a well-behaved client cannot send. The connection closes, and nothing is taken twice.
raw() { # REQUEST (printf format): the whole answer. It is read from the start: a close with bytes unread overtakes who comes late.
	trap '' PIPE # printf writes line by line: the answer and its close may come before the last one
	for _ in 1 2 3 4 5; do
		exec 3<>"/dev/tcp/$host/$port"
		timeout 20 cat <&3 >"$DIR/answer" 2>/dev/null &
		sleep 0.2
		printf "$1" >&3 || true
		wait $! || true
		exec 3>&- 3<&-
		[ ! -s "$DIR/answer" ] || break
	done
	cat "$DIR/answer"
}
path="/in/marketplace/$TOKEN"
expect_text "CL with TE" "$(raw "POST $path HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")" '^HTTP/1.1 400'
answers=$(raw "POST $path HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhelloX")
expect_text "two Content-Lengths" "$answers" '^HTTP/1.1 400'
equal "$(grep -c '^HTTP/' <<<"$answers")" 1 "one answer, then closed"
expect_text "two Hosts" "$(raw "POST $path HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n")" '^HTTP/1.1 400'
expect_text "an odd transfer coding" "$(raw "POST $path HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n")" '^HTTP/1.1 (400|501)'
expect_text "no Host" "$(raw "POST $path HTTP/1.1\r\nContent-Length: 0\r\n\r\n")" '^HTTP/1.1 400'
expect_no_text "rubbish gets no 2xx" "$(raw '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n')" '^HTTP/1.1 2'
expect_text "compressed bodies are refused" "$(raw "POST $path HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")" '^HTTP/1.1 415'

# A client that trickles is cut off by the deadline, whatever it sends, while others are served.
begun=$(date +%s%3N)
(
	exec 3<>"/dev/tcp/$host/$port"
	printf 'POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n' "$path" >&3
	for _ in {1..200}; do printf x >&3 2>/dev/null || exit 0; read -t 0.2 -r -u 3 line && { echo "$line" >"$DIR/trickle"; exit 0; }; done
) 2>/dev/null &
trickle=$!
post marketplace "$TOKEN" "$(marketplace_lead meanwhile@example.com)"
equal "$STATUS" 202
wait "$trickle" || true
took=$(($(date +%s%3N) - begun))
[ $took -lt 20000 ] || fail "the trickling client was kept for $took ms"
said "a trickling client is cut off"
[ ! -s "$DIR/trickle" ] || expect_text "with 408" "$(cat "$DIR/trickle")" ' 408'

# A crowd of large bodies.
expect "a thousand connections stay within max_memory" node "$(dirname "$0")/crowd.mjs" "$RELAY" "$TOKEN" "$RELAY_PID" $((4 * 1024 * 1024))

# Half a request, then gone; and keep-alive goes on after an error.
exec 3<>"/dev/tcp/$host/$port" && printf 'POST %s HTTP/1.1\r\nHost: a\r\nContent-Le' "$path" >&3 && exec 3>&- 3<&-
expect_text "keep-alive after an error" "$(curl -s -o /dev/null -o /dev/null -w '%{http_code} ' "$RELAY/in/nowhere/$TOKEN" --data x "$RELAY/in/marketplace/$TOKEN" --data "$lead" 2>/dev/null || true)" '404'
wait_until 15 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0

# TLS of our own: 1.2 and 1.3, nothing older.
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/tls.key" -out "$DIR/tls.crt" -days 30 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
chmod 600 "$DIR/tls.key"
sed -i 's/^intake:$/intake:\n  tls: { certificate: tls.crt, key: tls.key }/' "$DIR/leadrelay.yaml"
LOG_BEGIN=$(($(wc -l <"$DIR/relay.log") + 1))
"$BIN/leadrelayd" -c "$DIR/leadrelay.yaml" 2>>"$DIR/relay.log" &
RELAY_PID=$!
PIDS+=("$RELAY_PID")
tls_up() { port=$(relay_port) && [ -n "$port" ]; }
wait_until 10 "leadrelayd is ready" tls_up
answer=$(curl -sS --cacert "$DIR/tls.crt" "https://localhost:$port/in/marketplace/$TOKEN" --data "$(marketplace_lead tls@example.com)")
expect_text "a lead over TLS" "$answer" accepted
expect_text "TLS 1.2 works" "$(openssl s_client -connect "127.0.0.1:$port" -tls1_2 </dev/null 2>&1 || true)" 'Protocol *: TLSv1.2'
expect_no_text "TLS 1.1 does not" "$(openssl s_client -connect "127.0.0.1:$port" -tls1_1 -cipher 'ALL:@SECLEVEL=0' </dev/null 2>&1 || true)" 'Cipher is [A-Z0-9]+-'
stop_relay
equal "$STATUS" 0
