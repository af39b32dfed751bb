/*
 * email: the internal destination that mails go to: notifications, alerts and reports,
 * one recipient each, through mail.smtp.
 *
 * The happy path is one conversation: the message is made anew from what the store kept,
 * byte for byte the same at every attempt, and handed to the relay (STEP_MAIL). With
 * xoauth2 a token comes first; one that is refused is replaced once.
 *
 * Failures are mail_outcome's to judge. A crash between the server's 250 and our mark
 * sends the same mail again, under the same Message-ID.
 */
#include "kinds.h"
#include "words.h"

#include "leadrelay/compose.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/mails.h"
#include "leadrelay/mime.h"
#include "leadrelay/token.h"

#include <stdlib.h>
#include <string.h>

#define RESOURCE "https://outlook.office365.com" /* whose SMTP takes the token */
#define PROBE_INTERVAL_MS (15 * 60 * 1000)

struct email {
	struct destination_base base;
	struct destination_settings settings; /* what the relay asks of every destination;
						 texts are mail's */
	const struct mail_settings *mail;
	struct mailbox from;
};

static struct email *of(struct destination *destination)
{
	return (struct email *)destination;
}

static const struct destination_kind kind;

static void destroy(struct destination *destination)
{
	struct email *email = of(destination);

	mailbox_finish(&email->from);
	free(email);
}

static void make_settings(struct email *email)
{
	static char name[] = MAIL_DESTINATION, kind_name[] = "email";
	const struct smtp_settings *smtp = &email->mail->smtp;

	email->settings = (struct destination_settings){.name = name,
		.kind = kind_name,
		.url = smtp->url,
		.route = {.timeout_ms = smtp->timeout_ms, .allow_private = true},
		.max_concurrency = MAIL_CONCURRENCY,
		.probe_interval_ms = PROBE_INTERVAL_MS};
	if (smtp->auth == SMTP_AUTH_XOAUTH2)
		email->settings.auth = smtp->oauth;
}

static enum err_code configure(
	struct email *email, const struct entropy *entropy, struct err *err)
{
	const struct smtp_settings *smtp = &email->mail->smtp;

	if (smtp_settings_check(smtp, err) != ERR_OK)
		return err_wrap(err, "mail.smtp");
	if (mailbox_parse(&email->from, email->mail->from, err) != ERR_OK)
		return err_wrap(err, "mail.from");
	if (smtp->auth == SMTP_AUTH_XOAUTH2 &&
		token_create(&email->base.token, &email->settings.auth, RESOURCE, entropy,
			err) != ERR_OK)
		return err_wrap(err, "mail.smtp.oauth");
	return ERR_OK;
}

enum err_code destination_email_create(struct destination **out,
	const struct mail_settings *mail, const struct entropy *entropy, struct err *err)
{
	struct email *email = calloc(1, sizeof(*email));
	struct err local;
	enum err_code code;

	if (!err)
		err = &local;
	if (!email)
		return err_set(err, ERR_NOMEM, "mail: out of memory");
	email->mail = mail;
	make_settings(email);
	email->base =
		(struct destination_base){.kind = &kind, .settings = &email->settings};
	code = configure(email, entropy, err);
	if (code != ERR_OK)
		destroy((struct destination *)email);
	else
		*out = (struct destination *)email;
	return code;
}

/* ---- the message ---- */

static struct mime_part *make_parts(const struct mail_item *item)
{
	struct mime_part *parts = calloc(item->attachment_count + 1, sizeof(*parts));

	for (size_t i = 0; parts && i < item->attachment_count; i++) {
		const struct mail_attachment *attachment = &item->attachments[i];

		parts[i] = (struct mime_part){.type = attachment->type,
			.name = attachment->name,
			.content_id = attachment->content_id,
			.bytes = attachment->bytes,
			.len = attachment->len};
	}
	return parts;
}

/* words: of a notification; alerts and reports bring theirs. */
static enum err_code build(struct buf *out, const struct email *email,
	const struct mail_item *item, const struct mailbox *to,
	const struct composed *words, struct err *err)
{
	bool composed = item->kind == MAIL_NOTIFICATION;
	struct mime_part *parts = make_parts(item);
	const struct mime_mail mail = {.from = &email->from,
		.to = to,
		.subject = composed ? buf_str(&words->subject) : item->subject,
		.message_id = item->message_id,
		.date = item->created_at,
		.text = composed ? buf_str(&words->text) : item->text,
		.html = composed ? buf_str(&words->html) : item->html,
		.parts = parts,
		.part_count = item->attachment_count};
	enum err_code code;

	if (!parts)
		return err_set(err, ERR_NOMEM, "composing a mail: out of memory");
	code = mime_build(out, &mail, err);
	free(parts);
	return code;
}

