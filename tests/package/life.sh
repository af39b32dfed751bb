# Runs inside the bare system of chroot.sh: /root/leadrelay_old.deb and /root/leadrelay_new.deb are there, nothing else is.
set -euo pipefail
cd /root

fail() {
	echo "FAILED: $*" >&2
	tail -n 15 /root/*.log >&2
	exit 1
}
said() { echo "ok: $*"; }
quiet() { "$@" >/root/apt.log 2>&1 || fail "$*"; }
has() { grep -qE -- "$1" /root/apt.log || fail "expected /$1/ of apt"; }
equal() { [ "$1" = "$2" ] || fail "expected '$2', got '$1' ${3:+($3)}"; }
wait_until() { # WHAT COMMAND...: two minutes at most
	local what=$1 until=$((SECONDS + 120))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || fail "waited in vain: $what"
		sleep 0.2
	done
}
records() { curl -sS "$CRM/_rehearsal/records" | jq -r '.records | length'; }
online() { curl -sS "$CRM/_rehearsal/settings" --data "{\"online\":$1}" >/dev/null; }
count() { leadctl --json status | jq -r ".accounting.$1"; }
is() { [ "$("$1" ${2:+"$2"})" = "$3" ]; }

start_relay() { # as the unit would
	: >/root/relay.log
	setsid runuser -u leadrelay -- sh -c 'umask 077; exec /usr/sbin/leadrelayd -c /etc/leadrelay/leadrelay.yaml' 2>/root/relay.log &
	wait_until "the daemon starts" grep -q ' started ' /root/relay.log
	RELAY=http://127.0.0.1:$(sed -n 's/.* started .*listen=127\.0\.0\.1:\([0-9]*\).*/\1/p' /root/relay.log)
	grep -q "version=$1" /root/relay.log || fail "not version $1: $(cat /root/relay.log)"
	DAEMON=$(pgrep -u leadrelay -x leadrelayd)
}
stop_relay() { # SIGNAL
	kill "-$1" "$DAEMON"
	wait_until "the daemon ends" sh -c "! kill -0 $DAEMON"
}
send() { # FIRST LAST: a lead each, which must be answered 202
	local i
	for ((i = $1; i <= $2; i++)); do
		equal "$(curl -sS -o /dev/null -w '%{http_code}' "$RELAY/in/marketplace/$(cat /etc/leadrelay/marketplace.token)" \
			--data '{"UserDetails":{"LastName":"No '$i'","Email":"no'$i'@example.com"},"OfferTitle":"Try","ActionCode":"INS"}')" 202 "lead $i"
	done
}
write_config() {
	(
		umask 027
		cat >/etc/leadrelay/leadrelay.yaml <<YAML
state_dir: /var/lib/leadrelay
intake: { listen: ["127.0.0.1:0"] }
sources:
  - { name: marketplace, kind: marketplace, token_file: marketplace.token, destinations: [crm, archive] }
destinations:
  - name: crm
    kind: dynamics365
    url: $CRM
    auth: { method: azure_ad, directory_id: 12345678-0000-0000-0000-000000000000, client_id: 23456052-0000-0000-0000-000000000000,
      client_secret_file: crm.secret, authority: "$CRM" }
    probe_interval: 1s
  - { name: archive, kind: file, path: /var/lib/leadrelay/archive.jsonl }
retry: { first: 200ms, longest: 1s }
YAML
		echo 'rehearsal~secret+has/odd=characters&all%' >/etc/leadrelay/crm.secret
		echo 0123456789abcdef0123456789abcdef >/etc/leadrelay/marketplace.token
		chgrp leadrelay /etc/leadrelay/*
	)
}

quiet apt-get update
quiet apt-get install -y ./leadrelay_old.deb
has "not started, as there is no configuration yet"
old=$(leadrelayd --version | cut -d ' ' -f 2)
[ -n "$old" ] && leadctl version >/dev/null && leadrelay-rehearsal --help >/dev/null || fail "a program does not run with what was installed"
equal "$(stat -c '%a %U %G' /etc/leadrelay /var/lib/leadrelay | xargs)" "750 root leadrelay 700 leadrelay leadrelay"
equal "$(getent passwd leadrelay | cut -d : -f 6,7)" "/var/lib/leadrelay:/usr/sbin/nologin"
[ -L /etc/systemd/system/multi-user.target.wants/leadrelayd.service ] || fail "the unit does not start with the system"
! leadctl config check 2>/root/leadctl.log || fail "a configuration from nowhere"
said "installed: $(dpkg-query -W leadrelay)"

quiet apt-get install -y --no-install-recommends curl jq procps
leadrelay-rehearsal --listen 127.0.0.1:0 --port-file /root/port --control 127.0.0.1:0 >/root/crm.log 2>&1 &
wait_until "the rehearsal CRM" test -s /root/port
CRM=http://127.0.0.1:$(head -n 1 /root/port)
write_config
leadctl config check >/dev/null || fail "config check"
leadctl validate crm --no-lead >/root/leadctl.log || fail "validate"
start_relay "$old"
send 1 3
wait_until "three records" is records "" 3
online false
send 4 60
[ "$(count pending)" -ge 57 ] || fail "no backlog"
said "at work as leadrelay, 57 leads wait"

quiet apt-get install -y ./leadrelay_new.deb
new=$(leadrelayd --version | cut -d ' ' -f 2)
equal "$(stat -c '%a %U %G' /etc/leadrelay /var/lib/leadrelay /etc/leadrelay/crm.secret | xargs)" "750 root leadrelay 700 leadrelay leadrelay 640 root leadrelay"
leadctl status >/root/leadctl.log || [ $? -eq 3 ] || fail "the new leadctl and the old daemon"
send 61 62 # the old daemon is still there
stop_relay KILL
start_relay "$new"
online true
wait_until "every lead in the CRM" is records "" 62
wait_until "nothing pending" is count pending 0
equal "$(count difference)" 0
leadctl check >/root/leadctl.log || fail "check"
# A file keeps no key: what was written a moment before the kill may stand there twice.
equal "$(jq -r .id /var/lib/leadrelay/archive.jsonl | sort -u | wc -l)" 62 "the archive"
equal "$(curl -sS "$CRM/_rehearsal/records" | jq -r '[.records[].emailaddress1] | unique | length')" 62 "each once"
said "upgraded: $(dpkg-query -W leadrelay), daemon killed and started anew, all 62 leads delivered once"

online false
send 63 64
wait_until "the archive has them" is count pending 2
stop_relay TERM
quiet apt-get remove -y leadrelay
has "leads that were not delivered stay"
[ -s /etc/leadrelay/leadrelay.yaml ] && [ -s /var/lib/leadrelay/outbox.db ] || fail "removal took more than the programs"
cp -a /etc/leadrelay /root/kept
quiet apt-get purge -y leadrelay
has "kept /var/lib/leadrelay"
[ ! -e /etc/leadrelay ] && [ -s /var/lib/leadrelay/outbox.db ] || fail "purge with two leads waiting"
equal "$(stat -c %U /var/lib/leadrelay/outbox.db)" leadrelay
said "removed and purged: the two leads that wait are still there"

quiet apt-get install -y ./leadrelay_new.deb
cp -a /root/kept/. /etc/leadrelay/
online true
start_relay "$new"
wait_until "the last two" is records "" 64
wait_until "nothing pending" is count pending 0
said "installed again: they were delivered"

stop_relay TERM
quiet apt-get remove -y leadrelay
! grep -q "not delivered" /root/apt.log || fail "what leads?"
[ -s /var/lib/leadrelay/outbox.db ] || fail "removal took the outbox"
quiet apt-get purge -y leadrelay
has "kept /var/lib/leadrelay"
equal "$(ls -A /var/lib/leadrelay)" archive.jsonl "all delivered: the archive alone is left"
quiet apt-get install -y ./leadrelay_new.deb
rm /var/lib/leadrelay/archive.jsonl
quiet apt-get purge -y leadrelay
[ ! -e /var/lib/leadrelay ] && [ ! -e /etc/leadrelay ] || fail "something was left"
[ ! -e /etc/systemd/system/multi-user.target.wants/leadrelayd.service ] || fail "the unit's link was left"
said "purged with everything delivered: nothing is left but the archive"
