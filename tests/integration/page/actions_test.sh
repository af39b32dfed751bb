#!/usr/bin/env bash
# Every action of the page is clicked in a browser, and the daemon, the CRM and the mail server tell whether it was done:
# actions_test.sh BIN PICTURES
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
source "$(dirname "$0")/common.sh"
setup "$1"
PICTURES=$2
begin
browse actions_test.mjs

# Three unclean ends within ten minutes, and it takes leads in only.
for end in 1 2 3; do
	stop_relay KILL
	start_relay
done
expect_text "it takes in only" "$(ctl status || true)" 'intake only'
browse intake_only_test.mjs
expect_no_text "it delivers again" "$(ctl status || true)" 'intake only'
stop_relay
equal "$STATUS" 0 "orderly stop"
expect "everything is accounted for" ctl check

# With a token: who is not logged in sees the door only.
printf '%s\n' "admin-token-0123456789" >"$DIR/admin.token"
chmod 600 "$DIR/admin.token"
sed -i 's|^admin: .*|admin: { listen: "127.0.0.1:0", token_file: admin.token }|' "$DIR/leadrelay.yaml"
start_relay
browse login_test.mjs admin-token-0123456789
stop_relay
equal "$STATUS" 0 "orderly stop"
