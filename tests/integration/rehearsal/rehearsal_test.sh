#!/bin/bash
# The rehearsal CRM, judged from outside: is it as strict as Azure AD and Dataverse, and does
# every family of faults do what its name says? Needs curl, jq, openssl.
#
#   rehearsal_test.sh PATH-OF-leadrelay-rehearsal
set -u

binary=${1:?usage: rehearsal_test.sh BINARY}
tenant=12345678-0000-0000-0000-000000000000
client=23456052-0000-0000-0000-000000000000
secret='rehearsal~secret+has/odd=characters&all%'
user_id=5eed0000-0000-4000-8000-000000000001
work=$(mktemp -d)
pid=
failed=0
passed=0

finish() {
	[ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid"
	rm -rf "$work"
}
trap finish EXIT

start() { # options: a fresh rehearsal; sets pid and url
	rm -f "$work/port"
	"$binary" --listen 127.0.0.1:0 --port-file "$work/port" "$@" >"$work/out" &
	pid=$!
	for _ in $(seq 100); do
		[ -s "$work/port" ] && break
		sleep 0.05
	done
	url=http://127.0.0.1:$(head -1 "$work/port")
}

stop() { # sets code to its exit status
	kill "$pid"
	wait "$pid"
	code=$?
	pid=
}

is() { # sentence, expected, actual
	if [ "$2" == "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
	fi
}

has() { # sentence, part, actual
	case $3 in
	*"$2"*) passed=$((passed + 1)) ;;
	*)
		failed=$((failed + 1))
		printf 'FAILED: %s\n  expected part: %s\n  got:           %s\n' "$1" "$2" "$3"
		;;
	esac
}

control() { curl -sS "$url/_rehearsal/$1" "${@:2}"; }
fault() { control faults -X PUT -d "$1" >/dev/null; }
calm() { control reset -d '{"only":["faults","settings"]}' >/dev/null; }
set_to() { control settings -X PATCH -d "$1" >/dev/null; }
count() { control counters | jq -r ".$1"; }

# --- tokens -----------------------------------------------------------------------------------

ask_token() { # path below the tenant, fields...
	local args=() field
	for field in "${@:2}"; do
		args+=(--data-urlencode "$field")
	done
	curl -sS "$url/${in_tenant:-$tenant}/$1" "${args[@]}"
}
v2=(grant_type=client_credentials "client_id=$client")
aadsts() { jq -r '"\(.error) \(.error_codes[0])"'; }

new_token() {
	token=$(ask_token oauth2/v2.0/token "${v2[@]}" "client_secret=$secret" \
		"scope=$url/.default" | jq -r .access_token)
}

test_token_versions() {
	local reply
	reply=$(ask_token oauth2/v2.0/token "${v2[@]}" "client_secret=$secret" "scope=$url/.default")
	is "v2 answers integers" 'number Bearer' \
		"$(jq -r '"\(.expires_in | type) \(.token_type)"' <<<"$reply")"
	reply=$(ask_token oauth2/token "${v2[@]}" "client_secret=$secret" "resource=$url")
	is "v1 answers numbers as strings, and the resource" "string string string $url" \
		"$(jq -r '"\(.expires_in | type) \(.expires_on | type) \(.not_before | type) \(.resource)"' \
			<<<"$reply")"
}

