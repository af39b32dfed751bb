# mail.sh: for tests with mail: source it after lib.sh. Mail servers that we did not write (npm's smtp-server, Debian's
# Postfix) on loopback, and the mail: block of the configuration.
SUPPORT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SMTP_PASSWORD=mail~password.0+/=

make_certificate() { # sets nothing; $DIR/mail.crt and $DIR/mail.key for localhost
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/mail.key" -out "$DIR/mail.crt" -days 2 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
	chmod 600 "$DIR/mail.key"
}

start_smtp() { # [options of smtp_server.mjs]: sets SMTP_PORT, SMTP_CONTROL, SMTP_PID
	[ -s "$DIR/mail.crt" ] || make_certificate
	rm -f "$DIR/smtp.port"
	node "$SUPPORT/smtp_server.mjs" "$DIR/smtp.port" "$DIR/mail.crt" "$DIR/mail.key" "$@" >"$DIR/smtp.log" 2>&1 &
	SMTP_PID=$!
	PIDS+=("$SMTP_PID")
	wait_until 30 "the mail server starts" test -s "$DIR/smtp.port"
	SMTP_PORT=$(sed -n 1p "$DIR/smtp.port")
	SMTP_CONTROL=http://127.0.0.1:$(sed -n 2p "$DIR/smtp.port")
}
smtp() { # /mails | /counters | /behave JSON | /online true|false | /forget
	case "$1" in
	/behave) curl -sS --fail-with-body -o /dev/null --data "$2" "$SMTP_CONTROL/behave" ;;
	/online) curl -sS --fail-with-body -o /dev/null --data "{\"online\":$2}" "$SMTP_CONTROL/online" ;;
	/forget) curl -sS --fail-with-body -o /dev/null -X DELETE "$SMTP_CONTROL/mails" ;;
	*) curl -sS --fail-with-body "$SMTP_CONTROL$1" ;;
	esac
}
mails() { smtp /mails | jq -c "${1:-.}"; } # [jq program over the list]
mails_are() { [ "$(smtp /mails | jq length)" -eq "$1" ]; }
mails_to() { smtp /mails | jq --arg to "$1" '[.[] | select(.to == $to)] | length'; }
mails_to_are() { [ "$(mails_to "$1")" -eq "$2" ]; }
# How many mails to ADDRESS have a subject or text that matches REGEX (without case).
mails_saying() { smtp /mails | jq --arg to "$1" --arg re "$2" '[.[] | select(.to == $to and ((.subject + "\n" + .text) | test($re; "i")))] | length'; }
says() { [ "$(mails_saying "$1" "$2")" -ge "${3:-1}" ]; }
mail_saying() { smtp /mails | jq -c --arg to "$1" --arg re "$2" '[.[] | select(.to == $to and ((.subject + "\n" + .text) | test($re; "i")))][0]'; }

