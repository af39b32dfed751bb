/*
 * dynamics: what the files of the dynamics365 destination share: its instance, the stages
 * of a task, and what one exchange is understood from.
 *
 *   dynamics365.c        the instance, and the machine that goes from stage to stage
 *   dynamics_requests.c  a stage to its request
 *   dynamics_answers.c   a stage and its answer to the next stage or the outcome
 *   dynamics_errors.c    an answer's status and code to a verdict
 *   dynamics_columns.c   a lead to columns
 */
#ifndef DESTINATIONS_DYNAMICS_H
#define DESTINATIONS_DYNAMICS_H

#include "dynamics_columns.h"
#include "dynamics_errors.h"

#include "leadrelay/destination.h"
#include "leadrelay/uuid.h"

enum stage {
	STAGE_CREATE,
	STAGE_ASK_FIRST,  /* before create: is our id there? */
	STAGE_PROVE_KEY,  /* after "duplicate key": is it ours? */
	STAGE_PROVE_RULE, /* after a duplicate rule's refusal: was it us? */
	STAGE_FIND,       /* policy update: the record with the same e-mail */
	STAGE_UPDATE,
	STAGE_WHO_AM_I,
	STAGE_PRIVILEGE,
	STAGE_READ,
	STAGE_DELETE,
};

struct dynamics {
	struct destination_base base;
	const struct entropy *entropy; /* borrowed */
	char *origin;
	char *api;                    /* ".../api/data/v9.2" */
	char user_id[UUID_TEXT_SIZE]; /* who our token is; "": not asked yet */
};

struct progress {                  /* task->extra */
	unsigned token_generation; /* of the request under way */
	struct column_repairs repairs;
	struct outcome held;        /* the create's refusal, while our id is asked for */
	char found[UUID_TEXT_SIZE]; /* policy update: the record to patch */
};

static inline struct progress *progress_of(const struct task *task)
{
	return (struct progress *)task->extra;
}

struct step { /* one exchange that is being understood */
	struct dynamics *dynamics;
	struct task *task;
	const struct http_answer *answer;
	struct dynamics_reading reading; /* its outcome goes into the history: handlers
					    correct it */
	int64_t now;
};

/* Fills request but for the token's header. Its buffers say whether memory sufficed. */
void dynamics_build(
	struct dynamics *dynamics, const struct task *task, struct http_request *request);

/* Goes to stage: STEP_SEND or STEP_TOKEN, or STEP_DONE when that cannot be. */
enum step_kind dynamics_enter(
	struct dynamics *dynamics, struct task *task, enum stage stage, int64_t now);

/* For error texts: "creating the lead". */
const char *dynamics_stage_words(enum stage stage);
/* Sent without an answer, it may have happened. */
bool dynamics_stage_writes(enum stage stage);
/* The next stage, or the outcome. step->reading is filled. */
enum step_kind dynamics_take(struct step *step);

#endif
