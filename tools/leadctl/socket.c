/* The daemon's side of a request: control.sock, one request, answers line by line. */
#include "client.h"

#include "leadrelay/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)

/* By way of the directory's descriptor: a socket's path may be 107 bytes at most, a
 * directory's is longer at times. */
static void socket_address(int dir, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/control.sock",
		dir);
}

static bool nobody_there(int errnum)
{
	return errnum == ENOENT || errnum == ECONNREFUSED || errnum == ENOTDIR;
}

enum reach socket_connect(const char *state_dir, int *fd_out, struct err *err)
{
	int dir = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	enum reach reach = REACH_FINISHED;

	socket_address(dir, &address);
	if (dir < 0 || fd < 0 ||
		connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		reach = nobody_there(errno) ? REACH_NOBODY : REACH_FAILED;
		err_errno(err, errno, "asking leadrelayd through %s/control.sock%s",
			state_dir,
			errno == EACCES ? " (root and the owner of state_dir may)" : "");
	}
	if (dir >= 0)
		close(dir);
	if (reach == REACH_FINISHED)
		*fd_out = fd;
	else if (fd >= 0)
		close(fd);
	return reach;
}

static bool send_request(int fd, const cJSON *request)
{
	char *text = cJSON_PrintUnformatted(request);
	size_t len = text ? strlen(text) : 0, done = 0;

	if (!text)
		return false;
	text[len++] = '\n'; /* in place of the NUL */
	while (done < len) {
		ssize_t sent = send(fd, text + done, len - done, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			break;
		done += sent > 0 ? (size_t)sent : 0;
	}
	free(text);
	return done == len;
}

/* Numbers keep their digits; what is not JSON to the letter (a path that is not UTF-8) is
 * read all the same. */
static cJSON *read_answer(const char *line, size_t len)
{
	cJSON *answer = NULL;

	if (json_read_wrapped(line, len, &answer, NULL) != ERR_OK)
		answer = cJSON_ParseWithLength(line, len);
	return answer;
}

/* Takes the complete lines of input; false when no more are wanted. */
static bool take_lines(struct ask *ask, struct buf *input, struct err *err)
{
	size_t at = 0;
	bool more = true;
	char *end;

	while (more && (end = memchr(input->data + at, '\n', input->len - at))) {
		cJSON *answer =
			read_answer(input->data + at, (size_t)(end - input->data) - at);

		at = (size_t)(end - input->data) + 1;
		if (!answer) {
			err_set(err, ERR_REMOTE,
				"leadrelayd answered what leadctl does not understand; are they "
				"the same version?");
			return false;
		}
		more = ask_take(ask, answer);
	}
	memmove(input->data, input->data + at, input->len - at);
	input->len -= at;
	return more;
}

static enum reach ended(const struct ask *ask, struct err *err)
{
	if (ask->finished)
		return REACH_FINISHED;
	if (ask->paused)
		return REACH_PAUSED;
	if (!ask->answered) { /* it was just ending: whoever is next will know */
		err_set(err, ERR_REMOTE, "leadrelayd closed the connection");
		return REACH_LOST;
	}
	err_set(err, ERR_REMOTE,
		"leadrelayd ended before it had answered everything; what it did is kept: run "
		"the same command again");
	return REACH_FAILED;
}

static enum reach read_answers(struct ask *ask, int fd, struct err *err)
{
	struct buf input = BUF_INIT;
	enum reach reach = REACH_FAILED;
	ssize_t got;

	do {
		if (!buf_reserve(&input, READ_SIZE)) {
			err_set(err, ERR_NOMEM, "out of memory");
			goto end;
		}
		got = read(fd, input.data + input.len, READ_SIZE);
		if (got > 0)
			input.len += (size_t)got;
		err->code = ERR_OK;
	} while (
		(got < 0 && errno == EINTR) || (got > 0 && take_lines(ask, &input, err)));
	reach = err->code == ERR_OK ? ended(ask, err) : REACH_FAILED;
end:
	buf_finish(&input);
	return reach;
}

enum reach socket_ask(struct ask *ask, int fd, struct err *err)
{
	if (send_request(fd, ask->request))
		return read_answers(ask, fd, err);
	err_errno(err, errno, "asking leadrelayd");
	return REACH_LOST;
}

enum reach ask_daemon(struct ask *ask, struct err *err)
{
	enum reach reach;
	int fd;

	reach = socket_connect(ask->cli->state_dir, &fd, err);
	if (reach != REACH_FINISHED)
		return reach;
	reach = socket_ask(ask, fd, err);
	close(fd);
	return reach;
}
