/*
 * Memory runs out at every single allocation of what leadrelay does all day. Each step
 * must then succeed or say so: no crash, no leak (the sanitizers tell), nothing half done
 * (the outbox is checked), and the same step must succeed when memory is back.
 *
 * LEADRELAY_MEMORY_STRIDE=N tries every N-th allocation only; the default tries about 400
 * per step, 1 tries all.
 */
#include "control/fixture.h"
#include "short.h"

#include "leadrelay/compose.h"
#include "leadrelay/destination.h"
#include "leadrelay/intake.h"
#include "leadrelay/json.h"
#include "leadrelay/report.h"
#include "leadrelay/token.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBES 400 /* per step, when no stride is asked for */

struct scenario {
	const char *name;
	void *(*setup)(void);       /* NULL: nothing to set up */
	bool (*step)(void *world);  /* true: it worked */
	void (*check)(void *world); /* what must hold after each; NULL: nothing */
	void (*teardown)(void *world);
};

/* ---- bodies to leads ---- */

static const struct body {
	enum source_kind kind;
	const char *type, *bytes;
} bodies[] = {
	{SOURCE_MARKETPLACE, NULL,
		"{\"UserDetails\":{\"FirstName\":\"Zo\\u00eb\",\"LastName\":\"Silva\","
		"\"Email\":\"z@example.com\",\"Company\":\"Fabrikam\"},\"LeadSource\":"
		"\"AppSource-INS|contoso.backup\",\"OfferTitle\":\"Backup\","
		"\"More\":{\"deep\":[1,2,{\"x\":null}]}}"},
	{SOURCE_JSON, "application/json",
		"[{\"full_name\":\"Ana Silva\",\"email\":\"a@example.com\",\"n\":12.5},"
		"{\"company\":\"Fabrikam\",\"phone\":123}]"},
	{SOURCE_FORM, "application/x-www-form-urlencoded",
		"first_name=Ana&last_name=Silva&email=a%40example.com&colour=blue"},
	{SOURCE_FORM, "multipart/form-data; boundary=xx",
		"--xx\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n"
		"a@example.com\r\n--xx\r\nContent-Disposition: form-data; name=\"c\"\r\n"
		"\r\nd\r\n--xx--\r\n"},
};

static bool parse_bodies(void *world)
{
	bool all = true;

	(void)world;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct source_settings source = {.kind = bodies[i].kind};
		struct parsed parsed;

		intake_parse(&source, bodies[i].type, bodies[i].bytes,
			strlen(bodies[i].bytes), &parsed);
		if (parsed.status != 0)
			assert_int_equal(
				parsed.status, 503); /* the sender is not to blame */
		all = all && parsed.status == 0;
		parsed_finish(&parsed);
	}
	return all;
}

/* ---- configuration ---- */

