/*
 * salvage: what can still be read of a damaged outbox.
 *
 *   FILE is not there      the outbox of state_dir is read, FILE is the new one
 *   FILE is that outbox    the new one takes its place, the damaged one is kept
 *   FILE is another file   it is read, FILE.salvaged is the new one
 *
 * The damaged file is never written to.
 */
#include "apart.h"
#include "new_file.h"

#include "leadrelay/clock.h"
#include "leadrelay/keep.h"
#include "leadrelay/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct salvage {
	struct cli *cli;
	struct store_lock *lock;
	int fd, wal_fd; /* -1: the outbox of state_dir, opened as its owner */
	int out_fd;     /* -1: installed */
	bool wanted;
};

static bool go_on(void *ctx, const char *step, int64_t done, int64_t total)
{
	struct salvage *salvage = ctx;

	progress_show(salvage->cli, "%s: %lld of %lld MiB", step, (long long)done >> 20,
		(long long)total >> 20);
	salvage->wanted = store_lock_wanted(salvage->lock);
	return !salvage->wanted;
}

static int open_in(const char *state_dir, const char *name)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static enum err_code run(struct salvage *salvage, void *result, struct err *err)
{
	const struct keep_progress progress = {.go_on = go_on, .ctx = salvage};
	const char *state_dir = salvage->cli->state_dir;

	if (salvage->fd < 0) {
		salvage->fd = open_in(state_dir, "outbox.db");
		salvage->wal_fd = open_in(state_dir, "outbox.db-wal");
	}
	if (salvage->fd < 0)
		return err_errno(err, errno, "opening outbox.db in %s", state_dir);
	return store_salvage(state_dir, &clock_system, salvage->fd, salvage->wal_fd,
		salvage->out_fd, &progress, result, err);
}

static int work(struct cli *cli, void *ctx, void *result)
{
	struct salvage *salvage = ctx;
	enum err_code code;
	struct err err;

	salvage->cli = cli;
	code = store_lock_take(&salvage->lock, cli->state_dir, LOCK_TOOL, 0, &err);
	if (code == ERR_OK)
		code = run(salvage, result, &err);
	store_lock_release(salvage->lock);
	if (salvage->wanted)
		code = err_set(&err, ERR_LOCKED, "a daemon (leadrelayd) starts");
	if (code == ERR_OK)
		return EXIT_DONE;
	cli_warn(cli, "salvage: %s%s. Nothing was changed", err.text,
		code == ERR_LOCKED ? "; stop leadrelayd first (systemctl stop leadrelayd)"
				   : "");
	return code == ERR_LOCKED ? EXIT_HELD : EXIT_FAILED;
}

/* ---- words ---- */

static void print_json(struct cli *cli, const char *file, const struct salvaged *done)
{
	const struct named_count counts[] = {{"leads", done->leads},
		{"deliveries", done->deliveries}, {"notifications", done->mails},
		{"other_rows", done->others}, {"leads_lost", done->leads_lost},
		{"deliveries_lost", done->deliveries_lost},
		{"undelivered", done->undelivered}, {"unreadable", done->unreadable},
		{"mended", done->mended}, {"uncertain", done->uncertain}};

	print_kept(cli, file, counts, sizeof(counts) / sizeof(*counts), done->aside);
}

static void print_lost(struct cli *cli, const struct salvaged *done)
{
	if (done->leads_lost > 0 || done->deliveries_lost > 0) {
		buf_adds(&cli->out, "lost: ");
		out_count(cli, done->leads_lost, "lead", "leads");
		buf_adds(&cli->out, ", ");
		out_count(cli, done->deliveries_lost, "delivery", "deliveries");
		buf_addc(&cli->out, '\n');
	}
	if (done->undelivered > 0) {
		out_count(cli, done->undelivered, "lead has", "leads have");
		buf_adds(&cli->out,
			" no delivery any more: `leadctl replay --to DESTINATION --since T` "
			"sends them\n");
	}
	if (done->unreadable > 0) {
		out_count(cli, done->unreadable, "place", "places");
		buf_adds(&cli->out, " in the file could not be read\n");
	}
	if (done->mended > 0) {
		out_count(cli, done->mended, "byte of the WAL had changed and was",
			"bytes of the WAL had changed and were");
		buf_adds(&cli->out, " put right by its checksums\n");
	}
	if (done->uncertain > 0) {
		out_count(cli, done->uncertain, "page", "pages");
		buf_adds(&cli->out,
			" of the WAL were damaged: what stood there is as it was before, or may hold "
			"wrong bytes\n");
	}
}

