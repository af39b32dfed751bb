/*
 *   resolve, connect, tls    one connection that carries nothing
 *   token                    what a delivery would ask for
 *   whoami (open, table), privilege, create, read, delete    the destination's own tasks;
 * of a kind that answers no questions (https) only create
 */
#include "validation.h"

#include "leadrelay/clock.h"
#include "leadrelay/destination.h"
#include "leadrelay/http_client.h"
#include "leadrelay/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct trial { /* one validation under way */
	struct validation *validation;
	const struct destination_settings *settings;
	struct destination *destination;
	uv_loop_t loop;
	struct http_client *client;
	struct transport transport;
	struct lead lead;
};

/* ---- one exchange, waited for ---- */

static void exchange_done(struct http_exchange *exchange)
{
	*(bool *)exchange->owner = true;
}

/* Takes request. The answer is the caller's to http_exchange_finish, with the exchange.
 */
static void exchange_run(
	struct trial *trial, struct http_exchange *exchange, struct http_request *request)
{
	bool done = false;

	exchange->request = *request;
	*request = (struct http_request){0};
	exchange->route = &trial->settings->route;
	exchange->done = exchange_done;
	exchange->owner = &done;
	trial->transport.send(trial->transport.ctx, exchange);
	while (!done)
		uv_run(&trial->loop, UV_RUN_ONCE);
}

/* ---- steps ---- */

static void begin(struct trial *trial, const char *step)
{
	if (trial->validation->trying)
		trial->validation->trying(trial->validation->ctx, step);
}

static bool tell(struct trial *trial, const struct validation_step *step)
{
	trial->validation->step(trial->validation->ctx, step);
	trial->validation->ok &= step->ok;
	return step->ok;
}

static void put(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%.*s", (int)size - 1, text ? text : "");
}

/* ---- resolve, connect, tls ---- */

enum stage { RESOLVE, CONNECT, TLS, STAGES };

/* A time-out on a connection that stands is the handshake's. */
static enum stage stage_of(const struct http_answer *answer)
{
	switch (answer->failure) {
	case HTTP_DNS:
		return RESOLVE;
	case HTTP_TIMEOUT:
		return *answer->address ? TLS : CONNECT;
	case HTTP_CONNECT:
	case HTTP_PRIVATE:
	case HTTP_CANCELLED:
		return CONNECT;
	case HTTP_TLS:
	case HTTP_RESET:
	case HTTP_PROTOCOL:
	case HTTP_LOCAL:
		return TLS;
	case HTTP_FINE:
		break;
	}
	return STAGES;
}

static const char *connect_remedy(const struct trial *trial, enum http_failure failure)
{
	if (failure == HTTP_TLS && trial->settings->route.client_certificate)
		return "does it know the authority of `client_certificate`? give the one "
		       "that signed its own in `ca_file`, or have it renewed";
	switch (failure) {
	case HTTP_DNS:
		return "correct the host in `url`, or this machine's name servers "
		       "(/etc/resolv.conf)";
	case HTTP_CONNECT:
		return "is the host up, and may this machine reach its port? look at the "
		       "firewall, or at `proxy`";
	case HTTP_TIMEOUT:
		return "nothing answers there: look at the firewall, or at `proxy`";
	case HTTP_PRIVATE:
		return "the address is a private one: set `allow_private: true` if that is "
		       "meant";
	case HTTP_TLS:
		return "give the authority that signed its certificate in `ca_file`, or have "
		       "the certificate renewed";
	case HTTP_RESET:
	case HTTP_PROTOCOL:
		return "does TLS answer at this port? look at `url`, and at what lies between "
		       "(a proxy, a firewall that inspects)";
	case HTTP_LOCAL:
		return "can this account read `ca_file` and the client's certificate and key?";
	case HTTP_CANCELLED:
	case HTTP_FINE:
		break;
	}
	return "";
}

static bool uses_tls(const struct trial *trial)
{
	return strncasecmp(destination_url(trial->destination),
		       "https:", strlen("https:")) == 0;
}

