/*
 * Who answers on the virtual network: two CRMs (Dataverse's lead table, keyed by leadid),
 * in some lives one and an endpoint that takes JSON and keeps no key, and the token
 * service. What they say follows the weather; what they hold is what counts in the end.
 */
#include "sim.h"

#include "leadrelay/json.h"
#include "leadrelay/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ODATA(code, message) \
	"{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"

enum behaviour {
	FINE,
	REFUSES,
	NO_NAME,
	BAD_TLS,
	SILENT,      /* time-out, nothing done */
	SILENT_DONE, /* time-out after the commit */
	RESETS,
	RESETS_DONE,
	GATEWAY_502,
	BUSY_503,
	GATEWAY_504,
	GATEWAY_DONE, /* a 502 after the commit */
	PAUSE_503,    /* with Retry-After */
	PAUSE_429,
	PAUSE_429_BARE,
	ERROR_500,
	ERROR_500_DONE, /* 500 after the commit */
	EMPTY_200,      /* 200, and no record */
	TEAPOT,
	INVALID_400,
	GONE_TOKEN,
	NO_RIGHT,
	NO_STORAGE,
	BEHAVIOURS
};

static const struct {
	const char *word;
	int status;
	enum http_failure failure;
	bool sent;
	bool done;
	bool ends_lead;
	const char *body;
} behaviours[BEHAVIOURS] = {
	[FINE] = {"fine", 204, HTTP_FINE, true, true, false, ""},
	[REFUSES] = {"refused", 0, HTTP_CONNECT, false, false, false, ""},
	[NO_NAME] = {"no DNS", 0, HTTP_DNS, false, false, false, ""},
	[BAD_TLS] = {"TLS fails", 0, HTTP_TLS, false, false, false, ""},
	[SILENT] = {"silence", 0, HTTP_TIMEOUT, true, false, false, ""},
	[SILENT_DONE] = {"silence after the commit", 0, HTTP_TIMEOUT, true, true, false,
		""},
	[RESETS] = {"reset", 0, HTTP_RESET, true, false, false, ""},
	[RESETS_DONE] = {"reset after the commit", 0, HTTP_RESET, true, true, false, ""},
	[GATEWAY_502] = {"502", 502, HTTP_FINE, true, false, false, "<html>bad gateway"},
	[BUSY_503] = {"503", 503, HTTP_FINE, true, false, false, ""},
	[GATEWAY_504] = {"504", 504, HTTP_FINE, true, false, false, ""},
	[GATEWAY_DONE] = {"502 after the commit", 502, HTTP_FINE, true, true, false, ""},
	[PAUSE_503] = {"503 with Retry-After", 503, HTTP_FINE, true, false, false, ""},
	[PAUSE_429] = {"429 with Retry-After", 429, HTTP_FINE, true, false, false,
		ODATA("0x80072322", "Number of requests exceeded the limit of 6000")},
	[PAUSE_429_BARE] = {"429", 429, HTTP_FINE, true, false, false, ""},
	[ERROR_500] = {"500", 500, HTTP_FINE, true, false, true,
		ODATA("0x80040216", "An unexpected error occurred.")},
	[ERROR_500_DONE] = {"500 after the commit", 500, HTTP_FINE, true, true, true,
		ODATA("0x80040216", "An unexpected error occurred.")},
	[EMPTY_200] = {"200 and no record", 200, HTTP_FINE, true, false, true,
		"<html>login"},
	[TEAPOT] = {"418", 418, HTTP_FINE, true, false, true, "short and stout"},
	[INVALID_400] = {"400", 400, HTTP_FINE, true, false, true,
		ODATA("0x80040203", "a value is not valid")},
	[GONE_TOKEN] = {"401", 401, HTTP_FINE, true, false, false, ""},
	[NO_RIGHT] = {"403", 403, HTTP_FINE, true, false, false,
		ODATA("0x80040220", "Principal user is missing prvCreateLead privilege")},
	[NO_STORAGE] = {"storage full", 403, HTTP_FINE, true, false, false,
		ODATA("0x8004B057", "the organization has used up its storage")},
};

