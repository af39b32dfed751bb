/*
 * E-mail addresses and names as people write them, one or a list a line. What is taken
 * can stand in an SMTP command, and in a header that stays one header.
 */
#include "fuzz.h"

#include "leadrelay/buf.h"
#include "leadrelay/mailbox.h"
#include "mime_words.h"

static void require_address(const char *address)
{
	REQUIRE(strlen(address) <= 254 && mail_address_valid(address));
	REQUIRE(strchr(address, '@') && !strpbrk(address, " \t\r\n<>,;:\\\"()[]"));
	for (const char *c = address; *c; c++)
		REQUIRE(*c > ' ' && *c < 0x7f);
	REQUIRE(mail_address_equal(address, address));
}

/* "To: ..." CR LF: lines of printable ASCII, folded only where a blank follows. */
static void require_header(const char *header)
{
	for (const char *c = header; *c; c++) {
		if (*c == '\r')
			REQUIRE(c[1] == '\n' && (!c[2] || c[2] == ' '));
		else if (*c == '\n')
			REQUIRE(c > header && c[-1] == '\r');
		else
			REQUIRE(*c >= ' ' && *c < 0x7f);
	}
}

static void require_mailbox(const struct mailbox *mailbox)
{
	struct buf header = BUF_INIT;

	require_address(mailbox->address);
	if (mailbox->name)
		require_sentence(mailbox->name);
	mime_address_header(&header, "To", mailbox);
	require_header(buf_str(&header));
	buf_finish(&header);
}

/* The bare address means itself. */
static void require_same_again(const struct mailbox *mailbox)
{
	struct mailbox again = {0};

	REQUIRE(mailbox_parse(&again, mailbox->address, NULL) == ERR_OK);
	REQUIRE(!again.name && strcmp(again.address, mailbox->address) == 0);
	mailbox_finish(&again);
}

static void parse(const char *line)
{
	struct mailbox mailbox = {0};
	struct mailbox_list list = {0};
	struct err err = {0};

	if (mailbox_parse(&mailbox, line, &err) == ERR_OK) {
		require_mailbox(&mailbox);
		require_same_again(&mailbox);
		mailbox_finish(&mailbox);
	} else {
		require_utf8(err.text);
	}
	if (mailbox_list_parse(&list, line, &err) == ERR_OK) {
		REQUIRE(list.count > 0);
		for (size_t i = 0; i < list.count; i++)
			require_mailbox(&list.items[i]);
		mailbox_list_finish(&list);
	} else {
		require_utf8(err.text);
	}
	if (mail_address_valid(line))
		require_address(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);

	while (input.at < input.end) {
		char *line = input_line(&input);

		parse(line);
		free(line);
	}
	return 0;
}
