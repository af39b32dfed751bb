#!/usr/bin/env bash
# The wall clock jumps by an hour, a day and a year, both ways, while leads wait and leads come: none dies of it, nothing is removed,
# what is fresh is delivered at once: clock_test.sh BIN. The sanitizers do not go with libfaketime; it needs a build without.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
[ -n "$faketime" ] || fail "libfaketime is missing: run tools/install-deps"
libraries=$(ldd "$BIN/leadrelayd")
if [[ $libraries == *san.so* ]]; then
	echo "skipped: built with sanitizers"
	exit 77
fi
start_crm
write_config
sed -i 's/give_up_after: 14d/give_up_after: 1h/' "$DIR/leadrelay.yaml"
printf 'retention: { delivered: 1d }\n' >>"$DIR/leadrelay.yaml"
clock() { echo "$1" >"$DIR/clock"; }
clock +0
start_relay env LD_PRELOAD="$faketime" FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE="$DIR/clock"
accept_lead first@example.com
first=$ID
wait_until 20 "a lead passes" delivered "$first" crm
crm settings -X POST --data '{"online":false}' >/dev/null
accept_lead waits@example.com
waits=$ID
for jump in +1h +1d +365d -1h -1d -365d +0; do
	clock "$jump"
	accept_lead "at$RANDOM@example.com"
	wait_until 20 "at $jump the archive still gets leads" delivered "$ID" archive
	sleep 2
	equal "$(state_of "$waits" crm)" pending "at $jump"
done
equal "$(ctl --json status | jq '[.destinations[].dead] | add')" 0 "nothing died of the clock"
expect "what was delivered is still here" delivered "$first" crm
crm settings -X POST --data '{"online":true}' >/dev/null
wait_until 30 "everything is delivered once the CRM is back" nothing_waits
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
