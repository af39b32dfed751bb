/*
 * The file as a YAML document whose nodes know their lines, with what makes YAML
 * surprising left out: anchors, aliases, tags and a second document are refused, keys are
 * texts and stand once. Only values see the environment.
 */
#include "config_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 16

static enum err_code read_all(int fd, const char *path, size_t max, char **out,
	size_t *len_out, struct err *err)
{
	char *bytes = malloc(max + 2);
	size_t len = 0;

	if (!bytes)
		return err_set(err, ERR_NOMEM, "out of memory");
	while (len <= max) {
		ssize_t got = read(fd, bytes + len, max + 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			enum err_code code = err_errno(err, errno, "reading %s", path);

			free(bytes);
			return code;
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	if (len > max) {
		explicit_bzero(bytes, len);
		free(bytes);
		return err_set(
			err, ERR_INVALID, "%s is larger than %zu bytes", path, max);
	}
	bytes[len] = '\0';
	*out = bytes;
	*len_out = len;
	return ERR_OK;
}

enum err_code file_read(const char *path, size_t max, char **out, size_t *len_out,
	struct stat *stat_out, struct err *err)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	struct stat st;
	enum err_code code;

	if (!path)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) != 0)
		code = err_errno(err, errno, "cannot look at %s", path);
	else if (S_ISDIR(st.st_mode))
		code = err_set(err, ERR_INVALID, "%s is a folder, not a file", path);
	else
		code = read_all(fd, path, max, out, len_out, err);
	close(fd);
	if (code == ERR_OK && stat_out)
		*stat_out = st;
	return code;
}

/* ---- what the document must not contain ---- */

static bool bytes_check(struct reading *in, const char *bytes, size_t len)
{
	int line = 1;

	if (utf8_valid(bytes, len) && !memchr(bytes, '\0', len))
		return true;
	for (size_t start = 0; start < len; line++) {
		const char *newline = memchr(bytes + start, '\n', len - start);
		size_t end = newline ? (size_t)(newline - bytes) : len;

		if (!utf8_valid(bytes + start, end - start) ||
			memchr(bytes + start, '\0', end - start))
			break;
		start = end + 1;
	}
	problem(in, line, "save the file as UTF-8", "text that is not UTF-8");
	return false;
}

/* Whether a line is indented with a tab: what people meet most and libyaml tells worst.
 */
static bool line_has_tab(const char *bytes, size_t line)
{
	while (line-- > 0) {
		bytes = strchr(bytes, '\n');
		if (!bytes)
			return false;
		bytes++;
	}
	bytes += strspn(bytes, " ");
	return *bytes == '\t';
}

static void syntax_problem(
	struct reading *in, const yaml_parser_t *parser, const char *bytes)
{
	size_t line = parser->problem_mark.line;
	const char *what = parser->problem ? parser->problem : "unreadable";

	if (parser->error == YAML_READER_ERROR)
		line = parser->mark.line;
	if (line_has_tab(bytes, line))
		problem(in, (int)line + 1, "YAML indents with spaces only",
			"a tab in the indentation");
	else if (parser->context)
		problem(in, (int)line + 1,
			"check the indentation, the colons and the quotes",
			"not YAML: %s, %s that starts in line %zu", what, parser->context,
			parser->context_mark.line + 1);
	else
		problem(in, (int)line + 1,
			"check the indentation, the colons and the quotes",
			"not YAML: %s", what);
}

static bool event_allowed(
	struct reading *in, const yaml_event_t *event, int *depth, int *documents)
{
	int line = (int)event->start_mark.line + 1;
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		anchor = event->data.alias.anchor;
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	}
	if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		++*depth;
	}
	if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		++*depth;
	}
	if (event->type == YAML_SEQUENCE_END_EVENT ||
		event->type == YAML_MAPPING_END_EVENT)
		--*depth;
	if (anchor)
		problem(in, line, "quote a value that begins with & or *",
			"anchors and aliases are not used here");
	else if (tag)
		problem(in, line, "quote a value that begins with !",
			"tags are not used here");
	else if (*depth > DEPTH_MAX)
		problem(in, line, "see the example configuration", "nested too deeply");
	else if (event->type == YAML_DOCUMENT_START_EVENT && ++*documents > 1)
		problem(in, line, "one document to a file: remove the line ---",
			"a second document");
	else
		return true;
	return false;
}