static void fill_detail(const struct trial *trial, enum stage stage,
	const struct http_answer *answer, char *out)
{
	const char *proxy = trial->settings->route.proxy;
	size_t size = sizeof(((struct validation_step *)0)->detail);
	char until[TIME_TEXT_SIZE];

	if (stage == RESOLVE && proxy)
		put(out, size, "the proxy, which resolves for us");
	else if (stage == RESOLVE || !proxy)
		put(out, size, answer->address);
	else if (stage == CONNECT)
		snprintf(out, size, "through the proxy at %s", answer->address);
	if (stage != TLS)
		return;
	if (!uses_tls(trial)) {
		put(out, size, "not used: the address is plain http");
		return;
	}
	put(out, size, "certificate verified");
	if (answer->certificate_expires_at) {
		time_text(answer->certificate_expires_at, until);
		snprintf(out, size, "certificate verified, valid until %.10s", until);
	}
}

/* One connection is made of all three: the time stands with the last of them. */
static bool tell_stages(struct trial *trial, const struct http_answer *answer)
{
	static const char *const names[] = {"resolve", "connect", "tls"};
	enum stage failed = stage_of(answer);

	if (failed == TLS && !uses_tls(trial))
		failed = CONNECT;
	for (enum stage stage = RESOLVE; stage < STAGES; stage++) {
		struct validation_step step = {
			.step = names[stage], .ok = stage != failed};

		if (!step.ok || stage == TLS)
			step.duration_ms = answer->duration_ms;
		if (step.ok) {
			fill_detail(trial, stage, answer, step.detail);
		} else {
			put(step.error, sizeof(step.error), answer->error);
			put(step.remedy, sizeof(step.remedy),
				connect_remedy(trial, answer->failure));
		}
		if (!tell(trial, &step))
			return false;
	}
	return true;
}

static bool try_connection(struct trial *trial)
{
	struct http_exchange exchange = {.connect_only = true};
	struct http_request request = {.method = "GET"};
	bool ok;

	begin(trial, "connect");
	buf_adds(&request.url, destination_url(trial->destination));
	exchange_run(trial, &exchange, &request);
	ok = tell_stages(trial, &exchange.answer);
	http_exchange_finish(&exchange);
	return ok;
}

/* ---- token ---- */

static enum token_result ask_token(struct trial *trial, struct outcome *outcome)
{
	struct token *token = destination_token(trial->destination);
	struct http_request request = {0};
	struct http_exchange exchange = {0};
	enum token_result result;
	struct err err;

	if (token_request(token, &request, clock_wall(&clock_system), &err) != ERR_OK) {
		*outcome = (struct outcome){.kind = OUTCOME_ENVIRONMENT};
		put(outcome->error, sizeof(outcome->error), err.text);
		return TOKEN_FAILED;
	}
	exchange_run(trial, &exchange, &request);
	result =
		token_answer(token, &exchange.answer, clock_wall(&clock_system), outcome);
	http_exchange_finish(&exchange);
	return result;
}

/* Success is OUTCOME_DELIVERED. */
static void fetch_token(struct trial *trial, struct outcome *outcome)
{
	struct token *token = destination_token(trial->destination);
	enum token_result result = TOKEN_GOT;

	if (!token_fresh(token, clock_wall(&clock_system)))
		do
			result = ask_token(trial, outcome);
		while (result == TOKEN_AGAIN);
	if (result == TOKEN_GOT)
		*outcome = (struct outcome){.kind = OUTCOME_DELIVERED};
}

static const char *token_detail(const struct auth_settings *auth)
{
	switch (auth->method) {
	case AUTH_AZURE_AD:
		return "given for the client secret";
	case AUTH_AZURE_AD_CERTIFICATE:
		return "given for the certificate";
	case AUTH_OFFICE365:
		return "given for the password";
	case AUTH_NONE:
		break;
	}
	return "";
}

static void fail_step(struct validation_step *step, const struct outcome *outcome)
{
	put(step->error, sizeof(step->error),
		*outcome->error ? outcome->error : outcome_name(outcome->kind));
	put(step->remedy, sizeof(step->remedy),
		*outcome->remedy
			? outcome->remedy
			: "try again in a moment; if it stays so, look at what lies "
			  "between, and at the destination's own state");
}

static bool try_token(struct trial *trial)
{
	int64_t start = clock_mono(&clock_system);
	struct validation_step step = {.step = "token"};
	struct outcome outcome;

	begin(trial, step.step);
	fetch_token(trial, &outcome);
	step.ok = outcome_is_success(outcome.kind);
	step.duration_ms = clock_mono(&clock_system) - start;
	if (step.ok)
		put(step.detail, sizeof(step.detail),
			token_detail(&trial->settings->auth));
	else
		fail_step(&step, &outcome);
	return tell(trial, &step);
}

/* ---- tasks ---- */

