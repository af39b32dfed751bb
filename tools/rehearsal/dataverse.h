/* dataverse: the Web API under /api/data/v9.x/: who may ask, how, and who answers. */
#ifndef REHEARSAL_DATAVERSE_H
#define REHEARSAL_DATAVERSE_H

#include "crm.h"

/* Resource of a Web API path ("leads(...)"), or NULL when path is none of a known
 * version. */
const char *dataverse_resource(const char *path);

enum kind dataverse_kind(const struct request *req, const char *resource);

/* Fills the reply and sets committed. */
void dataverse_answer(struct exchange *exchange);

/* What WhoAmI tells; fixed, so that a test may know them. */
extern const char dataverse_user_id[], dataverse_business_unit_id[],
	dataverse_organization_id[];

#endif
