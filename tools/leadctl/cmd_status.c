/* status: everything at a glance, and what wants doing. */
#include "status_view.h"
#include "table.h"
#include "watch.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WATCH_S 2
#define ACCOUNTING_COLUMNS 110 /* what its line takes at most, near enough */
#define WATCH_MOST_S 86400

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static int64_t number(const cJSON *object, const char *name)
{
	return json_integer(object, name, 0);
}

static bool is_state(const cJSON *object, const char *state)
{
	const char *text = json_string(object, "state");

	return text && strcmp(text, state) == 0;
}

/* ---- does it need attention? ---- */

static bool any_parked(const cJSON *destinations)
{
	const cJSON *destination;

	cJSON_ArrayForEach (destination, destinations) {
		if (is_state(destination, "parked"))
			return true;
	}
	return false;
}

static bool needs_attention(const cJSON *status)
{
	const cJSON *sum = member(status, "accounting");

	return !is_state(status, "running") || json_bool(status, "intake_only", false) ||
	       any_parked(member(status, "destinations")) ||
	       is_state(member(status, "mail"), "parked") || number(sum, "dead") > 0 ||
	       number(sum, "difference") != 0 || number(status, "quarantined") > 0;
}

/* ---- the first lines ---- */

static void print_program(struct cli *cli, const cJSON *status)
{
	const char *state = json_string(status, "state");
	char uptime[DURATION_TEXT_SIZE];

	buf_addf(&cli->out, "leadrelay %s is %s%s%s", json_string(status, "version"),
		colour_start(cli, state_colour(state)), state, colour_end(cli));
	if (is_state(status, "running"))
		buf_addf(&cli->out, ", up %s",
			duration_human(number(status, "uptime_s") * 1000, uptime));
	else
		buf_adds(&cli->out, ": nothing is taken in, nothing is delivered");
	buf_addc(&cli->out, '\n');
	if (json_bool(status, "intake_only", false))
		buf_addf(&cli->out,
			"%sintake only%s: it takes leads in and delivers none, after three "
			"unclean exits in 10 minutes; `leadctl resume`\n",
			colour_start(cli, RED), colour_end(cli));
}

static int64_t leads_kept(const cJSON *status)
{
	const cJSON *source;
	int64_t leads = 0;

	cJSON_ArrayForEach (source, member(status, "sources")) {
		leads += number(source, "accepted");
	}
	return leads;
}

static void print_accounting(struct cli *cli, const cJSON *status)
{
	static const char *const parts[] = {
		"delivered", "pending", "held", "dead", "discarded"};
	const cJSON *sum = member(status, "accounting");
	int64_t difference = number(sum, "difference");
	char text[COUNT_TEXT_SIZE];

	if (difference == 0) {
		buf_adds(&cli->out, "all ");
		out_count(cli, leads_kept(status), "lead", "leads");
		buf_adds(&cli->out, " accounted for: ");
	} else {
		buf_addf(&cli->out, "%s%s deliveries are NOT accounted for%s: ",
			colour_start(cli, RED), count_text(difference, text),
			colour_end(cli));
	}
	if (cli->width && cli->width < ACCOUNTING_COLUMNS)
		buf_adds(&cli->out, "\n  ");
	out_count(cli, number(sum, "accepted"), "delivery =", "deliveries =");
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		buf_addf(&cli->out, "%s %s %s", i ? " +" : "",
			count_text(number(sum, parts[i]), text), parts[i]);
	buf_adds(&cli->out, difference ? "; `leadctl check`\n" : "\n");
}

/* ---- tables ---- */

static void print_sources(struct cli *cli, const cJSON *sources)
{
	static const struct column columns[] = {{"SOURCE", 32, false}, {"LEADS", 0, true},
		{"TEST", 0, true}, {"DUPLICATES", 0, true}, {"QUARANTINED", 0, true},
		{"REJECTED", 0, true}, {"LAST AGO", 0, true}, {NULL, 0, false}};
	const cJSON *source;
	struct table table;

	table_init(&table, columns, "");
	cJSON_ArrayForEach (source, sources) {
		char age[AGE_TEXT_SIZE];

		table_add(&table, json_string(source, "name"), PLAIN);
		table_add_count(&table, number(source, "accepted"), PLAIN);
		table_add_count(&table, number(source, "test"), PLAIN);
		table_add_count(&table, number(source, "duplicates"), PLAIN);
		table_add_count(&table, number(source, "quarantined"), PLAIN);
		table_add_count(&table, number(source, "rejected"), PLAIN);
		age_text(cli, json_string(source, "last_received_at"), age);
		table_add(&table, *age ? age : "never", PLAIN);
	}
	if (table_rows(&table))
		buf_addc(&cli->out, '\n');
	table_flush(&table, cli);
	table_finish(&table);
}