static const struct {
	const char *name;
	enum behaviour shows[12]; /* up to the first FINE */
} weathers[WEATHERS] = {
	[CLEAR] = {"clear", {FINE}},
	[DOWN] = {"down", {REFUSES, NO_NAME, BAD_TLS, SILENT, RESETS, GATEWAY_502,
				  BUSY_503, GATEWAY_504, FINE}},
	[FLAKY] = {"flaky",
		{SILENT, SILENT_DONE, RESETS, RESETS_DONE, GATEWAY_502, GATEWAY_DONE,
			PAUSE_429, ERROR_500, GONE_TOKEN, BUSY_503, FINE}},
	[THROTTLING] = {"throttling", {PAUSE_429, PAUSE_503, PAUSE_429_BARE, FINE}},
	[LYING] = {"lying", {ERROR_500_DONE, GATEWAY_DONE, SILENT_DONE, EMPTY_200, TEAPOT,
				    RESETS_DONE, INVALID_400, NO_RIGHT, FINE}},
	[TOKEN_REFUSED] = {"refusing the secret", {FINE}},
	[TOKEN_DOWN] = {"without tokens", {FINE}},
	[FORBIDDEN] = {"without the role", {NO_RIGHT, FINE}},
	[FULL] = {"full", {NO_STORAGE, FINE}},
	[PORTAL] = {"behind a login page", {EMPTY_200, FINE}},
};

const char *weather_name(enum weather weather)
{
	return weathers[weather].name;
}

static enum behaviour choose(struct sim *sim, const struct peer *peer)
{
	const enum behaviour *shows = weathers[peer->weather].shows;
	int count = 0;

	while (shows[count] != FINE)
		count++;
	if (count == 0 || !chance_percent(&sim->net, peer->percent))
		return FINE;
	return shows[chance_below(&sim->net, count)];
}

/* ---- records ---- */

struct record *peer_record(struct sim *sim, int destination, const struct uuid *id)
{
	struct record *record = sim->peers[destination].records;

	while (record && !uuid_equal(&record->id, id))
		record = record->next;
	return record;
}

static void add_record(struct peer *peer, const struct uuid *id, int body, int part)
{
	struct record *record = calloc(1, sizeof(*record));

	if (!record)
		abort();
	*record = (struct record){
		.id = *id, .body = body, .part = part, .next = peer->records};
	peer->records = record;
	peer->record_count++;
}

/* ---- the lead table ---- */

static void say(struct reply *reply, int status, const char *body)
{
	reply->status = status;
	snprintf(reply->body, sizeof(reply->body), "%s", body);
}

static void create(struct sim *sim, struct peer *peer, const char *text, bool done,
	struct reply *reply, struct known **known_out)
{
	cJSON *columns = cJSON_Parse(text);
	const char *key = json_string(columns, "leadid");
	const char *email = json_string(columns, "emailaddress1");
	int body = -1, part = -1;
	struct uuid id;

	if (!key || !uuid_parse(key, &id)) /* it makes a key of its own */
		chance_fill(&sim->net, &id, sizeof(id));
	if (email)
		sscanf(email, "u%d.%d@", &body, &part);
	*known_out = oracle_meet(sim, &id, body, part);
	reply->created = id;
	if (peer_record(sim, peer->destination, &id)) {
		if (reply->status == 204)
			say(reply, 412,
				"{\"error\":{\"code\":\"0x80040237\",\"message\":\"Cannot insert "
				"duplicate key.\",\"@x\":\"Violation of PRIMARY KEY constraint "
				"'PK_LeadBase'\"}}");
	} else if (done) {
		add_record(peer, &id, body, part);
	}
	cJSON_Delete(columns);
}

static void read_lead(struct sim *sim, const struct peer *peer, const char *open,
	struct reply *reply, struct known **known_out)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id;

	snprintf(text, sizeof(text), "%.36s", open);
	if (!uuid_parse(text, &id))
		return;
	*known_out = known_find(sim, &id);
	if (reply->status != 204)
		return;
	if (peer_record(sim, peer->destination, &id)) {
		say(reply, 200, "");
		snprintf(reply->body, sizeof(reply->body), "{\"leadid\":\"%s\"}", text);
	} else {
		say(reply, 404, ODATA("0x80040217", "lead With Id = x Does Not Exist"));
	}
}

