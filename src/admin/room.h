/*
 * The admin room's own parts: who is it (session.c, guard.c), what is asked (routes.c,
 * api.c), the embedded page (pages.c), the two threads (work.c), and what must not be
 * shown unasked (in control: the request says "masked").
 */
#ifndef ADMIN_ROOM_H
#define ADMIN_ROOM_H

#include "leadrelay/admin.h"
#include "leadrelay/buf.h"
#include "leadrelay/text.h"

/* ---- session.c: cookies that a token was changed for. Pure ---- */

#define SESSIONS_MAX 64                      /* beyond: the one idle for longest ends */
#define SESSION_IDLE_MS (12 * 3600 * 1000LL) /* without a request */
#define SESSION_ID_SIZE 65                   /* 256 bits in hex, and a NUL */
#define SESSION_COOKIE "leadrelay_session"

struct session {
	uint8_t digest[SHA256_SIZE]; /* of its id, which nothing here keeps */
	int64_t used_at;             /* mono; 0: free */
};
struct sessions {
	struct session items[SESSIONS_MAX];
};

/* now: mono, > 0. */
void session_begin(struct sessions *sessions, const struct entropy *entropy, int64_t now,
	char id_out[SESSION_ID_SIZE]);
/* Known and not idle for too long; counts as use. */
bool session_known(struct sessions *sessions, const char *id, int64_t now);
void session_end(struct sessions *sessions, const char *id);
void session_end_all(struct sessions *sessions);
/* The value of the session's cookie in a Cookie header (NULL: none); false: not there. */
bool session_cookie(const char *header, char id_out[SESSION_ID_SIZE]);

/* ---- guard.c: tokens, wrong ones, hosts and origins. Pure ---- */

#define GUARD_TOKENS_MAX 8
#define GUARD_CLIENTS 64

struct guard_client { /* an address that sent wrong tokens */
	char name[48];
	int wrong;
	int64_t since; /* mono, of the first */
};
struct guard {
	uint8_t tokens[GUARD_TOKENS_MAX][SHA256_SIZE]; /* digests */
	size_t token_count;
	bool here_only;         /* every listen address is loopback */
	struct text_list hosts; /* that a Host header may name; own */
	struct guard_client clients[GUARD_CLIENTS];
};

enum err_code guard_make(
	struct guard *out, const struct admin_settings *settings, struct err *err);
bool guard_same_tokens(const struct guard *a, const struct guard *b);
void guard_finish(struct guard *guard);
/* In time that does not depend on the token. */
bool guard_knows(const struct guard *guard, const char *token);
/* How many seconds this client is not heard; 0: it is. */
int guard_locked(const struct guard *guard, const char *client, int64_t now);
/* It sent a wrong token. */
void guard_wrong(struct guard *guard, const char *client, int64_t now);
/* Whether a request with this Host header (NULL: none) is meant for us: a page of a
 * stranger that resolves its own name to this machine is not. */
bool guard_host(const struct guard *guard, const char *host);
/* A request that a browser made for a page of ours, or no browser made. host: the Host
 * header. */
bool guard_origin(const char *origin, const char *host);
bool guard_is_json(const char *content_type);
/* The token of "Bearer TOKEN"; NULL when it is another scheme or absent. */
const char *guard_bearer(const char *authorization);

/* ---- pages.c: files built into the program (pages.cmake makes the table) ---- */

struct page {
	const char *path; /* "/", "/login", "/assets/app.js" */
	const char *type;
	const unsigned char *bytes;
	size_t len;
	const char *etag; /* with quotes */
};
extern const struct page admin_pages[];
extern const size_t admin_page_count;

const struct page *page_find(const char *path);
void page_answer(struct inbound *in, const struct page *page);

/* ---- work.c: the threads ---- */

struct work;
struct work_job {
	void (*run)(struct work_job *job);  /* a thread of the room */
	void (*done)(struct work_job *job); /* loop; owns it from here on */
	bool slow; /* may take minutes: one thread is kept for those that do not */
	struct work_job *next;
};
/* Threads begin with the first job. */
enum err_code work_create(struct work **out, struct uv_loop_s *loop, struct err *err);
/* False: too much waits already, or it is stopping; the job stays the caller's. */
bool work_submit(struct work *work, struct work_job *job);
bool work_stopping(struct work *work); /* any thread */
/* What is queued is still run: it finds work_stopping. idle() when nothing is left. */
void work_stop(struct work *work, void (*idle)(void *ctx), void *ctx);
/* After idle(). Joins the threads. */
void work_close(struct work *work, void (*closed)(void *ctx), void *ctx);

/* ---- api.c: requests of the API as control requests ---- */

enum param_kind {
	PARAM_TEXT,
	PARAM_NUMBER, /* a whole number, min to max */
	PARAM_FLAG,   /* true, false */
	PARAM_IDS,    /* an array of texts */
	PARAM_SET,    /* an object */
};
struct param {
	const char *name;
	enum param_kind kind;
	int64_t min, max;
	bool own; /* for the API itself: not a part of the control request */
};

struct api_route {
	const char *method;  /* GET, POST */
	const char *pattern; /* behind API_PREFIX: "/leads/{}/raw" */
	const char *command; /* of the control request; NULL: answered without one */
	const char *action;  /* its member "action" */
	const char *part;    /* its member that {} stands for */
	const struct param *params; /* of the query (GET) or the body (POST); ends with a
				       NULL name; NULL: none */
	const char *list;           /* the answer's member that the items become */
	const char *pick;           /* the answer is only this member of what was done */
	bool raw;                   /* the bytes as they came */
	bool personal;              /* shows leads: masked unless personal=show */
	bool filters;               /* ids, or filters, which need yes or dry_run */
	bool slow;
};
#define API_PREFIX "/api/v1"
#define PART_SIZE 128

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* The route of a path; NULL: there is none. part_out: what stands for {}. */
const struct api_route *api_find(const char *path, char part_out[PART_SIZE]);

/* ---- request.c: what is asked, as a control request. Pure ---- */

struct api_query {
	const char *name, *value;
};
struct api_asked {
	const struct api_route *route;
	const char *part; /* for {}; NULL: none */
	const struct api_query *query;
	size_t query_count;
	const cJSON *body; /* of a POST; NULL: none */
};
struct api_wish { /* what of a request is not the command's */
	bool show_personal;
	const char *type; /* of a report that is not JSON; static */
	const char *file; /* its name; static */
};

/* ERR_INVALID with a sentence; what is unknown is refused, never passed over: a misspelt
 * filter would mean other leads. *out is the caller's to cJSON_Delete. */
enum err_code api_request(const struct api_asked *asked, cJSON **out,
	struct api_wish *wish, struct err *err);

/* ---- answer.c: what came back, as an HTTP answer. Pure ---- */

struct api_answer {
	const struct api_route *route;
	struct api_wish wish;
	cJSON *items; /* an array */
	cJSON *done;
	int status;  /* 0 until something ended it */
	bool failed; /* out of memory */
	struct buf body;
	const char *type;
};
/* Takes line; as a control_emit does. */
bool api_take(struct api_answer *answer, cJSON *line);
void api_refuse(struct api_answer *answer, int status, const char *detail);
/* Makes status, type and body of what came. */
void api_finish(struct api_answer *answer);
void api_answer_free(struct api_answer *answer);

#endif
