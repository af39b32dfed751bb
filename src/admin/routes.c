/*
 * What the API has, in one table: each path, what control request it becomes, and what of
 * the answer is told. openapi.yaml says the same for people; a test holds the two
 * together.
 */
#include "room.h"

#include <string.h>

#define END \
	{ \
		.name = NULL \
	}
#define PERSONAL \
	{ \
		.name = "personal", .own = true \
	}
#define FILTERS \
	{.name = "state"}, {.name = "destination"}, {.name = "source"}, \
		{.name = "since"}, {.name = "until"}, {.name = "reason"}, \
	{ \
		.name = "email" \
	}
#define LIMIT \
	{ \
		.name = "limit", .kind = PARAM_NUMBER, .min = 1, .max = 500 \
	}

static const struct param personal_params[] = {PERSONAL, END};
static const struct param list_params[] = {
	FILTERS, LIMIT, {.name = "before"}, PERSONAL, END};
static const struct param mails_params[] = {{.name = "state"}, LIMIT, PERSONAL, END};
static const struct param activity_params[] = {
	{.name = "hours", .kind = PARAM_NUMBER, .min = 1, .max = 840}, END};
static const struct param events_params[] = {
	{.name = "after", .kind = PARAM_NUMBER, .min = 0, .max = 1LL << 53},
	{.name = "limit", .kind = PARAM_NUMBER, .min = 1, .max = 1000}, END};
static const struct param report_params[] = {{.name = "name"}, {.name = "since"},
	{.name = "until"}, {.name = "format", .own = true}, END};

#define CHANGE \
	{.name = "ids", .kind = PARAM_IDS}, FILTERS, \
		{.name = "dry_run", .kind = PARAM_FLAG}, \
	{ \
		.name = "yes", .kind = PARAM_FLAG, .own = true \
	}
static const struct param change_params[] = {CHANGE, END};
static const struct param replay_params[] = {CHANGE,
	{.name = "again", .kind = PARAM_FLAG}, {.name = "set", .kind = PARAM_SET},
	{.name = "to"}, END};
static const struct param park_params[] = {{.name = "why"}, END};
static const struct param retry_params[] = {{.name = "ids", .kind = PARAM_IDS}, END};

const struct api_route api_routes[] = {
	{.method = "GET", .pattern = "/version"},
	{.method = "GET", .pattern = "/status", .command = "status"},
	{.method = "GET", .pattern = "/sources", .command = "status", .pick = "sources"},
	{.method = "GET", .pattern = "/destinations", .command = "destinations"},
	{.method = "POST",
		.pattern = "/destinations/{}/park",
		.command = "destinations",
		.action = "park",
		.part = "name",
		.params = park_params},
	{.method = "POST",
		.pattern = "/destinations/{}/resume",
		.command = "destinations",
		.action = "resume",
		.part = "name"},
	{.method = "POST", .pattern = "/resume", .command = "resume"},
	{.method = "GET",
		.pattern = "/leads",
		.command = "list",
		.params = list_params,
		.list = "leads",
		.personal = true},
	{.method = "GET",
		.pattern = "/leads/{}",
		.command = "show",
		.part = "id",
		.params = personal_params,
		.personal = true},
	{.method = "GET",
		.pattern = "/leads/{}/raw",
		.command = "show",
		.part = "id",
		.params = personal_params,
		.raw = true,
		.personal = true},
	{.method = "POST",
		.pattern = "/replay",
		.command = "replay",
		.params = replay_params,
		.list = "refusals",
		.filters = true,
		.slow = true},
	{.method = "POST",
		.pattern = "/hold",
		.command = "hold",
		.params = change_params,
		.list = "refusals",
		.filters = true,
		.slow = true},
	{.method = "POST",
		.pattern = "/release",
		.command = "release",
		.params = change_params,
		.list = "refusals",
		.filters = true,
		.slow = true},
	{.method = "POST",
		.pattern = "/discard",
		.command = "discard",
		.params = change_params,
		.list = "refusals",
		.filters = true,
		.slow = true},
	{.method = "GET",
		.pattern = "/notifications",
		.command = "notifications",
		.action = "list",
		.params = mails_params,
		.list = "notifications",
		.personal = true},
	{.method = "POST",
		.pattern = "/notifications/retry",
		.command = "notifications",
		.action = "retry",
		.params = retry_params,
		.slow = true},
	{.method = "GET",
		.pattern = "/reports",
		.command = "report",
		.params = report_params,
		.slow = true},
	{.method = "GET",
		.pattern = "/reasons",
		.command = "reasons",
		.params = personal_params,
		.list = "reasons",
		.personal = true},
	{.method = "GET", .pattern = "/shape", .command = "shape"},
	{.method = "GET",
		.pattern = "/activity",
		.command = "activity",
		.params = activity_params},
	{.method = "GET",
		.pattern = "/events",
		.command = "tail",
		.params = events_params,
		.list = "events"},
	{.method = "GET", .pattern = "/check", .command = "check", .slow = true},
	{.method = "POST", .pattern = "/prune", .command = "prune", .slow = true},
};
const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);

/* Whether path is what pattern describes; {} is one part that is not empty. */
static bool matches(const char *pattern, const char *path, char part_out[PART_SIZE])
{
	const char *hole = strstr(pattern, "{}");
	size_t before = hole ? (size_t)(hole - pattern) : 0, len;

	if (!hole)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0)
		return false;
	path += before;
	len = strcspn(path, "/");
	if (len == 0 || len >= PART_SIZE || strcmp(hole + 2, path + len) != 0)
		return false;
	memcpy(part_out, path, len);
	part_out[len] = '\0';
	return true;
}

const struct api_route *api_find(const char *path, char part_out[PART_SIZE])
{
	size_t prefix = strlen(API_PREFIX);

	*part_out = '\0';
	if (strncmp(path, API_PREFIX, prefix) != 0)
		return NULL;
	for (size_t i = 0; i < api_route_count; i++)
		if (matches(api_routes[i].pattern, path + prefix, part_out))
			return &api_routes[i];
	return NULL;
}