static void add_destination(
	struct cli *cli, struct table *table, const cJSON *destination)
{
	const char *state = json_string(destination, "state");
	int64_t dead = number(destination, "dead"),
		pending = number(destination, "pending");
	char age[AGE_TEXT_SIZE], oldest[DURATION_TEXT_SIZE] = "";

	if (pending)
		duration_human(number(destination, "oldest_pending_s") * 1000, oldest);
	table_add(table, json_string(destination, "name"), PLAIN);
	table_add(table, state, state_colour(state));
	table_add(table, age_text(cli, json_string(destination, "since"), age), PLAIN);
	table_add_count(table, pending, PLAIN);
	table_add(table, oldest, PLAIN);
	table_add_count(table, number(destination, "held"), PLAIN);
	table_add_count(table, number(destination, "delivered"), PLAIN);
	table_add_count(table, dead, dead ? RED : PLAIN);
	table_add(table, json_string(destination, "credential_expires"), PLAIN);
}

static void explain_destination(struct cli *cli, const cJSON *destination)
{
	const char *error = json_string(destination, "error");
	const char *reason = json_string(destination, "reason");
	struct buf remedy = BUF_INIT;

	remedy_destination(&remedy, destination);
	if (remedy.len) {
		buf_addf(&cli->out, "\n%s%s%s is %s", colour_start(cli, BOLD),
			json_string(destination, "name"), colour_end(cli),
			json_string(destination, "state"));
		if (reason)
			buf_addf(&cli->out, " (%s)", reason);
		if (error) {
			buf_adds(&cli->out, ": ");
			out_text(cli, error);
		}
		buf_addf(&cli->out, "\n  what to do: %s\n", buf_str(&remedy));
	}
	buf_finish(&remedy);
}

void print_destinations(struct cli *cli, const cJSON *destinations)
{
	static const struct column columns[] = {{"DESTINATION", 32, false},
		{"STATE", 0, false}, {"SINCE", 0, true}, {"WAITING", 0, true},
		{"OLDEST", 0, true}, {"HELD", 0, true}, {"DELIVERED", 0, true},
		{"DEAD", 0, true}, {"EXPIRES", 0, false}, {NULL, 0, false}};
	const cJSON *destination;
	struct table table;

	table_init(&table, columns, "");
	cJSON_ArrayForEach (destination, destinations) {
		add_destination(cli, &table, destination);
	}
	table_flush(&table, cli);
	table_finish(&table);
	cJSON_ArrayForEach (destination, destinations) {
		explain_destination(cli, destination);
	}
}

/* ---- mail ---- */

static const char *mail_advice(const char *reason)
{
	if (reason && strcmp(reason, "operator") == 0)
		return "nothing, until its time has come";
	if (reason && strcmp(reason, "removed") == 0)
		return "put `mail:` back into the configuration";
	if (reason && strcmp(reason, "unauthorized") == 0)
		return "correct the user name and password of `mail.smtp`; a changed "
		       "secret file is noticed within 10 s";
	return "mend what it says: `mail.smtp`, `mail.from` (then reload), or the mail "
	       "server itself";
}

static void print_mail_trouble(struct cli *cli, const cJSON *mail)
{
	const char *state = json_string(mail, "state"),
		   *error = json_string(mail, "error");
	char age[AGE_TEXT_SIZE];

	buf_addf(&cli->out, "%smail%s is %s%s%s for %s", colour_start(cli, BOLD),
		colour_end(cli), colour_start(cli, state_colour(state)), state,
		colour_end(cli), age_text(cli, json_string(mail, "since"), age));
	if (error) {
		buf_adds(&cli->out, ": ");
		out_text(cli, error);
	}
	if (is_state(mail, "parked"))
		buf_addf(&cli->out,
			"\n  what to do: %s; `leadctl destinations resume \"(mail)\"` asks "
			"again at once. Mails wait, none is lost",
			mail_advice(json_string(mail, "reason")));
	buf_addc(&cli->out, '\n');
}

static void print_mail(struct cli *cli, const cJSON *status)
{
	const cJSON *counts = member(status, "notifications");
	const cJSON *mail = member(status, "mail");
	int64_t dead = number(counts, "dead");
	char text[COUNT_TEXT_SIZE];

	if (!cJSON_IsObject(mail) && !number(counts, "pending") &&
		!number(counts, "sent") && !dead)
		return;
	buf_addf(&cli->out, "\nnotifications: %s sent,",
		count_text(number(counts, "sent"), text));
	buf_addf(&cli->out, " %s waiting,", count_text(number(counts, "pending"), text));
	buf_addf(&cli->out, " %s dead%s\n", count_text(dead, text),
		dead ? ": `leadctl notifications list --state dead`" : "");
	if (cJSON_IsObject(mail) && !is_state(mail, "open"))
		print_mail_trouble(cli, mail);
}

