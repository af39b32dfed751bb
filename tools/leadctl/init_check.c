/*
 * The answers tried on the live services, by what delivers: validation.c for the CRM, the
 * mail client for the mail server. A failure is told with cause and remedy; the remedy's
 * own words say which answers it doubts.
 */
#include "init.h"
#include "validation_view.h"

#include "leadrelay/clock.h"
#include "leadrelay/mail.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

/* The keys that remedies speak of. */
static const struct {
	const char *word;
	enum answer answer;
} spoken[] = {
	{"directory_id", A_DIRECTORY},
	{"client_id", A_CLIENT},
	{"username", A_USERNAME},
	{"secret", A_SECRET},
	{"password", A_SECRET},
	{"certificate", A_CERTIFICATE},
	{"`url`", A_URL},
	{"check url", A_URL},
};

static unsigned long doubts_of(const struct init *init, const char *remedy)
{
	unsigned long doubtful = 0;

	for (size_t i = 0; i < sizeof(spoken) / sizeof(*spoken); i++)
		if (strstr(remedy, spoken[i].word) &&
			question_arises(init, spoken[i].answer))
			doubtful |= 1ul << spoken[i].answer;
	return doubtful;
}

/* text with word replaced by by, or as it is. */
static void reword(char *text, size_t size, const char *word, const char *by)
{
	char copy[sizeof(((struct validation_step *)0)->remedy)];
	const char *at = strstr(text, word);

	if (!at)
		return;
	snprintf(copy, sizeof(copy), "%.*s%s%s", (int)(at - text), text, by,
		at + strlen(word));
	snprintf(text, size, "%s", copy);
}

