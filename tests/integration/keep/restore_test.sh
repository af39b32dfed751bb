#!/usr/bin/env bash
# leadctl restore: a backup takes the outbox's place, whole or not at all; nothing goes twice, nobody forgotten comes back.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
schema=$(cd "$(dirname "$0")/../../../schema" && pwd)
start_crm
write_config
sed -i 's/    max_concurrency: 16/    max_concurrency: 16\n    contacts: "owner@contoso.com"/' "$DIR/leadrelay.yaml"
cat >>"$DIR/leadrelay.yaml" <<YAML
mail: { smtp: { url: "smtp://127.0.0.1:9", tls: none }, from: "relay@contoso.com" }
YAML
leads() { sqlite3 "$DIR/state/outbox.db" 'SELECT count(*) FROM lead'; }
archived() { grep -c "$1" "$DIR/archive.jsonl"; }
aside() { find "$DIR/state" -name 'outbox.db.aside-*' ! -name '*-wal' | wc -l; }

start_relay
accept_lead one@example.com
one=$ID
wait_until 10 "one is delivered" delivered "$one" crm
wait_until 10 "one is archived" delivered "$one" archive
expect_exit 0 ctl destinations park crm --why test
accept_lead gone@example.com
gone=$ID
wait_until 10 "gone is archived" delivered "$gone" archive
expect_exit 0 ctl destinations park archive --why test
post partner json-token-0123456789ab '{"email":"three@example.com","description":"sent by\ngone@example.com"}'
equal "$STATUS" 202 "$BODY"
ID=$(jq -r .id <<<"$BODY")
three=$ID
expect_exit 0 ctl backup "$DIR/backup.db"

# After the backup: all is delivered, one person is forgotten, one lead is new.
expect_exit 0 ctl destinations resume crm
expect_exit 0 ctl destinations resume archive
wait_until 10 "three is delivered" delivered "$three" crm
wait_until 10 "three is archived" delivered "$three" archive
expect_exit 0 ctl forget gone@example.com
accept_lead late@example.com
late=$ID
wait_until 10 "late is delivered" delivered "$late" crm
records=$(crm records | jq .count)
expect_exit 5 ctl restore "$DIR/backup.db"
expect_text "stop it first" "$ERR" 'stop leadrelayd first'
stop_relay KILL # a WAL is left behind: it is not the backup's
[ -s "$DIR/state/outbox.db-wal" ] || fail "the test needs a WAL"

# What is no good backup changes nothing.
sum=$(cat "$DIR"/state/outbox.db* | sha256sum)
same() { [ "$(cat "$DIR"/state/outbox.db* | sha256sum)" = "$sum" ]; }
cp "$DIR/backup.db" "$DIR/bad.db"
printf '\xff\xff\xff\xff\xff\xff\xff\xff' | dd of="$DIR/bad.db" bs=1 seek=$((4096 * 3)) conv=notrunc status=none
expect_exit 1 ctl restore "$DIR/bad.db"
expect "a damaged one" same
expect_text "which one" "$ERR" "$DIR/bad.db.*leadctl salvage $DIR/bad.db"
expect_no_text "not the copy of it" "$ERR" 'outbox.db.making'
cp "$DIR/backup.db" "$DIR/newer.db"
sqlite3 "$DIR/newer.db" 'PRAGMA user_version = 99' >/dev/null
expect_exit 1 ctl restore "$DIR/newer.db"
expect_text "newer" "$ERR" 'knows no more than'
expect "a newer one" same
echo "no database" >"$DIR/text.db"
expect_exit 1 ctl restore "$DIR/text.db"
head -c 20000 /dev/urandom >"$DIR/random.db"
expect_exit 1 ctl restore "$DIR/random.db"
expect_text "which one" "$ERR" "opening $DIR/random.db: it is damaged or no database.*salvage $DIR/random.db"
sqlite3 "$DIR/other.db" 'CREATE TABLE t (x)'
expect_exit 1 ctl restore "$DIR/other.db"
expect_text "somebody else's" "$ERR" "opening $DIR/other.db: this is not an outbox of leadrelay, and no backup of one"
expect_exit 1 ctl restore "$DIR/none.db"
expect_exit 2 ctl restore "$DIR/state/outbox.db"
expect_exit 2 ctl restore
expect "others" same
cp -a "$DIR/state" "$DIR/state.before"