static enum step_kind send_step(struct trial *trial, struct task *task)
{
	struct http_exchange exchange = {0};
	enum step_kind step;

	exchange_run(trial, &exchange, &task->request);
	step = task_next(
		trial->destination, task, &exchange.answer, clock_wall(&clock_system));
	http_exchange_finish(&exchange);
	return step;
}

/* A token that is refused ends the task: the outcome is the token's. */
static enum step_kind token_step(struct trial *trial, struct task *task)
{
	struct outcome outcome;

	fetch_token(trial, &outcome);
	if (outcome_is_success(outcome.kind))
		return task_next(
			trial->destination, task, NULL, clock_wall(&clock_system));
	task->outcome = outcome;
	return STEP_DONE;
}

static enum step_kind work_step(struct trial *trial, struct task *task)
{
	trial->destination->base.kind->work(trial->destination, task);
	return task_next(trial->destination, task, NULL, clock_wall(&clock_system));
}

static void run_task(
	struct trial *trial, enum task_purpose purpose, struct outcome *outcome)
{
	struct task task = {.purpose = purpose, .lead = &trial->lead};
	enum step_kind step =
		task_begin(trial->destination, &task, clock_wall(&clock_system));

	while (step != STEP_DONE) {
		switch (step) {
		case STEP_SEND:
			step = send_step(trial, &task);
			break;
		case STEP_TOKEN:
			step = token_step(trial, &task);
			break;
		case STEP_WORK:
			step = work_step(trial, &task);
			break;
		case STEP_MAIL: /* of no kind that a configuration can name */
			step = STEP_DONE;
			break;
		case STEP_DONE:
			break;
		}
	}
	*outcome = task.outcome;
	task_finish(&task);
}

static bool supports(const struct trial *trial, enum task_purpose purpose)
{
	return trial->destination->base.kind->purposes & 1u << purpose;
}

static const char *probe_detail(const struct trial *trial, const struct outcome *outcome)
{
	if (*outcome->error) /* it passed, and has something to say */
		return outcome->error;
	if (trial->settings->path)
		return trial->settings->path;
	return trial->settings->table ? trial->settings->table : "it knows us";
}

static void describe_success(const struct trial *trial, enum task_purpose purpose,
	const struct outcome *outcome, struct validation_step *step)
{
	size_t size = sizeof(step->detail);

	switch (purpose) {
	case TASK_DELIVER:
		snprintf(step->detail, size, "test lead \"%s\"%s%s", VALIDATE_NAME,
			*outcome->remote_id ? ", record " : "", outcome->remote_id);
		break;
	case TASK_PROBE:
		put(step->detail, size, probe_detail(trial, outcome));
		break;
	case TASK_PRIVILEGE:
		put(step->detail, size, "it may create leads");
		break;
	case TASK_READ:
		put(step->detail, size, "the record is there");
		break;
	case TASK_DELETE:
		put(step->detail, size, "the test lead is gone again");
		break;
	case TASK_PURPOSES:
		break;
	}
}

/* Deleting may be forbidden without anything being wrong: the relay never deletes. */
static void judge(const struct trial *trial, enum task_purpose purpose,
	const struct outcome *outcome, struct validation_step *step)
{
	step->ok = outcome_is_success(outcome->kind);
	if (step->ok) {
		describe_success(trial, purpose, outcome, step);
	} else if (purpose == TASK_DELETE && outcome->kind == OUTCOME_FORBIDDEN) {
		step->ok = true;
		snprintf(step->detail, sizeof(step->detail),
			"not allowed to, which is fine; delete the lead \"%s\" by hand",
			VALIDATE_NAME);
	} else {
		fail_step(step, outcome);
	}
}

static bool try_task(struct trial *trial, const char *name, enum task_purpose purpose,
	enum outcome_kind *kind_out)
{
	int64_t start = clock_mono(&clock_system);
	struct validation_step step = {.step = name};
	struct outcome outcome;

	begin(trial, name);
	run_task(trial, purpose, &outcome);
	judge(trial, purpose, &outcome, &step);
	step.duration_ms = clock_mono(&clock_system) - start;
	if (kind_out)
		*kind_out = outcome.kind;
	return tell(trial, &step);
}

/* ---- the test lead ---- */

