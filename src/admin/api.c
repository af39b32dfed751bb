/*
 * A request of the API: its parameters on the loop, its execution on a thread of work.c,
 * its answer on the loop again.
 */
#include "parts.h"

#include "leadrelay/json.h"
#include "leadrelay/log.h"

#include <stdlib.h>
#include <string.h>

#define QUERY_MAX 32

struct call {
	struct work_job job; /* first: the job is the call */
	struct admin *admin;
	struct inbound *in;
	cJSON *request;
	struct api_answer answer;
};

/* ---- on a thread ---- */

static bool emit(void *ctx, cJSON *line)
{
	struct call *call = ctx;

	return api_take(&call->answer, line);
}

static bool keep_going(void *ctx)
{
	const struct call *call = ctx;

	return !work_stopping(call->admin->work);
}

/* Somebody looked at persons: who asks later finds when. */
static void tell_revealed(const struct call *call)
{
	const cJSON *done = call->answer.done;
	const char *id = json_string(done, "id");

	if (!call->answer.wish.show_personal || call->answer.status != 200)
		return;
	if (call->answer.route->part)
		log_info("personal data shown", "lead",
			id ? id : json_string(call->request, "id"), NULL);
	else
		log_info("personal data shown", "list", call->answer.route->pattern,
			"count",
			log_num(json_integer(done, "listed", 0),
				(char[LOG_NUMBER_SIZE]){0}),
			NULL);
}

static void run_call(struct work_job *job)
{
	struct call *call = (struct call *)job;
	const struct admin_options *options = &call->admin->options;

	if (work_stopping(call->admin->work)) {
		api_refuse(&call->answer, 503, "leadrelayd is stopping; try again");
		return;
	}
	options->execute(options->ctx, call->request, emit, keep_going, call);
	tell_revealed(call);
	api_finish(&call->answer);
}

/* ---- on the loop ---- */

static void call_free(struct call *call)
{
	cJSON_Delete(call->request);
	api_answer_free(&call->answer);
	free(call);
}

static void add_headers(const struct call *call)
{
	const struct api_answer *answer = &call->answer;
	struct buf disposition = BUF_INIT;
	const char *file = answer->route->raw ? "lead.raw" : answer->wish.file;

	if (answer->status == 503)
		inbound_header_add(call->in, "Retry-After", "5");
	if (answer->status == 200 && file) { /* never shown as a page of ours */
		buf_addf(&disposition, "attachment; filename=\"%s\"", file);
		inbound_header_add(
			call->in, "Content-Disposition", buf_str(&disposition));
	}
	buf_finish(&disposition);
}

static void call_done(struct work_job *job)
{
	struct call *call = (struct call *)job;
	const struct api_answer *answer = &call->answer;

	add_headers(call);
	inbound_reply(call->in, answer->status, answer->type, buf_str(&answer->body),
		answer->body.len);
	call_free(call);
}

static void answer_version(struct admin *admin, struct inbound *in)
{
	struct buf body = BUF_INIT;

	buf_adds(&body, "{\"version\":");
	json_text_add(&body, admin->options.version);
	buf_adds(&body, "}\n");
	inbound_reply(in, 200, "application/json", buf_str(&body), body.len);
	buf_finish(&body);
}

/* false: answered already. */
static bool read_body(struct inbound *in, cJSON **body_out)
{
	struct err err;
	size_t len;
	char *bytes = inbound_body(in, &len);

	*body_out = NULL;
	if (strcmp(inbound_method(in), "POST") != 0 || text_blank(bytes))
		return true;
	if (json_read(bytes, len, body_out, &err) == ERR_OK)
		return true;
	inbound_problem(in, 400, err.text);
	return false;
}

static enum err_code understand(struct inbound *in, const struct api_route *route,
	const char *part, const cJSON *body, struct call *call, struct err *err)
{
	struct api_query query[QUERY_MAX];
	struct api_asked asked = {
		.route = route, .part = part, .query = query, .body = body};

	while (asked.query_count < QUERY_MAX &&
		inbound_query_item(in, asked.query_count, &query[asked.query_count].name,
			&query[asked.query_count].value))
		asked.query_count++;
	call->answer.route = route;
	return api_request(&asked, &call->request, &call->answer.wish, err);
}

static void refuse_call(struct inbound *in, struct call *call, const struct err *err)
{
	inbound_problem(in, err->code == ERR_INVALID ? 400 : 503, err->text);
	if (call)
		call_free(call);
}

static void submit(struct admin *admin, struct inbound *in, struct call *call)
{
	bool ids = cJSON_HasObjectItem(call->request, "ids"); /* a few leads */

	call->job = (struct work_job){.run = run_call,
		.done = call_done,
		.slow = call->answer.route->slow && !ids};
	call->admin = admin;
	call->in = in;
	if (work_submit(admin->work, &call->job))
		return;
	inbound_problem(in, 503, "too many requests are being worked on; try again");
	call_free(call);
}

void api_answer_inbound(struct admin *admin, struct inbound *in)
{
	char part[PART_SIZE];
	const struct api_route *route = api_find(inbound_path(in), part);
	struct call *call = calloc(1, sizeof(*call));
	struct err err;
	cJSON *body;

	if (!route->command) {
		answer_version(admin, in);
		free(call);
		return;
	}
	if (!read_body(in, &body)) {
		free(call);
		return;
	}
	if (!call)
		err_set(&err, ERR_NOMEM, "out of memory");
	if (!call || understand(in, route, part, body, call, &err) != ERR_OK)
		refuse_call(in, call, &err);
	else if (route->raw && !call->answer.wish.show_personal) {
		inbound_problem(in, 403,
			"these bytes hold personal data: personal=show says that they may be "
			"shown");
		call_free(call);
	} else {
		submit(admin, in, call);
	}
	cJSON_Delete(body);
}
