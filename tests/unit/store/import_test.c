/* Files as ledgers: every row decided once, whatever repeats, crosses or dies. */
#include "fixture.h"
#include "leadrelay/batches.h"
#include "leadrelay/mails.h"
#include "leadrelay/reader.h"
#include "match.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS_MAX 64

struct file { /* a run of one file: begun, then batch by batch */
	struct fixture *f;
	struct job_import_begin begin;
	struct import_row rows[ROWS_MAX];
	struct job_import_rows batch;
	int64_t destinations[2];
};

static void begin(struct fixture *f, struct file *file, const char *name)
{
	memset(file, 0, sizeof(*file));
	file->f = f;
	file->destinations[0] = f->crm;
	file->destinations[1] = f->archive;
	file->begin.source = f->shop;
	file->begin.now = f->wall;
	snprintf((char *)file->begin.file, sizeof(file->begin.file), "%s", name);
	job_import_begin_prepare(&file->begin);
	call(f, &file->begin.job);
	assert_false(file->begin.state.finished);
}

static void set(struct import_row *row, enum lead_field field, const char *text)
{
	struct err err;

	assert_int_equal(lead_set(&row->item.lead, field, text, &err), ERR_OK);
}

/* count rows from first on: emails[i], the e-mail of row first + i; NULL: it was refused
 * by its reader, "": a row that names no person. */
static void fill(
	struct file *file, int64_t first, size_t count, const char *const *emails)
{
	struct fixture *f = file->f;

	memset(file->rows, 0, sizeof(file->rows));
	for (size_t i = 0; i < count; i++) {
		struct import_row *row = &file->rows[i];

		row->row = first + (int64_t)i;
		row->rejected = emails[i] == NULL;
		row->raw = "a,b";
		row->raw_len = 3;
		row->item.destinations = file->destinations;
		row->item.destination_count = 1;
		row->item.lead.id = uuid_v7(f->wall, &entropy_system, &f->last_id);
		row->item.lead.received_at = f->wall;
		set(row, FIELD_COMPANY, "Contoso");
		set(row, FIELD_EMAIL, emails[i]);
	}
	file->batch = (struct job_import_rows){.import = file->begin.state.id,
		.run = file->begin.state.run,
		.source = file->begin.source,
		.origin = ORIGIN_IMPORT,
		.rows = file->rows,
		.count = count,
		.now = f->wall};
	job_import_rows_prepare(&file->batch);
}

static void empty(struct file *file)
{
	job_import_rows_finish(&file->batch);
	for (size_t i = 0; i < file->batch.count; i++)
		lead_finish(&file->rows[i].item.lead);
}

/* results: a accepted, d duplicate, e erased, s skipped, one per row, - rejected. */
static void expect_results(const struct file *file, const char *results)
{
	static const char letters[] = {[IMPORT_ACCEPTED] = 'a',
		[IMPORT_DUPLICATE] = 'd',
		[IMPORT_ERASED] = 'e',
		[IMPORT_SKIPPED] = 's'};
	char got[ROWS_MAX + 1] = "";

	for (size_t i = 0; i < file->batch.count; i++)
		got[i] = file->rows[i].rejected ? '-' : letters[file->rows[i].result];
	assert_string_equal(got, results);
}

static void take(struct file *file, int64_t first, size_t count,
	const char *const *emails, const char *results)
{
	fill(file, first, count, emails);
	call(file->f, &file->batch.job);
	assert_false(file->batch.stale);
	expect_results(file, results);
	empty(file);
}

static struct import_state end(struct file *file)
{
	struct job_import_end job = {.import = file->begin.state.id,
		.run = file->begin.state.run,
		.now = file->f->wall};

	job_import_end_prepare(&job);
	call(file->f, &job.job);
	return job.state;
}

static void expect_state(const struct import_state *state, int64_t accepted,
	int64_t duplicates, int64_t erased, int64_t rejected)
{
	assert_int_equal(state->accepted, accepted);
	assert_int_equal(state->duplicates, duplicates);
	assert_int_equal(state->erased, erased);
	assert_int_equal(state->rejected, rejected);
	assert_int_equal(state->taken, accepted + duplicates + erased + rejected);
}

static void fail_problem(void *ctx, const char *text)
{
	(void)ctx;
	fail_msg("%s", text);
}

