/* What status and destinations show alike. */
#ifndef LEADCTL_STATUS_VIEW_H
#define LEADCTL_STATUS_VIEW_H

#include "leadctl.h"

/* The table, and a paragraph for each that is not open. */
void print_destinations(struct cli *cli, const cJSON *destinations);

#endif
