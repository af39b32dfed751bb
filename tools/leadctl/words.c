/* What the operator can do about it: a sentence with the command to run, by reason. */
#include "leadctl.h"

#include "leadrelay/json.h"

#include <string.h>

struct advice {
	const char *reason;
	const char *text; /* NAME and ID stand for the destination and the lead */
};

static const struct advice of_destinations[] = {
	{"unauthorized",
		"renew its secret (the file is noticed within 10 s), or correct the "
		"ids beside it and reload; `leadctl validate NAME` tries it, `leadctl "
		"destinations resume NAME` asks again at once"},
	{"forbidden",
		"give its user the right to create leads (Dynamics: a security role), or "
		"mend what it knows us by (https: secret, headers, client_certificate); it "
		"resumes by itself, `leadctl validate NAME` tries it"},
	{"connect",
		"is it up, and may this machine reach it? a private address needs "
		"`allow_private: true`; `leadctl validate NAME` shows where it stops"},
	{"environment",
		"look at the environment itself: its address, state and storage; it "
		"resumes by itself, `leadctl validate NAME` tries it"},
	{"gone",
		"the address says that it is gone for good: correct `url` and reload, then "
		"`leadctl destinations resume NAME`"},
	{"operator", "`leadctl destinations resume NAME` when its time has come"},
	{"removed",
		"put it back into the configuration, or send its leads elsewhere with "
		"`leadctl replay --destination NAME --state pending --to OTHER`, and give "
		"them up here with `leadctl discard --destination NAME`"},
	{"throttled", "nothing: it goes on by itself"},
	{"tls", "its certificate or ours is at fault: `leadctl validate NAME` shows which; it "
		"resumes by itself"},
	{NULL, "it is asked again by itself; `leadctl validate NAME` shows where it stops"},
};

static const struct advice of_deliveries[] = {
	{"invalid", "correct the field and send it again: `leadctl replay ID --set "
		    "field=value`"},
	{"too_large", "shorten the field and send it again: `leadctl replay ID --set "
		      "description=...`"},
	{"duplicate_rule",
		"a duplicate rule of the CRM objects: merge the two there and give "
		"this one up (`leadctl discard ID`), or set `duplicates: skip` or "
		"`update` and `leadctl replay ID`"},
	{"expired",
		"it waited longer than give_up_after; `leadctl replay ID` starts it anew"},
	{"plugin",
		"a plug-in of the CRM refused it: have that mended, then `leadctl replay "
		"ID`"},
	{"forbidden", "give the application user a role that may create this lead, then "
		      "`leadctl replay ID`"},
	{"environment", "correct the destination's address, then `leadctl replay ID`"},
	{"gone", "correct the destination's address, then `leadctl replay ID`"},
	{NULL, "mend the cause, then `leadctl replay ID`"},
};

static const char *find_advice(const struct advice *advice, const char *reason)
{
	while (advice->reason && (!reason || strcmp(advice->reason, reason) != 0))
		advice++;
	return advice->text;
}

/* text with every word replaced by value. */
static void add_with(
	struct buf *out, const char *text, const char *word, const char *value)
{
	const char *at;

	while ((at = strstr(text, word))) {
		buf_add(out, text, (size_t)(at - text));
		buf_adds(out, value);
		text = at + strlen(word);
	}
	buf_adds(out, text);
}

void remedy_destination(struct buf *out, const cJSON *destination)
{
	const char *state = json_string(destination, "state");
	const char *name = json_string(destination, "name");

	if (state && name && strcmp(state, "open") != 0)
		add_with(out,
			find_advice(of_destinations, json_string(destination, "reason")),
			"NAME", name);
}

static void advise_pending(struct buf *out, const cJSON *delivery)
{
	const char *next = json_string(delivery, "next_attempt_at");
	const char *name = json_string(delivery, "destination");
	char moment[AGE_TEXT_SIZE];

	if (next)
		buf_addf(out,
			"nothing: it is tried at %s; `leadctl destinations` tells how "
			"%s is",
			moment_text(next, moment), name);
	else
		buf_addf(out, "see `leadctl destinations`: it waits for %s", name);
}

void remedy_delivery(struct buf *out, const char *id, const cJSON *delivery)
{
	const char *state = json_string(delivery, "state");

	if (!state)
		return;
	if (strcmp(state, "dead") == 0)
		add_with(out, find_advice(of_deliveries, json_string(delivery, "reason")),
			"ID", id);
	else if (strcmp(state, "held") == 0)
		buf_addf(out, "`leadctl release %s` lets it go on", id);
	else if (strcmp(state, "pending") == 0)
		advise_pending(out, delivery);
}
