/*
 * batch: jobs in lists, and a list of jobs as one transaction. Internal to the store.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "job.h"

struct job_list {
	struct store_job *head;
	struct store_job *tail;
};

void job_list_append(struct job_list *list, struct store_job *job);
void job_list_append_all(struct job_list *list, struct job_list *more); /* empties more */
/* Cuts list before job; what follows goes to rest. */
void job_list_cut(struct job_list *list, struct store_job *job, struct job_list *rest);
/* None of them is on disk. */
void job_list_fail(struct job_list *list, const struct err *err);

/* BEGIN, every job, the counters, COMMIT. Each job's code and err say how it went; what
 * did not fit is cut off to rest. A failure is the whole batch's. */
enum err_code run_in_one_transaction(
	struct db *db, struct job_list *batch, struct job_list *rest, struct err *err);

#endif
