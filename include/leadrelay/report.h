/*
 * report: what happened in a period, in figures and ids, never persons: as text, HTML,
 * CSV and JSON.
 *
 * report_read asks a reader (blocking; short read transactions; costs what the period's
 * own rows cost). Rendering is pure.
 */
#ifndef LEADRELAY_REPORT_H
#define LEADRELAY_REPORT_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"
#include "leadrelay/mails.h"
#include "leadrelay/reader.h"

#include <stdint.h>

struct zone;

#define REPORT_BARS 24 /* the period in so many equal parts, for the picture */

struct report_destination {
	char name[128];
	int64_t accepted, delivered, died; /* in the period */
	int64_t pending, held, dead,
		discarded;          /* at its end, as far as the present tells */
	int64_t attempts, retries;  /* in the period */
	double p50_s, p95_s, max_s; /* acceptance to delivery, of those delivered in the
				       period; 0 when none */
	int64_t oldest_pending_s;
	struct {
		enum reason reason;
		int64_t count;
		int64_t first_at;       /* received_at of the oldest of them */
	} dead_by_reason[REASON_COUNT]; /* of what died, the most frequent first */
	int dead_reason_count;
	int64_t bars_accepted[REPORT_BARS], bars_delivered[REPORT_BARS];
};
struct report_source {
	char name[128];
	int64_t accepted, duplicates, quarantined, rejected,
		test; /* accepted, test, quarantined: in the period; duplicates:
			 of leads that came in in the period, repeated at any
			 time; rejected: since the relay's first start */
};
struct report {
	char name[128]; /* "daily"; "" when asked for by hand */
	int64_t since, until;
	struct report_destination *destinations;
	size_t destination_count;
	struct report_source *sources;
	size_t source_count;
	int64_t notifications_sent, notifications_dead;
	struct accounting accounting;
};

enum err_code report_read(struct report *out, struct reader *reader, const char *name,
	int64_t since, int64_t until, struct err *err);
void report_finish(struct report *report);

enum report_format { REPORT_TEXT, REPORT_HTML, REPORT_CSV, REPORT_JSON, REPORT_FORMATS };
const char *report_format_name(enum report_format format); /* "text" "html" "csv" "json"
							    */
const char *report_format_extension(enum report_format format); /* "txt" ... */
int report_format_find(const char *name);                       /* -1: none */
/* Times in zone (borrowed), NULL: UTC. */
void report_render(struct buf *out, const struct report *report,
	enum report_format format, const struct zone *zone);
/* "leadrelay daily: 120 accepted, 118 delivered, 2 dead" */
void report_subject(struct buf *out, const struct report *report);

/* A report as a mail: subject and text always, html when formats has it, CSV and JSON as
 * attachments. Its parts fit struct job_notice, which borrows them. */
struct report_mail {
	struct buf subject, text, html; /* html: empty when not wanted */
	struct buf bytes[REPORT_FORMATS], names[REPORT_FORMATS];
	struct mail_attachment attachments[REPORT_FORMATS]; /* borrow bytes and names */
	size_t attachment_count;
};
/* formats: bits 1 << enum report_format. ERR_NOMEM. *out is the caller's to
 * report_mail_finish in any case. */
enum err_code report_mail_make(struct report_mail *out, const struct report *report,
	unsigned formats, const struct zone *zone, struct err *err);
void report_mail_finish(struct report_mail *mail);

#endif
