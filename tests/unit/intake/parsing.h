/* parsing: what the parser tests share: a source, a body, and questions about the
 * result. Included after cmocka. */
#ifndef LEADRELAY_TEST_PARSING_H
#define LEADRELAY_TEST_PARSING_H

#include "leadrelay/intake.h"

#include <stdio.h>
#include <string.h>

struct given {
	struct source_settings source;
	struct parsed parsed;
};

static inline int given_set_up(void **state)
{
	*state = calloc(1, sizeof(struct given));
	return 0;
}

static inline int given_tear_down(void **state)
{
	struct given *g = *state;

	parsed_finish(&g->parsed);
	free(g);
	return 0;
}

static inline int parse_bytes(
	struct given *g, const char *type, const char *body, size_t len)
{
	parsed_finish(&g->parsed);
	intake_parse(&g->source, type, body, len, &g->parsed);
	return g->parsed.status;
}

static inline int parse_text(struct given *g, const char *type, const char *body)
{
	return parse_bytes(g, type, body, strlen(body));
}

static inline void expect_field(
	const struct given *g, size_t index, enum lead_field field, const char *text)
{
	assert_true(index < g->parsed.count);
	if (!text) {
		assert_null(g->parsed.leads[index].fields[field]);
		return;
	}
	assert_non_null(g->parsed.leads[index].fields[field]);
	assert_string_equal(g->parsed.leads[index].fields[field], text);
}

/* extra, printed without blanks; "" when there is none. */
static inline void expect_extra(const struct given *g, size_t index, const char *json)
{
	cJSON *extra = g->parsed.leads[index].extra;
	char *text = extra ? cJSON_PrintUnformatted(extra) : NULL;

	assert_string_equal(text ? text : "", json);
	free(text);
}

#endif
