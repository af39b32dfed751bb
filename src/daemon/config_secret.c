/*
 * Secrets: X, or X_file with the text in a file of its own. A secret that stands in the
 * configuration itself makes the file's mode matter; one that comes whole from ${VAR}
 * does not stand there. Nothing here quotes a value.
 */
#include "config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_FILE_MAX (64 * 1024)

static bool line_fine(
	struct reading *in, const struct key *key, int line, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f)
			continue;
		problem(in, line, key->allowed, "the secret holds a control character");
		return false;
	}
	if (!utf8_valid(text, len)) {
		problem(in, line, key->allowed, "the secret is not UTF-8");
		return false;
	}
	if ((int64_t)len < key->min) {
		problem(in, line, key->allowed, "a secret of %zu characters is too short",
			len);
		return false;
	}
	return true;
}

/* Lines to values; blank ones are passed over. key->max: how many there may be. */
static void split_lines(struct reading *in, const struct key *key, int line, char *text,
	struct secret *secret)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *next = text + len + (text[len] == '\n');

		if (len > 0 && text[len - 1] == '\r')
			len--;
		text[len] = '\0';
		if (!text_blank(text)) {
			if (!line_fine(in, key, line, text, len))
				return;
			if ((int64_t)secret->count == key->max) {
				problem(in, line, key->allowed, "more than %d line%s",
					(int)key->max, key->max == 1 ? "" : "s");
				return;
			}
			secret->values[secret->count++] =
				memory_text(in->memory, text, len);
		}
		text = next;
	}
	if (secret->count == 0)
		problem(in, line, key->allowed, "the secret is empty");
}

static void read_secret_file(struct reading *in, const struct key *key, int line,
	const char *path, struct secret *secret)
{
	struct stat st;
	struct err err;
	char *bytes;
	size_t len;

	if (file_read(path, SECRET_FILE_MAX, &bytes, &len, &st, &err) != ERR_OK) {
		problem_of(in, line, key->allowed, &err);
		return;
	}
	memory_watch(in->memory, path, bytes, len);
	secret->changed_at =
		(int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	if (strlen(bytes) != len)
		problem(in, line, key->allowed, "%s holds a zero byte", path);
	else
		split_lines(in, key, line, bytes, secret);
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IRWXO))
		warning(in, "%s can be read by everybody on this machine: chmod o= %s",
			path, path);
	explicit_bzero(bytes, len);
	free(bytes);
}

static void read_from_file(struct reading *in, const struct key *key, int line,
	const yaml_node_t *node, struct secret *secret)
{
	char *text = scalar_text(in, line, node, "the path of a file");

	if (!text)
		return;
	take_path(in, key, line, text, &secret->file);
	if (secret->file)
		read_secret_file(in, key, line, secret->file, secret);
}

bool is_variable_only(const char *raw)
{
	return strncmp(raw, "${", 2) == 0 && strchr(raw, '}') == raw + strlen(raw) - 1;
}

static void read_inline(struct reading *in, const struct key *key, int line,
	const yaml_node_t *node, struct secret *secret)
{
	const char *raw;
	char *text;

	if (node->type != YAML_SCALAR_NODE) {
		problem(in, line, key->allowed, "not a text");
		return;
	}
	raw = (const char *)node->data.scalar.value;
	if (!is_variable_only(raw))
		want_private(in, line);
	if (strlen(raw) != node->data.scalar.length) {
		problem(in, line, key->allowed, "the secret holds a zero byte");
		return;
	}
	text = expand(in, line, raw);
	if (text)
		split_lines(in, key, line, text, secret);
}

/* node: the mapping that may hold either key; line: of the mapping. */
void take_secret(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	char file_key[64];
	int inline_line = 0, file_line = 0;
	yaml_node_t *value = mapping_find(in, node, key->name, &inline_line);
	yaml_node_t *file;
	size_t before;

	snprintf(file_key, sizeof(file_key), "%s_file", key->name);
	file = mapping_find(in, node, file_key, &file_line);
	before = path_push(in, file && !value ? file_key : key->name);
	if (value && file)
		problem(in, file_line, "one of the two", "both %s and %s are given",
			key->name, file_key);
	else if (value)
		read_inline(in, key, inline_line, value, target);
	else if (file)
		read_from_file(in, key, file_line, file, target);
	else if (key->required)
		problem(in, line, key->allowed, "missing, and so is %s", file_key);
	path_pop(in, before);
}
