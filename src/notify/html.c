/*
 * A notification as HTML for mail clients: tables and inline styles only, since that is
 * what all of them understand; nothing is loaded, nothing runs. One column that shrinks
 * to a phone's width; labels stand above their values.
 */
#include "room.h"

#include "leadrelay/text.h"

#include <inttypes.h>
#include <string.h>

#define FONT "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
#define BREAKS "overflow-wrap:anywhere;word-break:break-word;"

static void open_page(struct buf *out, const struct letter *letter)
{
	buf_adds(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n"
		      "<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width, "
		      "initial-scale=1\">\n<title>");
	html_escape(out, letter->subject);
	buf_adds(out, "</title>\n</head>\n"
		      "<body style=\"margin:0;padding:0;background:#f2f4f7;\">\n"
		      "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" "
		      "cellspacing=\"0\" border=\"0\" style=\"background:#f2f4f7;\">\n"
		      "<tr><td align=\"center\" style=\"padding:16px 8px;\">\n"
		      "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" "
		      "cellspacing=\"0\" border=\"0\" style=\"max-width:600px;"
		      "background:#ffffff;border:1px solid #d9dee5;"
		      "border-radius:8px;\">\n"
		      "<tr><td style=\"padding:20px 20px 4px 20px;" FONT
		      "color:#1a2433;\">\n<h1 style=\"margin:0 0 6px 0;font-size:20px;"
		      "line-height:26px;" BREAKS "\">");
	html_escape(out, letter->subject);
	buf_adds(out, "</h1>\n<p style=\"margin:0 0 12px 0;font-size:15px;"
		      "line-height:22px;color:#4a5666;\">");
	html_escape(out, letter->opening);
	buf_adds(out, "</p>\n</td></tr>\n");
}

static void add_row(struct buf *out, const struct row *row)
{
	buf_adds(out, "<tr><td style=\"padding:5px 0;\">"
		      "<div dir=\"auto\" style=\"font-size:12px;line-height:16px;"
		      "color:#5f6b7a;" BREAKS "\">");
	html_escape(out, buf_str(&row->label));
	buf_adds(out, "</div><div dir=\"auto\" style=\"font-size:16px;line-height:22px;"
		      "color:#1a2433;" BREAKS "\">");
	html_escape(out, buf_str(&row->value));
	buf_adds(out, "</div></td></tr>\n");
}

static void add_lead(struct buf *out, const struct lead *lead, enum mail_detail detail)
{
	char id[UUID_TEXT_SIZE];
	struct rows rows;

	rows_of_lead(&rows, lead, detail);
	if (!rows_ok(&rows))
		out->failed = true;
	uuid_text(&lead->id, id);
	buf_adds(out, "<tr><td style=\"padding:8px 20px 12px 20px;"
		      "border-top:1px solid #e6eaf0;" FONT "\">\n");
	if (lead->test)
		buf_adds(out,
			"<div style=\"display:inline-block;margin:4px 0;padding:2px "
			"8px;background:#fff3cd;color:#664d03;border-radius:4px;"
			"font-size:13px;line-height:18px;\">Test lead</div>\n");
	buf_adds(out, "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" "
		      "cellspacing=\"0\" border=\"0\">\n");
	for (size_t i = 0; i < rows.count; i++)
		add_row(out, &rows.items[i]);
	buf_addf(out,
		"</table>\n<div style=\"margin-top:8px;padding:8px 10px;"
		"background:#f2f4f7;border-radius:4px;font-family:Menlo,Consolas,"
		"monospace;font-size:13px;line-height:18px;color:#1a2433;" BREAKS
		"\">leadctl show %s</div>\n</td></tr>\n",
		id);
	rows_finish(&rows);
}

static void close_page(struct buf *out, const struct letter *letter)
{
	if (letter->left_out > 0)
		buf_addf(out,
			"<tr><td style=\"padding:12px 20px;border-top:1px solid "
			"#e6eaf0;" FONT "font-size:15px;line-height:22px;"
			"color:#1a2433;\">And %" PRId64
			" more: leadctl list shows them all.</td></tr>\n",
			letter->left_out);
	buf_adds(out, "<tr><td style=\"padding:12px 20px 16px 20px;border-top:1px solid "
		      "#e6eaf0;" FONT "font-size:12px;line-height:18px;"
		      "color:#5f6b7a;\">Sent by leadrelay, because this address is among "
		      "the contacts of a destination.</td></tr>\n"
		      "</table>\n</td></tr>\n</table>\n</body>\n</html>\n");
}

void letter_html(struct buf *out, const struct letter *letter)
{
	open_page(out, letter);
	for (size_t i = 0; i < letter->count; i++)
		add_lead(out, &letter->leads[i], letter->detail);
	close_page(out, letter);
}
