/*
 * Texts and identifiers: a line for a pattern, then a text. What is escaped is harmless
 * where it goes; an id is read as it is printed; a lead survives its editing.
 */
#include "fuzz.h"

#include "leadrelay/buf.h"
#include "leadrelay/uuid.h"

#include <strings.h>

static void require_escaped(const char *text, size_t len)
{
	struct buf shown = BUF_INIT, html = BUF_INIT;

	text_escape(&shown, text, len);
	REQUIRE(utf8_valid(buf_str(&shown), shown.len));
	for (const char *c = buf_str(&shown); *c; c++)
		REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
	html_escape(&html, buf_str(&shown));
	REQUIRE(!strpbrk(buf_str(&html), "\"'") && !strstr(buf_str(&html), "<s"));
	buf_finish(&shown);
	buf_finish(&html);
}

static void require_prefixes(const char *text)
{
	size_t units = utf16_length(text);

	for (size_t most = 0; most <= units && most < 40; most++) {
		size_t bytes = utf16_prefix(text, most);
		char *prefix = copy_text(text, bytes);

		require_utf8(prefix);
		REQUIRE(strlen(prefix) == bytes && utf16_length(prefix) <= most);
		free(prefix);
	}
	REQUIRE(utf16_prefix(text, units) == strlen(text));
}

static void require_id(const char *text)
{
	char printed[UUID_TEXT_SIZE];
	struct uuid id, again;

	if (!uuid_parse(text, &id))
		return;
	REQUIRE(strlen(text) == 36);
	REQUIRE(uuid_parse(uuid_text(&id, printed), &again) && uuid_equal(&id, &again));
	REQUIRE(strcasecmp(text, printed) == 0);
}

static void require_edited(const char *text)
{
	struct lead lead = LEAD_INIT;

	REQUIRE(lead_set(&lead, FIELD_LEAD_SOURCE, text, NULL) == ERR_OK);
	REQUIRE(lead_set(&lead, FIELD_EMAIL, text, NULL) == ERR_OK);
	REQUIRE(lead_split_source(&lead, NULL) == ERR_OK);
	lead_mark_test(&lead);
	require_lead(&lead);
	lead_finish(&lead);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	char *pattern = input_line(&input);
	char *text = input_rest(&input);

	require_escaped((const char *)data, size);
	require_id(pattern);
	if (utf8_valid(text, strlen(text)) && utf8_valid(pattern, strlen(pattern))) {
		REQUIRE(glob_match("*", text));
		if (strlen(pattern) < 64)
			(void)glob_match(pattern, text);
		require_prefixes(text);
		require_edited(text);
	}
	free(pattern);
	free(text);
	return 0;
}
