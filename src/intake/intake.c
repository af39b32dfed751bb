/*
 * A posting's way:
 *
 * 1. head: source, method, token, the store's health: what can be refused without a body.
 * 2. body: parsed into leads, or a problem (400, 415, 422), which a source that
 *    quarantines stores as it came.
 * 3. One job to the store; the connection waits.
 * 4. done: the commit was synced: the relay hears of the new deliveries, 2xx leaves. A
 *    crash before it leaves the sender without an answer, after it with a lead that the
 *    sender's repeat is recognised by.
 */
#include "leadrelay/clock.h"
#include "leadrelay/fault.h"
#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX "/in/"
#define KEY_MAX 255
#define WRONG_TOKEN_EVERY_MS (5 * 60 * 1000)

struct intake {
	struct intake_options options;
	struct source_set *set;
	struct uuid last_id;
	int waiting;
};

struct rejected { /* a count under way to the store */
	struct job_rejected job;
	struct source_entry *entry;
	struct source_set *set;
};

/* ---- head ---- */

/* "/in/NAME" or "/in/NAME/TOKEN": the name in out, the token or NULL. */
static bool split_path(const char *path, char *out, size_t size, const char **token)
{
	const char *name = path + sizeof(PREFIX) - 1;
	size_t len;

	if (strncmp(path, PREFIX, sizeof(PREFIX) - 1) != 0)
		return false;
	len = strcspn(name, "/");
	if (len == 0 || len >= size)
		return false;
	memcpy(out, name, len);
	out[len] = 0;
	*token = name[len] == '/' && name[len + 1] ? name + len + 1 : NULL;
	return true;
}

static struct source_entry *find_source(
	struct intake *intake, const char *path, const char **token)
{
	struct source_entry *entry;
	char name[256];

	if (!split_path(path, name, sizeof(name), token))
		return NULL;
	entry = source_set_find(intake->set, name);
	if (entry && entry->source.settings->kind == SOURCE_CSV)
		return NULL;
	return entry;
}

static const char *bearer(const struct inbound *in)
{
	const char *value = inbound_header(in, "Authorization");

	if (!value || strncasecmp(value, "Bearer", 6) != 0 || value[6] != ' ')
		return NULL;
	return value + 6 + strspn(value + 6, " ");
}

static void tell_wrong_tokens(
	struct intake *intake, struct source_entry *entry, int64_t now)
{
	int64_t since = now - entry->told_at;

	if (entry->wrong_tokens == 0 ||
		(entry->told_at != 0 && since >= 0 && since < WRONG_TOKEN_EVERY_MS))
		return;
	entry->told_at = now;
	if (intake->options.wrong_token)
		intake->options.wrong_token(intake->options.ctx,
			entry->source.settings->name, entry->wrong_tokens);
	entry->wrong_tokens = 0;
}

static bool check_token(struct intake *intake, struct inbound *in,
	struct source_entry *entry, const char *path_token)
{
	enum source_kind kind = entry->source.settings->kind;
	const char *token = bearer(in);

	if (!token)
		token = inbound_query(in, "token");
	if (!token)
		token = path_token;
	if (token && source_knows_token(entry, token)) {
		if (kind == SOURCE_MARKETPLACE || kind == SOURCE_JSON)
			inbound_exempt_rate(in);
		return true;
	}
	if (token) {
		entry->wrong_tokens++;
		tell_wrong_tokens(intake, entry, clock_wall(intake->options.clock));
	}
	answer_unauthorized(in, token == NULL);
	return false;
}

static void check_request(struct intake *intake, struct inbound *in,
	struct source_entry *entry, const char *path_token)
{
	const char *key;

	if (!check_token(intake, in, entry, path_token))
		return;
	key = inbound_header(in, "Idempotency-Key");
	if (key && strlen(key) > KEY_MAX)
		inbound_problem(in, 400, "the Idempotency-Key is longer than 255 bytes");
	else if (!store_working(intake->options.store))
		answer_unavailable(in);
}

