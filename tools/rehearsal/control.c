#include "control.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crm.h"
#include "faults.h"
#include "journal.h"
#include "leads.h"
#include "moment.h"
#include "records.h"
#include "server.h"
#include "tokens.h"

static const char json_type[] = "application/json; charset=utf-8";

static void problem(struct exchange *x, int status, const char *detail)
{
	struct text body = {0};

	text_puts(&body, "{\"error\":");
	text_json(&body, detail);
	text_puts(&body, "}\n");
	reply_text(&x->reply, status, json_type, body.data);
	text_free(&body);
}

static void done(struct exchange *x)
{
	reply_text(&x->reply, 200, json_type, "{\"done\":true}\n");
}

static void answer_json(struct exchange *x, int status, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	reply_text(&x->reply, status, json_type, text);
	text_add(&x->reply.body, "\n", 1);
	free(text);
	cJSON_Delete(json);
}

/* The body as JSON, or NULL with a 400 answered. An empty one is an empty object. */
static cJSON *take_json(struct exchange *x)
{
	cJSON *json = x->req->body_len ? cJSON_ParseWithOpts(x->req->body, NULL, true)
				       : cJSON_CreateObject();

	if (!json)
		problem(x, 400, "the body is not JSON");
	return json;
}

static int64_t query_number(const struct exchange *x, const char *name, int64_t otherwise)
{
	char *value = form_value(x->req->query, name);
	int64_t number = value && *value ? strtoll(value, NULL, 10) : otherwise;

	free(value);
	return number;
}

struct listing { /* rows being written out */
	struct text body;
	int64_t skip, left, seen;
	const char *separator;
	bool ids_only;
};

static bool list_row(const char *id, const char *json, int64_t attempts, void *arg)
{
	struct listing *l = arg;

	if (l->seen++ < l->skip)
		return true;
	if (l->left-- <= 0)
		return false;
	if (l->ids_only) {
		text_printf(&l->body, "%s\n", id);
		return true;
	}
	text_puts(&l->body, l->separator);
	text_add(&l->body, json, strlen(json) - 1); /* without its closing brace */
	text_printf(&l->body, ",\"_attempts\":%" PRId64 "}", attempts);
	l->separator = ",\n";
	return true;
}

static void list_records(struct exchange *x, const char *rest)
{
	struct listing l = {.separator = "\n",
		.skip = query_number(x, "offset", 0),
		.left = query_number(x, "limit", INT64_MAX)};
	char *email = form_value(x->req->query, "emailaddress1");
	struct records *records = x->crm->records;

	(void)rest;
	text_printf(&l.body, "{\"count\":%zu,\"records\":[", records_count(records));
	if (email)
		records_each_email(records, email, list_row, &l);
	else
		records_each(records, list_row, &l);
	text_puts(&l.body, "]}\n");
	reply_text(&x->reply, 200, json_type, l.body.data);
	text_free(&l.body);
	free(email);
}

static void list_ids(struct exchange *x, const char *rest)
{
	struct listing l = {.ids_only = true, .left = INT64_MAX};

	(void)rest;
	text_puts(&l.body, "");
	records_each(x->crm->records, list_row, &l);
	reply_text(&x->reply, 200, "text/plain; charset=utf-8", l.body.data);
	text_free(&l.body);
}

static void show_record(struct exchange *x, const char *id)
{
	char guid[GUID_SIZE];
	char *json = guid_parse(guid, id) ? records_copy(x->crm->records, guid) : NULL;

	if (json)
		reply_text(&x->reply, 200, json_type, json);
	else
		problem(x, 404, "no such record");
	free(json);
}

static void delete_record(struct exchange *x, const char *id)
{
	char guid[GUID_SIZE];

	if (guid_parse(guid, id) && records_delete(x->crm->records, guid))
		done(x);
	else
		problem(x, 404, "no such record");
}

static void seed_record(struct exchange *x, const char *rest)
{
	cJSON *json = take_json(x);
	char *why = NULL;

	(void)rest;
	if (!json)
		return;
	pthread_rwlock_rdlock(&x->crm->settings.lock);
	if (!cJSON_IsObject(json))
		problem(x, 400, "a row is an object");
	else if (leads_seed(x->crm, json, x->at, &why))
		done(x);
	else
		problem(x, 400, why);
	pthread_rwlock_unlock(&x->crm->settings.lock);
	free(why);
	cJSON_Delete(json);
}

static bool list_attempt(const char *id, const char *json, int64_t attempts, void *arg)
{
	struct listing *l = arg;

	(void)json;
	text_printf(&l->body, "%s\"%s\":%" PRId64, l->separator, id, attempts);
	l->separator = ",\n";
	return true;
}

