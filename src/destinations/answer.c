#include "answer.h"

#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOP_HINT_MAX 10000

/* By enum http_failure; NULL: nothing the operator could do that the error does not say.
 */
static const char *const failure_remedy[] = {
	[HTTP_DNS] = "check the host in the destination's url, and this machine's DNS",
	[HTTP_CONNECT] = "check url, proxy and firewall; it is asked again by itself",
	[HTTP_TLS] = "check the certificate of the other side, ca_file, "
		     "client_certificate, and this machine's clock",
	[HTTP_TIMEOUT] =
		"check url, proxy and firewall; a slow other side may need a longer "
		"timeout",
	[HTTP_PRIVATE] =
		"set allow_private: true if the destination is meant to be local",
	[HTTP_LOCAL] = "check that ca_file, client_certificate and client_key exist and "
		       "may be read",
};

static const char *remedy_of(enum http_failure failure)
{
	size_t count = sizeof(failure_remedy) / sizeof(failure_remedy[0]);
	const char *remedy = (size_t)failure < count ? failure_remedy[failure] : NULL;

	return remedy ? remedy : "";
}

bool answer_missing(const struct http_answer *answer)
{
	return answer->status == 0 ||
	       (answer->status == 200 && answer->failure != HTTP_FINE);
}

static enum outcome_kind kind_of(const struct http_answer *answer, bool writes)
{
	if (answer->failure == HTTP_PRIVATE || answer->proxy_status == 407)
		return OUTCOME_ENVIRONMENT;
	return writes && answer->sent ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
}

void answer_failed(struct outcome *out, const struct http_answer *answer,
	const char *step, bool writes)
{
	struct buf text = BUF_INIT;

	out->http_status = 0; /* the status of half an answer says nothing */
	out->kind = kind_of(answer, writes);
	out->reason = http_failure_reason(answer->failure);
	out->destination =
		answer->failure != HTTP_CANCELLED && out->kind != OUTCOME_ENVIRONMENT;
	buf_addf(&text, "%s: ", step);
	words_add(&text, answer->error, strlen(answer->error), WORDS_MAX);
	if (out->kind == OUTCOME_UNKNOWN)
		buf_adds(&text, "; it was sent, no answer came: it may have arrived");
	words_put(out->error, sizeof(out->error), buf_str(&text));
	words_put(out->remedy, sizeof(out->remedy),
		answer->proxy_status == 407 ? "check proxy: it asks for a sign-in"
					    : remedy_of(answer->failure));
	buf_finish(&text);
}

void outcome_mean(struct outcome *out, enum outcome_kind kind, enum reason reason,
	const char *error, const char *remedy)
{
	out->kind = kind;
	out->reason = reason;
	out->destination = false;
	words_put(out->error, sizeof(out->error), error);
	words_put(out->remedy, sizeof(out->remedy), remedy);
}

int64_t answer_retry_after(const struct http_answer *answer, int64_t now)
{
	char value[64];

	return retry_after_parse(
		http_answer_header(answer, "Retry-After", value, sizeof(value)), now);
}

int answer_dop_hint(const struct http_answer *answer)
{
	char value[32];
	long hint;

	if (!http_answer_header(answer, "x-ms-dop-hint", value, sizeof(value)))
		return 0;
	hint = strtol(value, NULL, 10);
	return hint > 0 && hint <= DOP_HINT_MAX ? (int)hint : 0;
}

const char *answer_location(const struct http_answer *answer, char *out, size_t size)
{
	char *host, *user;

	if (!http_answer_header(answer, "Location", out, size)) {
		out[0] = '\0';
		return out;
	}
	host = strstr(out, "://");
	if (host || strncmp(out, "//", 2) == 0) {
		host = host ? host + 3 : out + 2;
	} else { /* relative; a path may say more than a log should hold */
		snprintf(out, size, "another path there");
		return out;
	}
	host[strcspn(host, "/?#")] = '\0';
	user = strrchr(host, '@');
	if (user)
		memmove(host, user + 1, strlen(user));
	return out;
}
