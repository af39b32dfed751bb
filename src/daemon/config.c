/*
 * config_load in steps: read the bytes, make them a document, walk the tables over it,
 * check what the keys say about each other; then either a configuration or every problem,
 * in the order of their lines.
 */
#include "leadrelay/config.h"

#include "config_read.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *config_default_file(void)
{
	const char *file = getenv("LEADRELAY_CONFIG");

	return file && *file ? file : "/etc/leadrelay/leadrelay.yaml";
}

void config_destroy(struct config *config)
{
	if (config)
		memory_destroy(config->memory); /* config itself is in it */
}

/* Absolute, from the working folder; links are left as they are. */
static char *absolute_path(struct memory *memory, const char *file)
{
	char folder[PATH_MAX];
	struct buf path = BUF_INIT;
	char *result = NULL;

	if (*file != '/' && getcwd(folder, sizeof(folder)))
		buf_addf(&path, "%s/", strcmp(folder, "/") == 0 ? "" : folder);
	buf_adds(&path, file);
	if (buf_ok(&path))
		result = memory_text(memory, buf_str(&path), path.len);
	buf_finish(&path);
	return result;
}

static enum err_code reading_start(struct reading *in, const char *file, struct err *err)
{
	in->file = file;
	in->memory = memory_create();
	if (!in->memory)
		return err_set(err, ERR_NOMEM, "out of memory");
	in->config = memory_alloc(in->memory, sizeof(*in->config));
	if (in->config) {
		char *slash;

		in->config->memory = in->memory;
		in->config->file = absolute_path(in->memory, file);
		in->folder = absolute_path(in->memory, file);
		slash = in->folder ? strrchr(in->folder, '/') : NULL;
		if (slash)
			slash[slash == in->folder] = '\0';
	}
	if (memory_ok(in->memory) && in->folder)
		return ERR_OK;
	memory_destroy(in->memory);
	return err_set(err, ERR_NOMEM, "out of memory");
}

static int by_line(const void *a, const void *b)
{
	const int *left = a;
	const int *right = b;

	return (*left > *right) - (*left < *right);
}

/* Moves the problems to out, by line; their order within a line is the order of finding.
 */
static void hand_over(struct reading *in, struct buf *out)
{
	int lines[CONFIG_PROBLEMS_MAX] = {0};
	int last = 0;

	for (size_t i = 0; i < in->problem_count; i++)
		lines[i] = in->problems[i].line;
	qsort(lines, in->problem_count, sizeof(lines[0]), by_line);
	for (size_t i = 0; i < in->problem_count; i++) {
		if (i > 0 && lines[i] == last)
			continue;
		last = lines[i];
		for (size_t j = 0; j < in->problem_count; j++) {
			if (in->problems[j].line != last || !in->problems[j].text)
				continue;
			buf_addf(out, "%s\n", in->problems[j].text);
		}
	}
	for (size_t i = 0; i < in->problem_count; i++)
		free(in->problems[i].text);
	in->problem_count = 0;
}

static void read_document(struct reading *in, const char *bytes, size_t len)
{
	if (!document_load(in, bytes, len))
		return;
	take_section(in, config_keys, 1, yaml_document_get_root_node(&in->document),
		in->config, NULL);
	if (in->config->sources)
		check_whole(in);
}

static enum err_code reading_end(
	struct reading *in, struct config **out, struct buf *problems, struct err *err)
{
	size_t count = in->problem_count;
	bool ok = memory_ok(in->memory);

	hand_over(in, problems);
	if (!ok)
		buf_clear(problems); /* they may be consequences */
	if (in->has_document)
		yaml_document_delete(&in->document);
	if (ok && count == 0) {
		*out = in->config;
		return ERR_OK;
	}
	config_destroy(in->config);
	if (!ok)
		return err_set(err, ERR_NOMEM, "reading %s: out of memory", in->file);
	return err_set(err, ERR_CONFIG, "%s: %zu error%s", in->file, count,
		count == 1 ? "" : "s");
}