test_token_refusals() {
	local t=oauth2/v2.0/token scope="scope=$url/.default" good="client_secret=$secret" reply
	is "an unknown tenant is 90002" 'invalid_request 90002' \
		"$(in_tenant=12345678-0000-0000-0000-000000000009 \
			ask_token $t "${v2[@]}" "$good" "$scope" | aadsts)"
	is "a malformed tenant is 900023" 'invalid_request 900023' \
		"$(in_tenant=contoso ask_token $t "${v2[@]}" "$good" "$scope" | aadsts)"
	is "an unknown client is 700016" 'unauthorized_client 700016' \
		"$(ask_token $t grant_type=client_credentials "client_id=${client%0}1" "$good" "$scope" |
			aadsts)"
	is "a wrong secret is 7000215" 'invalid_client 7000215' \
		"$(ask_token $t "${v2[@]}" client_secret=wrong "$scope" | aadsts)"
	is "a secret that was not form-encoded is a wrong one" 'invalid_client 7000215' \
		"$(curl -sS "$url/$tenant/$t" -d "grant_type=client_credentials&client_id=$client" \
			-d "client_secret=$secret" --data-urlencode "$scope" | aadsts)"
	is "no secret is 7000218" 'invalid_client 7000218' \
		"$(ask_token $t "${v2[@]}" "$scope" | aadsts)"
	is "an unknown grant is 70003" 'unsupported_grant_type 70003' \
		"$(ask_token $t grant_type=magic client_id=$client "$good" "$scope" | aadsts)"
	is "another environment is 500011" 'invalid_resource 500011' \
		"$(ask_token $t "${v2[@]}" "$good" scope=https://other.crm4.dynamics.com/.default |
			aadsts)"
	is "a scope that is no URL is 70011" 'invalid_scope 70011' \
		"$(ask_token $t "${v2[@]}" "$good" scope=leads | aadsts)"
	is "v1 wants a resource" 'invalid_request 900144' \
		"$(ask_token oauth2/token "${v2[@]}" "$good" "$scope" | aadsts)"
	is "JSON is no form" 'invalid_request 900144' \
		"$(curl -sS "$url/$tenant/$t" -H 'Content-Type: application/json' -d '{}' | aadsts)"
	is "GET is refused" 'invalid_request 900561' "$(curl -sS "$url/$tenant/$t" | aadsts)"
	reply=$(ask_token $t "${v2[@]}" client_secret=wrong "$scope")
	has "an error's text names the number" 'AADSTS7000215: ' "$(jq -r .error_description <<<"$reply")"
	is "an error carries ids and its time" '36 36 true' "$(jq -r '[(.trace_id | length),
		(.correlation_id | length), (.timestamp | test("^[0-9-]{10} [0-9:]{8}Z$"))] |
		join(" ")' <<<"$reply")"
}

test_expired_secret() {
	set_to '{"secrets":["the new one"],"expired_secrets":["the old one"]}'
	is "an expired secret is 7000222" 'invalid_client 7000222' \
		"$(ask_token oauth2/v2.0/token "${v2[@]}" 'client_secret=the old one' \
			"scope=$url/.default" | aadsts)"
	is "the new secret is good" Bearer "$(ask_token oauth2/v2.0/token "${v2[@]}" \
		'client_secret=the new one' "scope=$url/.default" | jq -r .token_type)"
	set_to "{\"secrets\":[\"$secret\"],\"expired_secrets\":[]}"
}

b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

assertion() { # jq changes to the header, to the claims, key file, openssl options: a JWT
	local now head claims x5t
	now=$(date +%s)
	x5t=$(openssl x509 -in "$work/app.crt" -outform DER | openssl dgst -sha1 -binary | b64url)
	head=$(jq -cn --arg x5t "$x5t" '{alg:"RS256",typ:"JWT",x5t:$x5t}' | jq -c "$1" | b64url)
	claims=$(jq -cn --arg aud "https://login.microsoftonline.com/$tenant/v2.0" --arg id "$client" \
		--argjson now "$now" --arg jti "$RANDOM-$RANDOM-$RANDOM" \
		'{aud:$aud,iss:$id,sub:$id,jti:$jti,nbf:$now,exp:($now+600)}' | jq -c "$2" | b64url)
	printf '%s.%s.%s' "$head" "$claims" \
		"$(printf '%s.%s' "$head" "$claims" | openssl dgst -sha256 -sign "${@:3}" -binary | b64url)"
}

ask_with() { # assertion
	ask_token oauth2/v2.0/token "${v2[@]}" "scope=$url/.default" "client_assertion=$1" \
		client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer
}

