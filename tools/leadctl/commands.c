/* The table of commands: what each is called, needs, takes, and says of itself. */
#include "leadctl.h"

#include <string.h>

const struct option_rule global_options[] = {
	{"config", "FILE",
		"configuration; $LEADRELAY_CONFIG, else "
		"/etc/leadrelay/leadrelay.yaml",
		false, 'c'},
	{"json", NULL, "one JSON document (list: one line per lead)", false, '\0'},
	{"version", NULL, "the same as the command", false, '\0'},
	{"help", NULL, "this text; behind a command: about that command", false, 'h'},
	{NULL, NULL, NULL, false, '\0'},
};

#define FILTER_OPTIONS \
	{"state", "S", "pending, held, delivered, dead, discarded or quarantined", \
		false, '\0'}, \
		{"destination", "D", "only deliveries to this destination", false, \
			'\0'}, \
		{"source", "S", "only leads of this source", false, '\0'}, \
		{"since", "T", "received at or after: RFC 3339, or an age such as 2h", \
			false, '\0'}, \
		{"until", "T", "received before: RFC 3339, or an age such as 2h", false, \
			'\0'}, \
		{"reason", "R", \
			"the whole word, as in `list`: unauthorized, invalid ...", \
			false, '\0'}, \
	{ \
		"email", "E", \
			"this address, in any case; - reads it from standard input", \
			false, '\0' \
	}
#define CHANGE_OPTIONS \
	{"dry-run", NULL, "change nothing: count, by reason", false, '\0'}, \
	{ \
		"yes", NULL, \
			"do not ask; needed with filters where nobody can be asked", \
			false, '\0' \
	}
#define LAST_OPTION \
	{ \
		NULL, NULL, NULL, false, '\0' \
	}

const struct option_rule no_options[] = {LAST_OPTION};
const struct option_rule list_options[] = {FILTER_OPTIONS,
	{"limit", "N", "at most N leads, 50 by default; 0: all", false, '\0'},
	LAST_OPTION};
const struct option_rule export_options[] = {FILTER_OPTIONS,
	{"limit", "N", "at most N leads, the oldest; all by default", false, '\0'},
	{"format", "F", "csv or jsonl; csv by default", false, '\0'},
	{"delimiter", "C", "csv: , ; or tab between cells; a comma by default", false,
		'\0'},
	LAST_OPTION};
const struct option_rule reconcile_options[] = {
	{"import", NULL, "take in what is missing", false, '\0'},
	{"source", "NAME",
		"whose leads they are; else the only source of kind marketplace", false,
		'\0'},
	{"map", "HEADING=FIELD", "what a column means", true, '\0'},
	{"delimiter", "C", "between cells; recognised by default", false, '\0'},
	{"encoding", "E", "such as windows-1252; recognised by default", false, '\0'},
	LAST_OPTION};
const struct option_rule show_options[] = {
	{"raw", NULL, "the bytes exactly as they came in", false, '\0'}, LAST_OPTION};
const struct option_rule change_options[] = {FILTER_OPTIONS, CHANGE_OPTIONS, LAST_OPTION};
const struct option_rule replay_options[] = {FILTER_OPTIONS, CHANGE_OPTIONS,
	{"set", "FIELD=VALUE", "correct a field first; an empty value removes it", true,
		'\0'},
	{"again", NULL, "also what was delivered (same key: a CRM recognises it)", false,
		'\0'},
	{"to", "DESTINATION", "to this destination, also when the lead never went there",
		false, '\0'},
	LAST_OPTION};
const struct option_rule validate_options[] = {
	{"no-lead", NULL, "leave out the test lead: stop before creating one", false,
		'\0'},
	LAST_OPTION};
const struct option_rule destinations_options[] = {
	{"why", "TEXT", "park: the reason, for your colleagues", false, '\0'},
	LAST_OPTION};

const struct option_rule report_options[] = {
	{"since", "T", "the period's begin: RFC 3339, or an age such as 7d; 24h", false,
		'\0'},
	{"until", "T", "its end, exclusive: RFC 3339, or an age; now", false, '\0'},
	{"format", "F", "text, html, csv or json", false, '\0'},
	{"send", NULL, "queue it as mails to the report's `to` instead", false, '\0'},
	LAST_OPTION};

