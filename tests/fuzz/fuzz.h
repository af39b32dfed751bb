/*
 * fuzz: what the fuzz targets share. Each target is one file, <name>_fuzz.c, with
 * LLVMFuzzerTestOneInput, a line in CMakeLists.txt and a folder of seeds, corpus/<name>.
 *
 * A target says what must hold of whatever is fed to a parser: REQUIRE it. Inputs are
 * written so that people can read and write them: lines first, then bytes.
 */
#ifndef LEADRELAY_TESTS_FUZZ_H
#define LEADRELAY_TESTS_FUZZ_H

#include "leadrelay/clock.h"
#include "leadrelay/delivery.h"
#include "leadrelay/http_client.h"
#include "leadrelay/lead.h"
#include "leadrelay/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1767225600000LL /* 2026-01-01 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
	((condition) ? (void)0 : require_failed(#condition, __FILE__, __LINE__))

static inline _Noreturn void require_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* ---- what is read ---- */

struct input {
	const char *at, *end;
};

static inline struct input input_of(const uint8_t *data, size_t size)
{
	return (struct input){(const char *)data, (const char *)data + size};
}

/* A copy as large as the text, so that a byte beyond it is noticed; cut at a NUL, as the
 * callers of C strings do. The caller's to free(). */
static inline char *copy_text(const char *bytes, size_t len)
{
	const char *nul = len ? memchr(bytes, 0, len) : NULL;
	size_t size = nul ? (size_t)(nul - bytes) : len;
	char *text = malloc(size + 1);

	REQUIRE(text);
	if (size > 0)
		memcpy(text, bytes, size);
	text[size] = '\0';
	return text;
}

/* The next line without its line feed, the caller's to free(); "" at the end. */
static inline char *input_line(struct input *input)
{
	size_t left = (size_t)(input->end - input->at);
	const char *stop = left ? memchr(input->at, '\n', left) : NULL;
	char *line = copy_text(input->at, stop ? (size_t)(stop - input->at) : left);

	input->at = stop ? stop + 1 : input->end;
	return line;
}

/* All that is left, as a text. */
static inline char *input_rest(struct input *input)
{
	char *rest = copy_text(input->at, (size_t)(input->end - input->at));

	input->at = input->end;
	return rest;
}

/* Up to a line "%%", which is taken too, else all that is left. */
static inline struct input input_section(struct input *input)
{
	size_t left = (size_t)(input->end - input->at);
	const char *stop = left ? memmem(input->at, left, "\n%%\n", 4) : NULL;
	struct input section = {input->at, stop ? stop + 1 : input->end};

	input->at = stop ? stop + 4 : input->end;
	return section;
}

/* "STATUS [reset|cut|tls] [sent]", header lines up to an empty one, then the body. What
 * is not HTTP any more by then (a NUL in a header) libcurl has refused. The caller's to
 * answer_finish. */
static inline struct http_answer input_answer(struct input section)
{
	struct http_answer answer = {.duration_ms = 5};
	char *line = input_line(&section);

	answer.status = (long)strtoul(line, NULL, 10) % 1000;
	answer.sent = strstr(line, "sent") != NULL;
	if (strstr(line, "reset"))
		answer.failure = HTTP_RESET;
	if (strstr(line, "cut"))
		answer.failure = HTTP_PROTOCOL;
	if (strstr(line, "tls"))
		answer.failure = HTTP_TLS;
	if (answer.status < 100) {
		answer.status = 0;
		answer.failure = answer.failure ? answer.failure : HTTP_TIMEOUT;
	}
	if (answer.failure)
		snprintf(answer.error, sizeof(answer.error), "contoso.example: it broke");
	free(line);
	for (line = input_line(&section); *line; line = input_line(&section)) {
		buf_adds(&answer.headers, line);
		buf_addc(&answer.headers, '\n');
		free(line);
	}
	free(line);
	buf_add(&answer.body, section.at, (size_t)(section.end - section.at));
	return answer;
}

static inline void answer_finish(struct http_answer *answer)
{
	buf_finish(&answer->headers);
	buf_finish(&answer->body);
}

/* Chance that is none. */
static inline void fill_sevens(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 7, len);
}

static const struct entropy sevens __attribute__((unused)) = {.fill = fill_sevens};

/* ---- what must hold ---- */

static inline void require_utf8(const char *text)
{
	REQUIRE(utf8_valid(text, strlen(text)));
}

/* For operators and senders: one printable line of ours. */
static inline void require_sentence(const char *text)
{
	require_utf8(text);
	REQUIRE(*text);
	for (; *text; text++)
		REQUIRE((unsigned char)*text >= ' ' && *text != 0x7f);
}

static inline void require_outcome(const struct outcome *outcome)
{
	REQUIRE(outcome->kind > OUTCOME_NONE && outcome->kind < OUTCOME_COUNT);
	REQUIRE(outcome->reason >= REASON_NONE && outcome->reason < REASON_COUNT);
	REQUIRE(outcome->wait_ms >= -1 && outcome->wait_ms <= RETRY_AFTER_MAX_MS);
	REQUIRE(outcome->dop_hint >= 0);
	require_utf8(outcome->error);
	require_utf8(outcome->remedy);
	require_utf8(outcome->remote_id);
	if (!outcome_is_success(outcome->kind))
		require_sentence(outcome->error);
}

static inline void require_lead(const struct lead *lead)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (!lead->fields[i])
			continue;
		require_utf8(lead->fields[i]);
		REQUIRE(!text_blank(lead->fields[i]));
	}
	REQUIRE(!lead->extra || (cJSON_IsObject(lead->extra) && lead->extra->child));
}

static inline void require_same_lead(const struct lead *a, const struct lead *b)
{
	char *left = a->extra ? cJSON_PrintUnformatted(a->extra) : NULL;
	char *right = b->extra ? cJSON_PrintUnformatted(b->extra) : NULL;

	for (int i = 0; i < FIELD_COUNT; i++) {
		REQUIRE(!a->fields[i] == !b->fields[i]);
		REQUIRE(!a->fields[i] || strcmp(a->fields[i], b->fields[i]) == 0);
	}
	REQUIRE(!left == !right);
	REQUIRE(!left || strcmp(left, right) == 0);
	cJSON_free(left);
	cJSON_free(right);
}

#endif
