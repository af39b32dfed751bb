#include "words.h"

#include "leadrelay/clock.h"
#include "leadrelay/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *word_count(int64_t count, char out[WORD_SIZE])
{
	char digits[WORD_SIZE];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, count);
	char *to = out;

	for (int i = 0; i < len; i++) {
		*to++ = digits[i];
		if (digits[i] != '-' && (len - i) % 3 == 1 && i < len - 1)
			*to++ = ',';
	}
	*to = '\0';
	return out;
}

const char *word_seconds(double seconds, char out[WORD_SIZE])
{
	if (seconds < 10)
		snprintf(out, WORD_SIZE, "%.2f s", seconds);
	else if (seconds < 120)
		snprintf(out, WORD_SIZE, "%.1f s", seconds);
	else
		duration_human((int64_t)(seconds * 1000), out);
	return out;
}

static struct tm local_tm(int64_t at, const struct zone *zone)
{
	time_t seconds = (time_t)((zone ? zone_local(zone, at) : at) / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return tm;
}

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
	"Aug", "Sep", "Oct", "Nov", "Dec"};

const char *word_moment(int64_t at, const struct zone *zone, char out[WORD_SIZE])
{
	struct tm tm = local_tm(at, zone);

	snprintf(out, WORD_SIZE, "%s %d %s %d %02d:%02d", days[tm.tm_wday], tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min);
	return out;
}

const char *word_tick(const struct report *report, int64_t at, const struct zone *zone,
	char out[WORD_SIZE])
{
	struct tm tm = local_tm(at, zone);

	if (report->until - report->since > 2 * 24 * 3600 * 1000LL)
		snprintf(out, WORD_SIZE, "%s %d %s", days[tm.tm_wday], tm.tm_mday,
			months[tm.tm_mon]);
	else
		snprintf(out, WORD_SIZE, "%02d:%02d", tm.tm_hour, tm.tm_min);
	return out;
}

const char *word_offset(int64_t at, const struct zone *zone, char out[WORD_SIZE])
{
	int64_t minutes = zone ? (zone_local(zone, at) - at) / 60000 : 0;
	int64_t size = minutes < 0 ? -minutes : minutes;

	if (!minutes)
		snprintf(out, WORD_SIZE, "UTC");
	else
		snprintf(out, WORD_SIZE, "UTC%c%02d:%02d", minutes < 0 ? '-' : '+',
			(int)(size / 60), (int)(size % 60));
	return out;
}

void word_title(struct buf *out, const struct report *report)
{
	buf_addf(out, "%s%sreport", report->name, *report->name ? " " : "");
}

void word_command(struct buf *out, const char *command, const struct report *report,
	const struct report_destination *destination, int n)
{
	enum reason reason = destination->dead_by_reason[n].reason;
	char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];

	buf_addf(out, "leadctl %s --destination %s --state dead", command,
		destination->name);
	if (*reason_name(reason))
		buf_addf(out, " --reason %s", reason_name(reason));
	buf_addf(out, " --since %s --until %s",
		time_text(destination->dead_by_reason[n].first_at, since),
		time_text(report->until, until));
}

void word_accounting(struct buf *out, const struct accounting *sum)
{
	const struct {
		const char *name;
		int64_t count;
	} parts[] = {{"pending", sum->pending}, {"held", sum->held},
		{"delivered", sum->delivered}, {"dead", sum->dead},
		{"discarded", sum->discarded}};
	char text[WORD_SIZE];

	buf_addf(out, "%s accepted =", word_count(sum->accepted, text));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		buf_addf(out, "%s %s %s", i ? " +" : "", word_count(parts[i].count, text),
			parts[i].name);
	if (sum->difference)
		buf_addf(out, "; %s NOT accounted for: leadctl check",
			word_count(sum->difference, text));
	else
		buf_adds(out, "; nothing is missing");
}

struct sums sums_of(const struct report *report)
{
	struct sums sums = {0};

	for (size_t i = 0; i < report->destination_count; i++) {
		const struct report_destination *one = &report->destinations[i];

		sums.accepted += one->accepted;
		sums.delivered += one->delivered;
		sums.died += one->died;
		sums.pending += one->pending;
		sums.held += one->held;
		sums.dead += one->dead;
	}
	for (size_t i = 0; i < report->source_count; i++)
		sums.leads += report->sources[i].accepted;
	return sums;
}

int64_t bar_start(const struct report *report, int i)
{
	return report->since + (report->until - report->since) * i / REPORT_BARS;
}

void report_subject(struct buf *out, const struct report *report)
{
	struct sums sums = sums_of(report);
	char accepted[WORD_SIZE], delivered[WORD_SIZE], died[WORD_SIZE];

	buf_addf(out, "leadrelay %s: %s accepted, %s delivered, %s dead",
		*report->name ? report->name : "report",
		word_count(sums.accepted, accepted),
		word_count(sums.delivered, delivered), word_count(sums.died, died));
}

/* ---- formats ---- */

static const struct {
	const char *name, *extension;
} formats[REPORT_FORMATS] = {[REPORT_TEXT] = {"text", "txt"},
	[REPORT_HTML] = {"html", "html"},
	[REPORT_CSV] = {"csv", "csv"},
	[REPORT_JSON] = {"json", "json"}};

const char *report_format_name(enum report_format format)
{
	return formats[format].name;
}

const char *report_format_extension(enum report_format format)
{
	return formats[format].extension;
}

int report_format_find(const char *name)
{
	for (int i = 0; i < REPORT_FORMATS; i++)
		if (strcmp(formats[i].name, name) == 0)
			return i;
	return -1;
}

void report_render(struct buf *out, const struct report *report,
	enum report_format format, const struct zone *zone)
{
	switch (format) {
	case REPORT_TEXT:
		render_text(out, report, zone);
		return;
	case REPORT_HTML:
		render_html(out, report, zone);
		return;
	case REPORT_CSV:
		render_csv(out, report);
		return;
	case REPORT_JSON:
		render_json(out, report);
		return;
	case REPORT_FORMATS:
		return;
	}
}
