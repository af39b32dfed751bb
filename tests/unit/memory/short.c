#include "short.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static long left; /* allocations until one fails; 0: not armed */
static bool and_onward, met;

void short_at(long n, bool onward)
{
	left = n;
	and_onward = onward;
	met = false;
}

long short_left(void)
{
	long count = left;

	left = 0;
	return count;
}

bool short_met(void)
{
	left = 0;
	return met;
}

static bool fails(void)
{
	if (left <= 0)
		return false;
	if (left > 1) {
		left--;
		return false;
	}
	left = and_onward ? 1 : 0;
	met = true;
	return true;
}

/* ---- our own code: the linker sends its calls here ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *from, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *from, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *from, size_t size)
{
	return fails() ? NULL : __real_realloc(from, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : __real_strndup(text, len);
}

/* ---- the libraries ---- */

static sqlite3_mem_methods sqlite_own;

static void *sqlite_malloc(int size)
{
	return fails() ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *from, int size)
{
	return fails() ? NULL : sqlite_own.xRealloc(from, size);
}

void short_hooks(void)
{
	cJSON_Hooks cjson = {.malloc_fn = __wrap_malloc, .free_fn = free};
	sqlite3_mem_methods methods;

	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own);
	methods = sqlite_own;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* every allocation is seen */
	cJSON_InitHooks(&cjson);
	uv_replace_allocator(__wrap_malloc, __wrap_realloc, __wrap_calloc, free);
	curl_global_init_mem(CURL_GLOBAL_DEFAULT, __wrap_malloc, free, __wrap_realloc,
		__wrap_strdup, __wrap_calloc);
}
