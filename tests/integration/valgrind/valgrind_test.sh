#!/usr/bin/env bash
# The daemon under valgrind, from start over deliveries, an outage and a reload to an orderly stop: no error, no leak.
# Usage: valgrind_test.sh BUILD-DIRECTORY (a build without sanitizers)
source "$(dirname "$0")/../../support/lib.sh"
setup "$1/bin"
READY_SECONDS=60
CRM_TIMEOUT=20s
start_crm
write_config
start_relay valgrind --soname-synonyms='somalloc=libmimalloc*' --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,possible \
	--errors-for-leak-kinds=definite,possible --log-file="$DIR/valgrind.log"
for n in 1 2 3 4 5; do accept_lead "v$n@example.com"; done
wait_until 60 "the leads are delivered" nothing_waits
crm settings -X POST --data '{"online":false}' >/dev/null
accept_lead outage@example.com
wait_until 60 "the destination backs off" destination_is crm backing_off
crm settings -X POST --data '{"online":true}' >/dev/null
wait_until 60 "the lead arrives" nothing_waits
kill -HUP "$RELAY_PID"
accept_lead after@example.com
wait_until 60 "after the reload too" nothing_waits
ctl status >/dev/null || fail "status: something needs attention"
stop_relay
[ "$STATUS" -eq 0 ] || { cat "$DIR/valgrind.log"; fail "valgrind: exit $STATUS"; }
expect "the books balance" accounting_holds
echo "valgrind finds nothing"
