/* A report as a mail: its words in the mail, tables for programs attached. */
#include "leadrelay/report.h"

#include "leadrelay/clock.h"
#include "leadrelay/zone.h"

static void attach(struct report_mail *mail, const struct report *report,
	enum report_format format, const struct zone *zone)
{
	static char csv[] = "text/csv; charset=utf-8", json[] = "application/json";
	struct mail_attachment *attachment = &mail->attachments[mail->attachment_count++];
	struct buf *bytes = &mail->bytes[format], *name = &mail->names[format];
	int64_t local = zone ? zone_local(zone, report->until) : report->until;
	char day[TIME_TEXT_SIZE];

	report_render(bytes, report, format, zone);
	buf_addf(name, "leadrelay-%s-%.10s.%s", *report->name ? report->name : "report",
		time_text(local, day), report_format_extension(format));
	*attachment = (struct mail_attachment){.type = format == REPORT_CSV ? csv : json,
		.name = name->data,
		.bytes = bytes->data,
		.len = bytes->len};
	mail->subject.failed |= bytes->failed || name->failed;
}

enum err_code report_mail_make(struct report_mail *out, const struct report *report,
	unsigned formats, const struct zone *zone, struct err *err)
{
	*out = (struct report_mail){0};
	report_subject(&out->subject, report);
	report_render(&out->text, report, REPORT_TEXT, zone);
	if (formats & 1u << REPORT_HTML)
		report_render(&out->html, report, REPORT_HTML, zone);
	if (formats & 1u << REPORT_CSV)
		attach(out, report, REPORT_CSV, zone);
	if (formats & 1u << REPORT_JSON)
		attach(out, report, REPORT_JSON, zone);
	if (!buf_ok(&out->subject) || !buf_ok(&out->text) || !buf_ok(&out->html))
		return err_set(err, ERR_NOMEM, "writing the report: out of memory");
	return ERR_OK;
}

void report_mail_finish(struct report_mail *mail)
{
	buf_finish(&mail->subject);
	buf_finish(&mail->text);
	buf_finish(&mail->html);
	for (int i = 0; i < REPORT_FORMATS; i++) {
		buf_finish(&mail->bytes[i]);
		buf_finish(&mail->names[i]);
	}
	mail->attachment_count = 0;
}
