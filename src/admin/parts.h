/* The admin itself, for the files that answer on its behalf. Loop thread. */
#ifndef ADMIN_PARTS_H
#define ADMIN_PARTS_H

#include "room.h"

struct admin {
	struct admin_options options;
	struct http_server *server; /* NULL: not configured */
	bool tls;
	struct guard guard;
	struct sessions sessions;
	struct work *work;
	int wrong_untold; /* wrong tokens since the log was told */
	int64_t wrong_told_at;
	int ending;   /* servers that close, or at the end: parts */
	int draining; /* parts with something under way */
	void (*idle)(void *ctx);
	void *idle_ctx;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

void admin_went_on(struct admin *admin);

/* login.c */

/* He brings a token or a session's cookie, or none is asked for. */
bool admin_may(struct admin *admin, struct inbound *in);
void admin_login(struct admin *admin, struct inbound *in);
void admin_logout(struct admin *admin, struct inbound *in);
void admin_refuse_locked(struct admin *admin, struct inbound *in);

/* api.c */
void api_answer_inbound(struct admin *admin, struct inbound *in);

#endif
