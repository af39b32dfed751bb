/* csv_heading: the words headings are made of. Pure. */
#ifndef LEADRELAY_INTAKE_CSV_HEADING_H
#define LEADRELAY_INTAKE_CSV_HEADING_H

#include "leadrelay/csv.h"

#define HEADING_FOLDED_MAX 48

/* Lower case, without blanks, '_', '-' and accents; "" when it is too long to be known.
 */
void heading_fold(const char *heading, char out[HEADING_FOLDED_MAX]);
bool heading_same(const char *a, const char *b); /* folded */
/* What a heading means by itself: sets meaning and field of out. */
void heading_meaning(const char *heading, struct csv_column *out);
/* What --map names: a canonical field, "created" or "extra"; false: neither. */
bool meaning_named(const char *name, struct csv_column *out);

#endif
