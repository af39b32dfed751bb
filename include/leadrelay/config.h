/*
 * config: leadrelay.yaml, read strictly (contract 4): FILE:LINE: key: what is wrong; what
 * is allowed.
 *
 * Blocking; reads the file, secret files and nothing else (certificates are checked to be
 * readable and to match). The store is not touched. All errors found are reported, not
 * only the first.
 */
#ifndef LEADRELAY_CONFIG_H
#define LEADRELAY_CONFIG_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"
#include "leadrelay/log.h"
#include "leadrelay/mails.h"
#include "leadrelay/settings.h"

#include <stdbool.h>

struct config {
	char *file; /* absolute */
	char *state_dir;
	struct intake_settings intake;
	struct source_settings *sources;
	size_t source_count;
	struct destination_settings *destinations;
	size_t destination_count;
	struct retry_rule retry;
	struct mail_settings mail;
	struct report_settings *reports;
	size_t report_count;
	struct retention retention;
	int64_t silence_alert_ms; /* 0: off */
	struct admin_settings admin;
	enum log_level log_level;
	enum log_format log_format;
	struct text_list warnings; /* e.g. a credential that expires soon, a destination
				      no source uses */
	void *memory;              /* what owns all of it */
};

/* $LEADRELAY_CONFIG, else /etc/leadrelay/leadrelay.yaml. */
const char *config_default_file(void);
/* *out is the caller's to config_destroy. On ERR_CONFIG problems holds one line per
 * error. */
enum err_code config_load(
	struct config **out, const char *file, struct buf *problems, struct err *err);
/* Only state_dir, as leniently as possible (status, list, show, destinations need no
 * more). malloc'd in *out. */
enum err_code config_state_dir(char **out, const char *file, struct err *err);
void config_destroy(struct config *config); /* wipes secrets; NULL is fine */
/* Whether a destination of both asks for its tokens with anything new: another secret,
 * password, certificate, client or directory. Of MAIL_DESTINATION: what mails are handed
 * in with: the server's address and the sender too. */
bool config_credentials_changed(
	const struct config *before, const struct config *after, const char *destination);

/* What the file may say: each key with its default and what is allowed. */
#define CONFIG_KINDS_MAX 8
struct config_key {
	const char *path;     /* "destinations[].auth.method": [] behind what is a list */
	const char *fallback; /* as one would write it; NULL: none */
	const char *allowed;  /* in words */
	bool required;        /* wherever it is known, and its block is given */
	bool secret;          /* NAME_file takes it from a file */
	struct {              /* only these kinds (of auth: methods) know it; none: all */
		const char *name;
		bool required;
	} kinds[CONFIG_KINDS_MAX];
	size_t kind_count;
};
/* Calls one for every key, in the order of the reference; key lives as long as the call.
 */
void config_keys_tell(void (*one)(void *ctx, const struct config_key *key), void *ctx);

/* Watches the secret and TLS files: returns true when one of them has, twice in a row,
 * read the same non-empty content that differs from what the configuration was loaded
 * with. Call every few seconds. */
struct secret_watch;
enum err_code secret_watch_create(
	struct secret_watch **out, const struct config *config, struct err *err);
bool secret_watch_changed(struct secret_watch *watch);
void secret_watch_destroy(struct secret_watch *watch);

#endif