static void on_head(void *ctx, struct inbound *in)
{
	struct intake *intake = ctx;
	const char *method = inbound_method(in), *token = NULL;
	struct source_entry *entry = find_source(intake, inbound_path(in), &token);
	const struct source_settings *source = entry ? entry->source.settings : NULL;

	if (!entry) {
		inbound_problem(in, 404, "there is no such source");
		return;
	}
	if (strcmp(method, "OPTIONS") == 0 && source->allowed_origins.count > 0) {
		answer_preflight(in, source);
		return;
	}
	answer_cors(in, source);
	if (strcmp(method, "POST") != 0)
		answer_method(in, source);
	else
		check_request(intake, in, entry, token);
}

/* ---- the job ---- */

static void request_free(struct request *request)
{
	job_accept_finish(&request->job);
	parsed_finish(&request->parsed); /* the leads are its */
	free(request->leads);
	free(request->routes);
	free(request->contacts);
	free(request->key);
	source_set_release(request->set);
	free(request);
}

/* Of a digest the relay learns only that there is one: it asks when it is due. */
static void report_mails(const struct request *request, const struct accept_lead *lead)
{
	const struct intake_options *options = &request->intake->options;
	int64_t destination = request->set->mail.destination;

	for (size_t i = 0; i < lead->mail_count; i++)
		options->accepted(options->ctx, destination, lead->mails[i], NULL);
	if (lead->mail_count == 0 && lead->contact_count > 0)
		options->accepted(options->ctx, destination, 0, NULL);
}

/* To the last of its destinations goes the lead itself, to the others a copy. */
static void report_deliveries(struct request *request, size_t which)
{
	const struct intake_options *options = &request->intake->options;
	const struct accept_lead *kept = &request->leads[which];
	struct lead *lead = &request->parsed.leads[which];

	for (size_t i = 0; i < kept->destination_count; i++) {
		struct claimed claimed = {.delivery = kept->deliveries[i],
			.lead_seq = kept->seq,
			.due_at = request->job.now,
			.age_from = kept->ages[i],
			.lead = *lead};
		bool last = i + 1 == kept->destination_count, copied = true;

		if (last)
			*lead = LEAD_INIT;
		else
			copied = lead_copy(&claimed.lead, lead, NULL) == ERR_OK;
		options->accepted(options->ctx, kept->destinations[i], claimed.delivery,
			copied ? &claimed : NULL);
		if (copied)
			claimed_finish(&claimed);
	}
}

static void report_stored(struct request *request)
{
	const struct intake_options *options = &request->intake->options;

	for (size_t i = 0; i < request->job.count; i++) {
		const struct accept_lead *lead = &request->leads[i];

		if (options->took)
			options->took(options->ctx, request->entry->source.settings->name,
				&lead->id, lead->result);
		if (lead->result == ACCEPT_QUARANTINED && options->quarantined)
			options->quarantined(options->ctx,
				request->entry->source.settings->name, &lead->id,
				request->job.quarantine);
		if (lead->result != ACCEPT_NEW || !lead->deliveries || !options->accepted)
			continue;
		report_deliveries(request, i);
		report_mails(request, lead);
	}
}

static void on_stored(struct store_job *job)
{
	struct request *request = (struct request *)job;

	request->intake->waiting--;
	if (job->code == ERR_OK) {
		FAULT_POINT("intake.after_commit_before_2xx");
		answer_stored(request);
		report_stored(request);
	} else {
		answer_unavailable(request->in);
	}
	request_free(request);
}

