#include "rig.h"

#include "leadrelay/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

struct rig_wire { /* an exchange on the virtual network */
	struct http_exchange *exchange;
	struct rig_asked asked;
	struct rig_reply reply;
	int64_t answer_at;
	struct rig_wire *prev, *next;
};

/* ---- time and chance ---- */

static int64_t rig_wall(void *ctx)
{
	return ((struct rig *)ctx)->wall;
}

static int64_t rig_mono(void *ctx)
{
	return ((struct rig *)ctx)->mono;
}

static void rig_fill(void *ctx, void *out, size_t len)
{
	struct rig *rig = ctx;

	for (size_t i = 0; i < len; i++) {
		rig->seed ^= rig->seed << 13;
		rig->seed ^= rig->seed >> 7;
		rig->seed ^= rig->seed << 17;
		((uint8_t *)out)[i] = (uint8_t)(rig->seed >> 24);
	}
}

static struct clock clock_of(struct rig *rig)
{
	return (struct clock){.wall = rig_wall, .mono = rig_mono, .ctx = rig};
}

static struct clock the_clock; /* the relay and the store borrow it: one rig at a time */
static struct entropy the_entropy;

/* ---- the network ---- */

static int index_of(const char *name)
{
	return name[1] - '0';
}

static int number_of(const struct rig *rig, const char *id)
{
	struct uuid uuid;

	if (!uuid_parse(id, &uuid))
		return -1;
	for (int i = 0; i < rig->accepted; i++)
		if (uuid_equal(&uuid, &rig->leads[i]))
			return i;
	return -1;
}

static bool is_token(const struct rig_asked *asked)
{
	return strcmp(asked->what, "token") == 0;
}

static void read_url(struct rig *rig, const char *url, struct rig_asked *asked)
{
	*asked = (struct rig_asked){.number = -1, .at = rig->wall - RIG_START};
	if (sscanf(url, "fake %31s %15s %36s", asked->destination, asked->what,
		    asked->lead) == 3) {
		asked->number = number_of(rig, asked->lead);
		return;
	}
	/* https://login.test/d0/oauth2/v2.0/token */
	assert_int_equal(
		sscanf(url, "https://login.test/%31[^/]/", asked->destination), 1);
	strcpy(asked->what, "token");
}

static void count_sending(struct rig *rig, const struct rig_wire *wire)
{
	int d = index_of(wire->asked.destination);
	struct rig_wire *other;

	if (is_token(&wire->asked)) {
		rig->tokens_asked++;
		if (++rig->tokens_at_once > rig->most_tokens_at_once)
			rig->most_tokens_at_once = rig->tokens_at_once;
		return;
	}
	if (wire->asked.number < 0) {
		rig->probes_asked++;
		return;
	}
	DL_FOREACH (rig->wire, other) /* never the same lead twice at once */
		if (strcmp(other->asked.destination, wire->asked.destination) == 0)
			assert_int_not_equal(other->asked.number, wire->asked.number);
	rig->sent[d]++;
	if (++rig->under_way[d] > rig->most_at_once[d])
		rig->most_at_once[d] = rig->under_way[d];
}

static void rig_send(void *ctx, struct http_exchange *exchange)
{
	struct rig *rig = ctx;
	struct rig_wire *wire = calloc(1, sizeof(*wire));

	assert_non_null(wire);
	wire->exchange = exchange;
	read_url(rig, buf_str(&exchange->request.url), &wire->asked);
	wire->reply = (struct rig_reply){
		.status = is_token(&wire->asked) ? 200 : 201, .latency_ms = 50};
	if (rig->answer)
		rig->answer(rig, &wire->asked, &wire->reply);
	if (wire->reply.status == RIG_HANG)
		wire->reply.latency_ms = 60000;
	wire->answer_at = rig->mono + wire->reply.latency_ms;
	count_sending(rig, wire);
	DL_APPEND(rig->wire, wire);
}

static void rig_cancel(void *ctx, struct http_exchange *exchange)
{
	struct rig *rig = ctx;
	struct rig_wire *wire;

	DL_FOREACH (rig->wire, wire)
		if (wire->exchange == exchange) {
			wire->answer_at = rig->mono;
			wire->reply.status = -HTTP_CANCELLED - 100;
			rig->cancelled++;
			rig->woken = true;
		}
}