expect_exit 0 ctl --json restore "$DIR/backup.db"
equal "$(jq -c '[.leads, .held, .notifications_held, .again, .forgotten, .others, .tombstones]' <<<"$OUT")" '[2,1,2,1,1,1,1]'
grep -qa "gone@example.com" "$DIR/backup.db" || fail "the backup says nothing of the person"
! grep -qa "gone@example.com" "$DIR/state/outbox.db" || fail "what was restored names who was forgotten"
equal "$(ctl --json show "$three" | jq -r .fields.description)" $'sent by\n(erased)'
equal "$(aside)" 1
equal "$(leads)" 2
expect "sound" ctl check
expect_exit 4 ctl show "$gone"
expect_exit 4 ctl show "$late" # it is in the file set aside
equal "$(state_of "$three" archive) $(state_of "$three" crm)" "held pending"
equal "$(ctl --json notifications list --state held | wc -l)" 2
expect_exit 4 ctl forget gone@example.com
start_relay
expect_exit 0 ctl destinations resume crm # parked, as they were when the backup was made
expect_exit 0 ctl destinations resume archive
wait_until 10 "three is delivered again" delivered "$three" crm
equal "$(crm records | jq .count)" "$records" # recognised: no second record
equal "$(archived "$three")" 1
expect_exit 0 ctl release --state held --destination archive --yes
wait_until 10 "released" delivered "$three" archive
equal "$(archived "$three")" 2
expect_exit 0 ctl notifications retry
equal "$(ctl --json notifications list --state held | wc -l)" 0
equal "$(ctl --json notifications list --state pending | wc -l)" 2
expect "sound while it works" ctl check
expect_exit 1 ctl replay "$three" --again --set email=gone@example.com
stop_relay
equal "$STATUS" 0

# In words; the outbox set aside can be brought back itself, with its WAL.
rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state"
expect_exit 0 ctl restore "$DIR/backup.db"
expect_text "what to do about the held" "$OUT" 'leadctl release --state held --yes'
kept=$(find "$DIR/state" -name 'outbox.db.aside-*' ! -name '*-wal')
expect_text "where the old one is" "$OUT" "$kept"
expect_exit 0 ctl restore "$kept"
equal "$(ctl --json show "$late" | jq -r .id)" "$late"
equal "$(leads)" 3

# Killed anywhere: the one or the other, whole.
for point in restore.batch:kill:1 restore.batch:kill:3 install.ready:kill install.wal_aside:kill install.aside:kill; do
	rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state"
	expect_exit 1 env "LEADRELAY_FAULT=$point" "$BIN/leadctl" -c "$DIR/leadrelay.yaml" restore "$DIR/backup.db"
	expect "sound after $point" ctl check
	case "$point" in install*) equal "$(leads) $(aside)" "2 1" ;; *) equal "$(leads) $(aside)" "3 0" ;; esac
done
start_relay # the daemon ends an installation, too
stop_relay
rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state"
expect_exit 1 env LEADRELAY_FAULT=install.ready:kill "$BIN/leadctl" -c "$DIR/leadrelay.yaml" restore "$DIR/backup.db"
start_relay
expect_exit 4 ctl show "$late"
stop_relay

# Elsewhere, where nothing is yet; from an older schema; a present outbox that is damaged.
sed "s,^state_dir: .*,state_dir: $DIR/elsewhere," "$DIR/leadrelay.yaml" >"$DIR/elsewhere.yaml"
chmod 600 "$DIR/elsewhere.yaml"
expect_exit 0 "$BIN/leadctl" -c "$DIR/elsewhere.yaml" --json restore "$DIR/backup.db"
equal "$(jq -c '[.leads, .aside]' <<<"$OUT")" '[3,null]'
for file in 001_outbox 002_mail; do cat "$schema/$file.sql"; done | sqlite3 "$DIR/old.db"
sqlite3 "$DIR/old.db" "PRAGMA application_id = 1280462897; PRAGMA user_version = 2;
	INSERT INTO source (name, configured, requests, accepted, last_at) VALUES ('marketplace', 1, 1, 1, 80);
	INSERT INTO destination (name, kind, configured, keeps_key, health, since, accepted, pending) VALUES ('archive', 'file', 1, 0, 1, 5, 1, 1);
	INSERT INTO lead (seq, id, source, received_at, state, test, email, fields, raw) VALUES (1, randomblob(16), 1, 10, 1, 0, 'gone@example.com', '{\"email\":\"gone@example.com\"}', x'726177');
	INSERT INTO delivery (lead, destination, state, queue, due_at, age_from) VALUES (1, 1, 1, 1, 10, 0);"
rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state"
expect_exit 0 ctl --json restore "$DIR/old.db"
equal "$(jq -c '[.leads, .forgotten]' <<<"$OUT")" '[0,1]'
expect "sound from an older schema" ctl check
rm -rf "$DIR/state" && cp -a "$DIR/state.before" "$DIR/state"
rm "$DIR/state/outbox.db-wal" "$DIR/state/outbox.db-shm"
dd if=/dev/urandom of="$DIR/state/outbox.db" bs=4096 count=4 conv=notrunc status=none
expect_exit 3 ctl restore "$DIR/backup.db"
expect_text "forget them again" "$ERR" 'run .leadctl forget. again'
equal "$(leads) $(aside)" "3 1"
said "restore"