test_certificate() {
	local once key=$work/app.key
	is "a good assertion earns a token" Bearer \
		"$(ask_with "$(assertion . . "$key")" | jq -r .token_type)"
	is "aud may be the token endpoint" Bearer "$(ask_with "$(assertion . \
		".aud=\"$url/$tenant/oauth2/v2.0/token\"" "$key")" | jq -r .token_type)"
	is "PS256 is taken too" Bearer "$(ask_with "$(assertion '.alg="PS256"' . "$key" \
		-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)" | jq -r .token_type)"
	is "a foreign key is 700027" 'invalid_client 700027' \
		"$(ask_with "$(assertion . . "$work/other.key")" | aadsts)"
	is "an unknown x5t is 700027" 'invalid_client 700027' \
		"$(ask_with "$(assertion '.x5t="AAAA"' . "$key")" | aadsts)"
	is "alg none is refused" 'invalid_client 5002738' \
		"$(ask_with "$(assertion '.alg="none"' . "$key")" | aadsts)"
	is "a wrong aud is 700023" 'invalid_client 700023' \
		"$(ask_with "$(assertion . '.aud="https://example.com"' "$key")" | aadsts)"
	is "a wrong sub is 700021" 'invalid_client 700021' \
		"$(ask_with "$(assertion . '.sub="someone"' "$key")" | aadsts)"
	is "one that ran out is 700024" 'invalid_client 700024' \
		"$(ask_with "$(assertion . '.nbf-=2000|.exp=.nbf+600' "$key")" | aadsts)"
	is "one from the future is 700024" 'invalid_client 700024' \
		"$(ask_with "$(assertion . '.nbf+=2000|.exp=.nbf+600' "$key")" | aadsts)"
	is "without jti it is 50027" 'invalid_client 50027' \
		"$(ask_with "$(assertion . 'del(.jti)' "$key")" | aadsts)"
	once=$(assertion . . "$key")
	ask_with "$once" >/dev/null
	is "the same one again is 50012" 'invalid_client 50012' "$(ask_with "$once" | aadsts)"
}

test_password() {
	local grant=(grant_type=password client_id=51f81489-12ee-4a9e-aaae-a2591f45987d
		username=relay@contoso.com "scope=$url/user_impersonation") path=oauth2/v2.0/token
	is "the password grant earns a token" Bearer \
		"$(ask_token $path "${grant[@]}" 'password=p+w d' | jq -r .token_type)"
	is "by /organizations too" Bearer "$(in_tenant=organizations \
		ask_token $path "${grant[@]}" 'password=p+w d' | jq -r .token_type)"
	is "not by /common" 'invalid_request 9001023' "$(in_tenant=common \
		ask_token $path "${grant[@]}" 'password=p+w d' | aadsts)"
	is "a public client shows no secret" 'invalid_client 700025' "$(ask_token $path \
		"${grant[@]}" 'password=p+w d' "client_secret=$secret" | aadsts)"
	is "an unknown user is 50034" 'invalid_grant 50034' \
		"$(ask_token $path "${grant[@]/relay@/nobody@}" 'password=p+w d' | aadsts)"
	is "a wrong password is 50126" 'invalid_grant 50126' \
		"$(ask_token $path "${grant[@]}" password=wrong | aadsts)"
	for _ in $(seq 9); do
		ask_token $path "${grant[@]}" password=wrong >/dev/null
	done
	is "ten wrong ones lock the account" 'invalid_grant 50053' \
		"$(ask_token $path "${grant[@]}" 'password=p+w d' | aadsts)"
	set_to '{"user_state":"mfa"}'
	is "with MFA it is 50076" 'invalid_grant 50076' \
		"$(ask_token $path "${grant[@]}" 'password=p+w d' | aadsts)"
	calm
}

# --- the Web API ------------------------------------------------------------------------------

odata=(-H 'Accept: application/json' -H 'OData-Version: 4.0' -H 'OData-MaxVersion: 4.0')
json=(-H 'Content-Type: application/json; charset=utf-8')

api() { # path below the version, curl options...: body, then the status on a line of its own
	curl -sS --max-time "${limit:-10}" -w '\n%{http_code}\n' -H "Authorization: Bearer $token" \
		"${odata[@]}" "$url/api/data/v9.2/$1" "${@:2}" 2>"$work/curl"
}
create() { api leads "${json[@]}" -d "$@"; }
status() { tail -1; }
code_of() { head -n -1 | jq -r .error.code; }
refusal() { # body: "status code" of the create that must be refused
	local reply
	reply=$(create "$1")
	printf '%s %s' "$(status <<<"$reply")" "$(code_of <<<"$reply")"
}
id() { printf '0193%04d-0000-7000-8000-000000000000' "$1"; }

