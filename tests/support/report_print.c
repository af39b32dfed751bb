/* report_print NAME FORMAT: one of the made-up reports on standard output. */
#include "sample.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	int format = argc == 3 ? report_format_find(argv[2]) : -1;
	struct buf text = BUF_INIT;

	for (int i = 0; i < SAMPLES && format >= 0; i++) {
		struct report report;

		if (strcmp(sample_name((enum sample)i), argv[1]) != 0)
			continue;
		report = sample_report((enum sample)i);
		report_render(&text, &report, (enum report_format)format, NULL);
		report_finish(&report);
		fwrite(text.data, 1, text.len, stdout);
		buf_finish(&text);
		return 0;
	}
	fprintf(stderr, "report_print day|nothing|extreme text|html|csv|json\n");
	return 2;
}
