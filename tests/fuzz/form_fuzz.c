/* Urlencoded forms. */
#include "intake_checks.h"

#include "leadrelay/buf.h"

#define URLENCODED "application/x-www-form-urlencoded"

/* Fields printed as a form are the same fields. */
static void require_same_again(
	const struct source_settings *source, const struct lead *lead)
{
	struct buf body = BUF_INIT;
	struct parsed again;

	for (int i = 0; i < FIELD_COUNT; i++)
		if (lead->fields[i])
			form_add(&body, lead_field_name((enum lead_field)i),
				lead->fields[i]);
	intake_parse(source, URLENCODED, buf_str(&body), body.len, &again);
	REQUIRE(again.status == 0 && again.count == 1);
	for (int i = 0; i < FIELD_COUNT; i++) {
		const char *before = lead->fields[i], *after = again.leads[0].fields[i];

		REQUIRE(!before == !after && (!before || strcmp(before, after) == 0));
	}
	parsed_finish(&again);
	buf_finish(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char honeypot[] = "website_url", from[] = "surname", to[] = "last_name";
	static struct pair map[] = {{from, to, false}};
	const struct source_settings plain = {.kind = SOURCE_FORM};
	const struct source_settings source = {
		.kind = SOURCE_FORM, .honeypot = honeypot, .map = {map, 1}};
	struct parsed parsed;

	parse_and_check(&source, URLENCODED "; charset=UTF-8", (const char *)data, size);
	intake_parse(&plain, URLENCODED, (const char *)data, size, &parsed);
	require_parsed(&plain, &parsed);
	if (parsed.status == 0)
		require_same_again(&plain, &parsed.leads[0]);
	parsed_finish(&parsed);
	return 0;
}
