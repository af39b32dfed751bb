/*
 * dynamics365: leads into Dataverse's lead table, by its Web API.
 *
 * The happy path is one request: POST leads, with our id as leadid, answered 204. It
 * needs no right but to create. A repeat is answered "duplicate key", which counts as
 * delivered once it is sure that our id is meant.
 *
 * Failures: 401 gets one new token. What is too long, no choice or no e-mail is mended
 * and sent once more. A duplicate rule's refusal is first held against our own id (an
 * earlier attempt may have arrived), then given to the policy. Everything else is in the
 * tables of dynamics_errors.c. A crash anywhere repeats the POST with the same id.
 */
#include "answer.h"
#include "dynamics_columns.h"
#include "dynamics_errors.h"
#include "dynamics_url.h"
#include "kinds.h"
#include "words.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"
#include "leadrelay/token.h"
#include "leadrelay/uuid.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "v9.2"

enum stage {
	STAGE_CREATE,
	STAGE_ASK_FIRST,  /* before create: is our id there? */
	STAGE_PROVE_KEY,  /* after "duplicate key": is it ours? */
	STAGE_PROVE_RULE, /* after a duplicate rule's refusal: was it us? */
	STAGE_FIND,       /* policy update: the record with the same e-mail */
	STAGE_UPDATE,
	STAGE_WHO_AM_I,
	STAGE_PRIVILEGE,
	STAGE_READ,
	STAGE_DELETE,
};

struct dynamics {
	struct destination_base base;
	const struct entropy *entropy; /* borrowed */
	char *origin;
	char *api;                    /* ".../api/data/v9.2" */
	char user_id[UUID_TEXT_SIZE]; /* who our token is; "": not asked yet */
};

struct progress {                  /* task->extra */
	unsigned token_generation; /* of the request under way */
	struct column_repairs repairs;
	struct outcome held;        /* the create's refusal, while our id is asked for */
	char found[UUID_TEXT_SIZE]; /* policy update: the record to patch */
};

static struct dynamics *of(struct destination *destination)
{
	return (struct dynamics *)destination;
}

static struct progress *progress_of(const struct task *task)
{
	return task->extra;
}

static enum err_code check_columns(
	const struct pair_list *pairs, const char *key, bool by_value, struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		const char *column = by_value ? pair->value : pair->name;

		if (!column_name_allowed(column))
			return err_set(err, ERR_CONFIG,
				"%s: %s is no column that can be written", key, column);
	}
	return ERR_OK;
}

static enum err_code make_api(
	struct dynamics *dynamics, const char *base, struct err *err)
{
	const char *version = dynamics->base.settings->api_version;
	struct buf api = BUF_INIT;
	size_t digits;

	version = version ? version : API_VERSION;
	version += version[0] == 'v' || version[0] == 'V';
	digits = strspn(version, "0123456789.");
	if (!isdigit((unsigned char)version[0]) || version[digits] != '\0')
		return err_set(err, ERR_CONFIG,
			"api_version: not a version such as " API_VERSION);
	buf_addf(&api, "%s/api/data/v%s", base, version);
	dynamics->api = buf_take(&api);
	return dynamics->api ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

static void destroy(struct destination *destination)
{
	struct dynamics *dynamics = of(destination);

	free(dynamics->origin);
	free(dynamics->api);
	free(dynamics);
}

static enum err_code configure(struct dynamics *dynamics, struct err *err)
{
	const struct destination_settings *settings = dynamics->base.settings;
	char *base = NULL;
	enum err_code code;

	if (settings->auth.method == AUTH_NONE)
		return err_set(err, ERR_CONFIG,
			"auth: missing; azure_ad, azure_ad_certificate or office365");
	code = check_columns(&settings->map, "map", true, err);
	if (code == ERR_OK)
		code = check_columns(&settings->set, "set", false, err);
	if (code == ERR_OK)
		code = dynamics_url_parse(settings->url, settings->route.allow_plain,
			&dynamics->origin, &base, err);
	if (code == ERR_OK)
		code = make_api(dynamics, base, err);
	free(base);
	if (code == ERR_OK)
		code = token_create(&dynamics->base.token, &settings->auth,
			dynamics->origin, dynamics->entropy, err);
	return code;
}

static enum err_code create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	struct dynamics *dynamics = calloc(1, sizeof(*dynamics));
	enum err_code code;