test_who_may_ask() {
	local reply good=$token
	is "WhoAmI tells the user" "$user_id" "$(api WhoAmI | head -1 | jq -r .UserId)"
	is "no token is 401" 401 \
		"$(curl -sS -o /dev/null -w '%{http_code}' "${odata[@]}" "$url/api/data/v9.2/WhoAmI")"
	token=nonsense
	reply=$(api WhoAmI -i)
	token=$good
	is "a bad token is 401" 401 "$(status <<<"$reply")"
	has "with a challenge" 'WWW-Authenticate: Bearer error="invalid_token"' "$reply"
	control tokens/revoke -X POST >/dev/null
	is "a revoked token is 401" 401 "$(api WhoAmI | status)"
	new_token
	set_to '{"token_life_s":1}'
	new_token
	sleep 1.1
	is "an expired token is 401" 401 "$(api WhoAmI | status)"
	set_to '{"token_life_s":3600}'
	new_token
	set_to '{"application_user":false}'
	is "without application user it is 0x80072560" 0x80072560 "$(api WhoAmI | code_of)"
	calm
}

test_privileges() {
	local function="systemusers($user_id)/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName"
	is "prvCreateLead is held" prvCreateLead \
		"$(api "$function(PrivilegeName='prvCreateLead')" | head -1 |
			jq -r '.RolePrivileges[0].PrivilegeName')"
	is "asked by alias too" prvReadLead \
		"$(api "$function(PrivilegeName=@p)?@p='prvReadLead'" | head -1 |
			jq -r '.RolePrivileges[0].PrivilegeName')"
	set_to '{"privileges":["prvReadLead"]}'
	is "without the role the list is empty" 0 \
		"$(api "$function(PrivilegeName='prvCreateLead')" | head -1 |
			jq '.RolePrivileges | length')"
	is "and a create forbidden" '403 0x80040220' "$(refusal '{"subject":"x"}')"
	calm
}

test_create() {
	local reply lead
	lead=$(id 1)
	reply=$(create "{\"leadid\":\"$lead\",\"subject\":\"Contoso (INS)\",\"lastname\":\"Blériot\",
		\"firstname\":\"Louis\",\"emailaddress1\":\"o'b+x@contoso.com\"}" -i)
	is "a create is 204" 204 "$(status <<<"$reply")"
	has "with the row's address" "OData-EntityId: $url/api/data/v9.2/leads($lead)" "$reply"
	is "the row is there, with its full name" 'Louis Blériot' \
		"$(control "records/$lead" | jq -r .fullname)"
	reply=$(create "{\"leadid\":\"$lead\",\"subject\":\"again\"}")
	is "the same id again is 412" 412 "$(status <<<"$reply")"
	is "by code 0x80040237" 0x80040237 "$(code_of <<<"$reply")"
	has "naming the primary key" PK_LeadBase "$reply"
	is "attempts are counted per id" 2 "$(control attempts | jq ".[\"$lead\"]")"
	is "and duplicates" 1 "$(count duplicates_refused)"
	is "read back by id" Blériot \
		"$(api "leads($lead)?\$select=lastname" -H 'If-None-Match: null' | head -1 |
			jq -r .lastname)"
	is "found by e-mail, quote doubled" "$lead" \
		"$(api leads -G --data-urlencode "\$filter=emailaddress1 eq 'O''b+x@contoso.com'" \
			--data-urlencode '$select=leadid' --data-urlencode '$top=1' \
			--data-urlencode '$orderby=createdon desc' | head -1 | jq -r '.value[0].leadid')"
	is "a representation is 201" '201 x' "$(create '{"subject":"x"}' \
		-H 'Prefer: return=representation' | { head -n -1 >"$work/body"; cat >/dev/null; }
		create '{"subject":"x"}' -H 'Prefer: return=representation' >"$work/body"
		printf '%s %s' "$(status <"$work/body")" "$(head -1 "$work/body" | jq -r .subject)")"
}

