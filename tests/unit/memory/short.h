/*
 * short: memory that runs out on command. After short_at(n) the n-th allocation fails,
 * once or from then on; counted are those of our own code (linked with --wrap) and those
 * that SQLite, libcurl, cJSON and libuv make through their hooks.
 *
 * One thread. short_hooks() first, before any of the four libraries is used.
 */
#ifndef MEMORY_SHORT_H
#define MEMORY_SHORT_H

#include <stdbool.h>

void short_hooks(void);
void short_at(long n, bool onward);
long short_left(void); /* allocations until one fails; disarms */
bool short_met(void);  /* disarms; whether an allocation failed */

#endif
