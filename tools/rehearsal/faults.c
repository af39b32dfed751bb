#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "records.h"

enum { WHERE_ANY = (1 << KINDS) - 1, WHERE_API = WHERE_ANY & ~(1 << KIND_TOKEN) };

struct listed { /* one fault of the list */
	uint64_t id;
	const struct fault_kind *kind;
	unsigned where; /* bits of enum kind */
	int64_t times;  /* left; -1: for ever */
	double probability;
	int64_t met;
	cJSON *params;
	struct listed *prev, *next;
};

struct faults {
	pthread_mutex_t lock;
	struct listed *list;
	uint64_t last_id;
	uint64_t random; /* xorshift state, never 0 */
};

struct faults *faults_create(uint64_t seed)
{
	struct faults *faults = need(sizeof(*faults));

	pthread_mutex_init(&faults->lock, NULL);
	faults->random = seed ? seed : 1;
	return faults;
}

static void forget(struct faults *faults, struct listed *one)
{
	DL_DELETE(faults->list, one);
	cJSON_Delete(one->params);
	free(one);
}

void faults_clear(struct faults *faults)
{
	struct listed *one, *next;

	pthread_mutex_lock(&faults->lock);
	DL_FOREACH_SAFE(faults->list, one, next)
	forget(faults, one);
	pthread_mutex_unlock(&faults->lock);
}

void faults_destroy(struct faults *faults)
{
	faults_clear(faults);
	pthread_mutex_destroy(&faults->lock);
	free(faults);
}

bool faults_remove(struct faults *faults, uint64_t id)
{
	struct listed *one;

	pthread_mutex_lock(&faults->lock);
	DL_FOREACH (faults->list, one)
		if (one->id == id)
			break;
	if (one)
		forget(faults, one);
	pthread_mutex_unlock(&faults->lock);
	return one != NULL;
}

static const struct {
	const char *name;
	int type; /* of cJSON; numbers and strings both: 0 */
} params[] = {
	{"fault", cJSON_String},
	{"where", cJSON_String},
	{"times", cJSON_Number},
	{"probability", cJSON_Number},
	{"match", cJSON_Object},
	{"commit", cJSON_True},
	{"ms", cJSON_Number},
	{"bytes_per_second", cJSON_Number},
	{"bytes", cJSON_Number},
	{"status", cJSON_Number},
	{"code", cJSON_String},
	{"message", cJSON_String},
	{"body", cJSON_String},
	{"text", cJSON_String},
	{"headers", cJSON_Object},
	{"retry_after", 0},
	{"limit", cJSON_String},
	{"location", cJSON_String},
	{"error", cJSON_String},
	{"number", cJSON_Number},
};

static bool param_fits(const cJSON *value)
{
	int type = (value->type & 0xff) == cJSON_False ? cJSON_True : value->type & 0xff;

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (strcmp(params[i].name, value->string) == 0)
			return params[i].type
				       ? params[i].type == type
				       : type == cJSON_Number || type == cJSON_String;
	return false;
}

static const struct fault_kind *kind_of(const cJSON *json)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "fault");

	for (const struct fault_kind *kind = fault_kinds; kind->name; kind++)
		if (cJSON_IsString(name) && strcmp(kind->name, name->valuestring) == 0)
			return kind;
	return NULL;
}

static unsigned where_word(const char *word, size_t len)
{
	if (len == 3 && strncmp(word, "any", 3) == 0)
		return WHERE_ANY;
	if (len == 3 && strncmp(word, "api", 3) == 0)
		return WHERE_API;
	for (int i = 0; i < KINDS; i++)
		if (strlen(kind_names[i]) == len &&
			strncmp(kind_names[i], word, len) == 0)
			return 1u << i;
	return 0;
}

/* Words separated by commas or bars; 0: one of them is unknown. */
static unsigned where_bits(const char *words)
{
	unsigned bits = 0;

	while (*words) {
		size_t len = strcspn(words, ",| ");
		unsigned bit = where_word(words, len);

		if (!bit)
			return 0;
		bits |= bit;
		words += len;
		words += strspn(words, ",| ");
	}
	return bits;
}

__attribute__((format(printf, 2, 3))) static bool refuse(char **why, const char *fmt, ...)
{
	struct text words = {0};
	va_list args;

	va_start(args, fmt);
	text_vprintf(&words, fmt, args);
	va_end(args);
	*why = words.data;
	return false;
}

static bool check(const cJSON *json, char **why)
{
	const cJSON *value;
	const cJSON *probability = cJSON_GetObjectItemCaseSensitive(json, "probability");
	const cJSON *where = cJSON_GetObjectItemCaseSensitive(json, "where");

	if (!kind_of(json))
		return refuse(why,
			"\"fault\" must name a fault; GET /_rehearsal/faults/kinds lists them");
	cJSON_ArrayForEach (value, json)
		if (!param_fits(value))
			return refuse(why,
				"\"%s\" is no parameter of a fault, or of the wrong type",
				value->string);
	if (where && !where_bits(where->valuestring))
		return refuse(why,
			"\"where\" is one or more of any, api, token, create, read, "
			"update, delete, whoami, privilege, other, separated by commas");
	if (probability && (probability->valuedouble < 0 || probability->valuedouble > 1))
		return refuse(why, "\"probability\" lies between 0 and 1");
	return true;
}

