#!/usr/bin/env bash
# A full disk: 503 with Retry-After, never a false 202; accepting again within seconds once there is room, without a restart.
# Needs root, for a small file system in a mount namespace of its own; skipped (77) elsewhere.
if [ -z "${IN_NAMESPACE:-}" ]; then
	if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
		echo "skipped: mounting a small file system needs root"
		exit 77
	fi
	IN_NAMESPACE=1 exec unshare -m "$0" "$@"
fi
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
mkdir -m 700 "$DIR/state"
mount -t tmpfs -o size=6m,mode=700 tmpfs "$DIR/state"
start_relay
accept_lead before@example.com
wait_until 10 "a first lead passes" delivered "$ID" crm

# Leads until the disk says no. What was answered 202 before that must stay.
dd if=/dev/zero of="$DIR/state/filler" bs=1k 2>/dev/null || true
acked=0
refused=
for n in $(seq 1 400); do
	post marketplace "$TOKEN" "$(marketplace_lead "full$n@example.com" | jq -c --arg d "$(head -c 8000 /dev/zero | tr '\0' x)" '.Description = $d')"
	case "$STATUS" in
	202) acked=$((acked + 1)) ;;
	503)
		refused=yes
		break
		;;
	*) fail "a full disk was answered $STATUS: $BODY" ;;
	esac
done
[ -n "$refused" ] || fail "the disk never filled: $acked leads taken"
expect_text "503 says when to come back" "$(curl -si "$RELAY/in/marketplace/$TOKEN" --data "$(marketplace_lead again@example.com)")" '^[Rr]etry-[Aa]fter: [0-9]+'
logged() { grep -qi 'disk\|space\|full' "$DIR/relay.log"; }
wait_until 5 "the log says why" logged
kill -0 "$RELAY_PID" || fail "the daemon is gone"

rm "$DIR/state/filler"
accepts() { post marketplace "$TOKEN" "$(marketplace_lead after@example.com)" && [[ $STATUS = 202 || $STATUS = 200 ]]; }
wait_until 6 "accepting again without a restart" accepts
wait_until 30 "everything is delivered" nothing_waits
# The 202s, the first, the one after; refused ones may have survived a failed commit, and are then counted like any other.
count=$(crm records | jq '.records | length')
[ "$count" -ge $((acked + 2)) ] || fail "$acked leads were acknowledged on the way, $count records arrived"
expect "the books balance" accounting_holds
stop_relay
equal "$STATUS" 0
