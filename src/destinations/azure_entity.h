/*
 * azure_entity: a lead as an entity of the table, in the columns that the marketplace's
 * own Azure Table destination writes. For the files of this room only. Pure.
 *
 *   PartitionKey      the day the lead was accepted (UTC), "2026-11-22"
 *   RowKey            the lead's id
 *   CustomerInfo      the person and firm, as JSON text
 *   LeadSource, ActionCode, OfferDisplayName, ProductId, CreatedTime, Description
 *
 * and beside them OfferId, Campaign, Source, Test and Extra, as far as the lead has them.
 */
#ifndef DESTINATIONS_AZURE_ENTITY_H
#define DESTINATIONS_AZURE_ENTITY_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"
#include "leadrelay/lead.h"
#include "leadrelay/settings.h"

#include <stdbool.h>

#define AZURE_TEXT_MAX (32 * 1024)     /* UTF-16 units of a property: 64 KiB */
#define AZURE_ENTITY_MAX (1024 * 1024) /* bytes as the service counts them */
#define AZURE_PROPERTIES_MAX 252       /* beside the three of the service */
#define AZURE_PARTITION_SIZE 16

struct azure_entity {
	struct buf json; /* one line */
	struct buf cut; /* what was cut to fit: "Description, Extra.notes"; "": nothing */
};

/* No text longer than text_max; with less of each when the whole would be too large.
 * False: out of memory. *out is the caller's to azure_entity_finish either way. */
bool azure_entity_make(struct azure_entity *out, const struct lead *lead,
	const struct pair_list *map, const struct pair_list *set, size_t text_max);
void azure_entity_finish(struct azure_entity *entity);

/* Fixed for ever when the lead is accepted. Returns out. */
char *azure_partition(const struct lead *lead, char out[AZURE_PARTITION_SIZE]);

/* The names that map and set give can be properties, and are not too many. */
enum err_code azure_columns_check(
	const struct pair_list *map, const struct pair_list *set, struct err *err);

#endif
