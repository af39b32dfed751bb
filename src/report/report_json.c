/* The report as one JSON document, for programs. */
#include "words.h"

#include "leadrelay/clock.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static void add_int(cJSON *object, const char *name, int64_t value)
{
	cJSON_AddNumberToObject(object, name, (double)value);
}

static void add_time(cJSON *object, const char *name, int64_t at)
{
	char text[TIME_TEXT_SIZE];

	cJSON_AddStringToObject(object, name, time_text(at, text));
}

static void add_destination(cJSON *list, const struct report_destination *one)
{
	cJSON *object = cJSON_CreateObject(), *dead;

	cJSON_AddItemToArray(list, object);
	cJSON_AddStringToObject(object, "name", one->name);
	add_int(object, "accepted", one->accepted);
	add_int(object, "delivered", one->delivered);
	add_int(object, "pending", one->pending);
	add_int(object, "held", one->held);
	add_int(object, "dead", one->dead);
	add_int(object, "discarded", one->discarded);
	add_int(object, "attempts", one->attempts);
	add_int(object, "retries", one->retries);
	cJSON_AddNumberToObject(object, "p50_s", one->p50_s);
	cJSON_AddNumberToObject(object, "p95_s", one->p95_s);
	cJSON_AddNumberToObject(object, "max_s", one->max_s);
	add_int(object, "oldest_pending_s", one->oldest_pending_s);
	dead = cJSON_AddObjectToObject(object, "dead_by_reason");
	for (int i = 0; i < one->dead_reason_count; i++) {
		const char *reason = reason_name(one->dead_by_reason[i].reason);

		add_int(dead, *reason ? reason : "none", one->dead_by_reason[i].count);
	}
}

static void add_source(cJSON *list, const struct report_source *one)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddItemToArray(list, object);
	cJSON_AddStringToObject(object, "name", one->name);
	add_int(object, "accepted", one->accepted);
	add_int(object, "duplicates", one->duplicates);
	add_int(object, "quarantined", one->quarantined);
	add_int(object, "rejected", one->rejected);
	add_int(object, "test", one->test);
}

static void add_accounting(cJSON *document, const struct accounting *sum)
{
	cJSON *object = cJSON_AddObjectToObject(document, "accounting");

	add_int(object, "accepted", sum->accepted);
	add_int(object, "pending", sum->pending);
	add_int(object, "held", sum->held);
	add_int(object, "delivered", sum->delivered);
	add_int(object, "dead", sum->dead);
	add_int(object, "discarded", sum->discarded);
	add_int(object, "difference", sum->difference);
}

static void add_lists(cJSON *document, const struct report *report)
{
	cJSON *list = cJSON_AddArrayToObject(document, "destinations"), *mails;

	for (size_t i = 0; i < report->destination_count; i++)
		add_destination(list, &report->destinations[i]);
	list = cJSON_AddArrayToObject(document, "sources");
	for (size_t i = 0; i < report->source_count; i++)
		add_source(list, &report->sources[i]);
	mails = cJSON_AddObjectToObject(document, "notifications");
	add_int(mails, "sent", report->notifications_sent);
	add_int(mails, "dead", report->notifications_dead);
}

void render_json(struct buf *out, const struct report *report)
{
	cJSON *document = cJSON_CreateObject();
	char *text;

	if (*report->name)
		cJSON_AddStringToObject(document, "name", report->name);
	else
		cJSON_AddNullToObject(document, "name");
	add_time(document, "since", report->since);
	add_time(document, "until", report->until);
	add_lists(document, report);
	add_accounting(document, &report->accounting);
	text = cJSON_PrintUnformatted(document);
	if (text) {
		buf_adds(out, text);
		buf_addc(out, '\n');
	} else {
		out->failed = true;
	}
	free(text);
	cJSON_Delete(document);
}
