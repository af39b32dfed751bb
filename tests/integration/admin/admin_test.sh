#!/usr/bin/env bash
# The listener of admin: who may, who is refused, and what a reload does to it.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
CRM=http://127.0.0.1:9 # nobody there: not a destination of this test
ADMIN_TOKEN=admin-token-0123456789
write_config
write_config_with() { # ADMIN SECTION...
	cat >"$DIR/leadrelay.yaml" <<-YAML
		state_dir: $DIR/state
		intake: { listen: ["127.0.0.1:0"] }
		sources:
		  - { name: partner, kind: json, token_file: json.token, destinations: [archive] }
		destinations:
		  - { name: archive, kind: file, path: $DIR/archive.jsonl }
		$1
	YAML
}
admin_address() { sed -n 's/.* \(started\|configuration reloaded\) .*admin=\([0-9.:]*\).*/\2/p' "$DIR/relay.log" | tail -n 1; }
ask() { # PATH [curl options]: sets STATUS, HEAD (lower case) and BODY
	curl -sS --max-time 20 -D "$DIR/head" -o "$DIR/body" "http://$(admin_address)$1" "${@:2}"
	HEAD=$(tr 'A-Z' 'a-z' <"$DIR/head" | tr -d '\r')
	STATUS=$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' <<<"$HEAD")
	BODY=$(cat "$DIR/body")
}
says() { # STATUS PATH [curl options]
	ask "${@:2}"
	equal "$STATUS" "$1" "${*:2}: $BODY"
	said "$1 for ${*:2}"
}
json=(-H 'Content-Type: application/json')
reload() { # ADMIN SECTION: and waits until it is in use
	local before
	before=$(grep -c 'configuration reloaded' "$DIR/relay.log" || true)
	write_config_with "$1"
	kill -HUP "$RELAY_PID"
	wait_until 10 "the reload" test_reloaded "$before"
}
test_reloaded() { [ "$(grep -c 'configuration reloaded' "$DIR/relay.log")" -gt "$1" ]; }

# ---- everybody on this machine, but no stranger's page ----
write_config_with 'admin: { listen: "127.0.0.1:0", hosts: [relay.contoso.com] }'
start_relay
says 200 /healthz
expect_text "it is alive" "$BODY" '"status":"alive"'
says 200 /
expect_text "the page" "$BODY" '<title>'
for header in "content-security-policy: default-src 'none'; script-src 'self'" 'x-content-type-options: nosniff' 'referrer-policy: no-referrer'; do
	expect_text "$header" "$HEAD" "$header"
done
expect_no_text "a page may be kept, and asked about" "$HEAD" 'no-store'
ETAG=$(sed -n 's/^etag: //p' <<<"$HEAD")
says 304 / -H "If-None-Match: $ETAG"
says 200 / -I
expect_no_text "HEAD has no body" "$BODY" "<title>"
says 200 /api/v1/status
expect_text "data is never kept" "$HEAD" 'cache-control: no-store'
equal "$(jq -cS 'del(.uptime_s)' <<<"$BODY")" "$(ctl --json status | jq -cS 'del(.uptime_s)')" "status as leadctl has it"
says 200 /api/v1/version
says 303 /login
for host in evil.example evil.example:8090 localhost.evil.example 127.0.0.1.evil.example 10.0.0.1; do
	says 421 /api/v1/status -H "Host: $host"
done
for host in localhost LOCALHOST:1 127.0.0.1 127.9.9.9:80 '[::1]:8090' relay.contoso.com Relay.Contoso.COM:443; do
	says 200 /api/v1/status -H "Host: $host"
done
says 404 /nothing
for path in /assets/nothing.js '/assets/../openapi.yaml' '/assets/..%2f..%2froom.h' '/assets/%2e%2e/index.html' '//etc/passwd' /assets /assets/ /api/v1 /api/v1/ \
	/api/v1/destinations//park /api/v1/statusx '/api/v1/status%00'; do
	ask "$path" --path-as-is
	[ "$STATUS" = 404 ] || [ "$STATUS" = 400 ] || fail "$path: $STATUS $BODY"
done
says 405 / -X POST
expect_text "what it takes" "$HEAD" 'allow: get, head'
says 405 /api/v1/resume
expect_text "what it takes" "$HEAD" 'allow: post'
says 405 /api/v1/status -X DELETE
says 405 /api/v1/status -X OPTIONS -H 'Origin: http://evil.example'
expect_no_text "no other site may ask" "$HEAD" 'access-control'
says 413 /api/v1/status -X GET --data x

# ---- what a form of another site could send ----
says 403 /api/v1/resume -X POST -d '{}'
expect_text "the answer is a problem" "$HEAD" 'content-type: application/problem.json'
says 403 /api/v1/resume -X POST -H 'Content-Type: text/plain' -d '{}'
says 403 /api/v1/resume -X POST -H 'Content-Type: application/jsonx' -d '{}'
says 403 /api/v1/resume -X POST "${json[@]}" -H 'Origin: http://evil.example' -d '{}'
says 403 /api/v1/resume -X POST "${json[@]}" -H 'Origin: null' -d '{}'
says 403 /api/v1/resume -X POST "${json[@]}" -H 'Origin: http://127.0.0.1:1' -d '{}'
says 200 /api/v1/resume -X POST "${json[@]}" -H "Origin: http://$(admin_address)" -d '{}'
says 200 /api/v1/resume -X POST -H 'Content-Type: application/json; charset=utf-8'
says 400 /api/v1/resume -X POST "${json[@]}" -d '{'
says 400 /api/v1/resume -X POST "${json[@]}" -d '{"unknown":1}'
says 400 /api/v1/resume -X POST "${json[@]}" -d '[]'
head -c 2000000 /dev/zero | tr '\0' ' ' >"$DIR/long"
says 413 /api/v1/resume -X POST "${json[@]}" --data-binary "@$DIR/long"

