#include "leadctl.h"

const char *version_text(void)
{
	return LEADRELAY_VERSION;
}

int cmd_version(struct cli *cli, const struct arguments *args)
{
	cJSON *document;

	if (args->word_count > 1)
		return cli_usage(cli, "version takes no arguments");
	if (!cli->json) {
		buf_addf(&cli->out, "leadrelay %s\n", version_text());
		return EXIT_DONE;
	}
	document = cJSON_CreateObject();
	cJSON_AddStringToObject(document, "version", version_text());
	cli_print_json(cli, document);
	cJSON_Delete(document);
	return EXIT_DONE;
}
