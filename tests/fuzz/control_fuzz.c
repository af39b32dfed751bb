/* A line that came over the control socket. */
#include "fuzz.h"

#include "leadrelay/control.h"
#include "leadrelay/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	cJSON *request = NULL;
	enum err_code code = json_read((const char *)data, size, &request, &err);

	if (code == ERR_OK)
		code = control_check_request(request, NOW, &err);
	if (code != ERR_OK) {
		REQUIRE(code == ERR_INVALID && err.code == code);
		require_utf8(err.text); /* it becomes JSON again */
		REQUIRE(err.text[0] && control_exit_status(code) == 2);
	}
	cJSON_Delete(request);
	return 0;
}
