/*
 * reports: which of them is due, and its files. Private to the daemon; pure but for
 * report_file_write, which blocks.
 *
 * A report has up to two outlets, by mail and into a folder. For each the store keeps the
 * due instant of the last one made, so that each is made once, fails and is repeated by
 * itself.
 */
#ifndef LEADRELAY_DAEMON_REPORTS_H
#define LEADRELAY_DAEMON_REPORTS_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"
#include "leadrelay/schedule.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_outlet { REPORT_BY_MAIL, REPORT_INTO_FOLDER, REPORT_OUTLETS };

#define REPORT_NEVER INT64_MIN
struct report_made { /* due instant of the last one made; REPORT_NEVER: not known yet */
	int64_t at[REPORT_OUTLETS];
};

struct report_due {
	int64_t at;       /* the due instant */
	unsigned begin;   /* bits of outlets seen for the first time: from at on */
	unsigned outlets; /* bits of outlets it is to be made for; 0: none */
	int64_t since;    /* what it covers: [since, at) */
};
/* What is due at now. After a downtime one report covers all that was missed; of an
 * outlet that is new only what comes is made. */
struct report_due report_due(const struct report_settings *report,
	const struct zone *zone, const struct report_made *made, int64_t now);
/* The name the store keeps an outlet's due instant under. */
void report_outlet_name(char out[128], const char *report, enum report_outlet outlet);

/* "daily-2026-11-22T0700.html", by the clocks of zone. */
void report_file_name(char *out, size_t size, const char *name, int64_t due,
	const struct zone *zone, const char *extension);
/* Under a temporary name first, 0640, synced. */
enum err_code report_file_write(const char *directory, const char *name,
	const struct buf *bytes, struct err *err);

#endif