	if (!dynamics)
		return err_set(err, ERR_NOMEM, "out of memory");
	dynamics->base = (struct destination_base){
		.kind = &destination_dynamics365, .settings = settings};
	dynamics->entropy = entropy;
	code = configure(dynamics, err);
	if (code != ERR_OK)
		destroy((struct destination *)dynamics);
	else
		*out = (struct destination *)dynamics;
	return code;
}

/* The lead's id, so that Microsoft's support finds all attempts by what the operator has
 * at hand; a fresh one where there is no lead. */
static void add_request_id(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	struct uuid id = task->lead ? task->lead->id : uuid_v4(dynamics->entropy);
	char text[UUID_TEXT_SIZE];

	http_request_header(request, "x-ms-client-request-id", uuid_text(&id, text));
}

static void start_request(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	http_request_header(
		request, "Authorization", token_authorization(dynamics->base.token));
	http_request_header(request, "Accept", "application/json");
	http_request_header(request, "OData-Version", "4.0");
	http_request_header(request, "OData-MaxVersion", "4.0");
	add_request_id(dynamics, task, request);
	buf_adds(&request->url, dynamics->api);
}

static void make_read(struct http_request *request)
{
	request->method = "GET";
	http_request_header(request, "If-None-Match", "null"); /* no cached answer */
}

static void add_body(struct dynamics *dynamics, const struct task *task, bool update,
	struct http_request *request)
{
	cJSON *columns = columns_of_lead(
		task->lead, dynamics->base.settings, &progress_of(task)->repairs, update);
	char *text = columns ? cJSON_PrintUnformatted(columns) : NULL;

	if (text)
		buf_adds(&request->body, text);
	else
		request->body.failed = true;
	cJSON_free(text);
	cJSON_Delete(columns);
	request->has_body = true;
	http_request_header(request, "Content-Type", "application/json; charset=utf-8");
}

/* The CRM's duplicate rules are asked only when a policy for their answer was chosen. */
static void build_create(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	bool suppress = dynamics->base.settings->duplicates == DUPLICATES_CREATE;

	request->method = "POST";
	buf_adds(&request->url, "/leads");
	http_request_header(
		request, "MSCRM.SuppressDuplicateDetection", suppress ? "true" : "false");
	add_body(dynamics, task, false, request);
}

static void build_update(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	request->method = "PATCH";
	buf_addf(&request->url, "/leads(%s)", progress_of(task)->found);
	http_request_header(request, "If-Match", "*"); /* never creates */
	http_request_header(request, "MSCRM.SuppressDuplicateDetection", "true");
	add_body(dynamics, task, true, request);
}

static void add_record(const struct task *task, struct http_request *request)
{
	char id[UUID_TEXT_SIZE];

	buf_addf(&request->url, "/leads(%s)", uuid_text(&task->lead->id, id));
}

static void build_ask(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)dynamics;
	make_read(request);
	add_record(task, request);
	buf_adds(&request->url, "?$select=leadid");
}

/* The columns that a create would send, to be compared. */
static void build_read(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	cJSON *columns = columns_of_lead(
		task->lead, dynamics->base.settings, &progress_of(task)->repairs, false);
	const cJSON *column;

	make_read(request);
	add_record(task, request);
	buf_adds(&request->url, "?$select=leadid");
	cJSON_ArrayForEach (column, columns)
		if (cJSON_IsString(column) && !strchr(column->string, '@') &&
			strcmp(column->string, "leadid") != 0)
			buf_addf(&request->url, ",%s", column->string);
	cJSON_Delete(columns);
}

static void build_delete(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)dynamics;
	request->method = "DELETE";
	add_record(task, request);
}

/* An OData literal doubles its quotes; then it is part of a URL. */
static void add_quoted(struct buf *url, const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			buf_adds(url, "''");
		else
			url_encode(url, text, 1);
}

/* Open ones first (statecode 0), the latest of them. */
static void build_find(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	make_read(request);
	buf_addf(&request->url, "/leads?$select=leadid&$filter=%s%%20eq%%20'",
		columns_email_name(dynamics->base.settings));
	add_quoted(&request->url, task->lead->fields[FIELD_EMAIL]);
	buf_adds(&request->url, "'&$orderby=statecode%20asc,createdon%20desc&$top=1");
}

