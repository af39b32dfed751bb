#!/usr/bin/env bash
# A CRM that misbehaves in every way there is: each row of the table is met by one lead of its own. The attempt means what the row
# says, no lead is lost, the CRM ends with exactly one record of each, and the daemon's memory stays where it was.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
CRM_TIMEOUT=4s
start_crm
write_config
sed -i 's/destinations: \[crm, archive\]/destinations: [crm]/' "$DIR/leadrelay.yaml"
start_relay

resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$RELAY_PID/status"; }
met() { [ "$(crm faults | jq '[.faults[].met] | add // 0')" -ge 1 ]; }
history_of() { ctl --json show "$ID" | jq -r '.deliveries[] | select(.destination == "crm") | .history[] | .outcome + " " + (.reason // "-")'; }
means() { history_of | grep -qxE "$1"; }
settled() { # the lead's delivery ended, or waits for its destination
	local state
	state=$(state_of "$ID" crm)
	[ "$state" = delivered ] || [ "$state" = dead ]
}
records_of() { crm "records?emailaddress1=$1" | jq ".records | length"; }
is_over() { # a parked destination is asked at once; the others come back by themselves
	destination_is crm parked && ctl destinations resume crm >/dev/null
	delivered "$ID" crm
}

# row NAME FAULT MEANING: MEANING is "outcome reason" of one attempt (a regular expression)
row() {
	local name=$1 fault=$2 meaning=$3 email="$1@example.com"
	crm faults -X PUT --data "$fault" >/dev/null
	accept_lead "$email"
	if [[ $fault != *refuse_connections* ]]; then wait_until 60 "$name: the fault is met" met; fi
	wait_until 60 "$name: an attempt means $meaning; its history: $(history_of | tr '\n' ';')" means "$meaning"
	wait_until 30 "$name: the CRM is itself again" crm faults -X DELETE
	if [ "$(state_of "$ID" crm)" = dead ]; then
		equal "$(records_of "$email")" 0 "$name: a dead lead has no record"
		ctl replay "$ID" >/dev/null
	fi
	wait_until 90 "$name: the lead arrives" is_over
	equal "$(records_of "$email")" 1 "$name: exactly one record"
	said "$name"
}
# By status alone: without a code in the body.
status() { row "status-$1" '{"fault":"status","where":"create","times":1,"body":"empty","status":'"$1"'}' "$2"; }

# Ways to end a connection. (A kept one that ends before a byte of the answer came is replaced once, unnoticed.)
ended='(unknown|retry|delivered|already_there) (reset|-)'
row refused '{"fault":"refuse_connections","ms":1500}' 'retry connect'
row reset-before-body '{"fault":"reset_before_body","where":"create","times":1}' "$ended"
row reset '{"fault":"reset","where":"create","times":1}' "$ended"
row reset-mid-headers '{"fault":"reset_mid_headers","where":"create","times":1}' "$ended"
row reset-mid-body '{"fault":"reset_mid_body","where":"create","times":1,"commit":false}' '.*'
row truncated '{"fault":"truncated_body","where":"create","times":1}' '.*'
row silence '{"fault":"hang","where":"create","times":1}' 'unknown timeout'
row committed-silence '{"fault":"commit_then_hang","where":"create","times":1}' 'unknown timeout'
row committed-reset '{"fault":"commit_then_reset","where":"create","times":1}' "$ended"
row trickle '{"fault":"trickle","where":"create","times":1,"bytes_per_second":5}' '(unknown|delivered) (timeout|-)'
row stale '{"fault":"stale_keepalive","where":"create","times":1}' '.*'

