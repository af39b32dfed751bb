/* Known answers; that a reader gets the same back is shown with npm's mailparser
 * (tests/integration/mail). */
#include "leadrelay/buf.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void headers_are_written_as_known(void **state)
{
	static const struct {
		const char *text, *line;
	} known[] = {
		{"New lead: Contoso Backup (INS)",
			"Subject: New lead: Contoso Backup (INS)\r\n"},
		{"", "Subject: \r\n"},
		/* RFC 2047 8's own words, in UTF-8 */
		{"Keld J\xc3\xb8rn Simonsen",
			"Subject: =?UTF-8?Q?Keld_J=C3=B8rn_Simonsen?=\r\n"},
		{"\xe6\x9d\xb1\xe4\xba\xac", "Subject: =?UTF-8?B?5p2x5Lqs?=\r\n"},
		{"a\r\nBcc: x@y.zz", "Subject: =?UTF-8?Q?a__Bcc=3A_x=40y=2Ezz?=\r\n"},
		{"a\nb", "Subject: a b\r\n"},
		{"=?UTF-8?Q?x?=", "Subject: =?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?=\r\n"},
		{"\xff", "Subject: =?UTF-8?B?77+9?=\r\n"},
		/* folded at a blank, 76 at most */
		{"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
		 "0123456789",
			"Subject: 0123456789 0123456789 0123456789 0123456789 0123456789 "
			"0123456789\r\n 0123456789\r\n"},
		/* no word of more than 75, no character in two */
		{"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		 "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		 "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
			"Subject: "
			"=?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?="
			"\r\n =?UTF-8?B?w6TDpA==?=\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct buf line = BUF_INIT;

		mime_header(&line, "Subject", known[i].text);
		assert_string_equal(buf_str(&line), known[i].line);
		buf_finish(&line);
	}
}

static char name[] = "Zo\xc3\xab, Relay", from_address[] = "relay@contoso.com";
static char to_name[] = "Boss, the", to_address[] = "boss@contoso.com";
static const struct mailbox from = {name, from_address}, to = {to_name, to_address};

static struct mime_mail a_mail(void)
{
	return (struct mime_mail){.from = &from,
		.to = &to,
		.subject = "Hello",
		.message_id = "1@contoso.com",
		.date = INT64_C(1795355537999),
		.text = "From Zo\xc3\xab \n.x = y, and more that is plain, as mails are\n"};
}

static char *build(const struct mime_mail *mail)
{
	struct buf out = BUF_INIT;
	struct err err;

	assert_int_equal(mime_build(&out, mail, &err), ERR_OK);
	return buf_take(&out);
}

#define HEADERS \
	"From: =?UTF-8?B?Wm/DqywgUmVsYXk=?= <relay@contoso.com>\r\n" \
	"To: \"Boss, the\" <boss@contoso.com>\r\n" \
	"Subject: Hello\r\n" \
	"Date: Sun, 22 Nov 2026 13:52:17 +0000\r\n" \
	"Message-ID: <1@contoso.com>\r\n" \
	"Auto-Submitted: auto-generated\r\n" \
	"X-Auto-Response-Suppress: All\r\n" \
	"MIME-Version: 1.0\r\n"
#define TEXT \
	"Content-Type: text/plain; charset=utf-8\r\n" \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n" \
	"=46rom Zo=C3=AB=20\r\n.x =3D y, and more that is plain, as mails are\r\n"

static void a_text_alone_is_one_part(void **state)
{
	struct mime_mail mail = a_mail();
	char *bytes = build(&mail);

	(void)state;
	assert_string_equal(bytes, HEADERS TEXT);
	free(bytes);
}

static void parts_nest_as_promised(void **state)
{
	static const struct mime_part parts[] = {
		{.type = "text/csv", .name = "r.csv", .bytes = "a;b", .len = 3},
		{.type = "image/png", .content_id = "c@x", .bytes = "", .len = 0}};
	static const char *const order[] = {"multipart/mixed", "boundary=\"=_0_",
		"multipart/alternative", "text/plain", "multipart/related", "text/html",
		"image/png", "Content-ID: <c@x>", "--=_2_", "--=_1_", "text/csv",
		"filename=\"r.csv\"", "YTti\r\n", "--=_0_"};
	struct mime_mail mail = a_mail();
	const char *at;
	char *bytes, *again;

	(void)state;
	mail.html = "<p>";
	mail.parts = parts;
	mail.part_count = 2;
	bytes = build(&mail);
	again = build(&mail);
	assert_string_equal(bytes, again);
	at = bytes;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		at = strstr(at, order[i]);
		assert_non_null(at);
	}
	free(bytes);
	free(again);
}

static void long_lines_are_broken_softly(void **state)
{
	struct mime_mail mail = a_mail();
	char text[201];
	char *bytes, *line;

	(void)state;
	memset(text, 'x', 200);
	text[200] = '\0';
	mail.text = text;
	bytes = build(&mail);
	line = strstr(bytes, "\r\n\r\n") + 4;
	assert_int_equal(strcspn(line, "\r"), 76);
	assert_int_equal(line[75], '=');
	free(bytes);
}

static void what_cannot_stand_in_a_header_is_refused(void **state)
{
	static char bad_address[] = "a@b.cc>\r\nX: y";
	static const struct mailbox bad = {NULL, bad_address};
	static const struct mime_part type = {.type = "text/csv\r\nX: y", .bytes = ""},
				      cid = {.type = "image/png",
					      .content_id = "a>\r\nX: y",
					      .bytes = ""};
	struct mime_mail mails[6];
	struct buf out = BUF_INIT;

	(void)state;
	for (int i = 0; i < 6; i++)
		mails[i] = a_mail();
	mails[0].to = &bad;
	mails[1].from = &bad;
	mails[2].message_id = "a@b\r\nX: y";
	mails[3].text = NULL;
	mails[4].parts = &type;
	mails[5].parts = &cid;
	mails[4].part_count = mails[5].part_count = 1;
	for (int i = 0; i < 6; i++) {
		struct err err;

		assert_int_equal(mime_build(&out, &mails[i], &err), ERR_INVALID);
		assert_int_equal(out.len, 0);
	}
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_written_as_known),
		cmocka_unit_test(a_text_alone_is_one_part),
		cmocka_unit_test(parts_nest_as_promised),
		cmocka_unit_test(long_lines_are_broken_softly),
		cmocka_unit_test(what_cannot_stand_in_a_header_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