/* A remedy is written for a relay that runs: here the answer is what is asked again. */
static void reword_remedy(struct validation_step *step)
{
	static const struct {
		const char *word, *by;
	} words[] = {{"in auth.client_secret", "here"}, {"in auth.password", "here"},
		{", then: leadctl destinations resume NAME", ""},
		{"nothing to do: it is asked again by itself", "try again in a moment"},
		{"nothing to do: it is asked again later", "try again in some minutes"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		reword(step->remedy, sizeof(step->remedy), words[i].word, words[i].by);
}

/* ---- the CRM ---- */

struct trying {
	struct init *init;
	struct verdict verdict;
};

static bool is_connection(const char *step)
{
	return strcmp(step, "resolve") == 0 || strcmp(step, "connect") == 0 ||
	       strcmp(step, "tls") == 0;
}

static void step_ended(void *ctx, const struct validation_step *step)
{
	struct trying *trying = ctx;
	struct cli *cli = trying->init->cli;
	struct validation_step shown = *step;

	progress_clear(cli);
	if (!step->ok) {
		reword_remedy(&shown);
		trying->verdict.fine = false;
		trying->verdict.doubtful = doubts_of(trying->init, step->remedy);
		if (is_connection(step->step))
			trying->verdict.doubtful |= 1ul << A_URL;
	}
	if (step->ok && is_connection(step->step) && trying->init->connected)
		return; /* told before */
	if (!cli->json)
		print_step(cli, &shown);
	else if (!step->ok)
		cli_warn(cli, "%s: %s; %s", shown.step, shown.error, shown.remedy);
}

static void step_begins(void *ctx, const char *step)
{
	progress_show(((struct trying *)ctx)->init->cli, "  %s ...", step);
}

static void try_service(
	struct trying *trying, const struct config *config, bool connection_only)
{
	struct validation validation = {.settings = &config->destinations[0],
		.connection_only = connection_only,
		.step = step_ended,
		.trying = step_begins,
		.ctx = trying};
	struct err err;

	if (validate_destination(&validation, &err) != ERR_OK) {
		cli_warn(trying->init->cli, "%s", err.text);
		trying->verdict.fine = false;
	}
	progress_clear(trying->init->cli);
	if (trying->verdict.fine)
		trying->init->connected = true;
}

/* ---- the mail server ---- */

static void mail_done(struct mail_exchange *exchange)
{
	*(bool *)exchange->owner = true;
}

static void client_closed(void *ctx)
{
	*(bool *)ctx = true;
}

static void run_until(uv_loop_t *loop, const bool *done)
{
	while (!*done)
		uv_run(loop, UV_RUN_ONCE);
}

/* Greeting, TLS, AUTH and NOOP. */
static enum err_code ask_server(
	const struct smtp_settings *smtp, struct mail_answer *answer, struct err *err)
{
	struct mail_exchange exchange = {
		.server = smtp, .check_only = true, .done = mail_done};
	bool done = false, closed = false;
	struct mail_transport transport;
	struct mail_client *client;
	uv_loop_t loop;

	if (uv_loop_init(&loop) != 0)
		return err_set(err, ERR_IO, "the event loop cannot start");
	if (mail_client_create(&client, &loop, &clock_system, 1, err) != ERR_OK) {
		uv_loop_close(&loop);
		return err->code;
	}
	exchange.owner = &done;
	transport = mail_client_transport(client);
	transport.send(transport.ctx, &exchange);
	run_until(&loop, &done);
	*answer = exchange.answer;
	mail_exchange_finish(&exchange);
	mail_client_close(client, client_closed, &closed);
	run_until(&loop, &closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return ERR_OK;
}

static void judge_mail(struct trying *trying, const struct smtp_settings *smtp,
	const struct mail_answer *answer)
{
	struct validation_step step = {.step = "mail",
		.ok = answer->accepted,
		.duration_ms = answer->duration_ms};
	struct outcome outcome = mail_outcome(answer, smtp);

	if (step.ok) {
		snprintf(step.detail, sizeof(step.detail), "%s",
			smtp->username ? "it takes mail from this user"
				       : "it takes mail");
	} else {
		snprintf(step.error, sizeof(step.error), "%s", answer->error);
		snprintf(step.remedy, sizeof(step.remedy), "%s", outcome.remedy);
		trying->verdict.fine = false;
		trying->verdict.doubtful =
			answer->stage == MAIL_AUTH
				? 1ul << A_MAIL_USER | 1ul << A_MAIL_PASSWORD
				: 1ul << A_MAIL_SERVER;
	}
	if (!trying->init->cli->json)
		print_step(trying->init->cli, &step);
	else if (!step.ok)
		cli_warn(trying->init->cli, "%s; %s", step.error, step.remedy);
}

static void try_mail(struct trying *trying, const struct config *config)
{
	struct cli *cli = trying->init->cli;
	struct mail_answer answer;
	enum err_code code;
	struct err err;

	progress_show(cli, "  mail ...");
	code = ask_server(&config->mail.smtp, &answer, &err);
	progress_clear(cli);
	if (code == ERR_OK) {
		judge_mail(trying, &config->mail.smtp, &answer);
	} else {
		cli_warn(cli, "%s", err.text);
		trying->verdict.fine = false;
	}
}

/* ---- both ---- */

struct verdict check_stage(struct init *init, enum stage stage)
{
	struct trying trying = {.init = init, .verdict = {.fine = true}};
	struct buf problems = BUF_INIT;
	struct config *config;
	struct err err;

	if (init->skip[stage] || (stage == STAGE_MAIL && !init->values[A_MAIL_SERVER]))
		return trying.verdict;
	if (draft_load(init, &config, &problems, &err) != ERR_OK) {
		cli_complain(init->cli, buf_str(&problems), err.text);
		trying.verdict.fine = false;
		buf_finish(&problems);
		return trying.verdict;
	}
	if (stage == STAGE_SERVICE || stage == STAGE_LOGIN)
		try_service(&trying, config, stage == STAGE_SERVICE);
	else if (stage == STAGE_MAIL)
		try_mail(&trying, config);
	config_destroy(config);
	buf_finish(&problems);
	return trying.verdict;
}
