/* The file itself. */
#include "importing.h"

#include "leadrelay/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256 * 1024)

/* ---- interruption ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* Without SA_RESTART: a read from a pipe ends, too. */
void import_catch_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool import_interrupted(void)
{
	return interrupted != 0;
}

/* ---- opening ---- */

static int64_t nanoseconds(const struct stat *st)
{
	return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

/* The digest of a whole file. */
static int read_once(struct import_file *file, char *chunk)
{
	struct sha256_running *running = sha256_begin();
	ssize_t got;

	while ((got = read(file->fd, chunk, CHUNK)) > 0 && !import_interrupted())
		sha256_add(running, chunk, (size_t)got);
	sha256_end(running, file->digest);
	return got < 0 || lseek(file->fd, 0, SEEK_SET) < 0 ? -1 : 0;
}

int import_file_identify(struct import_file *file, struct cli *cli)
{
	struct stat st;
	char *chunk = NULL;
	int failed = fstat(file->fd, &st);

	if (failed == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		failed = -1;
	}
	/* standard input may be a file that was read in part */
	file->regular =
		failed == 0 && S_ISREG(st.st_mode) && lseek(file->fd, 0, SEEK_CUR) == 0;
	if (file->regular) {
		file->size = st.st_size;
		file->changed_at = nanoseconds(&st);
		chunk = malloc(CHUNK);
		failed = chunk ? read_once(file, chunk) : -1;
	} else {
		entropy_system.fill(
			entropy_system.ctx, file->digest, sizeof(file->digest));
	}
	if (failed != 0)
		cli_warn(cli, "%s: %s", file->name, strerror(errno));
	free(chunk);
	return failed == 0 ? EXIT_DONE : EXIT_FAILED;
}

int import_file_open(struct import_file *out, const char *name, struct cli *cli)
{
	bool input = strcmp(name, "-") == 0;

	*out = (struct import_file){.name = input ? "standard input" : name};
	out->fd = input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (out->fd >= 0)
		return EXIT_DONE;
	cli_warn(cli, "%s: %s", name, strerror(errno));
	return EXIT_FAILED;
}

void import_file_close(struct import_file *file)
{
	if (file->fd > STDIN_FILENO)
		close(file->fd);
	file->fd = -1;
}

ssize_t import_file_read(void *ctx, char *out, size_t size)
{
	struct import_file *file = ctx;
	ssize_t got;

	do {
		if (import_interrupted())
			return 0;
		got = read(file->fd, out, size);
	} while (got < 0 && errno == EINTR);
	return got;
}

bool import_file_changed(const struct import_file *file)
{
	struct stat st;

	return file->regular && fstat(file->fd, &st) == 0 &&
	       (st.st_size != file->size || nanoseconds(&st) != file->changed_at);
}