static void list_attempts(struct exchange *x, const char *rest)
{
	struct listing l = {.separator = "\n"};

	(void)rest;
	text_puts(&l.body, "{");
	records_each_attempt(x->crm->records, list_attempt, &l);
	text_puts(&l.body, "}\n");
	reply_text(&x->reply, 200, json_type, l.body.data);
	text_free(&l.body);
}

static void show_counters(struct exchange *x, const char *rest)
{
	struct text body = {0};

	(void)rest;
	journal_counters(x->crm->journal, records_count(x->crm->records), &body);
	reply_text(&x->reply, 200, json_type, body.data);
	text_free(&body);
}

static void show_journal(struct exchange *x, const char *rest)
{
	struct text body = {0};

	(void)rest;
	journal_list(x->crm->journal, (uint64_t)query_number(x, "after", 0),
		(int)query_number(x, "limit", 1000), &body);
	reply_text(&x->reply, 200, json_type, body.data);
	text_free(&body);
}

static void show_faults(struct exchange *x, const char *rest)
{
	cJSON *json = cJSON_CreateObject();

	(void)rest;
	cJSON_AddItemToObject(json, "faults", faults_show(x->crm->faults));
	answer_json(x, 200, json);
}

static void show_kinds(struct exchange *x, const char *rest)
{
	cJSON *list = cJSON_CreateArray();

	(void)rest;
	for (const struct fault_kind *kind = fault_kinds; kind->name; kind++) {
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "fault", kind->name);
		cJSON_AddStringToObject(one, "where", kind->where);
		cJSON_AddBoolToObject(one, "commits", kind->commits);
		cJSON_AddStringToObject(one, "help", kind->help);
		cJSON_AddItemToArray(list, one);
	}
	answer_json(x, 200, list);
}

/* refuse_connections is no fault of a request but of the address: it starts at once. */
static bool refuses_connections(struct exchange *x, const cJSON *json)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "fault");
	const cJSON *ms = cJSON_GetObjectItemCaseSensitive(json, "ms");

	if (!cJSON_IsString(name) || strcmp(name->valuestring, "refuse_connections") != 0)
		return false;
	server_refuse(
		x->crm->server, cJSON_IsNumber(ms) ? (int64_t)ms->valuedouble : 1000);
	return true;
}

static bool add_fault(struct exchange *x, const cJSON *json, cJSON *ids)
{
	uint64_t id = 0;
	char *why = NULL;

	if (refuses_connections(x, json))
		return true;
	if (!cJSON_IsObject(json) || !faults_add(x->crm->faults, json, &id, &why)) {
		problem(x, 400, why ? why : "a fault is an object");
		free(why);
		return false;
	}
	cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)id));
	return true;
}

static void add_faults(struct exchange *x, const char *rest)
{
	cJSON *json = take_json(x), *out = cJSON_CreateObject();
	cJSON *ids = cJSON_AddArrayToObject(out, "ids");
	const cJSON *one;
	bool good = json != NULL;

	(void)rest;
	if (good && strcasecmp(x->req->method, "PUT") == 0)
		faults_clear(x->crm->faults);
	if (cJSON_IsArray(json)) {
		cJSON_ArrayForEach (one, json)
			good = good && add_fault(x, one, ids);
	} else {
		good = good && add_fault(x, json, ids);
	}
	if (good)
		answer_json(x, 200, out);
	else
		cJSON_Delete(out);
	cJSON_Delete(json);
}

static void clear_faults(struct exchange *x, const char *rest)
{
	(void)rest;
	faults_clear(x->crm->faults);
	server_refuse(x->crm->server, 0);
	done(x);
}

static void remove_fault(struct exchange *x, const char *id)
{
	if (faults_remove(x->crm->faults, strtoull(id, NULL, 10)))
		done(x);
	else
		problem(x, 404, "no such fault");
}

static void show_settings(struct exchange *x, const char *rest)
{
	(void)rest;
	answer_json(x, 200, settings_show(&x->crm->settings));
}

static void patch_settings(struct exchange *x, const char *rest)
{
	cJSON *json = take_json(x);
	const char *key = "", *why = "";
	struct text words = {0};

	(void)rest;
	if (!json)
		return;
	if (!cJSON_IsObject(json)) {
		problem(x, 400, "settings are an object");
	} else if (settings_patch(&x->crm->settings, json, &key, &why)) {
		if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "online")))
			server_cut(x->crm->server);
		show_settings(x, rest);
	} else {
		text_printf(&words, "%s %s", key, why);
		problem(x, 400, words.data);
		text_free(&words);
	}
	cJSON_Delete(json);
}

static void revoke_tokens(struct exchange *x, const char *rest)
{
	(void)rest;
	tokens_revoke(x->crm->tokens);
	done(x);
}

