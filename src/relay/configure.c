/*
 * A (re)load: every destination gets a new edition; what is under way keeps the old one,
 * and with its last user the old set of settings is released.
 */
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sets and editions ---- */

void set_drop(struct set *set)
{
	if (!set || --set->users > 0)
		return;
	if (set->released)
		set->released(set->ctx);
	free(set);
}

void edition_use(struct edition *edition)
{
	edition->users++;
}

void edition_drop(struct edition *edition)
{
	if (!edition || --edition->users > 0)
		return;
	destination_destroy(edition->destination);
	set_drop(edition->set);
	free(edition);
}

/* Of settings, or the internal one that sends mails. */
static enum err_code edition_create(struct edition **out, struct relay *relay,
	struct set *set, const struct destination_settings *settings,
	const struct mail_settings *mail, struct err *err)
{
	const struct entropy *entropy = relay->options.entropy;
	struct edition *edition = calloc(1, sizeof(*edition));
	enum err_code code;

	if (!edition) {
		err_set(err, ERR_NOMEM, "relay: out of memory");
		return ERR_NOMEM;
	}
	if (mail)
		code = destination_email_create(
			&edition->destination, mail, entropy, err);
	else
		code = destination_create(&edition->destination, settings, entropy, err);
	if (code != ERR_OK) {
		free(edition);
		return code;
	}
	settings = edition->destination->base.settings;
	edition->settings = settings;
	edition->mail = mail;
	edition->set = set;
	edition->users = 1;
	edition->rule = (struct health_rule){.retry = set->retry,
		.probe_interval_ms = settings->probe_interval_ms,
		.max_concurrency = settings->max_concurrency};
	set->users++;
	*out = edition;
	return ERR_OK;
}

/* ---- lanes ---- */

struct lane *lane_find(const struct relay *relay, const char *name)
{
	struct lane *lane;

	for (lane = relay->lanes; lane; lane = lane->next)
		if (strcmp(lane->name, name) == 0)
			return lane;
	return NULL;
}

struct lane *lane_find_id(const struct relay *relay, int64_t id)
{
	struct lane *lane;

	for (lane = relay->lanes; lane; lane = lane->next)
		if (lane->id == id)
			return lane;
	return NULL;
}

static struct lane *lane_create(struct relay *relay, const struct destination_row *row)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (!lane)
		return NULL;
	lane->relay = relay;
	lane->id = row->id;
	snprintf(lane->name, sizeof(lane->name), "%s", row->name);
	lane->health = row->health;
	for (int i = 0; i <= STREAMS; i++) {
		lane->claims[i].lane = lane;
		lane->claims[i].stream = i;
	}
	return lane;
}

/* Everything of it under way is over. */
void lane_destroy(struct lane *lane)
{
	window_clear(lane);
	edition_drop(lane->edition);
	free(lane);
}

static bool lane_is_busy(const struct lane *lane)
{
	for (int i = 0; i <= STREAMS; i++)
		if (lane->claims[i].busy)
			return true;
	return lane->health_busy || lane->known || lane->in_flight > 0 ||
	       lane->settling > 0 || lane->probe || lane->fetches > 0;
}

void lane_reap(struct lane *lane)
{
	if (lane->edition || lane_is_busy(lane))
		return;
	DL_DELETE(lane->relay->lanes, lane);
	lane_destroy(lane);
}

/* ---- the swap ---- */

struct change { /* to one destination */
	const struct destination_row *row;
	bool secret_changed;
	struct edition *edition;
	struct lane *lane;
	bool created; /* the lane is new */
};

struct swap { /* everything that can fail, made before anything is changed */
	struct set *set;
	struct change *changes;
	size_t count;
};

static void swap_undo(struct swap *swap)
{
	for (size_t i = 0; i < swap->count; i++) {
		edition_drop(swap->changes[i].edition);
		if (swap->changes[i].created)
			lane_destroy(swap->changes[i].lane);
	}
	free(swap->changes);
	set_drop(swap->set);
}

/* change->row and the edition are there. */
static enum err_code find_lane(
	struct relay *relay, struct change *change, struct err *err)
{
	change->lane = lane_find_id(relay, change->row->id);
	if (change->lane)
		return ERR_OK;
	change->lane = lane_create(relay, change->row);
	change->created = change->lane != NULL;
	if (change->created)
		return ERR_OK;
	err_set(err, ERR_NOMEM, "relay: out of memory");
	return ERR_NOMEM;
}

static enum err_code change_prepare(struct relay *relay, struct set *set,
	const struct relay_destination *one, struct change *change, struct err *err)
{
	enum err_code code =
		edition_create(&change->edition, relay, set, one->settings, NULL, err);

	change->row = one->row;
	change->secret_changed = one->secret_changed;
	return code == ERR_OK ? find_lane(relay, change, err) : code;
}