static int tell(struct cli *cli, const char *file, const struct salvaged *done)
{
	bool whole = done->leads_lost == 0 && done->deliveries_lost == 0 &&
		     done->undelivered == 0 && done->unreadable == 0 &&
		     done->uncertain == 0 && !done->key_lost && !*done->difference;

	if (cli->json) {
		print_json(cli, file, done);
	} else {
		buf_adds(&cli->out, "read: ");
		out_count(cli, done->leads, "lead", "leads");
		buf_adds(&cli->out, ", ");
		out_count(cli, done->deliveries, "delivery", "deliveries");
		buf_adds(&cli->out, ", ");
		out_count(cli, done->mails, "mail", "mails");
		buf_addc(&cli->out, '\n');
		print_lost(cli, done);
		if (*done->aside)
			buf_addf(&cli->out,
				"the damaged outbox is kept as %s/%s; now start leadrelayd\n",
				cli->state_dir, done->aside);
		else
			buf_addf(&cli->out,
				"the new outbox is %s: look at it, then `leadctl restore "
				"%s`\n",
				file, file);
	}
	if (done->key_lost)
		cli_warn(cli,
			"the key of match hashes is lost: run `leadctl forget` again for those "
			"who asked to be forgotten");
	if (*done->difference)
		cli_warn(cli, "the new outbox is not sound: %s", done->difference);
	return whole ? EXIT_DONE : EXIT_ATTENTION;
}

/* ---- which file is what ---- */

static bool is_present_outbox(const struct cli *cli, const struct stat *file)
{
	char path[4200];
	struct stat there;

	snprintf(path, sizeof(path), "%s/outbox.db", cli->state_dir);
	return stat(path, &there) == 0 && there.st_dev == file->st_dev &&
	       there.st_ino == file->st_ino;
}

static enum err_code open_damaged(
	struct salvage *salvage, const char *path, struct err *err)
{
	char wal[4200];

	salvage->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (salvage->fd < 0)
		return err_errno(err, errno, "opening %s", path);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	salvage->wal_fd = open(wal, O_RDONLY | O_CLOEXEC);
	return ERR_OK;
}

/* *target is the new file's name, the caller's to free; NULL: it is installed. */
static enum err_code choose(
	struct salvage *salvage, const char *path, char **target, struct err *err)
{
	struct stat st;

	*target = NULL;
	if (stat(path, &st) != 0) {
		*target = strdup(path);
	} else if (!is_present_outbox(salvage->cli, &st)) {
		if (open_damaged(salvage, path, err) != ERR_OK)
			return err->code;
		if (asprintf(target, "%s.salvaged", path) < 0)
			*target = NULL;
	} else {
		return ERR_OK;
	}
	return *target ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

static int salvage_into(struct salvage *salvage, const char *target, const char *shown)
{
	struct cli *cli = salvage->cli;
	struct salvaged done = {0};
	struct new_file file = {.fd = -1, .dir = -1};
	struct err err;
	int status;

	if (target && new_file_begin(&file, target, false, NULL, &err) != ERR_OK) {
		cli_warn(cli, "salvage: %s", err.text);
		return err.code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
	}
	salvage->out_fd = target ? file.fd : -1;
	status = run_apart(cli, work, salvage, &done, sizeof(done));
	if (status == EXIT_DONE && target && new_file_keep(&file, &err) != ERR_OK) {
		cli_warn(cli, "salvage: %s", err.text);
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE)
		status = tell(cli, target ? target : shown, &done);
	new_file_end(&file);
	return status;
}

int cmd_salvage(struct cli *cli, const struct arguments *args)
{
	struct salvage salvage = {.cli = cli, .fd = -1, .wal_fd = -1, .out_fd = -1};
	char *target = NULL;
	struct err err;
	int status = EXIT_FAILED;

	if (args->word_count != 2)
		return cli_usage(cli, "salvage: which file? salvage FILE");
	if (config_state_dir(&cli->state_dir, cli->config_file, &err) != ERR_OK) {
		cli->state_dir = NULL;
		cli_warn(cli, "%s", err.text);
		return EXIT_USAGE;
	}
	if (choose(&salvage, args->words[1], &target, &err) == ERR_OK)
		status = salvage_into(&salvage, target, args->words[1]);
	else
		cli_warn(cli, "salvage: %s", err.text);
	if (salvage.fd >= 0)
		close(salvage.fd);
	if (salvage.wal_fd >= 0)
		close(salvage.wal_fd);
	free(target);
	return status;
}