static double number(const cJSON *json, const char *name, double otherwise)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNumber(value) ? value->valuedouble : otherwise;
}

static const char *string(const cJSON *json, const char *name, const char *otherwise)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsString(value) ? value->valuestring : otherwise;
}

bool faults_add(struct faults *faults, const cJSON *json, uint64_t *id_out, char **why)
{
	struct listed *one;

	if (!check(json, why))
		return false;
	one = need(sizeof(*one));
	one->kind = kind_of(json);
	one->where = where_bits(string(json, "where", one->kind->where));
	one->times = (int64_t)number(json, "times", -1);
	one->probability = number(json, "probability", 1);
	one->params = cJSON_Duplicate(json, true);
	pthread_mutex_lock(&faults->lock);
	one->id = ++faults->last_id;
	DL_APPEND(faults->list, one);
	*id_out = one->id;
	pthread_mutex_unlock(&faults->lock);
	return true;
}

cJSON *faults_show(struct faults *faults)
{
	cJSON *list = cJSON_CreateArray();
	struct listed *one;

	pthread_mutex_lock(&faults->lock);
	DL_FOREACH (faults->list, one) {
		cJSON *item = cJSON_Duplicate(one->params, true);

		cJSON_AddNumberToObject(item, "id", (double)one->id);
		cJSON_AddNumberToObject(item, "met", (double)one->met);
		cJSON_AddNumberToObject(item, "times_left", (double)one->times);
		cJSON_AddItemToArray(list, item);
	}
	pthread_mutex_unlock(&faults->lock);
	return list;
}

static bool column_is(const cJSON *object, const cJSON *wanted)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, wanted->string);

	if (cJSON_IsString(value) && cJSON_IsString(wanted))
		return strcasecmp(value->valuestring, wanted->valuestring) == 0;
	return value && cJSON_Compare(value, wanted, true);
}

static bool fits_lead(const cJSON *match, const struct exchange *x)
{
	char *json = NULL;
	cJSON *row = NULL;
	const cJSON *wanted;
	bool fits = true;

	if (!match)
		return true;
	if (!x->body && *x->leadid)
		json = records_copy(x->crm->records, x->leadid);
	if (json)
		row = cJSON_Parse(json);
	cJSON_ArrayForEach (wanted, match) {
		if (strcmp(wanted->string, "leadid") == 0 && cJSON_IsString(wanted))
			fits = fits && strcasecmp(wanted->valuestring, x->leadid) == 0;
		else
			fits = fits && column_is(x->body ? x->body : row, wanted);
	}
	cJSON_Delete(row);
	free(json);
	return fits;
}

static double random_fraction(struct faults *faults)
{
	faults->random ^= faults->random << 13;
	faults->random ^= faults->random >> 7;
	faults->random ^= faults->random << 17;
	return (double)(faults->random >> 11) / 9007199254740992.0;
}

static bool meets(
	struct faults *faults, const struct listed *one, const struct exchange *x)
{
	if (one->times == 0 || !(one->where & 1u << x->kind))
		return false;
	if (!fits_lead(cJSON_GetObjectItemCaseSensitive(one->params, "match"), x))
		return false;
	return one->probability >= 1 || random_fraction(faults) < one->probability;
}

static struct fault *copy_of(const struct listed *one)
{
	struct fault *fault = need(sizeof(*fault));

	fault->kind = one->kind;
	fault->params = cJSON_Duplicate(one->params, true);
	return fault;
}

struct fault *faults_pick(
	struct faults *faults, struct exchange *x, bool early, int64_t *delay_ms)
{
	struct fault *fault = NULL;
	struct listed *one;

	pthread_mutex_lock(&faults->lock);
	DL_FOREACH (faults->list, one) {
		if (one->kind->early != early || !meets(faults, one, x))
			continue;
		one->met++;
		one->times -= one->times > 0;
		if (!one->kind->delays) {
			fault = copy_of(one);
			break;
		}
		*delay_ms += (int64_t)number(one->params, "ms", 1000);
	}
	pthread_mutex_unlock(&faults->lock);
	return fault;
}

void fault_free(struct fault *fault)
{
	if (!fault)
		return;
	cJSON_Delete(fault->params);
	free(fault);
}

const char *fault_name(const struct fault *fault)
{
	return fault->kind->name;
}

bool fault_commits(const struct fault *fault)
{
	const cJSON *commit = cJSON_GetObjectItemCaseSensitive(fault->params, "commit");

	return commit ? cJSON_IsTrue(commit) : fault->kind->commits;
}

double fault_number(const struct fault *fault, const char *name, double otherwise)
{
	return number(fault->params, name, otherwise);
}

const char *fault_string(
	const struct fault *fault, const char *name, const char *otherwise)
{
	return string(fault->params, name, otherwise);
}
