/* The end of init: the files, `leadctl validate` on them, and what to do next. */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The child's whole standard output as JSON; NULL: it is none. */
static cJSON *read_document(int fd)
{
	struct buf text = BUF_INIT;
	cJSON *document;
	ssize_t got = 1;

	while (got > 0 && buf_reserve(&text, 4096)) {
		got = read(fd, text.data + text.len, 4096);
		text.len += got > 0 ? (size_t)got : 0;
	}
	document = cJSON_ParseWithLength(buf_str(&text), text.len);
	buf_finish(&text);
	return document;
}

/* `leadctl validate` on what was written, as the daemon's user: the whole program again,
 * with nothing of this run. Its exit status. */
static int run_validate(struct init *init, cJSON **report)
{
	const char *argv[] = {"leadctl", "-c", init->cli->config_file, "validate",
		init->values[A_DESTINATION], NULL, NULL, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status = 0, count = 5;
	pid_t child;

	if (arguments_has(init->args, "no-lead"))
		argv[count++] = "--no-lead";
	if (init->cli->json)
		argv[count] = "--json";
	cli_flush(init->cli);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return EXIT_FAILED;
	posix_spawn_file_actions_init(&actions);
	if (init->cli->json)
		posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	if (posix_spawn(&child, "/proc/self/exe", &actions, NULL,
		    (char *const *)(uintptr_t)argv, environ) != 0)
		child = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	*report = init->cli->json && child > 0 ? read_document(ends[0]) : NULL;
	close(ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static void add_file(const struct init *init, struct buf *out)
{
	buf_addf(out, "%s/%s", strcmp(init->folder, "/") == 0 ? "" : init->folder,
		init->file);
}

static void add_next(const struct init *init, struct buf *out)
{
	bool packaged = strcmp(init->folder, "/etc/leadrelay") == 0 &&
			strcmp(init->file, "leadrelay.yaml") == 0;

	if (packaged && access("/run/systemd/system", F_OK) == 0) {
		buf_adds(out, "systemctl enable --now leadrelayd");
		return;
	}
	if (init->owner)
		buf_addf(out, "runuser -u %s -- ", init->owner);
	buf_adds(out, "leadrelayd -c ");
	add_file(init, out);
}

static void add_source_url(const struct init *init, struct buf *out)
{
	size_t len = strlen(init->values[A_PUBLIC_URL]);

	while (len > 0 && init->values[A_PUBLIC_URL][len - 1] == '/')
		len--;
	buf_addf(out, "%.*s/in/%s/%s", (int)len, init->values[A_PUBLIC_URL],
		init->values[A_SOURCE], init->values[A_TOKEN]);
}

static void print_files(struct init *init, const cJSON *written, const cJSON *aside)
{
	struct cli *cli = init->cli;
	const cJSON *path;

	buf_addc(&cli->out, '\n');
	cJSON_ArrayForEach (path, written) {
		buf_addf(&cli->out, "written: %s\n", path->valuestring);
	}
	cJSON_ArrayForEach (path, aside) {
		buf_addf(&cli->out, "kept aside: %s\n", path->valuestring);
	}
	buf_addc(&cli->out, '\n');
}

static void print_end(struct init *init, int status)
{
	struct cli *cli = init->cli;
	struct buf text = BUF_INIT;

	if (status == EXIT_DONE)
		buf_adds(&cli->out, "\nStart it:\n  ");
	else
		buf_addf(&cli->out,
			"\nThe configuration is written, and `leadctl -c %s validate` does not "
			"pass yet: mend what it says.\nLeads can be taken in meanwhile; they "
			"wait. Start it:\n  ",
			cli->config_file);
	add_next(init, &text);
	out_text(cli, buf_str(&text));
	buf_adds(&cli->out,
		"\n\nPartner Center > your offer > Customer leads > HTTPS endpoint: paste "
		"this address\n(it holds the secret token), and press Validate:\n  ");
	buf_clear(&text);
	add_source_url(init, &text);
	out_text(cli, buf_str(&text));
	buf_addc(&cli->out, '\n');
	if (!strchr(init->values[A_PUBLIC_URL], '.'))
		buf_adds(&cli->out,
			"with the name that this machine has on the Internet in place of its "
			"own\n");
	buf_wipe(&text);
	if (has_page(init))
		buf_addf(&cli->out,
			"\nThe page, once it runs: http://%s/ (who looks at it needs the "
			"token in %s/%s)\n",
			init->values[A_ADMIN],
			strcmp(init->folder, "/") == 0 ? "" : init->folder, ADMIN_TOKEN);
}

static void print_json(
	struct init *init, int status, cJSON *written, cJSON *aside, cJSON *report)
{
	cJSON *document = cJSON_CreateObject();
	struct buf url = BUF_INIT, next = BUF_INIT, file = BUF_INIT;

	add_file(init, &file);
	add_source_url(init, &url);
	add_next(init, &next);
	cJSON_AddBoolToObject(document, "ok", status == EXIT_DONE);
	cJSON_AddStringToObject(document, "file", buf_str(&file));
	cJSON_AddItemReferenceToObject(document, "written", written);
	cJSON_AddItemReferenceToObject(document, "aside", aside);
	cJSON_AddStringToObject(document, "partner_center_url", buf_str(&url));
	cJSON_AddStringToObject(document, "next", buf_str(&next));
	if (has_page(init))
		cJSON_AddStringToObject(document, "page", init->values[A_ADMIN]);
	else
		cJSON_AddNullToObject(document, "page");
	if (report)
		cJSON_AddItemToObject(document, "validate", report);
	else
		cJSON_AddNullToObject(document, "validate");
	cli_print_json(init->cli, document);
	cJSON_Delete(document);
	buf_wipe(&url);
	buf_finish(&next);
	buf_finish(&file);
}

int init_end(struct init *init)
{
	cJSON *written = cJSON_CreateArray(), *aside = cJSON_CreateArray();
	cJSON *report = NULL;
	int status = place_write(init, written, aside);

	ask_end();
	if (status == EXIT_DONE) {
		if (!init->cli->json)
			print_files(init, written, aside);
		if (!arguments_has(init->args, "no-checks"))
			status = run_validate(init, &report);
		if (init->cli->json)
			print_json(init, status, written, aside, report);
		else
			print_end(init, status);
	}
	cJSON_Delete(written);
	cJSON_Delete(aside);
	return status;
}