test_create_refusals() {
	local long
	long=$(printf 'x%.0s' $(seq 51))
	is "an unknown column" '400 0x80048d19' "$(refusal '{"subjekt":"x"}')"
	is "a number for a text" '400 0x80048d19' "$(refusal '{"subject":5}')"
	is "a text for a bool" '400 0x80048d19' "$(refusal '{"donotemail":"true"}')"
	is "a text for a choice" '400 0x80048d19' "$(refusal '{"leadsourcecode":"8"}')"
	is "a choice out of range" '400 0x8004431A' "$(refusal '{"leadsourcecode":11}')"
	is "a bad e-mail" '400 0x80044192' "$(refusal '{"emailaddress1":"nobody"}')"
	is "a bad GUID" '400 0x80048d19' "$(refusal '{"leadid":"1234"}')"
	is "a read-only column" '400 0x80040203' "$(refusal '{"fullname":"x"}')"
	is "a column twice" '400 0x80048d19' "$(refusal '{"subject":"x","subject":"y"}')"
	is "no JSON" '400 0x80060888' "$(refusal '{"subject":')"
	is "U+0000" '400 0x80060888' "$(refusal '{"subject":"a\u0000b"}')"
	is "no UTF-8" '400 0x80060888' "$(refusal $'{"subject":"\xff"}')"
	is "51 letters in 50" '400 0x80044331' "$(refusal "{\"lastname\":\"$long\"}")"
	has "naming column and limit" "'lastname' attribute of the 'lead' entity exceeded the maximum \
allowed length of '50'" "$(create "{\"lastname\":\"$long\"}")"
	is "lengths are UTF-16 units: 25 emoji fit" 204 "$(create \
		"{\"lastname\":\"$(printf '😀%.0s' $(seq 25))\"}" | status)"
	is "26 do not" '400 0x80044331' "$(refusal "{\"lastname\":\"$(printf '😀%.0s' $(seq 26))\"}")"
	is "a bind to the wrong set" '400 0x80048d19' \
		"$(refusal "{\"campaignid@odata.bind\":\"/accounts($(id 1))\"}")"
	is "a good bind" 204 "$(create "{\"campaignid@odata.bind\":\"/campaigns($(id 1))\"}" | status)"
	is "another content type is 415" 415 \
		"$(api leads -H 'Content-Type: text/plain' -d '{}' | status)"
	is "without OData-Version it is 400" 400 "$(curl -sS -o /dev/null -w '%{http_code}' \
		-H "Authorization: Bearer $token" -H 'Accept: application/json' \
		"$url/api/data/v9.2/WhoAmI")"
	is "an unknown resource is 404" '404 0x80060888' "$(api accounts | { read -r body
		printf '%s %s' "$(cat)" "$(jq -r .error.code <<<"$body")"; })"
	is "an unknown version too" 404 "$(curl -sS -o /dev/null -w '%{http_code}' \
		-H "Authorization: Bearer $token" "${odata[@]}" "$url/api/data/v8.2/WhoAmI")"
	is "an unknown row too" 0x80040217 "$(api "leads($(id 99))" | code_of)"
	is "a bad key is 400" 400 "$(api 'leads(12)' | status)"
	is "own columns are declared at run time" 204 "$(
		set_to '{"columns":["new_campaigncode:string:10"]}'
		create '{"new_campaigncode":"spring"}' | status)"
}

test_update_and_delete() {
	local lead
	lead=$(id 2)
	is "PATCH with If-Match does not create" 404 "$(api "leads($lead)" -X PATCH "${json[@]}" \
		-H 'If-Match: *' -d '{"subject":"x"}' | status)"
	is "PATCH alone does" 204 "$(api "leads($lead)" -X PATCH "${json[@]}" \
		-d '{"subject":"x"}' | status)"
	is "PATCH with If-None-Match does not update" 412 "$(api "leads($lead)" -X PATCH \
		"${json[@]}" -H 'If-None-Match: *' -d '{"subject":"y"}' | status)"
	is "PATCH with If-Match does" 'z' "$(api "leads($lead)" -X PATCH "${json[@]}" \
		-H 'If-Match: *' -d '{"subject":"z"}' >/dev/null; control "records/$lead" | jq -r .subject)"
	is "DELETE is 204" 204 "$(api "leads($lead)" -X DELETE | status)"
	is "twice is 404" 404 "$(api "leads($lead)" -X DELETE | status)"
}

test_duplicate_rule() {
	local same='{"subject":"x","emailaddress1":"twice@contoso.com"}'
	create "$same" >/dev/null
	set_to '{"duplicate_rule":true}'
	is "detection is off unless asked for" 204 "$(create "$same" | status)"
	is "asked for, it is 500" '500 0x80040333' "$(create "$same" \
		-H 'MSCRM.SuppressDuplicateDetection: false' | { read -r body
		printf '%s %s' "$(cat)" "$(jq -r .error.code <<<"$body")"; })"
	calm
}

