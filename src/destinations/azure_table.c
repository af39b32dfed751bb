/*
 * azure_table: leads as entities of an Azure table, in the marketplace's own columns.
 *
 * The happy path is one request: POST <table>, answered 204. The keys are the day the
 * lead was accepted and the lead's id, so that a repeat is answered EntityAlreadyExists,
 * which is as good as delivered.
 *
 * Failures: a table that is missing is created, and the entity sent again. What is too
 * large is cut and sent once more. Everything else is in the tables of azure_errors.c. A
 * crash anywhere repeats the insert with the same keys.
 */
#include "azure_account.h"
#include "azure_entity.h"
#include "azure_errors.h"
#include "azure_sign.h"

#include "answer.h"
#include "kinds.h"
#include "words.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>

#define VERSION \
	"2019-02-02" /* of the service's interface: what the emulator knows, too */
#define JSON "application/json"
#define SMALL_TEXT_MAX 4096 /* after the service called it too large */

enum azure_stage {
	STAGE_INSERT,
	STAGE_ASK_FIRST,    /* before insert: is it there? */
	STAGE_CREATE_TABLE, /* insert found none */
	STAGE_PROBE,        /* one row's key */
	STAGE_READ,
	STAGE_DELETE,
};

#define REPAIRED_TABLE 1u
#define REPAIRED_SIZE 2u

struct azure {
	struct destination_base base;
	const struct entropy *entropy; /* borrowed */
	struct azure_account account;
	const char *path; /* of the endpoint: into account.endpoint, "" or "/..." */
	const char *table;
	bool answered; /* the service was heard, so its host exists */
};

struct progress {      /* task->extra */
	char cut[400]; /* what the entity sent last lacks, for the operator */
};

struct step { /* one exchange that is being understood */
	struct azure *azure;
	struct task *task;
	const struct http_answer *answer;
	struct azure_reading reading; /* its outcome goes into the history: handlers
					 correct it */
	int64_t now;
};

static struct azure *of(struct destination *destination)
{
	return (struct azure *)destination;
}

static struct progress *progress_of(const struct task *task)
{
	return (struct progress *)task->extra;
}

/* ---- the instance ---- */

static void destroy(struct destination *destination)
{
	struct azure *azure = of(destination);

	azure_account_finish(&azure->account);
	free(azure);
}

static enum err_code take_account(struct azure *azure, struct err *err)
{
	const struct destination_settings *settings = azure->base.settings;
	const struct secret *text = &settings->connection_string, *sas = &settings->sas;
	bool plain = settings->route.allow_plain;

	if (text->count > 0 && (settings->url || sas->count > 0))
		return err_set(err, ERR_CONFIG,
			"connection_string: either this, or url and sas; both are given");
	if (text->count > 0)
		return azure_account_parse(&azure->account, text->values[0], plain, err);
	if (!settings->url && sas->count == 0)
		return err_set(err, ERR_CONFIG,
			"connection_string: missing; this (or connection_string_file), or "
			"url and sas_file");
	if (!settings->url)
		return err_set(err, ERR_CONFIG,
			"url: missing beside sas; the table service's address");
	if (sas->count == 0)
		return err_set(err, ERR_CONFIG,
			"sas: missing beside url, and so is sas_file; a shared access "
			"signature");
	return azure_account_from_sas(
		&azure->account, settings->url, sas->values[0], azure->table, plain, err);
}

static enum err_code configure(struct azure *azure, struct err *err)
{
	const struct destination_settings *settings = azure->base.settings;
	enum err_code code;

	azure->table = settings->table ? settings->table : "MarketplaceLeads";
	if (!azure_table_name_valid(azure->table))
		return err_set(err, ERR_CONFIG,
			"table: not a table's name; 3 to 63 letters and digits, the first a "
			"letter, and not \"tables\"");
	code = take_account(azure, err);
	if (code == ERR_OK)
		code = azure_sas_check(&azure->account, azure->table, err);
	if (code == ERR_OK)
		code = azure_columns_check(&settings->map, &settings->set, err);
	if (code != ERR_OK)
		return code;
	azure->base.url = azure->account.endpoint;
	azure->base.expires_at = azure->account.sas_expires_at;
	azure->path = strstr(azure->account.endpoint, "://") + 3;
	azure->path += strcspn(azure->path, "/");
	return ERR_OK;
}

