/*
 * mail_send: composes one mail by mime_build and hands it in by the mail client, as the
 * daemon does; prints a JSON line per mail with the answer and what it means. For tests
 * against mail servers that we did not write.
 *
 *   mail_send --url URL [--tls required|none] [--auth plain|login|xoauth2] [--user U]
 *             [--password P | --bearer T] [--ca FILE] [--allow-plain] [--timeout MS]
 *             [--from MAILBOX] [--to MAILBOX]... [--subject S] [--text FILE] [--html
 * FILE]
 *             [--attach NAME FILE] [--inline CID FILE] [--check] [--count N]
 *             [--connections N] [--one-by-one] [--pause MS] [--cancel MS] [--raw-to TEXT]
 *             [--forget]
 */
#include "leadrelay/clock.h"
#include "leadrelay/mail.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/mime.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define MAILS_MAX 1000
#define PARTS_MAX 8

static struct smtp_settings server = {.tls = SMTP_TLS_REQUIRED, .timeout_ms = 5000};
static struct mime_mail mail = {.subject = "", .date = INT64_C(1795355537000)};
static struct mime_part parts[PARTS_MAX];
static struct mailbox from, to;
static const char *raw_to, *bearer;
static int count = 1, connections = 2, pause_ms, cancel_ms = -1;
static bool one_by_one, check, forget;

static uv_loop_t loop;
static uv_timer_t timer;
static struct mail_client *client;
static struct mail_transport transport;
static struct mail_exchange exchanges[MAILS_MAX];
static int started, finished;

static void die(const char *what)
{
	fprintf(stderr, "mail_send: %s\n", what);
	exit(2);
}

static char *read_file(const char *path, size_t *len_out)
{
	FILE *file = fopen(path, "rb");
	struct buf bytes = BUF_INIT;
	char part[4096];
	size_t got;

	if (!file)
		die(path);
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		buf_add(&bytes, part, got);
	fclose(file);
	*len_out = bytes.len;
	return bytes.len > 0 ? buf_take(&bytes) : strdup("");
}

static void read_mailbox(struct mailbox *out, const char *text)
{
	struct err err;

	mailbox_finish(out);
	if (mailbox_parse(out, text, &err) != ERR_OK)
		die(err.text);
}

static int choose(const char *value, const char *const *names)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], value) == 0)
			return i;
	}
	die(value);
	return 0;
}

static void add_part(const char *name, const char *path, bool inlined)
{
	struct mime_part *part = &parts[mail.part_count++];

	*part = (struct mime_part){
		.type = inlined ? "image/png" : "text/csv; charset=utf-8",
		.name = name,
		.content_id = inlined ? name : NULL};
	part->bytes = read_file(path, &part->len);
	mail.parts = parts;
}

static void set_option(const char *name, char **value)
{
	static const char *const tls[] = {"required", "none", NULL};
	static const char *const auth[] = {"none", "plain", "login", "xoauth2", NULL};
	size_t ignored;

	if (strcmp(name, "--url") == 0)
		server.url = value[0];
	else if (strcmp(name, "--tls") == 0)
		server.tls = (enum smtp_tls)choose(value[0], tls);
	else if (strcmp(name, "--auth") == 0)
		server.auth = (enum smtp_auth)choose(value[0], auth);
	else if (strcmp(name, "--user") == 0)
		server.username = value[0];
	else if (strcmp(name, "--password") == 0)
		server.password = (struct secret){.values = {value[0]}, .count = 1};
	else if (strcmp(name, "--bearer") == 0)
		bearer = value[0];
	else if (strcmp(name, "--ca") == 0)
		server.ca_file = value[0];
	else if (strcmp(name, "--timeout") == 0)
		server.timeout_ms = atoi(value[0]);
	else if (strcmp(name, "--from") == 0)
		read_mailbox(&from, value[0]);
	else if (strcmp(name, "--to") == 0)
		read_mailbox(&to, value[0]);
	else if (strcmp(name, "--raw-to") == 0)
		raw_to = value[0];
	else if (strcmp(name, "--subject") == 0)
		mail.subject = value[0];
	else if (strcmp(name, "--text") == 0)
		mail.text = read_file(value[0], &ignored);
	else if (strcmp(name, "--html") == 0)
		mail.html = read_file(value[0], &ignored);
	else if (strcmp(name, "--count") == 0)
		count = atoi(value[0]);
	else if (strcmp(name, "--connections") == 0)
		connections = atoi(value[0]);
	else if (strcmp(name, "--pause") == 0)
		pause_ms = atoi(value[0]);
	else if (strcmp(name, "--cancel") == 0)
		cancel_ms = atoi(value[0]);
	else
		die(name);
}