# ---- a token, and cookies that it is changed for ----
printf '%s\n' "$ADMIN_TOKEN" >"$DIR/admin.token"
chmod 600 "$DIR/admin.token"
reload 'admin: { listen: "127.0.0.1:0", token_file: admin.token }'
says 200 /healthz
says 401 /api/v1/status
expect_text "how to bring it" "$HEAD" 'www-authenticate: bearer'
says 401 /
says 303 / -H 'Accept: text/html'
expect_text "a person is shown where to log in" "$HEAD" 'location: /login'
says 200 /login
says 200 /assets/open/login.js
says 401 /assets/app.js
says 401 /nothing
says 200 /api/v1/status -H "Authorization: Bearer $ADMIN_TOKEN"
says 200 /api/v1/status -H "Authorization: bearer  $ADMIN_TOKEN"
says 401 /api/v1/status -H "Authorization: Basic $ADMIN_TOKEN"
says 421 /api/v1/status -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Host: evil.example'
says 401 /login -X POST "${json[@]}" -d '{"token":"wrong"}'
says 401 /login -X POST -d 'token=wrong'
expect_text "a form is shown the form again" "$BODY" '<form'
says 400 /login -X POST "${json[@]}" -d '{}'
says 403 /login -X POST -H 'Origin: http://evil.example' -d "token=$ADMIN_TOKEN"
says 303 /login -X POST -d "a=b&token=$ADMIN_TOKEN" -c "$DIR/cookies"
expect_text "the cookie" "$HEAD" 'set-cookie: leadrelay_session=[0-9a-f]{64}; path=/; httponly; samesite=strict$'
says 204 /login -X POST "${json[@]}" -d "{\"token\":\"$ADMIN_TOKEN\"}" -c "$DIR/others"
says 200 /api/v1/status -b "$DIR/cookies"
says 303 /login -b "$DIR/cookies"
says 403 /api/v1/resume -X POST -b "$DIR/cookies" -d '{}'
says 200 /api/v1/resume -X POST -b "$DIR/cookies" "${json[@]}" -d '{}'
says 401 /api/v1/status -H "Cookie: leadrelay_session=$(head -c 64 /dev/zero | tr '\0' a)"
says 204 /logout -X POST -b "$DIR/cookies" "${json[@]}"
says 401 /api/v1/status -b "$DIR/cookies"
says 200 /api/v1/status -b "$DIR/others"

# ---- another token ends every session, and is noticed by itself ----
printf 'another-%s\n' "$ADMIN_TOKEN" >"$DIR/admin.token"
token_changed() { ask /api/v1/status -b "$DIR/others" && [ "$STATUS" = 401 ]; }
wait_until 15 "the token file is noticed" token_changed
says 401 /api/v1/status -H "Authorization: Bearer $ADMIN_TOKEN"
ADMIN_TOKEN=another-$ADMIN_TOKEN
says 200 /api/v1/status -H "Authorization: Bearer $ADMIN_TOKEN"

# ---- who guesses is not heard for a while; who was let in is ----
says 204 /login -X POST "${json[@]}" -d "{\"token\":\"$ADMIN_TOKEN\"}" -c "$DIR/cookies"
for _ in 1 2 3 4 5 6 7 8 9 10 11; do ask /api/v1/status -H 'Authorization: Bearer guess'; done
equal "$STATUS" 429 "$BODY"
expect_text "when to come again" "$HEAD" 'retry-after: [0-9]+'
says 429 /login -X POST "${json[@]}" -d '{"token":"guess"}'
says 200 /api/v1/status -b "$DIR/cookies"
expect_text "the log tells" "$(grep 'wrong tokens at the admin page' "$DIR/relay.log")" 'count='
expect_no_text "and no token" "$(cat "$DIR/relay.log")" 'guess|admin-token'

# ---- it moves, fails to move, disappears and comes back, without the intake noticing ----
BEFORE=$(admin_address)
python3 -c 'import socket,time; s=socket.socket(); s.bind(("127.0.0.1",0)); s.listen(); print(s.getsockname()[1],flush=True); time.sleep(120)' >"$DIR/taken" &
PIDS+=($!)
wait_until 5 "a port is taken" test -s "$DIR/taken"
write_config_with "admin: { listen: \"127.0.0.1:$(cat "$DIR/taken")\", token_file: admin.token }"
kill -HUP "$RELAY_PID"
wait_until 10 "the reload is refused" grep -q 'reload refused.*admin' "$DIR/relay.log"
equal "$(admin_address)" "$BEFORE"
says 200 /api/v1/status -b "$DIR/cookies"
write_config_with 'admin: { listen: "0.0.0.0:0" }'
expect_exit 2 ctl config check
expect_text "line, key and remedy" "$ERR" ':[0-9]+: admin.listen: an address other machines reach, and no token_file; give token_file'
reload ''
gone() { ! curl -s -o /dev/null --max-time 5 "http://$BEFORE/healthz"; }
wait_until 10 "it is gone" gone
reload 'admin: { listen: "127.0.0.1:0" }'
says 200 /api/v1/status
post partner json-token-0123456789ab '{"email":"ana@example.com"}'
equal "$STATUS" 202 "$BODY"
stop_relay
equal "$STATUS" 0