/* Who got a 403 may be dead by it when the role turns out to be there. */
static void blame_leads(struct sim *sim, int destination)
{
	for (int i = 0; i < sim->known_count; i++) {
		struct fate *fate = &sim->known[i].to[destination];

		fate->may_die = fate->may_die || fate->forbidden;
	}
}

static void privilege(struct sim *sim, const struct peer *peer, struct reply *reply)
{
	if (reply->status != 204 || peer->weather != FORBIDDEN)
		blame_leads(sim, peer->destination);
	if (reply->status == 204)
		say(reply, 200,
			peer->weather == FORBIDDEN
				? "{\"RolePrivileges\":[]}"
				: "{\"RolePrivileges\":[{\"Depth\":\"Global\"}]}");
}

static void apply(enum behaviour behaviour, struct reply *reply)
{
	reply->word = behaviours[behaviour].word;
	reply->status = behaviours[behaviour].status;
	reply->failure = behaviours[behaviour].failure;
	reply->sent = behaviours[behaviour].sent;
	snprintf(reply->body, sizeof(reply->body), "%s", behaviours[behaviour].body);
	if (behaviour == SILENT || behaviour == SILENT_DONE)
		reply->latency_ms = 60 * SECOND;
}

static void set_pause(struct sim *sim, enum behaviour behaviour, struct reply *reply)
{
	if (behaviour == PAUSE_429 || behaviour == PAUSE_503)
		reply->retry_after = chance_percent(&sim->net, 3)
					     ? 900000000
					     : (int)chance_between(&sim->net, 1, 5400);
}

static void api(struct sim *sim, struct peer *peer, const char *path, const char *body,
	struct reply *reply, struct known **known_out)
{
	enum behaviour behaviour = choose(sim, peer);

	if (peer->weather == FORBIDDEN && strncmp(path, "/leads", 6) != 0)
		behaviour = FINE; /* may do nothing but ask who it is */
	apply(behaviour, reply);
	set_pause(sim, behaviour, reply);
	if (strcmp(path, "/leads") == 0) {
		create(sim, peer, body, behaviours[behaviour].done, reply, known_out);
		reply->there = reply->status == 204 || reply->status == 412;
		if (*known_out) {
			struct fate *fate = &(*known_out)->to[peer->destination];

			fate->may_die = fate->may_die || behaviours[behaviour].ends_lead;
			fate->forbidden = behaviour == NO_RIGHT;
		}
	} else if (strncmp(path, "/leads(", 7) == 0) {
		read_lead(sim, peer, path + 7, reply, known_out);
	} else if (strcmp(path, "/WhoAmI") == 0) {
		if (reply->status == 204)
			say(reply, 200,
				"{\"UserId\":\"11111111-2222-3333-4444-555555555555\"}");
	} else {
		privilege(sim, peer, reply);
	}
	if (behaviour == NO_RIGHT && peer->weather != FORBIDDEN && *known_out)
		(*known_out)->to[peer->destination].may_die = true;
}

/* ---- an endpoint: what it takes twice, it has twice ---- */

static void hook(struct sim *sim, struct peer *peer, const char *text,
	struct reply *reply, struct known **known_out)
{
	enum behaviour behaviour = choose(sim, peer);
	cJSON *document = cJSON_Parse(text);
	const char *key = json_string(document, "id");
	const char *email = json_string(
		cJSON_GetObjectItemCaseSensitive(document, "fields"), "email");
	int body = -1, part = -1;
	struct uuid id;

	if (behaviour == EMPTY_200) /* it cannot lie so that anybody would know */
		behaviour = FINE;
	apply(behaviour, reply);
	if (behaviour == FINE)
		say(reply, 200 + (int)chance_below(&sim->net, 5), "");
	set_pause(sim, behaviour, reply);
	reply->there = behaviour == FINE;
	if (!key || !uuid_parse(key, &id))
		memset(&id, 0, sizeof(id));
	if (email)
		sscanf(email, "u%d.%d@", &body, &part);
	*known_out = oracle_meet(sim, &id, body, part);
	if (behaviours[behaviour].done)
		add_record(peer, &id, body, part);
	if (*known_out && (behaviour == TEAPOT || behaviour == INVALID_400))
		(*known_out)->to[peer->destination].may_die = true;
	cJSON_Delete(document);
}