static enum err_code create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	struct azure *azure = calloc(1, sizeof(*azure));
	enum err_code code;

	if (!azure)
		return err_set(err, ERR_NOMEM, "out of memory");
	azure->base = (struct destination_base){
		.kind = &destination_azure_table, .settings = settings};
	azure->entropy = entropy;
	code = configure(azure, err);
	if (code != ERR_OK)
		destroy((struct destination *)azure);
	else
		*out = (struct destination *)azure;
	return code;
}

/* ---- requests ---- */

static void add_request_id(
	struct azure *azure, const struct task *task, struct http_request *request)
{
	struct uuid id = task->lead ? task->lead->id : uuid_v4(azure->entropy);
	char text[UUID_TEXT_SIZE];

	http_request_header(request, "x-ms-client-request-id", uuid_text(&id, text));
}

/* By key: x-ms-date alone, so that there is one date to be signed. */
static void add_right(struct azure *azure, struct http_request *request,
	const char *resource, int64_t now)
{
	const char *type = request->has_body ? JSON : "";
	struct buf path = BUF_INIT, signature = BUF_INIT;
	char date[AZURE_DATE_SIZE];

	if (azure->account.sas)
		return;
	buf_addf(&path, "%s/%s", azure->path, resource);
	azure_date(now, date);
	azure_sign(
		&signature, &azure->account, request->method, type, date, buf_str(&path));
	http_request_header(request, "x-ms-date", date);
	http_request_header(request, "Authorization", buf_str(&signature));
	request->headers.failed |= !buf_ok(&path) || !buf_ok(&signature);
	buf_finish(&path);
	buf_wipe(&signature);
}

/* Method and body are there. query may be "". */
static void address(struct azure *azure, const struct task *task, const char *resource,
	const char *query, int64_t now)
{
	struct http_request *request = (struct http_request *)&task->request;
	const char *sas = azure->account.sas;

	buf_addf(&request->url, "%s/%s%s%s", azure->account.endpoint, resource,
		*query ? "?" : "", query);
	if (sas)
		buf_addf(&request->url, "%s%s", *query ? "&" : "?", sas);
	add_right(azure, request, resource, now);
	http_request_header(request, "x-ms-version", VERSION);
	http_request_header(request, "Accept", JSON ";odata=nometadata");
	http_request_header(request, "DataServiceVersion", "3.0");
	http_request_header(request, "MaxDataServiceVersion", "3.0;NetFx");
	add_request_id(azure, task, request);
	if (!request->has_body)
		return;
	http_request_header(request, "Content-Type", JSON);
	http_request_header(request, "Prefer", "return-no-content");
}

static void build_insert(struct azure *azure, struct task *task, int64_t now)
{
	const struct destination_settings *settings = azure->base.settings;
	struct progress *progress = progress_of(task);
	struct azure_entity entity;

	task->request.method = "POST";
	task->request.has_body = true;
	if (!azure_entity_make(&entity, task->lead, &settings->map, &settings->set,
		    task->repairs & REPAIRED_SIZE ? SMALL_TEXT_MAX : AZURE_TEXT_MAX))
		task->request.body.failed = true;
	buf_add(&task->request.body, buf_str(&entity.json), entity.json.len);
	words_put(progress->cut, sizeof(progress->cut), buf_str(&entity.cut));
	azure_entity_finish(&entity);
	address(azure, task, azure->table, "", now);
}

static void build_create_table(struct azure *azure, struct task *task, int64_t now)
{
	task->request.method = "POST";
	task->request.has_body = true;
	buf_addf(&task->request.body, "{\"TableName\":\"%s\"}", azure->table);
	address(azure, task, "Tables", "", now);
}

