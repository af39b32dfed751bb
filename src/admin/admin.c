/*
 * The listener: who is asking, for what, and who answers.
 *
 *   head: is it meant for us (Host)? may he (token, cookie)? is there such a thing (404,
 *         405)? did a page of ours ask for the change (Origin, Content-Type)?
 *   body: the page, a login, health, metrics: at once. The API: api.c.
 */
#include "parts.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOGIN_BODY_MAX 4096
#define RETIRE_MS 3000 /* a listener that a reload took away ends within */

/* ---- what there is besides pages and the API ---- */

struct place {
	const char *path;
	bool open; /* seen without a token */
	void (*get)(struct admin *admin, struct inbound *in);
	void (*post)(struct admin *admin, struct inbound *in);
};

static void answer_alive(struct admin *admin, struct inbound *in)
{
	static const char alive[] = "{\"status\":\"alive\"}\n";

	(void)admin;
	inbound_reply(in, 200, "application/json", alive, sizeof(alive) - 1);
}

static void answer_ready(struct admin *admin, struct inbound *in)
{
	admin->options.ready(admin->options.ctx, in);
}

static void answer_metrics(struct admin *admin, struct inbound *in)
{
	admin->options.metrics(admin->options.ctx, in);
}

static void see_other(struct inbound *in, const char *where)
{
	inbound_header_add(in, "Location", where);
	inbound_reply(in, 303, NULL, "", 0);
}

static void answer_login_page(struct admin *admin, struct inbound *in)
{
	if (admin_may(admin, in))
		see_other(in, "/");
	else
		page_answer(in, page_find("/login"));
}

static const struct place places[] = {
	{"/healthz", true, answer_alive, NULL},
	{"/readyz", true, answer_ready, NULL},
	{"/metrics", false, answer_metrics, NULL},
	{"/login", true, answer_login_page, admin_login},
	{"/logout", true, NULL, admin_logout},
};

static const struct place *find_place(const struct admin *admin, const char *path)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *place = &places[i];

		if (strcmp(place->path, path) != 0)
			continue;
		if ((place->get == answer_ready && !admin->options.ready) ||
			(place->get == answer_metrics && !admin->options.metrics))
			return NULL;
		return place;
	}
	return NULL;
}

/* ---- head ---- */

