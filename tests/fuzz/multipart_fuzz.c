/* Multipart forms: the first line is the content type, the rest the body. */
#include "intake_checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct source_settings source = {.kind = SOURCE_FORM};
	struct input input = input_of(data, size);
	char *type = input_line(&input);

	parse_and_check(&source, type, input.at, (size_t)(input.end - input.at));
	free(type);
	return 0;
}