struct files {
	char dir[64], config[96], secret[96];
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void *make_files(void)
{
	static const char text[] =
		"state_dir: /tmp/nowhere\n"
		"intake: { listen: [\"127.0.0.1:0\"], max_body: 64KiB }\n"
		"sources:\n"
		"  - { name: web, kind: form, token_file: secret, destinations: [crm, archive],\n"
		"      map: { surname: last_name }, set: { campaign: spring } }\n"
		"destinations:\n"
		"  - name: crm\n"
		"    kind: dynamics365\n"
		"    url: https://contoso.crm4.dynamics.com\n"
		"    auth: { method: azure_ad, directory_id: contoso.com, client_id: 23456052-0000-0000-0000-000000000000, client_secret_file: secret }\n"
		"    contacts: \"a@contoso.com; b@contoso.com\"\n"
		"    when: { offer_id: \"contoso.*\", action_code: [INS, PLT] }\n"
		"  - { name: archive, kind: file, path: /tmp/nowhere/archive }\n"
		"reports:\n"
		"  - { name: daily, every: day, at: \"07:00\", timezone: UTC, directory: /tmp, formats: [html, csv] }\n";
	struct files *files = calloc(1, sizeof(*files));

	strcpy(files->dir, "/tmp/leadrelay-memory-XXXXXX");
	assert_non_null(mkdtemp(files->dir));
	snprintf(files->config, sizeof(files->config), "%s/leadrelay.yaml", files->dir);
	snprintf(files->secret, sizeof(files->secret), "%s/secret", files->dir);
	write_file(files->config, text);
	write_file(files->secret, "a-token-of-some-length\n");
	return files;
}

static bool read_config(void *world)
{
	struct files *files = world;
	struct config *config = NULL;
	struct buf problems = BUF_INIT;
	struct err err;
	enum err_code code = config_load(&config, files->config, &problems, &err);

	if (code == ERR_CONFIG)
		fail_msg("out of memory is no mistake of the file: %s",
			buf_str(&problems));
	config_destroy(config);
	buf_finish(&problems);
	return code == ERR_OK;
}

static void remove_files(void *world)
{
	struct files *files = world;

	unlink(files->config);
	unlink(files->secret);
	rmdir(files->dir);
	free(files);
}

/* ---- the outbox, as the operator asks ---- */

static void *make_outbox(void)
{
	void *state;
	struct fixture *f;
	int64_t mail;

	fixture_setup(&state);
	f = state;
	for (int i = 0; i < 3; i++) {
		struct accepted lead =
			accept_notified(f, "a@example.com", "o@contoso.com", &mail);

		settle(f, f->ids[ARCHIVE], lead.deliveries[ARCHIVE], DELIVERY_ACCEPT,
			REASON_NONE);
		if (i == 1)
			settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE,
				REASON_INVALID);
	}
	accept_quarantined(f, "Lisboa");
	return f;
}

static void problem(void *ctx, const char *text)
{
	(void)ctx;
	fail_msg("%s", text);
}

