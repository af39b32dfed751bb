#include "bare_outbox.h"

#include "bench.h"
#include "leadrelay/buf.h"
#include "leadrelay/clock.h"
#include "leadrelay/delivery.h"
#include "leadrelay/intake.h"
#include "leadrelay/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The statements of the store that accept and settle run for one lead; retained rows have
 * their end at once. */
static const char *const texts[BARE_STATEMENTS] = {
	[BARE_LEAD] =
		"INSERT INTO lead (seq, id, source, received_at, state, test, email,"
		" company, fields, raw) VALUES (?1, ?2, ?3, ?4, 1, 0, ?5, ?6, ?7, ?8)",
	[BARE_MATCH] = "INSERT INTO match_hash (seq, at, origin, email, offer)"
		       " VALUES (?1, ?2, 0, ?3, ?4)",
	[BARE_FINGERPRINT] =
		"INSERT INTO fingerprint (kind, source, hash, lead, leads, body_hash,"
		" expires_at) VALUES (1, ?1, ?2, ?3, 1, ?2, ?4) ON CONFLICT DO NOTHING",
	[BARE_WAITING] =
		"INSERT INTO delivery (lead, destination, state, queue, due_at, age_from)"
		" VALUES (?1, ?2, 1, 1, ?3, 0)",
	[BARE_DELIVERED] =
		"INSERT INTO delivery (lead, destination, state, queue, due_at, attempts,"
		" age_from, outcome, settled_at, remote_id)"
		" VALUES (?1, ?2, 3, 2, ?3, 1, 0, 1, ?3, ?4)",
	[BARE_ATTEMPT] =
		"INSERT INTO attempt (delivery, n, at, duration_ms, outcome, reason,"
		" http_status) VALUES (?1, 1, ?2, 120, 1, 0, 204)",
	[BARE_TALLY_SOURCE] =
		"UPDATE source SET requests = requests + ?2, accepted = accepted + ?2,"
		" last_at = max(last_at, ?3) WHERE id = ?1",
	[BARE_TALLY_DESTINATION] =
		"UPDATE destination SET accepted = accepted + ?2 + ?3,"
		" pending = pending + ?2, delivered = delivered + ?3 WHERE id = ?1",
};

static void check(struct bare_outbox *outbox, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		bench_fail("SQLite: %s", sqlite3_errmsg(outbox->sqlite));
}

void bare_exec(struct bare_outbox *outbox, const char *sql)
{
	check(outbox, sqlite3_exec(outbox->sqlite, sql, NULL, NULL, NULL));
}

/* ---- making it ---- */

/* The store makes the schema and names its sources and destinations. */
static void make_schema(struct bare_outbox *outbox, const char *dir)
{
	struct store_options options = {
		.state_dir = dir, .clock = &clock_system, .entropy = &entropy_system};
	struct store_name source = {.name = "marketplace"};
	struct store_name destinations[BARE_DESTINATIONS_MAX];
	char names[BARE_DESTINATIONS_MAX][32];
	struct job_names job = {.sources = &source,
		.source_count = 1,
		.destinations = destinations,
		.destination_count = outbox->destination_count,
		.now = clock_wall(&clock_system)};
	struct store *store;
	struct err err;

	for (size_t i = 0; i < outbox->destination_count; i++) {
		snprintf(names[i], sizeof(names[i]), "crm%zu", i + 1);
		destinations[i] = (struct store_name){
			.name = outbox->destination_count == 1 ? "crm" : names[i],
			.kind = "dynamics365",
			.keeps_key = true};
	}
	job_names_prepare(&job);
	if (store_open(&store, &options, &err) != ERR_OK ||
		store_call(store, &job.job, &err) != ERR_OK)
		bench_fail("%s", err.text);
	outbox->source = source.id;
	for (size_t i = 0; i < outbox->destination_count; i++)
		outbox->destinations[i] = destinations[i].id;
	job_names_finish(&job);
	store_close(store);
}

