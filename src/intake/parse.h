/*
 * parse: what the parsers of the three kinds share: naming what is wrong, and putting an
 * incoming name and value where it belongs in a lead. Pure.
 */
#ifndef LEADRELAY_INTAKE_PARSE_H
#define LEADRELAY_INTAKE_PARSE_H

#include "leadrelay/intake.h"

#include <cjson/cJSON.h>

#define ARRAY_MAX 1000
#define FORM_FIELDS_MAX 1000

struct parsing { /* one lead being filled */
	const struct source_settings *source;
	struct parsed *out;
	struct lead *lead;
	size_t index; /* in an array, from 1; 0: a single object */
};

/* Sets out's status and problem (unless there is one already) and returns false. Words
 * name fields of ours only: the sender's names and values are not quoted. */
bool parse_fail(struct parsed *out, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool parse_no_memory(struct parsed *out);
/* What json_read says of the body: 400, or 503 when the fault is ours. */
bool parse_unreadable(struct parsed *out, const struct err *err);
/* Room for count leads in out, empty. */
bool parse_leads(struct parsed *out, size_t count);

/* normalise.c */

/* Puts one member of a JSON object (detached from it) or one field of a form where it
 * belongs: into the canonical field it names, else into *extra (made when needed). The
 * first value of a field wins, other ones go to extra. */
bool normalise_member(
	struct parsing *parsing, cJSON *object, cJSON *member, cJSON **extra);
bool normalise_members(struct parsing *parsing, cJSON *object, cJSON **extra);
bool normalise_text(struct parsing *parsing, const char *name, const char *text);
/* The same where the field is known; -1: none takes it. */
bool normalise_put(
	struct parsing *parsing, int field, const char *name, const char *text);
/* Puts what no field took of an object called name under that name into extra. Takes
 * nested. */
bool normalise_nested(struct parsing *parsing, const char *name, cJSON *nested);
/* Does something identify the lead? Then the source's constants, the composite source,
 * the test marker. */
bool normalise_finish(struct parsing *parsing);
/* Lower case without blanks, '_' and '-': how names of the marketplace are compared.
 * false: too long to be one. */
bool name_fold(const char *name, char *out, size_t size);
/* The canonical field a folded marketplace name means, or -1. */
int marketplace_field(const char *folded);

/* the kinds */

void parse_marketplace(const struct source_settings *source, const char *body, size_t len,
	struct parsed *out);
void parse_json(const struct source_settings *source, const char *content_type,
	const char *body, size_t len, struct parsed *out);
void parse_form(const struct source_settings *source, const char *content_type,
	const char *body, size_t len, struct parsed *out);
/* The media type alone, without parameters, in lower case; "" when there is none or it is
 * too long. */
void media_type(const char *content_type, char *out, size_t size);
/* A parameter of a content type or disposition, unquoted; false: absent or malformed. */
bool media_parameter(const char *header, const char *name, char *out, size_t size);

/* multipart.c: takes each field of a multipart/form-data body to take(). */
bool multipart_each(struct parsed *out, const char *content_type, const char *body,
	size_t len,
	bool (*take)(void *ctx, const char *name, const char *bytes, size_t count),
	void *ctx);

#endif
