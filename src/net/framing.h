/*
 * framing: is the head of a request one that every reader reads the same way? Pure.
 */
#ifndef LEADRELAY_NET_FRAMING_H
#define LEADRELAY_NET_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_LINE_MAX (8 * 1024)
#define HEAD_HEADERS_MAX (32 * 1024)
#define HEAD_FIELDS_MAX 100

struct head_field {
	const char *name, *value;
};

struct head { /* as libmicrohttpd cut it up: all pointers lie in one buffer, in order */
	const char *method, *target, *version;
	const char *target_end; /* where the version must begin */
	size_t target_len;
	size_t size; /* of line and headers, from method on */
	struct head_field fields[HEAD_FIELDS_MAX + 1];
	size_t count; /* HEAD_FIELDS_MAX + 1: too many */
};

struct framing {
	bool chunked;
	bool has_body; /* there may be bytes behind the head */
	bool expects;  /* Expect: 100-continue */
	bool has_length;
	uint64_t length;
};

/* 0, or the status of the refusal with *detail in words. */
int framing_check(const struct head *head, struct framing *out, const char **detail);

#endif
