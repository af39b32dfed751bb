/* An operator's request, however it came: on a thread that is not the loop's, with the
 * configuration that is in use when it begins. */
#include "daemon.h"

#include "leadrelay/reader.h"

static struct generation *hold_generation(struct daemon *daemon)
{
	struct generation *generation;

	uv_mutex_lock(&daemon->mutex);
	generation = generation_hold(daemon->generation);
	uv_mutex_unlock(&daemon->mutex);
	return generation;
}

enum err_code daemon_open_reader(
	struct daemon *daemon, struct reader **out, struct err *err)
{
	struct generation *generation = hold_generation(daemon);
	enum err_code code =
		reader_open(out, generation->config->state_dir, daemon->clock, err);

	generation_release(generation);
	return code;
}

void daemon_execute(struct daemon *daemon, struct reader *reader, const cJSON *request,
	control_emit emit, bool (*keep_going)(void *ctx), void *ctx)
{
	struct generation *generation = hold_generation(daemon);
	struct control_live live = control_live_daemon;
	struct control_options options;

	live.ctx = daemon;
	options = (struct control_options){
		.store = daemon->store,
		.reader = reader,
		.clock = daemon->clock,
		.live = &live,
		.config = generation->config,
		.version = LEADRELAY_VERSION,
	};
	control_execute(&options, request, emit, keep_going, ctx);
	generation_release(generation);
}
