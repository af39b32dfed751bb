/*
 * Killed at any moment: what was acknowledged is there, nothing is there twice, the
 * counters agree with the rows, the file is sound.
 *
 * The test starts itself as a child that works on a store and writes each id to a pipe
 * after the commit that holds it; then the child is killed: at some instant, and, in a
 * build with crash points, at each of the store's.
 */
#include "fixture.h"
#include "leadrelay/mails.h"
#include "leadrelay/reader.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the child ---- */

static void child_call(struct store *store, struct store_job *job)
{
	struct err err;

	if (store_call(store, job, &err) != ERR_OK) {
		fprintf(stderr, "child: %s\n", err.text);
		_exit(3);
	}
}

static int64_t child_accept(
	struct store *store, int64_t source, int64_t destination, struct uuid *last)
{
	static const char *const contacts[] = {"owner@contoso.com", "sales@contoso.com"};
	struct accept_lead lead = {.destinations = &destination,
		.destination_count = 1,
		.contacts = contacts,
		.contact_count = 2};
	struct job_accept job = {.source = source,
		.leads = &lead,
		.count = 1,
		.raw = "body",
		.raw_len = 4,
		.now = NOW};
	int64_t delivery;

	lead.lead.id = uuid_v7(clock_wall(&clock_system), &entropy_system, last);
	job_accept_prepare(&job);
	child_call(store, &job.job);
	if (write(STDOUT_FILENO, lead.id.bytes, sizeof(lead.id.bytes)) != 16)
		_exit(4);
	delivery = lead.deliveries[0];
	job_accept_finish(&job);
	return delivery;
}

static void child_settle(struct store *store, int64_t destination, int64_t delivery,
	enum delivery_event event)
{
	struct settled_exchange exchange = {.at = NOW, .outcome = OUTCOME_RETRY};
	struct job_settle job = {.delivery = delivery,
		.destination = destination,
		.event = event,
		.outcome = OUTCOME_RETRY,
		.now = NOW,
		.exchanges = &exchange,
		.exchange_count = 1};

	job_settle_prepare(&job);
	child_call(store, &job.job);
}

/* One of the two mails of each lead is sent, then and again an alert is raised. */
static void child_mail(struct store *store, int64_t mails, int i)
{
	const char *const people[] = {"ops@contoso.com"};
	struct job_claim claim = {
		.kind = CLAIM_UNTRIED, .destination = mails, .now = NOW, .max = 1};
	struct job_notice notice = {.kind = MAIL_ALERT,
		.recipients = people,
		.recipient_count = 1,
		.subject = "s",
		.text = "t",
		.key = "parked:crm",
		.raise = i % 2 == 0,
		.now = NOW};

	job_claim_prepare(&claim);
	child_call(store, &claim.job);
	for (size_t k = 0; k < claim.count; k++)
		child_settle(store, mails, claim.items[k].delivery, DELIVERY_ACCEPT);
	job_claim_finish(&claim);
	job_notice_prepare(&notice);
	if (i % 10 == 9)
		child_call(store, &notice.job);
}

static void child_prune(struct store *store)
{
	struct job_prune job = {
		.retention = {.attempts_ms = 1}, .now = NOW + 1, .max = 50};

	job_prune_prepare(&job);
	child_call(store, &job.job);
}

static void child_replay(struct store *store)
{
	struct job_transition job = {.selection = {.states = 1u << DELIVERY_DEAD},
		.event = DELIVERY_REPLAY,
		.now = NOW,
		.max = 50};

	job_transition_prepare(&job);
	child_call(store, &job.job);
	job_transition_finish(&job);
}

static int child(const char *dir)
{
	struct store_options options = {
		.state_dir = dir, .clock = &clock_system, .entropy = &entropy_system};
	struct store_name source = {.name = "web"};
	struct store_name destination = {.name = "crm", .kind = "https"};
	struct job_names names = {.sources = &source,
		.source_count = 1,
		.destinations = &destination,
		.destination_count = 1,
		.mail = true,
		.now = NOW};
	struct uuid last = {0};
	struct store *store;
	struct err err;

	if (store_open(&store, &options, &err) != ERR_OK)
		return 2;
	job_names_prepare(&names);
	child_call(store, &names.job);
	job_names_finish(&names);
	for (int i = 0; i < 100000; i++) {
		int64_t delivery = child_accept(store, source.id, destination.id, &last);

		if (i % 3 != 0)
			child_settle(store, destination.id, delivery,
				i % 3 == 1 ? DELIVERY_REFUSE : DELIVERY_ACCEPT);
		child_mail(store, names.mail_destination, i);
		if (i % 10 == 9)
			child_replay(store);
		if (i % 10 == 5)
			child_prune(store);
	}
	return 0;
}

