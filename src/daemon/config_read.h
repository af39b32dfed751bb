/*
 * config_read: how the parts of config work together while one file is read. Private to
 * the library config.
 *
 * One `struct reading` goes through everything: the YAML document with its marks, the
 * memory the values come from, the dotted path of the key being read, and the problems
 * found so far. A reader that does not like a value calls problem() and goes on, so that
 * one run tells everything.
 */
#ifndef LEADRELAY_DAEMON_CONFIG_READ_H
#define LEADRELAY_DAEMON_CONFIG_READ_H

#include "leadrelay/buf.h"
#include "leadrelay/config.h"
#include "leadrelay/destination.h"
#include "leadrelay/err.h"
#include "leadrelay/text.h"
#include "leadrelay/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <yaml.h>

/* ---- memory: everything a configuration consists of, freed (and wiped) at once ---- */

struct memory;
struct memory *memory_create(void); /* NULL: out of memory */
void memory_destroy(struct memory *memory);
/* Zeroed. NULL when out of memory, which memory_ok remembers. */
void *memory_alloc(struct memory *memory, size_t size);
char *memory_text(struct memory *memory, const char *text, size_t len);
void memory_fail(struct memory *memory); /* what failed was no mistake of the file */
bool memory_ok(const struct memory *memory);

/* The files whose change asks for a reload, as they were when they were read. */
struct watched {
	char *path;
	uint8_t digest[SHA256_SIZE];
	struct watched *next;
};
struct watched *memory_watched(const struct memory *memory);
void memory_watch(struct memory *memory, const char *path, const char *bytes, size_t len);

/* ---- one file being read ---- */

#define CONFIG_PATH_MAX 256
#define CONFIG_PROBLEMS_MAX 100

struct reading {
	const char *file; /* as the caller named it: what problems begin with */
	char *folder;     /* absolute: what relative paths start from */
	mode_t mode;      /* of the file */
	yaml_document_t document;
	bool has_document;
	struct memory *memory;
	struct config *config;
	char path[CONFIG_PATH_MAX]; /* "destinations.crm.auth" */
	struct {
		int line;
		char *text;
	} problems[CONFIG_PROBLEMS_MAX];
	size_t problem_count;
	bool wants_private; /* a secret stands in the file itself */
	int private_line;   /* the first one */
	char private_path[CONFIG_PATH_MAX];
};