static void build_probe(struct azure *azure, struct task *task, int64_t now)
{
	struct buf resource = BUF_INIT;

	task->request.method = "GET";
	buf_addf(&resource, "%s()", azure->table);
	address(azure, task, buf_str(&resource), "$top=1&$select=RowKey", now);
	task->request.url.failed |= !buf_ok(&resource);
	buf_finish(&resource);
}

/* Neither key holds a character that an address would have to escape. */
static void address_entity(
	struct azure *azure, struct task *task, const char *query, int64_t now)
{
	char partition[AZURE_PARTITION_SIZE], id[UUID_TEXT_SIZE];
	struct buf resource = BUF_INIT;

	buf_addf(&resource, "%s(PartitionKey='%s',RowKey='%s')", azure->table,
		azure_partition(task->lead, partition), uuid_text(&task->lead->id, id));
	address(azure, task, buf_str(&resource), query, now);
	task->request.url.failed |= !buf_ok(&resource);
	buf_finish(&resource);
}

static void build_ask(struct azure *azure, struct task *task, int64_t now)
{
	task->request.method = "GET";
	address_entity(azure, task, "$select=RowKey", now);
}

static void build_read(struct azure *azure, struct task *task, int64_t now)
{
	task->request.method = "GET";
	address_entity(azure, task, "", now);
}

static void build_delete(struct azure *azure, struct task *task, int64_t now)
{
	task->request.method = "DELETE";
	http_request_header(&task->request, "If-Match", "*");
	address_entity(azure, task, "", now);
}

/* ---- answers ---- */

static enum step_kind enter(
	struct azure *azure, struct task *task, enum azure_stage stage, int64_t now);

static enum step_kind end(struct step *step)
{
	return task_done(step->task, &step->reading.outcome);
}

static enum step_kind go_on(struct step *step, enum azure_stage stage)
{
	return enter(step->azure, step->task, stage, step->now);
}

static void mean(struct step *step, enum outcome_kind kind, enum reason reason,
	const char *error, const char *remedy)
{
	outcome_mean(&step->reading.outcome, kind, reason, error, remedy);
}

/* "2026-11-22/<id>": partition and row. */
static void name_entity(struct step *step)
{
	char partition[AZURE_PARTITION_SIZE], id[UUID_TEXT_SIZE];
	struct buf text = BUF_INIT;

	buf_addf(&text, "%s/%s", azure_partition(step->task->lead, partition),
		uuid_text(&step->task->lead->id, id));
	words_put(step->reading.outcome.remote_id,
		sizeof(step->reading.outcome.remote_id), buf_str(&text));
	buf_finish(&text);
}

static enum step_kind end_there(struct step *step)
{
	mean(step, OUTCOME_ALREADY_THERE, REASON_NONE, "", "");
	name_entity(step);
	return end(step);
}

static enum step_kind take_inserted(struct step *step)
{
	const char *cut = progress_of(step->task)->cut;
	struct buf text = BUF_INIT;

	if (step->answer->status == 201 || step->answer->status == 204) {
		if (*cut)
			buf_addf(&text, "cut to what an entity holds: %s", cut);
		mean(step, OUTCOME_DELIVERED, REASON_NONE, buf_str(&text), "");
		name_entity(step);
	} else {
		buf_addf(&text,
			"adding the lead to the table: HTTP %ld, where only 201 or 204 says "
			"that it was added: ",
			step->answer->status);
		azure_add_body(&text, &step->answer->body, &step->azure->account);
		mean(step, OUTCOME_RETRY, REASON_PROTOCOL, buf_str(&text),
			"check the connection string or url: something else answers there");
		step->reading.outcome.few = true;
	}
	buf_finish(&text);
	return end(step);
}

/* It was created a moment ago, and the service says that it is not there. */
static enum step_kind table_still_missing(struct step *step)
{
	struct outcome *outcome = &step->reading.outcome;

	outcome->kind = OUTCOME_RETRY;
	outcome->reason = REASON_SERVER_ERROR;
	outcome->destination = true;
	words_put(outcome->remedy, sizeof(outcome->remedy),
		"nothing to do: a table that was just created may take a moment");
	return end(step);
}

static enum step_kind repair(struct step *step, unsigned bit, enum azure_stage stage)
{
	step->task->repairs |= bit;
	return go_on(step, stage);
}

