/* Filters and ids of a command line, as members of a request. */
#include "leadctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const filters[] = {
	"state", "destination", "source", "since", "until", "reason"};

/* A process list is public: "-" reads the address from standard input. */
static int add_email(struct cli *cli, cJSON *request, const char *email)
{
	char line[1024];

	if (strcmp(email, "-") == 0) {
		if (!fgets(line, sizeof(line), stdin))
			return cli_usage(
				cli, "--email -: standard input holds no address");
		line[strcspn(line, "\r\n")] = '\0';
		email = line;
	}
	cJSON_AddStringToObject(request, "email", email);
	return EXIT_DONE;
}

int request_add_filters(struct cli *cli, cJSON *request, const struct arguments *args)
{
	const char *email = arguments_value(args, "email");

	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		const char *value = arguments_value(args, filters[i]);

		if (value)
			cJSON_AddStringToObject(request, filters[i], value);
	}
	return email ? add_email(cli, request, email) : EXIT_DONE;
}

int request_add_limit(struct cli *cli, cJSON *request, const struct arguments *args)
{
	const char *text = arguments_value(args, "limit");
	long long limit;
	char *end;

	if (!text)
		return EXIT_DONE;
	errno = 0;
	limit = strtoll(text, &end, 10);
	if (errno || *end || end == text || limit < 0 || limit > 1000000000000)
		return cli_usage(
			cli, "--limit: \"%s\" is not a number of leads; 0 is all", text);
	cJSON_AddNumberToObject(request, "limit", (double)limit);
	return EXIT_DONE;
}
