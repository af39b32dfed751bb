/* The answers: from flags, from a terminal, by default; each accepted by config_load. */
#include "init.h"

#include "leadrelay/clock.h"
#include "leadrelay/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_BYTES 24
#define SECRET_MAX (64 * 1024)

void answer_set(struct init *init, enum answer which, char *text)
{
	char *old = init->values[which];

	if (old && old != text) {
		explicit_bzero(old, strlen(old));
		free(old);
	}
	init->values[which] = text;
}

/* ---- flags ---- */

/* The text of a file, without its last line ends; "-" is standard input. */
static char *read_secret(const struct init *init, const char *flag, const char *path)
{
	bool input = strcmp(path, "-") == 0;
	int fd = input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	char text[SECRET_MAX + 1], *secret = NULL;
	size_t len = 0;
	ssize_t got = -1;

	while (fd >= 0 && len < SECRET_MAX &&
		((got = read(fd, text + len, SECRET_MAX - len)) > 0 ||
			(got < 0 && errno == EINTR)))
		len += got > 0 ? (size_t)got : 0;
	if (fd < 0 || got < 0)
		cli_warn(init->cli, "init: --%s: %s: %s", flag, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text[len] = '\0';
	if (fd >= 0 && got >= 0)
		secret = strdup(text);
	explicit_bzero(text, sizeof(text));
	return secret;
}

static char *absolute_path(const char *path)
{
	char folder[PATH_MAX], *out;

	if (*path == '/' || !getcwd(folder, sizeof(folder)))
		return strdup(path);
	return asprintf(&out, "%s/%s", folder, path) < 0 ? NULL : out;
}

int answers_from_flags(struct init *init)
{
	bool input = false;

	for (enum answer i = 0; i < ANSWERS; i++) {
		const struct question *question = &questions[i];
		const char *given = arguments_value(init->args, question->flag);
		char *text;

		if (!given)
			continue;
		if (question->kind == ANSWER_HIDDEN) {
			if (input && strcmp(given, "-") == 0)
				return cli_usage(init->cli,
					"standard input holds one secret, not two: name a file for --%s",
					question->flag);
			input |= strcmp(given, "-") == 0;
			text = read_secret(init, question->flag, given);
		} else {
			text = question->kind == ANSWER_PATH ? absolute_path(given)
							     : strdup(given);
		}
		if (!text)
			return EXIT_FAILED;
		answer_set(init, i, text);
	}
	return EXIT_DONE;
}

/* What nobody is asked for, and has to be there. */
void answers_from_defaults(struct init *init)
{
	for (enum answer i = 0; i < ANSWERS; i++)
		if (!questions[i].ask && questions[i].otherwise && !init->values[i])
			answer_set(init, i, strdup(questions[i].otherwise));
}

/* With --force: the one that is there stays, or Microsoft's address would be wrong. */
static char *present_token(const struct init *init)
{
	char path[PATH_MAX], *token;

	snprintf(path, sizeof(path), "%s/%s.token", init->folder, init->values[A_SOURCE]);
	if (access(path, F_OK) != 0)
		return NULL;
	token = read_secret(init, "token-file", path);
	if (token)
		token[strcspn(token, "\r\n")] = '\0';
	return token;
}

static char *new_token(void)
{
	uint8_t bytes[TOKEN_BYTES];
	struct buf text = BUF_INIT;

	entropy_system.fill(entropy_system.ctx, bytes, sizeof(bytes));
	hex_add(&text, bytes, sizeof(bytes));
	return buf_take(&text);
}

static void find_admin_token(struct init *init)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", init->folder, ADMIN_TOKEN);
	if (has_page(init) && access(path, F_OK) != 0)
		init->admin_token = new_token();
}

void answer_find_tokens(struct init *init)
{
	find_admin_token(init);
	if (init->values[A_TOKEN])
		return;
	answer_set(init, A_TOKEN, present_token(init));
	init->token_stays = init->values[A_TOKEN];
	if (!init->token_stays)
		answer_set(init, A_TOKEN, new_token());
}

/* ---- the address from outside ---- */

/* The name the certificate is for; false: it names none. */
static bool certificate_name(const char *path, char *out, size_t size)
{
	BIO *bio = BIO_new_file(path, "r");
	X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	GENERAL_NAMES *names =
		x509 ? X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL) : NULL;
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		snprintf(out, size, "%.*s", ASN1_STRING_length(name->d.dNSName),
			(const char *)ASN1_STRING_get0_data(name->d.dNSName));
		found = *out && *out != '*';
	}
	GENERAL_NAMES_free(names);
	X509_free(x509);
	BIO_free(bio);
	return found;
}

/* The caller's to free. */
static char *guess_public_url(const struct init *init)
{
	const char *listen = init->values[A_LISTEN];
	const char *port = listen ? strrchr(listen, ':') : NULL;
	char name[256] = "", *out;

	if (!init->values[A_TLS_CERTIFICATE] ||
		!certificate_name(init->values[A_TLS_CERTIFICATE], name, sizeof(name)))
		if (gethostname(name, sizeof(name) - 1) != 0)
			snprintf(name, sizeof(name), "localhost");
	if (!listens_elsewhere(init) || !port || strcmp(port, ":443") == 0)
		port = "";
	return asprintf(&out, "https://%s%s", name, port) < 0 ? NULL : out;
}

/* ---- one answer ---- */

