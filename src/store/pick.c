#include "pick.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WALK_SEQS 20000 /* looked at per call */

#define BIT(state) (1u << (state))
#define UNSETTLED \
	(BIT(DELIVERY_PENDING) | BIT(DELIVERY_HELD) | BIT(DELIVERY_DEAD) | \
		BIT(DELIVERY_DISCARDED))

/* A delivered one has no reason, so a reason alone already says which index. */
static unsigned states_of(const struct selection *selection)
{
	if (selection->states == 0 && selection->reason != REASON_NONE)
		return UNSETTLED;
	return selection->states;
}

static bool is_indexed(const struct selection *selection)
{
	unsigned states = states_of(selection);

	return states != 0 && (states & ~(UNSETTLED | SELECT_QUARANTINED)) == 0;
}

void picker_init(struct picker *picker, const struct selection *selection, bool down)
{
	*picker = (struct picker){.selection = selection,
		.down = down,
		.at = down && !selection->leads ? INT64_MAX : 0};
}

/* ---- a list of leads ---- */

static void next_listed(struct picker *picker, int64_t *seqs, size_t max, size_t *count)
{
	const struct selection *selection = picker->selection;

	while (*count < max && (size_t)picker->at < selection->lead_count)
		seqs[(*count)++] = selection->leads[picker->at++];
	picker->finished = (size_t)picker->at >= selection->lead_count;
}

/* ---- from the indexes ---- */

struct lanes { /* what each index gave, put together */
	int64_t *seqs;
	size_t count;
	size_t room;
	bool more; /* an index has more than it gave */
};

static enum err_code add_lane(struct db *db, sqlite3_stmt *stmt, size_t max,
	struct lanes *lanes, struct err *err)
{
	size_t given = 0;
	enum db_row row;

	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		if (lanes->count == lanes->room) {
			size_t room = lanes->room ? 2 * lanes->room : max + 1;
			int64_t *seqs = realloc(lanes->seqs, room * sizeof(seqs[0]));

			if (!seqs) {
				sqlite3_reset(stmt);
				return err_set(
					err, ERR_NOMEM, "selecting leads: out of memory");
			}
			lanes->seqs = seqs;
			lanes->room = room;
		}
		lanes->seqs[lanes->count++] = sqlite3_column_int64(stmt, 0);
		given++;
	}
	lanes->more |= given == max;
	return row == DB_DONE ? ERR_OK : err->code;
}

static enum err_code add_destination(struct picker *picker, struct db *db,
	int64_t destination, size_t max, struct lanes *lanes, struct err *err)
{
	unsigned states = states_of(picker->selection);
	enum err_code code = ERR_OK;

	for (int state = DELIVERY_PENDING; state < DELIVERY_STATES && code == ERR_OK;
		state++) {
		sqlite3_stmt *stmt;

		if (!(states & BIT(state)))
			continue;
		stmt = db_stmt(db,
			picker->down ? SQL_PICK_UNSETTLED_DOWN : SQL_PICK_UNSETTLED_UP);
		sqlite3_bind_int64(stmt, 1, destination);
		sqlite3_bind_int(stmt, 2, state);
		sqlite3_bind_int64(stmt, 3, picker->at);
		sqlite3_bind_int64(stmt, 4, (int64_t)max);
		code = add_lane(db, stmt, max, lanes, err);
	}
	return code;
}

static enum err_code add_quarantined(struct picker *picker, struct db *db, size_t max,
	struct lanes *lanes, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(
		db, picker->down ? SQL_PICK_QUARANTINED_DOWN : SQL_PICK_QUARANTINED_UP);

	sqlite3_bind_int64(stmt, 1, picker->at);
	sqlite3_bind_int64(stmt, 2, (int64_t)max);
	return add_lane(db, stmt, max, lanes, err);
}

static enum err_code add_lanes(struct picker *picker, struct db *db, size_t max,
	struct lanes *lanes, struct err *err)
{
	const struct selection *selection = picker->selection;
	struct lanes ids = {0};
	enum err_code code = ERR_OK;

