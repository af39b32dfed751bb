/*
 * The head of a request, cut up as libmicrohttpd 0.9.75 does it (which takes a lone LF
 * for a line's end, joins folded lines and stops a text at a NUL). A head that
 * framing_check lets through must read the same to a strict reader of its bytes. One
 * thing cannot be told: a NUL before a lone LF leaves the same traces as the CR that
 * belongs there.
 */
#include "fuzz.h"

#include "framing.h"

#include <ctype.h>
#include <strings.h>

/* ---- libmicrohttpd's cut ---- */

struct cut {
	char *bytes;
	size_t len, at;
	struct head head;
};

/* The next line, its end made NULs; NULL: the head does not end. */
static char *cut_line(struct cut *cut)
{
	char *line = cut->bytes + cut->at;
	char *end = memchr(line, '\n', cut->len - cut->at);

	if (!end)
		return NULL;
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	*end = '\0';
	cut->at = (size_t)(end - cut->bytes) + 1;
	return line;
}

static bool cut_request_line(struct cut *cut, char *line)
{
	size_t len = strlen(line);
	char *target = memchr(line, ' ', len);
	char *version = len > 0 ? line + len - 1 : line;

	if (!target)
		return false;
	*target++ = '\0';
	while (*target == ' ')
		target++;
	while (version > target && *version == ' ')
		version--;
	while (version > target && *version != ' ')
		version--;
	if (version <= target)
		return false;
	*version++ = '\0';
	if (strncmp(version, "HTTP/1.", 7) != 0 || strlen(version) != 8)
		return false;
	if (strpbrk(target, "\t\r ")) /* http_inbound.c refuses such a target itself */
		return false;
	cut->head.method = line;
	cut->head.target = target;
	cut->head.target_len = strlen(target);
	cut->head.target_end = target + strlen(target) + 1;
	cut->head.version = version;
	return true;
}

/* A folded line goes elsewhere in libmicrohttpd's memory: here to where no line begins.
 */
static bool cut_field(struct cut *cut, char *line)
{
	char *colon = strchr(line, ':');
	bool folded = cut->at < cut->len &&
		      (cut->bytes[cut->at] == ' ' || cut->bytes[cut->at] == '\t');
	struct head_field *field = &cut->head.fields[cut->head.count];

	if (!colon)
		return false;
	*colon++ = '\0';
	*field = (struct head_field){
		.name = folded ? line + 1 : line, .value = colon + strspn(colon, " \t")};
	cut->head.count++;
	return true;
}

static bool cut_head(struct cut *cut)
{
	char *line = cut_line(cut);

	if (!line || !cut_request_line(cut, line))
		return false;
	for (;;) {
		line = cut_line(cut);
		if (!line)
			return false;
		if (*line == '\0')
			break;
		if (cut->head.count > HEAD_FIELDS_MAX)
			continue;
		if (!cut_field(cut, line))
			return false;
	}
	cut->head.size = cut->at;
	return true;
}

/* ---- a strict reader: RFC 9112 to the letter ---- */

struct strict {
	int hosts, lengths, codings;
	uint64_t length;
};

/* The end of a line: at its CR. */
static const char *line_end(const char *at, const char *end)
{
	const char *feed = memchr(at, '\n', (size_t)(end - at));

	REQUIRE(feed && feed > at && (feed[-1] == '\r' || feed[-1] == '\0'));
	for (const char *c = at; c < feed - 1; c++)
		REQUIRE(*c != '\r' && *c != '\0');
	return feed - 1;
}

static void read_field(struct strict *out, const char *at, const char *stop)
{
	const char *colon = memchr(at, ':', (size_t)(stop - at));
	const char *value;

	REQUIRE(colon && colon > at);
	REQUIRE(!isspace((unsigned char)*at) && !isspace((unsigned char)colon[-1]));
	value = colon + 1;
	while (value < stop && (*value == ' ' || *value == '\t'))
		value++;
	out->hosts += colon - at == 4 && strncasecmp(at, "Host", 4) == 0;
	if (colon - at == 14 && strncasecmp(at, "Content-Length", 14) == 0) {
		out->lengths++;
		out->length = strtoull(value, NULL, 10);
		REQUIRE(isdigit((unsigned char)*value));
	}
	if (colon - at == 17 && strncasecmp(at, "Transfer-Encoding", 17) == 0) {
		out->codings++;
		REQUIRE(stop - value == 7 && strncasecmp(value, "chunked", 7) == 0);
	}
}

static void read_strictly(struct strict *out, const char *bytes, size_t len)
{
	const char *end = bytes + len;
	const char *stop = line_end(bytes, end);
	const char *at;

	for (at = stop + 2; at < end; at = stop + 2) {
		stop = line_end(at, end);
		if (stop == at)
			break;
		read_field(out, at, stop);
	}
	REQUIRE(at == end - 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cut cut = {.bytes = malloc(size + 1), .len = size};
	struct framing framing;
	struct strict strict = {0};
	const char *detail = NULL;
	int status;

	REQUIRE(cut.bytes);
	memcpy(cut.bytes, data, size);
	cut.bytes[size] = '\0';
	if (cut_head(&cut)) {
		status = framing_check(&cut.head, &framing, &detail);
		REQUIRE(status == 0 || status == 400 || status == 414 || status == 431);
		if (status != 0) {
			require_sentence(detail);
		} else if (!memchr(data, '\0', cut.at)) {
			/* libmicrohttpd makes NULs of line ends: beside NULs that
			 * were sent, one of them can pass for the other */
			read_strictly(&strict, (const char *)data, cut.at);
			REQUIRE(strict.hosts <= 1 &&
				strict.lengths + strict.codings <= 1);
			REQUIRE(framing.chunked == (strict.codings == 1));
			REQUIRE(framing.has_length == (strict.lengths == 1));
			REQUIRE(framing.length == strict.length);
		}
	}
	free(cut.bytes);
	return 0;
}