static void fill_answer(const struct rig_wire *wire, struct http_answer *answer)
{
	const struct rig_reply *reply = &wire->reply;

	answer->duration_ms = reply->latency_ms;
	if (reply->status == -HTTP_CANCELLED - 100) {
		answer->failure = HTTP_CANCELLED;
	} else if (reply->status <= 0) {
		answer->sent = reply->status != RIG_REFUSED;
		answer->failure = reply->status == RIG_REFUSED ? HTTP_CONNECT
				  : reply->status == RIG_HANG  ? HTTP_TIMEOUT
							       : HTTP_RESET;
	} else {
		answer->status = reply->status;
	}
	if (reply->retry_after)
		buf_addf(&answer->headers, "Retry-After: %d\n", reply->retry_after);
	if (reply->few)
		buf_adds(&answer->headers, "X-Few: 1\n");
	if (reply->dop_hint)
		buf_addf(&answer->headers, "X-Dop: %d\n", reply->dop_hint);
	if (is_token(&wire->asked) && reply->status == 200)
		buf_adds(&answer->body,
			"{\"token_type\":\"Bearer\",\"access_token\":\"t\","
			"\"expires_in\":3600}");
	if (is_token(&wire->asked) && reply->status == 401)
		buf_adds(&answer->body,
			"{\"error\":\"invalid_client\",\"error_description\":"
			"\"AADSTS7000215: Invalid client secret\"}");
}

static void deliver_answer(struct rig *rig, struct rig_wire *wire)
{
	DL_DELETE(rig->wire, wire);
	if (is_token(&wire->asked))
		rig->tokens_at_once--;
	else if (wire->asked.number >= 0)
		rig->under_way[index_of(wire->asked.destination)]--;
	if (wire->reply.status == 201 && wire->asked.number >= 0 &&
		strcmp(wire->asked.destination, "d0") == 0)
		rig->seen[wire->asked.number]++;
	fill_answer(wire, &wire->exchange->answer);
	wire->exchange->done(wire->exchange);
	free(wire);
}

/* ---- the mail server ---- */

struct rig_letter {
	struct mail_exchange *exchange;
	struct mail_answer answer;
	int64_t answer_at;
	struct rig_letter *prev, *next;
};

static void read_letter(
	struct rig *rig, const struct mail_exchange *exchange, struct rig_mail *mail)
{
	const char *id = strstr(buf_str(&exchange->message), "Message-ID: <");

	*mail = (struct rig_mail){
		.check = exchange->check_only, .at = rig->wall - RIG_START};
	snprintf(mail->to, sizeof(mail->to), "%s", buf_str(&exchange->to));
	if (id)
		sscanf(id, "Message-ID: <%95[^>]", mail->message_id);
	mail->message = strdup(buf_str(&exchange->message));
}

static void rig_mail_send(void *ctx, struct mail_exchange *exchange)
{
	struct rig *rig = ctx;
	struct rig_letter *letter = calloc(1, sizeof(*letter));
	struct rig_mail *mail = &rig->mails[rig->mail_count++];

	assert_non_null(letter);
	assert_true(rig->mail_count < 4096);
	read_letter(rig, exchange, mail);
	letter->exchange = exchange;
	letter->answer =
		(struct mail_answer){.accepted = true, .stage = MAIL_END, .code = 250};
	rig->mail_latency_ms = 50;
	if (rig->mail_answer)
		rig->mail_answer(rig, mail, &letter->answer);
	letter->answer_at = rig->mono + rig->mail_latency_ms;
	if (++rig->mails_under_way > rig->most_mails_at_once)
		rig->most_mails_at_once = rig->mails_under_way;
	DL_APPEND(rig->letters, letter);
}

static void rig_mail_cancel(void *ctx, struct mail_exchange *exchange)
{
	struct rig *rig = ctx;
	struct rig_letter *letter;

	DL_FOREACH (rig->letters, letter)
		if (letter->exchange == exchange) {
			letter->answer_at = rig->mono;
			letter->answer = (struct mail_answer){.failure = HTTP_CANCELLED};
			rig->cancelled++;
			rig->woken = true;
		}
}

static struct rig_letter *next_letter(struct rig *rig)
{
	struct rig_letter *letter, *first = NULL;

	DL_FOREACH (rig->letters, letter)
		if (!first || letter->answer_at < first->answer_at)
			first = letter;
	return first;
}

static void answer_letter(struct rig *rig, struct rig_letter *letter)
{
	DL_DELETE(rig->letters, letter);
	rig->mails_under_way--;
	letter->exchange->answer = letter->answer;
	letter->exchange->done(letter->exchange);
	free(letter);
}