const struct option_rule notifications_options[] = {
	{"state", "S", "list: pending, sent or dead", false, '\0'},
	{"limit", "N", "list: at most N, 50 by default; 0: all", false, '\0'},
	LAST_OPTION};

const struct option_rule backup_options[] = {
	{"force", NULL, "overwrite FILE when it is there", false, '\0'}, LAST_OPTION};

const struct option_rule import_options[] = {
	{"source", "NAME", "the source of kind csv they are of", false, '\0'},
	{"map", "COLUMN=FIELD", "what a column is: a field above, created, or extra",
		true, '\0'},
	{"dry-run", NULL,
		"store nothing: show the first rows as they would be, and count", false,
		'\0'},
	{"rejects", "FILE", "write what was rejected, with line and reason", false, '\0'},
	{"notify", NULL, "tell the destinations' contacts of each lead", false, '\0'},
	{"delimiter", "C", "instead of what is recognised: , ; or tab", false, '\0'},
	{"encoding", "E", "instead of what is recognised: UTF-8 or windows-1252", false,
		'\0'},
	LAST_OPTION};

const struct option_rule init_options[] = {
	{"url", "URL", "the environment's address", false, '\0'},
	{"auth", "METHOD", "azure_ad (default), azure_ad_certificate or office365", false,
		'\0'},
	{"directory-id", "ID", "directory (tenant) id", false, '\0'},
	{"client-id", "ID", "application (client) id", false, '\0'},
	{"username", "NAME", "office365: the user", false, '\0'},
	{"certificate", "FILE", "azure_ad_certificate: PEM", false, '\0'},
	{"key", "FILE", "azure_ad_certificate: its private key, PEM", false, '\0'},
	{"secret-file", "FILE",
		"holds the client secret or password; - is standard input", false, '\0'},
	{"expires", "DATE", "when the credential expires: 2027-11-01", false, '\0'},
	{"contacts", "LIST", "who is told of new leads: \"a@b.example; c@d.example\"",
		false, '\0'},
	{"mail-server", "URL", "smtp://host:587 or smtps://host; none by default", false,
		'\0'},
	{"mail-user", "NAME", "who signs in there", false, '\0'},
	{"mail-password-file", "FILE", "holds the password; - is standard input", false,
		'\0'},
	{"mail-ca-file", "FILE", "PEM: whom to trust for the mail server", false, '\0'},
	{"mail-from", "MAILBOX", "sender: \"Lead relay <relay@contoso.com>\"", false,
		'\0'},
	{"alerts-to", "LIST", "who is told of trouble; the contacts by default", false,
		'\0'},
	{"listen", "ADDRESS", "of the intake; 127.0.0.1:8080 by default", false, '\0'},
	{"tls-certificate", "FILE", "of the intake, PEM with its chain", false, '\0'},
	{"tls-key", "FILE", "its private key, PEM", false, '\0'},
	{"public-url", "URL", "https address of this machine from outside", false, '\0'},
	{"token-file", "FILE", "holds the source's token; a new one by default", false,
		'\0'},
	{"destination", "NAME", "what the CRM is called: crm", false, '\0'},
	{"source", "NAME", "what the marketplace is called: marketplace", false, '\0'},
	{"authority", "URL", "of another cloud's sign-in", false, '\0'},
	{"token-url", "URL", "of a token service of your own (AD FS)", false, '\0'},
	{"ca-file", "FILE", "PEM: whom to trust for the CRM", false, '\0'},
	{"proxy", "URL", "on the way to the CRM", false, '\0'},
	{"state-dir", "DIR", "of the outbox", false, '\0'},
	{"admin", "ADDRESS",
		"of page and metrics, 127.0.0.1:8090 by default; none: without", false,
		'\0'},
	{"owner", "USER", "as root: whose files they are; leadrelay where there is one",
		false, '\0'},
	{"no-lead", NULL, "validate without a test lead", false, '\0'},
	{"no-checks", NULL, "try nothing on the live services", false, '\0'},
	{"force", NULL, "write though FILE is there; the old one is kept aside", false,
		'\0'},
	LAST_OPTION};

const struct option_rule status_options[] = {
	{"watch", "[=SECONDS]", "again and again, every 2 seconds by default", false,
		'\0'},
	{"count", "N", "with --watch: end after N", false, 'n'}, LAST_OPTION};

