/*
 * The files of init: written beside their places, then named together, secrets first and
 * the configuration last, while no signal ends the program. What stood there is kept.
 */
#include "init.h"
#include "new_file.h"

#include "leadrelay/clock.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum file {
	FILE_SECRET,
	FILE_TOKEN,
	FILE_PASSWORD,
	FILE_ADMIN,
	FILE_CONFIG,
	FILES
}; /* as named */

#define PACKAGED_USER "leadrelay"
#define PACKAGED_FOLDER "/etc/leadrelay"

/* ---- whose they are ---- */

static int take_account(struct init *init, const struct passwd *account)
{
	init->uid = account->pw_uid;
	init->gid = account->pw_gid;
	init->owner = strdup(account->pw_name);
	return init->owner ? EXIT_DONE : EXIT_FAILED;
}

/* As root: --owner, else whose state_dir is, else the packaged user where there is one.
 */
static int find_owner(struct init *init)
{
	const char *name = arguments_value(init->args, "owner");
	const struct passwd *account = name ? getpwnam(name) : NULL;
	struct stat state;

	init->uid = geteuid();
	init->gid = getegid();
	if (name && !account)
		return cli_usage(init->cli, "--owner: there is no user \"%s\"", name);
	if (name && account->pw_uid != geteuid() && geteuid() != 0)
		return cli_usage(init->cli, "--owner: only root gives files to others");
	if (geteuid() != 0)
		return EXIT_DONE;
	if (!account && stat(init->values[A_STATE_DIR], &state) == 0)
		account = state.st_uid ? getpwuid(state.st_uid) : NULL;
	else if (!account)
		account = getpwnam(PACKAGED_USER);
	return account && account->pw_uid ? take_account(init, account) : EXIT_DONE;
}

static void become_owner_and_look(const struct init *init, const char *path)
{
	if (initgroups(init->owner, init->gid) != 0 || setgid(init->gid) != 0 ||
		setuid(init->uid) != 0)
		_exit(2);
	_exit(access(path, R_OK) == 0 ? 0 : 1);
}

bool owner_reads(const struct init *init, const char *path)
{
	int status = 0;
	pid_t child;

	if (!init->owner)
		return access(path, R_OK) == 0;
	child = fork();
	if (child == 0)
		become_owner_and_look(init, path);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) != 1;
}

/* ---- where they go ---- */

static char *absolute(const char *path)
{
	char folder[PATH_MAX], *out;

	if (*path == '/')
		return strdup(path);
	if (!getcwd(folder, sizeof(folder)) || asprintf(&out, "%s/%s", folder, path) < 0)
		return NULL;
	return out;
}

/* The packaged place has a packaged state_dir; elsewhere it lies beside the file. */
static void choose_state_dir(struct init *init)
{
	char *path = NULL;

	if (init->values[A_STATE_DIR])
		return;
	if (strcmp(init->folder, PACKAGED_FOLDER) == 0)
		path = strdup("/var/lib/leadrelay");
	else if (asprintf(&path, "%s/state", init->folder) < 0)
		path = NULL;
	init->values[A_STATE_DIR] = path;
}

static int refuse_present(struct init *init, const char *name)
{
	char path[PATH_MAX];
	struct stat there;

	snprintf(path, sizeof(path), "%s/%s", init->folder, name);
	if (lstat(path, &there) != 0)
		return EXIT_DONE;
	if (!S_ISREG(there.st_mode)) {
		cli_warn(init->cli,
			"init: %s is there and is not a file; name another place with -c FILE",
			path);
		return EXIT_USAGE;
	}
	if (arguments_has(init->args, "force"))
		return EXIT_DONE;
	cli_warn(init->cli,
		"init: %s is there already and nothing was changed; -c FILE names another "
		"place, --force writes a new one and keeps this one aside",
		path);
	return EXIT_USAGE;
}

/* The names within the folder. */
static void file_names(const struct init *init, char names[FILES][256])
{
	snprintf(names[FILE_SECRET], 256, "%s.secret", init->values[A_DESTINATION]);
	snprintf(names[FILE_TOKEN], 256, "%s.token", init->values[A_SOURCE]);
	snprintf(names[FILE_PASSWORD], 256, "smtp.password");
	snprintf(names[FILE_ADMIN], 256, ADMIN_TOKEN);
	snprintf(names[FILE_CONFIG], 256, "%s", init->file);
}