/* ---- the relay's other neighbours ---- */

static void rig_wake(void *ctx)
{
	((struct rig *)ctx)->woken = true;
}

static void rig_event(void *ctx, const struct relay_event *event)
{
	struct rig *rig = ctx;

	if (rig->event_count < RIG_EVENTS)
		rig->events[rig->event_count++] =
			(struct relay_event){.kind = event->kind,
				.reason = event->reason,
				.waiting = event->waiting};
}

static void rig_settled(void *ctx, const struct relay_settled *settled)
{
	struct rig *rig = ctx;

	for (size_t i = 0; i < settled->exchange_count; i++) {
		enum outcome_kind outcome = settled->exchanges[i].outcome;

		if (settled->accepted_at)
			rig->exchanges[outcome]++;
		rig->notified[outcome] += settled->notifications;
	}
	if (settled->accepted_at)
		rig->last_age_ms = settled->now - settled->accepted_at;
	rig->last_has_lead = settled->lead != NULL;
}

static void rig_work(void *worker, void (*work)(void *), void (*done)(void *), void *ctx)
{
	(void)worker;
	work(ctx);
	done(ctx);
}

static void count_released(void *ctx)
{
	struct rig *rig = ctx;

	rig->released++;
}

/* ---- settings ---- */

static struct destination_settings *make_settings(struct rig *rig, int concurrency)
{
	static const char *const names[RIG_DESTINATIONS] = {
		"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"};
	static char *secrets = (char *)"s3cret";
	struct destination_settings *all = calloc(RIG_DESTINATIONS, sizeof(*all));

	assert_non_null(all);
	for (int i = 0; i < RIG_DESTINATIONS; i++) {
		all[i].name = (char *)names[i];
		all[i].kind = (char *)"fake";
		all[i].url = (char *)"https://d";
		all[i].max_concurrency = concurrency;
		all[i].probe_interval_ms = 900000;
		if (!rig->tokens)
			continue;
		all[i].auth.method = AUTH_AZURE_AD;
		all[i].auth.client_id = (char *)"client";
		all[i].auth.directory_id = (char *)names[i];
		all[i].auth.authority = (char *)"https://login.test";
		all[i].auth.token_version = 2;
		all[i].auth.client_secret.values[0] = secrets;
		all[i].auth.client_secret.count = 1;
	}
	return all;
}

