#include "sql.h"

#include "leadrelay/buf.h"

/* delivery.state and lead.state are compared with the numbers of delivery.h and of
 * 001_outbox.sql; `state <> 3` and `state <> 1` beside an equality let SQLite see that a
 * partial index applies. */

/* ?8: bits of the states asked for, ?9: a destination; 0: any */
#define WALK_STATES \
	" AND ((?8 = 0 AND ?9 = 0) OR EXISTS (SELECT 1 FROM delivery WHERE lead = seq" \
	" AND (?8 = 0 OR (?8 >> state) & 1) AND (?9 = 0 OR destination = ?9)))"

#define TALLY_SET \
	"accepted = accepted + ?2, pending = pending + ?3, held = held + ?4," \
	" delivered = delivered + ?5, dead = dead + ?6, discarded = discarded + ?7," \
	" died = died + ?8, pruned_delivered = pruned_delivered + ?9," \
	" pruned_dead = pruned_dead + ?10, pruned_discarded = pruned_discarded + ?11"

#define CHECK_COUNTERS \
	"accepted, pending, held, delivered, dead, discarded," \
	" pruned_delivered + pruned_dead + pruned_discarded, 0, 0, pruned_delivered," \
	" pruned_dead, pruned_discarded"

#define IMPORT_COLUMNS \
	"id, run, finished_at, taken, accepted, duplicates, erased, rejected"

#define MAIL_COLUMNS \
	"m.id, m.kind, l.id, m.contact, m.state, coalesce(c.attempts, m.attempts)," \
	" coalesce(c.due_at, m.due_at), m.settled_at, coalesce(c.reason, m.reason)," \
	" coalesce(c.error, m.error)" \
	" FROM mail m LEFT JOIN lead l ON l.seq = m.lead" \
	" LEFT JOIN mail c ON c.id = m.carrier"