static void build_who_am_i(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)dynamics;
	(void)task;
	make_read(request);
	buf_adds(&request->url, "/WhoAmI");
}

static void build_privilege(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)task;
	make_read(request);
	buf_addf(&request->url,
		"/systemusers(%s)/Microsoft.Dynamics.CRM."
		"RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='prvCreateLead')",
		dynamics->user_id);
}

struct step { /* one exchange that is being understood */
	struct dynamics *dynamics;
	struct task *task;
	const struct http_answer *answer;
	struct dynamics_reading reading; /* its outcome goes into the history: handlers
					    correct it */
	int64_t now;
};

static enum step_kind enter(
	struct dynamics *dynamics, struct task *task, enum stage stage, int64_t now);

static enum step_kind end(struct step *step)
{
	return task_done(step->task, &step->reading.outcome);
}

static enum step_kind go_on(struct step *step, enum stage stage)
{
	return enter(step->dynamics, step->task, stage, step->now);
}

/* The exchange was answered, and its answer is this. */
static void mean(struct step *step, enum outcome_kind kind, enum reason reason,
	const char *error, const char *remedy)
{
	struct outcome *outcome = &step->reading.outcome;

	outcome->kind = kind;
	outcome->reason = reason;
	outcome->destination = false;
	words_put(outcome->error, sizeof(outcome->error), error);
	words_put(outcome->remedy, sizeof(outcome->remedy), remedy);
}

static void name_our_record(const struct step *step, struct outcome *outcome)
{
	char id[UUID_TEXT_SIZE];

	words_put(outcome->remote_id, sizeof(outcome->remote_id),
		uuid_text(&step->task->lead->id, id));
}

/* OData-EntityId: .../leads(<id>) */
static void name_created_record(const struct step *step, struct outcome *outcome)
{
	char url[512];
	char *open = NULL;
	struct uuid id;

	if (http_answer_header(step->answer, "OData-EntityId", url, sizeof(url)))
		open = strrchr(url, '(');
	if (open)
		open[strcspn(open, ")")] = '\0';
	name_our_record(step, outcome);
	if (open && uuid_parse(open + 1, &id))
		uuid_text(&id, outcome->remote_id);
}

static enum step_kind end_there(struct step *step)
{
	mean(step, OUTCOME_ALREADY_THERE, REASON_NONE, "", "");
	name_our_record(step, &step->reading.outcome);
	return end(step);
}

static bool can_repair(const struct step *step)
{
	return step->task->record_count < TASK_EXCHANGES_MAX / 2;
}

static bool repair(struct step *step, bool update)
{
	const struct destination_settings *settings = step->dynamics->base.settings;
	struct column_repairs *repairs = &progress_of(step->task)->repairs;
	const char *message = buf_str(&step->reading.message);
	cJSON *columns = columns_of_lead(step->task->lead, settings, repairs, update);
	bool repaired = false;

	if (!columns || !can_repair(step))
		repaired = false;
	else if (step->reading.verdict == VERDICT_TOO_LONG)
		repaired = columns_shorten(repairs, columns, message);
	else if (step->reading.verdict == VERDICT_BAD_CHOICE)
		repaired = columns_drop_choice(repairs, columns, settings, message);
	else
		repaired = columns_drop_email(repairs, columns, message);
	cJSON_Delete(columns);
	return repaired;
}

static enum step_kind repair_or_end(struct step *step, enum stage stage)
{
	return repair(step, stage == STAGE_UPDATE) ? go_on(step, stage) : end(step);
}

static enum step_kind take_created(struct step *step)
{
	struct outcome *outcome = &step->reading.outcome;
	struct buf text = BUF_INIT;

	if (step->answer->status == 201 || step->answer->status == 204) {
		name_created_record(step, outcome);
		return end(step);
	}
	buf_addf(&text,
		"creating the lead: HTTP %ld, where only 201 or 204 says that "
		"it was created: ",
		step->answer->status);
	words_of_body(&text, buf_str(&step->answer->body), step->answer->body.len);
	mean(step, OUTCOME_RETRY, REASON_PROTOCOL, buf_str(&text),
		"check url: something else answers there");
	outcome->few = true;
	buf_finish(&text);
	return end(step);
}