/* Those that are always written; the others are looked at when they are. */
static int look_for_present(struct init *init)
{
	static const enum file always[] = {FILE_CONFIG, FILE_TOKEN};
	char names[FILES][256];
	int status = EXIT_DONE;

	file_names(init, names);
	for (size_t i = 0; status == EXIT_DONE && i < sizeof(always) / sizeof(*always);
		i++)
		status = refuse_present(init, names[always[i]]);
	return status;
}

int place_find(struct init *init)
{
	char *path = absolute(init->cli->config_file);
	char *copy = path ? strdup(path) : NULL;
	struct stat folder;
	int status;

	init->file = path ? strdup(basename(path)) : NULL;
	init->folder = copy ? strdup(dirname(copy)) : NULL;
	free(path);
	free(copy);
	if (!init->file || !init->folder)
		return EXIT_FAILED;
	choose_state_dir(init);
	if (!init->values[A_STATE_DIR])
		return EXIT_FAILED;
	if (stat(init->folder, &folder) != 0 &&
		strcmp(init->folder, PACKAGED_FOLDER) != 0) {
		cli_warn(init->cli,
			"init: there is no folder %s; create it, or name another file with -c FILE",
			init->folder);
		return EXIT_USAGE;
	}
	status = find_owner(init);
	return status == EXIT_DONE ? look_for_present(init) : status;
}

/* ---- writing ---- */

struct writing {
	struct init *init;
	char names[FILES][256];
	struct buf texts[FILES]; /* empty: there is no such file */
	struct new_file files[FILES];
	char asides[FILES][PATH_MAX]; /* "": nothing was there */
	bool named[FILES];
};

/* As the package leaves it: the daemon's user reads, root writes. */
static enum err_code make_folder(const struct init *init, struct err *err)
{
	if (mkdir(init->folder, 0750) != 0)
		return errno == EEXIST
			       ? ERR_OK
			       : err_errno(err, errno, "creating %s", init->folder);
	if (init->owner && chown(init->folder, 0, init->gid) != 0)
		return err_errno(
			err, errno, "giving %s to %s", init->folder, init->owner);
	return ERR_OK;
}

/* Where nothing but root could make it. */
static enum err_code make_state_dir(const struct init *init, struct err *err)
{
	const char *path = init->values[A_STATE_DIR];

	if (!init->owner)
		return ERR_OK; /* leadrelayd does it itself */
	if (mkdir(path, 0700) != 0)
		return errno == EEXIST ? ERR_OK
				       : err_errno(err, errno, "creating %s", path);
	if (chown(path, init->uid, init->gid) != 0)
		return err_errno(err, errno, "giving %s to %s", path, init->owner);
	return ERR_OK;
}

static void add_line(struct buf *out, const char *text)
{
	buf_adds(out, text);
	buf_addc(out, '\n');
}

static bool fill_texts(struct writing *writing)
{
	const struct init *init = writing->init;
	bool secret = !auth_is(init, "azure_ad_certificate");

	if (secret)
		add_line(&writing->texts[FILE_SECRET], init->values[A_SECRET]);
	if (!init->token_stays)
		add_line(&writing->texts[FILE_TOKEN], init->values[A_TOKEN]);
	if (init->values[A_MAIL_SERVER] && init->values[A_MAIL_USER])
		add_line(&writing->texts[FILE_PASSWORD], init->values[A_MAIL_PASSWORD]);
	if (init->admin_token)
		add_line(&writing->texts[FILE_ADMIN], init->admin_token);
	draft_text(init, false, &writing->texts[FILE_CONFIG]);
	for (int i = 0; i < FILES; i++)
		if (!buf_ok(&writing->texts[i]))
			return false;
	return true;
}

static enum err_code write_one(struct writing *writing, int i, struct err *err)
{
	const struct init *init = writing->init;
	const struct buf *text = &writing->texts[i];
	char path[PATH_MAX];
	size_t done = 0;