static void refuse(const struct init *init, enum answer which, const char *why)
{
	struct buf clean = BUF_INIT;

	text_escape(&clean, why, strlen(why));
	if (init->cli->asks)
		fprintf(stderr, "  %s\n", buf_str(&clean));
	else
		cli_warn(init->cli, "init: --%s: %s", questions[which].flag, why);
	buf_finish(&clean);
}

/* Of what config_load said, the sentences: the key is the flag's. */
static void refuse_all(const struct init *init, enum answer which, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");
		const char *colon = memmem(lines, len, ": ", 2);
		const char *from = colon ? colon + 2 : lines;
		struct buf one = BUF_INIT;

		buf_add(&one, from, len - (size_t)(from - lines));
		refuse(init, which, buf_str(&one));
		buf_finish(&one);
		lines += len + (lines[len] == '\n');
	}
}

static bool loads(const struct init *init, enum answer which)
{
	struct buf problems = BUF_INIT;
	struct config *config = NULL;
	struct err err;
	bool fine = draft_load(init, &config, &problems, &err) == ERR_OK;

	if (fine)
		config_destroy(config);
	else if (problems.len)
		refuse_all(init, which, buf_str(&problems));
	else
		refuse(init, which, err.text);
	buf_finish(&problems);
	return fine;
}

static void refuse_unreadable(
	const struct init *init, enum answer which, const char *path)
{
	struct buf why = BUF_INIT;

	if (access(path, F_OK) != 0)
		buf_addf(&why, "there is no file %s", path);
	else
		buf_addf(&why,
			"%s cannot read %s; let it, by the group and mode of the file and its "
			"folders",
			init->owner ? init->owner : "this user", path);
	refuse(init, which, buf_str(&why));
	buf_finish(&why);
}

/* False, and said why. */
static bool acceptable(struct init *init, enum answer which)
{
	const char *text = init->values[which];

	if (!text)
		return true;
	if (which == A_PUBLIC_URL && strncmp(text, "https://", 8) != 0) {
		refuse(init, which, "Microsoft sends to https:// only");
		return false;
	}
	if (questions[which].kind == ANSWER_PATH && which != A_STATE_DIR &&
		!owner_reads(init, text)) {
		refuse_unreadable(init, which, text);
		return false;
	}
	return loads(init, which);
}

static void show_hint(const struct init *init, enum answer which)
{
	const struct question *question = &questions[which];
	bool secret = which == A_SECRET && !auth_is(init, "office365");

	if (secret)
		fprintf(stderr,
			"\n  App registrations > the app > Certificates & secrets: "
			"the Value, not its id\n");
	else if (question->hint)
		fprintf(stderr, "\n  %s\n", question->hint);
}

/* NULL: the input ended. "" : none. */
static char *ask(struct init *init, enum answer which, const char *offered)
{
	const struct question *question = &questions[which];
	bool hidden = question->kind == ANSWER_HIDDEN;
	struct buf prompt = BUF_INIT;
	char *answer;

	buf_addf(&prompt, "%s",
		which == A_SECRET && auth_is(init, "office365") ? "Password"
								: question->ask);
	if (hidden)
		buf_adds(&prompt,
			offered ? " (not shown; Enter: the same)" : " (not shown)");
	else if (offered)
		buf_addf(&prompt, " [%s]", offered);
	buf_adds(&prompt, ": ");
	answer = ask_line(buf_str(&prompt), hidden);
	buf_finish(&prompt);
	if (answer && !*answer && offered) {
		free(answer);
		answer = strdup(offered);
	}
	return answer;
}

/* False: the input ended. */
static bool ask_until_given(struct init *init, enum answer which)
{
	const struct question *question = &questions[which];
	char *guess = which == A_PUBLIC_URL ? guess_public_url(init) : NULL;
	const char *offered = init->values[which] ? init->values[which]
			      : guess             ? guess
						  : question_default(init, which);
	char *answer;

	while ((answer = ask(init, which, offered)) && !*answer && question->needed) {
		fprintf(stderr, "  it is needed\n");
		free(answer);
	}
	if (answer && (!*answer || (strcmp(answer, "-") == 0 && !question->needed))) {
		free(answer);
		answer_set(init, which, NULL);
		free(guess);
		return true;
	}
	if (answer && question->kind == ANSWER_PATH) {
		char *path = absolute_path(answer);

		free(answer);
		answer = path;
	}
	free(guess);
	if (answer)
		answer_set(init, which, answer);
	return answer;
}

/* A key is wrong by its certificate, too: both are asked again. */
static bool has_partner(enum answer which)
{
	return which == A_KEY || which == A_TLS_KEY;
}

/* Until this answer is acceptable. again: it is asked for though there is one. */
int answer_settle(struct init *init, enum answer which, bool again)
{
	bool asks = init->cli->asks && questions[which].ask;
	const char *otherwise = question_default(init, which);

	if (asks && !init->values[which] && !again)
		show_hint(init, which);
	for (;;) {
		if (!init->values[which] && !asks && which == A_PUBLIC_URL)
			answer_set(init, which, guess_public_url(init));
		else if (!init->values[which] && !asks && otherwise)
			answer_set(init, which, strdup(otherwise));
		else if (asks && (!init->values[which] || again) &&
			 !ask_until_given(init, which))
			return EXIT_FAILED;
		init->checking = which;
		if (acceptable(init, which))
			break;
		if (!asks)
			return EXIT_USAGE;
		if (has_partner(which) &&
			answer_settle(init, which - 1, true) != EXIT_DONE)
			return EXIT_FAILED;
		again = true;
	}
	init->checking = ANSWERS;
	init->settled[which] = true;
	return EXIT_DONE;
}