static enum step_kind take_insert(struct step *step)
{
	unsigned repairs = step->task->repairs;

	switch (step->reading.verdict) {
	case AZURE_DONE:
		return take_inserted(step);
	case AZURE_EXISTS:
		return end_there(step);
	case AZURE_NO_TABLE:
		return repairs & REPAIRED_TABLE
			       ? table_still_missing(step)
			       : repair(step, REPAIRED_TABLE, STAGE_CREATE_TABLE);
	case AZURE_TOO_LARGE:
		return repairs & REPAIRED_SIZE
			       ? end(step)
			       : repair(step, REPAIRED_SIZE, STAGE_INSERT);
	case AZURE_FAILED:
	case AZURE_THROTTLED:
	case AZURE_RETRY:
	case AZURE_TABLE_EXISTS:
	case AZURE_NOT_FOUND:
	case AZURE_UNAUTHORIZED:
	case AZURE_FORBIDDEN:
	case AZURE_ENVIRONMENT:
	case AZURE_REFUSED:
	case AZURE_VERDICTS:
		break;
	}
	return end(step);
}

static bool refused_right(const struct step *step)
{
	return step->reading.verdict == AZURE_FORBIDDEN ||
	       step->reading.verdict == AZURE_UNAUTHORIZED;
}

/* A SAS that may add entities may not create tables: no lead's fault. */
static void blame_sas(struct step *step)
{
	struct outcome *outcome = &step->reading.outcome;
	struct buf text = BUF_INIT;

	buf_addf(&text, "the table %s does not exist, and this SAS may not create it: %s",
		step->azure->table, outcome->error);
	mean(step, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT, buf_str(&text),
		"create the table in the portal, or check the name in `table`");
	buf_finish(&text);
}

static enum step_kind take_create_table(struct step *step)
{
	struct outcome *outcome = &step->reading.outcome;

	if (step->reading.verdict == AZURE_DONE ||
		step->reading.verdict == AZURE_TABLE_EXISTS)
		return go_on(step, STAGE_INSERT);
	if (refused_right(step) && step->azure->account.sas) {
		blame_sas(step);
	} else if (outcome->kind == OUTCOME_REFUSED) {
		outcome->kind = OUTCOME_ENVIRONMENT;
		outcome->reason = REASON_ENVIRONMENT;
	}
	return end(step);
}

static bool not_there(const struct step *step)
{
	return step->reading.verdict == AZURE_NOT_FOUND ||
	       step->reading.verdict == AZURE_NO_TABLE;
}

static enum step_kind take_ask_first(struct step *step)
{
	if (step->reading.verdict == AZURE_DONE)
		return end_there(step);
	if (not_there(step)) {
		mean(step, OUTCOME_REFUSED, REASON_GONE,
			"no entity is there under this lead's keys", "");
		return go_on(step, STAGE_INSERT);
	}
	if (step->reading.verdict == AZURE_FORBIDDEN) /* insert finds out, too */
		return go_on(step, STAGE_INSERT);
	return end(step);
}

/* What was refused was reading, after the signature had been found right. */
static enum step_kind take_probe(struct step *step)
{
	if (step->reading.verdict == AZURE_NO_TABLE)
		mean(step, OUTCOME_PRESUMED, REASON_NONE,
			"the table does not exist yet: the first lead creates it", "");
	else if (step->reading.verdict == AZURE_FORBIDDEN)
		mean(step, OUTCOME_PRESUMED, REASON_NONE,
			"this SAS may not read, which is fine; adding a lead tells the rest",
			"");
	return end(step);
}

static enum step_kind take_read(struct step *step)
{
	if (step->reading.verdict == AZURE_DONE)
		return end_there(step);
	if (not_there(step))
		mean(step, OUTCOME_REFUSED, REASON_GONE,
			"no entity is there under this lead's keys", "");
	else if (step->reading.verdict == AZURE_FORBIDDEN)
		mean(step, OUTCOME_PRESUMED, REASON_NONE,
			"this SAS may not read; that it was added has to do", "");
	return end(step);
}