/* The fields as intake reads them and the store writes them. */
static void read_lead(struct bare_outbox *outbox, const char *path)
{
	struct source_settings source = {.kind = SOURCE_MARKETPLACE};
	struct buf fields = BUF_INIT;
	struct parsed parsed;

	outbox->raw = bench_file(path, &outbox->raw_len);
	outbox->number = bench_number_place(outbox->raw);
	intake_parse(&source, "application/json", outbox->raw, outbox->raw_len, &parsed);
	if (parsed.status != 0 || parsed.count != 1 ||
		!parsed.leads[0].fields[FIELD_EMAIL] ||
		!parsed.leads[0].fields[FIELD_COMPANY])
		bench_fail("%s is no lead with e-mail and company: %s", path,
			parsed.problem);
	lead_fields_add(&parsed.leads[0], &fields);
	outbox->fields = buf_take(&fields);
	outbox->email = strdup(parsed.leads[0].fields[FIELD_EMAIL]);
	outbox->company = strdup(parsed.leads[0].fields[FIELD_COMPANY]);
	parsed_finish(&parsed);
	if (!outbox->fields || !outbox->email || !outbox->company)
		bench_fail("out of memory");
	outbox->field_number = bench_number_place(outbox->fields);
	outbox->email_number = bench_number_place(outbox->email);
}

void bare_open(struct bare_outbox *outbox, const char *dir, const char *lead,
	size_t destinations)
{
	char path[4200];

	*outbox = (struct bare_outbox){.destination_count = destinations,
		.random = entropy_u64(&entropy_system) | 1};
	read_lead(outbox, lead);
	make_schema(outbox, dir);
	snprintf(path, sizeof(path), "%s/outbox.db", dir);
	check(outbox, sqlite3_open(path, &outbox->sqlite));
	/* what the store sets (src/store/db_open.c) */
	bare_exec(outbox, "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;"
			  "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
			  "PRAGMA cache_size = -8192; PRAGMA synchronous = FULL;"
			  "PRAGMA wal_autocheckpoint = 4000;");
	for (int i = 0; i < BARE_STATEMENTS; i++)
		check(outbox,
			sqlite3_prepare_v3(outbox->sqlite, texts[i], -1,
				SQLITE_PREPARE_PERSISTENT, &outbox->statements[i], NULL));
}

void bare_close(struct bare_outbox *outbox)
{
	for (int i = 0; i < BARE_STATEMENTS; i++)
		sqlite3_finalize(outbox->statements[i]);
	if (sqlite3_close(outbox->sqlite) != SQLITE_OK)
		bench_fail("SQLite does not close");
	free(outbox->raw);
	free(outbox->fields);
	free(outbox->email);
	free((char *)outbox->company);
}

/* ---- rows ---- */

static uint64_t next_random(struct bare_outbox *outbox)
{
	outbox->random ^= outbox->random << 13;
	outbox->random ^= outbox->random >> 7;
	outbox->random ^= outbox->random << 17;
	return outbox->random;
}

static void fill_random(struct bare_outbox *outbox, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t some = next_random(outbox);

		memcpy(out + i, &some, len - i < 8 ? len - i : 8);
	}
}

/* As uuid_v7, of any time and without asking the kernel. */
static void make_id(struct bare_outbox *outbox, int64_t at, struct uuid *id)
{
	fill_random(outbox, id->bytes, sizeof(id->bytes));
	for (int i = 0; i < 6; i++)
		id->bytes[i] = (uint8_t)((uint64_t)at >> (8 * (5 - i)));
	id->bytes[6] = (uint8_t)(0x70 | ((uint64_t)outbox->seq >> 8 & 0x0f));
	id->bytes[7] = (uint8_t)outbox->seq;
	id->bytes[8] = (uint8_t)(0x80 | (id->bytes[8] & 0x3f));
}

static void run(struct bare_outbox *outbox, enum bare_statement which)
{
	sqlite3_stmt *stmt = outbox->statements[which];
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_DONE)
		check(outbox, rc == SQLITE_ROW ? SQLITE_MISUSE : rc);
	sqlite3_reset(stmt);
}

static void add_lead(
	struct bare_outbox *outbox, const struct bare_lead *lead, const struct uuid *id)
{
	sqlite3_stmt *stmt = outbox->statements[BARE_LEAD];

