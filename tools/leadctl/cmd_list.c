/* list: a table, or a line of JSON per lead. */
#include "table.h"

#include "leadrelay/json.h"

#include <string.h>

#define TABLE_PAGE 200 /* rows whose widths are agreed upon before they are printed */
#define ID_SHOWN 12    /* the end of an id tells leads apart, the beginning is the time */

static const struct column columns[] = {{"ID", 0, false}, {"RECEIVED", 0, false},
	{"SOURCE", 20, false}, {"E-MAIL", 32, false}, {"COMPANY", 24, false},
	{"DELIVERIES", 0, false}, {NULL, 0, false}};

struct listing {
	struct cli *cli;
	struct table table;
};

static const char *short_id(const cJSON *lead)
{
	const char *id = json_string(lead, "id");
	size_t len = id ? strlen(id) : 0;

	return len > ID_SHOWN ? id + len - ID_SHOWN : id;
}

/* The state of a lead is the worst of its deliveries'. */
static enum colour lead_colour(const cJSON *lead)
{
	const cJSON *deliveries = cJSON_GetObjectItemCaseSensitive(lead, "deliveries");
	const cJSON *delivery;
	enum colour colour = PLAIN;

	cJSON_ArrayForEach (delivery, deliveries) {
		enum colour one = state_colour(json_string(delivery, "state"));

		if (one == RED || colour == PLAIN)
			colour = one;
	}
	return json_bool(lead, "quarantined", false) ? RED : colour;
}

static void describe_delivery(struct buf *out, const cJSON *delivery)
{
	const char *state = json_string(delivery, "state");
	const char *reason = json_string(delivery, "reason");
	bool settled = state && strcmp(state, "delivered") == 0;

	buf_addf(out, "%s%s %s", out->len ? ", " : "",
		json_string(delivery, "destination"), state);
	if (reason && !settled)
		buf_addf(out, " (%s)", reason);
}

static void describe(struct buf *out, const cJSON *lead)
{
	const cJSON *deliveries = cJSON_GetObjectItemCaseSensitive(lead, "deliveries");
	const cJSON *delivery;

	cJSON_ArrayForEach (delivery, deliveries) {
		describe_delivery(out, delivery);
	}
	if (json_bool(lead, "quarantined", false))
		buf_addf(out, "%s: %s",
			json_bool(lead, "discarded", false) ? "discarded" : "quarantined",
			json_string(lead, "problem") ? json_string(lead, "problem") : "");
	else if (out->len == 0)
		buf_adds(out, "no destination wants it");
	if (json_bool(lead, "test", false))
		buf_adds(out, " [test]");
}

static void add_row(struct listing *listing, const cJSON *lead)
{
	struct table *table = &listing->table;
	struct buf deliveries = BUF_INIT;
	char received[AGE_TEXT_SIZE];

	describe(&deliveries, lead);
	table_add(table, short_id(lead), PLAIN);
	table_add(table, moment_text(json_string(lead, "received_at"), received), PLAIN);
	table_add(table, json_string(lead, "source"), PLAIN);
	table_add(table, json_string(lead, "email"), PLAIN);
	table_add(table, json_string(lead, "company"), PLAIN);
	table_add(table, buf_str(&deliveries), lead_colour(lead));
	buf_finish(&deliveries);
	if (table_rows(table) == TABLE_PAGE) {
		table_flush(table, listing->cli);
		cli_flush_full(listing->cli);
	}
}

static void take_lead(void *ctx, const cJSON *lead)
{
	struct listing *listing = ctx;

	if (listing->cli->json)
		cli_print_json(listing->cli, lead);
	else
		add_row(listing, lead);
}

static void print_end(
	struct listing *listing, const cJSON *done, const struct arguments *args)
{
	long long listed = json_integer(done, "listed", 0);

	table_flush(&listing->table, listing->cli);
	if (listed == 0)
		buf_adds(&listing->cli->out, "no leads\n");
	else if (!arguments_value(args, "limit") && listed == 50)
		cli_warn(listing->cli, "these are the newest 50; --limit 0 lists all");
}

int cmd_list(struct cli *cli, const struct arguments *args)
{
	struct listing listing = {.cli = cli};
	struct answers answers = {.item = take_lead, .ctx = &listing};
	cJSON *request = request_create("list");
	int status;

	if (args->word_count > 1) {
		cJSON_Delete(request);
		return cli_usage(cli,
			"list takes filters, no words; one lead: `leadctl show %s`",
			args->words[1]);
	}
	status = request_add_filters(cli, request, args);
	if (status == EXIT_DONE)
		status = request_add_limit(cli, request, args);
	if (status != EXIT_DONE) {
		cJSON_Delete(request);
		return status;
	}
	table_init(&listing.table, columns, "");
	status = cli_ask(cli, request, &answers);
	if (status == EXIT_DONE && !cli->json)
		print_end(&listing, answers.done, args);
	table_finish(&listing.table);
	cJSON_Delete(answers.done);
	return status;
}
