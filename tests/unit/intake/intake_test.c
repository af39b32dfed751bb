/* Intake over HTTP, with a store of our own that keeps jobs until the loop idles. */
#include "../net/raw_client.h"
#include "leadrelay/clock.h"
#include "leadrelay/intake.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define ACCOUNT "{\"UserDetails\":{\"Email\":\"a@b.c\"},\"OfferTitle\":\"O\"}"

/* ---- the store ---- */

struct store {
	uv_loop_t *loop;
	uv_idle_t idle;
	struct store_job *queued;
	bool working, hold;
	enum err_code submit, commit;
	enum accept_result result;
	size_t new_leads; /* of an array: the others are duplicates */
	struct uuid first;
	/* what the last accept job held */
	size_t count, destinations;
	int64_t destination, source, rejected;
	bool check_content;
	char key[300], raw[1000], quarantine[256], field[100];
	char contacts[300]; /* of all leads: "a b | c" */
	int64_t digest_ms;
};

bool store_working(const struct store *store)
{
	return store->working;
}

void job_accept_prepare(struct job_accept *job)
{
	job->job.run = NULL;
}

void job_accept_finish(struct job_accept *job)
{
	for (size_t i = 0; i < job->count; i++) {
		free(job->leads[i].deliveries);
		free(job->leads[i].mails);
	}
}

static struct store *the_store;

static enum err_code count_rejected(
	struct store_job *base, struct db *db, struct err *err)
{
	(void)db;
	(void)err;
	the_store->rejected += ((struct job_rejected *)base)->count;
	return ERR_OK;
}

void job_rejected_prepare(struct job_rejected *job)
{
	job->job.run = count_rejected;
}

static void look_at_contacts(struct store *store, const struct job_accept *job)
{
	struct buf all = BUF_INIT;

	for (size_t i = 0; i < job->count; i++) {
		buf_adds(&all, i > 0 ? "| " : "");
		for (size_t j = 0; j < job->leads[i].contact_count; j++)
			buf_addf(&all, "%s ", job->leads[i].contacts[j]);
	}
	snprintf(store->contacts, sizeof(store->contacts), "%s", buf_str(&all));
	store->digest_ms = job->digest_ms;
	buf_finish(&all);
}

static void look_at(struct store *store, const struct job_accept *job)
{
	const struct accept_lead *lead = &job->leads[0];

	store->count = job->count;
	store->source = job->source;
	store->destinations = lead->destination_count;
	store->destination = lead->destination_count > 0 ? lead->destinations[0] : 0;
	store->check_content = job->check_content;
	look_at_contacts(store, job);
	snprintf(store->key, sizeof(store->key), "%s",
		job->idempotency_key ? job->idempotency_key : "-");
	snprintf(store->raw, sizeof(store->raw), "%.*s", (int)job->raw_len, job->raw);
	snprintf(store->quarantine, sizeof(store->quarantine), "%s",
		job->quarantine ? job->quarantine : "-");
	snprintf(store->field, sizeof(store->field), "%s",
		lead->lead.fields[FIELD_EMAIL] ? lead->lead.fields[FIELD_EMAIL] : "-");
}

static void accept_leads(struct store *store, struct job_accept *job)
{
	job->result = job->quarantine ? ACCEPT_QUARANTINED : store->result;
	for (size_t i = 0; i < job->count; i++) {
		struct accept_lead *lead = &job->leads[i];

		lead->result = job->result;
		if (job->result == ACCEPT_NEW && i >= store->new_leads)
			lead->result = ACCEPT_DUPLICATE;
		if (lead->result == ACCEPT_DUPLICATE)
			lead->id = store->first;
		if (lead->result == ACCEPT_NEW && lead->destination_count > 0) {
			lead->deliveries =
				calloc(lead->destination_count, sizeof(int64_t));
			lead->deliveries[0] = 77;
			lead->ages = lead->deliveries;
		}
		if (lead->result == ACCEPT_NEW && lead->contact_count > 0 &&
			job->digest_ms == 0) {
			lead->mails = calloc(lead->contact_count, sizeof(int64_t));
			lead->mail_count = lead->contact_count;
			for (size_t j = 0; j < lead->mail_count; j++)
				lead->mails[j] = 500 + (int64_t)j;
		}
	}
}