	if (selection->states & SELECT_QUARANTINED)
		code = add_quarantined(picker, db, max, lanes, err);
	if (code != ERR_OK || selection->destination != 0)
		return code != ERR_OK ? code
				      : add_destination(picker, db,
						selection->destination, max, lanes, err);
	code = add_lane(db, db_stmt(db, SQL_DESTINATION_IDS), 1024, &ids, err);
	for (size_t i = 0; i < ids.count && code == ERR_OK; i++)
		code = add_destination(picker, db, ids.seqs[i], max, lanes, err);
	free(ids.seqs);
	return code;
}

static int ascending(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int descending(const void *a, const void *b)
{
	return ascending(b, a);
}

static enum err_code next_indexed(struct picker *picker, struct db *db, int64_t *seqs,
	size_t max, size_t *count, struct err *err)
{
	struct lanes lanes = {0};
	enum err_code code = add_lanes(picker, db, max, &lanes, err);
	size_t i = 0;

	if (code == ERR_OK && lanes.count > 1)
		qsort(lanes.seqs, lanes.count, sizeof(lanes.seqs[0]),
			picker->down ? descending : ascending);
	for (; code == ERR_OK && i < lanes.count; i++) {
		if (*count > 0 && seqs[*count - 1] == lanes.seqs[i])
			continue;
		if (*count == max)
			break;
		seqs[(*count)++] = lanes.seqs[i];
		picker->at = lanes.seqs[i];
	}
	picker->finished = code == ERR_OK && i == lanes.count && !lanes.more;
	free(lanes.seqs);
	return code;
}

/* ---- walking ---- */

static enum err_code find_end(struct picker *picker, struct db *db, struct err *err)
{
	enum err_code code = ERR_OK;
	int64_t last;

	if (picker->down && picker->at == INT64_MAX) {
		code = db_int(db, db_stmt(db, SQL_LEAD_LAST), 0, &last, err);
		if (code == ERR_OK)
			picker->at = last + 1;
	} else if (!picker->down && picker->until == 0) {
		code = db_int(db, db_stmt(db, SQL_LEAD_LAST), 0, &picker->until, err);
	}
	return code;
}

static sqlite3_stmt *walk_stmt(
	const struct picker *picker, struct db *db, int64_t to, size_t max)
{
	const struct selection *selection = picker->selection;
	sqlite3_stmt *stmt =
		db_stmt(db, picker->down ? SQL_PICK_WALK_DOWN : SQL_PICK_WALK_UP);

	sqlite3_bind_int64(stmt, 1, picker->at);
	sqlite3_bind_int64(stmt, 2, to);
	sqlite3_bind_int64(stmt, 3, selection->source);
	sqlite3_bind_int64(stmt, 4, selection->since ? selection->since : INT64_MIN);
	sqlite3_bind_int64(stmt, 5, selection->until ? selection->until : INT64_MAX);
	db_bind_text(stmt, 6, selection->email);
	sqlite3_bind_int64(stmt, 7, (int64_t)max);
	if (!(selection->states & SELECT_QUARANTINED)) {
		sqlite3_bind_int64(stmt, 8, selection->states);
		sqlite3_bind_int64(stmt, 9, selection->destination);
	} else {
		sqlite3_bind_int64(stmt, 8, 0);
		sqlite3_bind_int64(stmt, 9, 0);
	}
	return stmt;
}

static enum err_code next_walked(struct picker *picker, struct db *db, int64_t *seqs,
	size_t max, size_t *count, struct err *err)
{
	enum err_code code = find_end(picker, db, err);
	sqlite3_stmt *stmt;
	enum db_row row;
	int64_t to;

	if (code != ERR_OK)
		return code;
	to = picker->down ? picker->at - WALK_SEQS : picker->at + WALK_SEQS;
	if (picker->down ? to < picker->until : to > picker->until)
		to = picker->until;
	stmt = walk_stmt(picker, db, to, max);
	while ((row = db_next(db, stmt, err)) == DB_ROW)
		seqs[(*count)++] = sqlite3_column_int64(stmt, 0);
	if (row == DB_ERROR)
		return err->code;
	picker->at = *count == max ? seqs[max - 1] : to;
	picker->finished = picker->down ? picker->at <= picker->until || picker->at <= 1
					: picker->at >= picker->until;
	return ERR_OK;
}

enum err_code picker_next(struct picker *picker, struct db *db, int64_t *seqs, size_t max,
	size_t *count, struct err *err)
{
	*count = 0;
	if (picker->finished)
		return ERR_OK;
	if (!picker->selection->leads && is_indexed(picker->selection))
		return next_indexed(picker, db, seqs, max, count, err);
	if (!picker->selection->leads)
		return next_walked(picker, db, seqs, max, count, err);
	next_listed(picker, seqs, max, count);
	return ERR_OK;
}

/* ---- one candidate ---- */

static enum err_code read_deliveries(
	struct db *db, struct lead_facts *facts, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_LEAD_DELIVERIES);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, facts->seq);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct delivery_facts *more = realloc(facts->deliveries,
			(facts->count + 1) * sizeof(facts->deliveries[0]));

		if (!more) {
			sqlite3_reset(stmt);
			return err_set(err, ERR_NOMEM, "reading a lead: out of memory");
		}
		facts->deliveries = more;
		facts->deliveries[facts->count++] =
			(struct delivery_facts){.id = sqlite3_column_int64(stmt, 0),
				.destination = sqlite3_column_int64(stmt, 1),
				.state = (enum delivery_state)sqlite3_column_int(stmt, 2),
				.reason = (enum reason)sqlite3_column_int(stmt, 3)};
	}
	return row == DB_DONE ? ERR_OK : err->code;
}

