/*
 * A mail made of anything: subject, display name, file name a line each, then the text.
 * Lines of ASCII of at most 998 bytes (76 in headers and encoded parts) with CR LF, and
 * only the headers that are ours.
 */
#include "fuzz.h"

#include "leadrelay/buf.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/mime.h"

static void require_lines(const char *bytes, size_t len)
{
	size_t column = 0;

	REQUIRE(strlen(bytes) == len && len > 2);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\r') {
			REQUIRE(bytes[i + 1] == '\n');
		} else if (bytes[i] == '\n') {
			REQUIRE(i > 0 && bytes[i - 1] == '\r');
			column = 0;
		} else {
			REQUIRE((unsigned char)bytes[i] < 0x80);
			REQUIRE(++column <= 76);
		}
	}
	REQUIRE(bytes[len - 1] == '\n');
}

static bool is_ours(const char *line)
{
	static const char *const names[] = {"From:", "To:", "Subject:", "Message-ID:",
		"Date:", "MIME-Version:", "Content-Type:", "Content-Transfer-Encoding:",
		"Auto-Submitted:", "X-Auto-Response-Suppress:", " ", "\t"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Nothing of the input has become a header of its own. */
static void require_headers(const char *bytes)
{
	while (strncmp(bytes, "\r\n", 2) != 0) {
		REQUIRE(is_ours(bytes));
		bytes = strstr(bytes, "\r\n");
		REQUIRE(bytes);
		bytes += 2;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char from_address[] = "relay@contoso.com",
		    to_address[] = "sales@contoso.com";
	struct input input = input_of(data, size);
	char *subject = input_line(&input), *name = input_line(&input),
	     *file = input_line(&input), *text = input_rest(&input);
	struct mailbox from = {.name = name, .address = from_address};
	struct mailbox to = {.address = to_address};
	struct mime_part part = {.type = "text/csv; charset=utf-8",
		.name = file,
		.bytes = text,
		.len = strlen(text)};
	struct mime_mail mail = {.from = &from,
		.to = &to,
		.subject = subject,
		.message_id = "1.2@contoso.com",
		.date = NOW,
		.text = text,
		.html = text,
		.parts = &part,
		.part_count = 1};
	struct buf out = BUF_INIT;

	REQUIRE(mime_build(&out, &mail, NULL) == ERR_OK);
	require_lines(buf_str(&out), out.len);
	require_headers(buf_str(&out));
	buf_finish(&out);
	free(subject);
	free(name);
	free(file);
	free(text);
	return 0;
}