static void run_job(struct store *store, struct store_job *job)
{
	job->code = store->commit;
	if (job->run) {
		job->run(job, NULL, NULL);
	} else {
		look_at(store, (struct job_accept *)job);
		accept_leads(store, (struct job_accept *)job);
	}
	job->done(job);
}

static void run_jobs(uv_idle_t *idle)
{
	struct store *store = idle->data;
	struct store_job *job;

	uv_idle_stop(idle);
	while ((job = store->queued)) {
		store->queued = job->next;
		run_job(store, job);
	}
}

enum err_code store_submit(struct store *store, struct store_job *job, struct err *err)
{
	(void)err;
	if (store->submit != ERR_OK)
		return store->submit;
	job->next = store->queued;
	store->queued = job;
	if (!store->hold)
		uv_idle_start(&store->idle, run_jobs);
	return ERR_OK;
}

/* ---- the fixture ---- */

#define MAIL_ID 9

struct fixture {
	uv_loop_t loop;
	struct store store;
	struct intake *intake;
	struct http_server *server;
	struct raw_client client;
	struct intake_settings settings;
	struct source_settings sources[4];
	struct intake_source configured[4];
	struct intake_destination destinations[2];
	struct route_rule rule;
	char *patterns[1];
	char *listen[1];
	char *origins[1];
	int64_t accepted_destination, accepted_delivery, wrong;
	int accepted, wrong_calls, quarantined, released;
	char answered[64]; /* source and status of the last request */
	int64_t answered_us;
	int mails, later; /* told to the relay: due now, due later */
	int64_t last_mail;
	char problem[256];
};

static void on_accepted(
	void *ctx, int64_t destination, int64_t delivery, struct claimed *claimed)
{
	struct fixture *f = ctx;

	assert_true((claimed == NULL) == (destination == MAIL_ID));
	if (destination == MAIL_ID) {
		f->mails += delivery > 0;
		f->later += delivery == 0;
		f->last_mail = delivery;
		return;
	}
	f->accepted++;
	f->accepted_destination = destination;
	f->accepted_delivery = delivery;
	/* taken as the relay would: nothing of intake's may be missed afterwards */
	assert_int_equal(claimed->delivery, delivery);
	assert_int_equal(claimed->age_from, delivery);
	assert_non_null(claimed->lead.source);
	lead_finish(&claimed->lead);
	claimed->lead = LEAD_INIT;
}

static void on_wrong_token(void *ctx, const char *source, int64_t count)
{
	struct fixture *f = ctx;

	assert_non_null(source);
	f->wrong_calls++;
	f->wrong += count;
}

static void on_quarantined(
	void *ctx, const char *source, const struct uuid *lead, const char *problem)
{
	struct fixture *f = ctx;

	assert_non_null(source);
	assert_non_null(lead);
	f->quarantined++;
	snprintf(f->problem, sizeof(f->problem), "%s", problem);
}

static void on_request(void *ctx, const char *source, int status, int64_t duration_us)
{
	struct fixture *f = ctx;

	snprintf(
		f->answered, sizeof(f->answered), "%s %d", source ? source : "-", status);
	f->answered_us = duration_us;
}

static void on_released(void *ctx)
{
	struct fixture *f = ctx;

	f->released++;
}

static void add_source(
	struct fixture *f, int index, const char *name, enum source_kind kind)
{
	struct source_settings *source = &f->sources[index];

	source->name = strdup(name);
	source->kind = kind;
	source->tokens.values[0] = strdup("an-old-token-of-ours");
	source->tokens.values[1] = strdup("a-new-token/with+signs");
	source->tokens.count = 2;
	source->dedupe_window_ms = 600000;
	source->on_invalid =
		kind == SOURCE_MARKETPLACE ? ON_INVALID_QUARANTINE : ON_INVALID_REJECT;
	f->configured[index] = (struct intake_source){.settings = source,
		.id = 10 + index,
		.destinations = f->destinations,
		.destination_count = 2};
}

static void add_sources(struct fixture *f)
{
	static char other[] = "nobody*", origin[] = "https://www.contoso.com";

	f->patterns[0] = other;
	f->origins[0] = origin;
	f->rule = (struct route_rule){FIELD_EMAIL, f->patterns, 1};
	f->destinations[0] = (struct intake_destination){1, &f->rule, 1, NULL};
	f->destinations[1] = (struct intake_destination){2, NULL, 0, NULL};
	add_source(f, 0, "market", SOURCE_MARKETPLACE);
	add_source(f, 1, "api", SOURCE_JSON);
	add_source(f, 2, "site", SOURCE_FORM);
	add_source(f, 3, "files", SOURCE_CSV);
	f->sources[2].allowed_origins = (struct text_list){f->origins, 1};
	f->sources[2].redirect = strdup("https://www.contoso.com/thanks");
	f->sources[2].honeypot = strdup("trap");
}