	snprintf(path, sizeof(path), "%s/%s", init->folder, writing->names[i]);
	if (new_file_begin(&writing->files[i], path, arguments_has(init->args, "force"),
		    NULL, err) != ERR_OK)
		return err->code;
	while (done < text->len) {
		ssize_t put =
			write(writing->files[i].fd, text->data + done, text->len - done);

		if (put < 0 && errno != EINTR)
			return err_errno(err, errno, "writing %s", path);
		done += put > 0 ? (size_t)put : 0;
	}
	if (init->owner && fchown(writing->files[i].fd, init->uid, init->gid) != 0)
		return err_errno(err, errno, "giving %s to %s", path, init->owner);
	return fsync(writing->files[i].fd) == 0
		       ? ERR_OK
		       : err_errno(err, errno, "writing %s", path);
}

/* A second name for what is there: its place is never empty. */
static enum err_code keep_aside(struct writing *writing, int i, struct err *err)
{
	char path[PATH_MAX], now[TIME_TEXT_SIZE];
	char *aside = writing->asides[i];

	snprintf(path, sizeof(path), "%s/%s", writing->init->folder, writing->names[i]);
	if (access(path, F_OK) != 0)
		return ERR_OK;
	time_text(writing->init->cli->now, now);
	snprintf(aside, PATH_MAX, "%.*s.aside-%s", PATH_MAX - 48, path, now);
	if (link(path, aside) == 0)
		return ERR_OK;
	err_errno(err, errno, "keeping %s aside as %s", path, aside);
	*aside = '\0';
	return err->code;
}

/* Behind a failure: what was named goes, what was there comes back. */
static void undo(struct writing *writing)
{
	for (int i = 0; i < FILES; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", writing->init->folder,
			writing->names[i]);
		if (*writing->asides[i])
			rename(writing->asides[i], path);
		else if (writing->named[i])
			unlink(path);
	}
}

static enum err_code name_all(struct writing *writing, struct err *err)
{
	for (int i = 0; i < FILES; i++) {
		if (!writing->texts[i].len)
			continue;
		if (keep_aside(writing, i, err) != ERR_OK ||
			new_file_keep(&writing->files[i], err) != ERR_OK)
			return err->code;
		writing->named[i] = true;
	}
	return ERR_OK;
}

static enum err_code write_all(struct writing *writing, struct err *err)
{
	const struct init *init = writing->init;

	if (!fill_texts(writing))
		return err_set(err, ERR_NOMEM, "out of memory");
	if (make_folder(init, err) != ERR_OK || make_state_dir(init, err) != ERR_OK)
		return err->code;
	for (int i = 0; i < FILES; i++)
		if (writing->texts[i].len && write_one(writing, i, err) != ERR_OK)
			return err->code;
	if (name_all(writing, err) == ERR_OK)
		return ERR_OK;
	undo(writing);
	return err->code;
}

static void tell(const struct writing *writing, cJSON *written, cJSON *aside)
{
	for (int i = FILES - 1; i >= 0; i--) {
		char path[PATH_MAX];

		if (!writing->named[i])
			continue;
		snprintf(path, sizeof(path), "%s/%s", writing->init->folder,
			writing->names[i]);
		cJSON_AddItemToArray(written, cJSON_CreateString(path));
		if (*writing->asides[i])
			cJSON_AddItemToArray(
				aside, cJSON_CreateString(writing->asides[i]));
	}
}

int place_write(struct init *init, cJSON *written, cJSON *aside)
{
	struct writing *writing = calloc(1, sizeof(*writing));
	sigset_t all, before;
	struct err err;
	int status = EXIT_DONE;

	if (!writing)
		return EXIT_FAILED;
	writing->init = init;
	file_names(init, writing->names);
	for (int i = 0; i < FILES; i++)
		writing->files[i] = (struct new_file){.fd = -1, .dir = -1};
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (write_all(writing, &err) != ERR_OK) {
		cli_warn(init->cli, "init: %s; nothing was written", err.text);
		status = EXIT_FAILED;
	}
	for (int i = 0; i < FILES; i++) {
		new_file_end(&writing->files[i]);
		buf_wipe(&writing->texts[i]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (status == EXIT_DONE)
		tell(writing, written, aside);
	free(writing);
	return status;
}
