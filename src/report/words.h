/* words: how figures, times and commands look, alike in text and HTML. */
#ifndef REPORT_WORDS_H
#define REPORT_WORDS_H

#include "leadrelay/report.h"

#include <stdint.h>

#define WORD_SIZE 48
const char *word_count(int64_t count, char out[WORD_SIZE]); /* 12,345 */
/* "0.8 s" "14.0 s" "2h 05m" */
const char *word_seconds(double seconds, char out[WORD_SIZE]);
/* "Sun 22 Nov 2026 07:00", as clocks in zone show it; NULL: UTC */
const char *word_moment(int64_t at, const struct zone *zone, char out[WORD_SIZE]);
/* "07:00": only the time; with the day when the period is longer than two days */
const char *word_tick(const struct report *report, int64_t at, const struct zone *zone,
	char out[WORD_SIZE]);
const char *word_offset(int64_t at, const struct zone *zone, char out[WORD_SIZE]);

/* "daily report", "report" */
void word_title(struct buf *out, const struct report *report);
/* "leadctl list --state dead --destination crm ...": what died in the period for the n-th
 * reason. command: "list" or "replay". */
void word_command(struct buf *out, const char *command, const struct report *report,
	const struct report_destination *destination, int n);
/* "10 accepted = 1 pending + ...", without markup */
void word_accounting(struct buf *out, const struct accounting *sum);

struct sums { /* over all destinations */
	int64_t accepted, delivered, died, pending, held, dead;
	int64_t leads; /* of the sources */
};
struct sums sums_of(const struct report *report);

/* Instants the bars begin at: the i-th of REPORT_BARS. */
int64_t bar_start(const struct report *report, int i);

void render_text(struct buf *out, const struct report *report, const struct zone *zone);
void render_html(struct buf *out, const struct report *report, const struct zone *zone);
void render_csv(struct buf *out, const struct report *report);
void render_json(struct buf *out, const struct report *report);

#endif