static enum err_code make_lead(struct trial *trial, struct err *err)
{
	static const struct {
		enum lead_field field;
		const char *text;
	} fields[] = {
		{FIELD_FIRST_NAME, "Test"},
		{FIELD_LAST_NAME, VALIDATE_NAME},
		{FIELD_EMAIL, "leadrelay-validate@example.com"},
		{FIELD_COMPANY, VALIDATE_NAME},
		{FIELD_OFFER_TITLE, VALIDATE_NAME},
		{FIELD_DESCRIPTION,
			"A test by `leadctl validate`, not a person. It can be deleted."},
	};
	struct uuid last = {0};
	struct lead *lead = &trial->lead;

	lead->received_at = clock_wall(&clock_system);
	lead->id = uuid_v7(lead->received_at, &entropy_system, &last);
	lead->test = true;
	lead->source = strdup("leadctl");
	trial->validation->lead_id = lead->id;
	if (!lead->source)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (lead_set(lead, fields[i].field, fields[i].text, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* Something went wrong behind its creation: it is not left lying about. */
static void clean_up(struct trial *trial)
{
	struct outcome outcome;

	run_task(trial, TASK_DELETE, &outcome);
	trial->validation->removed = outcome_is_success(outcome.kind);
}

/* A destination that writes here (a file) keeps what it writes: opening it says enough.
 */
static bool wants_lead(const struct trial *trial)
{
	return trial->validation->lead && supports(trial, TASK_DELIVER) &&
	       !trial->destination->base.kind->work;
}

static void try_lead(struct trial *trial)
{
	struct validation *validation = trial->validation;
	bool deletes = supports(trial, TASK_DELETE), fine;
	enum outcome_kind created, deleted = OUTCOME_NONE;

	fine = try_task(trial, "create", TASK_DELIVER, &created);
	/* sent and not answered: it may be there */
	validation->created = fine || created == OUTCOME_UNKNOWN;
	if (fine && supports(trial, TASK_READ))
		fine = try_task(trial, "read", TASK_READ, NULL);
	if (fine && deletes) {
		try_task(trial, "delete", TASK_DELETE, &deleted);
		validation->removed = outcome_is_success(deleted);
	} else if (validation->created && deletes) {
		clean_up(trial);
	}
}

/* What the cheap read of a kind is, in the operator's words. */
static const char *probe_name(const struct destination_settings *settings)
{
	if (settings->path)
		return "open";
	return settings->table ? "table" : "whoami";
}

static void try_all(struct trial *trial)
{
	const char *probe = probe_name(trial->settings);

	trial->validation->ok = true;
	if (destination_url(trial->destination) && !try_connection(trial))
		return;
	if (trial->validation->connection_only)
		return;
	if (destination_token(trial->destination) && !try_token(trial))
		return;
	if (supports(trial, TASK_PROBE) && !try_task(trial, probe, TASK_PROBE, NULL))
		return;
	if (supports(trial, TASK_PRIVILEGE) &&
		!try_task(trial, "privilege", TASK_PRIVILEGE, NULL))
		return;
	if (wants_lead(trial))
		try_lead(trial);
	else
		trial->validation->untried = !supports(trial, TASK_PROBE);
}

/* ---- the loop around it ---- */

static enum err_code open_network(struct trial *trial, struct err *err)
{
	int failed = uv_loop_init(&trial->loop);

	if (failed)
		return err_set(err, ERR_IO, "the event loop: %s", uv_strerror(failed));
	if (http_client_create(&trial->client, &trial->loop, &clock_system, err) !=
		ERR_OK) {
		uv_loop_close(&trial->loop);
		return err->code;
	}
	trial->transport = http_client_transport(trial->client);
	return ERR_OK;
}

static void client_closed(void *ctx)
{
	*(bool *)ctx = true;
}

static void close_network(struct trial *trial)
{
	bool closed = false;

	http_client_close(trial->client, client_closed, &closed);
	while (uv_run(&trial->loop, UV_RUN_ONCE) || !closed)
		;
	uv_loop_close(&trial->loop);
}

enum err_code validate_destination(struct validation *validation, struct err *err)
{
	struct trial trial = {.validation = validation, .settings = validation->settings};
	enum err_code code;

	code = destination_create(
		&trial.destination, validation->settings, &entropy_system, err);
	if (code != ERR_OK)
		return code;
	code = make_lead(&trial, err);
	if (code == ERR_OK)
		code = open_network(&trial, err);
	if (code == ERR_OK) {
		try_all(&trial);
		close_network(&trial);
	}
	lead_finish(&trial.lead);
	destination_destroy(trial.destination);
	return code;
}