static void call(struct rig *rig, struct store_job *job)
{
	struct err err = {.text = ""};

	while (store_step(rig->store) > 0)
		;
	if (store_call(rig->store, job, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

static void store_names(struct rig *rig, int count)
{
	struct store_name destinations[RIG_DESTINATIONS], source = {.name = "web"};
	struct job_names job = {.sources = &source,
		.source_count = 1,
		.destinations = destinations,
		.destination_count = (size_t)count,
		.mail = rig->mail != NULL,
		.now = rig->wall};

	for (int i = 0; i < count; i++)
		destinations[i] = (struct store_name){
			.name = rig->settings[i].name, .kind = "fake", .keeps_key = true};
	job_names_prepare(&job);
	call(rig, &job.job);
	rig->source = source.id;
	rig->mail_id = job.mail_destination;
	for (int i = 0; i < count; i++)
		rig->ids[i] = destinations[i].id;
	job_names_finish(&job);
}

static struct destination_row read_row(struct rig *rig, int64_t id)
{
	struct destination_row row = {0};
	struct job_destinations job = {0};

	job_destinations_prepare(&job);
	call(rig, &job.job);
	for (size_t i = 0; i < job.count; i++)
		if (job.rows[i].id == id)
			row = job.rows[i];
	job_destinations_finish(&job);
	assert_int_equal(row.accepted,
		row.pending + row.held + row.delivered + row.dead + row.discarded);
	return row;
}

struct destination_row rig_row(struct rig *rig, int destination)
{
	return read_row(rig, rig->ids[destination]);
}

struct destination_row rig_mail_row(struct rig *rig)
{
	return read_row(rig, rig->mail_id);
}

void rig_configure(struct rig *rig, int count, int concurrency)
{
	struct destination_settings *old = rig->settings;
	struct destination_row rows[RIG_DESTINATIONS], mail_row;
	struct relay_mail mail = {.settings = rig->mail,
		.row = &mail_row,
		.secret_changed = rig->secret_changed};
	struct relay_destination list[RIG_DESTINATIONS];
	struct err err = {.text = ""};

	rig->settings = make_settings(rig, concurrency);
	store_names(rig, count);
	for (int i = 0; i < count; i++) {
		rows[i] = rig_row(rig, i);
		list[i] = (struct relay_destination){.settings = &rig->settings[i],
			.row = &rows[i],
			.secret_changed = rig->secret_changed};
	}
	mail_row = rig_mail_row(rig);
	if (relay_configure(rig->relay, &rig->retry, list, (size_t)count,
		    rig->mail ? &mail : NULL, count_released, rig, &err) != ERR_OK)
		fail_msg("%s", err.text);
	rig->count = count;
	if (old)
		rig->old[rig->old_count++] = old;
}

/* ---- life ---- */

void rig_start(struct rig *rig)
{
	const struct relay_options options = {.store = rig->store,
		.transport = {.send = rig_send, .cancel = rig_cancel, .ctx = rig},
		.mail = {.send = rig_mail_send, .cancel = rig_mail_cancel, .ctx = rig},
		.worker = {.run = rig_work},
		.clock = &the_clock,
		.entropy = &the_entropy,
		.wake = rig_wake,
		.event = rig_event,
		.settled = rig_settled,
		.ctx = rig};

	assert_int_equal(relay_create(&rig->relay, &options, NULL), ERR_OK);
}

void rig_open(struct rig *rig, int count, int64_t max_waiting)
{
	struct store_options options = {.clock = &the_clock, .entropy = &the_entropy};
	struct err err = {.text = ""};

	memset(rig, 0, sizeof(*rig));
	rig->wall = RIG_START;
	rig->mono = 1000;
	rig->seed = 88172645463325252u;
	rig->retry = (struct retry_rule){.first_ms = 5000,
		.longest_ms = 3600000,
		.give_up_after_ms = INT64_C(14) * 86400000,
		.factor = 2};
	the_clock = clock_of(rig);
	the_entropy = (struct entropy){.fill = rig_fill, .ctx = rig};
	/* memory, where there is such a place: the store syncs after every step */
	snprintf(rig->dir, sizeof(rig->dir), "%s/relay-rig-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(rig->dir));
	options.state_dir = rig->dir;
	options.max_waiting = max_waiting;
	if (store_open(&rig->store, &options, &err) != ERR_OK)
		fail_msg("%s", err.text);
	rig_start(rig);
	rig_configure(rig, count, 16);
}

static void drop_wire(struct rig *rig)
{
	struct rig_wire *wire, *next;

	struct rig_letter *letter, *after;

	DL_FOREACH_SAFE(rig->wire, wire, next)
	rig_cancel(rig, wire->exchange);
	DL_FOREACH_SAFE(rig->letters, letter, after)
	rig_mail_cancel(rig, letter->exchange);
}

static void on_idle(void *ctx)
{
	((struct rig *)ctx)->idle = true;
}

/* Everything under way is cancelled and leaves no trace. */
void rig_stop(struct rig *rig)
{
	rig->idle = false;
	relay_drain(rig->relay, 0, on_idle, rig);
	rig_run(rig, 1000);
	assert_true(rig->idle);
	relay_destroy(rig->relay);
	rig->relay = NULL;
}

void rig_close(struct rig *rig)
{
	static const char *const files[] = {
		"outbox.db", "outbox.db-wal", "outbox.db-shm", "lock"};
	char path[128];

	rig->store_stuck = false;
	drop_wire(rig);
	if (rig->relay)
		rig_stop(rig);
	store_close(rig->store);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", rig->dir, files[i]);
		unlink(path);
	}
	rmdir(rig->dir);
	for (int i = 0; i < rig->old_count; i++)
		free(rig->old[i]);
	free(rig->settings);
	free(rig->seen);
	free(rig->leads);
	for (int i = 0; i < rig->mail_count; i++)
		free(rig->mails[i].message);
}

static void hand_over(struct rig *rig, const struct accept_lead *one, int which)
{
	struct claimed claimed = {.delivery = one->deliveries[which],
		.lead_seq = one->seq,
		.due_at = rig->wall,
		.age_from = one->ages[which]};

	assert_int_equal(lead_copy(&claimed.lead, &one->lead, NULL), ERR_OK);
	relay_fresh_lead(rig->relay, rig->ids[which], &claimed);
	claimed_finish(&claimed);
}

static void accept_one(struct rig *rig, int destinations, bool fresh, const char *contact,
	int64_t digest_ms)
{
	struct accept_lead one = {.destinations = rig->ids,
		.destination_count = (size_t)destinations,
		.contacts = &contact,
		.contact_count = contact ? 1 : 0};
	struct job_accept job = {.source = rig->source,
		.leads = &one,
		.count = 1,
		.raw = "{}",
		.raw_len = 2,
		.digest_ms = digest_ms,
		.now = rig->wall};

	one.lead.id = uuid_v7(rig->wall, &the_entropy, &rig->last_id);
	one.lead.source = strdup("web");
	one.lead.received_at = rig->wall;
	assert_int_equal(lead_set(&one.lead, FIELD_LAST_NAME, "Silva", NULL), ERR_OK);
	job_accept_prepare(&job);
	call(rig, &job.job);
	rig->seen = realloc(rig->seen, sizeof(*rig->seen) * (size_t)(rig->accepted + 1));
	rig->leads =
		realloc(rig->leads, sizeof(*rig->leads) * (size_t)(rig->accepted + 1));
	rig->seen[rig->accepted] = 0;
	rig->leads[rig->accepted++] = one.lead.id;
	for (int i = 0; fresh && i < destinations; i++)
		hand_over(rig, &one, i);
	if (fresh && contact)
		relay_fresh(
			rig->relay, rig->mail_id, one.mail_count > 0 ? one.mails[0] : 0);
	job_accept_finish(&job);
	lead_finish(&one.lead);
}

void rig_accept(struct rig *rig, int destinations, bool fresh)
{
	accept_one(rig, destinations, fresh, NULL, 0);
}

void rig_accept_telling(struct rig *rig, const char *contact, int64_t digest_ms)
{
	accept_one(rig, 1, true, contact, digest_ms);
}

/* ---- the loop ---- */

static struct rig_wire *next_answer(struct rig *rig)
{
	struct rig_wire *wire, *first = NULL;

	DL_FOREACH (rig->wire, wire)
		if (!first || wire->answer_at < first->answer_at)
			first = wire;
	return first;
}

static void advance(struct rig *rig, int64_t mono)
{
	if (mono <= rig->mono)
		return;
	rig->wall += mono - rig->mono;
	rig->mono = mono;
}

/* Everything that can happen now; the time at which more does. */
static int64_t settle_now(struct rig *rig)
{
	int64_t next;
	struct rig_wire *wire;
	struct rig_letter *letter;
	int turns = 0;

	do {
		rig->woken = false;
		while (!rig->store_stuck && store_step(rig->store) > 0)
			;
		wire = next_answer(rig);
		if (wire && wire->answer_at <= rig->mono) {
			deliver_answer(rig, wire);
			rig->woken = true;
		}
		letter = next_letter(rig);
		if (letter && letter->answer_at <= rig->mono) {
			answer_letter(rig, letter);
			rig->woken = true;
		}
		next = relay_tick(rig->relay);
		if (++turns > 200000)
			fail_msg("the relay never comes to rest");
		if (!rig->woken && !rig->store_stuck && store_waiting(rig->store) > 0)
			rig->woken = true;
	} while (rig->woken);
	wire = next_answer(rig);
	next = wire && wire->answer_at < next ? wire->answer_at : next;
	letter = next_letter(rig);
	return letter && letter->answer_at < next ? letter->answer_at : next;
}

void rig_run(struct rig *rig, int64_t ms)
{
	int64_t until = rig->mono + ms;

	for (;;) {
		int64_t next = settle_now(rig);

		assert_true(next > rig->mono);
		if (next > until)
			break;
		advance(rig, next);
	}
	advance(rig, until);
}

void rig_jump(struct rig *rig, int64_t delta)
{
	rig_jump_untold(rig, delta);
	relay_clock_jumped(rig->relay, delta);
}

void rig_jump_untold(struct rig *rig, int64_t delta)
{
	rig->wall += delta;
}

int rig_events(const struct rig *rig, int kind)
{
	int count = 0;

	for (int i = 0; i < rig->event_count; i++)
		count += (int)rig->events[i].kind == kind;
	return count;
}

struct relay_status rig_status(struct rig *rig, int destination)
{
	struct relay_status status = {0};

	assert_true(relay_status(rig->relay, rig->settings[destination].name, &status));
	return status;
}
