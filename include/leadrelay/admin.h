/*
 * admin: what an operator reaches with a browser, a scraper or a script: the page, the
 * API under /api/v1/, health and metrics, on a listener of its own.
 *
 * Loop thread, but for what is said otherwise. The API never has a second implementation
 * of a command: a request becomes a control request (control.h), executed by `execute` on
 * one of two threads of this room, so that nobody's long list keeps the loop, a scrape or
 * somebody else's page waiting.
 *
 * Who may: everybody on this machine when no token is configured (and then every address
 * is loopback), else who brings a token or the cookie that a token was changed for.
 */
#ifndef LEADRELAY_ADMIN_H
#define LEADRELAY_ADMIN_H

#include "leadrelay/control.h"
#include "leadrelay/err.h"
#include "leadrelay/http_server.h"
#include "leadrelay/settings.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin;
struct clock;
struct entropy;
struct uv_loop_s;

struct admin_options {
	struct uv_loop_s *loop;
	const struct clock *clock;
	const struct entropy *entropy;
	const char *version;
	/* A thread of the room: as control_execute, answers included. */
	void (*execute)(void *ctx, const cJSON *request, control_emit emit,
		bool (*keep_going)(void *ctx), void *emit_ctx);
	/* GET /metrics and GET /readyz: answers `in`, now or later. NULL: there is no
	 * such page. */
	void (*metrics)(void *ctx, struct inbound *in);
	void (*ready)(void *ctx, struct inbound *in);
	void *ctx;
};

enum err_code admin_create(
	struct admin **out, const struct admin_options *options, struct err *err);
/* Listens as settings say (copied), or, when they are not configured, no more. On failure
 * everything stays as it was. Other tokens end all sessions. */
enum err_code admin_configure(
	struct admin *admin, const struct admin_settings *settings, struct err *err);
/* Takes no more; what is asked already is answered, the API's long requests by "try
 * again". idle() comes when nothing is under way. */
void admin_drain(
	struct admin *admin, int64_t deadline_ms, void (*idle)(void *ctx), void *ctx);
/* After idle() only: frees it and calls closed(). */
void admin_close(struct admin *admin, void (*closed)(void *ctx), void *ctx);
/* As bound; NULL: not listening, or no more addresses. */
const char *admin_address(const struct admin *admin, size_t index);
int64_t admin_certificate_expires_at(const struct admin *admin); /* 0: none */

#endif
