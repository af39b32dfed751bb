/* restore: a backup takes the place of the outbox, under the lock, with the daemon down.
 */
#include "apart.h"

#include "leadrelay/clock.h"
#include "leadrelay/keep.h"
#include "leadrelay/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct restore {
	struct cli *cli;
	struct store_lock *lock;
	const char *name;
	int fd, wal_fd; /* opened with the caller's rights */
	bool wanted;
};

static bool go_on(void *ctx, const char *step, int64_t done, int64_t total)
{
	struct restore *restore = ctx;

	(void)total;
	if (done > 0)
		progress_show(restore->cli, "%s: %lld MiB", step, (long long)done >> 20);
	else
		progress_show(restore->cli, "%s", step);
	restore->wanted = store_lock_wanted(restore->lock);
	return !restore->wanted;
}

static int tell_locked(struct cli *cli, const struct err *err)
{
	cli_warn(cli,
		"restore: %s; stop leadrelayd first (systemctl stop leadrelayd). Nothing was "
		"changed",
		err->text);
	return EXIT_HELD;
}

static int work(struct cli *cli, void *ctx, void *result)
{
	struct restore *restore = ctx;
	const struct keep_progress progress = {.go_on = go_on, .ctx = restore};
	enum err_code code;
	struct err err;

	restore->cli = cli;
	code = store_lock_take(&restore->lock, cli->state_dir, LOCK_TOOL, 0, &err);
	if (code == ERR_LOCKED)
		return tell_locked(cli, &err);
	if (code == ERR_OK)
		code = store_restore(cli->state_dir, &clock_system, restore->name,
			restore->fd, restore->wal_fd, &progress, result, &err);
	store_lock_release(restore->lock);
	if (restore->wanted) {
		err_set(&err, ERR_LOCKED, "a daemon (leadrelayd) starts");
		return tell_locked(cli, &err);
	}
	if (code == ERR_OK)
		return EXIT_DONE;
	cli_warn(cli, "restore: %s. The outbox that is there is as it was", err.text);
	return EXIT_FAILED;
}

/* ---- the backup ---- */

static bool is_present_outbox(const struct cli *cli, int fd)
{
	char path[4200];
	struct stat mine, there;

	snprintf(path, sizeof(path), "%s/outbox.db", cli->state_dir);
	return fstat(fd, &mine) == 0 && stat(path, &there) == 0 &&
	       mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

static enum err_code open_backup(
	struct restore *restore, const char *path, struct err *err)
{
	char wal[4200];
	struct stat st;

	restore->wal_fd = -1;
	restore->name = path;
	restore->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (restore->fd < 0)
		return err_errno(err, errno, "opening %s", path);
	if (fstat(restore->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "%s is not a file", path);
	if (is_present_outbox(restore->cli, restore->fd))
		return err_set(err, ERR_INVALID, "%s is the outbox itself", path);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	restore->wal_fd = open(wal, O_RDONLY | O_CLOEXEC); /* of a copied outbox */
	return ERR_OK;
}

/* On a new machine nothing may be there yet. */
static void make_state_dir(struct cli *cli)
{
	if (mkdir(cli->state_dir, 0700) == 0 && geteuid() == 0)
		cli_warn(cli,
			"%s is new and belongs to root; give it to the daemon's user: chown -R "
			"leadrelay: %s",
			cli->state_dir, cli->state_dir);
}

/* ---- words ---- */

static void print_json(struct cli *cli, const char *file, const struct restored *done)
{
	const struct named_count counts[] = {{"leads", done->leads}, {"held", done->held},
		{"notifications_held", done->mails_held}, {"again", done->again},
		{"forgotten", done->forgotten}, {"others", done->others},
		{"tombstones", done->tombstones}};

	print_kept(cli, file, counts, sizeof(counts) / sizeof(*counts), done->aside);
}

static void print_words(struct cli *cli, const struct restored *done)
{
	buf_adds(&cli->out, "restored: ");
	out_count(cli, done->leads, "lead", "leads");
	buf_addc(&cli->out, '\n');
	if (*done->aside)
		buf_addf(&cli->out,
			"the outbox that was there is kept as %s/%s; leads that came after the "
			"backup are only there\n",
			cli->state_dir, done->aside);
	if (done->held > 0) {
		out_count(cli, done->held, "delivery", "deliveries");
		buf_adds(&cli->out,
			" to destinations that keep no key held: what arrived after the backup "
			"would go twice.\n  leadctl list --state held      leadctl release "
			"--state held --yes   or   leadctl discard --state held --yes\n");
	}
	if (done->mails_held > 0) {
		out_count(cli, done->mails_held, "mail", "mails");
		buf_adds(&cli->out, " held: send with `leadctl notifications retry`\n");
	}
	if (done->again > 0) {
		out_count(cli, done->again, "delivery is", "deliveries are");
		buf_adds(&cli->out,
			" sent again: those destinations recognise what they have already\n");
	}
	if (done->forgotten > 0) {
		out_count(cli, done->forgotten, "lead", "leads");
		buf_adds(&cli->out, " of forgotten persons erased again\n");
	}
	if (done->others > 0) {
		out_count(cli, done->others, "lead", "leads");
		buf_adds(&cli->out,
			" of others named a forgotten person: the address is erased\n");
	}
	buf_adds(&cli->out, "now start leadrelayd (systemctl start leadrelayd)\n");
}

static int tell(struct cli *cli, const char *file, const struct restored *done)
{
	if (cli->json)
		print_json(cli, file, done);
	else
		print_words(cli, done);
	if (*done->unread)
		cli_warn(cli,
			"who asked to be forgotten since the backup could not be taken over from "
			"the outbox that was there: %s; run `leadctl forget` again for them",
			done->unread);
	if (*done->difference)
		cli_warn(cli, "the backup's sums differ: %s; see `leadctl check`",
			done->difference);
	return *done->unread || *done->difference ? EXIT_ATTENTION : EXIT_DONE;
}

int cmd_restore(struct cli *cli, const struct arguments *args)
{
	struct restore restore = {.cli = cli, .fd = -1, .wal_fd = -1};
	struct restored done = {0};
	struct err err;
	int status;

	if (args->word_count != 2)
		return cli_usage(cli, "restore: which backup? restore FILE");
	if (config_state_dir(&cli->state_dir, cli->config_file, &err) != ERR_OK) {
		cli->state_dir = NULL;
		cli_warn(cli, "%s", err.text);
		return EXIT_USAGE;
	}
	if (open_backup(&restore, args->words[1], &err) != ERR_OK) {
		cli_warn(cli, "restore: %s", err.text);
		status = err.code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
	} else {
		make_state_dir(cli);
		status = run_apart(cli, work, &restore, &done, sizeof(done));
	}
	if (status == EXIT_DONE)
		status = tell(cli, args->words[1], &done);
	if (restore.fd >= 0)
		close(restore.fd);
	if (restore.wal_fd >= 0)
		close(restore.wal_fd);
	return status;
}