/* A record that the lead refers to is missing. If set names it, every lead meets it. */
static enum step_kind take_missing_reference(struct step *step)
{
	const struct pair_list *set = &step->dynamics->base.settings->set;

	for (size_t i = 0; i < set->count; i++)
		if (strchr(set->items[i].name, '@')) {
			step->reading.outcome.kind = OUTCOME_ENVIRONMENT;
			step->reading.outcome.reason = REASON_ENVIRONMENT;
			words_put(step->reading.outcome.remedy,
				sizeof(step->reading.outcome.remedy),
				"a record that set refers to is missing in the CRM: "
				"correct set in the configuration");
		}
	return end(step);
}

/* Only the primary key of leads: a plug-in may have met another table's. */
static bool names_our_key(const struct step *step)
{
	return strcasestr(buf_str(&step->answer->body), "PK_LeadBase") != NULL;
}

static enum step_kind hold_and_ask(struct step *step, enum stage stage)
{
	progress_of(step->task)->held = step->reading.outcome;
	return go_on(step, stage);
}

static enum step_kind take_create(struct step *step)
{
	switch (step->reading.verdict) {
	case VERDICT_DONE:
		return take_created(step);
	case VERDICT_TOO_LONG:
	case VERDICT_BAD_CHOICE:
	case VERDICT_BAD_EMAIL:
		return repair_or_end(step, STAGE_CREATE);
	case VERDICT_DUPLICATE_KEY:
		return names_our_key(step) ? end_there(step)
					   : hold_and_ask(step, STAGE_PROVE_KEY);
	case VERDICT_DUPLICATE_RULE:
		return hold_and_ask(step, STAGE_PROVE_RULE);
	case VERDICT_NOT_FOUND:
		return take_missing_reference(step);
	case VERDICT_FAILED:
	case VERDICT_THROTTLED:
	case VERDICT_RETRY:
	case VERDICT_FEW:
	case VERDICT_TOKEN:
	case VERDICT_UNAUTHORIZED:
	case VERDICT_FORBIDDEN:
	case VERDICT_ENVIRONMENT:
	case VERDICT_REFUSED:
		break;
	}
	return end(step);
}

static bool not_there(const struct step *step)
{
	return step->reading.verdict == VERDICT_NOT_FOUND || step->answer->status == 404;
}

static void mean_not_there(struct step *step)
{
	mean(step, OUTCOME_REFUSED, REASON_GONE, "no lead is there under this id", "");
}

static enum step_kind end_held(struct step *step)
{
	return task_done(step->task, &progress_of(step->task)->held);
}

static enum step_kind take_ask_first(struct step *step)
{
	if (step->reading.verdict == VERDICT_DONE)
		return end_there(step);
	if (not_there(step)) {
		mean_not_there(step);
		return go_on(step, STAGE_CREATE);
	}
	if (step->reading.verdict == VERDICT_FORBIDDEN) /* create finds out, too */
		return go_on(step, STAGE_CREATE);
	return end(step);
}

/* The duplicate rule's refusal stands: what the operator chose. */
static enum step_kind apply_policy(struct step *step)
{
	struct outcome *held = &progress_of(step->task)->held;

	switch (step->dynamics->base.settings->duplicates) {
	case DUPLICATES_CREATE:
		break;
	case DUPLICATES_SKIP:
		held->kind = OUTCOME_SKIPPED;
		break;
	case DUPLICATES_UPDATE:
		if (step->task->lead->fields[FIELD_EMAIL])
			return go_on(step, STAGE_FIND);
		break;
	}
	return end_held(step);
}

/* A 412 without a code may be a duplicate rule's as well; 0x80040237 of another record is
 * a plug-in's. */
static enum step_kind take_prove_key(struct step *step)
{
	struct outcome *held = &progress_of(step->task)->held;

	if (step->reading.verdict == VERDICT_DONE)
		return end_there(step);
	if (not_there(step)) {
		mean_not_there(step);
		return held->reason == REASON_DUPLICATE_RULE ? apply_policy(step)
							     : end_held(step);
	}
	if (step->reading.verdict == VERDICT_FORBIDDEN) {
		step->reading.outcome.kind = OUTCOME_PRESUMED;
		name_our_record(step, &step->reading.outcome);
	}
	return end(step);
}

