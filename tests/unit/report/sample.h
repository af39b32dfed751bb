/* Made-up reports: an ordinary day, a day without anything, and one of extremes. */
#ifndef REPORT_SAMPLE_H
#define REPORT_SAMPLE_H

#include "leadrelay/report.h"

enum sample { SAMPLE_DAY, SAMPLE_NOTHING, SAMPLE_EXTREME, SAMPLES };
const char *sample_name(enum sample sample);
/* The caller's to report_finish. */
struct report sample_report(enum sample sample);

#endif
