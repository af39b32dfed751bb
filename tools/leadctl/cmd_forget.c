/* forget: the CRM's ids first, then the erasure, then what this program cannot erase. */
#include "leadctl.h"

#include "leadrelay/json.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (256 * 1024)
#define EMAIL_MAX 320

struct forget {
	struct cli *cli;
	cJSON *remote; /* with an id, for certain: as the contract has it */
	size_t told;
};

/* Printed and flushed as they come: they must be out before anything is erased. */
static void take_remote(void *ctx, const cJSON *item)
{
	struct forget *forget = ctx;
	const char *id = json_string(item, "remote_id");
	const char *destination = json_string(item, "destination");
	bool certain = json_bool(item, "certain", true);
	cJSON *entry;

	if (id) {
		entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "destination", destination);
		cJSON_AddStringToObject(entry, "remote_id", id);
		if (!certain)
			cJSON_AddFalseToObject(entry, "certain");
		cJSON_AddItemToArray(forget->remote, entry);
	}
	if (forget->cli->json)
		return;
	if (forget->told++ == 0)
		buf_adds(&forget->cli->out,
			"outside of leadrelay, for you to erase there:\n");
	buf_adds(&forget->cli->out, "  ");
	out_text(forget->cli, destination);
	buf_addf(&forget->cli->out, "  %s%s\n", id ? id : "(it keeps no id)",
		certain ? "" : "  (perhaps: nobody knows whether it arrived)");
	cli_flush(forget->cli);
}

/* ---- other files of state_dir ---- */

static bool holds(const char *bytes, size_t len, const char *email)
{
	size_t size = strlen(email);

	for (size_t at = 0; at + size <= len; at++)
		if (tolower((unsigned char)bytes[at]) == tolower((unsigned char)*email) &&
			strncasecmp(bytes + at, email, size) == 0)
			return true;
	return false;
}

static bool file_holds(int fd, const char *email)
{
	size_t size = strlen(email), kept = 0;
	char *piece = malloc(PIECE + EMAIL_MAX);
	bool found = false;
	ssize_t got;

	while (piece && !found && (got = read(fd, piece + kept, PIECE)) > 0) {
		size_t len = kept + (size_t)got;

		found = holds(piece, len, email);
		kept = len < size ? len : size - 1;
		memmove(piece, piece + len - kept, kept);
	}
	free(piece);
	return found;
}

static bool is_the_outbox(const char *name)
{
	static const char *const names[] = {
		"outbox.db", "outbox.db-wal", "outbox.db-shm", "lock", "control.sock"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Set aside by a restore or a salvage, or a file destination: not ours to change. How
 * many were warned about. */
static int warn_of_files(struct cli *cli, const char *email)
{
	DIR *dir = opendir(cli->state_dir);
	const struct dirent *entry;
	int count = 0;

	while (dir && strlen(email) < EMAIL_MAX && (entry = readdir(dir))) {
		struct stat st;
		int fd =
			is_the_outbox(entry->d_name)
				? -1
				: openat(dirfd(dir), entry->d_name,
					  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			file_holds(fd, email)) {
			cli_warn(cli,
				"%s/%s still names the person and is not leadrelay's to change: "
				"erase it there, or delete the file",
				cli->state_dir, entry->d_name);
			count++;
		}
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return count;
}

/* ---- the command ---- */

static void print_done(struct cli *cli, const cJSON *done)
{
	int64_t others = json_integer(done, "others", 0);

	buf_adds(&cli->out, "erased: ");
	out_count(cli, json_integer(done, "leads", 0), "lead", "leads");
	buf_adds(&cli->out, ", ");
	out_count(cli, json_integer(done, "notifications", 0), "notification",
		"notifications");
	if (others > 0) {
		buf_adds(&cli->out, "; the address is blanked in ");
		out_count(cli, others, "lead of another", "leads of others");
	}
	buf_adds(&cli->out, ". The counts stay, and imports leave the person out\n");
}

static int finish(struct forget *forget, cJSON *done, const char *email)
{
	struct cli *cli = forget->cli;
	bool blocked = json_bool(done, "blocked", false);
	cJSON *document;

	if (cli->json) {
		document = cJSON_CreateObject();
		cJSON_AddNumberToObject(
			document, "leads", (double)json_integer(done, "leads", 0));
		cJSON_AddNumberToObject(document, "notifications",
			(double)json_integer(done, "notifications", 0));
		cJSON_AddItemToObject(
			document, "remote", cJSON_Duplicate(forget->remote, true));
		cJSON_AddNumberToObject(
			document, "others", (double)json_integer(done, "others", 0));
		cJSON_AddBoolToObject(document, "blocked", blocked);
		cli_print_json(cli, document);
		cJSON_Delete(document);
	} else {
		print_done(cli, done);
	}
	if (blocked)
		cli_warn(cli,
			"blocked by a reader: another program (sqlite3, a backup) reads the "
			"outbox, so outbox.db-wal still holds the person's bytes; end it and run "
			"the same command again. The erasure itself is done");
	return warn_of_files(cli, email) > 0 || blocked ? EXIT_ATTENTION : EXIT_DONE;
}

int cmd_forget(struct cli *cli, const struct arguments *args)
{
	struct forget forget = {.cli = cli};
	struct answers answers = {.item = take_remote, .ctx = &forget};
	const char *email = args->word_count == 2 ? args->words[1] : NULL;
	char line[EMAIL_MAX + 2];
	cJSON *request;
	int status;

	if (!email)
		return cli_usage(cli,
			"forget: whom? forget EMAIL; - reads it from standard "
			"input");
	if (strcmp(email, "-") == 0) {
		if (!fgets(line, sizeof(line), stdin))
			return cli_usage(cli, "forget: no address on standard input");
		line[strcspn(line, "\r\n")] = '\0';
		email = line;
	}
	request = request_create("forget");
	cJSON_AddStringToObject(request, "email", email);
	forget.remote = cJSON_CreateArray();
	status = cli_ask(cli, request, &answers);
	if (status == EXIT_DONE)
		status = finish(&forget, answers.done, email);
	cJSON_Delete(answers.done);
	cJSON_Delete(forget.remote);
	explicit_bzero(line, sizeof(line));
	return status;
}
