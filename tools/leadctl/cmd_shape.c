/* shape: how old is what waits, is held or is dead, destination by destination. */
#include "table.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"

#include <stdio.h>
#include <string.h>

#define BUCKETS_MAX (TABLE_COLUMNS_MAX - 3)

struct heads { /* titles made of the answer */
	char titles[BUCKETS_MAX][DURATION_TEXT_SIZE];
	struct column columns[TABLE_COLUMNS_MAX + 1];
	int buckets;
};

static const cJSON *buckets_of(const cJSON *destination)
{
	return cJSON_GetObjectItemCaseSensitive(destination, "buckets");
}

/* "5m": up to that old; the last has no end. */
static void make_heads(struct heads *heads, const cJSON *destination)
{
	const cJSON *bucket;
	int at = 0;

	heads->columns[at++] = (struct column){"DESTINATION", 24, false};
	heads->columns[at++] = (struct column){"STATE", 0, false};
	heads->columns[at++] = (struct column){"ALL", 0, true};
	cJSON_ArrayForEach (bucket, buckets_of(destination)) {
		long long up_to_s = json_integer(bucket, "up_to_s", -1);
		char *title;

		if (heads->buckets == BUCKETS_MAX)
			break;
		title = heads->titles[heads->buckets++];
		if (up_to_s < 0)
			snprintf(title, DURATION_TEXT_SIZE, "OLDER");
		else
			duration_text(up_to_s * 1000, title);
		heads->columns[at++] = (struct column){title, 0, true};
	}
	heads->columns[at] = (struct column){NULL, 0, false};
}

static void add_row(struct table *table, const struct heads *heads,
	const cJSON *destination, const char *name, const char *state)
{
	const cJSON *bucket, *list = buckets_of(destination);
	int64_t all = 0;
	int i = 0;

	cJSON_ArrayForEach (bucket, list) {
		all += json_integer(bucket, state, 0);
	}
	table_add(table, name, PLAIN);
	table_add(table, state, all ? state_colour(state) : DIM);
	table_add_count(table, all, all ? PLAIN : DIM);
	cJSON_ArrayForEach (bucket, list) {
		int64_t count = json_integer(bucket, state, 0);

		if (i++ < heads->buckets)
			table_add_count(table, count, count ? PLAIN : DIM);
	}
	for (; i < heads->buckets; i++)
		table_add(table, NULL, PLAIN);
}

static bool has_any(const cJSON *destination, const char *state)
{
	const cJSON *bucket;

	cJSON_ArrayForEach (bucket, buckets_of(destination)) {
		if (json_integer(bucket, state, 0) > 0)
			return true;
	}
	return false;
}

/* What waits in any case, the others where there are some. */
static void add_destination(
	struct table *table, const struct heads *heads, const cJSON *destination)
{
	static const char *const others[] = {"held", "dead"};

	add_row(table, heads, destination, json_string(destination, "name"), "pending");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (has_any(destination, others[i]))
			add_row(table, heads, destination, NULL, others[i]);
}

static void print_shape(struct cli *cli, const cJSON *list)
{
	struct heads heads = {0};
	const cJSON *destination;
	struct table table;

	if (cJSON_GetArraySize(list) == 0) {
		buf_adds(&cli->out, "no destinations yet: leadrelayd enters them at its "
				    "first start\n");
		return;
	}
	make_heads(&heads, cJSON_GetArrayItem(list, 0));
	table_init(&table, heads.columns, "");
	cJSON_ArrayForEach (destination, list) {
		add_destination(&table, &heads, destination);
	}
	table_flush(&table, cli);
	table_finish(&table);
}

int cmd_shape(struct cli *cli, const struct arguments *args)
{
	struct answers answers = {0};
	int status;

	if (args->word_count > 1)
		return cli_usage(cli, "shape takes no words");
	status = cli_ask(cli, request_create("shape"), &answers);
	if (status != EXIT_DONE)
		return status;
	if (cli->json)
		cli_print_json(cli, answers.done);
	else
		print_shape(cli,
			cJSON_GetObjectItemCaseSensitive(answers.done, "destinations"));
	cJSON_Delete(answers.done);
	return EXIT_DONE;
}