static void start_server(struct fixture *f)
{
	static char any[] = "127.0.0.1:0";
	struct http_server_options options = {.loop = &f->loop,
		.clock = &clock_system,
		.settings = &f->settings,
		.handler = intake_handler(f->intake)};
	struct err err;

	f->listen[0] = any;
	f->settings = (struct intake_settings){.listen = {f->listen, 1},
		.max_body = 100000,
		.max_memory = 1000000,
		.max_connections = 10,
		.max_connections_per_address = 10,
		.rate_per_address = 100,
		.request_timeout_ms = 5000};
	assert_int_equal(http_server_create(&f->server, &options, &err), ERR_OK);
	raw_connect(&f->client, &f->loop, http_server_address(f->server, 0));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct intake_options options = {.store = &f->store,
		.clock = &clock_system,
		.entropy = &entropy_system,
		.accepted = on_accepted,
		.wrong_token = on_wrong_token,
		.quarantined = on_quarantined,
		.answered = on_request,
		.ctx = f};
	struct err err;

	uv_loop_init(&f->loop);
	the_store = &f->store;
	f->store.working = true;
	f->store.new_leads = 1000;
	uv_idle_init(&f->loop, &f->store.idle);
	f->store.idle.data = &f->store;
	assert_true(uuid_parse("01890a5d-ac96-774b-bcce-b302099a8057", &f->store.first));
	assert_int_equal(intake_create(&f->intake, &options, &err), ERR_OK);
	add_sources(f);
	intake_configure(f->intake, f->configured, 4, NULL, NULL, NULL);
	start_server(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	raw_close(&f->client);
	http_server_close(f->server, NULL, NULL);
	run_jobs(&f->store.idle);
	intake_destroy(f->intake);
	uv_close((uv_handle_t *)&f->store.idle, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	for (int i = 0; i < 4; i++) {
		free(f->sources[i].name);
		free(f->sources[i].tokens.values[0]);
		free(f->sources[i].tokens.values[1]);
		free(f->sources[i].redirect);
		free(f->sources[i].honeypot);
	}
	free(f);
	return 0;
}

/* One request on a connection (opened anew when the last answer closed it). */
static const char *ask(struct fixture *f, const char *method, const char *target,
	const char *headers, const char *body)
{
	struct buf request = BUF_INIT;

	if (f->client.ended) {
		raw_close(&f->client);
		raw_connect(&f->client, &f->loop, http_server_address(f->server, 0));
	}
	buf_addf(&request, "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, target, headers);
	if (body)
		buf_addf(&request, "Content-Length: %zu\r\n", strlen(body));
	buf_addf(&request, "\r\n%s", body ? body : "");
	buf_clear(&f->client.got);
	raw_send(&f->client, request.data, request.len);
	buf_finish(&request);
	raw_wait(&f->client, 1);
	return buf_str(&f->client.got);
}

static void expect(const char *got, const char *words)
{
	if (!strstr(got, words))
		fail_msg("\"%s\" lacks \"%s\"", got, words);
}

#define MARKET "/in/market?token=an-old-token-of-ours"
#define API "/in/api?token=an-old-token-of-ours"
#define SITE "/in/site?token=an-old-token-of-ours"
#define JSON "Content-Type: application/json\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

/* ---- tokens, sources, methods ---- */

static void a_token_comes_in_three_ways(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "POST", "/in/market",
		       "Authorization: Bearer a-new-token/with+signs\r\n", ACCOUNT),
		"202 Accepted");
	expect(ask(f, "POST", "/in/market",
		       "authorization: bearer an-old-token-of-ours\r\n", ACCOUNT),
		"202 Accepted");
	expect(ask(f, "POST", MARKET, "", ACCOUNT), "202 Accepted");
	expect(ask(f, "POST", "/in/market?a=b&token=a-new-token%2Fwith%2Bsigns", "",
		       ACCOUNT),
		"202 Accepted");
	expect(ask(f, "POST", "/in/market/an-old-token-of-ours", "", ACCOUNT),
		"202 Accepted");
	expect(ask(f, "POST", "/in/market/a-new-token/with+signs", "", ACCOUNT),
		"202 Accepted");
	assert_int_equal(f->wrong_calls, 0);
}

static void without_a_token_nothing_is_read(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "POST", "/in/market", "", ACCOUNT), "401 Unauthorized");
	expect(buf_str(&f->client.got), "WWW-Authenticate: Bearer\r\n");
	expect(buf_str(&f->client.got), "application/problem+json");
	expect(buf_str(&f->client.got), "\"status\":401");
	assert_int_equal(f->wrong_calls, 0);
	assert_int_equal(f->store.count, 0);
}

