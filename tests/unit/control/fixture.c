#include "fixture.h"

#include "leadrelay/json.h"
#include "leadrelay/log.h"
#include "leadrelay/mails.h"
#include "leadrelay/report.h"
#include "leadrelay/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t fixture_now(void *ctx)
{
	const struct fixture *f = ctx;

	return f->now;
}

static void fixture_fill(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 7, len);
}

static const struct entropy no_chance = {.fill = fixture_fill};

static void configure_reports(struct fixture *f)
{
	static char daily[] = "daily", filed[] = "filed", paris[] = "Europe/Paris",
		    utc[] = "UTC", folder[] = "/nowhere", boss[] = "boss@contoso.com";
	static char *to[] = {boss};

	f->reports[0] = (struct report_settings){.name = daily,
		.every = EVERY_DAY,
		.at_minute = 7 * 60,
		.timezone = paris,
		.to = {to, 1},
		.formats = 1u << REPORT_HTML | 1u << REPORT_CSV};
	f->reports[1] = (struct report_settings){.name = filed,
		.every = EVERY_MONTH,
		.timezone = utc,
		.directory = folder,
		.formats = 1u << REPORT_JSON};
}

static void configure(struct fixture *f)
{
	static char crm[] = "crm", archive[] = "archive", marketplace[] = "marketplace",
		    website[] = "website", dynamics365[] = "dynamics365", file[] = "file";

	f->routes[CRM] = crm;
	f->routes[ARCHIVE] = archive;
	f->sources[0] = (struct source_settings){.name = marketplace,
		.kind = SOURCE_MARKETPLACE,
		.destinations = {f->routes, DESTINATIONS}};
	f->sources[1] = (struct source_settings){
		.name = website, .kind = SOURCE_FORM, .destinations = {f->routes, 1}};
	f->destinations[CRM] =
		(struct destination_settings){.name = crm, .kind = dynamics365};
	f->destinations[ARCHIVE] =
		(struct destination_settings){.name = archive, .kind = file};
	f->config = (struct config){.sources = f->sources,
		.source_count = 2,
		.destinations = f->destinations,
		.destination_count = DESTINATIONS,
		.mail = {.configured = true},
		.reports = f->reports,
		.report_count = 2};
	configure_reports(f);
}

static void enter_names(struct fixture *f)
{
	struct store_name sources[] = {{.name = "marketplace"}, {.name = "website"}};
	struct store_name destinations[] = {
		{.name = "crm", .kind = "dynamics365", .keeps_key = true},
		{.name = "archive", .kind = "file"}};
	struct job_names job = {.sources = sources,
		.source_count = 2,
		.destinations = destinations,
		.destination_count = DESTINATIONS,
		.mail = true,
		.now = f->now};
	struct err err;

	job_names_prepare(&job);
	if (store_call(f->store, &job.job, &err) != ERR_OK)
		fail_msg("%s", err.text);
	for (int i = 0; i < 2; i++)
		f->source_ids[i] = sources[i].id;
	for (int i = 0; i < DESTINATIONS; i++)
		f->ids[i] = destinations[i].id;
	f->mail_id = job.mail_destination;
	job_names_finish(&job);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_options options = {.state_dir = f->state_dir, .entropy = &no_chance};
	struct err err;

	*state = f;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, &clock_system);
	f->now = START;
	f->pause_after = -1;
	f->clock = (struct clock){.wall = fixture_now, .mono = fixture_now, .ctx = f};
	options.clock = &f->clock;
	strcpy(f->state_dir, "/tmp/leadrelay-control-XXXXXX");
	assert_non_null(mkdtemp(f->state_dir));
	if (store_open(&f->store, &options, &err) != ERR_OK ||
		reader_open(&f->reader, f->state_dir, &f->clock, &err) != ERR_OK)
		fail_msg("%s", err.text);
	configure(f);
	enter_names(f);
	f->options = (struct control_options){.store = f->store,
		.reader = f->reader,
		.clock = &f->clock,
		.config = &f->config,
		.version = "9.9"};
	return 0;
}

static void forget_answers(struct fixture *f)
{
	cJSON_Delete(f->items);
	cJSON_Delete(f->done);
	cJSON_Delete(f->paused);
	cJSON_Delete(f->error);
	f->items = f->done = f->paused = f->error = NULL;
}

static void remove_file(const struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->state_dir, name);
	unlink(path);
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	forget_answers(f);
	reader_close(f->reader);
	store_close(f->store);
	remove_file(f, "outbox.db");
	remove_file(f, "outbox.db-wal");
	remove_file(f, "outbox.db-shm");
	assert_int_equal(rmdir(f->state_dir), 0);
	free(f);
	return 0;
}

/* ---- what happened before ---- */

static struct uuid next_id(struct fixture *f)
{
	unsigned n = ++f->next_id;
	struct uuid id = {{0x01, 0x99, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0x70, 0, 0x80,
		0, 0, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n}};

	return id;
}

static struct accepted run_accept(
	struct fixture *f, struct accept_lead *item, const char *quarantine)
{
	struct job_accept job = {.source = f->source_ids[0],
		.leads = item,
		.count = 1,
		.raw = "{\"Company\":\"\\u00e9\"}",
		.quarantine = quarantine,
		.now = f->now};
	struct accepted accepted = {.id = item->lead.id};
	struct err err;

	job.raw_len = strlen(job.raw);
	job_accept_prepare(&job);
	if (store_call(f->store, &job.job, &err) != ERR_OK)
		fail_msg("%s", err.text);
	if (item->deliveries)
		memcpy(accepted.deliveries, item->deliveries,
			sizeof(accepted.deliveries));
	if (item->mail_count)
		f->last_mail = item->mails[0];
	uuid_text(&accepted.id, accepted.text);
	job_accept_finish(&job);
	lead_finish(&item->lead);
	f->now += 1000;
	return accepted;
}

