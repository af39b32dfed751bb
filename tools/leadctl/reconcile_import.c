/*
 * What is missing, taken in: by the requests of `leadctl import`, as an import of its own
 * whose "file" is the missing rows. Killed and run again it finds fewer missing.
 */
#include "reconciling.h"

#include "leadrelay/clock.h"
#include "leadrelay/import.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (512 * 1024)

struct taking {
	struct reconciling *list;
	struct told_row **rows; /* the missing ones, in the file's order */
	size_t count;
	int64_t import, run;
	struct uuid last_id;
};

/* ---- requests ---- */

static cJSON *make_request(const struct taking *taking, const char *action)
{
	cJSON *request = request_create("import");

	cJSON_AddStringToObject(request, "action", action);
	cJSON_AddStringToObject(request, "source", taking->list->source->name);
	if (taking->import) {
		cJSON_AddNumberToObject(request, "import", (double)taking->import);
		cJSON_AddNumberToObject(request, "run", (double)taking->run);
	}
	return request;
}

/* Takes request; *done_out is the caller's to cJSON_Delete. */
static int ask(struct taking *taking, cJSON *request, cJSON **done_out)
{
	struct answers answers = {0};
	int status = cli_ask(taking->list->cli, request, &answers);

	*done_out = answers.done;
	return status;
}

/* What tells these rows from others. */
static void digest_rows(const struct taking *taking, uint8_t out[SHA256_SIZE])
{
	static const char what[] = "reconcile";

	sha256(what, sizeof(what), out);
	for (size_t i = 0; i < taking->count; i++) {
		const struct told_row *row = taking->rows[i];
		struct sha256_part parts[] = {{out, SHA256_SIZE},
			{&row->line, sizeof(row->line)}, {row->raw, strlen(row->raw)}};
		uint8_t next[SHA256_SIZE];

		sha256_parts(parts, sizeof(parts) / sizeof(*parts), next);
		memcpy(out, next, SHA256_SIZE);
	}
}

static int begin(struct taking *taking)
{
	cJSON *request = make_request(taking, "begin"), *done;
	uint8_t digest[SHA256_SIZE];
	struct buf hex = BUF_INIT;
	int status;

	digest_rows(taking, digest);
	hex_add(&hex, digest, sizeof(digest));
	cJSON_AddStringToObject(request, "file", buf_str(&hex));
	buf_finish(&hex);
	status = ask(taking, request, &done);
	taking->import = json_integer(done, "import", 0);
	taking->run = json_integer(done, "run", 0);
	cJSON_Delete(done);
	return status;
}

static int end(struct taking *taking)
{
	cJSON *done;
	int status = ask(taking, make_request(taking, "end"), &done);

	cJSON_Delete(done);
	return status;
}

/* ---- rows ---- */

static void pack_row(struct taking *taking, struct buf *out, const struct told_row *row)
{
	struct import_row packed = {.time_given = true,
		.item.lead = row->lead,
		.raw = row->raw,
		.raw_len = strlen(row->raw)};

	packed.item.lead.id =
		uuid_v7(taking->list->cli->now, &entropy_system, &taking->last_id);
	import_pack(out, &packed);
}

/* As many from first on as go into one request. */
static cJSON *pack_batch(struct taking *taking, size_t first, size_t *count_out)
{
	cJSON *request = make_request(taking, "rows");
	struct buf packed = BUF_INIT, text = BUF_INIT;
	size_t count = 0;

	while (first + count < taking->count && count < IMPORT_BATCH_ROWS &&
		packed.len < BATCH_BYTES)
		pack_row(taking, &packed, taking->rows[first + count++]);
	base64_add(&text, packed.data, packed.len);
	cJSON_AddBoolToObject(request, "recovered", true);
	cJSON_AddNumberToObject(request, "first", (double)first + 1);
	cJSON_AddNumberToObject(request, "count", (double)count);
	cJSON_AddStringToObject(request, "rows", buf_str(&text));
	*count_out = count;
	if (!buf_ok(&packed) || !buf_ok(&text)) {
		cJSON_Delete(request);
		request = NULL;
	}
	buf_finish(&packed);
	buf_finish(&text);
	return request;
}

static bool is_among(const cJSON *numbers, size_t number)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, numbers) {
		const char *text = json_number(item);
		double value = text ? strtod(text, NULL) : item->valuedouble;

		if (value == (double)number)
			return true;
	}
	return false;
}

/* Rows of a person who was erased, and those another run was faster with, are not
 * missing after all. */
static void judge_batch(
	struct taking *taking, size_t first, size_t count, const cJSON *done)
{
	const cJSON *refused = cJSON_GetObjectItemCaseSensitive(done, "refused");
	const cJSON *known = cJSON_GetObjectItemCaseSensitive(done, "known");
	struct reconciling *list = taking->list;

	for (size_t i = first; i < first + count; i++) {
		struct told_row *row = taking->rows[i];

		if (is_among(refused, i + 1)) {
			row->status = "erased";
			list->missing--;
			list->unknown++;
		} else if (is_among(known, i + 1)) {
			row->status = "known";
			list->missing--;
			list->matched++;
		} else {
			row->status = "imported";
			list->imported++;
		}
	}
}

static int take_batch(struct taking *taking, size_t first, size_t *count_out)
{
	cJSON *request = pack_batch(taking, first, count_out), *done;
	int status;

	if (!request) {
		cli_warn(taking->list->cli, "out of memory");
		return EXIT_FAILED;
	}
	status = ask(taking, request, &done);
	if (status == EXIT_DONE && json_bool(done, "stale", false)) {
		cli_warn(taking->list->cli,
			"the same rows are being taken in by another leadctl: let it finish");
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE)
		judge_batch(taking, first, *count_out, done);
	cJSON_Delete(done);
	return status;
}

/* ---- all of them ---- */

static int find_missing(struct taking *taking)
{
	struct reconciling *list = taking->list;

	taking->rows = calloc(list->told_count + 1, sizeof(*taking->rows));
	if (!taking->rows) {
		cli_warn(list->cli, "out of memory");
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < list->told_count; i++)
		if (strcmp(list->told[i].status, "missing") == 0)
			taking->rows[taking->count++] = &list->told[i];
	return EXIT_DONE;
}

int reconcile_import(struct reconciling *list)
{
	struct taking taking = {.list = list};
	int status = find_missing(&taking);
	size_t count;

	if (status == EXIT_DONE && taking.count > 0)
		status = begin(&taking);
	for (size_t at = 0; at < taking.count && status == EXIT_DONE; at += count)
		status = take_batch(&taking, at, &count);
	if (status == EXIT_DONE && taking.count > 0)
		status = end(&taking);
	free(taking.rows);
	return status;
}
