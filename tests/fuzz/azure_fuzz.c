/*
 * Azure table storage. Three lines (a connection string; an endpoint; a SAS) up to a line
 * "%%"; a lead as JSON up to such a line; an answer (fuzz.h, input_answer). An account is
 * usable or refused without quoting what is secret in it; an entity is JSON that fits; an
 * answer has a legal outcome.
 */
#include "intake_checks.h"

#include "azure_account.h"
#include "azure_entity.h"
#include "azure_errors.h"

#include "leadrelay/json.h"

#define KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define SIGNATURE "c2lnbmF0dXJlLW9mLXRlc3Q"

static void require_account(const struct azure_account *account)
{
	struct err err = {0};

	REQUIRE(strncmp(account->endpoint, "https://", 8) == 0 ||
		strncmp(account->endpoint, "http://", 7) == 0);
	for (const char *c = account->endpoint; *c; c++)
		REQUIRE(*c > ' ' && *c < 0x7f);
	REQUIRE(account->endpoint[strlen(account->endpoint) - 1] != '/');
	REQUIRE((account->key_len > 0) != (account->sas != NULL));
	REQUIRE(account->key_len <= AZURE_KEY_MAX);
	for (const char *c = account->sas ? account->sas : ""; *c; c++)
		REQUIRE(*c > ' ' && *c < 0x7f && *c != '#');
	if (account->sas && azure_sas_check(account, "marketplaceleads", &err) != ERR_OK)
		require_sentence(err.text);
}

/* The seeds' secrets, or most of them. */
static void require_unquoted(const char *text)
{
	REQUIRE(!strstr(text, "MDEyMzQ1Njc4") && !strstr(text, "c2lnbmF0dXJl"));
}

static void parse_string(const char *line)
{
	struct azure_account account = {0};
	struct err err = {0};

	if (azure_account_parse(&account, line, false, &err) == ERR_OK) {
		require_account(&account);
		azure_account_finish(&account);
	} else {
		REQUIRE(strncmp(err.text, "connection_string: ", 19) == 0);
		require_sentence(err.text);
		require_unquoted(err.text);
	}
}

static void parse_sas(const char *url, const char *sas)
{
	struct azure_account account = {0};
	struct err err = {0};

	if (azure_account_from_sas(&account, url, sas, "marketplaceleads", false, &err) ==
		ERR_OK) {
		require_account(&account);
		REQUIRE(account.sas);
		azure_account_finish(&account);
	} else {
		REQUIRE(strncmp(err.text, "url: ", 5) == 0 ||
			strncmp(err.text, "sas: ", 5) == 0);
		require_sentence(err.text);
		require_unquoted(err.text);
	}
}

static void make_entity(struct input body)
{
	static const size_t limits[] = {AZURE_TEXT_MAX, 100};
	const struct source_settings source = {.kind = SOURCE_JSON};
	const struct pair_list none = {0};
	struct parsed parsed;

	intake_parse(&source, NULL, body.at, (size_t)(body.end - body.at), &parsed);
	if (parsed.status == 0) { /* as accepted */
		parsed.leads[0].source = copy_text("partner", 7);
		parsed.leads[0].received_at = NOW;
	}
	for (size_t i = 0; parsed.status == 0 && i < 2; i++) {
		struct azure_entity entity;
		cJSON *json = NULL;

		REQUIRE(azure_entity_make(
			&entity, &parsed.leads[0], &none, &none, limits[i]));
		REQUIRE(json_read(buf_str(&entity.json), entity.json.len, &json, NULL) ==
			ERR_OK);
		REQUIRE(json_string(json, "RowKey") && json_string(json, "PartitionKey"));
		REQUIRE(!memchr(entity.json.data, '\n', entity.json.len));
		require_utf8(buf_str(&entity.cut));
		cJSON_Delete(json);
		azure_entity_finish(&entity);
	}
	parsed_finish(&parsed);
}

static void read_answer(struct input section, const char *string)
{
	struct http_answer answer = input_answer(section);
	struct azure_account account;
	struct azure_reading reading;

	REQUIRE(azure_account_parse(&account, string, false, NULL) == ERR_OK);
	azure_read(
		&reading, &answer, "adding the lead to the table", true, &account, NOW);
	REQUIRE(reading.verdict < AZURE_VERDICTS);
	require_outcome(&reading.outcome);
	REQUIRE(account.key_len > 0 || /* a key is never sent: nobody can echo it */
		!strstr(reading.outcome.error, SIGNATURE));
	require_utf8(reading.code);
	azure_reading_finish(&reading);
	azure_account_finish(&account);
	answer_finish(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	struct input lines = input_section(&input);
	struct input answer;
	char *string = input_line(&lines), *url = input_line(&lines),
	     *sas = input_line(&lines);

	parse_string(string);
	parse_sas(url, sas);
	if (azure_table_name_valid(sas))
		REQUIRE(strlen(sas) >= 3 && strlen(sas) <= 63);
	make_entity(input_section(&input));
	answer = input_section(&input);
	read_answer(answer, "AccountName=contoso;AccountKey=" KEY);
	read_answer(answer,
		"TableEndpoint=https://contoso.table.core.windows.net;"
		"SharedAccessSignature=sv=2019-02-02&sp=a&tn=leads&sig=" SIGNATURE);
	free(string);
	free(url);
	free(sas);
	return 0;
}
