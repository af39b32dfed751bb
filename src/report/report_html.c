/*
 * The report as one HTML page that mail clients show, too: tables and inline styles, bars
 * made of cells, no script, nothing from elsewhere. One column, so that it reads the same
 * on a phone; nothing in it is wider than a narrow screen.
 */
#include "words.h"

#include "leadrelay/clock.h"
#include "leadrelay/text.h"

#include <string.h>

#define BAR_HEIGHT 72 /* pixels, of the tallest */
#define CHARTS_MAX 6  /* destinations with a picture of their own */
#define TICKS 4       /* times under a picture; divides REPORT_BARS */

#define FONT "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
#define TABLE \
	"<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" " \
	"cellspacing=\"0\" border=\"0\" style=\"border-collapse:collapse;"
#define BLUE "#3b6fb6"
#define GREEN "#2e8b57"
#define RED "#b42318"
#define MUTED "#4b5563"

/* ---- the page ---- */

static void add_head(
	struct buf *out, const struct report *report, const struct zone *zone)
{
	char from[WORD_SIZE], to[WORD_SIZE], offset[WORD_SIZE];
	struct buf title = BUF_INIT;

	word_title(&title, report);
	buf_adds(out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, "
		"initial-scale=1\">\n<title>leadrelay ");
	html_escape(out, buf_str(&title));
	buf_adds(out, "</title></head>\n<body style=\"margin:0;padding:0;"
		      "background:#f1f3f5;color:#1f2937;" FONT ";"
		      "-webkit-text-size-adjust:100%\">\n" TABLE
		      "background:#f1f3f5\"><tr><td align=\"center\" "
		      "style=\"padding:16px 8px\">\n" TABLE "max-width:640px;"
		      "background:#ffffff;border:1px solid #d9dee3\"><tr>"
		      "<td align=\"left\" style=\"padding:20px 16px;"
		      "overflow-wrap:anywhere;word-break:break-word\">\n"
		      "<h1 style=\"margin:0;font-size:22px\">leadrelay ");
	html_escape(out, buf_str(&title));
	buf_addf(out,
		"</h1>\n<p style=\"margin:4px 0 16px;font-size:14px;color:" MUTED
		"\">%s to %s (%s)</p>\n",
		word_moment(report->since, zone, from),
		word_moment(report->until, zone, to),
		word_offset(report->until, zone, offset));
	buf_finish(&title);
}

static void add_tile(
	struct buf *out, int64_t count, const char *label, const char *colour)
{
	char text[WORD_SIZE];

	buf_addf(out,
		"<td width=\"50%%\" style=\"padding:10px 12px;border:1px solid "
		"#d9dee3\"><div style=\"font-size:24px;font-weight:bold;color:%s\">%s"
		"</div><div style=\"font-size:13px;color:" MUTED "\">%s</div></td>",
		count ? colour : "#1f2937", word_count(count, text), label);
}

static void add_tiles(struct buf *out, const struct report *report)
{
	struct sums sums = sums_of(report);

	buf_adds(out, TABLE "table-layout:fixed\"><tr>");
	add_tile(out, sums.leads, "leads came in", BLUE);
	add_tile(out, sums.delivered, "deliveries made", GREEN);
	buf_adds(out, "</tr><tr>");
	add_tile(out, sums.pending, "waiting at the end", "#1f2937");
	add_tile(out, sums.died, "became dead", RED);
	buf_adds(out, "</tr></table>\n");
}

/* ---- the picture ---- */

struct chart {
	int64_t accepted[REPORT_BARS], delivered[REPORT_BARS];
	int64_t most;
};

static void chart_add(struct chart *chart, const struct report_destination *one)
{
	for (int i = 0; i < REPORT_BARS; i++) {
		chart->accepted[i] += one->bars_accepted[i];
		chart->delivered[i] += one->bars_delivered[i];
		if (chart->accepted[i] > chart->most)
			chart->most = chart->accepted[i];
		if (chart->delivered[i] > chart->most)
			chart->most = chart->delivered[i];
	}
}

/* The height is the line's, too: what ignores the one keeps to the other. */
static void add_bar(
	struct buf *out, int64_t count, int64_t most, const char *colour, const char *up)
{
	int height = (int)(count * BAR_HEIGHT / (most ? most : 1));