# What is not HTTP, or too much of it. (256 MiB each, by default.)
before=$(resident)
row no-status-line '{"fault":"invalid_status_line","where":"create","times":1}' 'unknown protocol'
row endless-headers '{"fault":"endless_headers","where":"create","times":1}' '(unknown|delivered|already_there) .*'
row endless-body '{"fault":"endless_body","where":"create","times":1}' '.*'
row bomb '{"fault":"gzip_bomb","where":"create","times":1}' '.*'
row chunks-cut '{"fault":"truncated_chunked","where":"create","times":1}' '.*'
row garbage-behind '{"fault":"trailing_garbage","where":"create","times":1}' '.*'
row token-endless '[{"fault":"endless_body","where":"token","times":1},{"fault":"unauthorized","where":"create","times":1}]' '.*'
row token-bomb '[{"fault":"gzip_bomb","where":"token","times":1},{"fault":"unauthorized","where":"create","times":1}]' '.*'
row token-not-http '[{"fault":"invalid_status_line","where":"token","times":1},{"fault":"unauthorized","where":"create","times":1}]' '.*'
after=$(resident)
# AddressSanitizer keeps up to 256 MiB of what was freed; each of these alone would be as much again.
[ $((after - before)) -lt $((400 * 1024)) ] || fail "resident memory grew from $before to $after KiB"
said "memory: $before KiB before, $after KiB after"

# Successes that are none, or more than asked for.
row ok-with-error '{"fault":"ok_error_body","where":"create","times":1}' 'retry protocol'
row ok-empty '{"fault":"ok_empty","where":"create","times":1}' 'retry protocol'
row created '{"fault":"created_representation","where":"create","times":1}' 'delivered -'
status 202 'retry protocol'

# Redirects are not followed; 4xx by kind; 5xx.
for code in 301 308; do
	row "redirect-$code" '{"fault":"redirect","where":"create","times":1,"status":'$code',"location":"http://169.254.169.254/"}' 'environment environment'
done
status 400 'refused invalid'
status 401 'unauthorized unauthorized' # of the exchange; the attempt goes on with a new token
status 403 'forbidden forbidden'
for code in 404 507; do status $code 'environment environment'; done
for code in 409 415 422; do status $code 'refused invalid'; done
status 410 'environment gone'
status 412 'refused duplicate_rule'
status 413 'refused too_large'
for code in 408 504; do status $code 'retry timeout'; done
for code in 500 502 503; do status $code 'retry server_error'; done
status 501 'refused protocol'
for body in html azure; do row "status-503-$body" '{"fault":"status","where":"create","times":1,"status":503,"body":"'$body'"}' 'retry server_error'; done

# Retry-After, usable or not.
throttle() { row "throttled-$1" '{"fault":"throttle","where":"create","times":1,"retry_after":'"$2"'}' 'throttled throttled'; }
throttle seconds 1
throttle date '"date:2"'
throttle negative '"-5"'
throttle past '"Sun, 06 Nov 1994 08:49:37 GMT"'
throttle absent '"absent"'
throttle words '"soon"'
row unavailable-for-a-second '{"fault":"unavailable","where":"create","times":1,"retry_after":"1"}' 'throttled throttled'

wait_until 30 "nothing waits" nothing_waits
expect "the books balance" accounting_holds
equal "$(crm records | jq '[.records[].emailaddress1] | length - (unique | length)')" 0 "no record twice"
equal "$(crm records | jq .count)" "$(ctl --json status | jq .accounting.accepted)" "a record for each lead"

# Ten years are a day, however they are said.
pause_of() { ctl --json status | jq -r '.destinations[] | select(.name == "crm") | .next_attempt_at'; }
for years in 315360000 date:315360000; do
	[ "$years" = 315360000 ] || { rm -rf "$DIR/state" && start_relay; }
	crm faults -X PUT --data '{"fault":"throttle","where":"create","times":1,"retry_after":"'$years'"}' >/dev/null
	accept_lead "ten-years-${years%%:*}@example.com"
	wait_until 60 "the destination is throttled" destination_is crm throttled
	pause=$(($(date -d "$(pause_of)" +%s) - $(date +%s)))
	[ $pause -gt 80000 ] && [ $pause -le 86400 ] || fail "a pause of $pause s for Retry-After: $years"
	equal "$(state_of "$ID" crm)" pending
	stop_relay
	equal "$STATUS" 0
done
said "ten years are a day"
