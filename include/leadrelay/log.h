/*
 * log: one line per event on standard error, as text or as JSON. Thread-safe; never
 * blocks longer than the write; control characters in values are escaped.
 *
 *   log_info("destination parked", "destination", name, "reason", "unauthorized", NULL);
 *   text: 2026-11-22T13:14:28.000Z info destination parked destination=crm reason=...
 *
 *   json: {"at":"...","level":"info","event":"destination parked","destination":"crm"}
 *
 * When standard error is the journal (JOURNAL_STREAM names its device and inode) the text
 * form starts with <N> (sd-daemon priority) in place of time and level. A text value with
 * spaces, quotes or '=' is quoted. Each line is one write of at most 4096 bytes, which a
 * pipe keeps in one piece; a longer one is cut and ends in "..." (still one JSON object).
 * Before log_setup: info, text, the system clock. Values are ids, names, codes: never
 * secrets or personal data.
 */
#ifndef LEADRELAY_LOG_H
#define LEADRELAY_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct clock;

/* Once, before threads start, and again on a reload. Borrows clock for the program's
 * life. */
void log_setup(enum log_level level, enum log_format format, const struct clock *clock);
bool log_enabled(enum log_level level);

/* event, then pairs of const char * key, const char * value, then NULL. A NULL value is
 * left out. */
void log_write(enum log_level level, const char *event, ...) __attribute__((sentinel));

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)

#define LOG_NUMBER_SIZE 24
/* For a number as a value: log_num(n, (char[LOG_NUMBER_SIZE]){0}). Returns out. */
const char *log_num(int64_t number, char out[LOG_NUMBER_SIZE]);

#endif
