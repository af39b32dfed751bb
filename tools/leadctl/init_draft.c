/*
 * The answers as a configuration. What is written and what is checked are one text: the
 * draft is loaded from memory (a memfd) by config_load, so that every rule of the real
 * file holds for every answer, and no secret touches a disk before all is well.
 */
#include "init.h"

#include "leadrelay/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_ID "00000000-0000-0000-0000-000000000000"
#define NO_TOKEN "no-token-yet-0123456789"

/* ---- YAML ---- */

static bool is_plain(const char *text)
{
	if (!isalnum((unsigned char)*text) && *text != '/')
		return false;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-/@+", *c) &&
			!(*c == ':' && c[1] == '/'))
			return false;
	return true;
}

/* In double quotes where it has to be; ${ is not a variable's here. */
static void add_scalar(struct buf *out, const char *text)
{
	if (is_plain(text)) {
		buf_adds(out, text);
		return;
	}
	buf_addc(out, '"');
	for (const char *c = text; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte == '\n')
			buf_adds(out, "\\n");
		else if (byte < 0x20 || byte == 0x7f)
			buf_addf(out, "\\x%02x", (unsigned)byte);
		else if (byte == '"' || byte == '\\')
			buf_addf(out, "\\%c", byte);
		else if (byte == '$' && c[1] == '{')
			buf_adds(out, "$$");
		else
			buf_addc(out, *c);
	}
	buf_addc(out, '"');
}

static void add_key(struct buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	buf_adds(out, key);
	add_scalar(out, text);
	buf_addc(out, '\n');
}

struct draft {
	const struct init *init;
	struct buf *out;
	bool draft;
};

static const char *value(const struct draft *draft, enum answer which)
{
	const struct init *init = draft->init;

	if (draft->draft && !init->settled[which] && init->checking != which)
		return NULL;
	return init->values[which];
}

/* An answer to come has a place where the draft needs one. */
static const char *value_or(
	const struct draft *draft, enum answer which, const char *place)
{
	const char *text = value(draft, which);

	return text || !draft->draft ? text : place;
}

/* key: inline in the draft, else key_file, with what to say of it. */
static void add_secret(const struct draft *draft, const char *indent, const char *key,
	enum answer which, const char *place, const char *file, const char *remark)
{
	if (draft->draft) {
		buf_addf(draft->out, "%s%s: ", indent, key);
		add_scalar(draft->out, value_or(draft, which, place));
		buf_addc(draft->out, '\n');
	} else {
		buf_addf(draft->out, "%s%s_file: ", indent, key);
		add_scalar(draft->out, file);
		buf_addf(draft->out, "%s\n", remark);
	}
}

/* ---- the blocks ---- */

static void add_head(const struct draft *draft)
{
	char now[TIME_TEXT_SIZE];

	buf_addf(draft->out,
		"# Written by `leadctl init`, %.10s. `leadctl config check` reads it, "
		"`leadctl validate` tries it.\n"
		"# Relative paths are from this file's folder. Secrets stand in files of "
		"their own; a changed one is noticed by itself.\n",
		time_text(draft->init->cli->now, now));
	add_key(draft->out, "state_dir: ", value_or(draft, A_STATE_DIR, "/nowhere"));
}

static void add_intake(const struct draft *draft)
{
	const char *listen = value_or(draft, A_LISTEN, "127.0.0.1:0");
	const char *certificate = value(draft, A_TLS_CERTIFICATE);
	const char *key = value(draft, A_TLS_KEY);
	bool half = !certificate || !key;

	buf_adds(draft->out, "\nintake:\n  listen: [");
	add_scalar(draft->out, listen);
	buf_adds(draft->out, "]\n");
	if (half && draft->draft && listens_elsewhere(draft->init))
		buf_adds(draft->out, "  allow_plain: true\n"); /* it is asked for next */
	if (half)
		return;
	buf_adds(draft->out, "  tls: { certificate: ");
	add_scalar(draft->out, certificate);
	buf_adds(draft->out, ", key: ");
	add_scalar(draft->out, key);
	buf_adds(draft->out, " }\n");
}

static void add_source(const struct draft *draft)
{
	const char *name = value_or(draft, A_SOURCE, "marketplace");
	char file[160];

	snprintf(file, sizeof(file), "%s.token", name);
	buf_adds(draft->out, "\nsources:\n");
	add_key(draft->out, "  - name: ", name);
	buf_adds(draft->out, "    kind: marketplace\n");
	add_secret(draft, "    ", "token", A_TOKEN, NO_TOKEN, file,
		"    # one token a line, all valid: add the new one, then remove the old one");
	buf_adds(draft->out, "    destinations: [");
	add_scalar(draft->out, value_or(draft, A_DESTINATION, "crm"));
	buf_adds(draft->out, "]\n");
}

static void add_credential(const struct draft *draft, const char *method)
{
	char file[160];

	snprintf(file, sizeof(file), "%s.secret", value_or(draft, A_DESTINATION, "crm"));
	if (strcmp(method, "azure_ad_certificate") == 0) {
		add_key(draft->out, "      certificate: ", value(draft, A_CERTIFICATE));
		add_key(draft->out, "      key: ", value(draft, A_KEY));
	} else if (strcmp(method, "office365") == 0) {
		add_key(draft->out, "      username: ",
			value_or(draft, A_USERNAME, "nobody@example.com"));
		add_secret(draft, "      ", "password", A_SECRET, "none-yet", file, "");
	} else {
		add_secret(draft, "      ", "client_secret", A_SECRET, "none-yet", file,
			"    # a second line is the next secret, tried when the first is "
			"refused");
	}
}

