#include "leadrelay/uuid.h"

#include "hex.h"
#include "leadrelay/clock.h"

#include <string.h>

/*
 * Version 7 (RFC 9562 5.7): 48 bits of milliseconds, version, 12 bits rand_a, variant, 62
 * bits rand_b. Within a millisecond rand_a and rand_b are one counter of 74 bits (6.2,
 * method 2) that goes up by a random step, so that one id does not tell the next.
 */
struct fields {
	uint64_t ms;     /* 48 bits */
	uint64_t rand_a; /* 12 bits */
	uint64_t rand_b; /* 62 bits */
};

#define MS_MAX ((UINT64_C(1) << 48) - 1)
#define RAND_A_MAX UINT64_C(0xfff)
#define RAND_B_MAX ((UINT64_C(1) << 62) - 1)

static struct uuid pack(const struct fields *fields, unsigned version)
{
	uint64_t high = fields->ms << 16 | (uint64_t)version << 12 | fields->rand_a;
	uint64_t low = UINT64_C(2) << 62 | fields->rand_b;
	struct uuid uuid;

	for (int i = 0; i < 8; i++) {
		uuid.bytes[i] = (uint8_t)(high >> (56 - 8 * i));
		uuid.bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	return uuid;
}

static struct fields unpack(const struct uuid *uuid)
{
	uint64_t high = 0;
	uint64_t low = 0;

	for (int i = 0; i < 8; i++) {
		high = high << 8 | uuid->bytes[i];
		low = low << 8 | uuid->bytes[8 + i];
	}
	return (struct fields){.ms = high >> 16,
		.rand_a = high & RAND_A_MAX,
		.rand_b = low & RAND_B_MAX};
}

/* Random, with the counter's highest bit clear: room to count up. */
static void start_counter(struct fields *fields, const struct entropy *entropy)
{
	fields->rand_a = entropy_u64(entropy) & (RAND_A_MAX >> 1);
	fields->rand_b = entropy_u64(entropy) & RAND_B_MAX;
}

/* A full counter borrows the next millisecond. */
static void count_up(struct fields *fields, const struct entropy *entropy)
{
	fields->rand_b += 1 + (entropy_u64(entropy) & UINT32_MAX);
	if (fields->rand_b <= RAND_B_MAX)
		return;
	fields->rand_b &= RAND_B_MAX;
	if (++fields->rand_a <= RAND_A_MAX)
		return;
	fields->ms++;
	start_counter(fields, entropy);
}

int64_t uuid_time(const struct uuid *uuid)
{
	return (int64_t)unpack(uuid).ms;
}

struct uuid uuid_v7(int64_t now, const struct entropy *entropy, struct uuid *last)
{
	static const struct uuid none;
	struct fields fields = unpack(last);
	uint64_t ms = now < 0 ? 0 : (uint64_t)now > MS_MAX ? MS_MAX : (uint64_t)now;

	if (uuid_equal(last, &none) || ms > fields.ms) {
		fields.ms = ms;
		start_counter(&fields, entropy);
	} else {
		count_up(&fields, entropy);
	}
	*last = pack(&fields, 7);
	return *last;
}

struct uuid uuid_v4(const struct entropy *entropy)
{
	struct fields fields;
	uint64_t high = entropy_u64(entropy);

	fields.ms = high >> 16;
	fields.rand_a = high & RAND_A_MAX;
	fields.rand_b = entropy_u64(entropy) & RAND_B_MAX;
	return pack(&fields, 4);
}

static bool dash_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

char *uuid_text(const struct uuid *uuid, char out[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
		if (dash_before(i))
			*at++ = '-';
		*at++ = digits[uuid->bytes[i] >> 4];
		*at++ = digits[uuid->bytes[i] & 15];
	}
	*at = '\0';
	return out;
}

bool uuid_parse(const char *text, struct uuid *out)
{
	struct uuid uuid;

	for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
		int high;
		int low;

		if (dash_before(i) && *text++ != '-')
			return false;
		high = hex_value(text[0]);
		low = high < 0 ? -1 : hex_value(text[1]);
		if (low < 0)
			return false;
		uuid.bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text != '\0')
		return false;
	*out = uuid;
	return true;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