/* ---- the parent ---- */

struct run {
	char dir[64];
	struct uuid *acked;
	size_t count;
	size_t room;
};

static int setup(void **state)
{
	struct run *run = calloc(1, sizeof(*run));

	strcpy(run->dir, "/tmp/store_crash_XXXXXX");
	assert_non_null(mkdtemp(run->dir));
	*state = run;
	return 0;
}

static int teardown(void **state)
{
	struct run *run = *state;
	DIR *dir = opendir(run->dir);
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", run->dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(dir);
	rmdir(run->dir);
	free(run->acked);
	free(run);
	return 0;
}

static pid_t start_child(const struct run *run, const char *fault, int *out)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		setenv("LEADRELAY_FAULT", fault, 1);
		execl("/proc/self/exe", "store_crash_test", run->dir, (char *)NULL);
		_exit(9);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* Takes up to max ids; kills the child then (it goes on writing into nothing). */
static void collect(struct run *run, int fd, size_t max)
{
	struct uuid id;

	for (size_t got = 0; got < max; got++) {
		if (read(fd, id.bytes, sizeof(id.bytes)) != sizeof(id.bytes))
			return;
		if (run->count == run->room) {
			run->room = run->room ? 2 * run->room : 256;
			run->acked =
				realloc(run->acked, run->room * sizeof(run->acked[0]));
			assert_non_null(run->acked);
		}
		run->acked[run->count++] = id;
	}
}

static void crash(struct run *run, const char *fault, size_t kill_after)
{
	int status;
	int fd;
	pid_t pid = start_child(run, fault, &fd);

	collect(run, fd, kill_after);
	kill(pid, SIGKILL);
	collect(run, fd, SIZE_MAX); /* what was acknowledged before it died */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(fd);
}

static void fail_problem(void *ctx, const char *text)
{
	(void)ctx;
	fail_msg("%s", text);
}

static void verify(struct run *run)
{
	struct store_options options = {.state_dir = run->dir,
		.clock = &clock_system,
		.entropy = &entropy_system};
	struct store *store;
	struct reader *reader;
	struct err err = {0};

	if (store_open(&store, &options, &err) != ERR_OK)
		fail_msg("%s", err.text);
	if (reader_open(&reader, run->dir, &clock_system, &err) != ERR_OK)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < run->count; i++) {
		char text[UUID_TEXT_SIZE];
		int64_t seq;

		uuid_text(&run->acked[i], text);
		if (reader_find(reader, text, &seq, &err) != ERR_OK)
			fail_msg("%s was acknowledged: %s", text, err.text);
	}
	assert_int_equal(reader_check(reader, fail_problem, NULL, &err), ERR_OK);
	reader_close(reader);
	store_close(store);
}

static void killed_at_any_moment_nothing_acknowledged_is_lost(void **state)
{
	static const size_t after[] = {0, 1, 2, 7, 30, 80, 150};
	struct run *run = *state;

	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		crash(run, "", after[i]);
		verify(run);
	}
	assert_true(run->count > 100);
}

#ifdef LEADRELAY_FAULT_POINTS
static void killed_at_each_crash_point_nothing_acknowledged_is_lost(void **state)
{
	static const char *const faults[] = {"migrate.step_n:kill",
		"intake.tx_open:kill:5", "intake.rows_written:kill:5",
		"intake.before_commit:kill:5", "mark.before_commit:kill:4",
		"mark.after_commit:kill:4", "dead.marked_before_mail:kill:3",
		"replay.mid_batch:kill:2", "prune.mid_batch:kill:2", "ckpt.start:kill"};
	struct run *run = *state;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		crash(run, faults[i], SIZE_MAX);
		verify(run);
	}
	assert_true(run->count > 30);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(killed_at_any_moment_nothing_acknowledged_is_lost),
#ifdef LEADRELAY_FAULT_POINTS
		TEST(killed_at_each_crash_point_nothing_acknowledged_is_lost),
#endif
	};

	if (argc > 1)
		return child(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