static enum err_code mail_prepare(struct relay *relay, struct set *set,
	const struct relay_mail *mail, struct change *change, struct err *err)
{
	enum err_code code =
		edition_create(&change->edition, relay, set, NULL, mail->settings, err);

	change->row = mail->row;
	change->secret_changed = mail->secret_changed;
	return code == ERR_OK ? find_lane(relay, change, err) : code;
}

static enum err_code swap_prepare(struct relay *relay, struct swap *swap,
	const struct retry_rule *retry, const struct relay_destination *destinations,
	size_t count, const struct relay_mail *mail, struct err *err)
{
	enum err_code code = ERR_OK;

	*swap = (struct swap){.set = calloc(1, sizeof(*swap->set)),
		.changes = calloc(count + 1, sizeof(*swap->changes))};
	if (!swap->set || !swap->changes) {
		err_set(err, ERR_NOMEM, "relay: out of memory");
		return ERR_NOMEM;
	}
	swap->set->retry = *retry;
	swap->set->users = 1;
	swap->count = count + (mail ? 1 : 0);
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = change_prepare(
			relay, swap->set, &destinations[i], &swap->changes[i], err);
	if (mail && code == ERR_OK)
		code = mail_prepare(relay, swap->set, mail, &swap->changes[count], err);
	return code;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Another server, account or sender: what was refused may be taken now. */
static bool mail_moved(const struct mail_settings *a, const struct mail_settings *b)
{
	return !same_text(a->from, b->from) ||
	       !same_text(a->smtp.username, b->smtp.username) ||
	       !same_text(a->smtp.ca_file, b->smtp.ca_file) ||
	       a->smtp.tls != b->smtp.tls || a->smtp.auth != b->smtp.auth ||
	       a->smtp.allow_plain != b->smtp.allow_plain;
}

/* What the operator changed mends what it was parked for. */
static bool mended(const struct lane *lane, const struct change *one)
{
	const struct edition *old = lane->edition, *new = one->edition;
	bool moved = old && !same_text(destination_url(old->destination),
				    destination_url(new->destination));

	if (old && old->mail && new->mail)
		moved = moved || mail_moved(old->mail, new->mail);
	if (lane->health.state != HEALTH_PARKED)
		return false;
	switch (lane->health.reason) {
	case REASON_REMOVED:
		return true;
	case REASON_OPERATOR:
		return false;
	default: /* asked once more than needed is better than a quarter of an hour late
		  */
		return one->secret_changed || moved;
	}
}

static void lane_configure(struct lane *lane, const struct change *one)
{
	struct edition *edition = one->edition, *old = lane->edition;
	struct was was;
	bool resume;

	if (!old) { /* new, or back: the store knows better than we do */
		lane->health = one->row->health;
		window_rescan(lane);
	}
	was = lane_was(lane);
	resume = mended(lane, one);
	lane->edition = edition;
	health_configure(&lane->health, &edition->rule);
	if (resume)
		lane_changed(lane, was,
			health_resume(&lane->health, relay_now(lane->relay)), NULL,
			false);
	edition_drop(old);
}

/* No longer configured: what is under way finishes, nothing more is started. */
static void lane_retire(struct lane *lane)
{
	struct edition *old = lane->edition;

	lane->edition = NULL;
	window_clear(lane);
	edition_drop(old);
	lane_reap(lane);
}

static bool among(const struct lane *lane, const struct swap *swap)
{
	for (size_t i = 0; i < swap->count; i++)
		if (swap->changes[i].lane == lane)
			return true;
	return false;
}

static void retire_others(struct relay *relay, const struct swap *swap)
{
	struct lane *lane, *next;

	for (lane = relay->lanes; lane; lane = next) {
		next = lane->next;
		if (!among(lane, swap))
			lane_retire(lane);
	}
}

enum err_code relay_configure(struct relay *relay, const struct retry_rule *retry,
	const struct relay_destination *destinations, size_t count,
	const struct relay_mail *mail, void (*released)(void *ctx), void *ctx,
	struct err *err)
{
	struct err local;
	struct swap swap;
	struct set *old = relay->set;

	if (!err)
		err = &local;
	if (swap_prepare(relay, &swap, retry, destinations, count, mail, err) != ERR_OK) {
		swap_undo(&swap);
		return err->code;
	}
	retire_others(relay, &swap);
	relay->set = swap.set;
	for (size_t i = 0; i < swap.count; i++) {
		struct change *change = &swap.changes[i];

		if (change->created)
			DL_APPEND(relay->lanes, change->lane);
		lane_configure(change->lane, change);
	}
	free(swap.changes);
	if (old) {
		old->released = released;
		old->ctx = ctx;
		set_drop(old);
	} else if (released) {
		released(ctx);
	}
	relay_wake(relay);
	return ERR_OK;
}
