/* The admin room as a part of the daemon: what it executes, and its life. */
#include "daemon.h"

#include "leadrelay/log.h"
#include "leadrelay/reader.h"

/* An answer of its own, where no command could give one. */
static void emit_failure(control_emit emit, void *ctx, const struct err *err)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(answer, "error");

	cJSON_AddNumberToObject(error, "code", control_exit_status(err->code));
	cJSON_AddStringToObject(error, "text", err->text);
	cJSON_AddBoolToObject(error, "again", true);
	emit(ctx, answer);
}

/* A thread of the admin room. A reader for each request: none is left open between them,
 * and one that has met trouble is not used again. */
static void execute(void *ctx, const cJSON *request, control_emit emit,
	bool (*keep_going)(void *ctx), void *emit_ctx)
{
	struct daemon *daemon = ctx;
	struct reader *reader;
	struct err err;

	if (daemon_open_reader(daemon, &reader, &err) != ERR_OK) {
		emit_failure(emit, emit_ctx, &err);
		return;
	}
	daemon_execute(daemon, reader, request, emit, keep_going, emit_ctx);
	reader_close(reader);
}

enum err_code admin_part_start(struct daemon *daemon, struct err *err)
{
	struct admin_options options = {
		.loop = &daemon->loop,
		.clock = daemon->clock,
		.entropy = daemon->entropy,
		.version = LEADRELAY_VERSION,
		.execute = execute,
		.metrics = metrics_scrape,
		.ready = readiness_tell,
		.ctx = daemon,
	};
	enum err_code code = admin_create(&daemon->admin, &options, err);

	if (code == ERR_OK)
		code = admin_configure(
			daemon->admin, &daemon->generation->config->admin, err);
	return code;
}

void admin_part_addresses(const struct daemon *daemon, struct buf *out)
{
	const char *address;

	for (size_t i = 0; (address = admin_address(daemon->admin, i)) != NULL; i++)
		buf_addf(out, "%s%s", i ? ", " : "", address);
}