static void reset_settings(struct crm *crm)
{
	settings_calm(&crm->settings);
}

static void reset_faults(struct crm *crm)
{
	faults_clear(crm->faults);
	server_refuse(crm->server, 0);
}

static void reset_records(struct crm *crm)
{
	records_clear(crm->records);
}

static void reset_journal(struct crm *crm)
{
	journal_clear(crm->journal);
}

/* {"only":["faults","settings","records","journal"]}; without it: all. */
static void reset(struct exchange *x, const char *rest)
{
	static const struct {
		const char *name;
		void (*reset)(struct crm *);
	} parts[] = {{"faults", reset_faults}, {"settings", reset_settings},
		{"records", reset_records}, {"journal", reset_journal}};
	cJSON *json = take_json(x);
	const cJSON *only = cJSON_GetObjectItemCaseSensitive(json, "only"), *one;

	(void)rest;
	if (!json)
		return;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		bool wanted = !only;

		cJSON_ArrayForEach (one, only)
			wanted = wanted ||
				 (cJSON_IsString(one) &&
					 strcmp(one->valuestring, parts[i].name) == 0);
		if (wanted)
			parts[i].reset(x->crm);
	}
	cJSON_Delete(json);
	done(x);
}

static void show_routes(struct exchange *x, const char *rest);

static const struct {
	const char *method, *path; /* a path ending in / takes what follows */
	void (*answer)(struct exchange *, const char *rest);
	const char *help;
} routes[] = {
	{"GET", "/_rehearsal", show_routes, "this list"},
	{"GET", "/_rehearsal/records", list_records,
		"rows in order of creation; ?limit= offset= emailaddress1="},
	{"POST", "/_rehearsal/records", seed_record, "put a row there by hand"},
	{"GET", "/_rehearsal/records/ids", list_ids, "their leadids, a line each"},
	{"GET", "/_rehearsal/records/", show_record, "one row"},
	{"DELETE", "/_rehearsal/records/", delete_record, "delete one row"},
	{"GET", "/_rehearsal/attempts", list_attempts, "creates received per leadid"},
	{"GET", "/_rehearsal/counters", show_counters, "what was counted"},
	{"GET", "/_rehearsal/journal", show_journal,
		"the latest exchanges; ?after= limit="},
	{"GET", "/_rehearsal/faults", show_faults,
		"faults set, with how often they were met"},
	{"GET", "/_rehearsal/faults/kinds", show_kinds, "all faults there are"},
	{"POST", "/_rehearsal/faults", add_faults, "add one, or a list"},
	{"PUT", "/_rehearsal/faults", add_faults, "these instead of all others"},
	{"DELETE", "/_rehearsal/faults", clear_faults, "no more faults"},
	{"DELETE", "/_rehearsal/faults/", remove_fault, "one less"},
	{"GET", "/_rehearsal/settings", show_settings,
		"how Azure AD and Dataverse are set"},
	{"PATCH", "/_rehearsal/settings", patch_settings, "change some of it"},
	{"POST", "/_rehearsal/settings", patch_settings, "the same"},
	{"POST", "/_rehearsal/tokens/revoke", revoke_tokens,
		"every token so far is refused"},
	{"POST", "/_rehearsal/reset", reset,
		"as started; {\"only\":[\"faults\",\"settings\",\"records\",\"journal\"]}"},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static void show_routes(struct exchange *x, const char *rest)
{
	cJSON *list = cJSON_CreateArray();

	(void)rest;
	for (size_t i = 0; i < ROUTES; i++) {
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "method", routes[i].method);
		cJSON_AddStringToObject(one, "path", routes[i].path);
		cJSON_AddStringToObject(one, "help", routes[i].help);
		cJSON_AddItemToArray(list, one);
	}
	answer_json(x, 200, list);
}

/* What follows the route's path, or NULL when path is not that route's. */
static const char *matches(const char *route, const char *path)
{
	size_t len = strlen(route);

	if (strncmp(route, path, len) != 0)
		return NULL;
	if (route[len - 1] == '/')
		return path[len] ? path + len : NULL;
	return !path[len] || strcmp(path + len, "/") == 0 ? path + len : NULL;
}

void control_answer(struct exchange *x)
{
	bool path_known = false;

	for (size_t i = 0; i < ROUTES; i++) {
		const char *rest = matches(routes[i].path, x->path);

		if (!rest)
			continue;
		path_known = true;
		if (strcmp(routes[i].method, x->req->method) == 0) {
			routes[i].answer(x, rest);
			return;
		}
	}
	problem(x, path_known ? 405 : 404,
		path_known ? "not with this method; GET /_rehearsal lists what there is"
			   : "no such thing; GET /_rehearsal lists what there is");
}