static enum step_kind take_prove_rule(struct step *step)
{
	if (step->reading.verdict == VERDICT_DONE)
		return end_there(step);
	if (not_there(step))
		mean_not_there(step);
	else if (step->reading.verdict != VERDICT_FORBIDDEN)
		return end(step);
	return apply_policy(step);
}

static cJSON *read_body(const struct step *step)
{
	const struct buf *body = &step->answer->body;
	cJSON *json = NULL;

	json_read(buf_str(body), body->len, &json, NULL);
	return json;
}

static bool take_found_id(struct step *step)
{
	cJSON *json = read_body(step);
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json, "value");
	const char *text = json_string(cJSON_GetArrayItem(rows, 0), "leadid");
	struct uuid id;
	bool found = text && uuid_parse(text, &id);

	if (found)
		uuid_text(&id, progress_of(step->task)->found);
	cJSON_Delete(json);
	return found;
}

static enum step_kind take_find(struct step *step)
{
	if (step->reading.verdict != VERDICT_DONE)
		return end(step);
	if (take_found_id(step)) {
		mean(step, OUTCOME_ALREADY_THERE, REASON_NONE, "", "");
		return go_on(step, STAGE_UPDATE);
	}
	mean(step, OUTCOME_REFUSED, REASON_GONE, "no lead has this e-mail address", "");
	return end_held(step);
}

static enum step_kind take_update(struct step *step)
{
	struct outcome *outcome = &step->reading.outcome;

	switch (step->reading.verdict) {
	case VERDICT_DONE:
		words_put(outcome->remote_id, sizeof(outcome->remote_id),
			progress_of(step->task)->found);
		break;
	case VERDICT_TOO_LONG:
	case VERDICT_BAD_CHOICE:
	case VERDICT_BAD_EMAIL:
		return repair_or_end(step, STAGE_UPDATE);
	case VERDICT_NOT_FOUND:
	case VERDICT_DUPLICATE_KEY: /* If-Match: it was deleted meanwhile */
		outcome->kind = OUTCOME_RETRY;
		outcome->few = true;
		break;
	case VERDICT_DUPLICATE_RULE:
	case VERDICT_FAILED:
	case VERDICT_THROTTLED:
	case VERDICT_RETRY:
	case VERDICT_FEW:
	case VERDICT_TOKEN:
	case VERDICT_UNAUTHORIZED:
	case VERDICT_FORBIDDEN:
	case VERDICT_ENVIRONMENT:
	case VERDICT_REFUSED:
		break;
	}
	return end(step);
}

static enum step_kind take_who_am_i(struct step *step)
{
	cJSON *json;
	struct uuid id;
	bool known;

	if (step->reading.verdict != VERDICT_DONE)
		return end(step);
	json = read_body(step);
	known = json_string(json, "UserId") &&
		uuid_parse(json_string(json, "UserId"), &id);
	cJSON_Delete(json);
	if (!known) {
		mean(step, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT,
			"asking who we are: the answer is not the Web API's WhoAmI",
			"check url and api_version: the environment's own address");
		return end(step);
	}
	uuid_text(&id, step->dynamics->user_id);
	if (step->task->purpose == TASK_PRIVILEGE)
		return go_on(step, STAGE_PRIVILEGE);
	return end(step);
}

/* -1: the answer does not tell. */
static int count_roles(const struct step *step)
{
	cJSON *json = read_body(step);
	const cJSON *roles = cJSON_GetObjectItemCaseSensitive(json, "RolePrivileges");
	int count = cJSON_IsArray(roles) ? cJSON_GetArraySize(roles) : -1;

	cJSON_Delete(json);
	return count;
}

static enum step_kind end_cannot_tell(struct step *step)
{
	mean(step, OUTCOME_PRESUMED, REASON_NONE,
		"whether leads may be created cannot be asked with this account's role; "
		"creating one tells",
		"");
	return end(step);
}

static enum step_kind take_privilege(struct step *step)
{
	int roles;

