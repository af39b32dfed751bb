/*
 * A notification's subject and text, and the order of both parts. What a lead brought is
 * shown in rows (rows.c) that hold no line end of their own; the longer texts are
 * indented, so that none of their lines can pass for one of ours.
 */
#include "room.h"

#include <inttypes.h>
#include <string.h>

#define OFFER_MAX 1200 /* bytes in a subject: 300 characters of any script */
#define INDENT "    "

static const char *offer_of(const struct lead *lead)
{
	const char *title = lead->fields[FIELD_OFFER_TITLE];

	return title ? title : lead->fields[FIELD_OFFER_ID];
}

/* ---- subject ---- */

static void subject_of_one(struct buf *out, const struct lead *lead)
{
	const char *offer = offer_of(lead), *action = lead->fields[FIELD_ACTION_CODE];

	buf_adds(out, lead->test ? "[Test] New lead" : "New lead");
	buf_adds(out, offer ? ": " : " from ");
	words_line(out, offer ? offer : lead->source, OFFER_MAX);
	if (action) {
		buf_adds(out, " (");
		words_line(out, action, 20);
		buf_addc(out, ')');
	}
}

static bool same_offer(const struct lead *leads, size_t count)
{
	const char *first = offer_of(&leads[0]);

	for (size_t i = 0; first && i < count; i++) {
		const char *offer = offer_of(&leads[i]);

		if (!offer || strcmp(offer, first) != 0)
			return false;
	}
	return first != NULL;
}

static size_t count_tests(const struct lead *leads, size_t count)
{
	size_t tests = 0;

	for (size_t i = 0; i < count; i++)
		tests += leads[i].test;
	return tests;
}

static void subject_of_many(
	struct buf *out, const struct lead *leads, size_t count, int64_t left_out)
{
	size_t tests = count_tests(leads, count);

	if (tests == count && left_out == 0)
		buf_adds(out, "[Test] ");
	buf_addf(out, "%" PRId64 " new leads", (int64_t)count + left_out);
	if (tests > 0 && tests < count)
		buf_addf(
			out, " (%zu of them %s)", tests, tests == 1 ? "a test" : "tests");
	if (left_out == 0 && same_offer(leads, count)) {
		buf_adds(out, ": ");
		words_line(out, offer_of(&leads[0]), OFFER_MAX);
	}
}

/* ---- text ---- */

static void add_value(struct buf *out, const struct row *row)
{
	for (const char *c = buf_str(&row->value); *c; c++) {
		buf_addc(out, *c);
		if (*c == '\n')
			buf_adds(out, INDENT);
	}
	buf_addc(out, '\n');
}

static void text_of_lead(
	struct buf *out, const struct lead *lead, enum mail_detail detail)
{
	char id[UUID_TEXT_SIZE];
	struct rows rows;

	rows_of_lead(&rows, lead, detail);
	if (!rows_ok(&rows))
		out->failed = true;
	buf_adds(out, lead->test ? "\nTest lead\n" : "\n");
	for (size_t i = 0; i < rows.count; i++) {
		const struct row *row = &rows.items[i];

		buf_adds(out, buf_str(&row->label));
		buf_adds(out, row->lines ? ":\n" INDENT : ": ");
		add_value(out, row);
	}
	buf_addf(out, "Lead: %s\n\n" INDENT "leadctl show %s\n", uuid_text(&lead->id, id),
		id);
	rows_finish(&rows);
}

static void write_text(struct buf *out, const struct letter *letter)
{
	buf_addf(out, "%s\n", letter->opening);
	for (size_t i = 0; i < letter->count; i++)
		text_of_lead(out, &letter->leads[i], letter->detail);
	if (letter->left_out > 0)
		buf_addf(out, "\nAnd %" PRId64 " more: leadctl list shows them all.\n",
			letter->left_out);
	buf_adds(out, "\n-- \nSent by leadrelay, because this address is among the "
		      "contacts of a destination.\n");
}

/* ---- both ---- */

static const char *opening_of(const struct lead *leads, size_t count)
{
	size_t tests = count_tests(leads, count);

	if (count > 1)
		return tests == count ? "Test leads came in; nobody waits for an answer."
				      : "New leads came in.";
	return tests > 0 ? "A test lead came in; nobody waits for an answer."
			 : "A new lead came in.";
}

void compose_notification(struct composed *out, const struct lead *leads, size_t count,
	int64_t left_out, enum mail_detail detail)
{
	struct letter letter = {.leads = leads,
		.count = count,
		.left_out = left_out,
		.detail = detail,
		.opening = opening_of(leads, count)};

	if (count == 1 && left_out == 0)
		subject_of_one(&out->subject, &leads[0]);
	else if (count > 0)
		subject_of_many(&out->subject, leads, count, left_out);
	else
		buf_adds(&out->subject, "New leads");
	letter.subject = buf_str(&out->subject);
	write_text(&out->text, &letter);
	letter_html(&out->html, &letter);
}

void composed_finish(struct composed *composed)
{
	buf_finish(&composed->subject);
	buf_finish(&composed->text);
	buf_finish(&composed->html);
}