static void expect_sound(struct fixture *f)
{
	struct reader *reader;
	struct err err = {0};

	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_check(reader, fail_problem, NULL, &err), ERR_OK);
	reader_close(reader);
}

static void keep_problem(void *ctx, const char *text)
{
	char *all = ctx;

	strncat(strncat(all, text, 400), "\n", 2);
}

static void expect_problem(struct fixture *f, const char *text)
{
	char problems[4096] = "";
	struct reader *reader;
	struct err err;

	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_check(reader, keep_problem, problems, &err), ERR_OK);
	reader_close(reader);
	if (!strstr(problems, text))
		fail_msg("%s", problems);
}

static const char *const four[] = {"a@x.com", "b@x.com", NULL, "c@x.com"};

static void rows_become_leads_with_all_that_hangs_on_them(void **state)
{
	struct fixture *f = *state;
	struct import_state ended;
	struct file file;

	begin(f, &file, "fair");
	fill(&file, 1, 4, four);
	file.rows[0].item.destination_count = 2;
	file.rows[1].item.destination_count = 0;
	file.rows[3].item.lead.test = true;
	call(f, &file.batch.job);
	expect_results(&file, "aa-a");
	assert_int_equal(file.rows[0].item.result, ACCEPT_NEW);
	assert_true(uuid_equal(&file.rows[0].item.id, &file.rows[0].item.lead.id));
	assert_true(file.rows[0].item.deliveries[1] > 0);
	expect_state(&file.batch.state, 3, 0, 0, 1);
	empty(&file);
	ended = end(&file);
	assert_true(ended.finished);
	expect_state(&ended, 3, 0, 0, 1);
	expect_counts(f, f->crm, 2, 0, 0, 0, 0);
	expect_counts(f, f->archive, 1, 0, 0, 0, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM idle"), 1);
	assert_int_equal(query(f, "SELECT count(*) FROM lead WHERE raw = x'612c62'"), 3);
	assert_int_equal(query(f, "SELECT count(*) FROM match_hash WHERE origin = 1"
				  " AND length(email) = 8 AND offer IS NULL"),
		3);
	assert_int_equal(
		query(f, "SELECT requests * 1000 + accepted * 100 + rejected * 10"
			 " + test FROM source WHERE name = 'shop'"),
		3311);
	expect_sound(f);
}

static void the_same_file_again_adds_nothing(void **state)
{
	struct fixture *f = *state;
	struct import_state ended;
	struct file file;

	begin(f, &file, "fair");
	take(&file, 1, 4, four, "aa-a");
	end(&file);
	begin(f, &file, "fair");
	assert_int_equal(file.begin.state.run, 2);
	assert_int_equal(file.begin.state.taken, 0);
	take(&file, 1, 4, four, "dd-d");
	ended = end(&file);
	expect_state(&ended, 0, 3, 0, 1);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 3);
	assert_int_equal(query(f, "SELECT requests * 100 + accepted * 10 + duplicates"
				  " FROM source WHERE name = 'shop'"),
		633);
	expect_sound(f);
}

static void a_row_is_known_from_another_file_but_not_from_another_source(void **state)
{
	struct fixture *f = *state;
	static const char *const more[] = {"new@x.com", "b@x.com"};
	struct file file;

	begin(f, &file, "fair");
	take(&file, 1, 4, four, "aa-a");
	end(&file);
	begin(f, &file, "fair, corrected");
	take(&file, 1, 2, more, "ad");
	end(&file);
	f->shop = f->web;
	begin(f, &file, "fair");
	take(&file, 1, 2, more, "aa");
	end(&file);
	expect_sound(f);
}

static void every_part_of_a_row_tells_it_from_others(void **state)
{
	struct fixture *f = *state;
	static const char *const same[] = {"a@x.com", "a@x.com", "a@x.com", "a@x.com",
		"a@x.com", "a@x.com", "a@x.com", "a@x.com"};
	struct file file;

	begin(f, &file, "f");
	fill(&file, 1, 8, same);
	set(&file.rows[1], FIELD_TITLE, "CEO");
	file.rows[2].item.lead.extra = cJSON_Parse("{\"hall\":\"3\",\"day\":1}");
	file.rows[3].item.lead.extra = cJSON_Parse("{\"day\":1,\"hall\":\"3\"}");
	file.rows[4].item.lead.extra = cJSON_Parse("{\"hall\":\"3\",\"day\":\"1\"}");
	file.rows[5].time_given = true;
	file.rows[6].time_given = true;
	file.rows[6].item.lead.received_at -= 1;
	call(f, &file.batch.job);
	expect_results(&file, "aaadaaad");
	empty(&file);
	expect_sound(f);
}

