#include "csv_arguments.h"

#include <stdlib.h>
#include <string.h>

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

static int add_pair(struct cli *cli, struct pair_list *map, const char *text)
{
	const char *equals = strrchr(text, '='); /* no field's name has one */
	struct pair *more;

	if (!equals || equals == text || !equals[1])
		return cli_usage(cli,
			"--map: \"%s\" is not heading=field, such as \"Customer mail=email\"",
			text);
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
