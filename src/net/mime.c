#include "leadrelay/mime.h"

#include "leadrelay/buf.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/text.h"
#include "mime_words.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define BASE64_LINE 57 /* bytes that make 76 characters */
#define QP_LINE (MIME_LINE_MAX - 1)

enum level { LEVEL_MIXED, LEVEL_ALTERNATIVE, LEVEL_RELATED };
static const char *const level_types[] = {
	[LEVEL_MIXED] = "multipart/mixed",
	[LEVEL_ALTERNATIVE] = "multipart/alternative",
	[LEVEL_RELATED] = "multipart/related; type=\"text/html\"",
};

struct writer {
	struct buf *out;
	const struct mime_mail *mail;
	char id[25]; /* of this mail, for its boundaries */
};

/* ---- contents ---- */

static void add_base64(struct buf *out, const char *bytes, size_t len)
{
	buf_reserve(out, len / BASE64_LINE * (MIME_LINE_MAX + 2) + 100);
	while (len > 0) {
		size_t n = len < BASE64_LINE ? len : BASE64_LINE;

		base64_add(out, bytes, n);
		buf_adds(out, "\r\n");
		bytes += n;
		len -= n;
	}
}

/* Bytes at the beginning of text that are ASCII and no CR. */
static size_t plain_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (unsigned char)text[n] < 0x80 && text[n] != '\r')
		n++;
	return n;
}

/* Valid UTF-8 with LF line ends. */
static void normalise(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	buf_reserve(out, len);
	while (len > 0) {
		size_t n = plain_length(text, len);

		n = n > 0 ? n : mime_character(text, len);
		if (n == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else if (*text != '\r')
			buf_add(out, text, n);
		else if (len == 1 || text[1] != '\n')
			buf_addc(out, '\n');
		n = n > 0 ? n : 1;
		text += n;
		len -= n;
	}
}

/* Must the byte at text[i] be written as =XX? A blank at a line's end would be lost, and
 * "From " at its beginning gets a > from old mailers. */
static bool qp_escaped(const char *text, size_t i, size_t len)
{
	unsigned char c = (unsigned char)text[i];

	if (c == ' ' || c == '\t')
		return i + 1 == len || text[i + 1] == '\n';
	if (c == 'F' && (i == 0 || text[i - 1] == '\n'))
		return len - i >= 5 && memcmp(text + i, "From ", 5) == 0;
	return c < 0x20 || c >= 0x7f || c == '=';
}

static void add_qp_bytes(struct buf *out, const char *text, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		const char escaped[] = {'=', digits[c >> 4], digits[c & 15]};

		buf_add(out, escaped, sizeof(escaped));
	}
}

/* A character is kept on one line: some readers decode line by line. */
static void add_qp(struct buf *out, const char *text, size_t len)
{
	size_t column = 0, n, width;

	buf_reserve(out, len + len / 8);
	for (size_t i = 0; i < len; i += n) {
		bool escaped = qp_escaped(text, i, len);

		n = mime_character(text + i, len - i);
		n = n > 0 ? n : 1;
		if (text[i] == '\n') {
			buf_adds(out, "\r\n");
			column = 0;
			continue;
		}
		width = escaped ? 3 * n : 1;
		if (column + width > QP_LINE) {
			buf_adds(out, "=\r\n");
			column = 0;
		}
		if (escaped)
			add_qp_bytes(out, text + i, n);
		else
			buf_addc(out, text[i]);
		column += width;
	}
	if (column > 0)
		buf_adds(out, "\r\n");
}

static bool base64_shorter(const char *text, size_t len)
{
	size_t escaped = 0;

	for (size_t i = 0; i < len; i++)
		escaped += qp_escaped(text, i, len);
	return escaped * 6 > len; /* 1 + 2 e > 4/3 */
}

/* base64 is of the text with CRLF: what a reader of the part gets. */
static void add_text_base64(struct buf *out, const char *text, size_t len)
{
	struct buf canonical = BUF_INIT;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			buf_addc(&canonical, '\r');
		buf_addc(&canonical, text[i]);
	}
	if (!buf_ok(&canonical))
		out->failed = true;
	add_base64(out, buf_str(&canonical), canonical.len);
	buf_finish(&canonical);
}

static void write_text(struct writer *w, const char *type, const char *text)
{
	struct buf clean = BUF_INIT;
	bool base64;

	normalise(&clean, text);
	if (!buf_ok(&clean))
		w->out->failed = true;
	base64 = base64_shorter(buf_str(&clean), clean.len);
	buf_addf(w->out,
		"Content-Type: %s; charset=utf-8\r\n"
		"Content-Transfer-Encoding: %s\r\n\r\n",
		type, base64 ? "base64" : "quoted-printable");
	if (base64)
		add_text_base64(w->out, buf_str(&clean), clean.len);
	else
		add_qp(w->out, buf_str(&clean), clean.len);
	buf_finish(&clean);
}

/* A file name is one name: no folders, whatever separates them. */
static void write_file_name(struct buf *out, const char *name)
{
	struct buf clean = BUF_INIT;

	mime_clean(&clean, name);
	for (size_t i = 0; i < clean.len; i++) {
		if (strchr("/\\:", clean.data[i]))
			clean.data[i] = '_';
	}
	if (!buf_ok(&clean))
		out->failed = true;
	mime_parameter(out, "filename", buf_str(&clean));
	buf_finish(&clean);
}

static void write_part(struct writer *w, const struct mime_part *part)
{
	buf_addf(w->out,
		"Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
		"Content-Disposition: %s",
		part->type, part->content_id ? "inline" : "attachment");
	if (part->name)
		write_file_name(w->out, part->name);
	if (part->content_id)
		buf_addf(w->out, "\r\nContent-ID: <%s>", part->content_id);
	buf_adds(w->out, "\r\n\r\n");
	add_base64(w->out, part->bytes, part->len);
}