static void killed_between_batches_it_goes_on_where_it_was(void **state)
{
	struct fixture *f = *state;
	static const char *const more[] = {"c@x.com", "d@x.com"};
	struct import_state ended;
	struct file file;

	begin(f, &file, "fair");
	take(&file, 1, 3, four, "aa-");
	fixture_close(f);
	fixture_open(f);
	begin(f, &file, "fair");
	assert_int_equal(file.begin.state.run, 1);
	expect_state(&file.begin.state, 2, 0, 0, 1);
	take(&file, 2, 2, four + 1, "s-"); /* read again from a little before */
	take(&file, 4, 2, more, "aa");
	ended = end(&file);
	expect_state(&ended, 4, 0, 0, 1);
	expect_sound(f);
}

static void two_imports_of_one_file_share_its_rows(void **state)
{
	struct fixture *f = *state;
	static const char *const rows[] = {
		"1@x.com", "2@x.com", "3@x.com", "", "", "6@x.com"};
	struct import_state ended;
	struct file one, two;

	begin(f, &one, "fair");
	begin(f, &two, "fair");
	assert_int_equal(one.begin.state.run, two.begin.state.run);
	take(&one, 1, 2, rows, "aa");
	take(&two, 1, 4, rows, "ssaa");
	take(&one, 3, 3, rows + 2, "ssa");
	take(&one, 6, 1, rows + 5, "a");
	ended = end(&one);
	expect_state(&ended, 6, 0, 0, 0);
	take(&two, 5, 2, rows + 4, "ss");
	ended = end(&two);
	expect_state(&ended, 6, 0, 0, 0);
	expect_sound(f);
}

static void a_run_that_is_over_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct import_state ended;
	struct file old, new;

	begin(f, &old, "fair");
	take(&old, 1, 1, four, "a");
	end(&old);
	begin(f, &new, "fair");
	fill(&old, 2, 3, four + 1);
	call(f, &old.batch.job);
	assert_true(old.batch.stale);
	assert_int_equal(old.batch.state.run, 2);
	empty(&old);
	ended = end(&old); /* not its own any more */
	assert_false(ended.finished);
	take(&new, 1, 4, four, "da-a");
	end(&new);
	expect_sound(f);
}

static void refuse(struct file *file, const char *words)
{
	struct err err = {0};

	assert_int_not_equal(store_call(file->f->store, &file->batch.job, &err), ERR_OK);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
	empty(file);
}

static void rows_out_of_turn_are_refused(void **state)
{
	struct fixture *f = *state;
	struct file file;

	begin(f, &file, "fair");
	fill(&file, 2, 1, four);
	refuse(&file, "rows 1 to 1 are missing");
	fill(&file, 1, 3, four);
	file.rows[2].row = 4;
	refuse(&file, "incomplete");
	fill(&file, 1, 1, four);
	file.rows[0].item.lead.id = (struct uuid){0};
	refuse(&file, "incomplete");
	fill(&file, 1, 1, four);
	file.batch.import = 77;
	refuse(&file, "no such import");
	take(&file, 1, 1, four, "a");
	end(&file);
	fill(&file, 2, 1, four + 1);
	refuse(&file, "ended at row 1");
	expect_sound(f);
}

static void one_bad_row_takes_its_whole_batch_back(void **state)
{
	struct fixture *f = *state;
	struct file file;

	begin(f, &file, "fair");
	fill(&file, 1, 4, four);
	file.destinations[1] = 99; /* there is none */
	file.rows[3].item.destination_count = 2;
	refuse(&file, "row 4");
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 0);
	assert_int_equal(query(f, "SELECT count(*) FROM match_hash"), 0);
	assert_int_equal(query(f, "SELECT taken FROM import"), 0);
	take(&file, 1, 4, four, "aa-a");
	expect_counts(f, f->crm, 3, 0, 0, 0, 0);
	expect_sound(f);
}