	buf_addf(out, "<td valign=\"%s\" style=\"padding:0 1px;vertical-align:%s\">", up,
		up);
	if (count)
		buf_addf(out,
			"<div style=\"height:%dpx;line-height:%dpx;font-size:1px;"
			"mso-line-height-rule:exactly;background:%s\">&nbsp;</div>",
			height > 1 ? height : 2, height > 1 ? height : 2, colour);
	buf_adds(out, "</td>");
}

static void add_bars(struct buf *out, const int64_t *counts, int64_t most,
	const char *colour, const char *up)
{
	buf_addf(out, "<tr style=\"height:%dpx\">", BAR_HEIGHT);
	for (int i = 0; i < REPORT_BARS; i++)
		add_bar(out, counts[i], most, colour, up);
	buf_adds(out, "</tr>\n");
}

static void add_ticks(
	struct buf *out, const struct report *report, const struct zone *zone)
{
	char text[WORD_SIZE];

	buf_adds(out, "<tr>");
	for (int i = 0; i < REPORT_BARS; i += REPORT_BARS / TICKS)
		buf_addf(out,
			"<td colspan=\"%d\" align=\"left\" style=\"padding:3px 0 0 3px;"
			"border-left:1px solid #9aa4b0;font-size:12px;color:" MUTED
			"\">%s</td>",
			REPORT_BARS / TICKS,
			word_tick(report, bar_start(report, i), zone, text));
	buf_adds(out, "</tr>");
}

static void add_chart(struct buf *out, const struct report *report,
	const struct chart *chart, const struct zone *zone)
{
	char text[WORD_SIZE];

	if (!chart->most) {
		buf_adds(out, "<p style=\"margin:8px 0;font-size:14px;color:" MUTED
			      "\">Nothing was accepted or delivered.</p>\n");
		return;
	}
	buf_addf(out,
		"<p style=\"margin:12px 0 6px;font-size:13px;color:" MUTED
		"\"><span style=\"color:" BLUE
		"\">&#9632;</span> accepted, upwards &nbsp; <span style=\"color:" GREEN
		"\">&#9632;</span> delivered, downwards &nbsp; the longest bar is "
		"%s</p>\n",
		word_count(chart->most, text));
	buf_adds(out, TABLE "table-layout:fixed\">\n");
	add_bars(out, chart->accepted, chart->most, BLUE, "bottom");
	buf_addf(out,
		"<tr><td colspan=\"%d\" style=\"height:1px;line-height:1px;font-size:1px;"
		"background:#9aa4b0\">&nbsp;</td></tr>\n",
		REPORT_BARS);
	add_bars(out, chart->delivered, chart->most, GREEN, "top");
	add_ticks(out, report, zone);
	buf_adds(out, "</table>\n<div style=\"height:10px;line-height:10px;"
		      "font-size:1px\">&nbsp;</div>\n");
}

/* ---- figures ---- */

static void add_heading(struct buf *out, const char *what, const char *name)
{
	buf_addf(out, "<h2 style=\"margin:24px 0 6px;font-size:17px\">%s%s", what,
		*name ? " " : "");
	html_escape(out, name);
	buf_adds(out, "</h2>\n");
}

static void add_value(
	struct buf *out, const char *label, const char *value, const char *colour)
{
	buf_addf(out,
		"<tr><td style=\"padding:4px 8px 4px 0;border-bottom:1px solid #e5e8eb;"
		"font-size:14px;color:" MUTED "\">%s</td><td align=\"right\" "
		"style=\"padding:4px 0;border-bottom:1px solid #e5e8eb;font-size:14px;"
		"color:%s\">%s</td></tr>\n",
		label, colour ? colour : "#1f2937", value);
}

static void add_figure(struct buf *out, const char *label, int64_t count)
{
	char text[WORD_SIZE];

	add_value(out, label, word_count(count, text), NULL);
}

static void add_bad(struct buf *out, const char *label, int64_t count)
{
	char text[WORD_SIZE];

	add_value(out, label, word_count(count, text), count ? RED : NULL);
}

static void add_times(struct buf *out, const struct report_destination *one)
{
	char text[WORD_SIZE];

	if (!one->delivered)
		return;
	add_value(out, "half delivered within", word_seconds(one->p50_s, text), NULL);
	add_value(out, "95 % delivered within", word_seconds(one->p95_s, text), NULL);
	add_value(out, "the slowest took", word_seconds(one->max_s, text), NULL);
}

