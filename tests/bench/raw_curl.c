/*
 * raw_curl -u ORIGIN -r REQUEST [-c CONNECTIONS] [-n REQUESTS]: how fast libcurl alone
 * posts what the relay posts. The other side of draining.
 *
 * Fair, because it sends the very bytes (REQUEST is one real request of leadrelayd's to
 * the same sink, caught on the wire: head and body) through the same library the same
 * way: multi socket interface on a libuv loop, HTTP/1.1 kept alive, CONNECTIONS in
 * flight, easy handles used again, the answer's head and body read by callbacks. Beyond
 * that it does nothing: no lead is read, no request built, no answer judged, no outcome
 * stored.
 */
#include "bench.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <uv.h>

#define CONNECTIONS_MAX 256
#define REMOVED_AT_ONCE 64 /* handles taken out before sockets and timers get a turn */

struct request {
	char *url;
	struct curl_slist *headers;
	char *body;
	size_t len;
};

struct watch {
	uv_poll_t poll;
	curl_socket_t fd;
};

static CURLM *multi;
static uv_timer_t timer;
static uv_idle_t turn;
static bool kick;
static size_t answered_bytes;
static int64_t wanted, begun, finished, failed;
static int running;

/* ---- the request, as it was caught ---- */

static char *part(char **text, const char *delimiter)
{
	char *end = strstr(*text, delimiter);
	char *begin = *text;

	if (!end)
		bench_fail("the request is not one of HTTP/1.1");
	*end = 0;
	*text = end + strlen(delimiter);
	return begin;
}

/* What libcurl writes by itself on both sides. */
static bool is_libcurls(const char *line)
{
	return strncasecmp(line, "Host:", 5) == 0 ||
	       strncasecmp(line, "Content-Length:", 15) == 0;
}

static void add_header(struct request *request, const char *line)
{
	request->headers = curl_slist_append(request->headers, line);
	if (!request->headers)
		bench_fail("out of memory");
}

static void read_request(struct request *request, const char *origin, const char *path)
{
	size_t len;
	char *text = bench_file(path, &len);
	char *rest = text, *head = part(&rest, "\r\n\r\n");
	char *line, *place;

	*request = (struct request){.body = rest, .len = len - (size_t)(rest - text)};
	line = strtok_r(head, "\r\n", &place);
	if (!line || strncmp(line, "POST ", 5) != 0)
		bench_fail("%s holds no POST", path);
	line += 5;
	if (asprintf(&request->url, "%s%s", origin, part(&line, " ")) < 0)
		bench_fail("out of memory");
	while ((line = strtok_r(NULL, "\r\n", &place)))
		if (!is_libcurls(line))
			add_header(request, line);
	add_header(request, "Expect:");
}

/* ---- libcurl on libuv ---- */

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
	(void)bytes;
	(void)arg;
	answered_bytes += size * count;
	return size * count;
}

static void want_turn(void);

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	int flags = 0, left;

	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	if (status < 0)
		flags |= CURL_CSELECT_ERR;
	curl_multi_socket_action(multi, watch->fd, flags, &left);
	want_turn();
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct watch *watch = known;
	int events = 0;

	(void)easy;
	(void)arg;
	if (what == CURL_POLL_REMOVE) {
		if (watch)
			uv_close((uv_handle_t *)&watch->poll, on_closed);
		curl_multi_assign(multi, fd, NULL);
		return 0;
	}
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch ||
			uv_poll_init_socket(uv_default_loop(), &watch->poll, fd) != 0)
			bench_fail("out of memory");
		watch->poll.data = watch;
		watch->fd = fd;
		curl_multi_assign(multi, fd, watch);
	}
	if (what != CURL_POLL_OUT)
		events |= UV_READABLE;
	if (what != CURL_POLL_IN)
		events |= UV_WRITABLE;
	return uv_poll_start(&watch->poll, events, on_socket);
}

static void on_timer(uv_timer_t *handle)
{
	(void)handle;
	kick = true;
	want_turn();
}

static int on_timeout_wanted(CURLM *handle, long timeout_ms, void *arg)
{
	(void)handle;
	(void)arg;
	kick = timeout_ms == 0;
	if (kick)
		want_turn();
	if (timeout_ms > 0)
		uv_timer_start(&timer, on_timer, (uint64_t)timeout_ms, 0);
	else
		uv_timer_stop(&timer);
	return 0;
}

/* ---- the loop ---- */

static void begin(CURL *easy)
{
	if (curl_multi_add_handle(multi, easy) != CURLM_OK)
		bench_fail("libcurl takes no handle");
	begun++;
	running++;
}

static void end(CURL *easy, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	finished++;
	running--;
	failed += code != CURLE_OK || status != 204;
	curl_multi_remove_handle(multi, easy);
	if (begun < wanted)
		begin(easy);
	else
		curl_easy_cleanup(easy);
}

static void on_turn(uv_idle_t *idle)
{
	CURLMsg *message;
	int left, ended = 0;

	if (kick) {
		kick = false;
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &left);
	}
	while (ended < REMOVED_AT_ONCE &&
		(message = curl_multi_info_read(multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		end(message->easy_handle, message->data.result);
		ended++;
	}
	if (running == 0)
		uv_stop(uv_default_loop());
	if (!kick && ended < REMOVED_AT_ONCE)
		uv_idle_stop(idle);
}

static void want_turn(void)
{
	uv_idle_start(&turn, on_turn);
}

static CURL *prepare(const struct request *request)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		bench_fail("out of memory");
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60000L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take);
	return easy;
}

static void run(const struct request *request, int64_t connections)
{
	multi = curl_multi_init();
	if (!multi)
		bench_fail("libcurl does not start");
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_interest);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	uv_timer_init(uv_default_loop(), &timer);
	uv_idle_init(uv_default_loop(), &turn);
	for (int64_t i = 0; i < connections && i < wanted; i++)
		begin(prepare(request));
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
	const char *origin = NULL, *path = NULL;
	int64_t connections = 64;
	struct request request;
	double since, seconds;
	int option;

	wanted = 30000;
	while ((option = getopt(argc, argv, "u:r:c:n:")) != -1) {
		if (option == 'u')
			origin = optarg;
		else if (option == 'r')
			path = optarg;
		else if (option == 'c')
			connections = bench_number('c', optarg, 1, CONNECTIONS_MAX);
		else if (option == 'n')
			wanted = bench_number('n', optarg, 1, 1000000000);
		else
			return 2;
	}
	if (!origin || !path)
		bench_fail("-u ORIGIN and -r REQUEST are needed");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		bench_fail("libcurl does not start");
	read_request(&request, origin, path);
	since = bench_now();
	run(&request, connections);
	seconds = bench_now() - since;
	printf("{\"requests\":%" PRId64 ",\"failed\":%" PRId64
	       ",\"seconds\":%.6f,\"rate\":%.1f}\n",
		finished, failed, seconds, (double)finished / seconds);
	return failed > 0;
}