static void print_rest(struct cli *cli, const cJSON *status)
{
	int64_t dead = number(member(status, "accounting"), "dead");
	int64_t quarantined = number(status, "quarantined");

	if (dead || quarantined)
		buf_addc(&cli->out, '\n');
	if (dead) {
		out_count(cli, dead, "delivery is dead", "deliveries are dead");
		buf_adds(&cli->out,
			": `leadctl list --state dead` shows them, `leadctl show ID` "
			"says why\n");
	}
	if (quarantined) {
		out_count(cli, quarantined, "body is quarantined",
			"bodies are quarantined");
		buf_adds(&cli->out, ": `leadctl list --state quarantined` shows them\n");
	}
	if (!is_state(status, "running"))
		buf_adds(&cli->out,
			"\nleadrelayd does not run: `systemctl start leadrelayd`, "
			"or look into its log\n");
}

static void print_status(struct cli *cli, const cJSON *status)
{
	print_program(cli, status);
	print_accounting(cli, status);
	print_sources(cli, member(status, "sources"));
	if (cJSON_GetArraySize(member(status, "destinations")))
		buf_addc(&cli->out, '\n');
	print_destinations(cli, member(status, "destinations"));
	print_mail(cli, status);
	print_rest(cli, status);
}

/* ---- a relay that never ran ---- */

static bool never_ran(const struct cli *cli)
{
	struct stat dir;

	return stat(cli->state_dir, &dir) != 0;
}

static void zeros(cJSON *object, const char *name, const char *const *members)
{
	cJSON *part = cJSON_AddObjectToObject(object, name);

	for (; *members; members++)
		cJSON_AddNumberToObject(part, *members, 0);
}

static cJSON *status_of_nothing(void)
{
	static const char *const sums[] = {"accepted", "pending", "held", "delivered",
		"dead", "discarded", "difference", NULL};
	static const char *const mails[] = {"pending", "sent", "dead", NULL};
	cJSON *status = cJSON_CreateObject();

	cJSON_AddStringToObject(status, "state", "stopped");
	cJSON_AddStringToObject(status, "version", version_text());
	cJSON_AddNullToObject(status, "uptime_s");
	cJSON_AddBoolToObject(status, "intake_only", false);
	cJSON_AddArrayToObject(status, "sources");
	cJSON_AddNumberToObject(status, "quarantined", 0);
	cJSON_AddArrayToObject(status, "destinations");
	zeros(status, "accounting", sums);
	zeros(status, "notifications", mails);
	cJSON_AddNullToObject(status, "mail");
	return status;
}

static int show_status(struct cli *cli)
{
	struct answers answers = {0};
	int status = EXIT_DONE;

	if (never_ran(cli)) {
		cli_warn(cli, "leadrelayd has not run here yet: there is no %s",
			cli->state_dir);
		answers.done = status_of_nothing();
	} else {
		status = cli_ask(cli, request_create("status"), &answers);
	}
	if (status != EXIT_DONE)
		return status;
	if (cli->json)
		cli_print_json(cli, answers.done);
	else
		print_status(cli, answers.done);
	status = needs_attention(answers.done) ? EXIT_ATTENTION : EXIT_DONE;
	cJSON_Delete(answers.done);
	return status;
}

/* ---- again and again ---- */

/* Whole seconds, 1 to a day; -1: it is none. */
static int64_t seconds_of(const char *text)
{
	char *end;
	long long seconds = strtoll(text, &end, 10);

	if (!*text || *end || seconds < 1 || seconds > WATCH_MOST_S)
		return -1;
	return seconds;
}

/* --watch, --watch=5 and --watch 5 are one thing. */
static int watch_status(struct cli *cli, const struct arguments *args)
{
	const char *every = arguments_value(args, "watch");
	const char *times = arguments_value(args, "count");
	int64_t every_s = WATCH_S, count = times ? seconds_of(times) : 0;

	if (!every && args->word_count == 2)
		every = args->words[1];
	if (every)
		every_s = seconds_of(every);
	if (every_s < 0)
		return cli_usage(cli, "--watch: \"%s\" is not 1 to %d seconds", every,
			WATCH_MOST_S);
	if (count < 0)
		return cli_usage(cli, "--count: \"%s\" is not how often", times);
	return watch(cli, every_s * 1000, count, show_status);
}

int cmd_status(struct cli *cli, const struct arguments *args)
{
	bool again = arguments_has(args, "watch");

	if (args->word_count > (again ? 2u : 1u))
		return cli_usage(cli, "status takes no words");
	if (!again && arguments_has(args, "count"))
		return cli_usage(cli, "--count goes with --watch");
	return again ? watch_status(cli, args) : show_status(cli);
}