static void who_asked_to_be_forgotten_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	static const char *const rows[] = {"a@x.com", "C@X.com", ""};
	struct db_options options = {.path = f->path, .clock = &f->clock};
	uint8_t hash[MATCH_LONG];
	char sql[160] = "INSERT INTO tombstone VALUES (x'";
	struct import_state ended;
	struct file file;
	struct db *db;
	struct err err;

	fixture_close(f);
	assert_int_equal(db_open(&db, &options, &err), ERR_OK);
	assert_int_equal(
		match_hash_of(db, MATCH_TOMBSTONE, "c@x.com", hash, sizeof(hash), &err),
		ERR_OK);
	db_close(db);
	for (size_t i = 0; i < sizeof(hash); i++)
		sprintf(sql + strlen(sql), "%02x", hash[i]);
	strcat(sql, "', 1)");
	execute(f, sql);
	fixture_open(f);
	begin(f, &file, "fair");
	take(&file, 1, 3, rows, "aea");
	ended = end(&file);
	expect_state(&ended, 2, 0, 1, 0);
	assert_int_equal(
		query(f,
			"SELECT requests * 10 + rejected FROM source WHERE name = 'shop'"),
		21);
	expect_sound(f);
}

static void an_id_that_is_given_recognises_an_export(void **state)
{
	struct fixture *f = *state;
	static const char *const rows[] = {"jane@example.com", "other@x.com"};
	struct uuid web;
	struct file file;

	add_lead(f, "{}");
	web = f->last_id;
	begin(f, &file, "export");
	fill(&file, 1, 2, rows);
	file.rows[0].id_given = file.rows[1].id_given = true;
	file.rows[0].item.lead.id = web;
	call(f, &file.batch.job);
	expect_results(&file, "da");
	assert_true(uuid_equal(&file.rows[0].item.id, &web));
	assert_true(uuid_equal(&file.rows[1].item.id, &file.rows[1].item.lead.id));
	empty(&file);
	end(&file);
	begin(f, &file, "export without its ids");
	take(&file, 1, 2, rows, "ad"); /* content came once: as an import */
	expect_sound(f);
}

static void rows_of_nobody_count_as_often_as_the_file_has_them(void **state)
{
	struct fixture *f = *state;
	static const char *const rows[] = {"", "", "p@x.com", "", "p@x.com", ""};
	struct file file;

	begin(f, &file, "firms");
	take(&file, 1, 2, rows, "aa");
	fixture_close(f);
	fixture_open(f);
	begin(f, &file, "firms");
	take(&file, 3, 2, rows + 2, "aa");
	take(&file, 5, 2, rows + 4, "da");
	assert_int_equal(query(f, "SELECT n FROM import_repeat"), 4);
	end(&file);
	assert_int_equal(query(f, "SELECT count(*) FROM import_repeat"), 0);
	begin(f, &file, "firms");
	take(&file, 1, 6, rows, "dddddd");
	end(&file);
	begin(f, &file, "more firms"); /* has one more of them */
	take(&file, 1, 2, rows, "dd");
	take(&file, 3, 2, rows, "dd");
	take(&file, 5, 1, rows, "a");
	end(&file);
	expect_sound(f);
}

static void what_a_run_left_behind_is_swept(void **state)
{
	struct fixture *f = *state;
	struct job_expire expire = {.now = NOW, .max = 1000};
	struct file file;

	begin(f, &file, "firms");
	end(&file);
	execute(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
		   " WHERE i < 1500) INSERT INTO import_repeat"
		   " SELECT 1, 1, randomblob(16), 1 FROM n");
	begin(f, &file, "firms");
	take(&file, 1, 1, (const char *const[]){""}, "a"); /* not the old run's */
	job_expire_prepare(&expire);
	call(f, &expire.job);
	assert_true(expire.more);
	assert_int_equal(query(f, "SELECT count(*) FROM import_repeat"), 501);
	call(f, &expire.job);
	assert_false(expire.more);
	assert_int_equal(query(f, "SELECT run FROM import_repeat"), 2);
}

static void housekeep(struct fixture *f, int max, bool more)
{
	struct job_expire expire = {.now = f->wall, .max = max};

	job_expire_prepare(&expire);
	call(f, &expire.job);
	assert_int_equal(expire.more, more);
}

