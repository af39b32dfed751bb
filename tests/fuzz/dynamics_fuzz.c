/*
 * A task of a dynamics365 destination against answers that may be anything. First line:
 * words that choose task and policy; then the lead as JSON up to a line "%%"; then
 * answers, each up to such a line (fuzz.h, input_answer). When they run out, the rest is
 * silence.
 *
 * Whatever is answered, the attempt ends after a few exchanges with a legal outcome; the
 * token is told to nobody; every request is one that HTTP can carry.
 */
#include "fuzz.h"

#include "leadrelay/destination.h"
#include "leadrelay/intake.h"
#include "leadrelay/json.h"
#include "leadrelay/token.h"

#define TOKEN "eyJ0b2tlbi1vZi10aGUtdGVzdA"

static struct destination_settings settings_for(const char *words)
{
	static char url[] = "https://contoso.crm4.dynamics.com", name[] = "crm",
		    kind[] = "dynamics365", id[] = "12345678-0000-0000-0000-000000000000",
		    secret[] = "secret~of.the+test",
		    authority[] = "https://login.example";
	static char column[] = "cr1_score", score[] = "7", title[] = "title",
		    own[] = "new_title";
	static struct pair set[] = {{column, score, true}}, map[] = {{title, own, false}};
	struct destination_settings settings = {.name = name,
		.kind = kind,
		.url = url,
		.auth = {.method = AUTH_AZURE_AD,
			.directory_id = id,
			.client_id = id,
			.client_secret = {.values = {secret}, .count = 1},
			.authority = authority,
			.token_version = 2},
		.duplicates = DUPLICATES_CREATE};

	if (strstr(words, "skip"))
		settings.duplicates = DUPLICATES_SKIP;
	if (strstr(words, "update"))
		settings.duplicates = DUPLICATES_UPDATE;
	if (strstr(words, "set")) {
		settings.set = (struct pair_list){set, 1};
		settings.map = (struct pair_list){map, 1};
	}
	return settings;
}

static enum task_purpose purpose_for(const char *words)
{
	static const char *const names[TASK_PURPOSES] = {[TASK_PROBE] = "probe",
		[TASK_PRIVILEGE] = "privilege",
		[TASK_READ] = "read",
		[TASK_DELETE] = "delete"};

	for (int i = 0; i < TASK_PURPOSES; i++)
		if (names[i] && strstr(words, names[i]))
			return (enum task_purpose)i;
	return TASK_DELIVER;
}

static void give_token(struct token *token)
{
	struct http_request request = {0};
	struct http_answer answer = {.status = 200};
	struct outcome outcome;

	REQUIRE(token_request(token, &request, NOW, NULL) == ERR_OK);
	buf_adds(&answer.body, "{\"token_type\":\"Bearer\",\"expires_in\":3600,"
			       "\"access_token\":\"" TOKEN "\"}");
	REQUIRE(token_answer(token, &answer, NOW, &outcome) == TOKEN_GOT);
	answer_finish(&answer);
	http_request_finish(&request);
}

static void require_request(const struct http_request *request)
{
	const char *url = buf_str(&request->url);
	cJSON *body = NULL;

	REQUIRE(strncmp(url, "https://contoso.crm4.dynamics.com/api/data/v9.2/", 48) ==
		0);
	for (; *url; url++)
		REQUIRE(*url > ' ' && *url < 0x7f);
	REQUIRE(strlen(buf_str(&request->headers)) == request->headers.len);
	REQUIRE(!strstr(buf_str(&request->headers), "\n\n"));
	if (!request->has_body)
		return;
	REQUIRE(json_read(buf_str(&request->body), request->body.len, &body, NULL) ==
		ERR_OK);
	REQUIRE(cJSON_IsObject(body));
	cJSON_Delete(body);
}

static void require_end(const struct task *task)
{
	require_outcome(&task->outcome);
	REQUIRE(!strstr(task->outcome.error, TOKEN) &&
		!strstr(task->outcome.remedy, TOKEN));
	REQUIRE(task->record_count <= TASK_EXCHANGES_MAX);
	for (int i = 0; i < task->record_count; i++) {
		const struct exchange_record *record = &task->records[i];

		require_utf8(record->error);
		REQUIRE(!strstr(record->error, TOKEN));
		REQUIRE(record->outcome > OUTCOME_NONE &&
			record->outcome < OUTCOME_COUNT);
	}
}

static void run(struct destination *destination, struct task *task, struct input *input)
{
	enum step_kind step = task_begin(destination, task, NOW);
	int steps = 0;

	while (step != STEP_DONE) {
		struct http_answer answer;

		REQUIRE(steps++ < 3 * TASK_EXCHANGES_MAX);
		if (step == STEP_TOKEN) {
			give_token(destination_token(destination));
			step = task_next(destination, task, NULL, NOW);
			continue;
		}
		REQUIRE(step == STEP_SEND);
		require_request(&task->request);
		answer = input_answer(input_section(input));
		step = task_next(destination, task, &answer, NOW);
		answer_finish(&answer);
	}
	require_end(task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct source_settings source = {.kind = SOURCE_MARKETPLACE};
	struct input input = input_of(data, size);
	char *words = input_line(&input);
	struct input body = input_section(&input);
	const struct destination_settings settings = settings_for(words);
	struct destination *destination = NULL;
	struct parsed parsed;

	intake_parse(&source, NULL, body.at, (size_t)(body.end - body.at), &parsed);
	if (parsed.status == 0) {
		struct task task = {.purpose = purpose_for(words),
			.lead = &parsed.leads[0],
			.ask_first = strstr(words, "ask") != NULL};

		memset(&parsed.leads[0].id, 0x17, sizeof(parsed.leads[0].id));
		REQUIRE(destination_create(&destination, &settings, &sevens, NULL) ==
			ERR_OK);
		run(destination, &task, &input);
		task_finish(&task);
		destination_destroy(destination);
	}
	parsed_finish(&parsed);
	free(words);
	return 0;
}
