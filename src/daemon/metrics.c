/*
 * Metrics: what is counted while it happens, and a scrape: one job to the store for its
 * counters, then everything as text. Loop thread.
 *
 * While the store fails, or does not answer within some seconds, a scrape is told what
 * was last read, and that the store does not work: that is when somebody looks.
 */
#include "daemon.h"

#include "leadrelay/counters.h"
#include "leadrelay/log.h"
#include "leadrelay/metrics.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 3000 /* Prometheus waits 10 s */
#define US_PER_S 1e6
#define MS_PER_S 1e3

static const double intake_bounds[] = {
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
static const double age_bounds[] = {
	0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400, 604800};

struct of_destination { /* counted since the start */
	char name[128];
	int64_t attempts[OUTCOME_COUNT];
	struct histogram age_s;
	struct of_destination *next;
};

struct of_status {
	char source[128]; /* "": none that is known */
	struct metrics_rejected rejected;
	struct of_status *next;
};

struct scrape { /* somebody waits */
	struct inbound *in;
	int64_t until; /* mono */
	struct scrape *next;
};

struct daemon_metrics {
	struct daemon *daemon;
	int64_t started_at; /* wall */
	struct histogram intake_s;
	int64_t notifications[OUTCOME_COUNT];
	struct of_destination *destinations;
	struct of_status *statuses; /* by source, then status */
	size_t status_count;
	struct job_counters job;
	bool busy;                   /* job is at the store */
	struct job_counters counted; /* by the last that came back */
	struct scrape *scrapes;
};

/* ---- while it happens ---- */

static struct of_destination *of_destination(
	struct daemon_metrics *metrics, const char *name)
{
	struct of_destination *one = metrics->destinations;

	while (one && strcmp(one->name, name) != 0)
		one = one->next;
	if (one)
		return one;
	one = calloc(1, sizeof(*one));
	if (!one)
		return NULL;
	snprintf(one->name, sizeof(one->name), "%s", name);
	one->age_s = HISTOGRAM_INIT(age_bounds);
	one->next = metrics->destinations;
	metrics->destinations = one;
	return one;
}

static void count_exchanges(
	int64_t counts[OUTCOME_COUNT], const struct relay_settled *settled, int64_t each)
{
	for (size_t i = 0; i < settled->exchange_count; i++) {
		enum outcome_kind outcome = settled->exchanges[i].outcome;

		if (outcome > OUTCOME_NONE && outcome < OUTCOME_COUNT)
			counts[outcome] += each;
	}
}

void metrics_settled(struct daemon *daemon, const struct relay_settled *settled)
{
	struct daemon_metrics *metrics = daemon->metrics;
	struct of_destination *one;
	int64_t age_ms = settled->now - settled->accepted_at;

	if (!metrics)
		return;
	if (strcmp(settled->destination, MAIL_DESTINATION) == 0) {
		count_exchanges(metrics->notifications, settled, settled->notifications);
		return;
	}
	one = of_destination(metrics, settled->destination);
	if (!one)
		return;
	count_exchanges(one->attempts, settled, 1);
	if (settled->state == DELIVERY_DELIVERED && outcome_is_success(settled->outcome))
		histogram_add(&one->age_s, age_ms > 0 ? (double)age_ms / MS_PER_S : 0);
}

static int compare_status(const struct of_status *one, const char *source, int status)
{
	int order = strcmp(one->source, source);

	return order ? order : one->rejected.status - status;
}

static void count_rejected(struct daemon_metrics *metrics, const char *source, int status)
{
	struct of_status **at = &metrics->statuses;
	struct of_status *one;

	while (*at && compare_status(*at, source, status) < 0)
		at = &(*at)->next;
	one = *at;
	if (!one || compare_status(one, source, status) != 0) {
		one = calloc(1, sizeof(*one));
		if (!one)
			return;
		snprintf(one->source, sizeof(one->source), "%s", source);
		one->rejected.source = one->source;
		one->rejected.status = status;
		one->next = *at;
		*at = one;
		metrics->status_count++;
	}
	one->rejected.count++;
}

void metrics_answered(
	struct daemon *daemon, const char *source, int status, int64_t duration_us)
{
	struct daemon_metrics *metrics = daemon->metrics;

	if (!metrics)
		return;
	if (status >= 400)
		count_rejected(metrics, source ? source : "", status);
	if (source && duration_us > 0)
		histogram_add(&metrics->intake_s, (double)duration_us / US_PER_S);
}

/* ---- a scrape ---- */

static bool worth_telling(const struct destination_row *row)
{
	return strcmp(row->name, MAIL_DESTINATION) != 0 &&
	       (row->configured || row->pending || row->held || row->dead);
}

static void describe(const struct daemon_metrics *metrics,
	const struct destination_row *row, int64_t now, struct metrics_destination *out)
{
	const struct of_destination *one = metrics->destinations;
	int64_t oldest_ms = row->oldest_pending_at ? now - row->oldest_pending_at : 0;
	struct relay_status live;

	while (one && strcmp(one->name, row->name) != 0)
		one = one->next;
	*out = (struct metrics_destination){.name = row->name,
		.deliveries = {[DELIVERY_PENDING] = row->pending,
			[DELIVERY_HELD] = row->held,
			[DELIVERY_DELIVERED] = row->delivered,
			[DELIVERY_DEAD] = row->dead,
			[DELIVERY_DISCARDED] = row->discarded},
		.oldest_pending_s = oldest_ms > 0 ? (double)oldest_ms / MS_PER_S : 0,
		.state = row->health.state,
		.delivery_age_s = HISTOGRAM_INIT(age_bounds)};
	if (one) {
		memcpy(out->attempts, one->attempts, sizeof(out->attempts));
		out->delivery_age_s = one->age_s;
	}
	if (!relay_status(metrics->daemon->relay, row->name, &live))
		return;
	out->state = live.health.state;
	out->concurrency =
		live.health.limit < live.health.max ? live.health.limit : live.health.max;
	out->credential_expires_at = live.credential_expires_at;
}

struct lists { /* what struct metrics points to */
	struct metrics_source *sources;
	struct metrics_destination *destinations;
	struct metrics_rejected *rejected;
};

static void list_rows(
	const struct daemon_metrics *metrics, struct lists *lists, struct metrics *out)
{
	const struct job_counters *counted = &metrics->counted;
	int64_t now = clock_wall(metrics->daemon->clock);

	for (size_t i = 0; i < counted->source_count; i++) {
		const struct source_row *row = &counted->sources[i];

		if (row->configured || row->accepted || row->quarantined)
			lists->sources[out->source_count++] = (struct metrics_source){
				.name = row->name, .accepted = row->accepted};
	}
	for (size_t i = 0; i < counted->destination_count; i++)
		if (worth_telling(&counted->destinations[i]))
			describe(metrics, &counted->destinations[i], now,
				&lists->destinations[out->destination_count++]);
	for (const struct of_status *one = metrics->statuses; one; one = one->next)
		lists->rejected[out->rejected_count++] = one->rejected;
}

static bool make_lists(const struct daemon_metrics *metrics, struct lists *lists)
{
	const struct job_counters *counted = &metrics->counted;

	lists->sources = calloc(counted->source_count + 1, sizeof(lists->sources[0]));
	lists->destinations =
		calloc(counted->destination_count + 1, sizeof(lists->destinations[0]));
	lists->rejected = calloc(metrics->status_count + 1, sizeof(lists->rejected[0]));
	return lists->sources && lists->destinations && lists->rejected;
}

static void write_text(
	const struct daemon_metrics *metrics, bool store_working, struct buf *out)
{
	const struct job_counters *counted = &metrics->counted;
	struct store_figures figures;
	struct lists lists = {0};
	struct metrics all = {.version = LEADRELAY_VERSION,
		.started_at = metrics->started_at,
		.store_working = store_working,
		.intake_only = metrics->daemon->intake_only,
		.notifications_pending = counted->notifications_pending,
		.notifications_dead = counted->notifications_dead,
		.quarantined = counted->quarantined,
		.difference = counted->difference,
		.file_bytes = counted->file_bytes,
		.wal_bytes = counted->wal_bytes,
		.intake_s = metrics->intake_s};

	store_figures(metrics->daemon->store, &figures);
	all.commit_s = figures.commit_s;
	all.batch_leads = figures.batch_leads;
	memcpy(all.notifications, metrics->notifications, sizeof(all.notifications));
	if (make_lists(metrics, &lists)) {
		list_rows(metrics, &lists, &all);
		all.sources = lists.sources;
		all.destinations = lists.destinations;
		all.rejected = lists.rejected;
		metrics_text(&all, out);
	}
	free(lists.sources);
	free(lists.destinations);
	free(lists.rejected);
}

static void answer_all(struct daemon_metrics *metrics, bool store_working)
{
	struct scrape *scrape = metrics->scrapes, *next;
	struct buf text = BUF_INIT;

	metrics->scrapes = NULL;
	if (scrape)
		write_text(metrics, store_working, &text);
	for (; scrape; scrape = next) {
		next = scrape->next;
		if (buf_ok(&text) && text.len > 0)
			inbound_reply(scrape->in, 200, METRICS_CONTENT_TYPE,
				buf_str(&text), text.len);
		else
			inbound_problem(scrape->in, 503, "out of memory");
		free(scrape);
	}
	buf_finish(&text);
}

static void came_back(struct store_job *job)
{
	struct daemon_metrics *metrics =
		(struct daemon_metrics *)((char *)job -
					  offsetof(struct daemon_metrics, job));

	metrics->busy = false;
	if (job->code == ERR_OK) {
		job_counters_finish(&metrics->counted);
		metrics->counted = metrics->job;
	} else {
		job_counters_finish(&metrics->job);
	}
	answer_all(metrics, job->code == ERR_OK);
	daemon_stopped(metrics->daemon, UNFINISHED_METRICS);
}

static void ask_store(struct daemon_metrics *metrics)
{
	struct job_counters *job = &metrics->job;

	if (metrics->busy)
		return;
	*job = (struct job_counters){0};
	job_counters_prepare(job);
	job->job.done = came_back;
	metrics->busy = store_submit(metrics->daemon->store, &job->job, NULL) == ERR_OK;
	if (metrics->busy)
		metrics->daemon->unfinished |= UNFINISHED_METRICS;
	else
		answer_all(metrics, false);
}

void metrics_scrape(void *ctx, struct inbound *in)
{
	struct daemon *daemon = ctx;
	struct scrape *scrape = daemon->metrics ? calloc(1, sizeof(*scrape)) : NULL;

	if (!scrape) {
		inbound_problem(in, 503, "out of memory");
		return;
	}
	*scrape = (struct scrape){.in = in,
		.until = clock_mono(daemon->clock) + ANSWER_MS,
		.next = daemon->metrics->scrapes};
	daemon->metrics->scrapes = scrape;
	ask_store(daemon->metrics);
}

void metrics_tick(struct daemon *daemon)
{
	struct daemon_metrics *metrics = daemon->metrics;
	int64_t mono = clock_mono(daemon->clock);
	bool late = false;

	if (!metrics)
		return;
	for (const struct scrape *one = metrics->scrapes; one; one = one->next)
		late |= mono >= one->until;
	if (late)
		answer_all(metrics, false);
}

/* ---- whether leads are taken ---- */

void readiness_tell(void *ctx, struct inbound *in)
{
	struct daemon *daemon = ctx;
	cJSON *object = cJSON_CreateObject();
	cJSON *reasons = cJSON_AddArrayToObject(object, "reasons");
	bool ready;
	char *text;

	if (!store_working(daemon->store))
		cJSON_AddItemToArray(reasons,
			cJSON_CreateString(
				"the store cannot be written: senders are answered 503 and repeat"));
	if (daemon->phase != PHASE_RUNNING)
		cJSON_AddItemToArray(
			reasons, cJSON_CreateString("leadrelayd is stopping"));
	else if (!http_server_address(daemon->server, 0))
		cJSON_AddItemToArray(
			reasons, cJSON_CreateString("the intake does not listen"));
	ready = cJSON_GetArraySize(reasons) == 0;
	cJSON_AddBoolToObject(object, "ready", ready);
	cJSON_AddBoolToObject(object, "intake_only", daemon->intake_only);
	text = cJSON_PrintUnformatted(object);
	if (text)
		inbound_reply(
			in, ready ? 200 : 503, "application/json", text, strlen(text));
	else
		inbound_problem(in, 503, "out of memory");
	cJSON_free(text);
	cJSON_Delete(object);
}

/* ---- life ---- */

void metrics_start(struct daemon *daemon)
{
	struct daemon_metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics) {
		log_error("no metrics", "cause", "out of memory", NULL);
		return;
	}
	metrics->daemon = daemon;
	metrics->started_at = clock_wall(daemon->clock);
	metrics->intake_s = HISTOGRAM_INIT(intake_bounds);
	daemon->metrics = metrics;
}

void metrics_finish(struct daemon *daemon)
{
	struct daemon_metrics *metrics = daemon->metrics;

	if (!metrics)
		return;
	while (metrics->destinations) {
		struct of_destination *one = metrics->destinations;

		metrics->destinations = one->next;
		free(one);
	}
	while (metrics->statuses) {
		struct of_status *one = metrics->statuses;

		metrics->statuses = one->next;
		free(one);
	}
	job_counters_finish(&metrics->counted);
	free(metrics);
	daemon->metrics = NULL;
}
