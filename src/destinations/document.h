/*
 * document: the canonical document of a lead as one destination wants it, for the kinds
 * that send it as JSON. For the files of this room only. Pure.
 */
#ifndef DESTINATIONS_DOCUMENT_H
#define DESTINATIONS_DOCUMENT_H

#include "leadrelay/buf.h"
#include "leadrelay/lead.h"
#include "leadrelay/settings.h"

#include <stdbool.h>

/* Appends lead_document on one line, with map's new names inside "fields" and set's
 * constants added there (a constant wins). False: out of memory. */
bool document_add(struct buf *out, const struct lead *lead, const struct pair_list *map,
	const struct pair_list *set);

#endif
