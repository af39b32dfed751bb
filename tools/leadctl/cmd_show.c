/* show: one lead's whole story in words, or the bytes it came as. */
#include "table.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"

#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH 14

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void print_pair(struct cli *cli, const char *name, const char *value)
{
	buf_adds(&cli->out, "  ");
	out_text(cli, name);
	buf_addf(&cli->out, "%*s ",
		NAME_WIDTH > text_columns(name) ? NAME_WIDTH - text_columns(name) : 0,
		"");
	out_text(cli, value);
	buf_addc(&cli->out, '\n');
}

static void print_json_pair(struct cli *cli, const cJSON *item)
{
	char *text;

	if (cJSON_IsString(item)) {
		print_pair(cli, item->string, item->valuestring);
		return;
	}
	text = cJSON_PrintUnformatted(item);
	print_pair(cli, item->string, text ? text : "");
	free(text);
}

/* How it came, where not by itself. */
static const char *origin_words(const cJSON *lead)
{
	const char *origin = json_string(lead, "origin");

	if (origin && strcmp(origin, "import") == 0)
		return "; imported from a file";
	if (origin && strcmp(origin, "recovered") == 0)
		return "; recovered: `reconcile` found that it never came in";
	return "";
}

static void print_received(struct cli *cli, const cJSON *lead)
{
	const char *received = json_string(lead, "received_at");
	long long repeats = json_integer(lead, "duplicates", 0);
	char moment[AGE_TEXT_SIZE], age[AGE_TEXT_SIZE];

	buf_addf(&cli->out, "came in at %s, %s ago, from %s",
		moment_text(received, moment), age_text(cli, received, age),
		json_string(lead, "source"));
	buf_adds(&cli->out, origin_words(lead));
	if (json_bool(lead, "test", false))
		buf_adds(&cli->out, "; it is a test lead");
	if (repeats > 0) {
		buf_adds(&cli->out, "; repeated ");
		out_count(cli, repeats, "time", "times");
		buf_adds(&cli->out, " since, recognised");
	}
	buf_addc(&cli->out, '\n');
}

static void print_quarantine(struct cli *cli, const cJSON *lead, const char *id)
{
	const char *problem = json_string(lead, "problem");
	bool discarded = json_bool(lead, "discarded", false);

	buf_addf(&cli->out, "\n%s%s%s: ", colour_start(cli, RED),
		discarded ? "discarded" : "quarantined", colour_end(cli));
	out_text(cli, problem ? problem : "it is not a lead yet");
	if (!discarded)
		buf_addf(&cli->out,
			"\n  what to do: `leadctl show %s --raw` shows what came in; `leadctl "
			"replay %s --set field=value` makes it a lead, `leadctl discard %s` ends "
			"it",
			id, id, id);
	buf_addc(&cli->out, '\n');
}

static void print_lead(struct cli *cli, const cJSON *lead)
{
	const char *id = json_string(lead, "id");
	const cJSON *item;

	buf_addf(
		&cli->out, "%slead %s%s\n", colour_start(cli, BOLD), id, colour_end(cli));
	print_received(cli, lead);
	buf_addc(&cli->out, '\n');
	cJSON_ArrayForEach (item, member(lead, "fields")) {
		print_json_pair(cli, item);
	}
	cJSON_ArrayForEach (item, member(lead, "extra")) {
		print_json_pair(cli, item);
	}
	if (json_bool(lead, "quarantined", false))
		print_quarantine(cli, lead, id);
	else if (cJSON_GetArraySize(member(lead, "deliveries")) == 0)
		buf_adds(&cli->out, "\nno destination wants it (`when`): `leadctl replay "
				    "ID --to NAME` sends it to one\n");
}

/* ---- deliveries ---- */

static void print_history(struct cli *cli, const cJSON *history)
{
	static const struct column columns[] = {{"AT", 0, false}, {"OUTCOME", 0, false},
		{"REASON", 0, false}, {"HTTP", 0, true}, {"TOOK", 0, true},
		{"WORDS", 120, false}, {NULL, 0, false}};
	const cJSON *attempt;
	struct table table;

	table_init(&table, columns, "    ");
	cJSON_ArrayForEach (attempt, history) {
		long long http_status = json_integer(attempt, "http_status", 0);
		char moment[AGE_TEXT_SIZE], took[DURATION_TEXT_SIZE];
		char http[COUNT_TEXT_SIZE] = "";

		if (http_status)
			count_text(http_status, http);
		duration_human(json_integer(attempt, "duration_ms", 0), took);
		table_add(&table, moment_text(json_string(attempt, "at"), moment), PLAIN);
		table_add(&table, json_string(attempt, "outcome"), PLAIN);
		table_add(&table, json_string(attempt, "reason"), PLAIN);
		table_add(&table, http, PLAIN);
		table_add(&table, took, PLAIN);
		table_add(&table, json_string(attempt, "error"), PLAIN);
	}
	table_flush(&table, cli);
	table_finish(&table);
}