const char *const sql_text[SQL_COUNT] = {
	[SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[SQL_META_PUT] = "INSERT INTO meta (key, value) VALUES (?1, ?2)"
			 " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	[SQL_META_ADD] = "INSERT INTO meta (key, value) VALUES (?1, ?2)"
			 " ON CONFLICT DO NOTHING",
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_LAST_SEQ] = "SELECT seq FROM sqlite_sequence WHERE name = 'lead'",
	[SQL_TALLY_SOURCE] =
		"UPDATE source SET requests = requests + ?2, accepted = accepted + ?3,"
		" duplicates = duplicates + ?4, quarantined = quarantined + ?5,"
		" waiting = waiting + ?6, rejected = rejected + ?7, test = test + ?8,"
		" last_at = max(last_at, ?9), quarantines = quarantines + ?10,"
		" pruned_accepted = pruned_accepted + ?11,"
		" pruned_quarantined = pruned_quarantined + ?12,"
		" pruned_test = pruned_test + ?13 WHERE id = ?1",
	[SQL_TALLY_DESTINATION] = "UPDATE destination SET " TALLY_SET " WHERE id = ?1",
	[SQL_TALLY_MAIL_KIND] = "UPDATE mail_kind SET " TALLY_SET " WHERE id = ?1",

	/* names and health */
	[SQL_SOURCES_UNSET] = "UPDATE source SET configured = 0 WHERE configured <> 0",
	[SQL_SOURCE_PUT] = "INSERT INTO source (name, configured) VALUES (?1, 1)"
			   " ON CONFLICT (name) DO UPDATE SET configured = 1"
			   " RETURNING id",
	[SQL_DESTINATIONS_UNSET] =
		"UPDATE destination SET configured = 0 WHERE configured <> 0",
	[SQL_DESTINATION_PUT] =
		"INSERT INTO destination (name, kind, configured, keeps_key, health, since)"
		" VALUES (?1, ?2, 1, ?3, 1, ?4)"
		" ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, configured = 1,"
		" keeps_key = excluded.keeps_key"
		" RETURNING id",
	[SQL_DESTINATIONS] =
		"SELECT id, name, kind, configured, keeps_key, accepted, pending, held,"
		" delivered, dead, discarded, health, reason, since, next_at, failures,"
		" open_ms, probe_passed, asks_itself, forbidden_delivery, error"
		" FROM destination ORDER BY id",
	[SQL_HEALTH_GET] = "SELECT health, reason, since, next_at, failures, open_ms,"
			   " probe_passed, asks_itself, forbidden_delivery, error"
			   " FROM destination WHERE id = ?1",
	[SQL_HEALTH_PUT] =
		"UPDATE destination SET health = ?2, reason = ?3, since = ?4, next_at = ?5,"
		" failures = ?6, open_ms = ?7, probe_passed = ?8, asks_itself = ?9,"
		" forbidden_delivery = ?10, error = ?11 WHERE id = ?1",
	[SQL_WAKE] = "UPDATE delivery SET due_at = ?2 WHERE id IN"
		     " (SELECT id FROM delivery WHERE destination = ?1 AND state = 1"
		     "  AND queue = 3 AND due_at > ?2 ORDER BY due_at LIMIT ?3)",
	/* the lead with the lowest seq came first; an imported one may be years old */
	[SQL_OLDEST_PENDING] =
		"SELECT ifnull((SELECT came_at FROM match_hash h WHERE h.seq = l.seq),"
		" l.received_at) FROM lead l WHERE l.seq = (SELECT min(lead) FROM delivery"
		" WHERE destination = ?1 AND state = 1 AND state <> 3)",

	/* accept */
	[SQL_FINGERPRINT_ADD] =
		"INSERT INTO fingerprint (kind, source, hash, lead, leads, body_hash,"
		" expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
	[SQL_FINGERPRINT_GET] =
		"SELECT lead, leads, body_hash, expires_at FROM fingerprint"
		" WHERE kind = ?1 AND source = ?2 AND hash = ?3",
	[SQL_FINGERPRINT_TAKE] =
		"UPDATE fingerprint SET lead = ?4, leads = ?5, body_hash = ?6,"
		" expires_at = ?7 WHERE kind = ?1 AND source = ?2 AND hash = ?3",
	[SQL_LEAD_ADD] =
		"INSERT INTO lead (seq, id, source, received_at, state, test, email,"
		" company, problem, fields, extra, raw_of, raw)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
	[SQL_IDLE_ADD] = "INSERT INTO idle (lead, since) VALUES (?1, ?2)"
			 " ON CONFLICT (lead) DO UPDATE SET since = excluded.since",
	[SQL_IDLE_END] = "DELETE FROM idle WHERE lead = ?1",
	[SQL_DELIVERY_ADD] =
		"INSERT INTO delivery (lead, destination, state, queue, due_at, age_from)"
		" VALUES (?1, ?2, 1, 1, ?3, ?4)",
	/* a kept lead is repeatable unless all its deliveries are dead or discarded */
	[SQL_REPEAT_OF] =
		"SELECT id, state = 1 AND"
		" (EXISTS (SELECT 1 FROM delivery WHERE lead = seq AND state IN (1, 2, 3))"
		" OR NOT EXISTS (SELECT 1 FROM delivery WHERE lead = seq))"
		" FROM lead WHERE seq = ?1",
	[SQL_REPEATED] = "UPDATE lead SET duplicates = duplicates + 1 WHERE seq = ?1",

	[SQL_MATCH_ADD] =
		"INSERT INTO match_hash (seq, at, origin, email, offer, came_at, content)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",

	/* import */
	[SQL_IMPORT_BEGIN] =
		"INSERT INTO import (source, file, run, started_at, taken, accepted,"
		" duplicates, erased, rejected) VALUES (?1, ?2, 1, ?3, 0, 0, 0, 0, 0)"
		" ON CONFLICT DO NOTHING",
	[SQL_IMPORT_FIND] =
		"SELECT " IMPORT_COLUMNS " FROM import WHERE source = ?1 AND file = ?2",
	[SQL_IMPORT_GET] = "SELECT " IMPORT_COLUMNS " FROM import WHERE id = ?1",
	[SQL_IMPORT_PUT] =
		"UPDATE import SET taken = ?3, accepted = ?4, duplicates = ?5, erased = ?6,"
		" rejected = ?7 WHERE id = ?1 AND run = ?2 AND finished_at IS NULL",
	[SQL_IMPORT_ANEW] =
		"UPDATE import SET run = run + 1, started_at = ?2, finished_at = NULL,"
		" taken = 0, accepted = 0, duplicates = 0, erased = 0, rejected = 0"
		" WHERE id = ?1 AND finished_at IS NOT NULL",
	[SQL_IMPORT_END] = "UPDATE import SET finished_at = ?3"
			   " WHERE id = ?1 AND run = ?2 AND finished_at IS NULL",
	[SQL_IMPORT_REPEAT] =
		"INSERT INTO import_repeat (import, run, hash, n) VALUES (?1, ?2, ?3, 1)"
		" ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n",
	[SQL_IMPORT_SWEEP] =
		"DELETE FROM import_repeat WHERE (import, run, hash) IN"
		" (SELECT r.import, r.run, r.hash FROM import f CROSS JOIN import_repeat r"
		"  ON r.import = f.id AND r.run < f.run + (f.finished_at IS NOT NULL) LIMIT ?1)",
	[SQL_CONTENTS] = "SELECT content FROM match_hash"
			 " WHERE seq > ?1 AND content IS NOT NULL ORDER BY seq",
	[SQL_IMPORTED_GET] = "SELECT 1 FROM imported WHERE hash = ?1",
	[SQL_IMPORTED_ADD] =
		"INSERT INTO imported (hash) VALUES (?1) ON CONFLICT DO NOTHING",
	[SQL_LEAD_KNOWN] = "SELECT 1 FROM lead WHERE id = ?1",
	[SQL_TOMBSTONES] = "SELECT EXISTS (SELECT 1 FROM tombstone WHERE hash >= x'')",
	[SQL_TOMBSTONE_GET] = "SELECT 1 FROM tombstone WHERE hash = ?1",

	/* claim: of one queue, after (due_at, id), in two steps: the same instant, later
	 */
	[SQL_CLAIM_SAME] = "SELECT id, due_at FROM delivery WHERE destination = ?1"
			   " AND state = 1 AND queue = ?2 AND due_at = ?3 AND id > ?4"
			   " ORDER BY id LIMIT ?5",
	[SQL_CLAIM_LATER] =
		"SELECT id, due_at FROM delivery WHERE destination = ?1"
		" AND state = 1 AND queue = ?2 AND due_at > ?3 AND due_at <= ?4"
		" ORDER BY due_at, id LIMIT ?5",
	[SQL_CLAIM_NEXT_DUE] = "SELECT min(due_at) FROM delivery WHERE destination = ?1"
			       " AND state = 1 AND queue = ?2 AND due_at > ?3",
	[SQL_CLAIM_LOAD] =
		"SELECT d.lead, d.due_at, d.attempts, d.few, d.age_from, d.outcome,"
		" d.edited, l.id, s.name, l.received_at, l.test, l.fields, l.extra"
		" FROM delivery d JOIN lead l ON l.seq = d.lead"
		" JOIN source s ON s.id = l.source"
		" WHERE d.id = ?1 AND d.state = 1 AND d.destination = ?2",

	/* mails: the work of the destination "(mail)"; queues as above, 4 its digest's
	 * window is open, 5 it goes with its carrier */
	[SQL_MAIL_DESTINATION] = "SELECT id FROM destination WHERE name = '(mail)'",
	[SQL_MAIL_DESTINATION_ADD] =
		"INSERT INTO destination (name, kind, configured, keeps_key, health, since)"
		" VALUES ('(mail)', 'email', 0, 0, 1, ?1)",
	[SQL_MAIL_CONFIGURE] = "UPDATE destination SET configured = 1 WHERE id = ?1",
	[SQL_MAIL_OLDEST] = "SELECT created_at FROM mail WHERE id ="
			    " (SELECT min(id) FROM mail WHERE state = 1 AND state <> 3)",
	[SQL_MAIL_ADD] =
		"INSERT INTO mail (kind, lead, notice, contact, created_at, state, queue,"
		" due_at, digest_at, age_from) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9)",
	[SQL_MAIL_SAME] = "SELECT id, due_at FROM mail WHERE"
			  " state = 1 AND queue = ?2 AND due_at = ?3 AND id > ?4"
			  " ORDER BY id LIMIT ?5",
	[SQL_MAIL_LATER] = "SELECT id, due_at FROM mail WHERE"
			   " state = 1 AND queue = ?2 AND due_at > ?3 AND due_at <= ?4"
			   " ORDER BY due_at, id LIMIT ?5",
	[SQL_MAIL_NEXT_DUE] = "SELECT min(due_at) FROM mail WHERE"
			      " state = 1 AND queue = ?2 AND due_at > ?3",
	[SQL_MAIL_LOAD] =
		"SELECT kind, lead, notice, contact, uid, created_at, due_at, attempts, few,"
		" age_from, outcome, queue, digest_at, carrier, (SELECT value FROM meta"
		" WHERE key = 'relay') FROM mail WHERE id = ?1 AND state = 1",
	/* a window that is over, of one contact: all of it goes with the one that is
	   claimed */
	[SQL_MAIL_FREEZE] =
		"UPDATE mail SET carrier = ?1, queue = CASE WHEN id = ?1 THEN 2 ELSE 5 END"
		" WHERE digest_at = ?2 AND contact = ?3 COLLATE NOCASE AND carrier IS NULL"
		" AND digest_at > 0 AND state = 1",
	[SQL_MAIL_LEAD] =
		"SELECT l.id, s.name, l.received_at, l.test, l.fields, l.extra"
		" FROM mail m CROSS JOIN lead l ON l.seq = m.lead JOIN source s ON s.id = l.source"
		" WHERE m.id = ?1 LIMIT ?2",
	[SQL_MAIL_LEADS] =
		"SELECT l.id, s.name, l.received_at, l.test, l.fields, l.extra"
		" FROM mail m CROSS JOIN lead l ON l.seq = m.lead JOIN source s ON s.id = l.source"
		" WHERE m.carrier = ?1 AND m.carrier IS NOT NULL ORDER BY m.id LIMIT ?2",
	[SQL_MAIL_COUNT] =
		"SELECT count(*) FROM mail WHERE carrier = ?1 AND carrier IS NOT NULL",
	[SQL_MAIL_NOTICE] = "SELECT subject, text, html FROM notice WHERE id = ?1",
	[SQL_MAIL_ATTACHMENTS] = "SELECT type, name, content_id, bytes FROM attachment"
				 " WHERE notice = ?1 ORDER BY n",
	[SQL_MAIL_GET] = "SELECT kind, state, carrier, notice FROM mail WHERE id = ?1",
	[SQL_MAIL_SETTLE] =
		"UPDATE mail SET state = ?3, queue = ?4, due_at = ?5,"
		" attempts = attempts + ?6, few = few + ?7, outcome = ?8, reason = ?9,"
		" error = ?10, settled_at = ?11 WHERE id = ?1 AND state = ?2",
	[SQL_MAIL_SETTLE_LATE] =
		"UPDATE mail SET attempts = attempts + ?3, few = few + ?4,"
		" outcome = ?5 WHERE id = ?1 AND state = ?2",
	/* what its carrier became, those it carries become, from the same state */
	[SQL_MAIL_FOLLOW] =
		"UPDATE mail SET state = ?3, settled_at = ?4, outcome = ?5, reason = ?6"
		" WHERE carrier = ?1 AND carrier IS NOT NULL AND id <> ?1 AND state = ?2",
	[SQL_MAIL_REVIVE] =
		"UPDATE mail SET state = 1, queue = 3, due_at = ?2,"
		" settled_at = NULL WHERE id = ?1 AND state = 4 AND reason = 10",
	[SQL_MAIL_WAKE] = "UPDATE mail SET due_at = ?2 WHERE id IN"
			  " (SELECT id FROM mail WHERE state = 1"
			  "  AND queue = 3 AND due_at > ?2 ORDER BY due_at LIMIT ?3)",
	[SQL_MAIL_ATTEMPT_ADD] =
		"INSERT INTO mail_attempt (mail, n, at, duration_ms, outcome, reason,"
		" status, error) VALUES (?1, (SELECT coalesce(max(n), 0) + 1"
		" FROM mail_attempt WHERE mail = ?1), ?2, ?3, ?4, ?5, ?6, ?7)",

	[SQL_MAIL_DEAD] =
		"SELECT id FROM mail WHERE state = ?4 AND state <> 3 AND id > ?1"
		" ORDER BY id LIMIT ?2",
	[SQL_MAIL_DEAD_OF] =
		"SELECT id FROM mail WHERE lead = ?3 AND state = ?4 AND id > ?1"
		" ORDER BY id LIMIT ?2",
	[SQL_MAIL_CARRY] =
		"UPDATE mail SET carrier = ?2 WHERE carrier = ?1 AND carrier IS NOT NULL",
	[SQL_MAIL_RETRY] =
		"UPDATE mail SET state = 1, queue = 2, due_at = ?2, attempts = 0, few = 0,"
		" age_from = ?3, reason = 0, error = NULL, settled_at = NULL"
		" WHERE id = ?1 AND state = ?4",
	[SQL_MAIL_RETRY_ALL] =
		"UPDATE mail SET state = 1, queue = CASE WHEN id = ?1 THEN 2 ELSE 5 END,"
		" due_at = ?2, attempts = 0, few = 0, age_from = ?3, reason = 0,"
		" error = NULL, settled_at = NULL"
		" WHERE carrier = ?1 AND carrier IS NOT NULL AND state = ?4",

	/* alerts and reports */
	[SQL_ALERT_GET] = "SELECT told FROM alert WHERE key = ?1",
	[SQL_ALERT_PUT] = "INSERT INTO alert (key, since, told) VALUES (?1, ?2, ?3)"
			  " ON CONFLICT (key) DO UPDATE SET told = excluded.told",
	[SQL_ALERT_END] = "DELETE FROM alert WHERE key = ?1",
	[SQL_ALERTS] = "SELECT key, since, told FROM alert ORDER BY key",
	[SQL_REPORT_PUT] = "INSERT INTO report (name, due_at) VALUES (?1, ?2)"
			   " ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at"
			   " WHERE excluded.due_at > due_at",
	[SQL_REPORTS] = "SELECT name, due_at FROM report ORDER BY name",
	[SQL_NOTICE_ADD] = "INSERT INTO notice (created_at, subject, text, html)"
			   " VALUES (?1, ?2, ?3, ?4)",
	[SQL_ATTACHMENT_ADD] =
		"INSERT INTO attachment (notice, n, type, name, content_id, bytes)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_DIED] = "SELECT died FROM destination WHERE id = ?1",
	[SQL_QUARANTINES] = "SELECT sum(quarantines) FROM source",
	[SQL_LAST_LEAD_AT] = "SELECT max(received_at) FROM lead",

	/* samples */
	[SQL_SAMPLE_ADD] =
		"INSERT INTO sample (at, destination, accepted, delivered, dead, pending,"
		" held, discarded) SELECT ?1, id, accepted, delivered, dead, pending, held,"
		" discarded FROM destination"
		" WHERE (configured <> 0 OR pending + held > 0) AND name <> '(mail)'"
		" ON CONFLICT (at, destination) DO UPDATE SET accepted = excluded.accepted,"
		" delivered = excluded.delivered, dead = excluded.dead,"
		" pending = excluded.pending, held = excluded.held,"
		" discarded = excluded.discarded",
	[SQL_SAMPLE_REMOVE] =
		"DELETE FROM sample WHERE (at, destination) IN (SELECT at, destination"
		" FROM sample WHERE at <= ?1 ORDER BY at LIMIT ?2)",

	/* prune: from the oldest on */
	[SQL_PRUNE_DELIVERIES] =
		"SELECT id FROM delivery WHERE state = ?1 AND settled_at <= ?2"
		" ORDER BY settled_at LIMIT ?3",
	[SQL_PRUNE_DELIVERY_GET] = "SELECT destination, lead FROM delivery WHERE id = ?1",
	[SQL_PRUNE_ATTEMPTS_OF] = "DELETE FROM attempt WHERE delivery = ?1",
	[SQL_PRUNE_DELIVERY] = "DELETE FROM delivery WHERE id = ?1",
	[SQL_PRUNE_OTHERS] = "SELECT EXISTS (SELECT 1 FROM delivery WHERE lead = ?1)",
	[SQL_PRUNE_MAILS] = "SELECT id FROM mail WHERE state = ?1 AND settled_at <= ?2"
			    " ORDER BY settled_at LIMIT ?3",
	[SQL_PRUNE_MAIL_OF] = "SELECT id FROM mail WHERE lead = ?1 LIMIT 1",
	[SQL_PRUNE_MAIL_ATTEMPTS_OF] = "DELETE FROM mail_attempt WHERE mail = ?1",
	[SQL_PRUNE_MAIL] = "DELETE FROM mail WHERE id = ?1",
	[SQL_PRUNE_ATTACHMENTS] =
		"DELETE FROM attachment WHERE notice = ?1"
		" AND NOT EXISTS (SELECT 1 FROM mail WHERE notice = ?1)",
	[SQL_PRUNE_NOTICE] = "DELETE FROM notice WHERE id = ?1"
			     " AND NOT EXISTS (SELECT 1 FROM mail WHERE notice = ?1)",
	[SQL_PRUNE_IDLE] = "SELECT i.lead FROM idle i WHERE i.since <= ?1"
			   " AND NOT EXISTS (SELECT 1 FROM lead WHERE raw_of = i.lead)"
			   " AND NOT EXISTS (SELECT 1 FROM mail WHERE lead = i.lead"
			   "  AND state NOT IN (3, 4, 5)) ORDER BY i.since LIMIT ?2",
	[SQL_PRUNE_QUARANTINED] = "SELECT seq, received_at FROM lead WHERE state = ?1"
				  " AND state <> 1 ORDER BY seq LIMIT ?2",
	[SQL_PRUNE_LEAD_GET] = "SELECT source, state, test FROM lead WHERE seq = ?1",
	[SQL_PRUNE_LEAD] = "DELETE FROM lead WHERE seq = ?1",
	[SQL_PRUNE_ATTEMPTS] =
		"DELETE FROM attempt WHERE (delivery, n) IN"
		" (SELECT delivery, n FROM attempt WHERE at <= ?1 ORDER BY at LIMIT ?2)",
	[SQL_PRUNE_MAIL_ATTEMPTS] =
		"DELETE FROM mail_attempt WHERE (mail, n) IN"
		" (SELECT mail, n FROM mail_attempt WHERE at <= ?1 ORDER BY at LIMIT ?2)",

	/* forget */
	[SQL_META_REMOVE] = "DELETE FROM meta WHERE key = ?1",
	[SQL_TOMBSTONE_AT] = "SELECT at FROM tombstone WHERE hash = ?1",
	[SQL_TOMBSTONE_ADD] =
		"INSERT INTO tombstone (hash, at) VALUES (?1, ?2)"
		" ON CONFLICT (hash) DO UPDATE SET at = max(at, excluded.at)",
	[SQL_FORGET_LEADS] = "SELECT seq, email, fields, extra, problem, raw"
			     " FROM lead NOT INDEXED WHERE seq > ?1 AND seq <= ?2"
			     " AND (email = ?3 COLLATE NOCASE OR instr(lower(fields), ?4)"
			     " OR instr(lower(coalesce(extra, '')), ?4)"
			     " OR instr(lower(coalesce(problem, '')), ?4)"
			     " OR instr(lower(coalesce(raw, '')), ?4))",
	[SQL_FORGET_GET] = "SELECT state, email, fields, extra, problem, raw FROM lead"
			   " WHERE seq = ?1",
	[SQL_FORGET_BLANK] =
		"UPDATE lead SET fields = ?2, extra = ?3, email = ?4, company = ?5,"
		" problem = CASE WHEN problem IS NULL THEN NULL ELSE '(erased)' END,"
		" raw = NULL WHERE seq = ?1",
	[SQL_FORGET_ARRAY] =
		"UPDATE lead SET raw = NULL WHERE seq = (SELECT raw_of FROM lead"
		" WHERE seq = ?1)",
	[SQL_FORGET_NEXT_CARRIER] = "SELECT min(id) FROM mail WHERE carrier = ?1"
				    " AND carrier IS NOT NULL AND id <> ?1",
	[SQL_FORGET_TAKE_OVER] =
		"UPDATE mail SET (queue, due_at, attempts, few, age_from, outcome, reason) ="
		" (SELECT queue, due_at, attempts, few, age_from, outcome, reason"
		"  FROM mail WHERE id = ?1) WHERE id = ?2",
	[SQL_FORGET_LAST_DELIVERY] = "SELECT max(id) FROM delivery",
	[SQL_FORGET_LAST_NOTICE] = "SELECT max(id) FROM notice",
	[SQL_FORGET_LAST_DESTINATION] = "SELECT max(id) FROM destination",
	[SQL_FORGET_DELIVERIES] =
		"UPDATE delivery SET error = '(erased)' WHERE id > ?1 AND id <= ?2"
		" AND error IS NOT NULL AND instr(lower(error), ?3)",
	[SQL_FORGET_ATTEMPTS] =
		"UPDATE attempt SET error = '(erased)' WHERE delivery > ?1"
		" AND delivery <= ?2 AND error IS NOT NULL AND instr(lower(error), ?3)",
	[SQL_FORGET_MAILS] =
		"UPDATE mail SET error = '(erased)' WHERE id > ?1 AND id <= ?2"
		" AND error IS NOT NULL AND instr(lower(error), ?3)",
	[SQL_FORGET_MAIL_ATTEMPTS] =
		"UPDATE mail_attempt SET error = '(erased)' WHERE mail > ?1"
		" AND mail <= ?2 AND error IS NOT NULL AND instr(lower(error), ?3)",
	[SQL_FORGET_NOTICES] =
		"UPDATE notice SET text = '(erased)', html = NULL WHERE id > ?1"
		" AND id <= ?2 AND (instr(lower(text), ?3)"
		" OR instr(lower(coalesce(html, '')), ?3))",
	[SQL_FORGET_DESTINATIONS] =
		"UPDATE destination SET error = '(erased)' WHERE id > ?1 AND id <= ?2"
		" AND error IS NOT NULL AND instr(lower(error), ?3)",
	[SQL_FORGET_FINGERPRINTS] =
		"SELECT kind, source, hash, leads <> (SELECT count(*) FROM lead"
		"  WHERE seq >= p.lead AND seq < p.lead + p.leads)"
		" FROM fingerprint p WHERE (kind, source, hash) > (?1, ?2, ?3)"
		" ORDER BY kind, source, hash LIMIT ?4",
	[SQL_MENTION_LEADS] = "SELECT seq, email, fields, extra, problem, raw"
			      " FROM lead NOT INDEXED WHERE seq > ?1 AND seq <= ?2",
	[SQL_MENTION_DELIVERIES] = "SELECT error FROM delivery WHERE id > ?1 AND id <= ?2"
				   " AND instr(error, '@')",
	[SQL_MENTION_ATTEMPTS] =
		"SELECT error FROM attempt WHERE delivery > ?1 AND delivery <= ?2"
		" AND instr(error, '@')",
	[SQL_MENTION_MAILS] = "SELECT error FROM mail WHERE id > ?1 AND id <= ?2"
			      " AND instr(error, '@')",
	[SQL_MENTION_MAIL_ATTEMPTS] =
		"SELECT error FROM mail_attempt WHERE mail > ?1 AND mail <= ?2"
		" AND instr(error, '@')",
	[SQL_MENTION_NOTICES] =
		"SELECT text, html FROM notice WHERE id > ?1 AND id <= ?2",
	[SQL_MENTION_DESTINATIONS] =
		"SELECT error FROM destination WHERE id > ?1 AND id <= ?2"
		" AND instr(error, '@')",

	/* salvage */
	[SQL_SALVAGE_ROWS] =
		"SELECT (SELECT count(*) FROM lead NOT INDEXED WHERE seq > 0),"
		" (SELECT count(*) FROM delivery NOT INDEXED WHERE id > 0),"
		" (SELECT count(*) FROM mail NOT INDEXED WHERE id > 0)",
	[SQL_SALVAGE_COUNTED] =
		"SELECT (SELECT sum(accepted - pruned_accepted + quarantined"
		" - pruned_quarantined) FROM source),"
		" (SELECT sum(accepted - pruned_delivered - pruned_dead"
		" - pruned_discarded) FROM destination WHERE name <> '(mail)')",
	[SQL_SALVAGE_UNDELIVERED] =
		"SELECT count(*) FROM lead NOT INDEXED WHERE seq > 0 AND state = 1"
		" AND NOT EXISTS (SELECT 1 FROM delivery WHERE lead = seq)"
		" AND NOT EXISTS (SELECT 1 FROM idle WHERE lead = seq)",

	/* restore */
	[SQL_TOMBSTONES_ALL] = "SELECT hash, at FROM tombstone WHERE hash >= x''",
	[SQL_RESTORE_LEADS] = "SELECT seq, email, received_at FROM lead NOT INDEXED"
			      " WHERE seq > ?1 AND seq <= ?2 AND email IS NOT NULL",
	[SQL_RESTORE_KEYLESS] =
		"SELECT d.id, n.id FROM destination n CROSS JOIN delivery d"
		" ON d.destination = n.id AND d.state = 1 AND d.state <> 3"
		" WHERE n.keeps_key = 0 AND n.name <> '(mail)' LIMIT ?1",
	[SQL_RESTORE_HOLD] = "UPDATE delivery SET state = 2, reason = ?2, error = ?3"
			     " WHERE id = ?1 AND state = 1",
	[SQL_RESTORE_MAILS] = "SELECT id, kind FROM mail WHERE state = 1 LIMIT ?1",
	[SQL_RESTORE_HOLD_MAIL] = "UPDATE mail SET state = 2, reason = ?2, error = ?3"
				  " WHERE id = ?1 AND state = 1",
	[SQL_RESTORE_BOOTS] =
		"UPDATE boot SET clean = 1, ended_at = max(started_at,"
		" ifnull((SELECT max(received_at) FROM lead), 0)) WHERE ended_at IS NULL",
	[SQL_RESTORE_AGAIN] = "SELECT sum(pending) FROM destination"
			      " WHERE keeps_key <> 0 AND name <> '(mail)'",

	/* settle: by primary key, and only from the state that was read */
	[SQL_SETTLE_GET] = "SELECT destination, state FROM delivery WHERE id = ?1",
	[SQL_SETTLE] =
		"UPDATE delivery SET state = ?3, queue = ?4, due_at = ?5,"
		" attempts = attempts + ?6, few = few + ?7, outcome = ?8, reason = ?9,"
		" error = ?10, remote_id = coalesce(?11, remote_id), settled_at = ?12,"
		" edited = 0 WHERE id = ?1 AND state = ?2",
	[SQL_SETTLE_LATE] =
		"UPDATE delivery SET attempts = attempts + ?3, few = few + ?4,"
		" outcome = ?5 WHERE id = ?1 AND state = ?2",
	[SQL_REVIVE] = "UPDATE delivery SET state = 1, queue = 3, due_at = ?3,"
		       " settled_at = NULL WHERE id = ?1 AND destination = ?2"
		       " AND state = 4 AND reason = 10",
	[SQL_ATTEMPT_ADD] =
		"INSERT INTO attempt (delivery, n, at, duration_ms, outcome, reason,"
		" http_status, error) VALUES (?1, (SELECT coalesce(max(n), 0) + 1"
		" FROM attempt WHERE delivery = ?1), ?2, ?3, ?4, ?5, ?6, ?7)",

	/* pick: leads of a selection, a page at a time, upwards or downwards by seq */
	[SQL_PICK_UNSETTLED_UP] =
		"SELECT lead FROM delivery WHERE destination = ?1 AND state = ?2"
		" AND state <> 3 AND lead > ?3 ORDER BY lead LIMIT ?4",
	[SQL_PICK_UNSETTLED_DOWN] =
		"SELECT lead FROM delivery WHERE destination = ?1 AND state = ?2"
		" AND state <> 3 AND lead < ?3 ORDER BY lead DESC LIMIT ?4",
	[SQL_PICK_QUARANTINED_UP] =
		"SELECT seq FROM lead WHERE state = 2 AND state <> 1 AND seq > ?1"
		" ORDER BY seq LIMIT ?2",
	[SQL_PICK_QUARANTINED_DOWN] =
		"SELECT seq FROM lead WHERE state = 2 AND state <> 1 AND seq < ?1"
		" ORDER BY seq DESC LIMIT ?2",
	[SQL_PICK_WALK_UP] =
		"SELECT seq FROM lead NOT INDEXED WHERE seq > ?1 AND seq <= ?2"
		" AND (?3 = 0 OR source = ?3) AND received_at >= ?4 AND received_at < ?5"
		" AND (?6 IS NULL OR email = ?6 COLLATE NOCASE)" WALK_STATES
		" ORDER BY seq LIMIT ?7",
	[SQL_PICK_WALK_DOWN] =
		"SELECT seq FROM lead NOT INDEXED WHERE seq < ?1 AND seq >= ?2"
		" AND (?3 = 0 OR source = ?3) AND received_at >= ?4 AND received_at < ?5"
		" AND (?6 IS NULL OR email = ?6 COLLATE NOCASE)" WALK_STATES
		" ORDER BY seq DESC LIMIT ?7",
	[SQL_LEAD_BOUNDS] = "SELECT min(seq), max(seq) FROM lead"
			    " WHERE received_at >= ?1 AND received_at < ?2",
	[SQL_LEAD_LAST] = "SELECT max(seq) FROM lead",
	[SQL_LEAD_FACTS] = "SELECT state, source, received_at, email, test FROM lead"
			   " WHERE seq = ?1",
	[SQL_LEAD_DELIVERIES] = "SELECT id, destination, state, reason FROM delivery"
				" WHERE lead = ?1 ORDER BY destination",

	/* transition */
	[SQL_MOVE_AWAY] = "UPDATE delivery SET state = ?3, settled_at = ?4"
			  " WHERE id = ?1 AND state = ?2",
	[SQL_MOVE_BACK] =
		"UPDATE delivery SET state = 1, due_at = ?3, age_from = ?4,"
		" queue = CASE WHEN state = 2 THEN queue ELSE 2 END,"
		" attempts = CASE WHEN state = 2 THEN attempts ELSE 0 END,"
		" few = CASE WHEN state = 2 THEN few ELSE 0 END,"
		" reason = CASE WHEN state = 2 THEN reason ELSE 0 END,"
		" error = CASE WHEN state = 2 THEN error END,"
		" edited = max(edited, ?5), settled_at = NULL WHERE id = ?1 AND state = ?2",
	[SQL_LEAD_GET] = "SELECT fields, extra FROM lead WHERE seq = ?1",
	[SQL_LEAD_EDIT] =
		"UPDATE lead SET fields = ?2, email = ?3, company = ?4 WHERE seq = ?1",
	[SQL_LEAD_STATE] = "UPDATE lead SET state = ?3 WHERE seq = ?1 AND state = ?2",

	/* housekeeping */
	/* when the last run was seen alive: its clean end, else the last lead it took */
	[SQL_BOOT_ALIVE] = "SELECT CASE WHEN clean THEN ended_at ELSE max(started_at,"
			   " ifnull((SELECT max(received_at) FROM lead), 0)) END"
			   " FROM boot ORDER BY id DESC LIMIT 1",
	[SQL_BOOT_AGE] = "UPDATE destination SET since = ?1,"
			 " open_ms = open_ms + max(0, min(?1, ?2) - since)"
			 " WHERE health = 1", /* open */
	[SQL_BOOT_FOUND] = "UPDATE boot SET ended_at = ?1 WHERE ended_at IS NULL",
	[SQL_BOOT_ADD] = "INSERT INTO boot (started_at) VALUES (?1)",
	[SQL_BOOT_LAST] = "SELECT clean, ended_at FROM boot WHERE ended_at IS NOT NULL"
			  " ORDER BY id DESC LIMIT 10",
	[SQL_BOOT_TRIM] = "DELETE FROM boot WHERE id <= ?1 - 100",
	[SQL_BOOT_END] = "UPDATE boot SET ended_at = ?2, clean = 1"
			 " WHERE id = ?1 AND ended_at IS NULL",
	[SQL_BOOT_FORGIVE] = "UPDATE boot SET clean = 1 WHERE ended_at IS NOT NULL",
	[SQL_EXPIRED] = "SELECT kind, source, hash FROM fingerprint"
			" WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2",
	[SQL_EXPIRE] = "DELETE FROM fingerprint"
		       " WHERE kind = ?1 AND source = ?2 AND hash = ?3",

	/* reader */
	[SQL_DESTINATION_IDS] = "SELECT id FROM destination ORDER BY id",
	[SQL_SOURCE_ID] = "SELECT id FROM source WHERE name = ?1",
	[SQL_DESTINATION_ID] =
		"SELECT id FROM destination WHERE name = ?1 AND name <> '(mail)'",
	[SQL_SOURCES] = "SELECT id, name, configured, accepted, duplicates, quarantined,"
			" rejected, test, requests, last_at FROM source ORDER BY id",
	[SQL_QUARANTINED] = "SELECT sum(waiting) FROM source",
	[SQL_LEADS] = "SELECT sum(accepted - pruned_accepted + quarantined"
		      " - pruned_quarantined) FROM source",
	[SQL_FIND_RANGE] = "SELECT seq, id FROM lead WHERE id BETWEEN ?1 AND ?2"
			   " ORDER BY id LIMIT 6",
	/* the end of an id is random: the index of ids is read through, in slices */
	[SQL_FIND_END] = "SELECT seq, id FROM lead WHERE id > ?1 ORDER BY id LIMIT ?2",
	/* with max() the others are those of the row that has it */
	[SQL_DEAD_REASONS] =
		"SELECT reason, count(*), max(settled_at), lead, error FROM delivery"
		" WHERE destination = ?1 AND state = 4 AND state <> 3 GROUP BY reason",
	[SQL_SHOW_LEAD] =
		"SELECT l.id, s.name, l.received_at, l.test, l.fields, l.extra,"
		" l.duplicates, l.state, l.problem"
		" FROM lead l JOIN source s ON s.id = l.source WHERE l.seq = ?1",
	[SQL_SHOW_DELIVERIES] =
		"SELECT d.id, n.name, d.state, d.attempts,"
		" CASE WHEN n.health = 1 THEN d.due_at" /* open */
		"  WHEN n.next_at = 0x7fffffffffffffff THEN 0"
		"  ELSE max(d.due_at, n.next_at) END, d.reason, d.error,"
		" d.settled_at, d.remote_id, d.outcome"
		" FROM delivery d JOIN destination n ON n.id = d.destination"
		" WHERE d.lead = ?1 ORDER BY d.destination",
	[SQL_SHOW_ATTEMPTS] =
		"SELECT at, outcome, reason, http_status, duration_ms, error"
		" FROM attempt WHERE delivery = ?1 ORDER BY n",
	[SQL_RAW] = "SELECT coalesce(l.raw, a.raw) FROM lead l"
		    " LEFT JOIN lead a ON a.seq = l.raw_of WHERE l.seq = ?1",
	[SQL_ACCOUNTING] =
		"SELECT coalesce(sum(accepted), 0), coalesce(sum(pending), 0),"
		" coalesce(sum(held), 0), coalesce(sum(delivered), 0),"
		" coalesce(sum(dead), 0), coalesce(sum(discarded), 0)"
		" FROM destination WHERE id = ?1 OR (?1 = 0 AND name <> '(mail)')",

	/* pictures */
	[SQL_SAMPLES] =
		"SELECT at, destination, accepted, delivered, dead, pending, held, discarded"
		" FROM sample WHERE at >= ?1 AND at <= ?2 ORDER BY at, destination",
	[SQL_SHAPE_LEAD] =
		"SELECT l.seq, ifnull((SELECT came_at FROM match_hash h WHERE h.seq = l.seq),"
		" l.received_at) FROM lead l NOT INDEXED WHERE l.seq >= ?1 ORDER BY l.seq LIMIT 1",
	[SQL_SHAPE_COUNT] =
		"SELECT count(*) FROM delivery WHERE destination = ?1 AND state = ?2"
		" AND state <> 3 AND lead >= ?3 AND lead < ?4",

	/* match: from end to end, in slices. It remembers since its first start, or else
	 * since the first request */
	[SQL_MATCH_SINCE] =
		"SELECT ifnull((SELECT value FROM meta WHERE key = 'match_since'),"
		" (SELECT at FROM match_hash WHERE seq > 0 AND origin = 0 ORDER BY seq LIMIT 1))",
	[SQL_MATCH_LAST] = "SELECT max(seq) FROM match_hash",
	[SQL_MATCH_WALK] = "SELECT seq, at, email, offer FROM match_hash"
			   " WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
	[SQL_MATCH_ORIGIN] = "SELECT origin FROM match_hash WHERE seq = ?1",

	/* notifications; of those a digest carries, attempts and troubles are the
	 * carrier's
	 */
	[SQL_MAILS_OF] = "SELECT " MAIL_COLUMNS " WHERE m.lead = ?1 ORDER BY m.id",
	[SQL_MAIL_ROW] = "SELECT " MAIL_COLUMNS " WHERE m.id = ?1",
	[SQL_MAIL_LAST] = "SELECT max(id) FROM mail",
	[SQL_MAILS_WALK] = "SELECT id FROM mail NOT INDEXED WHERE id < ?1 AND id >= ?2"
			   " AND kind = 1 AND (?3 = 0 OR (?3 >> state) & 1)"
			   " ORDER BY id DESC LIMIT ?4",
	[SQL_MAILS_UNSETTLED] =
		"SELECT id FROM mail WHERE state = ?1 AND state <> 3 AND id < ?2"
		" AND kind = 1 ORDER BY id DESC LIMIT ?3",
	[SQL_NOTIFICATION_COUNTS] =
		"SELECT pending, delivered, dead FROM mail_kind WHERE id = 1",
	[SQL_MAIL_HEALTH] = "SELECT health, reason, since, next_at, failures, open_ms,"
			    " probe_passed, asks_itself, forbidden_delivery, error"
			    " FROM destination WHERE name = '(mail)'",

	/* check: rows counted anew, in ranges of keys */
	[SQL_CHECK_DELIVERIES] =
		"SELECT destination, state, count(*) FROM delivery NOT INDEXED"
		" WHERE id > ?1 AND id <= ?2 GROUP BY destination, state",
	[SQL_CHECK_LEADS] =
		"SELECT source, state, count(*), sum(test) FROM lead NOT INDEXED"
		" WHERE seq > ?1 AND seq <= ?2 GROUP BY source, state",
	/* counters; then, for each, what of it has no row any more */
	[SQL_CHECK_COUNTERS] = "SELECT id, name, " CHECK_COUNTERS
			       " FROM destination WHERE name <> '(mail)' ORDER BY id",
	[SQL_CHECK_SOURCES] =
		"SELECT id, name, requests, accepted, duplicates, quarantined,"
		" waiting, test, 0, pruned_accepted, 0, pruned_quarantined, 0, pruned_test"
		" FROM source ORDER BY id",
	[SQL_CHECK_MAIL_KINDS] =
		"SELECT 0, 'all', " CHECK_COUNTERS
		" FROM destination WHERE name = '(mail)'"
		" UNION ALL SELECT id, name, " CHECK_COUNTERS " FROM mail_kind",
	[SQL_CHECK_MAILS] = "SELECT kind, state, count(*) FROM mail NOT INDEXED"
			    " WHERE id > ?1 AND id <= ?2 GROUP BY kind, state",
	[SQL_CHECK_LAST] =
		"SELECT (SELECT max(id) FROM delivery),"
		" (SELECT max(seq) FROM lead), (SELECT max(delivery) FROM attempt),"
		" (SELECT max(id) FROM mail), (SELECT max(mail) FROM mail_attempt),"
		" max((SELECT ifnull(max(id), 0) FROM import),"
		"  (SELECT ifnull(max(import), 0) FROM import_repeat)),"
		" (SELECT max(seq) FROM match_hash)",
	[SQL_CHECK_MAIL_ORPHANS] =
		"SELECT count(*) FROM mail m NOT INDEXED WHERE m.id > ?1 AND m.id <= ?2"
		" AND NOT (EXISTS (SELECT 1 FROM lead WHERE seq = m.lead) OR"
		" EXISTS (SELECT 1 FROM notice WHERE id = m.notice))",
	[SQL_CHECK_MAIL_ATTEMPTS] =
		"SELECT count(*) FROM mail_attempt a WHERE a.mail > ?1 AND a.mail <= ?2"
		" AND NOT EXISTS (SELECT 1 FROM mail WHERE id = a.mail)",
	[SQL_CHECK_MATCHES] =
		"SELECT count(*) FROM lead l NOT INDEXED WHERE l.seq > ?1 AND l.seq <= ?2"
		" AND l.seq >= (SELECT min(seq) FROM match_hash)"
		" AND NOT EXISTS (SELECT 1 FROM match_hash WHERE seq = l.seq)",
	[SQL_CHECK_CONTENTS] =
		"SELECT count(*) FROM match_hash h WHERE h.seq > ?1 AND h.seq <= ?2"
		" AND h.seq <= (SELECT value FROM meta WHERE key = 'imported_until')"
		" AND h.content IS NOT NULL"
		" AND NOT EXISTS (SELECT 1 FROM imported WHERE hash = h.content)",
	[SQL_CHECK_IMPORTS] = "SELECT count(*) FROM import WHERE id > ?1 AND id <= ?2"
			      " AND taken <> accepted + duplicates + erased + rejected",
	[SQL_CHECK_REPEATS] =
		"SELECT count(*) FROM import_repeat WHERE import > ?1 AND import <= ?2"
		" AND NOT EXISTS (SELECT 1 FROM import WHERE id = import_repeat.import)",
	[SQL_CHECK_ORPHANS] =
		"SELECT count(*) FROM delivery d NOT INDEXED WHERE d.id > ?1 AND d.id <= ?2"
		" AND NOT EXISTS (SELECT 1 FROM lead WHERE seq = d.lead)",
	[SQL_CHECK_ATTEMPTS] =
		"SELECT count(*) FROM attempt a WHERE a.delivery > ?1 AND a.delivery <= ?2"
		" AND NOT EXISTS (SELECT 1 FROM delivery WHERE id = a.delivery)",

	/* report: a period's rows, a page at a time, behind (?1, ?3) */
	[SQL_FIGURES_LEADS] =
		"SELECT seq, received_at, source, state, test, duplicates FROM lead"
		" WHERE received_at >= ?1 AND received_at < ?2"
		" AND NOT (received_at = ?1 AND seq <= ?3)"
		" ORDER BY received_at, seq LIMIT ?4",
	[SQL_FIGURES_DELIVERIES] = "SELECT destination FROM delivery WHERE lead = ?1",
	[SQL_FIGURES_ENDED] =
		"SELECT d.id, d.settled_at, d.destination, d.state, d.reason,"
		" ifnull((SELECT came_at FROM match_hash h WHERE h.seq = l.seq), l.received_at)"
		" FROM delivery d CROSS JOIN lead l ON l.seq = d.lead"
		" WHERE d.state = ?5 AND d.settled_at >= ?1 AND d.settled_at < ?2"
		" AND NOT (d.settled_at = ?1 AND d.id <= ?3)"
		" ORDER BY d.settled_at, d.id LIMIT ?4",
	/* again: the one before it ended with one of the outcomes that mean later */
	[SQL_FIGURES_ATTEMPTS] =
		"SELECT a.delivery, a.n, a.at, d.destination,"
		" EXISTS (SELECT 1 FROM attempt b WHERE b.delivery = a.delivery"
		" AND b.n = a.n - 1 AND b.outcome IN (5, 6, 7, 8, 9, 11))"
		" FROM attempt a CROSS JOIN delivery d ON d.id = a.delivery"
		" WHERE a.at >= ?1 AND a.at < ?2 AND NOT (a.at = ?1"
		" AND (a.delivery < ?3 OR (a.delivery = ?3 AND a.n <= ?5)))"
		" ORDER BY a.at, a.delivery, a.n LIMIT ?4",
	[SQL_FIGURES_MAILS] =
		"SELECT count(*) FROM mail WHERE state = ?1 AND settled_at >= ?2"
		" AND settled_at < ?3 AND kind = 1", /* notifications */
};