test_limits() {
	set_to '{"max_records":0}'
	is "storage runs full" '400 0x80072325' "$(refusal '{"subject":"x"}')"
	calm
	set_to '{"max_requests":1,"window_s":60}'
	api WhoAmI >/dev/null
	is "requests run out" '429 0x80072322' "$(refusal '{"subject":"x"}')"
	calm
	set_to '{"dop_hint":7}'
	has "x-ms-dop-hint is told" 'x-ms-dop-hint: 7' "$(api WhoAmI -i)"
	calm
}

# --- faults -----------------------------------------------------------------------------------

curl_code() { # fault, curl options...: curl's exit status for a create, and rows it left
	local before
	before=$(count creates)
	fault "$1"
	create '{"subject":"x","lastname":"y"}' "${@:2}" >"$work/body"
	printf '%s %s' "$?" "$(($(count creates) - before))"
	calm
}

test_answers() {
	local reply
	fault '{"fault":"throttle","where":"create","times":1,"retry_after":300}'
	reply=$(create '{"subject":"x"}' -i)
	is "throttled: 429" 429 "$(status <<<"$reply")"
	has "with Retry-After in seconds" 'Retry-After: 300' "$reply"
	is "once, as told" 204 "$(create '{"subject":"x"}' | status)"
	fault '{"fault":"throttle","limit":"concurrency","retry_after":"date:30"}'
	reply=$(create '{"subject":"x"}' -i)
	has "with a date" ' GMT' "$(grep Retry-After <<<"$reply")"
	has "and its code" 0x80072326 "$reply"
	fault '{"fault":"throttle","retry_after":"-5"}'
	has "or a negative one" 'Retry-After: -5' "$(create '{"subject":"x"}' -i)"
	fault '{"fault":"throttle","retry_after":"absent"}'
	is "or none" '' "$(create '{"subject":"x"}' -i | grep -i retry-after)"
	fault '{"fault":"unavailable"}'
	has "503 is HTML" 'Content-Type: text/html' "$(create '{"subject":"x"}' -i)"
	for pair in forbidden:403:0x80040220 storage_full:400:0x80072325 \
		organization_disabled:403:0x8004A104 plugin_refuses:400:0x80040265 \
		plugin_timeout:500:0x80044171 plugin_duplicate:412:0x80040237 \
		no_application_user:403:0x80072560 role_missing:403:0x80040220 \
		duplicate_rule:500:0x80040333 ok_error_body:200:0x80040216; do
		IFS=: read -r name http code <<<"$pair"
		fault "{\"fault\":\"$name\"}"
		is "$name" "$http $code" "$(refusal '{"subject":"x"}')"
	done
	fault '{"fault":"status","status":418,"code":"0x1","message":"teapot"}'
	is "any status" '418 0x1' "$(refusal '{"subject":"x"}')"
	fault '{"fault":"status","status":502,"body":"empty"}'
	is "any status, empty" $'\n502' "$(create '{"subject":"x"}')"
	fault '{"fault":"unauthorized","times":1}'
	is "401 once" '401 204' \
		"$(create '{"subject":"x"}' | status | tr '\n' ' '; create '{"subject":"x"}' | status)"
	for n in 301 302 307 308; do
		fault "{\"fault\":\"redirect\",\"status\":$n,\"location\":\"$url/else\"}"
		has "$n has its Location" "Location: $url/else" "$(create '{"subject":"x"}' -i)"
	done
	fault '{"fault":"ok_empty"}'
	is "200 with nothing" $'\n200' "$(create '{"subject":"x"}')"
	fault '{"fault":"created_representation"}'
	is "201 with the row" '201 z' "$(create '{"subject":"z"}' | { read -r body
		printf '%s %s' "$(cat)" "$(jq -r .subject <<<"$body")"; })"
	calm
}

test_token_faults() {
	local ask=(oauth2/v2.0/token "${v2[@]}" "client_secret=$secret" "scope=$url/.default")
	fault '{"fault":"secret_expired","times":1}'
	is "secret_expired" 'invalid_client 7000222' "$(ask_token "${ask[@]}" | aadsts)"
	fault '{"fault":"azure_error","number":90055,"error":"temporarily_unavailable","status":429}'
	is "azure_error" 'temporarily_unavailable 90055' "$(ask_token "${ask[@]}" | aadsts)"
	fault '{"fault":"token_down"}'
	has "token_down" "503 Service Unavailable" "$(ask_token "${ask[@]}")"
	calm
}