	switch (step->reading.verdict) {
	case VERDICT_DONE:
		roles = count_roles(step);
		if (roles < 0)
			return end_cannot_tell(step);
		if (roles == 0)
			mean(step, OUTCOME_FORBIDDEN, REASON_FORBIDDEN,
				"the account has no role with prvCreateLead",
				"give the application user a security role that may "
				"create leads, such as Microsoft Marketplace Lead Writer");
		return end(step);
	case VERDICT_FORBIDDEN:
	case VERDICT_NOT_FOUND:
	case VERDICT_REFUSED:
	case VERDICT_ENVIRONMENT: /* an old server does not know the function: 404 */
		return end_cannot_tell(step);
	case VERDICT_TOO_LONG:
	case VERDICT_BAD_CHOICE:
	case VERDICT_BAD_EMAIL:
	case VERDICT_DUPLICATE_KEY:
	case VERDICT_DUPLICATE_RULE:
	case VERDICT_FAILED:
	case VERDICT_THROTTLED:
	case VERDICT_RETRY:
	case VERDICT_FEW:
	case VERDICT_TOKEN:
	case VERDICT_UNAUTHORIZED:
		break;
	}
	return end(step);
}

/* Appends the names of columns that read otherwise than they were sent. */
static void add_differences(const struct step *step, struct buf *names)
{
	cJSON *there = read_body(step);
	cJSON *sent = columns_of_lead(step->task->lead, step->dynamics->base.settings,
		&progress_of(step->task)->repairs, false);
	const cJSON *column;

	cJSON_ArrayForEach (column, sent) {
		const char *text = cJSON_GetStringValue(column);
		const char *read = json_string(there, column->string);

		if (!text || strchr(column->string, '@') ||
			strcmp(column->string, "leadid") == 0)
			continue;
		if (!read || strcmp(read, text) != 0)
			buf_addf(names, "%s%s", names->len ? ", " : "", column->string);
	}
	cJSON_Delete(there);
	cJSON_Delete(sent);
}

/* Columns that the CRM changed are told, and no failure: its plug-ins may do that. */
static enum step_kind take_read(struct step *step)
{
	struct buf text = BUF_INIT;
	struct buf names = BUF_INIT;

	if (not_there(step))
		mean_not_there(step);
	if (step->reading.verdict != VERDICT_DONE)
		return end(step);
	add_differences(step, &names);
	if (names.len > 0)
		buf_addf(&text, "the CRM changed: %s", buf_str(&names));
	mean(step, OUTCOME_ALREADY_THERE, REASON_NONE, buf_str(&text), "");
	name_our_record(step, &step->reading.outcome);
	buf_finish(&text);
	buf_finish(&names);
	return end(step);
}

static enum step_kind take_delete(struct step *step)
{
	if (not_there(step)) /* what was wanted */
		mean(step, OUTCOME_DELIVERED, REASON_NONE, "", "");
	return end(step);
}

struct stage_rule {
	const char *words; /* "creating the lead" */
	bool writes;       /* sent without an answer is unknown */
	void (*build)(struct dynamics *dynamics, const struct task *task,
		struct http_request *request);
	enum step_kind (*take)(struct step *step);
};

static const struct stage_rule stages[] = {
	[STAGE_CREATE] = {"creating the lead", true, build_create, take_create},
	[STAGE_ASK_FIRST] = {"asking whether the lead is there", false, build_ask,
		take_ask_first},
	[STAGE_PROVE_KEY] = {"asking whether the lead is there", false, build_ask,
		take_prove_key},
	[STAGE_PROVE_RULE] = {"asking whether the lead is there", false, build_ask,
		take_prove_rule},
	[STAGE_FIND] = {"looking for the lead with this e-mail address", false,
		build_find, take_find},
	[STAGE_UPDATE] = {"updating the lead", true, build_update, take_update},
	[STAGE_WHO_AM_I] = {"asking who we are (WhoAmI)", false, build_who_am_i,
		take_who_am_i},
	[STAGE_PRIVILEGE] = {"asking whether leads may be created", false,
		build_privilege, take_privilege},
	[STAGE_READ] = {"reading the lead back", false, build_read, take_read},
	[STAGE_DELETE] = {"deleting the lead", true, build_delete, take_delete},
};

static enum step_kind send(struct dynamics *dynamics, struct task *task)
{
	struct http_request *request = &task->request;

