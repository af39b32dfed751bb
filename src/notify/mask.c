/* A person, shown so that a colleague knows who is meant and a stranger does not. */
#include "room.h"

#include <string.h>

/* One @ with something around it, nothing that is no part of an address. */
static bool is_address(const char *email)
{
	const char *at = strchr(email, '@');

	if (!at || at == email || !at[1] || strchr(at + 1, '@'))
		return false;
	for (const char *c = email; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f ||
			strchr("<>\"',;:()[]\\&", *c))
			return false;
	return true;
}

void compose_mask_email(struct buf *out, const char *email)
{
	if (!email || !is_address(email))
		return;
	buf_add(out, email, words_width(email));
	buf_adds(out, "***");
	words_line(out, strchr(email, '@'), 254);
}

static void add_initial(struct buf *out, const char *name)
{
	struct buf clean = BUF_INIT;
	const char *text;

	words_line(&clean, name, 200);
	text = buf_str(&clean);
	text += strspn(text, " ");
	if (*text) {
		buf_adds(out, out->len > 0 ? " " : "");
		buf_add(out, text, words_width(text));
		buf_addc(out, '.');
	}
	buf_finish(&clean);
}

void compose_mask_name(struct buf *out, const char *name)
{
	const char *last = strrchr(name, ' ');

	add_initial(out, name);
	if (last)
		add_initial(out, last);
}

void mask_name(struct buf *out, const struct lead *lead)
{
	const char *full = lead->fields[FIELD_FULL_NAME];

	if (lead->fields[FIELD_FIRST_NAME])
		add_initial(out, lead->fields[FIELD_FIRST_NAME]);
	if (lead->fields[FIELD_LAST_NAME])
		add_initial(out, lead->fields[FIELD_LAST_NAME]);
	if (out->len == 0 && full)
		compose_mask_name(out, full);
}
