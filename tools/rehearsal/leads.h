/* leads: the lead table of the played Dataverse, over HTTP. Called with the settings'
 * read lock. */
#ifndef REHEARSAL_LEADS_H
#define REHEARSAL_LEADS_H

#include "crm.h"

void leads_set(struct exchange *exchange); /* /leads */
void leads_row(struct exchange *exchange); /* /leads(<id>) */
void leads_definition(
	struct exchange *exchange); /* EntityDefinitions(...)/Attributes... */

/* Puts a row there as if somebody had typed it in. body's leadid is used, or one is made
 * up. False: *why (the caller's to free). */
bool leads_seed(struct crm *crm, const cJSON *body, int64_t at, char **why);

/* The id in "leads(<id>)", lower case. False: no GUID. */
bool leads_id(const char *resource, char out[GUID_SIZE]);

#endif