static void rows_are_known_before_during_and_after_they_are_indexed(void **state)
{
	struct fixture *f = *state;
	static const char *const more[] = {"a@x.com", "n@x.com", "c@x.com"};
	struct file file;

	begin(f, &file, "fair");
	take(&file, 1, 4, four, "aa-a");
	housekeep(f, 100, false); /* not while somebody imports */
	assert_int_equal(query(f, "SELECT count(*) FROM imported"), 0);
	end(&file);
	housekeep(f, 2, true);
	assert_int_equal(query(f, "SELECT count(*) FROM imported"), 2);
	assert_int_equal(
		query(f, "SELECT count(*) FROM meta WHERE key = 'imported_until'"), 0);
	begin(f, &file, "fair, half indexed");
	take(&file, 1, 3, more, "dad");
	end(&file);
	add_lead(f, "{}"); /* has no row in a file */
	housekeep(f, 100, false);
	assert_int_equal(query(f, "SELECT count(*) FROM imported"), 4);
	assert_int_equal(
		query(f, "SELECT value FROM meta WHERE key = 'imported_until'"), 5);
	expect_sound(f);
	begin(f, &file, "fair, indexed");
	take(&file, 1, 3, more, "ddd");
	end(&file);
	fixture_close(f);
	fixture_open(f);
	begin(f, &file, "fair, after a start");
	take(&file, 1, 3, more, "ddd");
	end(&file);
	add_lead(f, "[]");
	housekeep(f, 100, false);
	assert_int_equal(
		query(f, "SELECT value FROM meta WHERE key = 'imported_until'"), 6);
	execute(f, "DELETE FROM imported WHERE hash = (SELECT content FROM match_hash"
		   " WHERE seq = 2)");
	expect_problem(f, "1 imported rows are not known as such");
}

static void many_rows_go_into_the_index_as_others_come(void **state)
{
	struct fixture *f = *state;
	char text[ROWS_MAX][16];
	const char *emails[ROWS_MAX];
	struct file file;

	begin(f, &file, "fair");
	take(&file, 1, 4, four, "aa-a");
	end(&file);
	execute(f, "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n"
		   " WHERE i < 65590) INSERT INTO match_hash (seq, at, origin, content)"
		   " SELECT i, 1, 1, randomblob(16) FROM n;"
		   "UPDATE sqlite_sequence SET seq = 65590 WHERE name = 'lead'");
	fixture_close(f);
	fixture_open(f);
	for (size_t i = 0; i < ROWS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "%zu@x.com", i);
		emails[i] = text[i];
	}
	begin(f, &file, "more");
	fill(&file, 1, 50, emails);
	call(f, &file.batch.job);
	empty(&file);
	assert_int_equal(query(f, "SELECT count(*) FROM imported"), 50 + 50 / 4 + 1);
	fill(&file, 51, 4, four); /* known from long before */
	call(f, &file.batch.job);
	expect_results(&file, "dd-d");
	empty(&file);
	fill(&file, 55, 5, emails); /* and from just now */
	call(f, &file.batch.job);
	expect_results(&file, "ddddd");
	empty(&file);
	end(&file);
}

static void what_is_imported_waits_since_it_came(void **state)
{
	struct fixture *f = *state;
	struct destination_row row;
	struct file file;

	begin(f, &file, "old system");
	fill(&file, 1, 1, four);
	file.rows[0].time_given = true;
	file.rows[0].item.lead.received_at = NOW - INT64_C(700) * 24 * 60 * MINUTE;
	call(f, &file.batch.job);
	empty(&file);
	destination_get(f, f->crm, &row);
	assert_int_equal(row.oldest_pending_at, NOW);
}

static void notifications_go_as_for_requests(void **state)
{
	struct fixture *f = *state;
	static const char *const contacts[] = {"owner@contoso.com"};
	struct file file;

	begin(f, &file, "fair");
	fill(&file, 1, 2, four);
	for (int i = 0; i < 2; i++) {
		file.rows[i].item.contacts = contacts;
		file.rows[i].item.contact_count = 1;
	}
	file.batch.digest_ms = 10 * MINUTE;
	call(f, &file.batch.job);
	assert_int_equal(file.rows[0].item.mail_count, 0);
	empty(&file);
	assert_int_equal(query(f, "SELECT count(*) FROM mail WHERE queue = 4"), 2);
	expect_sound(f);
}