/* "FILE:LINE: path: <fmt>; <allowed>". Texts never hold a secret. */
void problem(struct reading *in, int line, const char *allowed, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* What err says; nothing of the file when memory ran out. */
void problem_of(struct reading *in, int line, const char *allowed, const struct err *err);
void warning(struct reading *in, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void want_private(struct reading *in, int line); /* a secret stands here, at in->path */
size_t path_push(struct reading *in, const char *name); /* what path_pop takes back */
void path_pop(struct reading *in, size_t before);

#define QUOTED_SIZE 96
/* A value for a problem's text: in quotes, control characters escaped, cut when long. */
const char *quoted(const char *text, char out[QUOTED_SIZE]);

/* ---- config_yaml.c ---- */

#define CONFIG_FILE_MAX (1024 * 1024)
/* The whole file, at most max bytes. *out is the caller's to free. mode may be NULL. */
enum err_code file_read(const char *path, size_t max, char **out, size_t *len_out,
	struct stat *stat_out, struct err *err);
/* Bytes to in->document; false when problems were found that leave nothing to read. */
bool document_load(struct reading *in, const char *bytes, size_t len);
int node_line(const yaml_node_t *node);
/* The value under name and the line of its key; NULL when absent. line may be NULL. */
yaml_node_t *mapping_find(
	struct reading *in, const yaml_node_t *mapping, const char *name, int *line);
/* Keys that are not texts, and keys twice, are problems. */
void mapping_check(struct reading *in, const yaml_node_t *mapping);
yaml_node_t *node_at(struct reading *in, int index);
/* The text with ${VAR} replaced and $${ as ${, from in->memory; NULL after a problem. */
char *expand(struct reading *in, int line, const char *text);
/* The expanded text of a scalar; NULL after a problem (not a text, empty, control
 * characters). */
char *scalar_text(
	struct reading *in, int line, const yaml_node_t *node, const char *allowed);
bool node_is_plain(const yaml_node_t *node); /* without quotes */
/* The whole value is one ${VAR}: the file does not hold the secret. */
bool is_variable_only(const char *raw);

/* ---- keys: the tables ---- */

struct choice {
	const char *name;
	int value;
	bool later; /* not in this version */
};

struct key {
	const char *name;
	/* one of the two; target is base + offset */
	void (*scalar)(struct reading *in, const struct key *key, int line,
		const char *text, void *target);
	void (*node)(struct reading *in, const struct key *key, int line,
		yaml_node_t *node, void *target);
	size_t offset;
	const char *fallback; /* as one would write it; NULL: none */
	const char
		*otherwise; /* the default in words, where it takes more than a value */
	bool required;
	bool secret;         /* take_secret takes NAME or NAME_file */
	const char *allowed; /* what an error says behind its semicolon; NULL: made of the
				range or the choices */
	int64_t min, max;
	const struct choice *choices;
	unsigned kinds; /* bits of the kinds that know this key; 0: all */
	bool own; /* of destinations: of the kinds that name it, which say whether it is
		     required */
	const struct key *keys; /* of a section within: take_inner */
	bool is_list;           /* of such sections */
	/* take_inner: the rules between the section's keys */
	void (*check)(struct reading *in, int line, yaml_node_t *node, void *target);
};

extern const struct key config_keys[]; /* the file's root; ends with a NULL name */
extern const struct key auth_keys[];
extern const struct key destination_keys[];
extern const struct key mail_keys[];
extern const struct key report_keys[];
extern const struct key retention_keys[];
extern const struct key admin_keys[];
extern const struct key tls_keys[]; /* of an intake_settings */
extern const struct choice source_kinds[];
extern const struct choice auth_methods[];

/* Which keys an entry knows depends on one of them: a source's kind, auth's method. */
struct section_kind {
	const char *key;  /* "kind" */
	const char *name; /* "form" */
	unsigned bit; /* KIND_UNUSABLE: told already; then unknown and missing keys are
			 not told */
	const struct destination_kind *destination; /* of a destination; NULL: unusable */
};
#define KIND_UNUSABLE (~0u)

/* Reads the keys of a mapping into base, and gives those that are absent their default.
 * kind NULL: the section has none. */
void take_section(struct reading *in, const struct key *keys, int line, yaml_node_t *node,
	void *base, const struct section_kind *kind);
/* A kind of destination that a configuration may name. */
bool kind_can_be_chosen(const char *name);
/* What is allowed, in words. */
const char *key_allowed(const struct key *key, char *out, size_t size);

/* scalars */
void take_text(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_name(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_path(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_duration(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_size(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_int(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_rate(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_factor(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_bool(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_choice(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
/* One of the choices, kept as its name. */
void take_word(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_flag_choice(struct reading *in, const struct key *key, int line,
	const char *text, void *target);
void take_url(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_proxy(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_date(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_api_version(struct reading *in, const struct key *key, int line,
	const char *text, void *target);
void take_kind(struct reading *in, const struct key *key, int line, const char *text,
	void *target);
void take_pem(struct reading *in, const struct key *key, int line, const char *text,
	void *target);

/* nodes */
void take_inner(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_auth(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_secret(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_listen(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_networks(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_names(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_hosts(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_origins(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_contacts(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_mail(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_reports(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_headers(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_source_map(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target);
void take_source_set(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target);
void take_destination_map(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target);
void take_destination_set(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target);
void take_when(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_sources(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target);
void take_destinations(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target);

/* "crm" of "destinations.crm" while an entry is read: by its name, else by its place. */
size_t entry_push(struct reading *in, const yaml_node_t *node, int index);

/* ---- rules between keys: config_check.c ---- */

/* A problem of one key of the section whose path is current. */
void key_problem(struct reading *in, const yaml_node_t *node, int line, const char *name,
	const char *allowed, const char *wrong);
/* Of an auth block, whose path is current: https, or what allow_plain allows. */
void check_auth_urls(struct reading *in, const yaml_node_t *node, int line,
	const struct auth_settings *auth, bool allow_plain);

void check_intake(struct reading *in, int line, yaml_node_t *node, void *target);
/* The pair under tls:, when there is one. False: the section has no tls. */
bool check_tls(struct reading *in, int line, const yaml_node_t *node,
	const struct intake_settings *settings);
bool all_loopback(const struct text_list *listen);
void check_admin(struct reading *in, int line, yaml_node_t *node, void *target);
void check_retry(struct reading *in, int line, yaml_node_t *node, void *target);
void check_auth(struct reading *in, int line, yaml_node_t *node, void *target);
void check_source(struct reading *in, int line, yaml_node_t *node,
	const struct source_settings *source);
void check_destination(struct reading *in, int line, yaml_node_t *node,
	struct destination_settings *destination);
/* What only the whole file knows: names that exist, destinations that are used. */
void check_whole(struct reading *in);

/* ---- config_address.c ---- */

struct url_parts {
	char scheme[16]; /* lower case */
	char host[256];  /* without brackets */
	int port;        /* 0: the scheme's */
	bool has_user;
	const char *path; /* into the text: "" or from the first '/' on */
	bool has_query;   /* '?' or '#' anywhere */
};
bool url_split(const char *text, struct url_parts *out);
bool host_is_loopback(const char *host);
/* "0.0.0.0:8443", "[::1]:80", "localhost:80" */
bool listen_split(const char *text, char host[64], int *port_out);
bool network_valid(const char *text); /* an address, or one with /bits */
bool guid_valid(const char *text);
bool hostname_valid(const char *text);

/* ---- config_certificate.c ---- */

/* Both files are readable, PEM, and belong together; expiry (wall ms) of the leaf. */
enum err_code certificate_pair_check(
	const char *certificate, const char *key, int64_t *expires_out, struct err *err);
enum err_code certificate_bundle_check(const char *file, struct err *err);

#endif