/* ---- levels ---- */

/* "=_" can stand in neither base64 nor quoted-printable. */
static void open_level(struct writer *w, enum level level)
{
	buf_addf(w->out, "Content-Type: %s;\r\n boundary=\"=_%d_%s\"\r\n\r\n",
		level_types[level], (int)level, w->id);
}

static void next_part(struct writer *w, enum level level)
{
	buf_addf(w->out, "--=_%d_%s\r\n", (int)level, w->id);
}

static void close_level(struct writer *w, enum level level)
{
	buf_addf(w->out, "--=_%d_%s--\r\n", (int)level, w->id);
}

/* Without html there is nothing a part could be shown inside of. */
static bool is_inline(const struct mime_mail *mail, const struct mime_part *part)
{
	return mail->html && part->content_id;
}

static size_t count_parts(const struct mime_mail *mail, bool inlined)
{
	size_t count = 0;

	for (size_t i = 0; i < mail->part_count; i++)
		count += is_inline(mail, &mail->parts[i]) == inlined;
	return count;
}

static void write_parts(struct writer *w, enum level level, bool inlined)
{
	for (size_t i = 0; i < w->mail->part_count; i++) {
		if (is_inline(w->mail, &w->mail->parts[i]) != inlined)
			continue;
		next_part(w, level);
		write_part(w, &w->mail->parts[i]);
	}
}

static void write_html(struct writer *w)
{
	bool related = count_parts(w->mail, true) > 0;

	if (related) {
		open_level(w, LEVEL_RELATED);
		next_part(w, LEVEL_RELATED);
	}
	write_text(w, "text/html", w->mail->html);
	if (related) {
		write_parts(w, LEVEL_RELATED, true);
		close_level(w, LEVEL_RELATED);
	}
}

static void write_alternative(struct writer *w)
{
	if (!w->mail->html) {
		write_text(w, "text/plain", w->mail->text);
		return;
	}
	if (!w->mail->text) {
		write_html(w);
		return;
	}
	open_level(w, LEVEL_ALTERNATIVE);
	next_part(w, LEVEL_ALTERNATIVE);
	write_text(w, "text/plain", w->mail->text);
	next_part(w, LEVEL_ALTERNATIVE);
	write_html(w);
	close_level(w, LEVEL_ALTERNATIVE);
}

static void write_body(struct writer *w)
{
	bool mixed = count_parts(w->mail, false) > 0;

	if (mixed) {
		open_level(w, LEVEL_MIXED);
		next_part(w, LEVEL_MIXED);
	}
	write_alternative(w);
	if (mixed) {
		write_parts(w, LEVEL_MIXED, false);
		close_level(w, LEVEL_MIXED);
	}
}

/* ---- headers ---- */

/* Whatever the locale. */
static void write_date(struct buf *out, int64_t date)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(date / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	buf_addf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		tm.tm_sec);
}

static void write_headers(struct writer *w)
{
	mime_address_header(w->out, "From", w->mail->from);
	mime_address_header(w->out, "To", w->mail->to);
	mime_header(w->out, "Subject", w->mail->subject);
	write_date(w->out, w->mail->date);
	buf_addf(w->out,
		"Message-ID: <%s>\r\nAuto-Submitted: auto-generated\r\n"
		"X-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n",
		w->mail->message_id);
}

/* ---- what cannot stand in a header ---- */

static bool is_id(const char *text, bool one_at)
{
	size_t len = strlen(text), ats = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z');

		ats += c == '@';
		if (!letter && !strchr(".-_+@", c))
			return false;
	}
	return len > 0 && len <= 200 && text[0] != '@' && text[len - 1] != '@' &&
	       (ats == 1 || (!one_at && ats == 0));
}

static bool is_type(const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			return false;
	}
	return strchr(text, '/') && strlen(text) <= 60;
}

static const char *parts_problem(const struct mime_mail *mail)
{
	for (size_t i = 0; i < mail->part_count; i++) {
		const struct mime_part *part = &mail->parts[i];

		if (!part->type || !is_type(part->type))
			return "a part's type is not a media type";
		if (part->content_id && !is_id(part->content_id, false))
			return "a part's content id is not one";
	}
	return NULL;
}

static const char *problem(const struct mime_mail *mail)
{
	if (!mail->text && !mail->html)
		return "there is neither text nor html";
	if (!mail_address_valid(mail->from->address))
		return "the sender's address is not an e-mail address";
	if (!mail_address_valid(mail->to->address))
		return "the recipient's address is not an e-mail address";
	if (!is_id(mail->message_id, true))
		return "the Message-ID is not one";
	return parts_problem(mail);
}

enum err_code mime_build(struct buf *out, const struct mime_mail *mail, struct err *err)
{
	const char *wrong = problem(mail);
	struct buf bytes = BUF_INIT, id = BUF_INIT;
	struct writer w = {.out = &bytes, .mail = mail};
	uint8_t digest[SHA256_SIZE];

	if (wrong)
		return err_set(err, ERR_INVALID, "composing a mail: %s", wrong);
	sha256(mail->message_id, strlen(mail->message_id), digest);
	hex_add(&id, digest, (sizeof(w.id) - 1) / 2);
	memcpy(w.id, buf_str(&id), id.len + 1);
	write_headers(&w);
	write_body(&w);
	if (buf_ok(&bytes) && buf_ok(&id))
		buf_add(out, bytes.data, bytes.len);
	else
		out->failed = true;
	buf_finish(&bytes);
	buf_finish(&id);
	return buf_ok(out) ? ERR_OK
			   : err_set(err, ERR_NOMEM, "composing a mail: out of memory");
}