/* What to do about a configuration that file_read did not read. */
static const char *reading_remedy(enum err_code code)
{
	if (code == ERR_NOT_FOUND)
		return "`leadctl init` writes one, -c FILE or LEADRELAY_CONFIG name another";
	if (code == ERR_DENIED)
		return "run it as root, or as the file's user";
	return "name it with -c FILE or LEADRELAY_CONFIG";
}

enum err_code config_load(
	struct config **out, const char *file, struct buf *problems, struct err *err)
{
	struct reading *in = calloc(1, sizeof(*in));
	enum err_code code;
	struct err cause;
	struct stat st;
	char *bytes;
	size_t len;

	if (!in)
		return err_set(err, ERR_NOMEM, "out of memory");
	code = reading_start(in, file, err);
	if (code != ERR_OK)
		goto done;
	if (file_read(in->config->file, CONFIG_FILE_MAX, &bytes, &len, &st, &cause) ==
		ERR_OK) {
		in->mode = st.st_mode;
		read_document(in, bytes, len);
		explicit_bzero(bytes, len);
		free(bytes);
	} else if (cause.code == ERR_NOMEM) {
		memory_fail(in->memory);
	} else {
		snprintf(in->path, sizeof(in->path), "file");
		problem(in, 1, reading_remedy(cause.code), "%s", cause.text);
	}
	code = reading_end(in, out, problems, err);
done:
	free(in);
	return code;
}

/* ---- state_dir alone ---- */

static bool state_dir_of_document(struct reading *in, char **out)
{
	const yaml_node_t *root = yaml_document_get_root_node(&in->document);
	int line = 1;
	const yaml_node_t *node =
		root ? mapping_find(in, root, "state_dir", &line) : NULL;
	char *text = node ? scalar_text(in, line, node, NULL) : NULL;
	char *path = NULL;

	if (!text)
		return false;
	for (const struct key *key = config_keys; key->name; key++)
		if (strcmp(key->name, "state_dir") == 0)
			take_path(in, key, line, text, &path);
	*out = path ? strdup(path) : NULL;
	return *out != NULL;
}

/* The file is not even YAML: its line that begins with state_dir: may still be. */
static bool state_dir_of_line(struct reading *in, const char *bytes, char **out)
{
	const char *at = bytes;
	char line[PATH_MAX];

	while (strncmp(at, "state_dir:", 10) != 0) {
		at = strchr(at, '\n');
		if (!at)
			return false;
		at++;
	}
	snprintf(line, sizeof(line), "%.*s\n", (int)strcspn(at, "\r\n"), at);
	return document_load(in, line, strlen(line)) && state_dir_of_document(in, out);
}

enum err_code config_state_dir(char **out, const char *file, struct err *err)
{
	struct reading *in = calloc(1, sizeof(*in));
	struct buf ignored = BUF_INIT;
	enum err_code code;
	struct err cause;
	char *bytes;
	size_t len;

	if (!in)
		return err_set(err, ERR_NOMEM, "out of memory");
	code = reading_start(in, file, err);
	if (code != ERR_OK) {
		free(in);
		return code;
	}
	code = file_read(in->config->file, CONFIG_FILE_MAX, &bytes, &len, NULL, &cause);
	if (code != ERR_OK) {
		err_set(err, code, "%s; %s", cause.text, reading_remedy(code));
	} else {
		bool found =
			document_load(in, bytes, len) && state_dir_of_document(in, out);

		if (!found && !in->has_document)
			found = state_dir_of_line(in, bytes, out);
		if (!found)
			code = err_set(err, ERR_CONFIG, "%s: no usable state_dir", file);
		explicit_bzero(bytes, len);
		free(bytes);
	}
	hand_over(in, &ignored);
	buf_finish(&ignored);
	if (in->has_document)
		yaml_document_delete(&in->document);
	config_destroy(in->config);
	free(in);
	return code;
}