static void what_does_not_add_up_is_told(void **state)
{
	struct fixture *f = *state;
	struct file file;

	begin(f, &file, "fair");
	take(&file, 1, 4, four, "aa-a");
	execute(f, "UPDATE import SET taken = 5; DELETE FROM match_hash WHERE seq = 2;"
		   "INSERT INTO import_repeat VALUES (77, 1, x'00', 1)");
	expect_problem(f, "1 imports have taken other than");
	expect_problem(f, "1 leads have no match hash");
	expect_problem(f, "1 counts of rows belong to no import");
}

/* ---- killed ---- */

#ifdef LEADRELAY_FAULT_POINTS
#define CROWD 300

static void crowd_batch(struct file *file, int64_t first)
{
	char texts[ROWS_MAX][32];
	const char *emails[ROWS_MAX];
	size_t count = 0;

	for (; count < 50 && first + (int64_t)count <= CROWD; count++) {
		snprintf(texts[count], sizeof(texts[0]), "p%d@x.com",
			(int)(first + (int64_t)count));
		emails[count] = count % 10 == 0 ? "" : texts[count];
	}
	fill(file, first, count, emails);
	call(file->f, &file->batch.job);
	empty(file);
}

/* The whole file, from where its ledger is. */
static void crowd_import(struct fixture *f)
{
	struct file file;

	begin(f, &file, "crowd");
	for (int64_t row = file.begin.state.taken + 1; row <= CROWD; row += 50)
		crowd_batch(&file, row);
	end(&file);
}

static int child_main(const char *dir)
{
	struct fixture f = {.wall = NOW};

	snprintf(f.path, sizeof(f.path), "%s/outbox.db", dir);
	snprintf(f.dir, sizeof(f.dir), "%s", dir);
	f.options = (struct store_options){
		.state_dir = f.dir, .clock = &clock_system, .entropy = &entropy_system};
	fixture_open(&f);
	fixture_names(&f);
	crowd_import(&f);
	return 9; /* it should not have come so far */
}

static void kill_at(struct fixture *f, const char *fault)
{
	int status;
	pid_t pid;

	fixture_close(f);
	pid = fork();
	if (pid == 0) {
		setenv("LEADRELAY_FAULT", fault, 1);
		execl("/proc/self/exe", "store_import_test", f->dir, (char *)NULL);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	fixture_open(f);
	expect_sound(f);
}

static void killed_anywhere_each_row_is_one_lead(void **state)
{
	static const char *const faults[] = {"csv.row_k:kill", "csv.row_k:kill:149",
		"csv.checkpoint:kill:2", "csv.row_k:kill:50", "csv.checkpoint:kill:3",
		"csv.finish:kill"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		kill_at(f, faults[i]);
	crowd_import(f);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), CROWD);
	assert_int_equal(query(f, "SELECT accepted FROM import"), CROWD);
	assert_int_equal(
		query(f, "SELECT count(DISTINCT email) FROM lead"), CROWD * 9 / 10);
	assert_int_equal(query(f, "SELECT run FROM import"), 1);
	expect_sound(f);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_become_leads_with_all_that_hangs_on_them),
		TEST(the_same_file_again_adds_nothing),
		TEST(a_row_is_known_from_another_file_but_not_from_another_source),
		TEST(every_part_of_a_row_tells_it_from_others),
		TEST(killed_between_batches_it_goes_on_where_it_was),
		TEST(two_imports_of_one_file_share_its_rows),
		TEST(a_run_that_is_over_takes_nothing),
		TEST(rows_out_of_turn_are_refused),
		TEST(one_bad_row_takes_its_whole_batch_back),
		TEST(who_asked_to_be_forgotten_does_not_come_back),
		TEST(an_id_that_is_given_recognises_an_export),
		TEST(rows_of_nobody_count_as_often_as_the_file_has_them),
		TEST(what_a_run_left_behind_is_swept),
		TEST(what_does_not_add_up_is_told),
		TEST(rows_are_known_before_during_and_after_they_are_indexed),
		TEST(many_rows_go_into_the_index_as_others_come),
		TEST(what_is_imported_waits_since_it_came),
		TEST(notifications_go_as_for_requests),
#ifdef LEADRELAY_FAULT_POINTS
		TEST(killed_anywhere_each_row_is_one_lead),
#endif
	};

#ifdef LEADRELAY_FAULT_POINTS
	if (argc == 2)
		return child_main(argv[1]);
#endif
	(void)argc;
	(void)argv;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
