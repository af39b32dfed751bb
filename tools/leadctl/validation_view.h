/* A step of a validation as a line, wherever it is tried. */
#ifndef LEADCTL_VALIDATION_VIEW_H
#define LEADCTL_VALIDATION_VIEW_H

#include "leadctl.h"
#include "validation.h"

/* Written at once: the next one may take a while. */
void print_step(struct cli *cli, const struct validation_step *step);

#endif
