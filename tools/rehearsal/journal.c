#include "journal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crm.h"
#include "faults.h"
#include "moment.h"

enum { KEPT = 20000 };

struct journal {
	pthread_mutex_t lock;
	FILE *file;
	char *lines[KEPT]; /* of exchange id at id % KEPT */
	uint64_t last;
	int64_t requests[KINDS];
	int64_t creates, updates, deletes, duplicates_refused, tokens_issued, faults_met;
	int64_t unanswered, concurrent, concurrent_max;
};

struct journal *journal_create(const char *file)
{
	struct journal *journal = need(sizeof(*journal));

	pthread_mutex_init(&journal->lock, NULL);
	if (!file)
		return journal;
	journal->file = fopen(file, "ae");
	if (journal->file)
		return journal;
	journal_destroy(journal);
	return NULL;
}

static void forget_lines(struct journal *journal)
{
	for (int i = 0; i < KEPT; i++) {
		free(journal->lines[i]);
		journal->lines[i] = NULL;
	}
}

void journal_destroy(struct journal *journal)
{
	forget_lines(journal);
	if (journal->file)
		fclose(journal->file);
	pthread_mutex_destroy(&journal->lock);
	free(journal);
}

void journal_clear(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	forget_lines(journal);
	memset(journal->requests, 0, sizeof(journal->requests));
	journal->creates = journal->updates = journal->deletes = 0;
	journal->duplicates_refused = journal->tokens_issued = journal->faults_met = 0;
	journal->unanswered = 0;
	journal->concurrent_max = journal->concurrent;
	pthread_mutex_unlock(&journal->lock);
}

void journal_begin(struct journal *journal, struct exchange *x)
{
	pthread_mutex_lock(&journal->lock);
	x->concurrent = ++journal->concurrent;
	if (journal->concurrent > journal->concurrent_max)
		journal->concurrent_max = journal->concurrent;
	pthread_mutex_unlock(&journal->lock);
}

static void write_line(
	struct text *line, uint64_t id, const struct exchange *x, int status)
{
	char at[MOMENT_SIZE];

	moment_iso(at, x->at);
	text_printf(line,
		"{\"id\":%" PRIu64 ",\"at\":\"%s\",\"kind\":\"%s\",\"method\":", id, at,
		kind_names[x->kind]);
	text_json(line, x->req->method);
	text_puts(line, ",\"path\":");
	text_json(line, x->req->target);
	text_puts(line, ",\"leadid\":");
	text_json(line, *x->leadid ? x->leadid : NULL);
	text_puts(line, ",\"status\":");
	if (status)
		text_printf(line, "%d", status);
	else
		text_puts(line, "null");
	text_puts(line, ",\"code\":");
	text_json(line, status && *x->reply.code ? x->reply.code : NULL);
	text_puts(line, ",\"fault\":");
	text_json(line, x->fault ? fault_name(x->fault) : NULL);
	text_printf(line,
		",\"committed\":%s,\"duration_ms\":%" PRId64 ",\"connection\":%" PRIu64
		"}",
		x->committed ? "true" : "false", steady_now() - x->started,
		x->connection);
}

static void count(struct journal *journal, const struct exchange *x, int status)
{
	journal->concurrent--;
	journal->requests[x->kind]++;
	journal->faults_met += x->fault != NULL;
	journal->unanswered += status == 0;
}

void journal_committed(struct journal *journal, const struct exchange *x)
{
	pthread_mutex_lock(&journal->lock);
	journal->creates += x->created;
	journal->updates += x->kind != KIND_DELETE && !x->created;
	journal->deletes += x->kind == KIND_DELETE;
	pthread_mutex_unlock(&journal->lock);
}

void journal_end(struct journal *journal, struct exchange *x, int status)
{
	struct text line = {0};
	char **place;

	pthread_mutex_lock(&journal->lock);
	write_line(&line, ++journal->last, x, status);
	count(journal, x, status);
	place = &journal->lines[journal->last % KEPT];
	free(*place);
	*place = line.data;
	if (journal->file) {
		fprintf(journal->file, "%s\n", line.data);
		fflush(journal->file);
	}
	pthread_mutex_unlock(&journal->lock);
}

void journal_token_issued(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	journal->tokens_issued++;
	pthread_mutex_unlock(&journal->lock);
}

void journal_duplicate_refused(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	journal->duplicates_refused++;
	pthread_mutex_unlock(&journal->lock);
}

void journal_list(struct journal *journal, uint64_t after, int limit, struct text *out)
{
	const char *separator = "";

	pthread_mutex_lock(&journal->lock);
	if (journal->last > KEPT && after < journal->last - KEPT)
		after = journal->last - KEPT;
	text_puts(out, "{\"exchanges\":[");
	for (uint64_t id = after + 1; id <= journal->last && limit > 0; id++) {
		const char *line = journal->lines[id % KEPT];

		if (!line)
			continue; /* cleared */
		text_printf(out, "%s\n%s", separator, line);
		separator = ",";
		limit--;
	}
	text_printf(out, "],\"last\":%" PRIu64 "}\n", journal->last);
	pthread_mutex_unlock(&journal->lock);
}

void journal_counters(struct journal *journal, size_t rows, struct text *out)
{
	int64_t all = 0;

	pthread_mutex_lock(&journal->lock);
	text_printf(out,
		"{\"records\":%zu,\"creates\":%" PRId64 ",\"updates\":%" PRId64
		",\"deletes\":%" PRId64 ",\"duplicates_refused\":%" PRId64
		",\"tokens_issued\":%" PRId64 ",\"faults_met\":%" PRId64
		",\"unanswered\":%" PRId64 ",\"concurrent\":%" PRId64
		",\"concurrent_max\":%" PRId64 ",\"requests\":{",
		rows, journal->creates, journal->updates, journal->deletes,
		journal->duplicates_refused, journal->tokens_issued, journal->faults_met,
		journal->unanswered, journal->concurrent, journal->concurrent_max);
	for (int i = 0; i < KINDS; i++) {
		text_printf(
			out, "\"%s\":%" PRId64 ",", kind_names[i], journal->requests[i]);
		all += journal->requests[i];
	}
	text_printf(out, "\"all\":%" PRId64 "}}\n", all);
	pthread_mutex_unlock(&journal->lock);
}