/* ---- salvage ---- */

const char *const sql_salvage_begin = "PRAGMA foreign_keys = OFF;"
				      "DELETE FROM meta; DELETE FROM mail_kind;";

#define SALVAGE_COUNT(table, of, id, state) \
	"(SELECT count(*) FROM " table " WHERE " of " = " id " AND state = " state ")"
#define SALVAGE_SET(table, of, id) \
	" pending = " SALVAGE_COUNT(table, of, id, "1") ", held = " SALVAGE_COUNT(table, \
		of, id, "2") ", delivered = pruned_delivered + " SALVAGE_COUNT(table, \
		of, id, "3") ", dead = pruned_dead + " SALVAGE_COUNT(table, of, id, \
		"4") ", discarded = pruned_discarded + " SALVAGE_COUNT(table, of, id, \
		"5") ";"
#define SALVAGE_SUM \
	" accepted = pending + held + delivered + dead + discarded," \
	" died = max(died, dead);"

const char *const sql_salvage_end =
	"INSERT OR IGNORE INTO meta (key, value) VALUES ('match_key', randomblob(32)),"
	" ('relay', lower(hex(randomblob(8))));"
	"INSERT OR IGNORE INTO mail_kind (id, name) VALUES"
	" (1, 'notification'), (2, 'alert'), (3, 'report');"
	"INSERT INTO source (id, name, configured)"
	" SELECT DISTINCT source, 'lost-' || source, 0 FROM lead"
	" WHERE source NOT IN (SELECT id FROM source);"
	"DELETE FROM delivery WHERE lead NOT IN (SELECT seq FROM lead);"
	"INSERT INTO destination (id, name, kind, configured, keeps_key, health, since)"
	" SELECT DISTINCT destination, 'lost-' || destination, 'file', 0, 0, 1, 0"
	" FROM delivery WHERE destination NOT IN (SELECT id FROM destination);"
	"DELETE FROM attempt WHERE delivery NOT IN (SELECT id FROM delivery);"
	"DELETE FROM attachment WHERE notice NOT IN (SELECT id FROM notice);"
	"DELETE FROM mail WHERE (kind = 1 AND ifnull(lead, 0) NOT IN (SELECT seq FROM lead))"
	" OR (kind <> 1 AND ifnull(notice, 0) NOT IN (SELECT id FROM notice));"
	"UPDATE mail SET carrier = (SELECT min(id) FROM mail o WHERE o.carrier = mail.carrier)"
	" WHERE carrier IS NOT NULL AND carrier NOT IN (SELECT id FROM mail);"
	"UPDATE mail SET queue = 2 WHERE state = 1 AND carrier = id AND queue = 5;"
	"DELETE FROM mail_attempt WHERE mail NOT IN (SELECT id FROM mail);"
	"INSERT INTO destination (name, kind, configured, keeps_key, health, since)"
	" SELECT '(mail)', 'email', 0, 0, 1, 0 WHERE EXISTS (SELECT 1 FROM mail)"
	" AND NOT EXISTS (SELECT 1 FROM destination WHERE name = '(mail)');"
	"DELETE FROM fingerprint WHERE source NOT IN (SELECT id FROM source);"
	"DELETE FROM import WHERE source NOT IN (SELECT id FROM source);"
	"DELETE FROM import_repeat WHERE import NOT IN (SELECT id FROM import);"
	"DELETE FROM sample WHERE destination NOT IN (SELECT id FROM destination);"
	"DELETE FROM idle WHERE lead NOT IN (SELECT seq FROM lead WHERE state = 1)"
	" OR lead IN (SELECT lead FROM delivery);"
	"INSERT INTO idle SELECT seq, received_at FROM lead WHERE state = 1"
	" AND seq NOT IN (SELECT lead FROM delivery) AND seq NOT IN (SELECT lead FROM idle);"
	"UPDATE source SET accepted = pruned_accepted"
	"  + (SELECT count(*) FROM lead WHERE source = source.id AND state = 1),"
	" quarantined = pruned_quarantined"
	"  + (SELECT count(*) FROM lead WHERE source = source.id AND state <> 1),"
	" waiting = (SELECT count(*) FROM lead WHERE source = source.id AND state = 2),"
	" test = pruned_test + (SELECT ifnull(sum(test), 0) FROM lead"
	"  WHERE source = source.id AND state = 1);"
	"UPDATE source SET requests = accepted + duplicates + quarantined,"
	" quarantines = max(quarantines, quarantined);"
	"UPDATE destination SET" SALVAGE_SET("delivery", "destination",
		"destination.id") "UPDATE mail_kind SET" SALVAGE_SET("mail", "kind",
		"mail_kind.id") "UPDATE destination SET (pending, held, delivered, dead, discarded) ="
				" (SELECT sum(pending), sum(held), sum(delivered), sum(dead), sum(discarded)"
				"  FROM mail_kind), (pruned_delivered, pruned_dead, pruned_discarded) ="
				" (SELECT sum(pruned_delivered), sum(pruned_dead), sum(pruned_discarded)"
				"  FROM mail_kind) WHERE name = '(mail)';"
				"UPDATE destination SET" SALVAGE_SUM
				"UPDATE mail_kind SET" SALVAGE_SUM
				"UPDATE sqlite_sequence SET seq = max(seq, (SELECT ifnull(max(seq), 0)"
				" FROM match_hash)) WHERE name = 'lead';"
				"UPDATE boot SET clean = 1, ended_at = started_at WHERE ended_at IS NULL;";

void sql_salvage_insert(
	struct buf *out, const char *table, const char *const *columns, int count)
{
	buf_addf(out, "INSERT OR IGNORE INTO %s (", table);
	for (int i = 0; i < count; i++)
		buf_addf(out, "%s%s", i ? ", " : "", columns[i]);
	buf_adds(out, ") VALUES (");
	for (int i = 0; i < count; i++)
		buf_adds(out, i ? ", ?" : "?");
	buf_adds(out, ")");
}
