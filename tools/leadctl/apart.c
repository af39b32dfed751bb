#include "apart.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int be_child(struct cli *cli,
	int (*work)(struct cli *cli, void *ctx, void *result), void *ctx, void *result)
{
	struct err err;
	int status;

	if (owner_become(cli->state_dir, &err) != ERR_OK)
		return cli_fail(cli, &err);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* becoming somebody else undoes it */
	status = work(cli, ctx, result);
	progress_clear(cli);
	return status;
}

static int wait_for(struct cli *cli, pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR) {
			cli_warn(cli, "waiting for the work: %s", strerror(errno));
			return EXIT_FAILED;
		}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	cli_warn(cli, "the work was ended by signal %d", WTERMSIG(status));
	return EXIT_FAILED;
}

int run_apart(struct cli *cli, int (*work)(struct cli *cli, void *ctx, void *result),
	void *ctx, void *result, size_t size)
{
	void *shared = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = EXIT_FAILED;
	pid_t child;

	if (shared == MAP_FAILED) {
		cli_warn(cli, "out of memory");
		return EXIT_FAILED;
	}
	cli_flush(cli); /* or it would be written twice */
	memcpy(shared, result, size);
	child = fork();
	if (child == 0)
		_exit(be_child(cli, work, ctx, shared));
	if (child < 0)
		cli_warn(cli, "starting the work: %s", strerror(errno));
	else
		status = wait_for(cli, child);
	memcpy(result, shared, size);
	munmap(shared, size);
	return status;
}

void print_kept(struct cli *cli, const char *file, const struct named_count *counts,
	size_t count, const char *aside)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "file", file);
	for (size_t i = 0; i < count; i++)
		cJSON_AddNumberToObject(object, counts[i].name, (double)counts[i].value);
	if (*aside)
		cJSON_AddStringToObject(object, "aside", aside);
	else
		cJSON_AddNullToObject(object, "aside");
	cli_print_json(cli, object);
	cJSON_Delete(object);
}
