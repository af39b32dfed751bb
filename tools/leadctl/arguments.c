#include "arguments.h"

#include <stdlib.h>
#include <string.h>

struct parse {
	struct arguments *out;
	const struct option_rule *global;
	const struct option_rule *own; /* NULL before the command's name */
	char **argv;
	int argc;
	int at;
};

static const struct option_rule *find_in(
	const struct option_rule *rules, const char *name, size_t len)
{
	for (; rules && rules->name; rules++)
		if (strlen(rules->name) == len && memcmp(rules->name, name, len) == 0)
			return rules;
	return NULL;
}

static const struct option_rule *find_letter(const struct option_rule *rules, char letter)
{
	for (; rules && rules->name; rules++)
		if (rules->letter && rules->letter == letter)
			return rules;
	return NULL;
}

static bool already_given(const struct parse *parse, const struct option_rule *rule)
{
	for (size_t i = 0; i < parse->out->given_count; i++)
		if (parse->out->given[i].rule == rule)
			return true;
	return false;
}

/* value: what stood behind '=', or NULL. */
static enum err_code take_option(struct parse *parse, const struct option_rule *rule,
	const char *value, struct err *err)
{
	if (!rule->value && value)
		return err_set(err, ERR_INVALID, "--%s takes no value", rule->name);
	if (rule->value && *rule->value != '[' && !value) {
		if (parse->at == parse->argc)
			return err_set(err, ERR_INVALID, "--%s needs a value: --%s %s",
				rule->name, rule->name, rule->value);
		value = parse->argv[parse->at++];
	}
	if (rule->value && !rule->repeats && already_given(parse, rule))
		return err_set(err, ERR_INVALID, "--%s is given twice", rule->name);
	parse->out->given[parse->out->given_count++] = (struct given){rule, value};
	return ERR_OK;
}

static enum err_code take_long(struct parse *parse, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_rule *rule = find_in(parse->own, text, len);

	if (!rule)
		rule = find_in(parse->global, text, len);
	if (!rule)
		return err_set(err, ERR_INVALID, "there is no option --%.*s here",
			(int)len, text);
	return take_option(parse, rule, equals ? equals + 1 : NULL, err);
}

static enum err_code take_short(struct parse *parse, const char *text, struct err *err)
{
	const struct option_rule *rule = find_letter(parse->own, *text);

	if (!rule)
		rule = find_letter(parse->global, *text);
	if (!rule || (!rule->value && text[1]))
		return err_set(err, ERR_INVALID, "there is no option -%s here", text);
	return take_option(parse, rule, text[1] ? text + 1 : NULL, err);
}

static enum err_code take_argument(struct parse *parse, const char *text,
	const struct option_rule *(*own)(const char *command), struct err *err)
{
	if (strncmp(text, "--", 2) == 0)
		return take_long(parse, text + 2, err);
	if (*text == '-' && text[1])
		return take_short(parse, text + 1, err);
	if (parse->out->word_count == 0)
		parse->own = own(text);
	parse->out->words[parse->out->word_count++] = text;
	return ERR_OK;
}

enum err_code arguments_parse(struct arguments *out, int argc, char **argv,
	const struct option_rule *global,
	const struct option_rule *(*own)(const char *command), struct err *err)
{
	struct arguments args = {.words = calloc((size_t)argc + 1, sizeof(*args.words)),
		.given = calloc((size_t)argc + 1, sizeof(*args.given))};
	struct parse parse = {
		.out = &args, .global = global, .argv = argv, .argc = argc, .at = 1};
	bool only_words = false;

	if (!args.words || !args.given) {
		err_set(err, ERR_NOMEM, "out of memory");
		goto fail;
	}
	while (parse.at < argc) {
		const char *text = argv[parse.at++];

		if (!only_words && strcmp(text, "--") == 0)
			only_words = true;
		else if (only_words)
			args.words[args.word_count++] = text;
		else if (take_argument(&parse, text, own, err) != ERR_OK)
			goto fail;
	}
	*out = args;
	return ERR_OK;
fail:
	arguments_finish(&args);
	return err->code;
}

void arguments_finish(struct arguments *args)
{
	free(args->words);
	free(args->given);
	*args = (struct arguments){0};
}

bool arguments_has(const struct arguments *args, const char *name)
{
	for (size_t i = 0; i < args->given_count; i++)
		if (strcmp(args->given[i].rule->name, name) == 0)
			return true;
	return false;
}

const char *arguments_value(const struct arguments *args, const char *name)
{
	for (size_t i = 0; i < args->given_count; i++)
		if (strcmp(args->given[i].rule->name, name) == 0)
			return args->given[i].value;
	return NULL;
}
