#include "leadrelay/destination.h"

#include "kinds.h"

#include "leadrelay/token.h"

#include <stdlib.h>
#include <string.h>

const struct destination_kind *const destination_kinds[] = {
	&destination_dynamics365,
	&destination_azure_table,
	&destination_file,
	&destination_https,
};
const int destination_kind_count =
	(int)(sizeof(destination_kinds) / sizeof(destination_kinds[0]));

const struct destination_kind *destination_kind_find(const char *name)
{
	for (int i = 0; name && i < destination_kind_count; i++)
		if (strcmp(destination_kinds[i]->name, name) == 0)
			return destination_kinds[i];
	return NULL;
}

const struct destination_key *destination_key_find(
	const struct destination_kind *kind, const char *name)
{
	for (const struct destination_key *key = kind->keys; key && key->name; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

enum err_code destination_create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	const struct destination_kind *kind = destination_kind_find(settings->kind);
	enum err_code code;

	if (!kind)
		return err_set(err, ERR_CONFIG, "destination %s: kind: no kind %s",
			settings->name, settings->kind ? settings->kind : "given");
	code = kind->create(out, settings, entropy, err);
	if (code != ERR_OK)
		err_wrap(err, "destination %s", settings->name);
	return code;
}

void destination_destroy(struct destination *destination)
{
	struct token *token;

	if (!destination)
		return;
	token = destination->base.token;
	destination->base.kind->destroy(destination);
	token_destroy(token);
}

struct token *destination_token(struct destination *destination)
{
	return destination->base.token;
}

enum step_kind task_begin(struct destination *destination, struct task *task, int64_t now)
{
	return destination->base.kind->begin(destination, task, now);
}

enum step_kind task_next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	return destination->base.kind->next(destination, task, answer, now);
}

enum step_kind task_mailed(struct destination *destination, struct task *task,
	const struct mail_answer *answer, int64_t now)
{
	return destination->base.kind->mailed(destination, task, answer, now);
}