	bench_set_number(outbox->number, outbox->seq);
	bench_set_number(outbox->field_number, outbox->seq);
	bench_set_number(outbox->email_number, outbox->seq);
	sqlite3_bind_int64(stmt, 1, outbox->seq);
	sqlite3_bind_blob(stmt, 2, id->bytes, sizeof(id->bytes), SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, outbox->source);
	sqlite3_bind_int64(stmt, 4, lead->received_at);
	sqlite3_bind_text(stmt, 5, outbox->email, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 6, outbox->company, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 7, outbox->fields, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 8, outbox->raw, (int)outbox->raw_len, SQLITE_STATIC);
	run(outbox, BARE_LEAD);
}

static void add_hashes(struct bare_outbox *outbox, const struct bare_lead *lead)
{
	sqlite3_stmt *stmt = outbox->statements[BARE_MATCH];
	uint8_t bytes[32];

	fill_random(outbox, bytes, sizeof(bytes));
	sqlite3_bind_int64(stmt, 1, outbox->seq);
	sqlite3_bind_int64(stmt, 2, lead->received_at);
	sqlite3_bind_blob(stmt, 3, bytes, 8, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, "all same", 8, SQLITE_STATIC); /* one offer */
	run(outbox, BARE_MATCH);
	if (!lead->fingerprint)
		return;
	stmt = outbox->statements[BARE_FINGERPRINT];
	sqlite3_bind_int64(stmt, 1, outbox->source);
	sqlite3_bind_blob(stmt, 2, bytes, sizeof(bytes), SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, outbox->seq);
	sqlite3_bind_int64(stmt, 4, lead->received_at + 600000);
	run(outbox, BARE_FINGERPRINT);
}

static void add_delivery(
	struct bare_outbox *outbox, const struct bare_lead *lead, const struct uuid *id)
{
	enum bare_statement which = lead->delivered ? BARE_DELIVERED : BARE_WAITING;
	sqlite3_stmt *stmt = outbox->statements[which];
	int64_t at = lead->received_at + (lead->delivered ? 150 : 0);
	char remote[UUID_TEXT_SIZE];

	sqlite3_bind_int64(stmt, 1, outbox->seq);
	sqlite3_bind_int64(stmt, 2, outbox->destinations[lead->destination]);
	sqlite3_bind_int64(stmt, 3, at);
	if (lead->delivered)
		sqlite3_bind_text(stmt, 4, uuid_text(id, remote), -1, SQLITE_STATIC);
	run(outbox, which);
	if (!lead->delivered) {
		outbox->waiting[lead->destination]++;
		return;
	}
	outbox->delivered[lead->destination]++;
	stmt = outbox->statements[BARE_ATTEMPT];
	sqlite3_bind_int64(stmt, 1, sqlite3_last_insert_rowid(outbox->sqlite));
	sqlite3_bind_int64(stmt, 2, lead->received_at + 30);
	run(outbox, BARE_ATTEMPT);
}

void bare_begin(struct bare_outbox *outbox)
{
	bare_exec(outbox, "BEGIN IMMEDIATE");
}

void bare_add(struct bare_outbox *outbox, const struct bare_lead *lead)
{
	struct uuid id;

	outbox->seq++;
	make_id(outbox, lead->received_at, &id);
	add_lead(outbox, lead, &id);
	add_hashes(outbox, lead);
	add_delivery(outbox, lead, &id);
}

void bare_commit(struct bare_outbox *outbox)
{
	sqlite3_stmt *stmt = outbox->statements[BARE_TALLY_DESTINATION];
	int64_t sum = 0;

	for (size_t i = 0; i < outbox->destination_count; i++) {
		if (outbox->waiting[i] + outbox->delivered[i] == 0)
			continue;
		sum += outbox->waiting[i] + outbox->delivered[i];
		sqlite3_bind_int64(stmt, 1, outbox->destinations[i]);
		sqlite3_bind_int64(stmt, 2, outbox->waiting[i]);
		sqlite3_bind_int64(stmt, 3, outbox->delivered[i]);
		run(outbox, BARE_TALLY_DESTINATION);
		outbox->waiting[i] = outbox->delivered[i] = 0;
	}
	stmt = outbox->statements[BARE_TALLY_SOURCE];
	sqlite3_bind_int64(stmt, 1, outbox->source);
	sqlite3_bind_int64(stmt, 2, sum);
	sqlite3_bind_int64(stmt, 3, clock_wall(&clock_system));
	run(outbox, BARE_TALLY_SOURCE);
	bare_exec(outbox, "COMMIT");
}
