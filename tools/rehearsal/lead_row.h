/* lead_row: how a row of the lead table comes to be from what a client sends. */
#ifndef REHEARSAL_LEAD_ROW_H
#define REHEARSAL_LEAD_ROW_H

#include "crm.h"

/* The text in a row's column; NULL when it is empty, absent or no text. */
const char *lead_text(const cJSON *row, const char *name);

/* A row with the columns of body and what the system adds; body was checked. The
 * caller's. */
cJSON *lead_new_row(struct crm *crm, const char *id, const cJSON *body, int64_t at);

/* Copies body's columns into row, all but the key. */
void lead_put_body(cJSON *row, const cJSON *body);
/* What the system sets on every write: full name, times, version. */
void lead_put_system(struct crm *crm, cJSON *row, int64_t at);

#endif
