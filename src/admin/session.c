/*
 * Sessions: a browser sends its token once and keeps a cookie that only this process
 * knows. What is kept is a digest of the cookie, so that reading this memory opens
 * nothing, and looking one up takes the same time for every guess.
 */
#include "room.h"

#include "leadrelay/clock.h"

#include <string.h>

static void digest_of(const char *id, uint8_t out[SHA256_SIZE])
{
	sha256(id, strlen(id), out);
}

static bool is_alive(const struct session *session, int64_t now)
{
	return session->used_at != 0 && now - session->used_at < SESSION_IDLE_MS;
}

static struct session *find(struct sessions *sessions, const char *id)
{
	struct session *found = NULL;
	uint8_t digest[SHA256_SIZE];

	digest_of(id, digest);
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *one = &sessions->items[i];

		if (equal_constant_time(one->digest, digest, SHA256_SIZE) &&
			one->used_at != 0)
			found = one;
	}
	return found;
}

/* A free one, else the one that was idle for longest. */
static struct session *take_place(struct sessions *sessions)
{
	struct session *best = &sessions->items[0];

	for (size_t i = 1; i < SESSIONS_MAX; i++)
		if (sessions->items[i].used_at < best->used_at)
			best = &sessions->items[i];
	return best;
}

void session_begin(struct sessions *sessions, const struct entropy *entropy, int64_t now,
	char id_out[SESSION_ID_SIZE])
{
	struct session *session = take_place(sessions);
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[(SESSION_ID_SIZE - 1) / 2];

	entropy->fill(entropy->ctx, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		id_out[2 * i] = digits[bytes[i] >> 4];
		id_out[2 * i + 1] = digits[bytes[i] & 15];
	}
	id_out[SESSION_ID_SIZE - 1] = '\0';
	digest_of(id_out, session->digest);
	session->used_at = now;
	explicit_bzero(bytes, sizeof(bytes));
}

bool session_known(struct sessions *sessions, const char *id, int64_t now)
{
	struct session *session = find(sessions, id);

	if (!session)
		return false;
	if (is_alive(session, now))
		session->used_at = now;
	else
		*session = (struct session){0};
	return session->used_at != 0;
}

void session_end(struct sessions *sessions, const char *id)
{
	struct session *session = find(sessions, id);

	if (session)
		*session = (struct session){0};
}

void session_end_all(struct sessions *sessions)
{
	*sessions = (struct sessions){0};
}

bool session_cookie(const char *header, char id_out[SESSION_ID_SIZE])
{
	static const char name[] = SESSION_COOKIE "=";
	size_t name_len = sizeof(name) - 1;

	while (header && *header) {
		size_t len;

		header += strspn(header, "; \t");
		len = strcspn(header, "; \t");
		if (len == name_len + SESSION_ID_SIZE - 1 &&
			strncmp(header, name, name_len) == 0) {
			memcpy(id_out, header + name_len, SESSION_ID_SIZE - 1);
			id_out[SESSION_ID_SIZE - 1] = '\0';
			return true;
		}
		header += len;
	}
	return false;
}
