#include "sql.h"

/* delivery.state and lead.state are compared with the numbers of delivery.h and of
 * 001_outbox.sql; `state <> 3` and `state <> 1` beside an equality let SQLite see that a
 * partial index applies. */

/* ?8: bits of the states asked for, ?9: a destination; 0: any */
#define WALK_STATES \
	" AND ((?8 = 0 AND ?9 = 0) OR EXISTS (SELECT 1 FROM delivery WHERE lead = seq" \
	" AND (?8 = 0 OR (?8 >> state) & 1) AND (?9 = 0 OR destination = ?9)))"

const char *const sql_text[SQL_COUNT] = {
	[SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[SQL_META_PUT] = "INSERT INTO meta (key, value) VALUES (?1, ?2)"
			 " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	[SQL_LAST_SEQ] = "SELECT seq FROM sqlite_sequence WHERE name = 'lead'",
	[SQL_TALLY_SOURCE] =
		"UPDATE source SET requests = requests + ?2, accepted = accepted + ?3,"
		" duplicates = duplicates + ?4, quarantined = quarantined + ?5,"
		" waiting = waiting + ?6, rejected = rejected + ?7, test = test + ?8,"
		" last_at = max(last_at, ?9) WHERE id = ?1",
	[SQL_TALLY_DESTINATION] =
		"UPDATE destination SET accepted = accepted + ?2, pending = pending + ?3,"
		" held = held + ?4, delivered = delivered + ?5, dead = dead + ?6,"
		" discarded = discarded + ?7 WHERE id = ?1",

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
	/* the lead with the lowest seq came first */
	[SQL_OLDEST_PENDING] =
		"SELECT received_at FROM lead WHERE seq = (SELECT min(lead) FROM delivery"
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
	[SQL_DESTINATION_ID] = "SELECT id FROM destination WHERE name = ?1",
	[SQL_SOURCES] = "SELECT id, name, configured, accepted, duplicates, quarantined,"
			" rejected, test, requests, last_at FROM source ORDER BY id",
	[SQL_QUARANTINED] = "SELECT sum(waiting) FROM source",
	[SQL_FIND_RANGE] = "SELECT seq, id FROM lead WHERE id BETWEEN ?1 AND ?2"
			   " ORDER BY id LIMIT 6",
	/* the end of an id is random: the index of ids is read through, in slices */
	[SQL_FIND_END] = "SELECT seq, id FROM lead WHERE id > ?1 ORDER BY id LIMIT ?2",
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
	[SQL_ACCOUNTING] = "SELECT coalesce(sum(accepted), 0), coalesce(sum(pending), 0),"
			   " coalesce(sum(held), 0), coalesce(sum(delivered), 0),"
			   " coalesce(sum(dead), 0), coalesce(sum(discarded), 0)"
			   " FROM destination WHERE ?1 = 0 OR id = ?1",

	/* check: rows counted anew, in ranges of keys */
	[SQL_CHECK_DELIVERIES] =
		"SELECT destination, state, count(*) FROM delivery NOT INDEXED"
		" WHERE id > ?1 AND id <= ?2 GROUP BY destination, state",
	[SQL_CHECK_LEADS] =
		"SELECT source, state, count(*), sum(test) FROM lead NOT INDEXED"
		" WHERE seq > ?1 AND seq <= ?2 GROUP BY source, state",
	[SQL_CHECK_COUNTERS] =
		"SELECT id, name, accepted, pending, held, delivered, dead,"
		" discarded FROM destination ORDER BY id",
	[SQL_CHECK_SOURCES] =
		"SELECT id, name, requests, accepted, duplicates, quarantined,"
		" waiting, test FROM source ORDER BY id",
	[SQL_CHECK_LAST] =
		"SELECT (SELECT max(id) FROM delivery),"
		" (SELECT max(seq) FROM lead), (SELECT max(delivery) FROM attempt)",
	[SQL_CHECK_ORPHANS] =
		"SELECT count(*) FROM delivery d NOT INDEXED WHERE d.id > ?1 AND d.id <= ?2"
		" AND NOT EXISTS (SELECT 1 FROM lead WHERE seq = d.lead)",
	[SQL_CHECK_ATTEMPTS] =
		"SELECT count(*) FROM attempt a WHERE a.delivery > ?1 AND a.delivery <= ?2"
		" AND NOT EXISTS (SELECT 1 FROM delivery WHERE id = a.delivery)",
};
