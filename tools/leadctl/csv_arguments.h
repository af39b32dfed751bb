/* The options by which people say how a CSV file is read: --delimiter, --encoding,
 * --map. */
#ifndef LEADCTL_CSV_ARGUMENTS_H
#define LEADCTL_CSV_ARGUMENTS_H

#include "leadctl.h"

#include "leadrelay/csv.h"
#include "leadrelay/settings.h"

/* An exit_status. Texts are borrowed from args; *map is the caller's to
 * csv_arguments_finish, also after a failure. */
int csv_arguments_read(struct cli *cli, const struct arguments *args,
	struct csv_options *options, struct pair_list *map);
void csv_arguments_finish(struct pair_list *map);

#endif
