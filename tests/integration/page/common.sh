# common.sh: a relay with the page, the rehearsal CRM and a mail server, for a browser. Sourced after lib.sh and mail.sh.
admin_address() { sed -n 's/.* \(started\|configuration reloaded\) .*admin=\([0-9.:]*\).*/\2/p' "$DIR/relay.log" | tail -n 1; }

begin() { # [ADMIN TOKEN FILE]
	start_crm
	start_smtp
	write_config
	set_contacts "owner@contoso.com"
	mail_block "digest: 1s"
	printf 'admin: { listen: "127.0.0.1:0"%s }\n' "${1:+, token_file: $1}" >>"$DIR/leadrelay.yaml"
	start_relay
}

# browse SCRIPT [arguments]: the browser's part, told where everything is. TZ: pictures of a zone with a summer time.
browse() {
	local script=$1
	shift
	ADMIN=http://$(admin_address) RELAY=$RELAY CRM=$CRM SMTP=$SMTP_CONTROL TOKEN=$TOKEN PICTURES=$PICTURES \
		TZ=Europe/Paris timeout 800 node "$(dirname "$0")/$script" "$@"
}
