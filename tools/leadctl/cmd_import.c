/* import: from the command line to a file that is ready to be read, and the end of it. */
#include "csv_arguments.h"
#include "importing.h"

#include "leadrelay/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_MS (24 * 3600 * INT64_C(1000))

/* ---- options ---- */

static int unknown_source(struct cli *cli, const char *name, bool other_kind)
{
	const struct config *config = cli->config;
	struct buf names = BUF_INIT;

	for (size_t i = 0; i < config->source_count; i++)
		if (config->sources[i].kind == SOURCE_CSV)
			buf_addf(&names, "%s%s", names.len ? ", " : "",
				config->sources[i].name);
	cli_warn(cli, "%s \"%.64s\"%s; sources of kind csv: %s",
		other_kind ? "source" : "there is no source", name,
		other_kind ? " takes requests, not files" : "",
		names.len
			? buf_str(&names)
			: "none, add one to the configuration ({ name: fair, kind: csv, "
			  "destinations: [...] })");
	buf_finish(&names);
	return other_kind ? EXIT_USAGE : EXIT_NONE;
}

static int find_source(struct importing *importing, const char *name)
{
	struct cli *cli = importing->cli;

	for (size_t i = 0; i < cli->config->source_count; i++) {
		const struct source_settings *source = &cli->config->sources[i];

		if (strcmp(source->name, name) != 0)
			continue;
		if (source->kind != SOURCE_CSV)
			return unknown_source(cli, name, true);
		importing->source = source;
		return EXIT_DONE;
	}
	return unknown_source(cli, name, false);
}

static int read_options(struct importing *importing, const struct arguments *args)
{
	importing->dry_run = arguments_has(args, "dry-run");
	importing->notify = arguments_has(args, "notify");
	return csv_arguments_read(
		importing->cli, args, &importing->options, &importing->map);
}

/* ---- the file ---- */

static int bad_file(struct importing *importing, const struct err *err)
{
	cli_warn(importing->cli, "%s: %s", importing->file.name, err->text);
	return err->code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

static int read_heading(struct importing *importing)
{
	struct csv_record heading;
	struct err err;
	int found;

	if (csv_open(&importing->reader, import_file_read, &importing->file,
		    &importing->options, &err) != ERR_OK)
		return bad_file(importing, &err);
	found = csv_next(importing->reader, &heading, &err);
	if (import_interrupted())
		return EXIT_FAILED;
	if (found == 0)
		err_set(&err, ERR_INVALID,
			"it is empty; its first line is expected to be the heading");
	if (found != 1 || csv_columns_create(&importing->columns, &heading,
				  importing->source, &importing->map, &err) != ERR_OK)
		return bad_file(importing, &err);
	importing->columns->latest = importing->cli->now + DAY_MS;
	for (size_t i = 0; i < importing->columns->notes.count; i++)
		cli_warn(importing->cli, "%s", importing->columns->notes.items[i]);
	return EXIT_DONE;
}

/* Its own input is not to be lost under what was wrong with it. */
static bool is_input(const struct importing *importing, const char *name)
{
	struct stat input, other;

	return fstat(importing->file.fd, &input) == 0 && stat(name, &other) == 0 &&
	       input.st_dev == other.st_dev && input.st_ino == other.st_ino;
}

static int open_rejects(struct importing *importing, const char *name)
{
	struct import_problems *problems = &importing->problems;
	struct err err;

	if (name && is_input(importing, name))
		return cli_usage(importing->cli,
			"--rejects: %s is what is being imported; name another file",
			name);
	if (name && new_file_begin(&problems->file, name, true, importing->cli->state_dir,
			    &err) != ERR_OK)
		return cli_fail(importing->cli, &err);
	problems->to_file = name != NULL;
	problems->file_name = name;
	problems_begin(problems, importing->columns, csv_delimiter(importing->reader));
	return EXIT_DONE;
}

/* ---- the command ---- */

static int import(struct importing *importing)
{
	struct err err;
	int status;

	if (importing->dry_run)
		return import_rehearse(importing);
	if (sender_create(&importing->sender, importing->cli, &err) != ERR_OK)
		return cli_fail(importing->cli, &err);
	status = import_rows(importing);
	sender_destroy(importing->sender); /* it lets go of the outbox */
	importing->sender = NULL;
	return status;
}

static int interrupted(struct importing *importing)
{
	cli_warn(importing->cli, "%s",
		importing->dry_run ? "interrupted; nothing was stored"
		: importing->file.regular
			? "interrupted behind the batch at hand; the same command goes on "
			  "from there"
			: "interrupted behind the batch at hand; import all of it again, rows "
			  "taken before are recognised");
	return EXIT_FAILED;
}

static int run(struct importing *importing, const struct arguments *args)
{
	int status = read_heading(importing), written;

	if (status == EXIT_DONE)
		status = open_rejects(importing, arguments_value(args, "rejects"));
	if (status != EXIT_DONE)
		return status;
	status = import(importing);
	if (status != EXIT_DONE)
		return status;
	written = problems_end(&importing->problems, importing->cli);
	import_tell(importing);
	if (import_interrupted())
		return interrupted(importing);
	if (import_file_changed(&importing->file))
		cli_warn(importing->cli,
			"%s changed while it was read: import it again, rows taken before are "
			"recognised",
			importing->file.name);
	if (written != EXIT_DONE || import_file_changed(&importing->file))
		return EXIT_FAILED;
	return importing->refused ? EXIT_ATTENTION : EXIT_DONE;
}

static void finish(struct importing *importing)
{
	problems_finish(&importing->problems);
	csv_columns_destroy(importing->columns);
	csv_close(importing->reader);
	csv_arguments_finish(&importing->map);
	buf_finish(&importing->batches[0].packed);
	buf_finish(&importing->batches[1].packed);
	buf_finish(&importing->preview);
	free(importing);
}

/* Run as root, the file is opened with root's rights, everything else with those of
 * state_dir's owner. */
static int prepare(struct importing *importing, const struct arguments *args)
{
	const char *rejects = arguments_value(args, "rejects");
	int status = import_file_open(&importing->file, args->words[1], importing->cli);

	if (status == EXIT_DONE && rejects && is_input(importing, rejects))
		status = cli_usage(importing->cli,
			"--rejects: %s is what is being imported; name another file",
			rejects);
	if (status == EXIT_DONE)
		status = cli_prepare(importing->cli, NEED_CONFIG);
	if (status == EXIT_DONE)
		status = find_source(importing, arguments_value(args, "source"));
	if (status == EXIT_DONE)
		status = import_file_identify(&importing->file, importing->cli);
	return status;
}

int cmd_import(struct cli *cli, const struct arguments *args)
{
	struct importing *importing;
	int status;

	if (args->word_count != 2)
		return cli_usage(cli, "import takes one file; - is standard input");
	if (!arguments_has(args, "source"))
		return cli_usage(cli, "which source are they of? --source NAME");
	importing = calloc(1, sizeof(*importing));
	if (!importing)
		return EXIT_FAILED;
	importing->cli = cli;
	import_catch_interrupt();
	status = read_options(importing, args);
	if (status == EXIT_DONE) {
		status = prepare(importing, args);
		if (status == EXIT_DONE)
			status = run(importing, args);
		import_file_close(&importing->file);
	}
	finish(importing);
	return status;
}
