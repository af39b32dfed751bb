/*
 * CSV files. First line: words that choose encoding, delimiter and source; the rest is
 * the file. Read as a whole and byte by byte it is the same; cells are text; what a
 * record says is a lead or a sentence; what is written of its cells reads as the same.
 */
#include "intake_checks.h"

#include "leadrelay/buf.h"
#include "leadrelay/csv.h"

struct file {
	const char *at, *end;
	size_t piece;
};

static ssize_t read_file(void *ctx, char *out, size_t size)
{
	struct file *file = ctx;
	size_t len = (size_t)(file->end - file->at);

	len = len < size ? len : size;
	len = len < file->piece ? len : file->piece;
	if (len > 0)
		memcpy(out, file->at, len);
	file->at += len;
	return (ssize_t)len;
}

static struct csv_options options_for(const char *words)
{
	static const char *const encodings[] = {"UTF-8", "windows-1252", "UTF-16LE",
		"UTF-16", "ISO-8859-15", "SHIFT_JIS"};
	struct csv_options options = {0};

	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		if (strstr(words, encodings[i]))
			options.encoding = encodings[i];
	if (strstr(words, "semicolon"))
		options.delimiter = ';';
	if (strstr(words, "tab"))
		options.delimiter = '\t';
	return options;
}

static void require_record(const struct csv_record *record, int64_t line_before)
{
	REQUIRE(record->line > line_before);
	REQUIRE(record->count <= CSV_COLUMNS_MAX && record->raw);
	REQUIRE(record->raw_len <= CSV_RECORD_MAX);
	REQUIRE(record->count > 0 || record->problem);
	if (record->problem)
		require_sentence(record->problem);
	for (size_t i = 0; i < record->count; i++)
		require_utf8(record->cells[i]);
}

/* ---- records to leads ---- */

static void require_csv_lead(
	const struct csv_columns *columns, const struct csv_record *record)
{
	struct csv_lead lead;

	if (csv_lead_read(columns, record, &lead)) {
		require_lead(&lead.lead);
		require_kept(&lead.lead);
		REQUIRE(is_lead(columns->source, &lead.lead));
		REQUIRE(!lead.problem[0]);
	} else {
		require_sentence(lead.problem);
		REQUIRE(!lead.lead.extra && !lead.lead.source);
		for (int i = 0; i < FIELD_COUNT; i++)
			REQUIRE(!lead.lead.fields[i]);
	}
	lead_finish(&lead.lead);
}

/* ---- a record written again ---- */

static void require_same_cells(const struct csv_record *record)
{
	const struct csv_options options = {',', "UTF-8"};
	struct buf text = BUF_INIT;
	struct csv_reader *reader = NULL;
	struct csv_record again;
	struct file file;

	buf_adds(&text, "x"); /* a line of blanks is no record */
	for (size_t i = 0; i < record->count; i++) {
		buf_addc(&text, ',');
		csv_add_guarded(&text, record->cells[i]);
	}
	buf_adds(&text, "\r\n");
	file = (struct file){text.data, text.data + text.len, SIZE_MAX};
	REQUIRE(csv_open(&reader, read_file, &file, &options, NULL) == ERR_OK);
	REQUIRE(csv_next(reader, &again, NULL) == 1);
	REQUIRE(!again.problem && again.count == record->count + 1);
	for (size_t i = 0; i < record->count; i++)
		REQUIRE(strcmp(csv_unguard(again.cells[i + 1]), record->cells[i]) == 0);
	REQUIRE(csv_next(reader, &again, NULL) == 0);
	csv_close(reader);
	buf_finish(&text);
}

/* ---- a whole file ---- */

static void describe(struct buf *out, const struct csv_record *record)
{
	buf_addf(out, "%lld %s %zu:", (long long)record->line,
		record->problem ? record->problem : "", record->column);
	for (size_t i = 0; i < record->count; i++)
		buf_addf(out, "[%s]", record->cells[i]);
	buf_addc(out, ' ');
	buf_add(out, record->raw, record->raw_len);
	buf_addc(out, '\n');
}

/* All of it, told. source NULL: its leads are left alone. */
static void read_all(struct buf *out, struct file file, const struct csv_options *options,
	const struct source_settings *source)
{
	struct csv_columns *columns = NULL;
	struct csv_reader *reader = NULL;
	struct csv_record record;
	int64_t line = 0;
	struct err err;

	REQUIRE(csv_open(&reader, read_file, &file, options, &err) == ERR_OK);
	while (csv_next(reader, &record, &err) == 1) {
		require_record(&record, line);
		describe(out, &record);
		if (source && !record.problem && record.count < CSV_COLUMNS_MAX)
			require_same_cells(&record);
		if (source && line == 0 &&
			csv_columns_create(&columns, &record, source,
				&(struct pair_list){0}, &err) != ERR_OK)
			require_sentence(err.text);
		else if (columns && line > 0)
			require_csv_lead(columns, &record);
		line = record.line;
	}
	REQUIRE(csv_bytes(reader) <= (int64_t)1 << 40);
	csv_columns_destroy(columns);
	csv_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	char *words = input_line(&input);
	const struct csv_options options = options_for(words);
	const struct source_settings source = {
		.kind = strstr(words, "marketplace") ? SOURCE_MARKETPLACE : SOURCE_CSV};
	struct buf whole = BUF_INIT, pieces = BUF_INIT;

	read_all(&whole, (struct file){input.at, input.end, SIZE_MAX}, &options, &source);
	read_all(&pieces, (struct file){input.at, input.end, 1}, &options, NULL);
	REQUIRE(whole.len == pieces.len);
	REQUIRE(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
	buf_finish(&whole);
	buf_finish(&pieces);
	free(words);
	return 0;
}
