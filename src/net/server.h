/*
 * server: what the files of the HTTP server share. Loop thread.
 *
 * engine: one libmicrohttpd daemon (a new certificate makes a new one; the old one ends
 * with its last connection). connection: one accepted socket and the deadline it is
 * under. inbound: one request. The sockets are accepted here, not by libmicrohttpd, so
 * that limits, EMFILE and several addresses are ours.
 */
#ifndef LEADRELAY_NET_SERVER_H
#define LEADRELAY_NET_SERVER_H

#include "address.h"
#include "framing.h"
#include "leadrelay/buf.h"
#include "leadrelay/http_server.h"
#include "limits.h"
#include "linger.h"

#include <microhttpd.h>
#include <uv.h>

#define SWALLOW_MAX (64 * 1024) /* a refused body up to this is read, not cut off */
#define IDLE_MS 60000           /* a kept connection between requests */
#define LISTEN_MAX 16

enum phase {
	PHASE_FRESH,   /* nothing received yet */
	PHASE_READING, /* from the first byte of a request to its last */
	PHASE_WORKING, /* the caller has it; no deadline */
	PHASE_WRITING, /* the answer is leaving */
	PHASE_IDLE,    /* kept, between requests */
	PHASE_ENDING,  /* shut down; libmicrohttpd has yet to notice */
};

struct engine {
	struct http_server *server;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	int connections;
	bool wake;               /* something waits for MHD_run */
	bool retired;            /* ends with its last connection */
	struct inbound *parking; /* to be suspended when MHD_run returns */
	struct engine *prev, *next;
};

struct connection {
	struct engine *engine;
	int fd; /* libmicrohttpd's */
	struct address peer;
	bool tls;
	enum phase phase;
	int64_t since;      /* mono, when the phase began */
	uint64_t received;  /* bytes received when it became idle */
	struct inbound *in; /* the request under way */
	struct connection *prev, *next;
};

struct listener {
	struct http_server *server;
	uv_poll_t poll;
	int fd;
	char *wanted;   /* as configured */
	char bound[64]; /* as bound */
	bool listed;    /* part of the new configuration (while reloading) */
};

enum stage { STAGE_HEAD, STAGE_BODY, STAGE_WORKING, STAGE_ANSWERED };

struct reply_header {
	char *name, *value;
	struct reply_header *next;
};

struct inbound {
	struct connection *connection; /* NULL: it ended; inbound_reply only frees */
	struct http_server *server;    /* NULL likewise */
	struct MHD_Connection *mhd;
	enum stage stage;
	bool owed;      /* the caller will call inbound_reply */
	bool calling;   /* inside head() or body() */
	bool suspended; /* libmicrohttpd has it suspended */
	bool exempt;
	bool must_close; /* after this answer */
	bool swallow;    /* the body is read and forgotten */
	char *method;
	char *target;           /* the request target as received */
	const char *target_end; /* where its version must follow: finds NULs */
	char *path;             /* decoded; NULL until read */
	char *query;            /* behind the '?', as received; in target */
	struct pair *params;    /* decoded so far by inbound_query */
	size_t param_count;
	char client[ADDRESS_TEXT_SIZE];
	struct framing framing;
	struct buf body;
	size_t swallowed;
	size_t limit;
	int overflow;         /* 413 or 503: what the answer will be */
	uint64_t complete_ns; /* when the request was read */
	struct reply_header *headers;
	struct MHD_Response *response;
	int status;
	void *data;
	struct inbound *next_parked;
};

struct http_server {
	uv_loop_t *loop;
	const struct clock *clock;
	struct http_server_handler handler;
	struct limits limits;
	struct lingering lingering;
	struct listener *listeners[LISTEN_MAX];
	size_t listener_count;
	struct engine *engines; /* the first is the current one unless retired */
	struct connection *connections;
	int connection_count;
	struct connection *accepting; /* being handed to libmicrohttpd */
	int64_t body_bytes;           /* of all requests being read */
	int spare_fd;                 /* given up to refuse a connection on EMFILE */
	int64_t told_descriptors_at;  /* that they run out: not at each connection */
	bool tls;
	uint8_t tls_digest[32]; /* of certificate and key, to notice a change */
	int64_t certificate_expires_at;
	uv_timer_t sweep;
	uv_timer_t pause; /* accepting waits after EMFILE */
	uv_check_t check; /* runs engines that want it in the loop turn they ask */
	uv_idle_t busy;   /* keeps the loop from sleeping meanwhile */
	int handles;
	bool draining, closing;
	int64_t drain_until;
	void (*idle)(void *ctx);
	void *idle_ctx;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* http_server.c */
void server_handle_gone(struct http_server *server);
void connection_enter(struct connection *connection, enum phase phase);
void connection_end(struct connection *connection); /* libmicrohttpd closes it soon */
void engine_wake(struct engine *engine);

/* http_listen.c */
enum err_code listeners_open(
	struct http_server *server, const struct text_list *listen, struct err *err);
void listeners_close(struct http_server *server);
void listeners_resume(struct http_server *server);

/* http_inbound.c: libmicrohttpd's callbacks */
void *inbound_begin(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result inbound_continue(void *cls, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *len,
	void **context);
void inbound_completed(void *cls, struct MHD_Connection *mhd, void **context,
	enum MHD_RequestTerminationCode code);
void inbound_park(struct engine *engine);

/* http_reply.c */
bool reply_queue(struct inbound *in); /* hands in->response to libmicrohttpd */
/* problem+json as text, for sockets libmicrohttpd does not have (yet). */
void reply_raw(int fd, int status, const char *detail);
void inbound_detach(struct inbound *in); /* its connection is gone */
void inbound_free(struct inbound *in);

/* http_tls.c: PEM files, checked: readable, matching, not expired. */
struct tls_files {
	struct buf certificate, key;
	int64_t expires_at;
	uint8_t digest[32];
};
enum err_code tls_files_read(struct tls_files *out, const char *certificate,
	const char *key, const struct clock *clock, struct err *err);
void tls_files_finish(struct tls_files *files);

#endif