	http_request_finish(request);
	*request = (struct http_request){0};
	progress_of(task)->token_generation = token_generation(dynamics->base.token);
	start_request(dynamics, task, request);
	stages[task->stage].build(dynamics, task, request);
	if (buf_ok(&request->url) && buf_ok(&request->headers) && buf_ok(&request->body))
		return STEP_SEND;
	return task_out_of_memory(task);
}

static enum step_kind end_after_too_many(struct task *task)
{
	struct outcome outcome = {.kind = OUTCOME_RETRY,
		.reason = REASON_PROTOCOL,
		.few = true,
		.wait_ms = -1,
		.error =
			"the CRM's answers led nowhere: too many exchanges for one attempt"};

	return task_done(task, &outcome);
}

static enum step_kind enter(
	struct dynamics *dynamics, struct task *task, enum stage stage, int64_t now)
{
	task->stage = (int)stage;
	if (task->record_count >=
		TASK_EXCHANGES_MAX - 1) /* the last one is on its way in */
		return end_after_too_many(task);
	if (!token_fresh(dynamics->base.token, now))
		return STEP_TOKEN;
	return send(dynamics, task);
}

static enum stage first_stage(const struct dynamics *dynamics, const struct task *task)
{
	switch (task->purpose) {
	case TASK_DELIVER:
		return task->ask_first ? STAGE_ASK_FIRST : STAGE_CREATE;
	case TASK_PRIVILEGE:
		return dynamics->user_id[0] ? STAGE_PRIVILEGE : STAGE_WHO_AM_I;
	case TASK_READ:
		return STAGE_READ;
	case TASK_DELETE:
		return STAGE_DELETE;
	case TASK_PROBE:
	case TASK_PURPOSES:
		break;
	}
	return STAGE_WHO_AM_I;
}

static enum step_kind begin(
	struct destination *destination, struct task *task, int64_t now)
{
	struct dynamics *dynamics = of(destination);

	task->extra = calloc(1, sizeof(struct progress));
	if (!task->extra)
		return task_out_of_memory(task);
	return enter(dynamics, task, first_stage(dynamics, task), now);
}

/* One new token per task; another task may have fetched it already. */
static enum step_kind renew_token(struct step *step)
{
	token_refused(
		step->dynamics->base.token, progress_of(step->task)->token_generation);
	step->task->token_renewed = true;
	return go_on(step, (enum stage)step->task->stage);
}

static enum step_kind take(struct step *step)
{
	if (step->reading.verdict == VERDICT_TOKEN && !step->task->token_renewed)
		return renew_token(step);
	return stages[step->task->stage].take(step);
}

static enum step_kind take_answer(struct dynamics *dynamics, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct step step = {
		.dynamics = dynamics, .task = task, .answer = answer, .now = now};
	const char *authorization = token_authorization(dynamics->base.token);
	const struct stage_rule *rule = &stages[task->stage];
	enum step_kind kind;

	dynamics_read(&step.reading, answer, rule->words, rule->writes,
		authorization ? authorization + strlen("Bearer ") : NULL, now);
	kind = take(&step);
	task_record(task, &step.reading.outcome, now - answer->duration_ms,
		answer->duration_ms);
	dynamics_reading_finish(&step.reading);
	return kind;
}

static enum step_kind next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct dynamics *dynamics = of(destination);
	struct outcome nothing = OUTCOME_INIT;

	if (answer)
		return take_answer(dynamics, task, answer, now);
	if (token_authorization(dynamics->base.token))
		return send(dynamics, task);
	nothing.kind = OUTCOME_RETRY;
	nothing.reason = REASON_UNAUTHORIZED;
	nothing.destination = true;
	words_put(nothing.error, sizeof(nothing.error), "there is no token yet");
	return task_done(task, &nothing);
}

const struct destination_kind destination_dynamics365 = {
	.name = "dynamics365",
	.keeps_key = true,
	.create = create,
	.destroy = destroy,
	.begin = begin,
	.next = next,
	.work = NULL,
	.purposes = 1u << TASK_DELIVER | 1u << TASK_PROBE | 1u << TASK_PRIVILEGE |
		    1u << TASK_READ | 1u << TASK_DELETE,
};
