#include "daemon.h"

#include "leadrelay/zone.h"

#include <stdlib.h>
#include <string.h>

static size_t count_routes(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->source_count; i++)
		count += config->sources[i].destinations.count;
	return count;
}

static const struct destination_settings *settings_of(
	const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->destination_count; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return &config->destinations[i];
	return NULL;
}

/* Everything but the store's ids, which names_route fills in. */
static void link_sources(struct generation *generation)
{
	const struct config *config = generation->config;
	struct intake_destination *next = generation->source_destinations;

	for (size_t i = 0; i < config->source_count; i++) {
		struct intake_source *source = &generation->sources[i];

		source->settings = &config->sources[i];
		source->destinations = next;
		source->destination_count = config->sources[i].destinations.count;
		for (size_t j = 0; j < source->destination_count; j++, next++) {
			const struct destination_settings *settings = settings_of(
				config, config->sources[i].destinations.items[j]);

			next->when = settings->when;
			next->when_count = settings->when_count;
			next->contacts = &settings->contacts;
		}
	}
}

static enum err_code load_zones(struct generation *generation, struct err *err)
{
	const struct config *config = generation->config;
	enum err_code code = ERR_OK;

	generation->zones = calloc(config->report_count + 1, sizeof(*generation->zones));
	if (!generation->zones)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; code == ERR_OK && i < config->report_count; i++)
		code = zone_load(
			&generation->zones[i], NULL, config->reports[i].timezone, err);
	return code;
}

enum err_code generation_create(
	struct generation **out, struct config *config, struct err *err)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation) {
		config_destroy(config);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	generation->config = config;
	generation->holders = 1;
	generation->sources = calloc(config->source_count, sizeof(*generation->sources));
	generation->source_destinations =
		calloc(count_routes(config), sizeof(*generation->source_destinations));
	if (!generation->sources || !generation->source_destinations ||
		secret_watch_create(&generation->watch, config, err) != ERR_OK) {
		generation_release(generation);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	if (load_zones(generation, err) != ERR_OK) {
		generation_release(generation);
		return err->code;
	}
	link_sources(generation);
	*out = generation;
	return ERR_OK;
}

const struct intake_mail *generation_mail(
	const struct generation *generation, struct intake_mail *out)
{
	if (!generation->config->mail.configured)
		return NULL;
	out->destination = generation->mail_id;
	out->digest_ms = generation->config->mail.digest_ms;
	return out;
}

struct generation *generation_hold(struct generation *generation)
{
	atomic_fetch_add(&generation->holders, 1);
	return generation;
}

void generation_release(void *ctx)
{
	struct generation *generation = ctx;

	if (!generation || atomic_fetch_sub(&generation->holders, 1) > 1)
		return;
	secret_watch_destroy(generation->watch);
	for (size_t i = 0; generation->zones && i < generation->config->report_count; i++)
		zone_destroy(generation->zones[i]);
	free(generation->zones);
	config_destroy(generation->config);
	free(generation->sources);
	free(generation->source_destinations);
	free(generation);
}
