/*
 * support: chance that is no chance, answers and leads for the tests of this room.
 */
#ifndef TESTS_DESTINATIONS_SUPPORT_H
#define TESTS_DESTINATIONS_SUPPORT_H

#include "leadrelay/clock.h"
#include "leadrelay/http_client.h"
#include "leadrelay/lead.h"
#include "leadrelay/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1767225600000LL /* 2026-01-01 */
#define LEAD_ID "019b7a1e-0000-7000-8000-000000000001"

static inline void fill_sevens(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 7, len);
}

static const struct entropy sevens __attribute__((unused)) = {.fill = fill_sevens};

/* A struct pair of constants. */
#define PAIR(name, value, literal) \
	{ \
		(char *)(name), (char *)(value), (literal) \
	}

/* headers: "Name: value\n" lines, or NULL. The caller's to finish_answer. */
static inline struct http_answer make_answer(
	long status, const char *headers, const char *body)
{
	struct http_answer answer = {.status = status, .sent = true, .duration_ms = 5};

	buf_adds(&answer.headers, headers ? headers : "");
	buf_adds(&answer.body, body ? body : "");
	return answer;
}

static inline struct http_answer make_failure(enum http_failure failure, bool sent)
{
	struct http_answer answer = {.failure = failure, .sent = sent};

	strcpy(answer.error, "contoso.crm4.dynamics.com: it broke");
	return answer;
}

static inline void finish_answer(struct http_answer *answer)
{
	buf_finish(&answer->headers);
	buf_finish(&answer->body);
}

static inline struct lead make_lead(void)
{
	struct lead lead = LEAD_INIT;

	assert_true(uuid_parse(LEAD_ID, &lead.id));
	lead.source = strdup("marketplace");
	lead.received_at = NOW;
	return lead;
}

static inline void set_field(struct lead *lead, enum lead_field field, const char *text)
{
	assert_int_equal(lead_set(lead, field, text, NULL), ERR_OK);
}

static inline void set_extra(struct lead *lead, const char *json)
{
	cJSON_Delete(lead->extra);
	lead->extra = cJSON_Parse(json);
	assert_non_null(lead->extra);
}

#endif
