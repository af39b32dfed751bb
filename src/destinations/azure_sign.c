#include "azure_sign.h"

#include "leadrelay/text.h"

#include <stdio.h>
#include <time.h>

char *azure_date(int64_t at, char out[AZURE_DATE_SIZE])
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(at / 1000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		tm = (struct tm){.tm_mday = 1, .tm_year = 70};
	snprintf(out, AZURE_DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		days[tm.tm_wday % 7], tm.tm_mday % 100, months[tm.tm_mon % 12],
		(tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100,
		tm.tm_sec % 100);
	return out;
}

/* Takes text, which it wipes. */
static void add_signature(struct buf *out, const char *scheme,
	const struct azure_account *account, struct buf *text)
{
	uint8_t digest[SHA256_SIZE];

	hmac_sha256(account->key, account->key_len, buf_str(text), text->len, digest);
	buf_addf(out, "%s %s:", scheme, account->name);
	base64_add(out, digest, sizeof(digest));
	if (!buf_ok(text))
		out->failed = true;
	buf_wipe(text);
}

void azure_sign(struct buf *out, const struct azure_account *account, const char *method,
	const char *content_type, const char *date, const char *path)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "%s\n\n%s\n%s\n/%s%s", method, content_type, date, account->name,
		path);
	add_signature(out, "SharedKey", account, &text);
}

void azure_sign_lite(struct buf *out, const struct azure_account *account,
	const char *date, const char *path)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "%s\n/%s%s", date, account->name, path);
	add_signature(out, "SharedKeyLite", account, &text);
}
