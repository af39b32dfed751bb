/*
 * backup: leadctl reads the outbox itself, in one read transaction, with the daemon up or
 * down; the daemon is not asked, so that the file can be where only the caller may write.
 */
#include "apart.h"
#include "new_file.h"

#include "leadrelay/clock.h"
#include "leadrelay/keep.h"
#include "leadrelay/store.h"
#include "leadrelay/text.h"

#include <string.h>
#include <time.h>

#define PATIENCE_MS 10000
#define AGAIN_MS 100

struct backup {
	struct cli *cli;
	int fd;
	struct store_lock *lock; /* NULL: whoever has it has the outbox open */
	bool wanted;             /* a daemon starts: it gets the lock, and is read */
};

static bool go_on(void *ctx, const char *step, int64_t done, int64_t total)
{
	struct backup *backup = ctx;

	if (total > 0)
		progress_show(backup->cli, "%s: %lld of %lld MiB, %lld %%", step,
			(long long)(done >> 20), (long long)(total >> 20),
			(long long)(100 * done / total));
	else
		progress_show(backup->cli, "%s", step);
	backup->wanted = backup->lock && store_lock_wanted(backup->lock);
	return !backup->wanted;
}

static enum err_code copy(struct backup *backup, struct kept_file *out, struct err *err)
{
	const struct keep_progress progress = {.go_on = go_on, .ctx = backup};

	return store_backup(
		backup->cli->state_dir, &clock_system, backup->fd, &progress, out, err);
}

/* Nobody has the outbox open: it is opened (its WAL may need recovery) around the copy.
 */
static enum err_code copy_alone(
	struct backup *backup, struct kept_file *out, struct err *err)
{
	const struct store_options options = {.state_dir = backup->cli->state_dir,
		.clock = &clock_system,
		.entropy = &entropy_system};
	struct store *store;
	enum err_code code = store_open(&store, &options, err);

	if (code != ERR_OK)
		return code;
	code = copy(backup, out, err);
	store_close(store);
	return code;
}

/* One try. ERR_BUSY: somebody is just opening or closing it, or a daemon wants it. */
static enum err_code try_copy(
	struct backup *backup, struct kept_file *out, struct err *err)
{
	enum err_code code =
		store_lock_take(&backup->lock, backup->cli->state_dir, LOCK_TOOL, 0, err);

	if (code == ERR_LOCKED) {
		backup->lock = NULL;
		code = copy(backup, out, err);
		if (code == ERR_NOT_FOUND || code == ERR_IO || code == ERR_INVALID)
			code = err->code = ERR_BUSY; /* not there yet, or any more */
		return code;
	}
	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? (err->code = ERR_IO) : code;
	code = copy_alone(backup, out, err);
	if (code == ERR_INVALID) /* of the outbox, not of the command line */
		code = err->code = ERR_IO;
	store_lock_release(backup->lock);
	backup->lock = NULL;
	return backup->wanted ? (err->code = ERR_BUSY) : code;
}

static int work(struct cli *cli, void *ctx, void *result)
{
	const struct timespec moment = {.tv_nsec = AGAIN_MS * 1000000L};
	struct backup backup = {.cli = cli, .fd = *(int *)ctx};
	int64_t since = clock_mono(&clock_system);
	enum err_code code;
	struct err err;

	while ((code = try_copy(&backup, result, &err)) == ERR_BUSY) {
		if (backup.wanted)
			since = clock_mono(&clock_system);
		backup.wanted = false;
		if (clock_mono(&clock_system) - since > PATIENCE_MS)
			break;
		nanosleep(&moment, NULL);
	}
	if (code == ERR_CORRUPT)
		cli_warn(cli,
			"%s; no backup was made. `leadctl salvage FILE` reads what can "
			"still be read",
			err.text);
	else if (code != ERR_OK)
		return cli_fail(cli, &err);
	return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

static void print_backup(struct cli *cli, const char *file, const struct kept_file *kept)
{
	cJSON *object = cJSON_CreateObject();
	struct buf sha256 = BUF_INIT;
	char bytes[COUNT_TEXT_SIZE];

	hex_add(&sha256, kept->sha256, sizeof(kept->sha256));
	if (cli->json) {
		cJSON_AddStringToObject(object, "file", file);
		cJSON_AddNumberToObject(object, "leads", (double)kept->leads);
		cJSON_AddNumberToObject(object, "bytes", (double)kept->bytes);
		cJSON_AddStringToObject(object, "sha256", buf_str(&sha256));
		cli_print_json(cli, object);
	} else {
		out_text(cli, file);
		buf_adds(&cli->out, ": ");
		out_count(cli, kept->leads, "lead", "leads");
		buf_addf(&cli->out, ", %s bytes, read again and whole\nsha256 %s\n",
			count_text(kept->bytes, bytes), buf_str(&sha256));
	}
	if (*kept->difference)
		cli_warn(cli,
			"the backup is made, and the outbox it was made of has a difference: "
			"%s; see `leadctl check`",
			kept->difference);
	buf_finish(&sha256);
	cJSON_Delete(object);
}

int cmd_backup(struct cli *cli, const struct arguments *args)
{
	struct kept_file kept = {0};
	struct new_file file;
	struct err err;
	int status;

	if (args->word_count != 2)
		return cli_usage(cli, "backup: into which file? backup FILE");
	if (config_state_dir(&cli->state_dir, cli->config_file, &err) != ERR_OK) {
		cli->state_dir = NULL;
		cli_warn(cli, "%s", err.text);
		return EXIT_USAGE;
	}
	if (new_file_begin(&file, args->words[1], arguments_has(args, "force"),
		    cli->state_dir, &err) != ERR_OK) {
		cli_warn(cli, "%s", err.text);
		return err.code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
	}
	status = run_apart(cli, work, &file.fd, &kept, sizeof(kept));
	if (status == EXIT_DONE && new_file_keep(&file, &err) != ERR_OK) {
		cli_warn(cli, "%s", err.text);
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE) {
		print_backup(cli, args->words[1], &kept);
		status = *kept.difference ? EXIT_ATTENTION : EXIT_DONE;
	}
	new_file_end(&file);
	return status;
}
