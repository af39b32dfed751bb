/* A request of the API as a control request: the path; then the query, a line for each
 * NAME=VALUE; behind a line "%%" the body. */
#include "fuzz.h"

#include "leadrelay/json.h"
#include "room.h"

#define QUERY_MAX 8

struct query {
	char *lines[QUERY_MAX];
	struct api_query items[QUERY_MAX];
	size_t count;
};

static void read_query(struct input section, struct query *query)
{
	while (section.at < section.end && query->count < QUERY_MAX) {
		char *line = input_line(&section);
		char *value = strchrnul(line, '=');

		if (*value)
			*value++ = '\0';
		query->lines[query->count] = line;
		query->items[query->count++] =
			(struct api_query){.name = line, .value = value};
	}
}

/* Whoever is not shown persons has said so to control; many leads are meant. */
static void require_wishes(
	const struct api_asked *asked, const struct api_wish *wish, const cJSON *request)
{
	const struct api_route *route = asked->route;

	REQUIRE(!route->personal || route->raw || wish->show_personal ||
		json_bool(request, "masked", false));
	REQUIRE(!cJSON_HasObjectItem(request, "personal") &&
		!cJSON_HasObjectItem(request, "yes"));
	REQUIRE(!route->filters || cJSON_HasObjectItem(request, "ids") ||
		json_bool(request, "dry_run", false) ||
		json_bool(asked->body, "yes", false));
	if (route->command)
		REQUIRE(strcmp(json_string(request, "command"), route->command) == 0);
}

static void try_request(const struct api_asked *asked)
{
	struct api_wish wish;
	struct err err = {0};
	cJSON *request = NULL;
	enum err_code code = api_request(asked, &request, &wish, &err);
	char *text;

	if (code == ERR_OK) {
		require_wishes(asked, &wish, request);
		text = cJSON_PrintUnformatted(request);
		REQUIRE(text);
		require_utf8(text);
		cJSON_free(text);
		if (asked->route->command)
			code = control_check_request(request, NOW, &err);
	}
	if (code != ERR_OK) {
		REQUIRE(code == ERR_INVALID && err.text[0]);
		require_utf8(err.text); /* it becomes a problem's detail */
	}
	cJSON_Delete(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	char *path = input_line(&input), part[PART_SIZE];
	struct query query = {.count = 0};
	struct api_asked asked = {.route = api_find(path, part), .part = part};
	cJSON *body = NULL;

	read_query(input_section(&input), &query);
	if (input.at < input.end)
		json_read(input.at, (size_t)(input.end - input.at), &body, NULL);
	asked.query = query.items;
	asked.query_count = query.count;
	asked.body = body;
	if (asked.route)
		try_request(&asked);
	cJSON_Delete(body);
	for (size_t i = 0; i < query.count; i++)
		free(query.lines[i]);
	free(path);
	return 0;
}
