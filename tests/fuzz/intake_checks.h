/*
 * intake_checks: what must hold of a body that a source's parser has read, whatever its
 * kind.
 */
#ifndef LEADRELAY_TESTS_FUZZ_INTAKE_CHECKS_H
#define LEADRELAY_TESTS_FUZZ_INTAKE_CHECKS_H

#include "fuzz.h"

#include "leadrelay/intake.h"

/* The store keeps fields and extra as texts: what it reads again is what was accepted. */
static inline void require_kept(const struct lead *lead)
{
	cJSON *fields = lead_fields_json(lead);
	char *fields_text = cJSON_PrintUnformatted(fields);
	char *extra_text = lead->extra ? cJSON_PrintUnformatted(lead->extra) : NULL;
	struct lead again = LEAD_INIT;

	REQUIRE(lead_from_json(&again, fields_text, extra_text, NULL) == ERR_OK);
	require_same_lead(lead, &again);
	lead_finish(&again);
	cJSON_free(fields_text);
	cJSON_free(extra_text);
	cJSON_Delete(fields);
}

static inline bool is_lead(const struct source_settings *source, const struct lead *lead)
{
	return lead_identifies(lead) ||
	       (source->kind == SOURCE_MARKETPLACE && lead_has_interest(lead));
}

static inline void require_parsed(
	const struct source_settings *source, const struct parsed *parsed)
{
	if (parsed->status == 0) {
		REQUIRE(parsed->problem[0] == '\0');
		REQUIRE(parsed->count > 0 && (parsed->array || parsed->count == 1));
	} else {
		REQUIRE(parsed->status == 400 || parsed->status == 413 ||
			parsed->status == 415 || parsed->status == 422);
		require_sentence(parsed->problem);
		REQUIRE(parsed->count <= (parsed->array ? 0 : 1));
		for (const char *c = parsed->problem; *c; c++)
			REQUIRE((unsigned char)*c < 0x80); /* no value is quoted */
	}
	for (size_t i = 0; i < parsed->count; i++) {
		require_lead(&parsed->leads[i]);
		require_kept(&parsed->leads[i]);
		if (parsed->status == 0)
			REQUIRE(is_lead(source, &parsed->leads[i]));
	}
}

static inline void parse_and_check(const struct source_settings *source, const char *type,
	const char *body, size_t len)
{
	struct parsed parsed;

	intake_parse(source, type, body, len, &parsed);
	require_parsed(source, &parsed);
	parsed_finish(&parsed);
}

#endif
