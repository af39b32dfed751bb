#include "csv_arguments.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int read_delimiter(struct cli *cli, const char *text, char *out)
{
	if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
		text = "\t";
	if (strlen(text) != 1)
		return cli_usage(cli,
			"--delimiter: \"%s\" is not one character; , ; | or tab", text);
	*out = *text;
	return EXIT_DONE;
}

/* What was said of this heading before; NULL: nothing. */
static const struct pair *said_before(
	const struct pair_list *map, const char *heading, size_t len)
{
	for (size_t i = 0; i < map->count; i++)
		if (strlen(map->items[i].name) == len &&
			strncasecmp(map->items[i].name, heading, len) == 0)
			return &map->items[i];
	return NULL;
}

static int add_pair(struct cli *cli, struct pair_list *map, const char *text)
{
	const char *equals = strrchr(text, '='); /* no field's name has one */
	const struct pair *before;
	struct pair *more;

	if (!equals || equals == text || !equals[1])
		return cli_usage(cli,
			"--map: \"%s\" is not heading=field, such as \"Customer mail=email\"",
			text);
	before = said_before(map, text, (size_t)(equals - text));
	if (before && strcmp(before->value, equals + 1) != 0)
		return cli_usage(cli,
			"--map: \"%s\" is %s already; a column goes to one field",
			before->name, before->value);
	more = realloc(map->items, (map->count + 1) * sizeof(*more));
	if (!more)
		return EXIT_FAILED;
	map->items = more;
	map->items[map->count++] =
		(struct pair){.name = strndup(text, (size_t)(equals - text)),
			.value = strdup(equals + 1)};
	return EXIT_DONE;
}

int csv_arguments_read(struct cli *cli, const struct arguments *args,
	struct csv_options *options, struct pair_list *map)
{
	const char *delimiter = arguments_value(args, "delimiter");
	int status = EXIT_DONE;

	*map = (struct pair_list){0};
	*options = (struct csv_options){.encoding = arguments_value(args, "encoding")};
	if (delimiter)
		status = read_delimiter(cli, delimiter, &options->delimiter);
	for (size_t i = 0; i < args->given_count && status == EXIT_DONE; i++)
		if (strcmp(args->given[i].rule->name, "map") == 0)
			status = add_pair(cli, map, args->given[i].value);
	return status;
}

void csv_arguments_finish(struct pair_list *map)
{
	for (size_t i = 0; i < map->count; i++) {
		free(map->items[i].name);
		free(map->items[i].value);
	}
	free(map->items);
	*map = (struct pair_list){0};
}