static void add_now(struct buf *out, const struct report_destination *one)
{
	char oldest[DURATION_TEXT_SIZE];

	add_figure(out, "waiting at the end", one->pending);
	if (one->pending)
		add_value(out, "the oldest of them for",
			duration_human(one->oldest_pending_s * 1000, oldest), NULL);
	add_figure(out, "held at the end", one->held);
	add_bad(out, "dead at the end", one->dead);
	add_figure(out, "discarded, all in all", one->discarded);
}

static void add_command(struct buf *out, const char *command, const struct report *report,
	const struct report_destination *one, int n)
{
	struct buf line = BUF_INIT;

	word_command(&line, command, report, one, n);
	buf_adds(out, "<p style=\"margin:4px 0;padding:6px 8px;background:#f1f3f5;"
		      "font-family:Consolas,Menlo,monospace;font-size:12px\">");
	html_escape(out, buf_str(&line));
	buf_adds(out, "</p>\n");
	buf_finish(&line);
}

static void add_dead(struct buf *out, const struct report *report,
	const struct report_destination *one)
{
	for (int i = 0; i < one->dead_reason_count; i++) {
		const char *reason = reason_name(one->dead_by_reason[i].reason);
		char text[WORD_SIZE];

		buf_addf(out,
			"<p style=\"margin:12px 0 4px;font-size:14px\"><b style=\"color:" RED
			"\">%s died: %s</b>; these commands show them and send them "
			"again:</p>\n",
			word_count(one->dead_by_reason[i].count, text),
			*reason ? reason : "without a reason");
		add_command(out, "list", report, one, i);
		add_command(out, "replay", report, one, i);
	}
}

static void add_destination(struct buf *out, const struct report *report,
	const struct report_destination *one, bool picture, const struct zone *zone)
{
	struct chart chart = {.most = 0};

	add_heading(out, "Destination", one->name);
	chart_add(&chart, one);
	if (picture && chart.most)
		add_chart(out, report, &chart, zone);
	buf_adds(out, TABLE "\">\n");
	add_figure(out, "accepted", one->accepted);
	add_figure(out, "delivered", one->delivered);
	add_bad(out, "became dead", one->died);
	add_figure(out, "attempts", one->attempts);
	add_figure(out, "of them retries", one->retries);
	add_times(out, one);
	add_now(out, one);
	buf_adds(out, "</table>\n");
	add_dead(out, report, one);
}

static void add_source(struct buf *out, const struct report_source *one)
{
	add_heading(out, "Source", one->name);
	buf_adds(out, TABLE "\">\n");
	add_figure(out, "leads accepted", one->accepted);
	add_figure(out, "of them test leads", one->test);
	add_figure(out, "duplicates recognised", one->duplicates);
	add_bad(out, "quarantined", one->quarantined);
	add_figure(out, "requests rejected since the first start", one->rejected);
	buf_adds(out, "</table>\n");
}

static void add_rest(struct buf *out, const struct report *report)
{
	struct buf line = BUF_INIT;

	add_heading(out, "Notifications", "");
	buf_adds(out, TABLE "\">\n");
	add_figure(out, "sent", report->notifications_sent);
	add_bad(out, "failed", report->notifications_dead);
	buf_adds(out, "</table>\n");
	add_heading(out, "All deliveries since the first start", "");
	word_accounting(&line, &report->accounting);
	buf_addf(out, "<p style=\"margin:0;font-size:14px%s\">",
		report->accounting.difference ? ";color:" RED : "");
	html_escape(out, buf_str(&line));
	buf_adds(out, "</p>\n");
	buf_finish(&line);
}

void render_html(struct buf *out, const struct report *report, const struct zone *zone)
{
	struct chart all = {.most = 0};
	size_t count = report->destination_count;
	bool pictures = count > 1 && count <= CHARTS_MAX;

	for (size_t i = 0; i < count; i++)
		chart_add(&all, &report->destinations[i]);
	add_head(out, report, zone);
	add_tiles(out, report);
	add_heading(out, "The period", "");
	add_chart(out, report, &all, zone);
	for (size_t i = 0; i < count; i++)
		add_destination(out, report, &report->destinations[i], pictures, zone);
	for (size_t i = 0; i < report->source_count; i++)
		add_source(out, &report->sources[i]);
	add_rest(out, report);
	buf_adds(out, "</td></tr></table>\n</td></tr></table>\n</body></html>\n");
}
