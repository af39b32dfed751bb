/* Feeds the files of a corpus to a target: where there is no libFuzzer, its finds are
 * ordinary tests. */
#include "fuzz.h"

#include <dirent.h>

static void feed(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buf bytes = BUF_INIT;
	uint8_t *exact;
	size_t got = 1;

	REQUIRE(file);
	while (got > 0 && buf_reserve(&bytes, 4096)) {
		got = fread(bytes.data + bytes.len, 1, 4096, file);
		bytes.len += got;
	}
	REQUIRE(!ferror(file) && buf_ok(&bytes));
	fclose(file);
	exact = malloc(bytes.len ? bytes.len : 1); /* a byte beyond it is noticed */
	REQUIRE(exact);
	memcpy(exact, buf_str(&bytes), bytes.len);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, bytes.len);
	free(exact);
	buf_finish(&bytes);
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	REQUIRE(argc == 2);
	dir = opendir(argv[1]);
	REQUIRE(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		feed(path);
		count++;
	}
	closedir(dir);
	REQUIRE(count > 0);
	return 0;
}
