/*
 * A reload in steps: a worker reads the files; the store learns the names; the server
 * takes its new limits and certificate; the relay and the intake change over. Whatever
 * refuses on the way leaves the running configuration in place, and the log says why.
 */
#include "daemon.h"

#include "leadrelay/fault.h"
#include "leadrelay/log.h"

#include <stdlib.h>
#include <string.h>

struct reload {
	struct daemon *daemon;
	uv_work_t work;
	struct config *config; /* NULL: refused */
	struct generation *fresh;
	struct names names;
	struct buf problems;
	struct err err;
};

static void read_files(uv_work_t *work)
{
	struct reload *reload = work->data;

	if (config_load(&reload->config, reload->daemon->generation->config->file,
		    &reload->problems, &reload->err) != ERR_OK)
		reload->config = NULL;
}

static void log_problems(const struct buf *problems)
{
	const char *at = buf_str(problems);

	while (*at) {
		size_t len = strcspn(at, "\n");
		char *line = strndup(at, len);

		log_error("configuration error", "what", line, NULL);
		free(line);
		at += len + (at[len] == '\n');
	}
}

static void reload_end(struct reload *reload)
{
	struct daemon *daemon = reload->daemon;
	bool again = daemon->reload_again;

	generation_release(reload->fresh);
	buf_finish(&reload->problems);
	free(reload);
	notify("READY=1");
	daemon->reload_again = false;
	if (again && daemon->phase == PHASE_RUNNING) {
		daemon->unfinished &= ~(unsigned)UNFINISHED_RELOAD;
		daemon_reload(daemon, "asked for meanwhile");
		return;
	}
	daemon_stopped(daemon, UNFINISHED_RELOAD);
}

static void refuse(struct reload *reload, const struct err *err)
{
	log_problems(&reload->problems);
	log_error("reload refused", "cause", err->text, "consequence",
		"the running configuration stays", "command", "leadctl config check",
		NULL);
}

/* ---- the steps ---- */

static void names_restored(struct store_job *job)
{
	struct names *names = (struct names *)job;

	if (job->code != ERR_OK)
		log_error("store holds the names of a refused configuration", "cause",
			job->err.text, "remedy", "restart leadrelayd", NULL);
	names_finish(names);
	free(names);
}

/* The store has learnt the names of a configuration that was then refused. */
static void restore_names(struct daemon *daemon)
{
	struct names *names = calloc(1, sizeof(*names));
	struct err err;

	if (!names || names_prepare(names, daemon, daemon->generation, &err) != ERR_OK) {
		free(names);
		return;
	}
	names->job.job.done = names_restored;
	if (store_submit(daemon->store, &names->job.job, &err) != ERR_OK) {
		names_finish(names);
		free(names);
	}
}

/* From here on nothing refuses any more. */
static void change_over(struct reload *reload)
{
	struct daemon *daemon = reload->daemon;
	struct generation *before = daemon->generation;
	const struct config *config = reload->fresh->config;
	struct intake_mail mail;

	intake_configure(daemon->intake, reload->fresh->sources, config->source_count,
		generation_mail(reload->fresh, &mail), generation_release, before);
	generation_hold(reload->fresh); /* the intake's; the relay's was taken before */
	uv_mutex_lock(&daemon->mutex);
	daemon->generation = generation_hold(reload->fresh);
	uv_mutex_unlock(&daemon->mutex);
	generation_release(before); /* the daemon's own */
	http_client_forget_connections(daemon->client);
	mail_client_forget_connections(daemon->mailer);
	log_setup(config->log_level, config->log_format, daemon->clock);
	for (size_t i = 0; i < config->warnings.count; i++)
		log_warn("configuration", "warning", config->warnings.items[i], NULL);
	event_expiry(daemon, true);
}

static void say_reloaded(struct reload *reload)
{
	const struct config *config = reload->fresh->config;
	struct buf admin = BUF_INIT;

	admin_part_addresses(reload->daemon, &admin);
	log_info("configuration reloaded", "file", config->file, "sources",
		log_num((int64_t)config->source_count, (char[LOG_NUMBER_SIZE]){0}),
		"destinations",
		log_num((int64_t)config->destination_count, (char[LOG_NUMBER_SIZE]){0}),
		"admin", admin.len ? buf_str(&admin) : NULL, NULL);
	buf_finish(&admin);
}

static void names_confirmed(struct store_job *job)
{
	struct names *names = (struct names *)job; /* its first member */
	struct reload *reload =
		(struct reload *)((char *)names - offsetof(struct reload, names));

	if (job->code == ERR_OK)
		names_tell_removed(names);
	else
		log_warn("removed destinations not parked", "cause", job->err.text,
			"consequence", "the next start or reload parks them", NULL);
	names_finish(names);
	say_reloaded(reload);
	reload_end(reload);
}

/* Between the names and the change-over a destination that goes may have got another
 * lead, or stored its health over "parked, removed". From now on it does not: once more,
 * then. */
