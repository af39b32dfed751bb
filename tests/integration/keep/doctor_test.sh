#!/usr/bin/env bash
# leadctl doctor: a line per check, what to do, and the exit status; with the daemon up and down.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
start_crm
write_config
check() { jq -r --arg n "$1" '[.checks[] | select(.name == $n) | .level] | first // "none"' <<<"$OUT"; }
remedy() { jq -r --arg n "$1" '[.checks[] | select(.name == $n) | .remedy // empty] | first // ""' <<<"$OUT"; }

expect_exit 2 ctl doctor now
expect_exit 0 ctl --json doctor # before the first start
equal "$(check state_dir)" warning
start_relay
accept_lead ana@example.com
expect_exit 0 ctl --json doctor
equal "$(jq -c '[.ok, (.checks | map(has("name") and has("ok") and has("detail") and has("remedy")) | all)]' <<<"$OUT")" '[true,true]'
for name in configuration secrets state_dir lock schema sqlite open_files; do equal "$(check $name)" ok "$name"; done
for name in disk_sync disk_space file_system clock; do [ "$(check $name)" != none ] || fail "$name is not looked at"; done
expect_text "who has the lock" "$(jq -r '.checks[] | select(.name == "lock") | .detail' <<<"$OUT")" 'daemon'
expect_exit 0 ctl doctor
expect_text "in words" "$OUT" '^ok +state_dir'
stop_relay
expect_exit 0 ctl --json doctor
expect_text "nobody has the lock" "$(jq -r '.checks[] | select(.name == "lock") | .detail' <<<"$OUT")" 'free'

# What is wrong is told with its remedy.
chmod 644 "$DIR/crm.secret"
sed -i 's/      authority/      expires: 2020-01-01\n      authority/' "$DIR/leadrelay.yaml"
cp "$DIR/state/outbox.db" "$DIR/good.db"
printf '\x00\x00\x00\x63' | dd of="$DIR/state/outbox.db" bs=1 seek=60 conv=notrunc status=none
expect_exit 3 ctl --json doctor
equal "$(jq -r .ok <<<"$OUT")" false
equal "$(check credentials) $(check secrets) $(check schema)" "failed warning failed"
[ -n "$(remedy credentials)" ] && [ -n "$(remedy secrets)" ] && [ -n "$(remedy schema)" ] || fail "no remedy: $OUT"
printf 'nonsense' | dd of="$DIR/state/outbox.db" bs=1 seek=0 conv=notrunc status=none
expect_exit 3 ctl --json doctor
expect_text "a damaged head" "$(remedy schema)" 'salvage'
cp "$DIR/good.db" "$DIR/state/outbox.db"

# Certificates; a clock that is years behind; a configuration that is bad.
openssl req -x509 -newkey rsa:2048 -nodes -days 10 -subj /CN=localhost -keyout "$DIR/tls.key" -out "$DIR/tls.crt" 2>/dev/null
chmod 600 "$DIR/tls.key" "$DIR/crm.secret"
sed -i 's/^intake:/intake:\n  tls: { certificate: tls.crt, key: tls.key }/; /expires: 2020/d' "$DIR/leadrelay.yaml"
expect_exit 0 ctl --json doctor
equal "$(check tls)" warning
expect_exit 3 env LD_PRELOAD="$(ls /usr/lib/*/faketime/libfaketime.so.1)" FAKETIME="@2019-01-01 00:00:00" NO_FAKE_STAT=1 ASAN_OPTIONS=verify_asan_link_order=0 "$BIN/leadctl" -c "$DIR/leadrelay.yaml" --json doctor
equal "$(check clock)" failed
sed -i 's/^state_dir/colour: blue\nstate_dir/' "$DIR/leadrelay.yaml"
expect_exit 2 ctl --json doctor
equal "$(check configuration)" failed
said "doctor"
