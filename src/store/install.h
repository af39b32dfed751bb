/*
 * install: a finished outbox takes the place of the present one, whole or not at all.
 * Internal to the store.
 *
 *   1. it is complete and synced under INSTALL_READY: from here on it will be installed
 *   2. the present WAL and file are renamed, kept under a name with the time
 *   3. it gets the name outbox.db
 *
 * A crash leaves the old outbox (before 1) or, at the next opening of the store, the new
 * one (install_finish). A WAL never meets a file that is not its own.
 */
#ifndef STORE_INSTALL_H
#define STORE_INSTALL_H

#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>

#define INSTALL_MAKING \
	"outbox.db.making" /* being written; worth nothing after a crash \
			    */
#define INSTALL_READY "outbox.db.ready"

/* Makes INSTALL_MAKING ready and installs it. aside: the name, within state_dir, that the
 * present file got; "" when there was none. */
enum err_code install(const char *state_dir, char *aside, size_t size, struct err *err);
/* Ends an installation that a crash interrupted; nothing when there is none. */
enum err_code install_finish(
	const char *state_dir, char *aside, size_t size, struct err *err);

#endif