static void protect(struct inbound *in)
{
	static const char *const headers[][2] = {
		{"Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
			"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
			"base-uri 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"X-Frame-Options", "DENY"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		inbound_header_add(in, headers[i][0], headers[i][1]);
	if (!page_find(inbound_path(in)))
		inbound_header_add(in, "Cache-Control", "no-store");
}

static bool is_get(const struct inbound *in)
{
	const char *method = inbound_method(in);

	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool is_open(const struct admin *admin, const char *path)
{
	const struct place *place = find_place(admin, path);

	return place ? place->open : strncmp(path, "/assets/open/", 13) == 0;
}

/* A person is shown where to log in. */
static bool is_browser_at_the_door(const struct inbound *in)
{
	const char *accept = inbound_header(in, "Accept");

	return is_get(in) && strcmp(inbound_path(in), "/") == 0 && accept &&
	       strcasestr(accept, "text/html");
}

static void refuse_unknown(struct admin *admin, struct inbound *in)
{
	int64_t now = clock_mono(admin->options.clock);

	if (is_browser_at_the_door(in)) {
		see_other(in, "/login");
	} else if (guard_locked(&admin->guard, inbound_client(in), now)) {
		admin_refuse_locked(admin, in);
	} else {
		inbound_header_add(in, "WWW-Authenticate", "Bearer realm=\"leadrelay\"");
		inbound_problem(in, 401,
			"a token is needed: send it as Authorization: Bearer TOKEN, or log "
			"in with a browser");
	}
}

static void refuse_method(struct inbound *in, const char *allow)
{
	inbound_header_add(in, "Allow", allow);
	inbound_problem(in, 405, "this path takes other methods: see Allow");
}

/* What the path takes; NULL: there is nothing at it. */
static const char *methods_of(const struct admin *admin, const char *path)
{
	const struct place *place = find_place(admin, path);
	const struct api_route *route;
	char part[PART_SIZE];

	if (place)
		return !place->post  ? "GET, HEAD"
		       : !place->get ? "POST"
				     : "GET, HEAD, POST";
	if (page_find(path))
		return "GET, HEAD";
	route = api_find(path, part);
	if (!route)
		return NULL;
	return strcmp(route->method, "GET") == 0 ? "GET, HEAD" : "POST";
}

static bool takes(const char *allow, const struct inbound *in)
{
	if (is_get(in))
		return strncmp(allow, "GET", 3) == 0;
	return strcmp(inbound_method(in), "POST") == 0 && strstr(allow, "POST");
}

/* What changes something was asked for by a page of ours, or by a program. */
static bool refuse_forged(struct inbound *in)
{
	bool login = strcmp(inbound_path(in), "/login") == 0;

	if (is_get(in))
		return false;
	if (!guard_origin(inbound_header(in, "Origin"), inbound_header(in, "Host"))) {
		inbound_problem(in, 403,
			"another site asked for this: requests come from the page itself, or "
			"without Origin");
		return true;
	}
	if (login || guard_is_json(inbound_header(in, "Content-Type")))
		return false;
	inbound_problem(in, 403,
		"Content-Type: application/json is missing; without it a form of another "
		"site could ask for this");
	return true;
}

static void on_head(void *ctx, struct inbound *in)
{
	struct admin *admin = ctx;
	const char *path = inbound_path(in), *allow;

	protect(in);
	if (!guard_host(&admin->guard, inbound_header(in, "Host"))) {
		inbound_problem(in, 421,
			"the Host of this request is not a name of this machine; behind a proxy, "
			"list the name under admin.hosts");
		return;
	}
	if (!is_open(admin, path) && !admin_may(admin, in)) {
		refuse_unknown(admin, in);
		return;
	}
	allow = methods_of(admin, path);
	if (!allow)
		inbound_problem(in, 404, "there is nothing at this path");
	else if (!takes(allow, in))
		refuse_method(in, allow);
	else if (!refuse_forged(in))
		inbound_limit_body(in, is_get(in)                    ? 0
				       : strcmp(path, "/login") == 0 ? LOGIN_BODY_MAX
								     : SIZE_MAX);
}

/* ---- body ---- */

static void on_body(void *ctx, struct inbound *in)
{
	struct admin *admin = ctx;
	const char *path = inbound_path(in);
	const struct place *place = find_place(admin, path);
	const struct page *page = page_find(path);

	if (place && is_get(in))
		place->get(admin, in);
	else if (place)
		place->post(admin, in);
	else if (page)
		page_answer(in, page);
	else
		api_answer_inbound(admin, in);
}

/* ---- life ---- */

enum err_code admin_create(
	struct admin **out, const struct admin_options *options, struct err *err)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	enum err_code code;

	if (!admin)
		return err_set(err, ERR_NOMEM, "admin: out of memory");
	admin->options = *options;
	code = work_create(&admin->work, options->loop, err);
	if (code == ERR_OK)
		*out = admin;
	else
		free(admin);
	return code;
}

static void server_gone(void *ctx)
{
	struct admin *admin = ctx;

	admin->ending--;
	admin_went_on(admin);
}

struct retiring {
	struct admin *admin;
	struct http_server *server;
};

static void retired(void *ctx)
{
	struct retiring *retiring = ctx;

	http_server_close(retiring->server, server_gone, retiring->admin);
	free(retiring);
}

/* A reload took the listener away: what it was asked is answered first. */
static void retire(struct admin *admin)
{
	struct retiring *retiring = malloc(sizeof(*retiring));

	admin->ending++;
	if (retiring) {
		*retiring = (struct retiring){admin, admin->server};
		http_server_drain(admin->server, RETIRE_MS, retired, retiring);
	} else {
		http_server_close(admin->server, server_gone, admin);
	}
	admin->server = NULL;
}

static enum err_code listen_as(
	struct admin *admin, const struct admin_settings *settings, struct err *err)
{
	struct http_server_options options = {
		.loop = admin->options.loop,
		.clock = admin->options.clock,
		.settings = &settings->server,
		.handler = {.head = on_head, .body = on_body, .ctx = admin},
	};

	if (admin->server)
		return http_server_reload(admin->server, &settings->server, err);
	return http_server_create(&admin->server, &options, err);
}

enum err_code admin_configure(
	struct admin *admin, const struct admin_settings *settings, struct err *err)
{
	struct guard guard;

	if (!settings->configured) {
		if (admin->server)
			retire(admin);
		session_end_all(&admin->sessions);
		return ERR_OK;
	}
	if (guard_make(&guard, settings, err) != ERR_OK)
		return err_wrap(err, "admin");
	if (listen_as(admin, settings, err) != ERR_OK) {
		guard_finish(&guard);
		return err_wrap(err, "admin");
	}
	if (!guard_same_tokens(&admin->guard, &guard))
		session_end_all(&admin->sessions);
	guard_finish(&admin->guard);
	admin->guard = guard;
	admin->tls = settings->server.tls_certificate != NULL;
	return ERR_OK;
}

/* One of the things that drain waits for has ended. */
void admin_went_on(struct admin *admin)
{
	void (*idle)(void *ctx) = admin->idle;

	if (!idle || admin->ending > 0 || admin->draining > 0)
		return;
	admin->idle = NULL;
	idle(admin->idle_ctx);
}

static void part_idle(void *ctx)
{
	struct admin *admin = ctx;

	admin->draining--;
	admin_went_on(admin);
}

void admin_drain(
	struct admin *admin, int64_t deadline_ms, void (*idle)(void *ctx), void *ctx)
{
	admin->idle = idle;
	admin->idle_ctx = ctx;
	admin->draining = admin->server ? 2 : 1;
	if (admin->server)
		http_server_drain(admin->server, deadline_ms, part_idle, admin);
	work_stop(admin->work, part_idle, admin);
}

static void part_closed(void *ctx)
{
	struct admin *admin = ctx;
	void (*closed)(void *ctx) = admin->closed;
	void *closed_ctx = admin->closed_ctx;

	if (--admin->ending > 0)
		return;
	guard_finish(&admin->guard);
	free(admin);
	closed(closed_ctx);
}

void admin_close(struct admin *admin, void (*closed)(void *ctx), void *ctx)
{
	admin->closed = closed;
	admin->closed_ctx = ctx;
	admin->ending = admin->server ? 2 : 1;
	if (admin->server)
		http_server_close(admin->server, part_closed, admin);
	work_close(admin->work, part_closed, admin);
}

const char *admin_address(const struct admin *admin, size_t index)
{
	return admin->server ? http_server_address(admin->server, index) : NULL;
}

int64_t admin_certificate_expires_at(const struct admin *admin)
{
	return admin->server ? http_server_certificate_expires_at(admin->server) : 0;
}