static struct lead make_lead(struct fixture *f, enum lead_field field, const char *text)
{
	struct lead lead = {
		.id = next_id(f), .source = strdup("marketplace"), .received_at = f->now};
	struct err err;

	assert_int_equal(lead_set(&lead, field, text, &err), ERR_OK);
	return lead;
}

struct accepted accept_lead(struct fixture *f, const char *email)
{
	struct accept_lead item = {.lead = make_lead(f, FIELD_EMAIL, email),
		.destinations = f->ids,
		.destination_count = DESTINATIONS};

	return run_accept(f, &item, NULL);
}

struct accepted accept_notified(
	struct fixture *f, const char *email, const char *contact, int64_t *mail_out)
{
	struct accept_lead item = {.lead = make_lead(f, FIELD_EMAIL, email),
		.destinations = f->ids,
		.destination_count = DESTINATIONS,
		.contacts = &contact,
		.contact_count = 1};
	struct accepted accepted;

	f->last_mail = 0;
	accepted = run_accept(f, &item, NULL);
	*mail_out = f->last_mail;
	return accepted;
}

void accept_many(struct fixture *f, size_t count)
{
	struct accept_lead *items = calloc(count, sizeof(*items));
	struct job_accept job = {.source = f->source_ids[0],
		.leads = items,
		.count = count,
		.raw = "[]",
		.raw_len = 2,
		.now = f->now};
	struct err err;

	for (size_t i = 0; i < count; i++) {
		items[i].lead = make_lead(f, FIELD_EMAIL, "ada@example.com");
		items[i].destinations = f->ids;
		items[i].destination_count = 1;
	}
	job_accept_prepare(&job);
	if (store_call(f->store, &job.job, &err) != ERR_OK)
		fail_msg("%s", err.text);
	job_accept_finish(&job);
	for (size_t i = 0; i < count; i++)
		lead_finish(&items[i].lead);
	free(items);
}

struct accepted accept_quarantined(struct fixture *f, const char *city)
{
	struct accept_lead item = {.lead = make_lead(f, FIELD_CITY, city)};

	return run_accept(f, &item, "nothing identifies the lead");
}

void settle(struct fixture *f, int64_t destination, int64_t delivery,
	enum delivery_event event, enum reason reason)
{
	struct job_settle job = {.delivery = delivery,
		.destination = destination,
		.event = event,
		.counts = true,
		.outcome = event == DELIVERY_ACCEPT ? OUTCOME_DELIVERED : OUTCOME_REFUSED,
		.reason = reason,
		.now = f->now,
		.exchanges = calloc(1, sizeof(struct settled_exchange)),
		.exchange_count = 1};
	struct err err;

	if (event != DELIVERY_ACCEPT)
		job.error = strdup("the CRM said no");
	job.exchanges[0] = (struct settled_exchange){.at = f->now,
		.duration_ms = 12,
		.outcome = job.outcome,
		.reason = reason,
		.http_status = event == DELIVERY_ACCEPT ? 204 : 400};
	job_settle_prepare(&job);
	if (store_call(f->store, &job.job, &err) != ERR_OK)
		fail_msg("%s", err.text);
	job_settle_finish(&job);
}

/* ---- asking ---- */

static bool emit(void *ctx, cJSON *answer)
{
	struct fixture *f = ctx;
	cJSON *part = cJSON_DetachItemViaPointer(answer, answer->child);

	f->answers++;
	assert_null(f->done);
	assert_null(f->error);
	if (strcmp(part->string, "item") == 0)
		cJSON_AddItemToArray(f->items, part);
	else if (strcmp(part->string, "done") == 0)
		f->done = part;
	else if (strcmp(part->string, "paused") == 0)
		f->paused = part;
	else if (strcmp(part->string, "error") == 0)
		f->error = part;
	else
		cJSON_Delete(part);
	cJSON_Delete(answer);
	return true;
}

static bool keep_going(void *ctx)
{
	struct fixture *f = ctx;

	return f->pause_after < 0 || f->answers < f->pause_after;
}

void ask(struct fixture *f, const char *fmt, ...)
{
	char text[2048];
	cJSON *request;
	va_list list;

	va_start(list, fmt);
	vsnprintf(text, sizeof(text), fmt, list);
	va_end(list);
	forget_answers(f);
	f->answers = 0;
	f->items = cJSON_CreateArray();
	request = cJSON_Parse(text);
	assert_non_null(request);
	control_execute(&f->options, request, emit, keep_going, f);
	cJSON_Delete(request);
	assert_true(f->done || f->paused || f->error);
}

void assert_failed(struct fixture *f, int status)
{
	assert_non_null(f->error);
	assert_int_equal(json_integer(f->error, "code", -1), status);
	assert_true(strlen(json_string(f->error, "text")) > 10);
}

long long done_number(struct fixture *f, const char *name)
{
	if (f->error)
		fail_msg("%s", json_string(f->error, "text"));
	assert_non_null(f->done);
	return json_integer(f->done, name, -1);
}

const char *delivery_state(struct fixture *f, const char *lead, const char *destination)
{
	const cJSON *delivery;

	ask(f, "{\"command\":\"show\",\"id\":\"%s\"}", lead);
	assert_non_null(f->done);
	cJSON_ArrayForEach (
		delivery, cJSON_GetObjectItemCaseSensitive(f->done, "deliveries")) {
		if (strcmp(json_string(delivery, "destination"), destination) == 0)
			return json_string(delivery, "state");
	}
	return "none";
}