test_connections() {
	is "reset: nothing stored" '56 0' "$(curl_code '{"fault":"reset"}')"
	is "reset_before_body: nothing stored" '56 0' "$(curl_code '{"fault":"reset_before_body"}')"
	is "reset_mid_headers: stored" '56 1' "$(curl_code '{"fault":"reset_mid_headers"}')"
	is "reset_mid_body: stored" '56 1' "$(curl_code '{"fault":"reset_mid_body"}')"
	is "reset_mid_body, not committed" '56 0' \
		"$(curl_code '{"fault":"reset_mid_body","commit":false}')"
	is "truncated_body" '18 1' "$(curl_code '{"fault":"truncated_body"}')"
	is "commit_then_reset: stored" '56 1' "$(curl_code '{"fault":"commit_then_reset"}')"
	limit=1
	is "hang: nothing stored" '28 0' "$(curl_code '{"fault":"hang"}')"
	is "commit_then_hang: stored" '28 1' "$(curl_code '{"fault":"commit_then_hang"}')"
	is "trickle" '28 1' "$(curl_code '{"fault":"trickle","bytes_per_second":20}')"
	limit=10
	is "truncated_chunked" '18 1' "$(curl_code '{"fault":"truncated_chunked"}')"
	is "invalid_status_line" '1 1' "$(curl_code '{"fault":"invalid_status_line"}')"
	is "endless_headers: curl has had enough" '56 1' "$(curl_code '{"fault":"endless_headers"}')"
	has "and says so" 'Too large response headers' "$(cat "$work/curl")"
	is "endless_body" '18 1' "$(curl_code '{"fault":"endless_body","bytes":3000000}')"
	has "goes on for as long as told" 300 "$(($(wc -c <"$work/body") / 10000))"
	is "gzip_bomb" '0 1' "$(curl_code '{"fault":"gzip_bomb","bytes":5000000}' --compressed)"
	has "of the size told" 4999 "$(($(wc -c <"$work/body") / 1000))"
	is "trailing_garbage" '0 1' "$(curl_code '{"fault":"trailing_garbage"}')"
}

test_latency() {
	local reply
	fault '[{"fault":"latency","ms":200},{"fault":"latency","ms":150},{"fault":"plugin_refuses"}]'
	reply=$(create '{"subject":"x"}' -w '\n%{time_total} %{http_code}\n')
	is "latencies add up, and to another fault" 'true 400' \
		"$(tail -1 <<<"$reply" | jq -rR 'split(" ") | "\(.[0] | tonumber >= 0.35) \(.[1])"')"
	calm
}

# Two requests by one curl: the second goes over the first's connection and is sent again.
test_stale_keepalive() {
	local before
	fault '{"fault":"stale_keepalive","times":1}'
	before=$(control journal | jq .last)
	is "stale_keepalive: both answered" '200 200' "$(curl -sS -o /dev/null -o /dev/null \
		-w '%{http_code} ' -H "Authorization: Bearer $token" "${odata[@]}" \
		"$url/api/data/v9.2/WhoAmI" "$url/api/data/v9.2/WhoAmI" | sed 's/ $//')"
	is "over two connections" 2 "$(control "journal?after=$before" |
		jq '[.exchanges[].connection] | unique | length')"
	calm
}

test_choosing() {
	fault '{"fault":"status","where":"read,whoami","status":500}'
	is "where: not a create" 204 "$(create '{"subject":"x"}' | status)"
	is "where: a whoami" 500 "$(api WhoAmI | status)"
	fault '{"fault":"forbidden","match":{"emailaddress1":"bad@contoso.com"}}'
	is "match: the one" 403 \
		"$(create '{"subject":"x","emailaddress1":"Bad@contoso.com"}' | status)"
	is "match: another" 204 "$(create '{"subject":"x","emailaddress1":"a@contoso.com"}' | status)"
	fault '{"fault":"forbidden","probability":0}'
	is "probability 0: never" 204 "$(create '{"subject":"x"}' | status)"
	is "an unknown fault is refused" 400 "$(control faults -o /dev/null -w '%{http_code}' \
		-d '{"fault":"meteor"}')"
	is "an unknown parameter too" 400 "$(control faults -o /dev/null -w '%{http_code}' \
		-d '{"fault":"reset","tims":1}')"
	is "an unknown setting too" 400 "$(control settings -X PATCH -o /dev/null \
		-w '%{http_code}' -d '{"onlin":true}')"
	calm
}