/* Ids, time and source of the leads, and where each goes: nowhere from quarantine. */
static bool fill_leads(struct request *request, int64_t now)
{
	struct intake *intake = request->intake;
	const struct intake_source *source = &request->entry->source;
	size_t count = request->parsed.count;
	int64_t *routes = calloc(count * source->destination_count + 1, sizeof(*routes));

	request->routes = routes;
	request->leads = calloc(count, sizeof(*request->leads));
	if (!request->leads || !routes)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct accept_lead *to = &request->leads[i];
		struct lead *lead = &request->parsed.leads[i];

		lead->id = uuid_v7(now, intake->options.entropy, &intake->last_id);
		lead->received_at = now;
		lead->source = strdup(source->settings->name);
		if (!lead->source)
			return false;
		to->lead = *lead; /* its strings stay parsed's */
		to->id = lead->id;
		to->destinations = routes;
		if (!request->job.quarantine)
			to->destination_count = intake_route(source, lead, routes);
		routes += to->destination_count;
	}
	return true;
}

static bool names_somebody(const struct parsed *parsed)
{
	for (size_t i = 0; i < parsed->count; i++) {
		if (lead_names_person(&parsed->leads[i]))
			return true;
	}
	return false;
}

/* A body that could not be read at all is quarantined as a lead without fields. */
static bool make_quarantine(struct request *request)
{
	struct parsed *parsed = &request->parsed;

	request->job.quarantine = parsed->honeypot && parsed->status == 0
					  ? "the honeypot field was filled"
					  : parsed->problem;
	if (parsed->count > 0)
		return true;
	free(parsed->leads);
	parsed->leads = calloc(1, sizeof(*parsed->leads));
	parsed->count = parsed->leads ? 1 : 0;
	return parsed->leads != NULL;
}

static bool prepare_job(struct request *request)
{
	const struct source_settings *source = request->entry->source.settings;
	const struct intake_options *options = &request->intake->options;
	const char *key = inbound_header(request->in, "Idempotency-Key");
	int64_t now = clock_wall(options->clock);
	struct job_accept *job = &request->job;
	size_t len;

	job_accept_prepare(job);
	if ((request->parsed.status != 0 || request->parsed.honeypot) &&
		!make_quarantine(request))
		return false;
	if (key && *key && !(request->key = strdup(key)))
		return false;
	if (!fill_leads(request, now) || !fill_contacts(request))
		return false;
	job->job.done = on_stored;
	job->source = request->entry->source.id;
	job->leads = request->leads;
	job->count = request->parsed.count;
	job->raw = inbound_body(request->in, &len);
	job->raw_len = len;
	job->dedupe_window_ms = source->dedupe_window_ms;
	job->check_content = source->dedupe_window_ms > 0 && !job->quarantine &&
			     names_somebody(&request->parsed);
	job->idempotency_key = request->key;
	job->now = now;
	return true;
}

/* ---- body ---- */

/* An empty body holds nothing to keep; a wrong type or too many leads are the sender's
 * set-up, which he should hear of. */
static bool goes_to_quarantine(
	const struct source_settings *source, const struct parsed *parsed, size_t len)
{
	return source->on_invalid == ON_INVALID_QUARANTINE && len > 0 &&
	       (parsed->status == 422 ||
		       (parsed->status == 400 &&
			       strcmp(parsed->problem, "the body is empty") != 0));
}

static bool wants_redirect(struct inbound *in, const struct source_settings *source)
{
	const char *accept = inbound_header(in, "Accept");

	return source->kind == SOURCE_FORM && source->redirect && accept &&
	       strcasestr(accept, "text/html");
}

static struct request *request_create(struct intake *intake, struct inbound *in)
{
	struct request *request = calloc(1, sizeof(*request));
	const char *token;

	if (!request)
		return NULL;
	request->entry = find_source(intake, inbound_path(in), &token);
	if (!request->entry) { /* it went with a reload since the head */
		free(request);
		return NULL;
	}
	request->intake = intake;
	request->in = in;
	request->set = intake->set;
	request->set->users++;
	return request;
}

static void submit(struct request *request)
{
	struct err err;

	if (!prepare_job(request) || store_submit(request->intake->options.store,
					     &request->job.job, &err) != ERR_OK) {
		answer_unavailable(request->in);
		request_free(request);
		return;
	}
	request->intake->waiting++;
}

