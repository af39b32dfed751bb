/* From the configuration to what a command needs of it. */
#include "leadctl.h"

#include <string.h>

static void warn_bad_config(
	struct cli *cli, const struct buf *problems, const struct err *err)
{
	const char *first = buf_str(problems);

	cli_warn(cli, "the configuration is bad: %.*s",
		(int)(*first ? strcspn(first, "\n") : strlen(err->text)),
		*first ? first : err->text);
}

static int load_config(struct cli *cli, enum need need)
{
	struct buf problems = BUF_INIT;
	struct err err;
	int status = EXIT_DONE;

	if (config_load(&cli->config, cli->config_file, &problems, &err) != ERR_OK) {
		cli->config = NULL;
		status = need == NEED_CONFIG ? EXIT_USAGE : EXIT_DONE;
		if (need == NEED_CONFIG)
			cli_complain(cli, buf_str(&problems), err.text);
		else
			warn_bad_config(cli, &problems, &err);
	}
	buf_finish(&problems);
	return status;
}

int cli_prepare(struct cli *cli, enum need need)
{
	struct err err;

	if (need == NEED_NOTHING)
		return EXIT_DONE;
	if (config_state_dir(&cli->state_dir, cli->config_file, &err) != ERR_OK) {
		cli->state_dir = NULL;
		if (need == NEED_CONFIG && load_config(cli, need) != EXIT_DONE)
			return EXIT_USAGE; /* it said more than one line could */
		cli_warn(cli, "%s", err.text);
		return EXIT_USAGE;
	}
	if (owner_become(cli->state_dir, &err) != ERR_OK)
		return cli_fail(cli, &err);
	return load_config(cli, need);
}
