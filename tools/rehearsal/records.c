#include "records.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "text.h"

struct record {
	char id[GUID_SIZE];
	char *json;
	struct mailbox *mailbox;
	struct record *prev, *next; /* in its mailbox */
	UT_hash_handle hh;          /* keeps the order of creation */
};

struct mailbox { /* the rows of one e-mail address */
	char *email;
	struct record *rows;
	UT_hash_handle hh;
};

struct attempted {
	char id[GUID_SIZE];
	int64_t count;
	UT_hash_handle hh;
};

struct records {
	pthread_mutex_t lock;
	struct record *rows;
	struct mailbox *mailboxes;
	struct attempted *attempted;
};

struct records *records_create(void)
{
	struct records *records = need(sizeof(*records));

	pthread_mutex_init(&records->lock, NULL);
	return records;
}

static char *folded(const char *email)
{
	char *copy = need_copy(email);

	for (char *at = copy; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return copy;
}

static struct mailbox *find_mailbox(struct records *records, const char *email)
{
	struct mailbox *mailbox;
	char *key = folded(email);

	HASH_FIND_STR(records->mailboxes, key, mailbox);
	free(key);
	return mailbox;
}

static void put_in_mailbox(struct records *records, struct record *row, const char *email)
{
	struct mailbox *mailbox;

	if (!email)
		return;
	mailbox = find_mailbox(records, email);
	if (!mailbox) {
		mailbox = need(sizeof(*mailbox));
		mailbox->email = folded(email);
		HASH_ADD_KEYPTR(hh, records->mailboxes, mailbox->email,
			strlen(mailbox->email), mailbox);
	}
	DL_APPEND(mailbox->rows, row);
	row->mailbox = mailbox;
}

static void take_from_mailbox(struct records *records, struct record *row)
{
	struct mailbox *mailbox = row->mailbox;

	if (!mailbox)
		return;
	DL_DELETE(mailbox->rows, row);
	row->mailbox = NULL;
	if (mailbox->rows)
		return;
	HASH_DEL(records->mailboxes, mailbox);
	free(mailbox->email);
	free(mailbox);
}

static void forget_row(struct records *records, struct record *row)
{
	take_from_mailbox(records, row);
	HASH_DEL(records->rows, row);
	free(row->json);
	free(row);
}

void records_clear(struct records *records)
{
	struct record *row, *next_row;
	struct attempted *one, *next;

	pthread_mutex_lock(&records->lock);
	HASH_ITER (hh, records->rows, row, next_row) {
		forget_row(records, row);
	}
	HASH_ITER (hh, records->attempted, one, next) {
		HASH_DEL(records->attempted, one);
		free(one);
	}
	pthread_mutex_unlock(&records->lock);
}

void records_destroy(struct records *records)
{
	records_clear(records);
	pthread_mutex_destroy(&records->lock);
	free(records);
}

static struct record *find(struct records *records, const char *id)
{
	struct record *row;

	HASH_FIND_STR(records->rows, id, row);
	return row;
}

bool records_insert(
	struct records *records, const char *id, char *json, const char *email)
{
	struct record *row = NULL;
	bool there;

	pthread_mutex_lock(&records->lock);
	there = find(records, id) != NULL;
	if (!there) {
		row = need(sizeof(*row));
		memcpy(row->id, id, GUID_SIZE);
		row->json = json;
		HASH_ADD_STR(records->rows, id, row);
		put_in_mailbox(records, row, email);
	}
	pthread_mutex_unlock(&records->lock);
	if (there)
		free(json);
	return !there;
}

char *records_copy(struct records *records, const char *id)
{
	struct record *row;
	char *copy;

	pthread_mutex_lock(&records->lock);
	row = find(records, id);
	copy = row ? need_copy(row->json) : NULL;
	pthread_mutex_unlock(&records->lock);
	return copy;
}

bool records_delete(struct records *records, const char *id)
{
	struct record *row;

	pthread_mutex_lock(&records->lock);
	row = find(records, id);
	if (row)
		forget_row(records, row);
	pthread_mutex_unlock(&records->lock);
	return row != NULL;
}

size_t records_count(struct records *records)
{
	size_t count;

	pthread_mutex_lock(&records->lock);
	count = HASH_COUNT(records->rows);
	pthread_mutex_unlock(&records->lock);
	return count;
}

bool records_has_email(struct records *records, const char *email, const char *except)
{
	struct mailbox *mailbox;
	struct record *row = NULL;

	pthread_mutex_lock(&records->lock);
	mailbox = find_mailbox(records, email);
	if (mailbox)
		DL_FOREACH (mailbox->rows, row)
			if (!except || strcmp(row->id, except) != 0)
				break;
	pthread_mutex_unlock(&records->lock);
	return row != NULL;
}

bool records_update(struct records *records, const char *id, record_edit *edit, void *arg)
{
	struct record *row;
	char *email = NULL, *json;

	pthread_mutex_lock(&records->lock);
	row = find(records, id);
	json = row ? edit(row->json, &email, arg) : NULL;
	if (json) {
		free(row->json);
		row->json = json;
		take_from_mailbox(records, row);
		put_in_mailbox(records, row, email);
	}
	pthread_mutex_unlock(&records->lock);
	free(email);
	return row != NULL;
}

static int64_t attempts_of(struct records *records, const char *id)
{
	struct attempted *one;

	HASH_FIND_STR(records->attempted, id, one);
	return one ? one->count : 0;
}

void records_each(struct records *records, record_visit *visit, void *arg)
{
	struct record *row, *next;

	pthread_mutex_lock(&records->lock);
	HASH_ITER (hh, records->rows, row, next) {
		if (!visit(row->id, row->json, attempts_of(records, row->id), arg))
			break;
	}
	pthread_mutex_unlock(&records->lock);
}

void records_each_email(
	struct records *records, const char *email, record_visit *visit, void *arg)
{
	struct mailbox *mailbox;
	struct record *row;

	pthread_mutex_lock(&records->lock);
	mailbox = find_mailbox(records, email);
	if (mailbox)
		DL_FOREACH (mailbox->rows, row)
			if (!visit(row->id, row->json, attempts_of(records, row->id),
				    arg))
				break;
	pthread_mutex_unlock(&records->lock);
}

void records_attempted(struct records *records, const char *id)
{
	struct attempted *one;

	pthread_mutex_lock(&records->lock);
	HASH_FIND_STR(records->attempted, id, one);
	if (!one) {
		one = need(sizeof(*one));
		memcpy(one->id, id, GUID_SIZE);
		HASH_ADD_STR(records->attempted, id, one);
	}
	one->count++;
	pthread_mutex_unlock(&records->lock);
}

void records_each_attempt(struct records *records, record_visit *visit, void *arg)
{
	struct attempted *one, *next;

	pthread_mutex_lock(&records->lock);
	HASH_ITER (hh, records->attempted, one, next) {
		if (!visit(one->id, NULL, one->count, arg))
			break;
	}
	pthread_mutex_unlock(&records->lock);
}
