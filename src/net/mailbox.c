#include "leadrelay/mailbox.h"

#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOCAL_MAX 64
#define ADDRESS_MAX 254
#define LABEL_MAX 63

/* Locale-free. */
static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_atext(char c)
{
	return is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Atoms with single dots between them. */
static bool local_valid(const char *text, size_t len)
{
	if (len == 0 || len > LOCAL_MAX || text[0] == '.' || text[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' ? text[i + 1] == '.' : !is_atext(text[i]))
			return false;
	}
	return true;
}

static bool label_valid(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(label[i]) && label[i] != '-')
			return false;
	}
	return true;
}

static bool domain_valid(const char *text)
{
	int labels = 0;

	for (;;) {
		size_t len = strcspn(text, ".");

		if (!label_valid(text, len))
			return false;
		labels++;
		if (!text[len])
			return labels >= 2;
		text += len + 1;
	}
}

bool mail_address_valid(const char *text)
{
	const char *at = strchr(text, '@');

	return at && strlen(text) <= ADDRESS_MAX &&
	       local_valid(text, (size_t)(at - text)) && domain_valid(at + 1);
}

bool mail_address_equal(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

/* ---- one mailbox ---- */

static enum err_code wrong(
	struct err *err, const char *text, size_t len, const char *what)
{
	struct buf shown = BUF_INIT;

	text_escape(&shown, text, len < 80 ? len : 80);
	err_set(err, ERR_INVALID, "\"%s%s\" %s", buf_str(&shown), len < 80 ? "" : "...",
		what);
	buf_finish(&shown);
	return ERR_INVALID;
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*text)[*len - 1]))
		(*len)--;
}

/* No control characters, C1 and the Unicode line ends included: a name goes to a header.
 */
static bool name_clean(const char *text, size_t len)
{
	if (!utf8_valid(text, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char after = i + 1 < len ? (unsigned char)text[i + 1] : 0;

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && after < 0xa0))
			return false;
		if (c == 0xe2 && after == 0x80 && i + 2 < len &&
			((unsigned char)text[i + 2] & 0xfe) == 0xa8)
			return false;
	}
	return true;
}

/* "Relay, \"Lead\"" with its quotes; false when they do not fit together. */
static bool unquote(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 1; i + 1 < len; i++) {
		if (text[i] == '"')
			return false;
		if (text[i] == '\\' && (++i + 1 >= len || !strchr("\"\\", text[i])))
			return false;
		buf_addc(out, text[i]);
	}
	return len >= 2 && text[len - 1] == '"';
}

static enum err_code read_name(char **out, const char *text, size_t len, struct err *err)
{
	struct buf name = BUF_INIT;

	if (!name_clean(text, len))
		return wrong(err, text, len,
			"is not a name: control characters or invalid UTF-8");
	if (text[0] == '"' && !unquote(&name, text, len)) {
		buf_finish(&name);
		return wrong(err, text, len,
			"is not a name: its quotes or backslashes are wrong");
	}
	if (text[0] != '"') {
		for (size_t i = 0; i < len; i++) {
			if (strchr("()<>[]:;@\\,\"", text[i])) {
				buf_finish(&name);
				return wrong(err, text, len,
					"is not a name: put it in \"quotes\"");
			}
		}
		buf_add(&name, text, len);
	}
	if (buf_ok(&name) && text_blank(buf_str(&name))) { /* "" <a@b.c> */
		buf_finish(&name);
		*out = NULL;
		return ERR_OK;
	}
	*out = buf_take(&name);
	return *out ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

/* Where "<address>" at the end of text begins; len when it is not there. */
static size_t angle(const char *text, size_t len)
{
	const char *open =
		len > 0 && text[len - 1] == '>' ? memrchr(text, '<', len) : NULL;

	return open ? (size_t)(open - text) : len;
}

static enum err_code parse(
	struct mailbox *out, const char *text, size_t len, struct err *err)
{
	struct mailbox mailbox = {0};
	const char *whole, *address;
	size_t whole_len, address_len, name_len;
	enum err_code code = ERR_OK;

	trim(&text, &len);
	whole = address = text;
	whole_len = address_len = len;
	name_len = angle(text, len);
	if (name_len < len) {
		address = text + name_len + 1;
		address_len = len - name_len - 2;
		trim(&text, &name_len);
		if (name_len > 0)
			code = read_name(&mailbox.name, text, name_len, err);
	}
	if (code != ERR_OK)
		return code;
	mailbox.address = strndup(address, address_len);
	if (!mailbox.address) {
		code = err_set(err, ERR_NOMEM, "out of memory");
	} else if (strlen(mailbox.address) != address_len ||
		   !mail_address_valid(mailbox.address)) {
		code = wrong(err, whole, whole_len,
			"is not an e-mail address; allowed: name@example.com or "
			"Name <name@example.com>, the address in ASCII");
	}
	if (code == ERR_OK)
		*out = mailbox;
	else
		mailbox_finish(&mailbox);
	return code;
}

enum err_code mailbox_parse(struct mailbox *out, const char *text, struct err *err)
{
	return parse(out, text, strlen(text), err);
}

void mailbox_finish(struct mailbox *mailbox)
{
	free(mailbox->name);
	free(mailbox->address);
	*mailbox = (struct mailbox){0};
}

/* ---- lists ---- */

/* Bytes up to the next semicolon outside quotes, or to the end. */
static size_t entry_length(const char *text)
{
	bool quoted = false;
	size_t i = 0;

	for (; text[i] && (quoted || text[i] != ';'); i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (quoted && text[i] == '\\' && text[i + 1])
			i++;
	}
	return i;
}

static bool listed(const struct mailbox_list *list, const char *address)
{
	for (size_t i = 0; i < list->count; i++) {
		if (mail_address_equal(list->items[i].address, address))
			return true;
	}
	return false;
}

/* Takes mailbox. */
static enum err_code add(
	struct mailbox_list *list, struct mailbox *mailbox, struct err *err)
{
	struct mailbox *items;

	if (listed(list, mailbox->address)) {
		mailbox_finish(mailbox);
		return ERR_OK;
	}
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (!items) {
		mailbox_finish(mailbox);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	items[list->count++] = *mailbox;
	list->items = items;
	return ERR_OK;
}

enum err_code mailbox_list_parse(
	struct mailbox_list *out, const char *text, struct err *err)
{
	struct mailbox_list list = {0};
	struct mailbox mailbox;
	enum err_code code;

	for (;;) {
		size_t len = entry_length(text);

		if (!text[len] && list.count > 0 && strspn(text, " \t") == len)
			break; /* the semicolon after the last one */
		code = parse(&mailbox, text, len, err);
		if (code == ERR_OK)
			code = add(&list, &mailbox, err);
		if (code != ERR_OK) {
			mailbox_list_finish(&list);
			return code;
		}
		if (!text[len])
			break;
		text += len + 1;
	}
	*out = list;
	return ERR_OK;
}

void mailbox_list_finish(struct mailbox_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		mailbox_finish(&list->items[i]);
	free(list->items);
	*list = (struct mailbox_list){0};
}