test_cut_off() {
	set_to '{"online":false}'
	create '{"subject":"x"}' >/dev/null
	is "cut off: no answer" 56 $?
	is "but the control API" false "$(control settings | jq .online)"
	set_to '{"online":true}'
	is "and back" 204 "$(create '{"subject":"x"}' | status)"
	control faults -d '{"fault":"refuse_connections","ms":2000}' >/dev/null
	sleep 0.1
	create '{"subject":"x"}' >/dev/null
	is "refuse_connections: refused" 7 $?
	for _ in $(seq 50); do
		[ "$(create '{"subject":"x"}' | status)" == 204 ] && break
		sleep 0.2
	done
	is "for its time" 204 "$(create '{"subject":"x"}' | status)"
}

test_records() {
	control reset -X POST >/dev/null
	new_token
	for n in 3 1 2; do
		create "{\"leadid\":\"$(id $n)\",\"subject\":\"x\"}" >/dev/null
	done
	is "ids in order of creation" "$(id 3) $(id 1) $(id 2)" "$(control records/ids | xargs)"
	is "records too" "$(id 3) $(id 1)" \
		"$(control 'records?limit=2' | jq -r '.records[].leadid' | xargs)"
	is "one is deleted" 'true 2' "$(control "records/$(id 1)" -X DELETE | jq -r .done) \
$(count records)"
	is "one is put there by hand" 'true' "$(control records -d '{"subject":"typed"}' | jq .done)"
	is "what is no row is refused" 400 \
		"$(control records -o /dev/null -w '%{http_code}' -d '[1]')"
	is "the journal tells what happened" 'create 204 true null' "$(control journal |
		jq -r '.exchanges[-1] | "\(.kind) \(.status) \(.committed) \(.fault)"')"
	is "reset forgets" '0 0' "$(control reset -X POST >/dev/null; count records) $(count creates)"
}

# --- the program ------------------------------------------------------------------------------

test_https() {
	start --tls-cert "$work/app.crt" --tls-key "$work/app.key" --control 127.0.0.1:0
	url=https://localhost:$(head -1 "$work/port")
	is "HTTPS with the certificate given" Bearer "$(
		CURL_CA_BUNDLE=$work/app.crt ask_token oauth2/v2.0/token "${v2[@]}" \
			"client_secret=$secret" "scope=$url/.default" | jq -r .token_type)"
	curl -sS --cacert "$work/app.crt" "$url/_rehearsal/faults" \
		-d '{"fault":"refuse_connections","ms":60000}' >/dev/null
	is "the control address stays open" true "$(curl -sS --cacert "$work/app.crt" \
		"https://localhost:$(tail -1 "$work/port")/_rehearsal/settings" | jq .online)"
	stop
	is "SIGTERM ends it with 0, closed or not" 0 "$code"
}

test_command_line() {
	is "--help teaches" 0 "$("$binary" --help >"$work/help"; echo $?)"
	has "with an example" 'curl' "$(cat "$work/help")"
	is "a bad option is 2" 2 "$("$binary" --lissten 2>/dev/null; echo $?)"
	is "a remote address needs leave" 1 "$("$binary" --listen 0.0.0.0:0 2>/dev/null; echo $?)"
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/app.key" -out "$work/app.crt" -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
openssl genrsa -out "$work/other.key" 2048 2>/dev/null

start --secret "$secret" --certificate "$work/app.crt" --username relay@contoso.com \
	--password 'p+w d' --journal "$work/journal"
has "it says where it is" "ready at $url" "$(cat "$work/out")"
new_token
for test in test_token_versions test_token_refusals test_expired_secret test_certificate \
	test_password test_who_may_ask test_privileges test_create test_create_refusals \
	test_update_and_delete test_duplicate_rule test_limits test_answers test_token_faults \
	test_connections test_latency test_stale_keepalive test_choosing test_cut_off test_records; do
	$test
done
is "the journal's file has a line per exchange" true \
	"$([ "$(wc -l <"$work/journal")" -gt 100 ] && jq -s 'all(.[]; .id > 0)' "$work/journal")"
stop
is "SIGTERM ends it with 0" 0 "$code"
test_https
test_command_line

printf '%d checks, %d failed\n' $((passed + failed)) "$failed"
[ "$failed" -eq 0 ]
