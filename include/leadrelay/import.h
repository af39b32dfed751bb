/*
 * import: rows of a file on their way from leadctl, which reads it, to the store.
 *
 *   {"command":"import", "action":"begin", "source":"fair", "file":"<SHA-256, hex>"}
 *   {"command":"import", "action":"rows", "source":"fair", "import":1, "run":1,
 *    "first":1, "count":N, "rows":"<base64>", "notify":false, "recovered":false}
 *   {"command":"import", "action":"end", "source":"fair", "import":1, "run":1}
 *
 * Each answers, as done, the ledger's state: import run finished taken accepted duplicate
 * erased rejected; rows also stale, took_ms (store thread, without the commit) and
 * refused: the numbers of the rows whose persons asked to be forgotten; recovered ones
 * (reconcile) also known: of those that were here or taken already. Rows that were
 * taken before are skipped, so a request that was not answered is simply sent again. A
 * daemon that is about to stop answers {"paused":{}}: ask whoever is next.
 *
 * The rows are packed: both ends are this program, a JSON document per row would cost
 * more than storing it.
 */
#ifndef LEADRELAY_IMPORT_H
#define LEADRELAY_IMPORT_H

#include "leadrelay/batches.h"
#include "leadrelay/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define IMPORT_BATCH_ROWS 500
#define IMPORT_BATCH_BYTES (2 * 1024 * 1024) /* packed; one row may be that large */

/* Appends one row. row->item.lead: id, fields, extra, test, and received_at with
 * time_given; row->raw. Of a rejected one nothing but that it is. */
void import_pack(struct buf *out, const struct import_row *row);
/* The reverse: rows points into bytes, which it changes and must outlive; first: number
 * of the first row. *rows_out is the caller's to import_rows_free. ERR_INVALID: it was
 * not packed by import_pack. */
enum err_code import_unpack(char *bytes, size_t len, int64_t first, size_t count,
	struct import_row **rows_out, struct err *err);
void import_rows_free(struct import_row *rows, size_t count);

#endif
