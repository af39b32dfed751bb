/* The configuration's names and what the store knows of them: ids and stored health. */
#include "daemon.h"

#include "leadrelay/destination.h"
#include "leadrelay/log.h"

#include <stdlib.h>
#include <string.h>

enum err_code names_prepare(struct names *names, struct daemon *daemon,
	struct generation *generation, struct err *err)
{
	const struct config *config = generation->config;
	struct job_names *job = &names->job;

	*names = (struct names){.daemon = daemon};
	job_names_prepare(job);
	job_destinations_prepare(&names->rows);
	job->now = clock_wall(daemon->clock);
	job->sources = calloc(config->source_count, sizeof(*job->sources));
	job->destinations = calloc(config->destination_count, sizeof(*job->destinations));
	if (!job->sources || !job->destinations) {
		free(job->sources);
		free(job->destinations);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	job->mail = config->mail.configured;
	job->source_count = config->source_count;
	job->destination_count = config->destination_count;
	for (size_t i = 0; i < config->source_count; i++)
		job->sources[i].name = config->sources[i].name;
	for (size_t i = 0; i < config->destination_count; i++) {
		const struct destination_settings *settings = &config->destinations[i];

		job->destinations[i].name = settings->name;
		job->destinations[i].kind = settings->kind;
		job->destinations[i].keeps_key =
			destination_kind_find(settings->kind)->keeps_key;
	}
	names->generation = generation_hold(generation);
	return ERR_OK;
}

void names_finish(struct names *names)
{
	free(names->job.sources);
	free(names->job.destinations);
	job_names_finish(&names->job);
	job_destinations_finish(&names->rows);
	generation_release(names->generation);
}

static int64_t destination_id(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->job.destination_count; i++)
		if (strcmp(names->job.destinations[i].name, name) == 0)
			return names->job.destinations[i].id;
	return 0;
}

static const struct destination_row *row_of_mail(const struct names *names)
{
	for (size_t i = 0; i < names->rows.count; i++)
		if (strcmp(names->rows.rows[i].name, MAIL_DESTINATION) == 0)
			return &names->rows.rows[i];
	return NULL;
}

enum err_code names_route(struct names *names, struct err *err)
{
	struct generation *generation = names->generation;
	const struct destination_row *mail = row_of_mail(names);

	generation->mail_id = names->job.mail_destination;
	if (!mail && generation->config->mail.configured)
		return err_set(err, ERR_BUG, "the store has no row for mails");
	for (size_t i = 0; i < names->job.source_count; i++) {
		struct intake_source *source = &generation->sources[i];

		source->id = names->job.sources[i].id;
		for (size_t j = 0; j < source->destination_count; j++) {
			const char *name = source->settings->destinations.items[j];

			source->destinations[j].id = destination_id(names, name);
			if (!source->destinations[j].id)
				return err_set(err, ERR_BUG,
					"the store gave destination %s no id", name);
		}
	}
	return ERR_OK;
}

static const struct destination_row *row_of(const struct names *names, int64_t id)
{
	for (size_t i = 0; i < names->rows.count; i++)
		if (names->rows.rows[i].id == id)
			return &names->rows.rows[i];
	return NULL;
}

/* New credentials since the destination came into its state: by a reload, or while no
 * daemon ran. */
static bool secret_changed(const struct config *before, const struct config *after,
	const struct destination_settings *settings, const struct destination_row *row)
{
	const struct auth_settings *auth = &settings->auth;

	if (before)
		return config_credentials_changed(before, after, settings->name);
	return auth->client_secret.changed_at > row->health.since ||
	       auth->password.changed_at > row->health.since ||
	       settings->secret.changed_at > row->health.since;
}

static bool mail_secret_changed(const struct config *before, const struct config *after,
	const struct destination_row *row)
{
	const struct smtp_settings *smtp = &after->mail.smtp;

	if (before)
		return config_credentials_changed(before, after, MAIL_DESTINATION);
	return smtp->password.changed_at > row->health.since ||
	       smtp->oauth.client_secret.changed_at > row->health.since ||
	       smtp->oauth.password.changed_at > row->health.since;
}

enum err_code names_deliver(
	struct names *names, struct generation *before, struct err *err)
{
	const struct config *config = names->generation->config;
	struct relay_destination *list = calloc(config->destination_count, sizeof(*list));
	struct relay_mail mail = {.settings = &config->mail, .row = row_of_mail(names)};
	enum err_code code;

	if (!list)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < config->destination_count; i++) {
		list[i].settings = &config->destinations[i];
		list[i].row = row_of(names, names->job.destinations[i].id);
		if (!list[i].row) {
			free(list);
			return err_set(err, ERR_BUG, "the store has no row for %s",
				config->destinations[i].name);
		}
		list[i].secret_changed = secret_changed(before ? before->config : NULL,
			config, list[i].settings, list[i].row);
	}
	if (config->mail.configured)
		mail.secret_changed = mail_secret_changed(
			before ? before->config : NULL, config, mail.row);
	code = relay_configure(names->daemon->relay, &config->retry, list,
		config->destination_count, config->mail.configured ? &mail : NULL,
		generation_release, before, err);
	free(list);
	return code;
}

static void tell_removed(const char *name)
{
	struct buf remedy = BUF_INIT;

	buf_addf(&remedy,
		"put it back into the configuration, or send them elsewhere (leadctl "
		"replay --destination %s --state pending --to OTHER), then leadctl "
		"discard --destination %s",
		name, name);
	log_warn("destination removed", "destination", name, "consequence",
		"its waiting leads are kept, parked; none is lost", "remedy",
		buf_str(&remedy), NULL);
	buf_finish(&remedy);
}

void names_tell_removed(const struct names *names)
{
	for (size_t i = 0; i < names->job.removed_count; i++) {
		if (strcmp(names->job.removed[i], MAIL_DESTINATION) == 0) {
			log_warn("mail removed", "consequence",
				"waiting mails are kept, none is lost", "remedy",
				"put mail: back into the configuration", NULL);
			continue;
		}
		tell_removed(names->job.removed[i]);
	}
}