static enum err_code compose(struct buf *out, const struct email *email,
	const struct mail_item *item, const struct mailbox *to, struct err *err)
{
	struct composed words = {.subject = BUF_INIT};
	enum err_code code = ERR_OK;

	if (item->kind == MAIL_NOTIFICATION)
		compose_notification(&words, item->leads, item->lead_count,
			item->left_out, (enum mail_detail)email->mail->detail);
	if (!buf_ok(&words.subject) || !buf_ok(&words.text) || !buf_ok(&words.html))
		code = err_set(err, ERR_NOMEM, "composing a mail: out of memory");
	else
		code = build(out, email, item, to, &words, err);
	composed_finish(&words);
	return code;
}

static enum err_code fill(struct mail_exchange *exchange, const struct email *email,
	const struct mail_item *item, struct err *err)
{
	struct mailbox to = {0};
	enum err_code code = mailbox_parse(&to, item->contact, err);

	if (code != ERR_OK)
		return code;
	buf_adds(&exchange->from, email->from.address);
	buf_adds(&exchange->to, to.address);
	code = compose(&exchange->message, email, item, &to, err);
	mailbox_finish(&to);
	if (code == ERR_OK && (!buf_ok(&exchange->from) || !buf_ok(&exchange->to)))
		code = err_set(err, ERR_NOMEM, "composing a mail: out of memory");
	return code;
}

/* ---- the steps ---- */

/* It cannot be made into a mail, now or ever. */
static enum step_kind end_unsendable(
	struct task *task, const struct err *err, int64_t now)
{
	struct outcome outcome = {
		.kind = OUTCOME_REFUSED, .reason = REASON_INVALID, .wait_ms = -1};

	words_put(outcome.error, sizeof(outcome.error), err->text);
	words_put(outcome.remedy, sizeof(outcome.remedy),
		"correct the address where it is configured");
	task_record(task, &outcome, now, 0);
	return task_done(task, &outcome);
}

static void add_token(struct email *email, struct mail_exchange *exchange)
{
	static const char scheme[] = "Bearer ";
	const char *value = token_authorization(email->base.token);

	if (value && strncmp(value, scheme, sizeof(scheme) - 1) == 0)
		buf_adds(&exchange->bearer, value + sizeof(scheme) - 1);
}

static enum step_kind send(struct email *email, struct task *task, int64_t now)
{
	struct mail_exchange *exchange = calloc(1, sizeof(*exchange));
	struct err err = {.code = ERR_OK};

	task->mail_exchange = exchange; /* task_finish frees it unless it is taken */
	if (!exchange)
		return task_out_of_memory(task);
	exchange->server = &email->mail->smtp;
	if (email->base.token) {
		task->stage = (int)token_generation(email->base.token);
		add_token(email, exchange);
	}
	if (task->purpose == TASK_DELIVER)
		fill(exchange, email, task->mail, &err);
	else
		exchange->check_only = true;
	if (err.code == ERR_NOMEM || !buf_ok(&exchange->bearer))
		return task_out_of_memory(task);
	if (err.code != ERR_OK)
		return end_unsendable(task, &err, now);
	return STEP_MAIL;
}

static enum step_kind begin(
	struct destination *destination, struct task *task, int64_t now)
{
	struct token *token = destination->base.token;

	if (token && !token_fresh(token, now))
		return STEP_TOKEN;
	return send(of(destination), task, now);
}

static enum step_kind next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct token *token = destination->base.token;
	struct outcome nothing = {.kind = OUTCOME_RETRY,
		.reason = REASON_UNAUTHORIZED,
		.destination = true,
		.wait_ms = -1};

	(void)answer;
	if (token && token_authorization(token))
		return send(of(destination), task, now);
	words_put(nothing.error, sizeof(nothing.error), "there is no token yet");
	return task_done(task, &nothing);
}

/* The token was refused: the first time a new one is tried at once. */
static bool tries_again(
	struct email *email, struct task *task, const struct outcome *outcome)
{
	if (!email->base.token || outcome->kind != OUTCOME_UNAUTHORIZED)
		return false;
	token_refused(email->base.token, (unsigned)task->stage);
	if (task->token_renewed)
		return false;
	task->token_renewed = true;
	return true;
}

static enum step_kind mailed(struct destination *destination, struct task *task,
	const struct mail_answer *answer, int64_t now)
{
	struct email *email = of(destination);
	struct outcome outcome = mail_outcome(answer, &email->mail->smtp);

	outcome.http_status = answer->code; /* of SMTP */
	task_record(task, &outcome, now - answer->duration_ms, answer->duration_ms);
	if (tries_again(email, task, &outcome))
		return begin(destination, task, now);
	return task_done(task, &outcome);
}

static const struct destination_kind kind = {
	.name = "email",
	.keeps_key = true, /* the Message-ID */
	.destroy = destroy,
	.begin = begin,
	.next = next,
	.mailed = mailed,
	.purposes = 1u << TASK_DELIVER | 1u << TASK_PROBE,
};