static void add_auth(const struct draft *draft)
{
	const char *method = value_or(draft, A_AUTH, "azure_ad");
	bool half = strcmp(method, "azure_ad_certificate") == 0 &&
		    (!value(draft, A_CERTIFICATE) || !value(draft, A_KEY));

	if (half) /* of a draft, while it is asked for */
		method = "azure_ad";
	buf_adds(draft->out, "    auth:\n");
	add_key(draft->out, "      method: ", method);
	if (!value(draft, A_TOKEN_URL) || value(draft, A_DIRECTORY))
		add_key(draft->out,
			"      directory_id: ", value_or(draft, A_DIRECTORY, NO_ID));
	add_key(draft->out, "      client_id: ", value_or(draft, A_CLIENT, NO_ID));
	add_credential(draft, method);
	add_key(draft->out, "      expires: ", value(draft, A_EXPIRES));
	add_key(draft->out, "      authority: ", value(draft, A_AUTHORITY));
	add_key(draft->out, "      token_url: ", value(draft, A_TOKEN_URL));
}

static void add_destination(const struct draft *draft)
{
	buf_adds(draft->out, "\ndestinations:\n");
	add_key(draft->out, "  - name: ", value_or(draft, A_DESTINATION, "crm"));
	buf_adds(draft->out, "    kind: dynamics365\n");
	add_key(draft->out,
		"    url: ", value_or(draft, A_URL, "https://contoso.crm4.dynamics.com"));
	add_auth(draft);
	add_key(draft->out, "    contacts: ", value(draft, A_CONTACTS));
	add_key(draft->out, "    ca_file: ", value(draft, A_CA_FILE));
	add_key(draft->out, "    proxy: ", value(draft, A_PROXY));
}

/* The token also on loopback: not everybody who has an account here may see leads. */
static void add_admin(const struct draft *draft)
{
	const char *listen = value(draft, A_ADMIN);

	if (!listen || !has_page(draft->init))
		return;
	buf_adds(draft->out, "\nadmin:\n");
	add_key(draft->out, "  listen: ", listen);
	if (draft->draft)
		add_key(draft->out, "  token: ", NO_TOKEN);
	else
		add_key(draft->out, "  token_file: ", ADMIN_TOKEN);
}

/* A mail server of this machine's own rarely has a certificate for 127.0.0.1. */
static bool plain_mail(const char *server)
{
	return strncmp(server, "smtp://127.", 11) == 0 ||
	       strncmp(server, "smtp://localhost", 16) == 0 ||
	       strncmp(server, "smtp://[::1]", 12) == 0;
}

static void add_mail(const struct draft *draft)
{
	const char *server = value(draft, A_MAIL_SERVER);
	const char *user = value(draft, A_MAIL_USER);
	const char *ca_file = value(draft, A_MAIL_CA);

	if (!server)
		return;
	buf_adds(draft->out, "\nmail:\n  smtp:\n");
	add_key(draft->out, "    url: ", server);
	add_key(draft->out, "    tls: ", plain_mail(server) && !ca_file ? "none" : NULL);
	add_key(draft->out, "    ca_file: ", ca_file);
	add_key(draft->out, "    auth: ", user ? "plain" : "none");
	add_key(draft->out, "    username: ", user);
	if (user)
		add_secret(draft, "    ", "password", A_MAIL_PASSWORD, "none-yet",
			"smtp.password", "");
	add_key(draft->out, "  from: ",
		value_or(draft, A_MAIL_FROM, "Lead relay <relay@example.com>"));
	add_key(draft->out, "  alerts_to: ", value(draft, A_ALERTS));
}

bool draft_text(const struct init *init, bool draft, struct buf *out)
{
	const struct draft it = {.init = init, .out = out, .draft = draft};

	add_head(&it);
	add_intake(&it);
	add_source(&it);
	add_destination(&it);
	add_mail(&it);
	add_admin(&it);
	return buf_ok(out);
}

/* ---- loading it ---- */

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			bytes += written;
			len -= (size_t)written;
		}
	}
	return true;
}

/* Without "FILE:LINE: ": nobody has that file. */
static void strip_place(const char *lines, struct buf *out)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");
		const char *at = memmem(lines, len, ": ", 2);

		if (at && strncmp(lines, "/proc/", 6) == 0) {
			len -= (size_t)(at + 2 - lines);
			lines = at + 2;
		}
		buf_addf(out, "%.*s\n", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

enum err_code draft_load(const struct init *init, struct config **out,
	struct buf *problems, struct err *err)
{
	int fd = memfd_create("leadrelay.yaml", MFD_CLOEXEC);
	struct buf text = BUF_INIT, lines = BUF_INIT;
	enum err_code code = ERR_OK;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!draft_text(init, true, &text))
		code = err_set(err, ERR_NOMEM, "out of memory");
	else if (fd < 0 || fchmod(fd, 0600) != 0 || !write_all(fd, text.data, text.len))
		code = err_errno(err, errno, "keeping the draft in memory");
	else
		code = config_load(out, path, &lines, err);
	strip_place(buf_str(&lines), problems);
	buf_wipe(&text);
	buf_finish(&lines);
	if (fd >= 0)
		close(fd);
	return code;
}
