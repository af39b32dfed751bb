#include "azure_entity.h"

#include "words.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MIN 256 /* no text is cut below this for the sake of the whole */
#define INFO "CustomerInfo"
#define EXTRA "Extra"

struct place {
	enum lead_field field;
	const char *name;
};

/* Inside CustomerInfo; the first seven are the marketplace's. */
static const struct place customer[] = {
	{FIELD_FIRST_NAME, "FirstName"},
	{FIELD_LAST_NAME, "LastName"},
	{FIELD_EMAIL, "Email"},
	{FIELD_PHONE, "Phone"},
	{FIELD_COUNTRY, "Country"},
	{FIELD_COMPANY, "Company"},
	{FIELD_TITLE, "Title"},
	{FIELD_FULL_NAME, "FullName"},
	{FIELD_MOBILE, "Mobile"},
	{FIELD_REGION, "Region"},
	{FIELD_CITY, "City"},
	{FIELD_POSTAL_CODE, "PostalCode"},
	{FIELD_STREET, "Street"},
	{FIELD_WEBSITE, "Website"},
};

static const struct place columns[] = {
	{FIELD_LEAD_SOURCE, "LeadSource"},
	{FIELD_ACTION_CODE, "ActionCode"},
	{FIELD_OFFER_TITLE, "OfferDisplayName"},
	{FIELD_OFFER_ID, "OfferId"},
	{FIELD_PRODUCT_ID, "ProductId"},
	{FIELD_CAMPAIGN, "Campaign"},
	{FIELD_DESCRIPTION, "Description"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

char *azure_partition(const struct lead *lead, char out[AZURE_PARTITION_SIZE])
{
	char text[TIME_TEXT_SIZE];

	time_text(lead->received_at, text);
	memcpy(out, text, strlen("2026-11-22"));
	out[strlen("2026-11-22")] = '\0';
	return out;
}

/* ---- names ---- */

static bool is_key(const char *name)
{
	return strcmp(name, "PartitionKey") == 0 || strcmp(name, "RowKey") == 0 ||
	       strcmp(name, "Timestamp") == 0;
}

static enum err_code check_name(const char *key, const char *name, struct err *err)
{
	if (is_key(name))
		return err_set(err, ERR_CONFIG,
			"%s: %s is the entity's own: it is made of the lead's day and id",
			key, name);
	if (!isalpha((unsigned char)*name) && *name != '_')
		return err_set(err, ERR_CONFIG,
			"%s: %s cannot be a property: it begins with a letter or _", key,
			name);
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_')
			return err_set(err, ERR_CONFIG,
				"%s: %s cannot be a property: letters, digits and _ only",
				key, name);
	return ERR_OK;
}

enum err_code azure_columns_check(
	const struct pair_list *map, const struct pair_list *set, struct err *err)
{
	const size_t own = COUNT(columns) + 5; /* with the five that are not fields */

	for (size_t i = 0; i < map->count; i++)
		if (check_name("map", map->items[i].value, err) != ERR_OK)
			return ERR_CONFIG;
	for (size_t i = 0; i < set->count; i++)
		if (check_name("set", set->items[i].name, err) != ERR_OK)
			return ERR_CONFIG;
	if (own + map->count + set->count > AZURE_PROPERTIES_MAX)
		return err_set(err, ERR_CONFIG,
			"set: too many: an entity has %d properties at most",
			AZURE_PROPERTIES_MAX);
	return ERR_OK;
}

/* ---- making one ---- */

struct making {
	cJSON *entity;
	struct buf *cut;
	size_t text_max;
	bool failed;
};

static void note_cut(struct making *making, const char *column, const char *member)
{
	if (making->cut->len > 0)
		buf_adds(making->cut, ", ");
	buf_adds(making->cut, column);
	if (member) {
		buf_addc(making->cut, '.');
		words_add(making->cut, member, strlen(member), 60);
	}
}

/* Takes item; an earlier one of that name gives way. */
static void put(struct making *making, const char *name, cJSON *item)
{
	cJSON_DeleteItemFromObjectCaseSensitive(making->entity, name);
	if (item && cJSON_AddItemToObject(making->entity, name, item))
		return;
	cJSON_Delete(item);
	making->failed = true;
}

static cJSON *cut_text(const char *text, size_t units)
{
	char *copy = strndup(text, utf16_prefix(text, units));
	cJSON *item = copy ? cJSON_CreateString(copy) : NULL;

	free(copy);
	return item;
}

static void put_text(struct making *making, const char *name, const char *text)
{
	if (utf16_length(text) <= making->text_max) {
		put(making, name, cJSON_CreateString(text));
		return;
	}
	note_cut(making, name, NULL);
	put(making, name, cut_text(text, making->text_max));
}

/* As JSON writes it, which bounds the memory that cutting it takes, too. */
static size_t printed_length(const cJSON *item)
{
	char *text = cJSON_PrintUnformatted(item);
	size_t len = text ? strlen(text) : 0;

	cJSON_free(text);
	return len;
}

static cJSON *longest(cJSON *object)
{
	cJSON *member, *found = object->child;
	size_t most = 0;

	cJSON_ArrayForEach (member, object) {
		size_t len = printed_length(member);

		if (len > most) {
			most = len;
			found = member;
		}
	}
	return found;
}

/* Shortens object's longest member by so many units, or takes it out. */
static bool shorten(
	struct making *making, cJSON *object, const char *column, size_t excess)
{
	cJSON *member = longest(object);
	const char *text = cJSON_GetStringValue(member);
	size_t units = text ? utf16_length(text) : 0;
	cJSON *less;

	if (!member)
		return false;
	note_cut(making, column, member->string);
	if (units <= excess) {
		cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
		return true;
	}
	less = cut_text(text, units - excess);
	if (less && cJSON_ReplaceItemInObjectCaseSensitive(object, member->string, less))
		return true;
	cJSON_Delete(less);
	return false;
}

/* Takes object, which stays whole JSON however much of it must go. */
static void put_json(struct making *making, const char *name, cJSON *object)
{
	for (;;) {
		char *text = object ? cJSON_PrintUnformatted(object) : NULL;
		size_t units = text ? utf16_length(text) : 0;
		bool fits = units <= making->text_max;

		if (!text)
			making->failed = true;
		else if (fits)
			put(making, name, cJSON_CreateString(text));
		cJSON_free(text);
		if (making->failed || fits)
			break;
		making->failed = !shorten(making, object, name, units - making->text_max);
	}
	cJSON_Delete(object);
}

/* The column map gives the field; NULL: its usual place. */
static const char *mapped(const struct pair_list *map, enum lead_field field)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->items[i].name, lead_field_name(field)) == 0)
			return map->items[i].value;
	return NULL;
}