enum err_code lead_facts_read(
	struct db *db, int64_t seq, struct lead_facts *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_LEAD_FACTS);
	struct lead_facts facts = {.seq = seq};
	enum err_code code;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, seq);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE) {
		*out = facts;
		return ERR_OK;
	}
	facts.state = (enum lead_state)sqlite3_column_int(stmt, 0);
	facts.source = sqlite3_column_int64(stmt, 1);
	facts.received_at = sqlite3_column_int64(stmt, 2);
	facts.test = sqlite3_column_int(stmt, 4) != 0;
	code = db_text(stmt, 3, &facts.email, err);
	sqlite3_reset(stmt);
	if (code == ERR_OK)
		code = read_deliveries(db, &facts, err);
	if (code == ERR_OK)
		*out = facts;
	else
		lead_facts_finish(&facts);
	return code;
}

void lead_facts_finish(struct lead_facts *facts)
{
	free(facts->email);
	free(facts->deliveries);
	*facts = (struct lead_facts){0};
}

bool delivery_matches(
	const struct selection *selection, const struct delivery_facts *delivery)
{
	if (selection->states != 0 && !(selection->states & BIT(delivery->state)))
		return false;
	if (selection->destination != 0 &&
		selection->destination != delivery->destination)
		return false;
	return selection->reason == REASON_NONE || selection->reason == delivery->reason;
}

static bool lead_itself_matches(
	const struct selection *selection, const struct lead_facts *facts)
{
	if (facts->state == 0 ||
		(selection->source != 0 && selection->source != facts->source))
		return false;
	if (selection->since != 0 && facts->received_at < selection->since)
		return false;
	if (selection->until != 0 && facts->received_at >= selection->until)
		return false;
	return !selection->email ||
	       (facts->email && strcasecmp(selection->email, facts->email) == 0);
}

bool lead_matches(const struct selection *selection, const struct lead_facts *facts)
{
	bool of_delivery =
		selection->destination != 0 || selection->reason != REASON_NONE;

	if (!lead_itself_matches(selection, facts))
		return false;
	if (!of_delivery && selection->states == 0)
		return true;
	if (!of_delivery && (selection->states & SELECT_QUARANTINED) &&
		facts->state == LEAD_QUARANTINED)
		return true;
	for (size_t i = 0; i < facts->count; i++)
		if (delivery_matches(selection, &facts->deliveries[i]))
			return true;
	return false;
}
