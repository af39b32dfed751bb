/*
 * state_dir/control.sock: where leadctl asks a running daemon. One request a line,
 * answers a line each (control.h), for root and the daemon's own user. Each connection
 * has a thread and a reader of its own, so that somebody who reads a long list slowly
 * keeps nobody waiting. CONTROL_SERVED are served at once; a few more are heard out and
 * told to try again (closing at once would break their pipe before they could read why).
 */
#include "daemon.h"

#include "leadrelay/buf.h"
#include "leadrelay/json.h"
#include "leadrelay/log.h"
#include "leadrelay/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX (4 * 1024 * 1024) /* import's rows are the longest */
#define IDLE_SECONDS 60               /* without a request */
#define UNREAD_SECONDS 3600           /* a person's pager may stand still that long */
#define REFUSAL_SECONDS 2
#define STACK_SIZE (1024 * 1024)

struct connection {
	struct daemon *daemon;
	int fd;
	int slot;
};

/* ---- one connection, on its thread ---- */

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

static bool emit(void *ctx, cJSON *answer)
{
	const struct connection *connection = ctx;
	char *text = cJSON_PrintUnformatted(answer);
	bool sent = false;

	cJSON_Delete(answer);
	if (text) {
		size_t len = strlen(text);

		text[len] = '\n'; /* in place of the NUL */
		sent = send_all(connection->fd, text, len + 1);
		cJSON_free(text);
	}
	return sent;
}

static bool keep_going(void *ctx)
{
	const struct connection *connection = ctx;

	return !daemon_stopping(connection->daemon);
}

/* The codes of leadctl: 1 failed, 2 usage. again: somebody else will take it. */
static void emit_error(
	struct connection *connection, int code, const char *text, bool again)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(answer, "error");

	cJSON_AddNumberToObject(error, "code", code);
	cJSON_AddStringToObject(error, "text", text);
	cJSON_AddBoolToObject(error, "again", again);
	emit(connection, answer);
}

static void answer_line(struct connection *connection, struct reader *reader,
	const char *line, size_t len)
{
	struct err err;
	cJSON *request;

	if (json_read(line, len, &request, &err) != ERR_OK) {
		emit_error(connection, 2, err.text, false);
		return;
	}
	if (daemon_stopping(connection->daemon))
		emit_error(connection, 1, "leadrelayd is stopping; try again", true);
	else
		daemon_execute(connection->daemon, reader, request, emit, keep_going,
			connection);
	cJSON_Delete(request);
}

/* Answers the complete lines of input and keeps the rest. */
static void answer_lines(
	struct connection *connection, struct reader *reader, struct buf *input)
{
	size_t at = 0;
	const char *end;

	while (at < input->len &&
		(end = memchr(input->data + at, '\n', input->len - at)) != NULL) {
		size_t len = (size_t)(end - input->data) - at;

		if (len > 0)
			answer_line(connection, reader, input->data + at, len);
		at += len + 1;
	}
	memmove(input->data, input->data + at, input->len - at);
	input->len -= at;
}

/* reader NULL: whatever is asked, the answer is no. */
static void serve(struct connection *connection, struct reader *reader)
{
	struct buf input = BUF_INIT;

	while (!daemon_stopping(connection->daemon) && buf_reserve(&input, 16384)) {
		ssize_t got = recv(connection->fd, input.data + input.len, 16384, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) /* closed, idle for too long, or shut down */
			break;
		input.len += (size_t)got;
		if (!reader) {
			emit_error(connection, 1, "too many leadctl at once; try again",
				true);
			break;
		}
		answer_lines(connection, reader, &input);
		if (input.len > REQUEST_MAX) {
			emit_error(connection, 2, "a request of more than 4 MiB", false);
			break;
		}
	}
	buf_finish(&input);
}

/* The last this thread does with the daemon: the loop may end behind it. */
static void connection_end(struct connection *connection)
{
	struct daemon *daemon = connection->daemon;

	uv_mutex_lock(&daemon->mutex);
	daemon->control_fds[connection->slot] = -1;
	daemon->control_count--;
	close(connection->fd);
	uv_async_send(&daemon->crossing_async);
	uv_mutex_unlock(&daemon->mutex);
	free(connection);
}

static void serve_with_reader(struct connection *connection)
{
	struct reader *reader;
	struct err err;

	if (daemon_open_reader(connection->daemon, &reader, &err) != ERR_OK) {
		emit_error(connection, 1, err.text, false);
		return;
	}
	serve(connection, reader);
	reader_close(reader);
}