static void wrong_tokens_are_told_once_and_then_together(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_wall(&clock_system);

	for (int i = 0; i < 3; i++)
		expect(ask(f, "POST", "/in/market?token=an-old-token-of-our", "",
			       ACCOUNT),
			"401 Unauthorized");
	assert_int_equal(f->wrong_calls, 1);
	assert_int_equal(f->wrong, 1);
	intake_tick(f->intake, now + 60000);
	assert_int_equal(f->wrong_calls, 1);
	run_jobs(&f->store.idle);
	intake_configure(
		f->intake, f->configured, 4, NULL, NULL, NULL); /* counts survive */
	intake_tick(f->intake, now + 301000);
	assert_int_equal(f->wrong_calls, 2);
	assert_int_equal(f->wrong, 3);
	intake_tick(f->intake, now + 900000);
	assert_int_equal(f->wrong_calls, 2);
}

static void unknown_sources_are_404(void **state)
{
	static const char *const targets[] = {"/in/other?token=an-old-token-of-ours",
		"/in/files?token=an-old-token-of-ours", "/in/", "/in", "/", "/in//x",
		"/IN/market?token=an-old-token-of-ours"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		expect(ask(f, "POST", targets[i], "", ACCOUNT), "404 Not Found");
}

static void other_methods_are_405(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "GET", MARKET, "", NULL), "405 Method Not Allowed");
	expect(buf_str(&f->client.got), "Allow: POST\r\n");
	expect(ask(f, "PUT", SITE, "", "x"), "Allow: POST, OPTIONS\r\n");
	expect(ask(f, "OPTIONS", MARKET, "", NULL), "405 Method Not Allowed");
}

/* ---- answers ---- */

static void an_accepted_lead_is_202_with_its_id(void **state)
{
	struct fixture *f = *state;
	struct uuid id;
	char text[UUID_TEXT_SIZE];
	const char *got = ask(f, "POST", MARKET, "Idempotency-Key: k1\r\n", ACCOUNT);
	const char *body = strstr(got, "{\"id\":\"");

	expect(got, "HTTP/1.1 202 Accepted\r\n");
	expect(got, "Content-Type: application/json\r\n");
	assert_non_null(body);
	snprintf(text, sizeof(text), "%.36s", body + 7);
	assert_true(uuid_parse(text, &id));
	assert_int_equal(id.bytes[6] >> 4, 7);
	expect(body, "\",\"status\":\"accepted\"}");
	assert_string_equal(f->store.raw, ACCOUNT);
	assert_string_equal(f->store.key, "k1");
	assert_string_equal(f->store.quarantine, "-");
	assert_true(f->store.check_content);
	assert_int_equal(f->store.source, 10);
}

static void only_destinations_whose_rules_fit_get_it(void **state)
{
	struct fixture *f = *state;

	ask(f, "POST", MARKET, "", ACCOUNT);
	assert_int_equal(f->store.destinations, 1);
	assert_int_equal(f->store.destination, 2);
	assert_int_equal(f->accepted, 1);
	assert_int_equal(f->accepted_destination, 2);
	assert_int_equal(f->accepted_delivery, 77);
	ask(f, "POST", MARKET, "", "{\"Email\":\"nobody@x\"}");
	assert_int_equal(f->store.destinations, 2);
}

static void only_bodies_that_name_somebody_repeat(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "POST", MARKET, "", "{\"OfferTitle\":\"O\"}"), "202 Accepted");
	assert_false(f->store.check_content);
}

