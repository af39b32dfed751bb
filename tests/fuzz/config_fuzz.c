/*
 * leadrelay.yaml, as a file in memory. Either a configuration whose parts fit together,
 * or problems that name file and line. Secret and TLS files of the input are read as they
 * would be.
 */
#include "fuzz.h"

#include "leadrelay/config.h"

#include <ctype.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char file[64]; /* the input's name */

static void write_file(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("leadrelay.yaml", MFD_CLOEXEC);
		REQUIRE(fd >= 0 && fchmod(fd, 0600) == 0);
		snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	}
	REQUIRE(ftruncate(fd, 0) == 0);
	REQUIRE(pwrite(fd, data, size, 0) == (ssize_t)size);
}

/* "FILE:LINE: what is wrong", one a line. */
static void require_problems(const char *text)
{
	require_utf8(text);
	REQUIRE(*text);
	while (*text) {
		REQUIRE(strncmp(text, file, strlen(file)) == 0);
		text += strlen(file);
		REQUIRE(*text++ == ':' && isdigit((unsigned char)*text));
		text += strspn(text, "0123456789");
		REQUIRE(*text == ':');
		text = strchr(text, '\n');
		REQUIRE(text);
		text++;
	}
}

static bool has_destination(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->destination_count; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return true;
	return false;
}

static void require_config(const struct config *config)
{
	char *state_dir = NULL;

	REQUIRE(config->state_dir && config->state_dir[0] == '/');
	REQUIRE(config_state_dir(&state_dir, file, NULL) == ERR_OK);
	REQUIRE(strcmp(state_dir, config->state_dir) == 0);
	free(state_dir);
	REQUIRE(config->intake.listen.count > 0);
	for (size_t i = 0; i < config->source_count; i++) {
		const struct text_list *names = &config->sources[i].destinations;

		REQUIRE(names->count > 0);
		for (size_t j = 0; j < names->count; j++)
			REQUIRE(has_destination(config, names->items[j]));
	}
	for (size_t i = 0; i < config->destination_count; i++)
		REQUIRE(!config_credentials_changed(
			config, config, config->destinations[i].name));
	for (size_t i = 0; i < config->warnings.count; i++)
		require_sentence(config->warnings.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf problems = BUF_INIT;
	struct config *config = NULL;
	struct err err = {0};
	enum err_code code;

	write_file(data, size);
	code = config_load(&config, file, &problems, &err);
	if (code == ERR_OK) {
		REQUIRE(config && problems.len == 0);
		require_config(config);
	} else {
		REQUIRE(code == ERR_CONFIG && !config);
		require_sentence(err.text);
		require_problems(buf_str(&problems));
	}
	config_destroy(config);
	buf_finish(&problems);
	return 0;
}
