/* activity and shape: what pictures are drawn from. */
#include "fixture.h"

#include "leadrelay/json.h"
#include "leadrelay/samples.h"

#include <string.h>

#define MINUTE (60 * 1000LL)
#define HOUR (60 * MINUTE)

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!found)
		fail_msg("there is no %s", name);
	return found;
}

static void take_sample(struct fixture *f)
{
	struct job_sample job = {.now = f->now};
	struct err err;

	job_sample_prepare(&job);
	if (store_call(f->store, &job.job, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

/* The n-th sample of a destination. */
static const cJSON *sample_of(struct fixture *f, const char *destination, int n)
{
	const cJSON *sample;

	cJSON_ArrayForEach (sample, member(f->done, "samples")) {
		if (strcmp(json_string(sample, "destination"), destination) == 0 &&
			n-- == 0)
			return sample;
	}
	return NULL;
}

static void activity_tells_the_samples_and_the_present(void **state)
{
	struct fixture *f = *state;
	const cJSON *sample;

	take_sample(f);
	f->now += 5 * MINUTE;
	accept_lead(f, "ada@example.com");
	take_sample(f);
	accept_lead(f, "grace@example.com");
	ask(f, "{\"command\":\"activity\"}");
	assert_null(f->error);
	assert_int_equal(json_integer(f->done, "step_s", -1), 300);
	assert_int_equal(json_integer(sample_of(f, "archive", 0), "accepted", -1), 0);
	assert_int_equal(json_integer(sample_of(f, "crm", 1), "accepted", -1), 1);
	sample = sample_of(f, "crm", 2);
	assert_int_equal(json_integer(sample, "accepted", -1), 2);
	assert_int_equal(json_integer(sample, "pending", -1), 2);
	assert_int_equal(json_integer(sample, "held", -1), 0);
	assert_int_equal(json_integer(sample, "dead", -1), 0);
	assert_int_equal(json_integer(sample, "delivered", -1), 0);
	assert_string_equal(json_string(sample, "at"), "2026-11-18T11:11:42.000Z");
	assert_null(sample_of(f, "crm", 3));
}

static void a_long_period_is_told_in_larger_steps(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 60 * 4; i++) { /* 60 hours */
		take_sample(f);
		f->now += 15 * MINUTE;
	}
	ask(f, "{\"command\":\"activity\",\"hours\":24}");
	assert_non_null(sample_of(f, "crm", 24 * 4)); /* and the present */
	assert_null(sample_of(f, "crm", 24 * 4 + 1));
	ask(f, "{\"command\":\"activity\",\"hours\":72}");
	assert_int_equal(json_integer(f->done, "step_s", -1), 1800);
	assert_non_null(sample_of(f, "crm", 120));
	assert_null(sample_of(f, "crm", 122));
	ask(f, "{\"command\":\"activity\",\"hours\":840}");
	assert_int_equal(json_integer(f->done, "step_s", -1), 7200);
	assert_null(sample_of(f, "crm", 32));
	ask(f, "{\"command\":\"activity\",\"hours\":841}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"activity\",\"hours\":0}");
	assert_failed(f, 2);
}

static void shape_is_destinations_by_age(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");
	const cJSON *crm, *archive, *bucket;

	f->now += 2 * HOUR;
	accept_lead(f, "grace@example.com");
	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[ARCHIVE], lead.deliveries[ARCHIVE], DELIVERY_ACCEPT,
		REASON_NONE);
	ask(f, "{\"command\":\"shape\"}");
	assert_null(f->error);
	crm = cJSON_GetArrayItem(member(f->done, "destinations"), 0);
	archive = crm->next;
	assert_null(archive->next); /* none for mails */
	assert_string_equal(json_string(crm, "name"), "crm");
	bucket = cJSON_GetArrayItem(member(crm, "buckets"), 0);
	assert_int_equal(json_integer(bucket, "up_to_s", -1), 300);
	assert_int_equal(json_integer(bucket, "pending", -1), 1);
	assert_int_equal(json_integer(bucket, "dead", -1), 0);
	bucket = cJSON_GetArrayItem(member(crm, "buckets"), 2);
	assert_int_equal(json_integer(bucket, "up_to_s", -1), 6 * 3600);
	assert_int_equal(json_integer(bucket, "dead", -1), 1);
	assert_int_equal(json_integer(bucket, "held", -1), 0);
	bucket = cJSON_GetArrayItem(member(archive, "buckets"), SHAPE_BUCKETS - 1);
	assert_true(cJSON_IsNull(member(bucket, "up_to_s")));
	assert_int_equal(json_integer(bucket, "dead", -1), 0);
	assert_null(bucket->next);
}

#define PICTURE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PICTURE_TEST(activity_tells_the_samples_and_the_present),
		PICTURE_TEST(a_long_period_is_told_in_larger_steps),
		PICTURE_TEST(shape_is_destinations_by_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
