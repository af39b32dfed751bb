/*
 * dynamics_columns: a lead in the columns of Dataverse's lead table. For the files of
 * this room only. Pure: the same lead, settings and repairs give the same columns.
 *
 * subject is "offer title (action code)", lastname never empty; each text is cut to its
 * column's length in UTF-16 units, and the whole of it goes to description, behind the
 * lead's own description, as "name: value" lines, as far as they fit: offer_id,
 * product_id, campaign, what had to be cut or left out, extra. map and set come before
 * all of that.
 */
#ifndef DESTINATIONS_DYNAMICS_COLUMNS_H
#define DESTINATIONS_DYNAMICS_COLUMNS_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"
#include "leadrelay/lead.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stddef.h>

#define COLUMN_REPAIRS_MAX 4
#define COLUMN_NAME_SIZE 128 /* Dataverse allows 50, and "@odata.bind" behind it */

struct column_repair { /* what the CRM's refusal taught about a column */
	char name[COLUMN_NAME_SIZE];
	size_t limit; /* UTF-16 units; 0: leave it out */
};

struct column_repairs {
	struct column_repair items[COLUMN_REPAIRS_MAX];
	size_t count;
};

/* A column is a name of letters, digits and _, or a lookup with @odata.bind, and none of
 * those that are the relay's or the CRM's own. */
bool column_name_allowed(const char *name);

/* Appends the columns as a JSON object; update: of a record that exists, so without
 * leadid and placeholders. */
void columns_add(struct buf *out, const struct lead *lead,
	const struct destination_settings *settings, const struct column_repairs *repairs,
	bool update);
/* The same to look into: NULL when out of memory, the caller's to cJSON_Delete. */
cJSON *columns_of_lead(const struct lead *lead,
	const struct destination_settings *settings, const struct column_repairs *repairs,
	bool update);

/* Adds a repair for the refusal; false: none is left that could help. columns: as sent.
 */
bool columns_shorten(
	struct column_repairs *repairs, const cJSON *columns, const char *message);
bool columns_drop_choice(struct column_repairs *repairs, const cJSON *columns,
	const struct destination_settings *settings, const char *message);
bool columns_drop_email(
	struct column_repairs *repairs, const cJSON *columns, const char *message);

/* Where the lead's e-mail goes. */
const char *columns_email_name(const struct destination_settings *settings);

#endif
