#!/usr/bin/env bash
# An outbox of an older schema with a backlog in every state: taken over whole, killed at every step too; a newer one is refused.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
schema=$(cd "$(dirname "$0")/../../../schema" && pwd)
start_crm
write_config
newest=$(ls "$schema"/[0-9]*.sql | wc -l)

# Schemas 1 to 3 as they were released, with leads and mails in every state.
old_outbox() { # SCHEMA
	rm -rf "$DIR/state" && mkdir -m 700 "$DIR/state"
	local db=$DIR/state/outbox.db n
	sqlite3 "$db" 'PRAGMA journal_mode = WAL' >/dev/null
	sqlite3 "$db" <"$schema/001_outbox.sql"
	sqlite3 "$db" "PRAGMA application_id = 1280462897; PRAGMA user_version = $1;
		INSERT INTO source (name, configured, requests, accepted, quarantined, waiting, last_at) VALUES ('partner', 1, 8, 6, 2, 1, 80);
		INSERT INTO destination (name, kind, configured, keeps_key, health, since, accepted, pending, held, delivered, dead, discarded)
			VALUES ('crm', 'dynamics365', 1, 1, 1, 5, 5, 1, 1, 1, 1, 1), ('archive', 'file', 1, 0, 1, 5, 0, 0, 0, 0, 0, 0);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8)
			INSERT INTO lead (seq, id, source, received_at, state, test, email, problem, fields, raw)
			SELECT i, unhex_id(i), 1, 1790000000000 + i, CASE WHEN i <= 6 THEN 1 ELSE i - 5 END, 0, 'old' || i || '@example.com', CASE WHEN i > 6 THEN 'unreadable' END,
				'{\"last_name\":\"Old' || i || '\",\"email\":\"old' || i || '@example.com\"}', CAST('raw' || i AS BLOB) FROM n;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
			INSERT INTO delivery (id, lead, destination, state, queue, due_at, age_from, attempts, settled_at, remote_id, error)
			SELECT i, i, 1, i, 1, 1790000000000, 0, i, CASE WHEN i > 2 THEN 1790000000000 END, CASE WHEN i = 3 THEN 'there' END, CASE WHEN i = 4 THEN 'refused' END FROM n;
		INSERT INTO attempt VALUES (3, 1, 30, 5, 1, 0, 201, NULL), (4, 1, 40, 5, 10, 12, 400, 'no');
		INSERT INTO boot (started_at, ended_at, clean) VALUES (1, 2, 1);"
	[ "$1" -lt 2 ] && return
	sqlite3 "$db" <"$schema/002_mail.sql"
	sqlite3 "$db" "INSERT INTO destination (name, kind, configured, keeps_key, health, since, accepted, pending, delivered, dead) VALUES ('(mail)', 'email', 1, 0, 1, 5, 3, 1, 1, 1);
		UPDATE mail_kind SET accepted = 3, pending = 1, delivered = 1, dead = 1 WHERE id = 1;
		INSERT INTO mail (kind, lead, contact, created_at, state, queue, due_at, age_from, settled_at)
			VALUES (1, 1, 'a@contoso.com', 1, 1, 1, 1, 0, NULL), (1, 2, 'a@contoso.com', 1, 3, 1, 1, 0, 5), (1, 3, 'a@contoso.com', 1, 4, 1, 1, 0, 5);"
	[ "$1" -lt 3 ] && return
	sqlite3 "$db" <"$schema/003_batches.sql"
	sqlite3 "$db" "INSERT INTO match_hash (seq, at, origin) SELECT seq, received_at, 0 FROM lead;
		INSERT INTO import (source, file, run, started_at, finished_at, taken, accepted, duplicates, erased, rejected) VALUES (1, randomblob(32), 1, 1, 2, 2, 1, 1, 0, 0);
		INSERT INTO tombstone VALUES (randomblob(16), 5);"
}
# sqlite3 3.40 has no unhex: ids are made by hand.
eval "$(declare -f old_outbox | sed "s/unhex_id(i)/CAST(substr('0123456789abcde' || i || '0123456789abcdef', 1, 16) AS BLOB)/")"

rows() { sqlite3 "$DIR/state/outbox.db" "SELECT seq, hex(id), state, email, problem, fields, hex(raw) FROM lead;
	SELECT id, lead, destination, state, queue, due_at, age_from, attempts, settled_at, remote_id, error FROM delivery; SELECT * FROM attempt;
	SELECT name, accepted, pending, held, delivered, dead, discarded FROM destination;" | sha256sum; }
version() { sqlite3 "$DIR/state/outbox.db" 'PRAGMA user_version'; }
whole() { # WHAT
	equal "$(version)" "$newest" "$1"
	equal "$(rows)" "$before" "$1: rows"
	expect "$1: sound" ctl check
}

for from in 1 2 3; do
	old_outbox $from
	before=$(rows)
	expect_exit 0 ctl --json check
	whole "from schema $from"
	for step in $(seq $((newest - from))); do
		old_outbox $from
		expect_exit 137 env "LEADRELAY_FAULT=migrate.step_n:kill:$step" "$BIN/leadctl" -c "$DIR/leadrelay.yaml" check
		equal "$(version)" $((from + step - 1)) "killed at step $step"
		equal "$(rows)" "$before" "killed at step $step: rows"
		expect_exit 0 ctl check
		whole "after a kill at step $step"
	done
done

# A daemon takes it over as well, and delivers what waited.
old_outbox 3
start_relay
crm_has() { [ "$(ctl --json destinations | jq -r '.[] | select(.name == "crm") | .pending')" = 0 ]; }
wait_until 20 "what waited is delivered" crm_has
expect_exit 0 ctl release --state held --yes
wait_until 20 "what was held is delivered" crm_has
expect_exit 0 ctl replay --state dead --yes
wait_until 20 "what was dead is delivered" crm_has
equal "$(crm records | jq .count)" 3
expect "sound" ctl check
stop_relay

# Downgrade: a newer schema is refused by whoever meets it, and stays as it is.
sqlite3 "$DIR/state/outbox.db" "PRAGMA user_version = $((newest + 1))"
sum=$(sha256sum "$DIR/state/outbox.db")
expect_exit 1 ctl list
expect_exit 1 ctl backup "$DIR/newer.db"
status=0
timeout 20 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml" 2>"$DIR/refused.log" || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail "a daemon on a newer schema: $status"
expect_text "and says so" "$(cat "$DIR/refused.log")" 'Run the newer leadrelay again'
equal "$(sha256sum "$DIR/state/outbox.db")" "$sum"
said "upgrade"
