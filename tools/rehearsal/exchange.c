/*
 * One exchange: classify; control requests are answered and done. Else: cut off? delays;
 * the first fault that fits; carry the request out unless that fault says no; send; write
 * it down.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "azure_ad.h"
#include "control.h"
#include "crm.h"
#include "dataverse.h"
#include "faults.h"
#include "journal.h"
#include "leads.h"
#include "moment.h"
#include "records.h"
#include "tokens.h"

const char *const kind_names[KINDS] = {
	"token", "create", "read", "update", "delete", "whoami", "privilege", "other"};

void crm_sleep(struct crm *crm, int64_t ms)
{
	int64_t until = steady_now() + ms;

	for (int64_t left = ms; left > 0 && !atomic_load(&crm->stopping);
		left = until - steady_now()) {
		int64_t slice = left > 50 ? 50 : left;
		struct timespec pause = {.tv_nsec = (long)slice * 1000000};

		nanosleep(&pause, NULL);
	}
}

static void classify(struct exchange *x)
{
	x->path = percent_decode(x->req->path, strlen(x->req->path), false);
	x->resource = dataverse_resource(x->path);
	if (exchange_is_control(x->req))
		x->kind = KIND_CONTROL;
	else if (azure_ad_is_token_path(x->path))
		x->kind = KIND_TOKEN;
	else if (!x->resource)
		x->kind = KIND_OTHER;
	else {
		x->resource += *x->resource == '/';
		x->kind = dataverse_kind(x->req, x->resource);
	}
	if (x->resource && strncmp(x->resource, "leads(", 6) == 0)
		leads_id(x->resource, x->leadid);
}

/* cJSON cuts a text at \u0000 and takes any bytes; Dataverse takes neither. */
static bool readable_json(const struct request *req)
{
	const char *at = req->body;

	if (!utf8_valid(req->body, req->body_len) || strlen(req->body) != req->body_len)
		return false;
	while ((at = strstr(at, "\\u0000"))) {
		const char *back = at;

		while (back > req->body && back[-1] == '\\')
			back--;
		if ((at - back) % 2 == 0)
			return false;
		at++;
	}
	return true;
}

static void read_lead(struct exchange *x)
{
	const cJSON *id;

	if ((x->kind != KIND_CREATE && x->kind != KIND_UPDATE) || !readable_json(x->req))
		return;
	x->body = cJSON_ParseWithOpts(x->req->body, NULL, true);
	if (x->body && !cJSON_IsObject(x->body)) {
		cJSON_Delete(x->body);
		x->body = NULL;
	}
	id = cJSON_GetObjectItemCaseSensitive(x->body, "leadid");
	if (!*x->leadid && cJSON_IsString(id))
		guid_parse(x->leadid, id->valuestring);
	if (x->kind == KIND_CREATE && *x->leadid)
		records_attempted(x->crm->records, x->leadid);
}

static void exchange_init(struct exchange *x, struct crm *crm, struct wire *wire,
	struct request *req, uint64_t connection)
{
	*x = (struct exchange){
		.crm = crm, .wire = wire, .req = req, .connection = connection};
	x->at = wall_now();
	x->started = steady_now();
	classify(x);
}

static void exchange_finish(struct exchange *x)
{
	fault_free(x->fault);
	reply_clear(&x->reply);
	cJSON_Delete(x->body);
	free(x->path);
}

bool exchange_cut_early(
	struct crm *crm, struct wire *wire, struct request *req, uint64_t connection)
{
	struct exchange x;
	int64_t delay = 0;
	bool cut = false;

	exchange_init(&x, crm, wire, req, connection);
	if (x.kind != KIND_CONTROL)
		x.fault = faults_pick(crm->faults, &x, true, &delay);
	if (x.fault) {
		journal_begin(crm->journal, &x);
		journal_end(crm->journal, &x, 0);
		cut = true;
	}
	exchange_finish(&x);
	return cut;
}

static void read_settings(struct crm *crm, bool *online, int64_t *latency)
{
	pthread_rwlock_rdlock(&crm->settings.lock);
	*online = crm->settings.online;
	*latency = crm->settings.latency_ms;
	pthread_rwlock_unlock(&crm->settings.lock);
}

static void answer(struct exchange *x)
{
	if (x->kind == KIND_TOKEN)
		azure_ad_answer(x);
	else if (x->resource)
		dataverse_answer(x);
	else
		reply_text(&x->reply, 404, "text/html", "<html>Not Found</html>\r\n");
}

/* The reply the request earns, or the one its fault puts in place of it. */
static void make_reply(struct exchange *x)
{
	const struct fault *fault = x->fault;

	if (!fault || fault_commits(fault))
		answer(x);
	if (!fault || (fault_commits(fault) && x->reply.status >= 400))
		return; /* a refused request is not made to look like a stored one */
	if (fault->kind->shape) {
		reply_clear(&x->reply);
		fault->kind->shape(fault, x);
	} else if (!x->reply.status) {
		reply_text(&x->reply, 200, "application/json", "{}");
	}
}

static enum ending send_reply(struct exchange *x, int *status)
{
	struct text bytes = {0};
	enum ending end = x->req->keep_alive ? END_KEEP : END_CLOSE;
	size_t head = reply_render(&x->reply, x->req->keep_alive, &bytes);

	*status = x->reply.status;
	if (x->fault && x->fault->kind->send)
		end = x->fault->kind->send(x->fault, x, &bytes, head, status);
	else if (!wire_write(x->wire, bytes.data, bytes.len))
		end = END_RESET;
	text_free(&bytes);
	return end;
}

static enum ending run_counted(struct exchange *x)
{
	enum ending end = END_RESET;
	int64_t delay = 0;
	int status = 0;
	bool online;

	journal_begin(x->crm->journal, x);
	read_settings(x->crm, &online, &delay);
	if (online) {
		x->fault = faults_pick(x->crm->faults, x, false, &delay);
		crm_sleep(x->crm, delay);
		read_settings(x->crm, &online, &delay); /* cut off while it waited? */
	}
	if (online) {
		make_reply(x);
		if (x->committed)
			journal_committed(x->crm->journal, x);
		read_settings(x->crm, &online,
			&delay); /* or while it worked: stored, not told */
	}
	if (online)
		end = send_reply(x, &status);
	journal_end(x->crm->journal, x, status);
	return end;
}

bool exchange_is_control(const struct request *req)
{
	return strncmp(req->path, "/_rehearsal", 11) == 0;
}

enum ending exchange_run(
	struct crm *crm, struct wire *wire, struct request *req, uint64_t connection)
{
	struct exchange x;
	enum ending end;
	int status;

	exchange_init(&x, crm, wire, req, connection);
	if (x.kind == KIND_CONTROL) {
		control_answer(&x);
		end = send_reply(&x, &status);
	} else {
		read_lead(&x);
		end = run_counted(&x);
	}
	exchange_finish(&x);
	return end;
}