static void *connection_thread(void *arg)
{
	struct connection *connection = arg;

	if (connection->slot < CONTROL_SERVED)
		serve_with_reader(connection);
	else
		serve(connection, NULL);
	connection_end(connection);
	return NULL;
}

/* ---- accepting, on the loop ---- */

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* -1: all are taken. */
static int take_slot(struct daemon *daemon, int fd)
{
	int slot = -1;

	uv_mutex_lock(&daemon->mutex);
	for (int i = 0; slot < 0 && i < CONTROL_CONNECTIONS; i++)
		if (daemon->control_fds[i] < 0)
			slot = i;
	if (slot >= 0) {
		daemon->control_fds[slot] = fd;
		daemon->control_count++;
	}
	uv_mutex_unlock(&daemon->mutex);
	return slot;
}

static bool start_thread(struct connection *connection)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool started;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	started =
		pthread_create(&thread, &attributes, connection_thread, connection) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

static void set_timeouts(int fd, int slot)
{
	struct timeval idle = {
		.tv_sec = slot < CONTROL_SERVED ? IDLE_SECONDS : REFUSAL_SECONDS};
	struct timeval unread = {.tv_sec = UNREAD_SECONDS};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &unread, sizeof(unread));
}

static void take_connection(struct daemon *daemon, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int slot = connection && may_ask(fd) ? take_slot(daemon, fd) : -1;

	if (slot < 0) {
		free(connection);
		close(fd);
		return;
	}
	set_timeouts(fd, slot);
	*connection = (struct connection){.daemon = daemon, .fd = fd, .slot = slot};
	if (!start_thread(connection))
		connection_end(connection);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct daemon *daemon = poll->data;
	int fd;

	(void)events;
	if (status < 0)
		return;
	fd = accept4(daemon->control_listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		take_connection(daemon, fd);
}

/* ---- life ---- */

static enum err_code bind_here(int fd, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "control.sock"};

	if (unlink("control.sock") != 0 && errno != ENOENT) /* we hold the lock: stale */
		return err_errno(err, errno, "cannot remove the old control.sock");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		chmod("control.sock", 0600) != 0 || listen(fd, 16) != 0)
		return err_errno(err, errno, "cannot open control.sock in state_dir");
	return ERR_OK;
}

enum err_code control_socket_bind(
	struct daemon *daemon, const char *state_dir, struct err *err)
{
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	enum err_code code;

	if (fd < 0 || chdir(state_dir) != 0) {
		code = err_errno(err, errno, "cannot open control.sock in %s", state_dir);
	} else {
		code = bind_here(fd, err);
		if (here < 0 || fchdir(here) != 0)
			(void)!chdir("/");
	}
	if (code == ERR_OK)
		daemon->control_listener = fd;
	else if (fd >= 0)
		close(fd);
	if (here >= 0)
		close(here);
	return code;
}

enum err_code control_socket_start(struct daemon *daemon, struct err *err)
{
	int status = uv_poll_init(
		&daemon->loop, &daemon->control_poll, daemon->control_listener);

	if (status == 0) {
		daemon->has_control_poll = true;
		daemon->control_poll.data = daemon;
		status = uv_poll_start(&daemon->control_poll, UV_READABLE, on_listener);
	}
	if (status != 0)
		return err_set(err, ERR_IO, "control.sock: %s", uv_strerror(status));
	return ERR_OK;
}

void control_socket_stop(struct daemon *daemon)
{
	if (daemon->has_control_poll)
		uv_poll_stop(&daemon->control_poll);
	crossing_stop(daemon);
	uv_mutex_lock(&daemon->mutex);
	for (int i = 0; i < CONTROL_CONNECTIONS; i++)
		if (daemon->control_fds[i] >= 0) /* answers may still leave */
			shutdown(daemon->control_fds[i], SHUT_RD);
	uv_mutex_unlock(&daemon->mutex);
}

void control_socket_close(struct daemon *daemon, const char *state_dir)
{
	char path[4096];

	if (daemon->control_listener < 0)
		return;
	if (snprintf(path, sizeof(path), "%s/control.sock", state_dir) <
		(int)sizeof(path))
		unlink(path);
	close(daemon->control_listener);
	daemon->control_listener = -1;
}