static void put_customer(
	struct making *making, const struct lead *lead, const struct pair_list *map)
{
	cJSON *info = cJSON_CreateObject();

	for (size_t i = 0; info && i < COUNT(customer); i++) {
		const char *text = lead->fields[customer[i].field];

		if (text && !mapped(map, customer[i].field) &&
			!cJSON_AddStringToObject(info, customer[i].name, text))
			making->failed = true;
	}
	put_json(making, INFO, info);
}

static void put_columns(
	struct making *making, const struct lead *lead, const struct pair_list *map)
{
	for (size_t i = 0; i < COUNT(columns); i++) {
		const char *text = lead->fields[columns[i].field];

		if (text && !mapped(map, columns[i].field))
			put_text(making, columns[i].name, text);
	}
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *column = mapped(map, (enum lead_field)i);

		if (column && lead->fields[i])
			put_text(making, column, lead->fields[i]);
	}
}

/* A number that is whole and beyond 32 bits is called so; others tell by their looks. */
static void put_constant(struct making *making, const struct pair *pair)
{
	char type[256 + sizeof("@odata.type")];
	long long value;

	if (!pair->literal) {
		put_text(making, pair->name, pair->value);
		return;
	}
	errno = 0;
	value = strtoll(pair->value, NULL, 10);
	if (!strpbrk(pair->value, ".eEtf") && errno == 0 &&
		(value > INT32_MAX || value < INT32_MIN)) {
		put(making, pair->name, cJSON_CreateString(pair->value));
		words_put(type, 256, pair->name);
		strcat(type, "@odata.type");
		put(making, type, cJSON_CreateString("Edm.Int64"));
		return;
	}
	put(making, pair->name, cJSON_CreateRaw(pair->value));
}

static void put_all(struct making *making, const struct lead *lead,
	const struct pair_list *map, const struct pair_list *set)
{
	char partition[AZURE_PARTITION_SIZE], id[UUID_TEXT_SIZE], at[TIME_TEXT_SIZE];

	put_text(making, "PartitionKey", azure_partition(lead, partition));
	put_text(making, "RowKey", uuid_text(&lead->id, id));
	put_customer(making, lead, map);
	put_columns(making, lead, map);
	put_text(making, "CreatedTime", time_text(lead->received_at, at));
	if (lead->source)
		put_text(making, "Source", lead->source);
	if (lead->test)
		put(making, "Test", cJSON_CreateTrue());
	if (lead->extra && lead->extra->child)
		put_json(making, EXTRA, cJSON_Duplicate(lead->extra, true));
	for (size_t i = 0; i < set->count; i++)
		put_constant(making, &set->items[i]);
}

/* The service counts 4 bytes, the keys, and per property 8 bytes, the name in UTF-16 and
 * the value. Rather too much than too little. */
static size_t entity_size(const cJSON *entity)
{
	const cJSON *member;
	size_t size = 64;

	cJSON_ArrayForEach (member, entity) {
		const char *text = cJSON_GetStringValue(member);

		size += 12 + 2 * utf16_length(member->string);
		size += text ? 2 * utf16_length(text) : 16;
	}
	return size;
}

static bool make(struct making *making, const struct lead *lead,
	const struct pair_list *map, const struct pair_list *set, size_t *size_out)
{
	buf_clear(making->cut);
	making->entity = cJSON_CreateObject();
	if (!making->entity)
		return false;
	put_all(making, lead, map, set);
	*size_out = entity_size(making->entity);
	return !making->failed;
}

bool azure_entity_make(struct azure_entity *out, const struct lead *lead,
	const struct pair_list *map, const struct pair_list *set, size_t text_max)
{
	struct making making = {.cut = &out->cut, .text_max = text_max};
	size_t size = 0;
	char *text = NULL;
	bool made;

	*out = (struct azure_entity){.json = BUF_INIT};
	made = make(&making, lead, map, set, &size);
	while (made && size > AZURE_ENTITY_MAX && making.text_max > TEXT_MIN) {
		cJSON_Delete(making.entity);
		making.text_max /= 2;
		made = make(&making, lead, map, set, &size);
	}
	if (made)
		text = cJSON_PrintUnformatted(making.entity);
	cJSON_Delete(making.entity);
	if (text)
		buf_adds(&out->json, text);
	cJSON_free(text);
	return text && buf_ok(&out->json) && buf_ok(&out->cut);
}

void azure_entity_finish(struct azure_entity *entity)
{
	buf_finish(&entity->json);
	buf_finish(&entity->cut);
}
