/* An alert as a mail: what happened, why, what follows, what to do. */
#include "alerts.h"

#include "leadrelay/clock.h"
#include "leadrelay/text.h"

#include <inttypes.h>
#include <stdio.h>

const char *leads_waiting(int64_t count, char out[96])
{
	if (count == 0)
		snprintf(out, 96, "no lead is waiting");
	else if (count == 1)
		snprintf(out, 96, "1 lead is waiting, none is lost");
	else
		snprintf(out, 96, "%" PRId64 " leads are waiting, none is lost", count);
	return out;
}

static void add_text(struct buf *out, const char *label, const char *text)
{
	if (*text)
		buf_addf(out, "%-13s%s\n", label, text);
}

static void add_row(struct buf *out, const char *label, const char *text, bool command)
{
	if (!*text)
		return;
	buf_addf(out,
		"<tr><td style=\"padding:6px 14px 6px 0;color:#57606a;"
		"vertical-align:top;white-space:nowrap\">%s</td>"
		"<td style=\"padding:6px 0;vertical-align:top;"
		"word-break:break-word%s\">",
		label, command ? ";font-family:monospace" : "");
	html_escape(out, text);
	buf_adds(out, "</td></tr>\n");
}

static const struct {
	const char *label;
	size_t offset;
} parts[] = {
	{"Cause", offsetof(struct alert_words, cause)},
	{"Consequence", offsetof(struct alert_words, consequence)},
	{"What to do", offsetof(struct alert_words, remedy)},
	{"Command", offsetof(struct alert_words, command)},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void compose_html(struct buf *out, const struct alert_words *words,
	const char *host, const char *time)
{
	buf_adds(out, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
		      "<meta name=\"viewport\" content=\"width=device-width\"><title>");
	html_escape(out, words->title);
	buf_adds(out, "</title></head><body style=\"margin:0;padding:20px;"
		      "font:16px/1.45 -apple-system,'Segoe UI',Roboto,Arial,sans-serif;"
		      "color:#1f2328;background:#ffffff\">"
		      "<div style=\"max-width:640px;margin:0 auto\">\n"
		      "<h1 style=\"font-size:20px;line-height:1.3;margin:0 0 10px\">");
	html_escape(out, words->title);
	buf_adds(out, "</h1>\n<p style=\"margin:0 0 12px\">");
	html_escape(out, words->what);
	buf_adds(out,
		"</p>\n<table role=\"presentation\" style=\"border-collapse:collapse;"
		"font-size:15px;width:100%\">\n");
	for (size_t i = 0; i < PARTS; i++)
		add_row(out, parts[i].label, (const char *)words + parts[i].offset,
			parts[i].offset == offsetof(struct alert_words, command));
	buf_adds(out, "</table>\n<p style=\"margin:18px 0 0;font-size:13px;"
		      "color:#57606a\">leadrelay on ");
	html_escape(out, host);
	buf_addf(out, ", %s</p>\n</div></body></html>\n", time);
}

void alert_compose(struct alert_mail *out, const struct alert_words *words,
	const char *host, int64_t now)
{
	char time[TIME_TEXT_SIZE];

	*out = (struct alert_mail){0};
	time_text(now, time);
	buf_addf(&out->subject, "[leadrelay %s] %s", host, words->title);
	buf_addf(&out->text, "%s\n\n", words->what);
	for (size_t i = 0; i < PARTS; i++)
		add_text(&out->text, parts[i].label,
			(const char *)words + parts[i].offset);
	buf_addf(&out->text, "\nleadrelay on %s, %s\n", host, time);
	compose_html(&out->html, words, host, time);
}

void alert_mail_finish(struct alert_mail *mail)
{
	buf_finish(&mail->subject);
	buf_finish(&mail->text);
	buf_finish(&mail->html);
}