static void a_repeat_is_200_with_the_first_id(void **state)
{
	struct fixture *f = *state;

	f->store.result = ACCEPT_DUPLICATE;
	expect(ask(f, "POST", MARKET, "", ACCOUNT), "HTTP/1.1 200 OK\r\n");
	expect(buf_str(&f->client.got),
		"{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\","
		"\"status\":\"duplicate\"}");
	assert_int_equal(f->accepted, 0);
	f->store.result = ACCEPT_CONFLICT;
	expect(ask(f, "POST", MARKET, "Idempotency-Key: k\r\n", ACCOUNT),
		"HTTP/1.1 422 ");
}

static void an_array_is_answered_with_all_ids(void **state)
{
	struct fixture *f = *state;
	const char *two = "[{\"email\":\"a@b\"},{\"email\":\"c@d\"}]";

	expect(ask(f, "POST", API, JSON, two), "HTTP/1.1 202 Accepted\r\n");
	expect(buf_str(&f->client.got), "{\"accepted\":2,\"ids\":[\"");
	f->store.new_leads = 1;
	expect(ask(f, "POST", API, JSON, two),
		"{\"accepted\":1,\"duplicates\":1,\"ids\":[");
	f->store.result = ACCEPT_DUPLICATE;
	expect(ask(f, "POST", API, JSON, two), "HTTP/1.1 200 OK\r\n");
	expect(buf_str(&f->client.got), "{\"accepted\":0,\"duplicates\":2,\"ids\":[");
}

static void what_cannot_be_read_is_quarantined_with_its_bytes(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "POST", MARKET, "", "{\"OfferTitle\" \"x\"}"), "202 Accepted");
	expect(buf_str(&f->client.got), "\"status\":\"quarantined\"}");
	assert_string_equal(f->store.raw, "{\"OfferTitle\" \"x\"}");
	assert_int_equal(f->store.destinations, 0);
	assert_false(f->store.check_content);
	assert_int_equal(f->quarantined, 1);
	expect(f->problem, "JSON");
	expect(ask(f, "POST", MARKET, "", "{\"Email\":\"a@b\",\"Phone\":true}"),
		"quarantined");
	assert_string_equal(f->store.field, "a@b");
	expect(f->store.quarantine, "phone");
	expect(ask(f, "POST", MARKET, "", ""), "400 Bad Request");
	expect(ask(f, "POST", MARKET, "", "{}"), "quarantined");
}

static void a_source_that_rejects_answers_the_problem(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "POST", API, JSON, "{"), "400 Bad Request");
	expect(ask(f, "POST", API, JSON, "{\"city\":\"x\"}"), "HTTP/1.1 422 ");
	expect(ask(f, "POST", API, FORM, "email=x"), "415 Unsupported");
	expect(ask(f, "POST", SITE, JSON, "{\"email\":\"x\"}"), "415 Unsupported");
	assert_int_equal(f->store.count, 0);
	intake_tick(f->intake, clock_wall(&clock_system));
	run_jobs(&f->store.idle);
	assert_int_equal(f->store.rejected, 4);
}

static void each_answer_is_told_with_its_source(void **state)
{
	struct fixture *f = *state;

	ask(f, "POST", MARKET, "", ACCOUNT);
	assert_string_equal(f->answered, "market 202");
	assert_true(f->answered_us > 0);
	ask(f, "POST", API, JSON, "{");
	assert_string_equal(f->answered, "api 400");
	ask(f, "GET", MARKET, "", "");
	assert_string_equal(f->answered, "market 405");
	ask(f, "POST", "/in/nobody?token=x", "", ACCOUNT);
	assert_string_equal(f->answered, "- 404");
	ask(f, "BREW", "/", "", "");
	assert_string_equal(f->answered, "- 404");
}

static void the_store_s_trouble_is_503(void **state)
{
	struct fixture *f = *state;

	f->store.commit = ERR_IO;
	expect(ask(f, "POST", MARKET, "", ACCOUNT), "503 Service Unavailable");
	expect(buf_str(&f->client.got), "Retry-After: ");
	assert_int_equal(f->accepted, 0);
	f->store.submit = ERR_BUSY;
	expect(ask(f, "POST", MARKET, "", ACCOUNT), "503 Service Unavailable");
	f->store.working = false;
	expect(ask(f, "POST", MARKET, "Expect: 100-continue\r\n", ACCOUNT),
		"HTTP/1.1 503 Service Unavailable\r\n");
	assert_int_equal(intake_waiting(f->intake), 0);
}