static void outbox_is_whole(void *world)
{
	struct fixture *f = world;
	struct err err;

	if (reader_check(f->reader, problem, NULL, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

static void drop_outbox(void *world)
{
	void *state = world;

	fixture_teardown(&state);
}

static bool take(void *ctx, cJSON *answer)
{
	bool *good = ctx;

	*good = *good || cJSON_HasObjectItem(answer, "done");
	cJSON_Delete(answer);
	return true;
}

static bool ask_for(struct fixture *f, const char *request)
{
	cJSON *json = cJSON_Parse(request);
	bool good = false;

	if (json)
		control_execute(&f->options, json, take, NULL, &good);
	cJSON_Delete(json);
	return good;
}

static bool look_around(void *world)
{
	return ask_for(world, "{\"command\":\"status\"}") &&
	       ask_for(world, "{\"command\":\"list\",\"state\":\"dead\"}") &&
	       ask_for(world, "{\"command\":\"destinations\"}") &&
	       ask_for(world, "{\"command\":\"notifications\",\"action\":\"list\"}") &&
	       ask_for(world, "{\"command\":\"check\"}") &&
	       ask_for(world,
		       "{\"command\":\"report\",\"since\":\"24h\",\"format\":\"html\"}");
}

static bool change_things(void *world)
{
	return ask_for(world, "{\"command\":\"hold\",\"state\":\"pending\"}") &&
	       ask_for(world, "{\"command\":\"release\",\"state\":\"held\"}") &&
	       ask_for(world, "{\"command\":\"replay\",\"state\":\"dead\"}") &&
	       ask_for(world, "{\"command\":\"replay\",\"destination\":\"archive\","
			      "\"again\":true}");
}

static bool accept_one(void *world)
{
	struct fixture *f = world;
	const char *contact = "o@contoso.com";
	struct accept_lead item = {.destinations = f->ids,
		.destination_count = DESTINATIONS,
		.contacts = &contact,
		.contact_count = 1};
	struct job_accept job = {.source = f->source_ids[0],
		.leads = &item,
		.count = 1,
		.raw = "raw",
		.raw_len = 3,
		.check_content = true,
		.dedupe_window_ms = 1,
		.now = f->now += 1000};
	struct err err;
	enum err_code code = lead_set(&item.lead, FIELD_EMAIL, "a@example.com", &err);

	memset(item.lead.id.bytes, 1, sizeof(item.lead.id.bytes));
	memcpy(item.lead.id.bytes, &f->now, sizeof(f->now));
	job_accept_prepare(&job);
	if (code == ERR_OK)
		code = store_call(f->store, &job.job, &err);
	job_accept_finish(&job);
	lead_finish(&item.lead);
	return code == ERR_OK;
}

static bool claim_and_settle(void *world)
{
	struct fixture *f = world;
	struct job_claim claim = {.kind = CLAIM_WAITING,
		.destination = f->ids[CRM],
		.now = f->now,
		.max = 10,
		.max_bytes = 100000};
	struct err err;
	enum err_code code;

	job_claim_prepare(&claim);
	code = store_call(f->store, &claim.job, &err);
	if (code == ERR_OK && claim.count > 0) {
		struct settled_exchange *exchange = calloc(1, sizeof(*exchange));
		struct job_settle job = {.delivery = claim.items[0].delivery,
			.destination = f->ids[CRM],
			.event = DELIVERY_RETRY,
			.counts = true,
			.outcome = OUTCOME_RETRY,
			.reason = REASON_TIMEOUT,
			.due_at = f->now,
			.now = f->now,
			.exchanges = exchange,
			.exchange_count = exchange ? 1 : 0};

		if (exchange)
			*exchange = (struct settled_exchange){.at = f->now,
				.outcome = OUTCOME_RETRY,
				.reason = REASON_TIMEOUT};
		job_settle_prepare(&job);
		code = store_call(f->store, &job.job, &err);
		job_settle_finish(&job);
	}
	job_claim_finish(&claim);
	return code == ERR_OK;
}

/* ---- words and requests ---- */

static void *make_lead(void)
{
	static const char extra[] = "{\"budget\":\"12000\",\"tags\":[1,2]}";
	struct lead *lead = calloc(1, sizeof(*lead));
	struct err err;

	assert_int_equal(
		lead_from_json(lead,
			"{\"first_name\":\"Ana\",\"last_name\":\"Silva\",\"email\":"
			"\"a@example.com\",\"offer_title\":\"Backup\",\"company\":"
			"\"Fabrikam\",\"description\":\"a\\nb\"}",
			extra, &err),
		ERR_OK);
	return lead;
}

static void drop_lead(void *world)
{
	lead_finish(world);
	free(world);
}

/* What succeeds with memory short is what succeeds without: nothing is quietly left
 * out. known holds the first text. */
static void assert_same(char known[4096], const struct buf *text)
{
	if (!*known)
		snprintf(known, 4096, "%s", buf_str(text));
	assert_string_equal(buf_str(text), known);
}

static bool compose(void *world)
{
	static char known[4096];
	struct composed composed = {0};
	bool whole;

	compose_notification(&composed, world, 1, 3, MAIL_DETAIL_FULL);
	whole = buf_ok(&composed.subject) && buf_ok(&composed.text) &&
		buf_ok(&composed.html);
	if (whole)
		assert_same(known, &composed.text);
	composed_finish(&composed);
	return whole;
}

static bool deliver(void *world)
{
	static char first[4096], second[4096];
	static char name[] = "crm", kind[] = "dynamics365", id[] = "client",
		    dir[] = "tenant";
	static char url[] = "https://contoso.crm4.dynamics.com", secret[] = "the-secret";
	struct destination_settings settings = {.name = name,
		.kind = kind,
		.url = url,
		.auth = {.method = AUTH_AZURE_AD,
			.directory_id = dir,
			.client_id = id,
			.client_secret = {.values = {secret}, .count = 1},
			.token_version = 2}};
	struct destination *destination = NULL;
	struct task task = {.purpose = TASK_DELIVER, .lead = world};
	struct http_answer answer = {.status = 400};
	struct err err;
	enum step_kind step;
	bool good;

	if (destination_create(&destination, &settings, &entropy_system, &err) != ERR_OK)
		return false;
	step = task_begin(destination, &task, START);
	if (step == STEP_TOKEN) {
		struct http_request request = {0};
		struct http_answer token = {.status = 200};
		struct outcome outcome;

		buf_adds(&token.body, "{\"access_token\":\"tok\",\"expires_in\":3600}");
		if (token_request(destination_token(destination), &request, START,
			    &err) == ERR_OK)
			token_answer(
				destination_token(destination), &token, START, &outcome);
		http_request_finish(&request);
		buf_finish(&token.body);
		step = task_next(destination, &task, NULL, START);
	}
	if (step == STEP_SEND) {
		assert_same(first, &task.request.body);
		http_request_finish(&task.request);
		task.request = (struct http_request){0};
		buf_adds(&answer.body,
			"{\"error\":{\"code\":\"0x80044331\",\"message\":\"too long\"}}");
		step = task_next(destination, &task, &answer, START);
	}
	if (step == STEP_SEND)
		assert_same(second, &task.request.body);
	good = step == STEP_SEND ||
	       (step == STEP_DONE && task.outcome.reason == REASON_INVALID);
	buf_finish(&answer.body);
	task_finish(&task);
	destination_destroy(destination);
	return good;
}

static const struct scenario scenarios[] = {
	{"bodies become leads", NULL, parse_bodies, NULL, NULL},
	{"the configuration is read", make_files, read_config, NULL, remove_files},
	{"a lead is accepted", make_outbox, accept_one, outbox_is_whole, drop_outbox},
	{"a delivery is claimed and settled", make_outbox, claim_and_settle,
		outbox_is_whole, drop_outbox},
	{"the operator looks", make_outbox, look_around, NULL, drop_outbox},
	{"the operator changes", make_outbox, change_things, outbox_is_whole,
		drop_outbox},
	{"a notification is worded", make_lead, compose, NULL, drop_lead},
	{"a lead is sent to the CRM", make_lead, deliver, NULL, drop_lead},
};

/* How many allocations the step makes when nothing fails, once it is warm. */
static long allocations_of(const struct scenario *scenario, void *world)
{
	const long plenty = 1L << 40;

	scenario->step(world);
	short_at(plenty, false);
	scenario->step(world);
	return plenty - short_left();
}

static long stride_for(long allocations)
{
	const char *asked = getenv("LEADRELAY_MEMORY_STRIDE");
	long stride = asked ? atol(asked) : allocations / PROBES;

	return stride > 0 ? stride : 1;
}

static void try_all(const struct scenario *scenario, void *world, bool onward)
{
	long allocations = allocations_of(scenario, world);
	long failed = 0;

	for (long n = 1; n <= allocations; n += stride_for(allocations)) {
		bool good;

		short_at(n, onward);
		good = scenario->step(world);
		failed += short_met() && !good;
		if (scenario->check)
			scenario->check(world);
	}
	if (!scenario->step(world))
		fail_msg("%s: does not work again with memory back", scenario->name);
	if (failed == 0)
		fail_msg("%s: no failure was ever told: the injection is not connected",
			scenario->name);
	print_message("%s: %ld allocations, %ld failures told\n", scenario->name,
		allocations, failed);
}

static void test_memory_runs_out(void **state)
{
	const struct scenario *scenario = *state;
	void *world = scenario->setup ? scenario->setup() : NULL;

	try_all(scenario, world, false);
	try_all(scenario, world, true);
	if (scenario->teardown)
		scenario->teardown(world);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(scenarios) / sizeof(*scenarios)];

	short_hooks();
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		tests[i] = (struct CMUnitTest){.name = scenarios[i].name,
			.test_func = test_memory_runs_out,
			.initial_state = (void *)&scenarios[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
