/* moment: the clocks of the rehearsal and how Azure and HTTP write an instant.
 * Milliseconds. */
#ifndef REHEARSAL_MOMENT_H
#define REHEARSAL_MOMENT_H

#include <stdint.h>

enum { MOMENT_SIZE = 40 };

int64_t wall_now(void);   /* since 1970; what libfaketime moves */
int64_t steady_now(void); /* never jumps; only differences mean something */

void moment_iso(char out[MOMENT_SIZE], int64_t at);   /* 2026-11-22T13:16:17.123Z */
void moment_odata(char out[MOMENT_SIZE], int64_t at); /* 2026-11-22T13:16:17Z */
void moment_azure(char out[MOMENT_SIZE], int64_t at); /* 2026-11-22 13:16:17Z */
void moment_http(char out[MOMENT_SIZE], int64_t at);  /* Sun, 22 Nov 2026 13:16:17 GMT */

#endif