static void print_headline(struct cli *cli, const cJSON *delivery)
{
	const char *state = json_string(delivery, "state");
	const char *reason = json_string(delivery, "reason");
	const char *remote_id = json_string(delivery, "remote_id");
	const char *delivered_at = json_string(delivery, "delivered_at");
	long long attempts = json_integer(delivery, "attempts", 0);
	char moment[AGE_TEXT_SIZE];

	buf_addf(&cli->out, "\n%s%s%s: %s%s%s", colour_start(cli, BOLD),
		json_string(delivery, "destination"), colour_end(cli),
		colour_start(cli, state_colour(state)), state, colour_end(cli));
	if (delivered_at)
		buf_addf(&cli->out, " at %s", moment_text(delivered_at, moment));
	else if (reason)
		buf_addf(&cli->out, ", %s", reason);
	if (attempts) {
		buf_adds(&cli->out, ", ");
		out_count(cli, attempts, "attempt", "attempts");
	}
	if (remote_id) {
		buf_adds(&cli->out, ", record ");
		out_text(cli, remote_id);
	}
	buf_addc(&cli->out, '\n');
}

static void print_delivery(struct cli *cli, const char *id, const cJSON *delivery)
{
	const char *error = json_string(delivery, "error");
	const char *state = json_string(delivery, "state");
	struct buf remedy = BUF_INIT;

	print_headline(cli, delivery);
	if (error && state && strcmp(state, "delivered") != 0) {
		buf_adds(&cli->out, "  it said: ");
		out_text(cli, error);
		buf_addc(&cli->out, '\n');
	}
	remedy_delivery(&remedy, id, delivery);
	if (remedy.len)
		buf_addf(&cli->out, "  what to do: %s\n", buf_str(&remedy));
	buf_finish(&remedy);
	print_history(cli, member(delivery, "history"));
}

static void print_notification(struct cli *cli, const cJSON *mail)
{
	const char *state = json_string(mail, "state");
	const char *sent_at = json_string(mail, "sent_at");
	const char *error = json_string(mail, "error");
	long long attempts = json_integer(mail, "attempts", 0);
	char moment[AGE_TEXT_SIZE];

	buf_adds(&cli->out, "\nnotification to ");
	out_text(cli, json_string(mail, "to"));
	buf_addf(&cli->out, ": %s%s%s", colour_start(cli, state_colour(state)), state,
		colour_end(cli));
	if (sent_at)
		buf_addf(&cli->out, " at %s", moment_text(sent_at, moment));
	if (attempts) {
		buf_adds(&cli->out, ", ");
		out_count(cli, attempts, "attempt", "attempts");
	}
	buf_addc(&cli->out, '\n');
	if (!error || sent_at)
		return;
	buf_adds(&cli->out, "  the mail server said: ");
	out_text(cli, error);
	buf_addc(&cli->out, '\n');
}

static void print_notifications(struct cli *cli, const cJSON *lead)
{
	const cJSON *mail;
	bool dead = false;

	cJSON_ArrayForEach (mail, member(lead, "notifications")) {
		const char *state = json_string(mail, "state");

		print_notification(cli, mail);
		dead |= state && strcmp(state, "dead") == 0;
	}
	if (dead)
		buf_addf(&cli->out,
			"  what to do: correct the address (`contacts`), or `leadctl "
			"notifications retry %s`\n",
			json_string(lead, "id"));
}

static void print_story(struct cli *cli, const cJSON *lead)
{
	const cJSON *delivery;

	print_lead(cli, lead);
	cJSON_ArrayForEach (delivery, member(lead, "deliveries")) {
		print_delivery(cli, json_string(lead, "id"), delivery);
	}
	print_notifications(cli, lead);
}

/* ---- --raw ---- */

static int base64_value(char c)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

/* Ours, so well formed: what is no letter is padding. */
static void add_decoded(struct buf *out, const char *text)
{
	unsigned bits = 0;
	int held = 0;

	for (; *text; text++) {
		int value = base64_value(*text);

		if (value < 0)
			break;
		bits = bits << 6 | (unsigned)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			buf_addc(out, (char)(bits >> held & 0xff));
		}
	}
}

static void take_raw(void *ctx, const cJSON *item)
{
	struct cli *cli = ctx;
	const char *piece = json_string(item, "raw");

	if (piece)
		add_decoded(&cli->out, piece);
	cli_flush_full(cli);
}

int cmd_show(struct cli *cli, const struct arguments *args)
{
	struct answers answers = {.item = take_raw, .ctx = cli};
	bool raw = arguments_has(args, "raw");
	cJSON *request;
	int status;

	if (args->word_count != 2)
		return cli_usage(
			cli, "show: which lead? one id, or the beginning or end of it");
	request = request_create("show");
	cJSON_AddStringToObject(request, "id", args->words[1]);
	cJSON_AddBoolToObject(request, "raw", raw);
	status = cli_ask(cli, request, &answers);
	if (status != EXIT_DONE)
		return status;
	if (!raw && cli->json)
		cli_print_json(cli, answers.done);
	else if (!raw)
		print_story(cli, answers.done);
	cJSON_Delete(answers.done);
	return EXIT_DONE;
}