/* One pass over the events: what the loader would resolve silently is seen here. */
static bool events_check(struct reading *in, const char *bytes, size_t len)
{
	yaml_parser_t parser;
	yaml_event_t event;
	int depth = 0, documents = 0;
	bool fine = true;
	bool end = false;

	if (!yaml_parser_initialize(&parser)) {
		memory_fail(in->memory);
		return false;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
	while (fine && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			syntax_problem(in, &parser, bytes);
			fine = false;
			break;
		}
		fine = event_allowed(in, &event, &depth, &documents);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return fine;
}

bool document_load(struct reading *in, const char *bytes, size_t len)
{
	yaml_parser_t parser;
	yaml_node_t *root;

	if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		len -= 3;
	}
	if (!bytes_check(in, bytes, len) || !events_check(in, bytes, len))
		return false;
	if (!yaml_parser_initialize(&parser)) {
		memory_fail(in->memory);
		return false;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
	in->has_document = yaml_parser_load(&parser, &in->document);
	if (!in->has_document)
		syntax_problem(in, &parser, bytes);
	yaml_parser_delete(&parser);
	if (!in->has_document)
		return false;
	root = yaml_document_get_root_node(&in->document);
	if (root && root->type == YAML_MAPPING_NODE)
		return true;
	problem(in, root ? node_line(root) : 1, "see the example configuration",
		root ? "the file is not a list of keys" : "the file is empty");
	return false;
}

/* ---- nodes ---- */

int node_line(const yaml_node_t *node)
{
	return (int)node->start_mark.line + 1;
}

yaml_node_t *node_at(struct reading *in, int index)
{
	return yaml_document_get_node(&in->document, index);
}

bool node_is_plain(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static const char *node_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
					      : NULL;
}

yaml_node_t *mapping_find(
	struct reading *in, const yaml_node_t *mapping, const char *name, int *line)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
		pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_at(in, pair->key);
		const char *text = key ? node_text(key) : NULL;

		if (!text || strcmp(text, name) != 0)
			continue;
		if (line)
			*line = node_line(key);
		return node_at(in, pair->value);
	}
	return NULL;
}

static void key_check(
	struct reading *in, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = node_at(in, pair->key);
	const char *text = node_text(key);
	char shown[QUOTED_SIZE];
	int first;

	if (!text || !*text) {
		problem(in, node_line(key), "a key is a text",
			"a key that is not a text");
	} else if (strcmp(text, "<<") == 0) {
		problem(in, node_line(key), "write the keys out",
			"merge keys are not used here");
	} else if (mapping_find(in, mapping, text, &first) != node_at(in, pair->value)) {
		size_t before = path_push(in, text);

		problem(in, node_line(key), "give it once",
			"%s stands twice, first in line %d", quoted(text, shown), first);
		path_pop(in, before);
	}
}

void mapping_check(struct reading *in, const yaml_node_t *mapping)
{
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
		pair < mapping->data.mapping.pairs.top; pair++)
		key_check(in, mapping, pair);
}

/* ---- values ---- */

static bool is_variable(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(name[i] == '_' || (name[i] >= 'A' && name[i] <= 'Z') ||
			    (name[i] >= 'a' && name[i] <= 'z') ||
			    (i > 0 && name[i] >= '0' && name[i] <= '9')))
			return false;
	return len > 0;
}

/* text is behind "${". Returns what follows the '}', NULL after a problem. */
static const char *expand_one(
	struct reading *in, int line, const char *text, struct buf *out)
{
	size_t len = strcspn(text, "}");
	char name[128];
	const char *value;

	if (text[len] != '}' || len >= sizeof(name) || !is_variable(text, len)) {
		problem(in, line,
			"${NAME} with letters, digits and _; $${ for a literal ${",
			"${ without the name of a variable and }");
		return NULL;
	}
	memcpy(name, text, len);
	name[len] = '\0';
	value = getenv(name);
	if (!value) {
		problem(in, line,
			"set it for leadrelayd and leadctl, or write $${ for a literal ${",
			"the environment variable %s is not set", name);
		return NULL;
	}
	if (!utf8_valid(value, strlen(value))) {
		problem(in, line, "UTF-8 text",
			"the environment variable %s is not UTF-8", name);
		return NULL;
	}
	buf_adds(out, value);
	return text + len + 1;
}

char *expand(struct reading *in, int line, const char *text)
{
	struct buf out = BUF_INIT;
	char *result = NULL;

	while (text && *text) {
		if (strncmp(text, "$${", 3) == 0) {
			buf_adds(&out, "${");
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			text = expand_one(in, line, text + 2, &out);
		} else {
			buf_addc(&out, *text++);
		}
	}
	if (text && buf_ok(&out))
		result = memory_text(in->memory, buf_str(&out), out.len);
	else if (text)
		memory_fail(in->memory);
	buf_wipe(&out);
	return result;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

char *scalar_text(
	struct reading *in, int line, const yaml_node_t *node, const char *allowed)
{
	const char *raw = node_text(node);
	char *text;

	if (!raw) {
		problem(in, line, allowed, "a %s where one value belongs",
			node->type == YAML_SEQUENCE_NODE ? "list" : "block of keys");
		return NULL;
	}
	if (strlen(raw) != node->data.scalar.length) {
		problem(in, line, allowed, "a value with U+0000");
		return NULL;
	}
	text = expand(in, line, raw);
	if (!text)
		return NULL;
	if (text_blank(text) || (node_is_plain(node) && strcmp(raw, "~") == 0) ||
		(node_is_plain(node) && strcmp(raw, "null") == 0)) {
		problem(in, line, allowed, "no value");
		return NULL;
	}
	if (has_control(text)) {
		problem(in, line, allowed,
			"a line break or control character in the value");
		return NULL;
	}
	return text;
}