# mail_block [more lines of mail:] appends the block to the configuration; $SMTP_AUTH is what follows `tls:`.
mail_block() {
	cat >>"$DIR/leadrelay.yaml" <<YAML
mail:
  smtp: { url: "smtp://localhost:$SMTP_PORT", tls: required, ca_file: mail.crt, timeout: 5s${SMTP_AUTH:+, $SMTP_AUTH} }
  from: "${MAIL_FROM:-Lead relay <relay@contoso.com>}"
YAML
	[ $# -eq 0 ] || printf '  %s\n' "$@" >>"$DIR/leadrelay.yaml"
}
# The contacts of the destination crm, as the publisher's form takes them.
set_contacts() { sed -i "s|^\(    probe_interval: 1s\)$|\1\n    contacts: \"$1\"|" "$DIR/leadrelay.yaml"; }

status_json() { ctl --json status || [ $? -eq 3 ]; } # 3: something needs attention
told() { status_json | jq -r ".notifications.${1}"; } # pending | sent | dead
told_is() { [ "$(told "$1")" = "$2" ]; }
all_told() { told_is pending 0; }
notifications_of() { ctl --json show "$1" | jq -c '.notifications'; }
# Each of the lead's notifications has this state.
lead_told() { ctl --json show "$1" | jq -e --arg s "${2:-sent}" '.notifications | length > 0 and all(.state == $s)' >/dev/null; }
logged() { grep -qE -- "$1" "$DIR/relay.log"; }

# Debian's Postfix from build/servers (tools/install-deps puts it there), in a scratch directory: STARTTLS and AUTH required;
# mail for *@contoso.com goes to Maildirs under $DIR/postfix/mail, one per name of RECIPIENTS. Needs root, as Postfix does.
start_postfix() { # PREFIX RECIPIENT...: sets SMTP_PORT, POSTFIX_PID; user relay, password $SMTP_PASSWORD
	local prefix=$1 home=$DIR/postfix name boxes=
	shift
	[ -s "$DIR/mail.crt" ] || make_certificate
	for name in "$@"; do boxes+="${boxes:+, }$name@contoso.com=$name/"; done
	chmod 711 "$DIR"
	mkdir -p "$home"/{etc/sasl,data,mail} "$home"/queue/{maildrop,incoming,active,bounce,defer,deferred,flush,hold,trace,corrupt,saved,pid,private,public}
	chown -R daemon "$home/queue" "$home/data"
	chown root "$home/queue" "$home/queue/pid"
	chown nobody "$home/mail"
	SMTP_PORT=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
	cat >"$home/etc/main.cf" <<CF
compatibility_level = 3.6
import_environment = MAIL_CONFIG TZ LD_LIBRARY_PATH=$prefix/usr/lib/postfix
config_directory = $home/etc
command_directory = $prefix/usr/sbin
daemon_directory = $prefix/usr/lib/postfix/sbin
shlib_directory = $prefix/usr/lib/postfix
meta_directory = $home/etc
queue_directory = $home/queue
data_directory = $home/data
mail_owner = daemon
setgid_group = games
default_privs = nobody
maillog_file = $home/log
maillog_file_prefixes = /
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = contoso.com
virtual_mailbox_base = $home/mail
virtual_mailbox_maps = inline:{ $boxes }
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -u nobody)
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = $DIR/mail.key, $DIR/mail.crt
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = localhost
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_sasl_authenticated, reject
CF
	cat >"$home/etc/sasl/smtpd.conf" <<CF
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $home/etc/sasl/db
mech_list: PLAIN LOGIN
CF
	cat >"$home/etc/master.cf" <<CF
127.0.0.1:$SMTP_PORT inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CF
	printf '%s' "$SMTP_PASSWORD" | "$prefix/usr/sbin/saslpasswd2" -p -c -f "$home/etc/sasl/db" -u localhost relay
	chown daemon "$home/etc/sasl/db"
	LD_LIBRARY_PATH=$prefix/usr/lib/postfix MAIL_CONFIG=$home/etc "$prefix/usr/lib/postfix/sbin/master" -d -c "$home/etc" \
		</dev/null >"$home/out" 2>&1 &
	POSTFIX_PID=$!
	AT_END+=(stop_postfix)
	wait_until 30 "Postfix listens" postfix_listens
}
postfix_listens() { : 2>/dev/null <"/dev/tcp/127.0.0.1/$SMTP_PORT"; }
# On TERM Postfix ends its own processes; they would outlive a kill -9.
stop_postfix() {
	kill -TERM "$POSTFIX_PID" 2>/dev/null || return 0
	wait "$POSTFIX_PID" || true
}
mailbox() { node "$SUPPORT/mailbox_read.mjs" "$DIR/postfix/mail/$1/new" 2>/dev/null; } # NAME: a JSON line per mail
mailbox_has() { [ "$(find "$DIR/postfix/mail/$1/new" -type f 2>/dev/null | wc -l)" -ge "$2" ]; }
