/*
 * crm: everything one rehearsal holds, and one exchange with it.
 *
 * An exchange runs on its connection's thread from the first byte of the request to the
 * last of the answer; what exchanges share (settings, records, faults, journal, tokens)
 * locks itself.
 */
#ifndef REHEARSAL_CRM_H
#define REHEARSAL_CRM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "http.h"
#include "settings.h"

struct records;
struct faults;
struct journal;
struct tokens;
struct assertions;
struct server;
struct fault;

struct crm {
	struct settings settings;
	struct records *records;
	struct faults *faults;
	struct journal *journal;
	struct tokens *tokens;
	struct assertions *assertions;
	struct server *server;
	atomic_bool stopping;
	atomic_int_least64_t row_version;
	atomic_int_least64_t window_at, window_requests; /* the request limit's */
};

enum kind {
	KIND_TOKEN,
	KIND_CREATE,
	KIND_READ,
	KIND_UPDATE,
	KIND_DELETE,
	KIND_WHOAMI,
	KIND_PRIVILEGE,
	KIND_OTHER,
	KIND_CONTROL, /* never meets a fault, never counted */
};
enum { KINDS = KIND_CONTROL }; /* the counted ones */
extern const char *const kind_names[KINDS];

struct exchange {
	struct crm *crm;
	struct wire *wire;
	struct request *req;
	uint64_t connection;
	int64_t at, started; /* wall, steady */
	enum kind kind;
	char *path; /* decoded */
	const char
		*resource; /* of a Dataverse path: what follows the version; else NULL */
	cJSON *body;       /* of a create or update, when it is a JSON object */
	char leadid[GUID_SIZE]; /* "" when the request names none */
	struct fault *fault;    /* the one it met, or NULL */
	struct reply reply;
	bool created;       /* a row came to be, by POST or PATCH */
	bool committed;     /* a row was written or deleted */
	int64_t concurrent; /* exchanges under way, this one included */
};

/* Sleeps ms, less when the program is ending. */
void crm_sleep(struct crm *crm, int64_t ms);

/* What becomes of the connection after the answer. */
enum ending {
	END_KEEP,
	END_CLOSE,
	END_RESET,
	END_STALE, /* looks kept alive, is reset when the next request comes */
};

/* Called with the head only: true when a fault wants the connection gone before the body.
 */
bool exchange_cut_early(
	struct crm *crm, struct wire *wire, struct request *req, uint64_t connection);

bool exchange_is_control(const struct request *req);

/* Answers one request. */
enum ending exchange_run(
	struct crm *crm, struct wire *wire, struct request *req, uint64_t connection);

#endif