static void a_long_idempotency_key_is_400(void **state)
{
	struct fixture *f = *state;
	char header[400] = "Idempotency-Key: ";

	memset(header + 17, 'k', 256);
	strcpy(header + 17 + 256, "\r\n");
	expect(ask(f, "POST", MARKET, header, ACCOUNT), "400 Bad Request");
	strcpy(header + 17 + 255, "\r\n");
	expect(ask(f, "POST", MARKET, header, ACCOUNT), "202 Accepted");
	assert_int_equal(strlen(f->store.key), 255);
}

/* ---- browsers ---- */

static void a_browser_s_form_is_sent_on(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "POST", SITE, FORM "Accept: text/html,*/*\r\n", "email=a%40b"),
		"HTTP/1.1 303 See Other\r\n");
	expect(buf_str(&f->client.got), "Location: https://www.contoso.com/thanks\r\n");
	expect(ask(f, "POST", SITE, FORM "Accept: */*\r\n", "email=a%40b"),
		"202 Accepted");
	expect(ask(f, "POST", SITE, FORM "Accept: text/html\r\n", "x=y"),
		"HTTP/1.1 422 ");
}

static void the_trap_quarantines(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "POST", SITE, FORM, "email=a%40b&trap=1"),
		"\"status\":\"quarantined\"}");
	assert_string_equal(f->store.quarantine, "the honeypot field was filled");
	assert_int_equal(f->store.destinations, 0);
	expect(ask(f, "POST", SITE, FORM, "trap=1"), "\"status\":\"quarantined\"}");
	expect(ask(f, "POST", SITE, FORM "Accept: text/html\r\n", "email=a%40b&trap=1"),
		"303 See Other");
	assert_int_equal(f->quarantined, 3);
}

static void allowed_origins_may_ask_from_a_page(void **state)
{
	static const char allowed[] =
		"Access-Control-Allow-Origin: https://www.contoso.com\r\n";
	struct fixture *f = *state;

	expect(ask(f, "OPTIONS", SITE,
		       "Origin: https://www.contoso.com\r\n"
		       "Access-Control-Request-Method: POST\r\n",
		       NULL),
		"HTTP/1.1 204 No Content\r\n");
	expect(buf_str(&f->client.got), allowed);
	expect(buf_str(&f->client.got), "Access-Control-Allow-Methods: POST\r\n");
	expect(ask(f, "POST", SITE, FORM "Origin: https://www.contoso.com\r\n",
		       "email=a%40b"),
		allowed);
	expect(buf_str(&f->client.got), "Vary: Origin\r\n");
	expect(ask(f, "POST", SITE, FORM "Origin: https://www.contoso.com\r\n", "x=y"),
		allowed);
	expect(buf_str(&f->client.got), "HTTP/1.1 422 ");
	ask(f, "OPTIONS", SITE, "Origin: https://evil.example\r\n", NULL);
	assert_null(strstr(buf_str(&f->client.got), "Access-Control-Allow-Origin"));
}

static void any_origin_may_ask_where_the_star_says_so(void **state)
{
	static char any[] = "*";
	struct fixture *f = *state;

	f->origins[0] = any;
	expect(ask(f, "POST", SITE, FORM "Origin: https://other.example\r\n",
		       "email=a%40b"),
		"Access-Control-Allow-Origin: https://other.example\r\n");
	ask(f, "POST", SITE, FORM, "email=a%40c");
	assert_null(strstr(buf_str(&f->client.got), "Access-Control-Allow-Origin"));
}

/* ---- reload ---- */

static void a_waiting_request_keeps_its_configuration(void **state)
{
	struct fixture *f = *state;

	f->store.hold = true;
	raw_say(&f->client,
		"POST " MARKET " HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n"
		"{\"OfferTitle\":\"O\"}");
	while (!f->store.queued)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(intake_waiting(f->intake), 1);
	intake_configure(f->intake, f->configured, 1, NULL, on_released, f);
	assert_int_equal(f->released, 0);
	run_jobs(&f->store.idle);
	assert_int_equal(f->released, 1);
	raw_wait(&f->client, 1);
	expect(buf_str(&f->client.got), "202 Accepted");
	expect(ask(f, "POST", API, JSON, "{\"email\":\"x\"}"), "404 Not Found");
}

/* ---- contacts ---- */

