/*
 * What an answer means at the stage it came: one function per stage. Each ends the task
 * or goes on to another stage, and leaves in reading.outcome what the exchange meant by
 * itself, for the history.
 */
#include "dynamics.h"

#include "answer.h"
#include "kinds.h"
#include "words.h"

#include "leadrelay/json.h"
#include "leadrelay/token.h"

#include <string.h>

static enum step_kind end(struct step *step)
{
	return task_done(step->task, &step->reading.outcome);
}

static enum step_kind go_on(struct step *step, enum stage stage)
{
	return dynamics_enter(step->dynamics, step->task, stage, step->now);
}

static void mean(struct step *step, enum outcome_kind kind, enum reason reason,
	const char *error, const char *remedy)
{
	outcome_mean(&step->reading.outcome, kind, reason, error, remedy);
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
	const char *authorization = token_authorization(step->dynamics->base.token);
	struct buf text = BUF_INIT;

	if (step->answer->status == 201 || step->answer->status == 204) {
		name_created_record(step, outcome);
		return end(step);
	}
	buf_addf(&text,
		"creating the lead: HTTP %ld, where only 201 or 204 says that "
		"it was created: ",
		step->answer->status);
	dynamics_add_body(&text, &step->answer->body,
		authorization ? authorization + strlen("Bearer ") : NULL);
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
		held->remedy[0] = '\0';
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
		step->reading.outcome.reason = REASON_NONE;
		step->reading.outcome.remedy[0] = '\0';
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

/* The first open one, else the first: a closed lead may be read-only, which the CRM then
 * says. */
static const cJSON *choose_row(const cJSON *rows)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, rows)
		if (json_integer(row, "statecode", 0) == 0)
			return row;
	return cJSON_GetArrayItem(rows, 0);
}

static bool take_found_id(struct step *step)
{
	cJSON *json = read_body(step);
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json, "value");
	const char *text = json_string(choose_row(rows), "leadid");
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

/* Columns that the CRM changed are told, and no failure: its plug-ins may do that. Nor is
 * a role that may create and not read, as the marketplace's own is. */
static enum step_kind take_read(struct step *step)
{
	struct buf text = BUF_INIT;
	struct buf names = BUF_INIT;

	if (not_there(step))
		mean_not_there(step);
	else if (step->reading.verdict == VERDICT_FORBIDDEN)
		mean(step, OUTCOME_PRESUMED, REASON_NONE,
			"this account's role may not read leads; that it was created has to "
			"do",
			"");
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

/* One new token per task; another task may have fetched it already. */
static enum step_kind renew_token(struct step *step)
{
	token_refused(
		step->dynamics->base.token, progress_of(step->task)->token_generation);
	step->task->token_renewed = true;
	return go_on(step, (enum stage)step->task->stage);
}

struct stage_rule {
	const char *words;
	bool writes;
	enum step_kind (*take)(struct step *step);
	const char *forbidden; /* remedy; NULL: the error's own */
};

#define READ_ROLE "give the application user's security role prvReadLead"
#define WRITE_ROLE "give the application user's security role prvWriteLead"
#define DELETE_ROLE \
	"delete it by hand, or give the application user's security role prvDeleteLead"

static const struct stage_rule stages[] = {
	[STAGE_CREATE] = {"creating the lead", true, take_create, NULL},
	[STAGE_ASK_FIRST] = {"asking whether the lead is there", false, take_ask_first,
		READ_ROLE},
	[STAGE_PROVE_KEY] = {"asking whether the lead is there", false, take_prove_key,
		READ_ROLE},
	[STAGE_PROVE_RULE] = {"asking whether the lead is there", false, take_prove_rule,
		READ_ROLE},
	[STAGE_FIND] = {"looking for the lead with this e-mail address", false, take_find,
		READ_ROLE},
	[STAGE_UPDATE] = {"updating the lead", true, take_update, WRITE_ROLE},
	[STAGE_WHO_AM_I] = {"asking who we are (WhoAmI)", false, take_who_am_i, NULL},
	[STAGE_PRIVILEGE] = {"asking whether leads may be created", false, take_privilege,
		NULL},
	[STAGE_READ] = {"reading the lead back", false, take_read, READ_ROLE},
	[STAGE_DELETE] = {"deleting the lead", true, take_delete, DELETE_ROLE},
};

const char *dynamics_stage_words(enum stage stage)
{
	return stages[stage].words;
}

bool dynamics_stage_writes(enum stage stage)
{
	return stages[stage].writes;
}

enum step_kind dynamics_take(struct step *step)
{
	const struct stage_rule *rule = &stages[step->task->stage];
	struct outcome *outcome = &step->reading.outcome;

	if (step->reading.verdict == VERDICT_TOKEN && !step->task->token_renewed)
		return renew_token(step);
	if (step->reading.verdict == VERDICT_FORBIDDEN && rule->forbidden)
		words_put(outcome->remedy, sizeof(outcome->remedy), rule->forbidden);
	return rule->take(step);
}