static void read_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--allow-plain") == 0) {
			server.allow_plain = true;
		} else if (strcmp(argv[i], "--one-by-one") == 0) {
			one_by_one = true;
		} else if (strcmp(argv[i], "--check") == 0) {
			check = true;
		} else if (strcmp(argv[i], "--forget") == 0) {
			forget = true;
		} else if (i + 2 < argc && (strcmp(argv[i], "--attach") == 0 ||
						   strcmp(argv[i], "--inline") == 0)) {
			add_part(argv[i + 1], argv[i + 2], argv[i][2] == 'i');
			i += 2;
		} else if (i + 1 < argc) {
			set_option(argv[i], argv + i + 1);
			i++;
		} else {
			die(argv[i]);
		}
	}
	if (!server.url || count < 1 || count > MAILS_MAX)
		die("--url is missing, or --count is not 1 to 1000");
}

static void print_answer(const struct mail_answer *answer)
{
	struct outcome outcome = mail_outcome(answer, &server);
	cJSON *json = cJSON_CreateObject();
	char *text;

	cJSON_AddBoolToObject(json, "accepted", answer->accepted);
	cJSON_AddStringToObject(json, "stage", mail_stage_name(answer->stage));
	cJSON_AddNumberToObject(json, "code", answer->code);
	cJSON_AddStringToObject(json, "enhanced", answer->enhanced);
	cJSON_AddStringToObject(json, "words", answer->words);
	cJSON_AddNumberToObject(json, "failure", answer->failure);
	cJSON_AddBoolToObject(json, "sent", answer->sent);
	cJSON_AddBoolToObject(json, "lacking", answer->lacking);
	cJSON_AddStringToObject(json, "error", answer->error);
	cJSON_AddNumberToObject(json, "duration_ms", (double)answer->duration_ms);
	cJSON_AddStringToObject(json, "outcome", outcome_name(outcome.kind));
	cJSON_AddStringToObject(json, "reason", reason_name(outcome.reason));
	cJSON_AddBoolToObject(json, "needs_person", outcome.needs_person);
	cJSON_AddBoolToObject(json, "destination", outcome.destination);
	cJSON_AddStringToObject(json, "remedy", outcome.remedy);
	cJSON_AddStringToObject(json, "remote_id", outcome.remote_id);
	text = cJSON_PrintUnformatted(json);
	puts(text);
	cJSON_free(text);
	cJSON_Delete(json);
}

static void on_done(struct mail_exchange *exchange);

static void start_one(void)
{
	struct mail_exchange *exchange = &exchanges[started];
	struct mime_mail this = mail;
	struct err err;
	char id[64];

	snprintf(id, sizeof(id), "0193-test-%d@contoso.com", started);
	this.from = &from;
	this.to = &to;
	this.message_id = id;
	*exchange = (struct mail_exchange){
		.server = &server, .check_only = check, .done = on_done};
	if (!check && mime_build(&exchange->message, &this, &err) != ERR_OK)
		die(err.text);
	if (!check) {
		buf_adds(&exchange->from, from.address);
		buf_adds(&exchange->to, raw_to ? raw_to : to.address);
	}
	if (bearer)
		buf_adds(&exchange->bearer, bearer);
	started++;
	transport.send(transport.ctx, exchange);
}

static void on_pause_over(uv_timer_t *handle)
{
	(void)handle;
	start_one();
}

static void on_cancel(uv_timer_t *handle)
{
	(void)handle;
	for (int i = finished; i < started; i++)
		transport.cancel(transport.ctx, &exchanges[i]);
}

static void on_done(struct mail_exchange *exchange)
{
	print_answer(&exchange->answer);
	mail_exchange_finish(exchange);
	finished++;
	if (forget)
		mail_client_forget_connections(client);
	if (finished == count) {
		uv_close((uv_handle_t *)&timer, NULL);
		mail_client_close(client, NULL, NULL);
	} else if (one_by_one && pause_ms > 0) {
		uv_timer_start(&timer, on_pause_over, (uint64_t)pause_ms, 0);
	} else if (one_by_one) {
		start_one();
	}
}

int main(int argc, char **argv)
{
	struct err err;

	read_mailbox(&from, "Lead relay <relay@contoso.com>");
	read_mailbox(&to, "owner@contoso.com");
	read_arguments(argc, argv);
	if (!mail.text && !mail.html)
		mail.text = strdup("Hello\n");
	if (smtp_settings_check(&server, &err) != ERR_OK && !server.oauth.method &&
		server.auth != SMTP_AUTH_XOAUTH2)
		fprintf(stderr, "settings: %s\n", err.text);
	uv_loop_init(&loop);
	uv_timer_init(&loop, &timer);
	if (mail_client_create(&client, &loop, &clock_system, connections, &err) !=
		ERR_OK)
		die(err.text);
	transport = mail_client_transport(client);
	for (int i = 0; i < (one_by_one ? 1 : count); i++)
		start_one();
	if (cancel_ms >= 0)
		uv_timer_start(&timer, on_cancel, (uint64_t)cancel_ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free((void *)mail.text);
	free((void *)mail.html);
	for (size_t i = 0; i < mail.part_count; i++)
		free((void *)parts[i].bytes);
	mailbox_finish(&from);
	mailbox_finish(&to);
	return 0;
}
