/* The filters of list, replay, hold, release and discard: texts to a selection. */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/config.h"
#include "leadrelay/json.h"
#include "leadrelay/mails.h"

#include <string.h>

static enum err_code parse_state(const char *text, struct filter *filter, struct err *err)
{
	int state;

	if (!text)
		return ERR_OK;
	if (strcmp(text, "quarantined") == 0) {
		filter->selection.states = SELECT_QUARANTINED;
		return ERR_OK;
	}
	state = delivery_state_find(text);
	if (state <= DELIVERY_NONE)
		return err_set(err, ERR_INVALID,
			"state: there is no state \"%s\"; pending, held, delivered, dead, "
			"discarded or quarantined",
			text);
	filter->selection.states = 1u << state;
	return ERR_OK;
}

static enum err_code parse_reason(
	const char *text, struct filter *filter, struct err *err)
{
	int reason = text ? reason_find(text) : REASON_NONE;

	if (text && reason <= REASON_NONE)
		return err_set(err, ERR_INVALID,
			"reason: there is no reason \"%s\"; dns, connect, tls, timeout, reset, "
			"protocol, server_error, throttled, unauthorized, forbidden, "
			"environment, plugin, duplicate_rule, invalid, too_large, gone, "
			"expired, removed or operator",
			text);
	filter->selection.reason = (enum reason)reason;
	return ERR_OK;
}

/* RFC 3339, or an age that counts back from now. */
static enum err_code parse_time(const cJSON *request, const char *name, int64_t now,
	int64_t *out, struct err *err)
{
	const char *text = json_string(request, name);
	int64_t age_ms;

	if (!text || time_parse(text, out) == 0 || date_parse(text, out) == 0)
		return ERR_OK;
	if (duration_parse(text, &age_ms) != 0)
		return err_set(err, ERR_INVALID,
			"%s: \"%s\" is not a time; RFC 3339 such as 2026-11-22T13:00:00Z, or an "
			"age such as 2h",
			name, text);
	*out = age_ms < now ? now - age_ms : 1;
	return ERR_OK;
}

enum err_code filter_parse(
	const cJSON *request, int64_t now, struct filter *out, struct err *err)
{
	struct filter filter = {.destination = json_string(request, "destination"),
		.source = json_string(request, "source")};
	struct selection *selection = &filter.selection;

	selection->email = json_string(request, "email");
	if (parse_state(json_string(request, "state"), &filter, err) != ERR_OK ||
		parse_reason(json_string(request, "reason"), &filter, err) != ERR_OK ||
		parse_time(request, "since", now, &selection->since, err) != ERR_OK ||
		parse_time(request, "until", now, &selection->until, err) != ERR_OK)
		return ERR_INVALID;
	if (selection->email && !*selection->email)
		return err_set(
			err, ERR_INVALID, "email: it is empty; give a whole address");
	filter.given = filter.destination || filter.source || selection->states ||
		       selection->reason || selection->since || selection->until ||
		       selection->email;
	*out = filter;
	return ERR_OK;
}

/* ---- names ---- */

const struct source_settings *config_source(const struct config *config, const char *name)
{
	for (size_t i = 0; config && i < config->source_count; i++)
		if (strcmp(config->sources[i].name, name) == 0)
			return &config->sources[i];
	return NULL;
}

const struct destination_settings *config_destination(
	const struct config *config, const char *name)
{
	for (size_t i = 0; config && i < config->destination_count; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return &config->destinations[i];
	return NULL;
}

#define MATCHES_NOTHING (-1) /* no row has this id */

enum err_code destination_resolve(
	struct run *run, const char *name, int64_t *id_out, struct err *err)
{
	bool mail = strcmp(name, MAIL_DESTINATION) == 0; /* no leads go there */
	int64_t id = mail ? 0 : reader_destination(run->control->reader, name);

	if (id == 0 && !config_destination(run->control->config, name))
		return err_set(err, ERR_NOT_FOUND,
			"there is no destination \"%s\"; `leadctl destinations` lists them",
			name);
	*id_out = id ? id : MATCHES_NOTHING;
	return ERR_OK;
}

static enum err_code source_resolve(
	struct run *run, const char *name, int64_t *id_out, struct err *err)
{
	int64_t id = reader_source(run->control->reader, name);

	if (id == 0 && !config_source(run->control->config, name))
		return err_set(err, ERR_NOT_FOUND,
			"there is no source \"%s\"; `leadctl status` lists them", name);
	*id_out = id ? id : MATCHES_NOTHING;
	return ERR_OK;
}

enum err_code filter_resolve(struct run *run, struct filter *filter, struct err *err)
{
	struct selection *selection = &filter->selection;

	if (filter->destination && destination_resolve(run, filter->destination,
					   &selection->destination, err) != ERR_OK)
		return err->code;
	if (filter->source &&
		source_resolve(run, filter->source, &selection->source, err) != ERR_OK)
		return err->code;
	return ERR_OK;
}

enum err_code filter_take(struct run *run, struct filter *out, struct err *err)
{
	if (filter_parse(run->request, run->now, out, err) != ERR_OK)
		return err->code;
	return filter_resolve(run, out, err);
}
