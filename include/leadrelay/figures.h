/*
 * figures: what happened in a period, row by row, for reports: leads that came in,
 * deliveries that ended, attempts that were made. Ids and numbers, never persons.
 *
 * Store room. Read in pages of a thousand or two, each a short transaction of its own, so
 * that neither the WAL nor a writer waits for a long period; the cost is that of the
 * period's own rows. What happens meanwhile may be in or not. Rows that retention removed
 * are not told.
 */
#ifndef LEADRELAY_FIGURES_H
#define LEADRELAY_FIGURES_H

#include "leadrelay/reader.h"

struct figure_lead { /* received in the period */
	int64_t source;
	int64_t received_at;
	int64_t duplicates; /* how often it was repeated, until now */
	bool quarantined;   /* still, or discarded as such */
	bool test;
	const int64_t *destinations; /* of its deliveries; valid during the call */
	size_t destination_count;
};
struct figure_ended { /* delivered or dead since an instant in the period */
	int64_t destination;
	int64_t received_at;
	int64_t settled_at;
	enum delivery_state state;
	enum reason reason;
};
struct figure_attempt { /* begun in the period */
	int64_t destination;
	int64_t at;
	bool again; /* the one before it ended with: later */
};
struct figure_mails { /* notifications that ended in the period */
	int64_t sent, dead;
};

struct figures_sink { /* called on the reader's thread, inside a read transaction */
	void (*lead)(void *ctx, const struct figure_lead *lead);
	void (*ended)(void *ctx, const struct figure_ended *ended);
	void (*attempt)(void *ctx, const struct figure_attempt *attempt);
	void *ctx;
};

/* [since, until): leads, then delivered, then dead, then attempts; each in order of its
 * time. */
enum err_code reader_figures(struct reader *reader, int64_t since, int64_t until,
	const struct figures_sink *sink, struct err *err);
enum err_code reader_figures_mails(struct reader *reader, int64_t since, int64_t until,
	struct figure_mails *out, struct err *err);

#endif