const struct option_rule tail_options[] = {
	{"follow", NULL, "go on with what comes", false, 'f'},
	{"limit", "N", "begin with the last N events, 10 by default, at most 1000", false,
		'n'},
	LAST_OPTION};

const struct command commands[] = {
	{"init", cmd_init, NEED_NOTHING, init_options, "init [OPTIONS]",
		"from nothing to a configuration that delivers",
		"Asks for what is not given, tries each answer on the live service at once, "
		"and asks\nagain for just what is wrong. Then writes FILE (-c) with its "
		"secrets beside it, mode\n0600, runs `validate`, and prints the address for "
		"Partner Center. Ends with nothing\nwritten: exit 1 (a check failed), 2 (an "
		"answer is missing or wrong, or FILE is there).\nWritten, but validate fails: "
		"exit 3.\n",
		"leadctl init\n"
		"  leadctl -c leadrelay.yaml init --url https://contoso.crm4.dynamics.com \\\n"
		"    --directory-id 12345678-0000-0000-0000-000000000000 \\\n"
		"    --client-id 23456052-0000-0000-0000-000000000000 --secret-file - <secret"},
	{"status", cmd_status, NEED_STATE_DIR, status_options,
		"status [--watch [SECONDS]]", "is everything all right?",
		"Sources, destinations, backlog and the accounting line. Exit 3 when "
		"something needs\nattention: the daemon is stopped, a destination or mail is "
		"parked, leads are dead or\nquarantined, or the sums differ.\n",
		"leadctl status\n"
		"  leadctl status --watch 5"},
	{"tail", cmd_tail, NEED_STATE_DIR, tail_options, "tail [-f] [-n N]",
		"what happened last, and what happens",
		"A line per event: time, event, the lead's id (its end), destination, outcome and "
		"reason. Events: accepted, duplicate, quarantined; attempt, delivered, dead; "
		"parked, resumed, backing_off, throttled, open; held, released, discarded, "
		"replayed. Ids and words only, never a person. -f goes on until Ctrl-C (exit 0), "
		"also when leadrelayd is restarted meanwhile.\n",
		"leadctl tail -f"},
	{"shape", cmd_shape, NEED_STATE_DIR, no_options, "shape",
		"how old is what waits, destination by destination",
		"Deliveries that are pending, held or dead, by the age of their lead: each column "
		"counts those up to that old and older than the column before.\n",
		"leadctl shape"},
	{"list", cmd_list, NEED_STATE_DIR, list_options, "list [FILTERS]",
		"leads, newest first", "Each lead once, with all its deliveries.\n",
		"leadctl list --state dead --destination crm --since 24h"},
	{"show", cmd_show, NEED_STATE_DIR, show_options, "show ID [--raw]",
		"one lead's whole story",
		"ID is a lead's id, or a beginning or end of it of at least 6 characters "
		"that no other\nlead has.\n",
		"leadctl show 3f9c2a71d04e"},
	{"export", cmd_export, NEED_STATE_DIR, export_options,
		"export [FILTERS] [--format csv|jsonl]",
		"leads as CSV or JSON Lines, oldest first",
		"All leads that match, to standard output. JSON Lines have what `show "
		"--json` has, but\nno history. CSV has a column per field; a cell that a "
		"spreadsheet would compute\n(= + - @ ...) begins with ', which `import` "
		"takes away again: it takes in the same\nleads under the same ids. "
		"Quarantined bodies are no leads yet and are left out;\n--state quarantined "
		"exports them.\n",
		"leadctl export --since 30d > leads.csv"},
	{"import", cmd_import, NEED_NOTHING, import_options,
		"import FILE --source NAME [OPTIONS]", "leads from a CSV file",
		"FILE is CSV with a heading; - is standard input. Every row ends as accepted, "
		"duplicate\nor rejected, with its line and the reason; rows rejected: exit 3. "
		"The same file twice\nadds nothing; killed and started again it goes on where "
		"it stopped.\n\nHeadings are recognised in many spellings, English and French, "
		"of Partner Center,\nDynamics and Azure tables; --map helps where they are not. "
		"What no field takes is\nkept as extra.\n\nFields: first_name last_name "
		"full_name email phone mobile company title country\nregion city postal_code "
		"street website offer_title offer_id product_id action_code\nlead_source "
		"campaign description; created is the lead's own time\n",
		"leadctl import fair.csv --source fair --dry-run\n"
		"  leadctl import fair.csv --source fair --map Stand=campaign "
		"--rejects bad.csv\n"
		"  zcat old.csv.gz | leadctl import - --source old --delimiter ';'"},
	{"replay", cmd_change, NEED_CONFIG, replay_options, "replay ID... | FILTERS",
		"send dead leads again",
		"Dead deliveries become pending; a quarantined lead becomes a lead (complete "
		"it with\n--set).\n\nFields: first_name last_name full_name email phone mobile "
		"company title country\nregion city postal_code street website offer_title "
		"offer_id product_id action_code\nlead_source campaign description\n",
		"leadctl replay 3f9c2a71d04e --set last_name=Lovelace"},
	{"hold", cmd_change, NEED_CONFIG, change_options, "hold ID... | FILTERS",
		"keep pending leads back",
		"Pending deliveries become held until `release`. An attempt under way is let "
		"finish.\n",
		"leadctl hold --destination crm --since 1h --yes"},
	{"release", cmd_change, NEED_CONFIG, change_options, "release ID... | FILTERS",
		"let held leads go on", "Held deliveries become pending.\n",
		"leadctl release --destination crm --yes"},
	{"discard", cmd_change, NEED_CONFIG, change_options, "discard ID... | FILTERS",
		"give leads up, counted",
		"Pending, held and dead deliveries, and quarantined leads, become discarded. "
		"They stay\nin every sum.\n",
		"leadctl discard --state dead --reason invalid --until 30d --dry-run"},
	{"validate", cmd_validate, NEED_CONFIG, validate_options,
		"validate [DESTINATION] [--no-lead]", "try a destination, step by step",
		"Resolve, connect, TLS, token, WhoAmI, privilege, then create a test lead, "
		"read it back\nand delete it where that is allowed: on the code that "
		"delivers. Stops at the first\nfailure with its cause and remedy (exit 3). "
		"Without DESTINATION: all of them.\n",
		"leadctl validate crm --no-lead"},
	{"destinations", cmd_destinations, NEED_STATE_DIR, destinations_options,
		"destinations [park NAME --why TEXT | resume NAME]",
		"how the destinations are; stop and start one",
		"A parked destination gets nothing; its leads wait without ageing.\n",
		"leadctl destinations park crm --why \"migration until noon\""},
	{"resume", cmd_resume, NEED_CONFIG, no_options, "resume",
		"deliver again after repeated crashes",
		"After three unclean exits within 10 minutes leadrelayd takes leads in and "
		"delivers none\nuntil this is said.\n",
		"leadctl resume"},
	{"report", cmd_report, NEED_STATE_DIR, report_options,
		"report [NAME | --since T --until T] [--format F] [--send]",
		"figures of a period",
		"NAME is a report of the configuration: its last full period, in its time "
		"zone. Without\na name: any period, the last 24 hours by default, in UTC. "
		"What is waiting, held, dead\nor discarded is what is so now. Ids and "
		"numbers only, never a person.\n",
		"leadctl report daily --format html > daily.html"},
	{"notifications", cmd_notifications, NEED_STATE_DIR, notifications_options,
		"notifications [list [--state S] | retry [ID...]]",
		"mails about new leads; send dead ones again",
		"One per lead and contact, newest first. retry makes dead ones pending again: "
		"those of\nthe leads named, or all of them; without ID it also asks parked "
		"mail at once\n(but shows no refused password again: `destinations resume`).\n",
		"leadctl notifications list --state dead"},
	{"prune", cmd_prune, NEED_CONFIG, no_options, "prune",
		"remove now what is past its age",
		"What `retention` says, batch by batch; the daemon does the same by itself. "
		"Removed rows\nstay counted.\n",
		"leadctl prune"},
	{"reconcile", cmd_reconcile, NEED_STATE_DIR, reconcile_options,
		"reconcile FILE [--import]",
		"what Microsoft has and this relay never saw",
		"FILE is the CSV of Partner Center's leads page; - is standard input. A row is "
		"here when\na lead has its e-mail, the same offer where both have one, and a "
		"time within 7 days\nwhere both have one. Told are: missing; dead, "
		"quarantined, held, pending here; unknown\n(older than this relay remembers, "
		"no time, no e-mail) and erased: these two are never\nimported. --import "
		"takes the missing in, marked as recovered; twice adds nothing.\nExit 3 when "
		"something is missing, dead, quarantined or unreadable.\n",
		"leadctl reconcile leads.csv --import"},
	{"check", cmd_check, NEED_CONFIG, no_options, "check",
		"count everything anew and compare",
		"The counters against the rows, and the store's integrity. Exit 3 when "
		"something differs.\n",
		"leadctl check"},
	{"forget", cmd_forget, NEED_STATE_DIR, no_options, "forget EMAIL",
		"erase a person, for good",
		"Prints the ids of the CRM's records first: those are yours to erase. Then the "
		"person is\nerased from leads, raw bodies, attempts, notifications and dead "
		"letters, and from the\nfile's free pages and WAL; pending deliveries become "
		"discarded. Counts stay, and a keyed\nhash that keeps imports, replays and "
		"restores from bringing the person back. `-` reads\nthe address from standard "
		"input. Exit 3: a reader keeps the WAL, or another file in\nstate_dir names "
		"the person; 4: nobody of that address.\n",
		"leadctl forget - <address.txt"},
	{"backup", cmd_backup, NEED_NOTHING, backup_options, "backup FILE [--force]",
		"copy the outbox, whole and checked",
		"One consistent file with everything that is committed now, made while the "
		"daemon works;\nread again, checked and counted before it gets its name. It "
		"holds persons: mode 0600.\nExit 3 when the outbox's own sums differ.\n",
		"leadctl backup /srv/backup/leads-$(date +%F).db"},
	{"restore", cmd_restore, NEED_NOTHING, no_options, "restore FILE",
		"bring a backup back",
		"With leadrelayd stopped (else exit 5). The backup is checked first; the outbox "
		"that is\nthere is kept under another name. Persons who asked to be forgotten "
		"since do not come\nback. Held: deliveries to destinations that keep no key, "
		"and mails; they may have gone\nout after the backup. All others are sent "
		"again to destinations that recognise them.\n",
		"leadctl restore /srv/backup/leads-2026-11-22.db"},
	{"salvage", cmd_salvage, NEED_NOTHING, no_options, "salvage FILE",
		"read what can be read of a damaged outbox",
		"With leadrelayd stopped. FILE that is not there yet: state_dir's outbox is read "
		"into it,\nfor `restore`. FILE that is state_dir's outbox: what can be read of it "
		"takes its place,\nand it is kept under another name. Any other FILE: it is read "
		"into FILE.salvaged. The\ndamaged file is never written to. Exit 3: something is "
		"lost, and it says what.\n",
		"leadctl salvage /root/rescued.db"},
	{"doctor", cmd_doctor, NEED_STATE_DIR, no_options, "doctor",
		"is this machine what the promises need?",
		"Configuration, secrets, expiry of credentials and certificates, state_dir, lock, "
		"schema,\nfile system, free space, whether a sync reaches the disk, SQLite, clock, "
		"open files: a\nline each, with what to do. Exit 3 when one failed, 2 when the "
		"configuration is bad.\nChanges nothing; the daemon may be up or down.\n",
		"leadctl doctor"},
	{"config", cmd_config, NEED_NOTHING, no_options,
		"config check | keys [BEGINNING]",
		"check: is the file good; keys: what may stand in it",
		"check: every problem as FILE:LINE: key: what is wrong; what is allowed. "
		"Touches\nnothing else. Exit 2 when it is bad.\n\nkeys: every key, or those "
		"that begin so, with its default and what is allowed;\nleadrelay.yaml(5) says "
		"more.\n",
		"leadctl -c leadrelay.yaml config check\n"
		"  leadctl config keys intake"},
	{"version", cmd_version, NEED_NOTHING, no_options, "version",
		"which version this is", "", "leadctl version --json"},
	{NULL, NULL, NEED_NOTHING, NULL, NULL, NULL, NULL, NULL},
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

const struct option_rule *command_options(const char *name)
{
	const struct command *command = command_find(name);

	return command ? command->options : NULL;
}