static enum step_kind take_delete(struct step *step)
{
	if (not_there(step)) /* what was wanted */
		mean(step, OUTCOME_DELIVERED, REASON_NONE, "", "");
	else if (step->reading.verdict == AZURE_FORBIDDEN)
		step->reading.outcome.kind = OUTCOME_FORBIDDEN;
	return end(step);
}

struct stage_rule {
	const char *words;
	bool writes;
	void (*build)(struct azure *azure, struct task *task, int64_t now);
	enum step_kind (*take)(struct step *step);
};

static const struct stage_rule stages[] = {
	[STAGE_INSERT] = {"adding the lead to the table", true, build_insert,
		take_insert},
	[STAGE_ASK_FIRST] = {"asking whether the lead is there", false, build_ask,
		take_ask_first},
	[STAGE_CREATE_TABLE] = {"creating the table", false, build_create_table,
		take_create_table},
	[STAGE_PROBE] = {"reading the table", false, build_probe, take_probe},
	[STAGE_READ] = {"reading the lead back", false, build_read, take_read},
	[STAGE_DELETE] = {"deleting the lead", true, build_delete, take_delete},
};

/* ---- the machine ---- */

static enum step_kind enter(
	struct azure *azure, struct task *task, enum azure_stage stage, int64_t now)
{
	struct http_request *request = &task->request;

	task->stage = (int)stage;
	http_request_finish(request);
	*request = (struct http_request){0};
	stages[stage].build(azure, task, now);
	if (buf_ok(&request->url) && buf_ok(&request->headers) && buf_ok(&request->body))
		return STEP_SEND;
	return task_out_of_memory(task);
}

static enum azure_stage first_stage(const struct task *task)
{
	switch (task->purpose) {
	case TASK_DELIVER:
		return task->ask_first ? STAGE_ASK_FIRST : STAGE_INSERT;
	case TASK_READ:
		return STAGE_READ;
	case TASK_DELETE:
		return STAGE_DELETE;
	case TASK_PROBE:
	case TASK_PRIVILEGE:
	case TASK_PURPOSES:
		break;
	}
	return STAGE_PROBE;
}

static enum step_kind begin(
	struct destination *destination, struct task *task, int64_t now)
{
	task->extra = calloc(1, sizeof(struct progress));
	if (!task->extra)
		return task_out_of_memory(task);
	return enter(of(destination), task, first_stage(task), now);
}

/* A host that nobody knows is a wrong name when it never answered, and an outage of the
 * name service when it did. */
static void judge_unknown_host(struct step *step)
{
	struct outcome *outcome = &step->reading.outcome;

	if (step->answer->failure != HTTP_DNS || step->azure->answered)
		return;
	outcome->kind = OUTCOME_ENVIRONMENT;
	outcome->destination = false;
	words_put(outcome->remedy, sizeof(outcome->remedy),
		"check the account's name in the connection string or url, and this "
		"machine's DNS");
}

static enum step_kind next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct azure *azure = of(destination);
	const struct stage_rule *rule = &stages[task->stage];
	struct step step = {.azure = azure, .task = task, .answer = answer, .now = now};
	enum step_kind kind;

	azure_read(
		&step.reading, answer, rule->words, rule->writes, &azure->account, now);
	judge_unknown_host(&step);
	azure->answered = azure->answered || answer->status != 0;
	kind = rule->take(&step);
	task_record(task, &step.reading.outcome, now - answer->duration_ms,
		answer->duration_ms);
	azure_reading_finish(&step.reading);
	return kind;
}

static const struct destination_key keys[] = {
	{"connection_string",
		false}, /* or url and sas: configure says which is missing */
	{"url", false},
	{"sas", false},
	{"table", false},
	{NULL, false},
};

const struct destination_kind destination_azure_table = {
	.name = "azure_table",
	.keys = keys,
	.keeps_key = true,
	.create = create,
	.destroy = destroy,
	.begin = begin,
	.next = next,
	.purposes = 1u << TASK_DELIVER | 1u << TASK_PROBE | 1u << TASK_READ |
		    1u << TASK_DELETE,
};
