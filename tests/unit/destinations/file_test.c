#include "support.h"

#include "leadrelay/destination.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char folder[32];
	char path[64];
	struct destination_settings settings;
	struct destination *destination;
	struct lead lead;
};

static void setup(struct fixture *f)
{
	static char name[] = "archive", kind[] = "file";

	*f = (struct fixture){.folder = "/tmp/leadrelay-file-XXXXXX"};
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/leads.jsonl", f->folder);
	f->settings = (struct destination_settings){
		.name = name, .kind = kind, .path = f->path};
	assert_int_equal(
		destination_create(&f->destination, &f->settings, &sevens, NULL), ERR_OK);
	f->lead = make_lead();
	set_field(&f->lead, FIELD_LAST_NAME, "Silva");
}

static void teardown(struct fixture *f)
{
	unlink(f->path);
	rmdir(f->folder);
	lead_finish(&f->lead);
	destination_destroy(f->destination);
}

static struct outcome run(struct fixture *f, enum task_purpose purpose)
{
	struct task task = {.purpose = purpose, .lead = &f->lead};

	assert_int_equal(task_begin(f->destination, &task, NOW), STEP_WORK);
	f->destination->base.kind->work(f->destination, &task);
	assert_int_equal(task_next(f->destination, &task, NULL, NOW + 3), STEP_DONE);
	assert_int_equal(task.record_count, 1);
	assert_int_equal(task.records[0].outcome, task.outcome.kind);
	assert_int_equal(task.records[0].at, NOW);
	assert_int_equal(task.records[0].duration_ms, 3);
	task_finish(&task);
	return task.outcome;
}

static void write_file(struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The caller's to free. */
static char *read_file(struct fixture *f)
{
	FILE *file = fopen(f->path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	text[fread(text, 1, 65535, file)] = '\0';
	fclose(file);
	return text;
}

static int count_lines(struct fixture *f)
{
	char *text = read_file(f);
	int lines = 0;

	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	free(text);
	return lines;
}

static void a_lead_is_one_line(void **state)
{
	struct fixture f;
	struct stat stat_now;
	char *text;
	cJSON *json;

	(void)state;
	setup(&f);
	assert_int_equal(run(&f, TASK_DELIVER).kind, OUTCOME_DELIVERED);
	text = read_file(&f);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	json = cJSON_Parse(text);
	assert_string_equal(
		cJSON_GetStringValue(cJSON_GetObjectItem(json, "id")), LEAD_ID);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(
				    cJSON_GetObjectItem(json, "fields"), "last_name")),
		"Silva");
	cJSON_Delete(json);
	free(text);
	assert_int_equal(stat(f.path, &stat_now), 0);
	assert_int_equal(stat_now.st_mode & 0777, 0600);
	assert_int_equal(run(&f, TASK_DELIVER).kind, OUTCOME_DELIVERED);
	assert_int_equal(count_lines(&f), 2);
	teardown(&f);
}

static void a_torn_line_spoils_only_itself(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	setup(&f);
	write_file(&f, "{\"id\":1}\n{\"id\":");
	assert_int_equal(run(&f, TASK_DELIVER).kind, OUTCOME_DELIVERED);
	text = read_file(&f);
	assert_memory_equal(text, "{\"id\":1}\n{\"id\":\n{\"id\":\"" LEAD_ID, 30);
	free(text);
	assert_int_equal(count_lines(&f), 3);
	teardown(&f);
}

static void a_rotated_file_is_made_anew(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	run(&f, TASK_DELIVER);
	unlink(f.path);
	assert_int_equal(run(&f, TASK_DELIVER).kind, OUTCOME_DELIVERED);
	assert_int_equal(count_lines(&f), 1);
	teardown(&f);
}

static void a_write_that_fails_is_taken_back(void **state)
{
	struct fixture f;
	struct rlimit old;
	struct rlimit small;
	struct outcome outcome;
	char *text;

	(void)state;
	setup(&f);
	write_file(&f, "{\"torn\":");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){.rlim_cur = 20, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &small); /* a short write, then EFBIG */
	outcome = run(&f, TASK_DELIVER);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(outcome.kind, OUTCOME_ENVIRONMENT);
	assert_int_equal(outcome.reason, REASON_ENVIRONMENT);
	assert_non_null(strstr(outcome.error, "File too large"));
	text = read_file(&f);
	assert_string_equal(text, "{\"torn\":");
	free(text);
	teardown(&f);
}

static void what_cannot_be_opened_parks(void **state)
{
	static char device[] = "/dev/full", none[] = "/nonexistent/leads.jsonl";
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f);
	f.settings.path = none;
	outcome = run(&f, TASK_DELIVER);
	assert_int_equal(outcome.kind, OUTCOME_ENVIRONMENT);
	assert_string_equal(outcome.error,
		"opening /nonexistent/leads.jsonl: No such file or directory");
	assert_true(strlen(outcome.remedy) > 10);
	f.settings.path = device;
	assert_int_equal(run(&f, TASK_PROBE).kind, OUTCOME_ENVIRONMENT);
	f.settings.path = f.folder;
	assert_int_equal(run(&f, TASK_PROBE).kind, OUTCOME_ENVIRONMENT);
	f.settings.path = f.path;
	teardown(&f);
}

static void a_probe_writes_nothing(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	setup(&f);
	write_file(&f, "torn");
	assert_int_equal(run(&f, TASK_PROBE).kind, OUTCOME_DELIVERED);
	text = read_file(&f);
	assert_string_equal(text, "torn");
	free(text);
	teardown(&f);
}

static void *deliver_some(void *arg)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(run(arg, TASK_DELIVER).kind, OUTCOME_DELIVERED);
	return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
	struct fixture f;
	pthread_t threads[3];
	char *text;

	(void)state;
	setup(&f);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, deliver_some, &f);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(count_lines(&f), 60);
	text = read_file(&f);
	assert_int_equal(strlen(text) % 60, 0);
	free(text);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lead_is_one_line),
		cmocka_unit_test(a_torn_line_spoils_only_itself),
		cmocka_unit_test(a_rotated_file_is_made_anew),
		cmocka_unit_test(a_write_that_fails_is_taken_back),
		cmocka_unit_test(what_cannot_be_opened_parks),
		cmocka_unit_test(a_probe_writes_nothing),
		cmocka_unit_test(threads_do_not_mix_their_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