static bool confirm_names(struct reload *reload)
{
	struct names *names = &reload->names;

	if (names_prepare(names, reload->daemon, reload->fresh, NULL) != ERR_OK)
		return false;
	names->job.job.done = names_confirmed;
	if (store_submit(reload->daemon->store, &names->job.job, NULL) == ERR_OK)
		return true;
	names_finish(names);
	return false;
}

static void tell_kept(void)
{
	log_error("intake keeps the settings of a refused configuration", "remedy",
		"restart leadrelayd", NULL);
}

/* Both or, as far as that can be, none. */
static enum err_code configure_servers(
	struct daemon *daemon, const struct config *config, struct err *err)
{
	enum err_code code = http_server_reload(daemon->server, &config->intake, err);

	if (code != ERR_OK)
		return code;
	code = admin_configure(daemon->admin, &config->admin, err);
	if (code != ERR_OK &&
		http_server_reload(daemon->server, &daemon->generation->config->intake,
			NULL) != ERR_OK)
		tell_kept();
	return code;
}

static enum err_code configure_parts(struct reload *reload, struct err *err)
{
	struct daemon *daemon = reload->daemon;
	enum err_code code = names_route(&reload->names, err);

	if (code == ERR_OK)
		code = configure_servers(daemon, reload->fresh->config, err);
	if (code != ERR_OK)
		return code;
	generation_hold(reload->fresh); /* the relay's, released() gives it back */
	code = names_deliver(&reload->names, daemon->generation, err);
	if (code == ERR_OK)
		return ERR_OK;
	generation_release(reload->fresh);
	if (configure_servers(daemon, daemon->generation->config, NULL) != ERR_OK)
		tell_kept();
	return code;
}

static void rows_known(struct store_job *job)
{
	struct names *names =
		(struct names *)((char *)job - offsetof(struct names, rows));
	struct reload *reload =
		(struct reload *)((char *)names - offsetof(struct reload, names));
	struct err err = job->err;
	enum err_code code = job->code;

	if (code == ERR_OK && reload->daemon->phase != PHASE_RUNNING)
		code = err_set(&err, ERR_BUSY, "leadrelayd is stopping");
	if (code == ERR_OK)
		code = configure_parts(reload, &err);
	FAULT_POINT("reload.swap");
	if (code == ERR_OK) {
		change_over(reload);
	} else {
		refuse(reload, &err);
		if (reload->daemon->phase == PHASE_RUNNING)
			restore_names(reload->daemon);
	}
	names_finish(names);
	if (code == ERR_OK && confirm_names(reload))
		return;
	if (code == ERR_OK)
		say_reloaded(reload);
	reload_end(reload);
}

static void names_known(struct store_job *job)
{
	struct names *names = (struct names *)job; /* its first member */
	struct reload *reload =
		(struct reload *)((char *)names - offsetof(struct reload, names));
	struct err err = job->err;
	enum err_code code = job->code;

	names->rows.job.done = rows_known;
	if (code == ERR_OK)
		code = store_submit(reload->daemon->store, &names->rows.job, &err);
	if (code == ERR_OK)
		return;
	refuse(reload, &err);
	names_finish(names);
	reload_end(reload);
}

static enum err_code submit_names(struct reload *reload, struct err *err)
{
	struct daemon *daemon = reload->daemon;
	enum err_code code;

	code = generation_create(&reload->fresh, reload->config, err);
	if (code != ERR_OK)
		return code;
	if (strcmp(reload->fresh->config->state_dir,
		    daemon->generation->config->state_dir) != 0)
		return err_set(err, ERR_CONFIG,
			"state_dir cannot change while leadrelayd runs: restart it");
	code = names_prepare(&reload->names, daemon, reload->fresh, err);
	if (code != ERR_OK)
		return code;
	reload->names.job.job.done = names_known;
	code = store_submit(daemon->store, &reload->names.job.job, err);
	if (code != ERR_OK)
		names_finish(&reload->names);
	return code;
}

static void files_read(uv_work_t *work, int status)
{
	struct reload *reload = work->data;
	struct err err = reload->err;
	enum err_code code = err.code;

	if (status != 0 || reload->daemon->phase != PHASE_RUNNING) {
		config_destroy(reload->config);
		reload_end(reload);
		return;
	}
	if (reload->config)
		code = submit_names(reload, &err);
	if (code != ERR_OK) {
		refuse(reload, &err);
		reload_end(reload);
	}
}

void daemon_reload(struct daemon *daemon, const char *why)
{
	struct reload *reload;

	if (daemon->phase != PHASE_RUNNING)
		return;
	if (daemon->unfinished & UNFINISHED_RELOAD) {
		daemon->reload_again = true;
		return;
	}
	reload = calloc(1, sizeof(*reload));
	if (!reload) {
		log_error("reload refused", "cause", "out of memory", NULL);
		return;
	}
	reload->daemon = daemon;
	reload->work.data = reload;
	daemon->unfinished |= UNFINISHED_RELOAD;
	log_info("reloading", "cause", why, NULL);
	notify("RELOADING=1\nMONOTONIC_USEC=%lld",
		(long long)clock_mono(daemon->clock) * 1000);
	uv_queue_work(&daemon->loop, &reload->work, read_files, files_read);
}