static void on_body(void *ctx, struct inbound *in)
{
	struct request *request = request_create(ctx, in);
	const struct source_settings *source;
	const char *body;
	size_t len;

	if (!request) {
		answer_unavailable(in);
		return;
	}
	source = request->entry->source.settings;
	body = inbound_body(in, &len);
	intake_parse(
		source, inbound_header(in, "Content-Type"), body, len, &request->parsed);
	FAULT_POINT("intake.parsed");
	request->redirect = wants_redirect(in, source);
	if (request->parsed.status != 0 && !request->parsed.honeypot &&
		!goes_to_quarantine(source, &request->parsed, len)) {
		inbound_problem(in, request->parsed.status, request->parsed.problem);
		request_free(request);
		return;
	}
	submit(request);
}

static void on_answered(void *ctx, const char *path, int status, int64_t duration_us)
{
	struct intake *intake = ctx;
	const struct intake_options *options = &intake->options;
	const char *token;
	struct source_entry *entry = path ? find_source(intake, path, &token) : NULL;

	if (entry && status >= 400)
		entry->rejected++;
	if (options->answered)
		options->answered(options->ctx,
			entry ? entry->source.settings->name : NULL, status, duration_us);
}

/* ---- life ---- */

enum err_code intake_create(
	struct intake **out, const struct intake_options *options, struct err *err)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (!intake)
		return err_set(err, ERR_NOMEM, "intake: out of memory");
	intake->options = *options;
	intake->set = source_set_create(NULL, 0, NULL);
	if (!intake->set) {
		free(intake);
		return err_set(err, ERR_NOMEM, "intake: out of memory");
	}
	*out = intake;
	return ERR_OK;
}

void intake_configure(struct intake *intake, const struct intake_source *sources,
	size_t count, const struct intake_mail *mail, void (*released)(void *ctx),
	void *ctx)
{
	struct source_set *old = intake->set;
	struct source_set *set = source_set_create(sources, count, old);

	if (!set) /* no memory for a few hundred bytes: nothing else works either */
		abort();
	if (mail)
		set->mail = *mail;
	intake->set = set;
	old->released = released;
	old->ctx = ctx;
	source_set_release(old);
}

struct http_server_handler intake_handler(struct intake *intake)
{
	return (struct http_server_handler){
		.head = on_head, .body = on_body, .answered = on_answered, .ctx = intake};
}

int intake_waiting(const struct intake *intake)
{
	return intake->waiting;
}

static void on_rejected_stored(struct store_job *job)
{
	struct rejected *rejected = (struct rejected *)job;

	if (job->code != ERR_OK) /* counted again with the next */
		rejected->entry->rejected += rejected->job.count;
	source_set_release(rejected->set);
	free(rejected);
}

static void store_rejected(struct intake *intake, struct source_entry *entry)
{
	struct rejected *rejected;
	struct err err;

	if (entry->rejected == 0)
		return;
	rejected = calloc(1, sizeof(*rejected));
	if (!rejected)
		return;
	job_rejected_prepare(&rejected->job);
	rejected->job.job.done = on_rejected_stored;
	rejected->job.source = entry->source.id;
	rejected->job.count = entry->rejected;
	rejected->entry = entry;
	rejected->set = intake->set;
	if (store_submit(intake->options.store, &rejected->job.job, &err) != ERR_OK) {
		free(rejected);
		return;
	}
	entry->rejected = 0;
	intake->set->users++;
}

void intake_tick(struct intake *intake, int64_t now)
{
	for (size_t i = 0; i < intake->set->count; i++) {
		struct source_entry *entry = &intake->set->entries[i];

		store_rejected(intake, entry);
		tell_wrong_tokens(intake, entry, now);
	}
}

void intake_destroy(struct intake *intake)
{
	if (!intake)
		return;
	source_set_release(intake->set);
	free(intake);
}
