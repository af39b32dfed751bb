/* Bodies as Microsoft's HTTPS destination posts them. */
#include "intake_checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "campaign", value[] = "spring";
	static struct pair constants[] = {{name, value, false}};
	struct source_settings source = {.kind = SOURCE_MARKETPLACE};

	parse_and_check(&source, "application/json", (const char *)data, size);
	source.set = (struct pair_list){constants, 1};
	parse_and_check(&source, NULL, (const char *)data, size);
	return 0;
}
