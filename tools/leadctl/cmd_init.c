/*
 * init: from nothing to a configuration that delivers.
 *
 *   place --> each stage: its questions, then its live check --> files --> validate
 *
 * On a terminal what is wrong is asked again, that thing only; elsewhere it ends the run
 * with nothing written.
 */
#include "init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one stage ---- */

static int fill_stage(struct init *init, enum stage stage)
{
	int status = EXIT_DONE;

	for (enum answer i = 0; status == EXIT_DONE && i < ANSWERS; i++) {
		if (questions[i].stage != stage || init->settled[i])
			continue;
		if (question_arises(init, i) && (questions[i].ask || init->values[i]))
			status = answer_settle(init, i, false);
	}
	return status;
}

static enum answer find_flag(const char *flag, enum stage last)
{
	for (enum answer i = 0; i < ANSWERS; i++)
		if (questions[i].ask && questions[i].stage <= last &&
			strcmp(questions[i].flag, flag) == 0)
			return i;
	return ANSWERS;
}

static void offer_answers(const struct init *init, enum stage stage)
{
	fprintf(stderr, "Enter tries again; skip goes on without it; or what to change:");
	for (enum answer i = 0; i < ANSWERS; i++)
		if (questions[i].ask && questions[i].stage <= stage &&
			question_arises(init, i))
			fprintf(stderr, " %s", questions[i].flag);
	fputc('\n', stderr);
}

/* Nothing says which answer is wrong: perhaps none is. */
static int ask_what_now(struct init *init, enum stage stage)
{
	char *answer;
	enum answer which;
	int status = EXIT_DONE;

	offer_answers(init, stage);
	answer = ask_line("[try again]: ", false);
	if (!answer)
		return EXIT_FAILED;
	which = find_flag(answer, stage);
	if (strcmp(answer, "skip") == 0)
		init->skip[stage] = true;
	else if (which != ANSWERS)
		status = answer_settle(init, which, true);
	else if (*answer)
		fprintf(stderr, "  \"%s\" is none of these\n", answer);
	free(answer);
	return status;
}

static int ask_doubtful(struct init *init, enum stage stage, unsigned long doubtful)
{
	int status = EXIT_DONE;

	if (!doubtful)
		return ask_what_now(init, stage);
	for (enum answer i = 0; status == EXIT_DONE && i < ANSWERS; i++)
		if (doubtful & 1ul << i && question_arises(init, i))
			status = answer_settle(init, i, true);
	return status;
}

static int do_stage(struct init *init, enum stage stage)
{
	int status = fill_stage(init, stage);
	int tries = 0;

	while (status == EXIT_DONE) {
		struct verdict verdict = check_stage(init, stage);

		if (verdict.fine)
			break;
		if (!init->cli->asks)
			return EXIT_FAILED;
		/* the same answers again and again: what is wrong may be elsewhere */
		status = ask_doubtful(init, stage, ++tries % 3 ? verdict.doubtful : 0);
		if (status == EXIT_DONE)
			status = fill_stage(init, stage);
		init->connected = init->connected && !(verdict.doubtful & 1ul << A_URL);
	}
	return status;
}

/* ---- who cannot be asked ---- */

static void add_missing(struct init *init, struct buf *out, enum answer which)
{
	if (!questions[which].needed || init->values[which] ||
		question_default(init, which) || which == A_PUBLIC_URL ||
		!questions[which].ask || !question_arises(init, which))
		return;
	buf_addf(out, "%s--%s %s", out->len ? ", " : "", questions[which].flag,
		questions[which].kind == ANSWER_TEXT ? "..." : "FILE");
}

static int need_flags(struct init *init)
{
	struct buf missing = BUF_INIT;
	int status = EXIT_DONE;

	for (enum answer i = 0; i < ANSWERS; i++)
		add_missing(init, &missing, i);
	if (missing.len)
		status = cli_usage(init->cli,
			"init: here is nobody to ask, and missing is %s",
			buf_str(&missing));
	buf_finish(&missing);
	return status;
}

/* ---- all of it ---- */

static void welcome(const struct init *init)
{
	fprintf(stderr,
		"Writes %s: one marketplace source, one Dynamics 365 environment.\n"
		"Each answer is tried as you give it. Enter takes what stands in [brackets];\n"
		"Ctrl-C ends with nothing written.\n",
		init->cli->config_file);
}

static int go_through(struct init *init)
{
	int status = EXIT_DONE;

	if (init->cli->asks)
		welcome(init);
	else
		status = need_flags(init);
	for (enum stage i = 0; i < STAGES; i++)
		init->skip[i] = arguments_has(init->args, "no-checks");
	if (status != EXIT_DONE)
		return status;
	for (enum stage i = 0; status == EXIT_DONE && i < STAGES; i++)
		status = do_stage(init, i);
	if (status == EXIT_DONE)
		return init_end(init);
	cli_warn(init->cli, "init: nothing was written");
	return status;
}

int cmd_init(struct cli *cli, const struct arguments *args)
{
	struct init *init = calloc(1, sizeof(*init));
	int status;

	if (!init)
		return EXIT_FAILED;
	if (args->word_count > 1) {
		free(init);
		return cli_usage(
			cli, "init takes no words; -c FILE names what it writes");
	}
	*init = (struct init){.cli = cli, .args = args, .checking = ANSWERS};
	ask_begin();
	status = answers_from_flags(init);
	answers_from_defaults(init);
	if (status == EXIT_DONE)
		status = place_find(init);
	if (status == EXIT_DONE)
		answer_find_tokens(init);
	if (status == EXIT_DONE)
		status = go_through(init);
	ask_end();
	for (enum answer i = 0; i < ANSWERS; i++)
		answer_set(init, i, NULL);
	if (init->admin_token)
		explicit_bzero(init->admin_token, strlen(init->admin_token));
	free(init->admin_token);
	free(init->folder);
	free(init->file);
	free(init->owner);
	free(init);
	return status;
}