/* Both destinations have contacts; the first takes nobody@... only. */
static void tell_contacts(struct fixture *f, int64_t digest_ms)
{
	static char anna[] = "anna@x.org", upper[] = "ANNA@X.ORG", bert[] = "bert@x.org";
	static char *first[] = {anna, bert}, *second[] = {upper};
	static const struct text_list lists[] = {{first, 2}, {second, 1}};
	const struct intake_mail mail = {.destination = MAIL_ID, .digest_ms = digest_ms};

	f->destinations[0].contacts = &lists[0];
	f->destinations[1].contacts = &lists[1];
	intake_configure(f->intake, f->configured, 4, &mail, NULL, NULL);
}

static void contacts_of_the_routed_are_told_once(void **state)
{
	struct fixture *f = *state;

	tell_contacts(f, 0);
	expect(ask(f, "POST", API, JSON, "{\"email\":\"a@b.cd\"}"), " 202 ");
	assert_string_equal(f->store.contacts, "ANNA@X.ORG ");
	assert_int_equal(f->mails, 1);
	assert_int_equal(f->last_mail, 500);
	expect(ask(f, "POST", API, JSON, "{\"email\":\"nobody@b.cd\"}"), " 202 ");
	assert_string_equal(f->store.contacts, "anna@x.org bert@x.org ");
	assert_int_equal(f->mails, 3);
	assert_int_equal(f->later, 0);
	expect(ask(f, "POST", API, JSON,
		       "[{\"email\":\"nobody@b.cd\"},{\"email\":\"c@b.cd\"}]"),
		" 202 ");
	assert_string_equal(f->store.contacts, "anna@x.org bert@x.org | ANNA@X.ORG ");
}

static void a_digest_is_looked_for_later(void **state)
{
	struct fixture *f = *state;

	tell_contacts(f, 900000);
	expect(ask(f, "POST", API, JSON, "{\"email\":\"a@b.cd\"}"), " 202 ");
	assert_int_equal(f->store.digest_ms, 900000);
	assert_int_equal(f->mails, 0);
	assert_int_equal(f->later, 1);
}

static void some_leads_are_told_to_nobody(void **state)
{
	struct fixture *f = *state;

	tell_contacts(f, 0);
	expect(ask(f, "POST", API, JSON,
		       "{\"email\":\"nobody@b.cd\",\"action_code\":\"dnc\"}"),
		" 202 ");
	assert_string_equal(f->store.contacts, "");
	assert_int_equal(f->store.destinations, 2);
	expect(ask(f, "POST", MARKET, JSON, "{broken"), " 202 ");
	assert_string_not_equal(f->store.quarantine, "-");
	assert_string_equal(f->store.contacts, "");
	f->store.result = ACCEPT_DUPLICATE;
	expect(ask(f, "POST", API, JSON, "{\"email\":\"a@b.cd\"}"), " 200 ");
	f->store.result = ACCEPT_NEW;
	intake_configure(f->intake, f->configured, 4, NULL, NULL, NULL);
	expect(ask(f, "POST", API, JSON, "{\"email\":\"a@b.cd\"}"), " 202 ");
	assert_string_equal(f->store.contacts, "");
	assert_int_equal(f->mails + f->later, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_token_comes_in_three_ways),
		T(without_a_token_nothing_is_read),
		T(wrong_tokens_are_told_once_and_then_together),
		T(unknown_sources_are_404),
		T(other_methods_are_405),
		T(an_accepted_lead_is_202_with_its_id),
		T(only_destinations_whose_rules_fit_get_it),
		T(only_bodies_that_name_somebody_repeat),
		T(a_repeat_is_200_with_the_first_id),
		T(an_array_is_answered_with_all_ids),
		T(what_cannot_be_read_is_quarantined_with_its_bytes),
		T(a_source_that_rejects_answers_the_problem),
		T(each_answer_is_told_with_its_source),
		T(the_store_s_trouble_is_503),
		T(a_long_idempotency_key_is_400),
		T(a_browser_s_form_is_sent_on),
		T(the_trap_quarantines),
		T(allowed_origins_may_ask_from_a_page),
		T(any_origin_may_ask_where_the_star_says_so),
		T(a_waiting_request_keeps_its_configuration),
		T(contacts_of_the_routed_are_told_once),
		T(a_digest_is_looked_for_later),
		T(some_leads_are_told_to_nobody),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