/* ---- the token service ---- */

static void token(struct sim *sim, struct peer *peer, struct reply *reply)
{
	enum weather weather = peer->weather;
	bool shows = chance_percent(&sim->net, peer->percent);

	reply->word = "token";
	say(reply, 200,
		"{\"token_type\":\"Bearer\",\"access_token\":\"t0k3n\",\"expires_in\":3600}");
	if (weather == TOKEN_REFUSED && shows) {
		reply->word = "secret refused";
		say(reply, 401,
			"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: "
			"Invalid client secret provided.\"}");
	} else if (weather == TOKEN_DOWN && shows) {
		reply->word = "token service down";
		reply->body[0] = '\0';
		reply->status = chance_percent(&sim->net, 50) ? 503 : 0;
		if (reply->status == 0) {
			reply->failure = HTTP_TIMEOUT;
			reply->latency_ms = 60 * SECOND;
		}
	}
}

/* ---- both ---- */

static void check_pause(struct sim *sim, const struct peer *peer, const char *path)
{
	if (sim->mono < peer->closed_until)
		violation(sim,
			"%s was asked (%s) %lld ms before the end of the pause it asked for",
			destination_name(peer->destination), path,
			(long long)(peer->closed_until - sim->mono));
}

void peer_answer(struct sim *sim, const struct http_exchange *exchange,
	struct reply *reply, int *destination_out, struct known **known_out)
{
	const char *url = buf_str(&exchange->request.url);
	const char *path = strstr(url, "/api/data/v9.2");
	struct peer *peer = &sim->peers[strstr(url, "second") ? SECOND_CRM : CRM];

	*reply = (struct reply){.status = 204, .sent = true, .retry_after = -1};
	reply->latency_ms = chance_between(&sim->net, 20, 600);
	if (chance_percent(&sim->net, 3))
		reply->latency_ms = chance_between(&sim->net, 1000, 50000);
	*destination_out = peer->destination;
	*known_out = NULL;
	sim->tallies.requests++;
	if (strstr(url, "login.test")) {
		token(sim, peer, reply);
		return;
	}
	path = path ? path + strlen("/api/data/v9.2") : "/hook";
	check_pause(sim, peer, path);
	if (strcmp(path, "/hook") == 0) {
		hook(sim, peer, buf_str(&exchange->request.body), reply, known_out);
		oracle_create(sim, peer->destination, *known_out);
		return;
	}
	api(sim, peer, path, buf_str(&exchange->request.body), reply, known_out);
	if (strcmp(path, "/leads") == 0)
		oracle_create(sim, peer->destination, *known_out);
}

/* What an answer promises the peer, and what it tells of the lead. */
void peer_heard(
	struct sim *sim, int destination, struct known *known, const struct reply *reply)
{
	struct peer *peer = &sim->peers[destination];

	if (reply->retry_after > 0 && (reply->status == 429 || reply->status == 503)) {
		int64_t wait_ms = reply->retry_after * SECOND;

		if (wait_ms > RETRY_AFTER_MAX_MS)
			wait_ms = RETRY_AFTER_MAX_MS;
		if (sim->mono + wait_ms > peer->closed_until)
			peer->closed_until = sim->mono + wait_ms;
		peer->closed_at = sim->mono;
	}
	if (known)
		known->to[destination].exchanges++;
	if (known && reply->status == 200 && reply->body[0] == '<' &&
		++known->to[destination].few > RETRY_FEW_MAX + sim->crash_count)
		violation(sim, "posting %d is tried without end at %s", known->body,
			destination_name(destination));
	if (known && reply->there)
		known->to[destination].succeeded = true;
}

void peer_weather(struct sim *sim, int destination, enum weather weather, int percent)
{
	struct peer *peer = &sim->peers[destination];

	tell(sim, "%s is %s (%d%%)", destination_name(destination), weather_name(weather),
		percent);
	peer->weather = weather;
	peer->percent = percent;
}
