# Runs as a unit inside the system that boot.sh booted; what it says is read by boot.sh.
set -euo pipefail
cd /root
export HOME=/root DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
exec 2>&1

fail() {
	echo "FAILED: $*"
	tail -n 20 /root/apt.log /root/journey.log || true
	journalctl --unit leadrelayd --no-pager | tail -n 30
	exit 1
}
said() { echo "ok: $*"; }
equal() { [ "$1" = "$2" ] || fail "expected '$2', got '$1' ${3:+($3)}"; }
wait_until() { # WHAT COMMAND...
	local what=$1 until=$((SECONDS + 60))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || fail "waited in vain: $what"
		sleep 0.2
	done
}
CRM=http://127.0.0.1:8181
pid() { systemctl show --property MainPID --value leadrelayd; }
active() { systemctl is-active --quiet leadrelayd; }
restarted() { active && [ "$(pid)" != "$before" ] && [ "$(pid)" != 0 ]; }
online() { curl -sS "$CRM/_rehearsal/settings" --data "{\"online\":$1}" >/dev/null; }
records() { curl -sS "$CRM/_rehearsal/records" | jq '.records | length'; }
hold() { [ "$(records)" = "$1" ]; }
pending() { [ "$(leadctl --json status | jq .accounting.pending)" = "$1" ]; }
send() {
	equal "$(curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat /etc/leadrelay/marketplace.token)" \
		http://127.0.0.1:8080/in/marketplace --data '{"UserDetails":{"LastName":"'"$1"'","Email":"'"$1"'@example.com"},"OfferTitle":"Try"}')" 202
}
again() { apt-get install -y --reinstall ./build/package/leadrelay_*.deb >/root/apt.log 2>&1 || fail "apt"; }

# As a user would: each line of the README, one after the other.
[ -s journey ] || fail "the README has no journey"
commands=$(grep -cv '^ ' journey)
[ "$commands" -lt 10 ] || fail "$commands commands are too many"
set +e
source ./journey >/root/journey.log 2>&1
set -e
active || fail "the daemon does not run"
wait_until "the README's lead is in the CRM" hold 1
grep -q 'OK .*the test lead is gone again' /root/journey.log || fail "validate"
systemctl is-enabled --quiet leadrelayd || fail "it will not start with the system"
said "by the README alone, in $commands commands: validated, and a lead delivered"
man leadrelayd >/root/man.log && man 5 leadrelay.yaml >>/root/man.log && grep -q SYNOPSIS /root/man.log || fail "manuals"
leadctl doctor >/root/doctor.log || fail "doctor: $(cat /root/doctor.log)"
equal "$(systemctl show --property NRestarts --value leadrelayd)" 0

online false
send two && send three
before=$(pid)
again
restarted || fail "not restarted"
pending 2 || fail "the backlog"
online true
wait_until "all three" hold 3
said "upgraded under systemd with two leads waiting: delivered"

echo 'nonsense: 1' >>/etc/leadrelay/leadrelay.yaml
before=$(pid)
again
grep -q "this version does not take" /root/apt.log || fail "nothing was said"
active && equal "$(pid)" "$before" "what ran must run on"
sed -i '/^nonsense/d' /etc/leadrelay/leadrelay.yaml
mkdir -p /etc/systemd/system/leadrelayd.service.d
printf '[Service]\nEnvironment=WHERE=127.0.0.1:8080\n' >/etc/systemd/system/leadrelayd.service.d/where.conf
sed -i 's/"127.0.0.1:8080"/"${WHERE}"/' /etc/leadrelay/leadrelay.yaml
export WHERE=127.0.0.1:8080
systemctl daemon-reload
systemctl restart leadrelayd
before=$(pid)
again
restarted || fail "a configuration with the environment of the unit"
said "an upgrade that does not take the configuration leaves the old one running"

for _ in 1 2 3 4 5 6 7 8; do
	before=$(pid)
	kill -KILL "$before"
	wait_until "started again" restarted
done
send four
systemctl reload leadrelayd
leadctl resume >/dev/null 2>&1 || fail "resume"
wait_until "the fourth" hold 4
said "killed eight times within half a minute: it never gives up, and asks before it delivers"

systemctl stop leadrelayd
rm /etc/leadrelay/crm.secret
! systemctl start leadrelayd 2>/dev/null || fail "started without its secret"
sleep 3
equal "$(systemctl show --property NRestarts --value leadrelayd)" 0 "an unusable configuration must not be tried again and again"
said "a bad configuration is told once"
apt-get purge -y leadrelay >/root/apt.log 2>&1 || fail purge
! pgrep leadrelayd || fail "still running"
[ ! -e /etc/leadrelay ] && [ ! -e /var/lib/leadrelay ] || fail "left: $(ls -A /etc/leadrelay /var/lib/leadrelay)"
said "purged with everything delivered"
echo "all is well"
