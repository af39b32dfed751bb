// lead: one lead's whole story, what it says, and what can be done with it.
import { bytes, get } from "./api.js";
import { change, edit, replayAgain, retryNotifications, sendElsewhere } from "./actions.js";
import { h } from "./dom.js";
import { announce, button, code, empty, foreign, healthBadge, icon, leadLink, longText, moment, note, section, shortId, stateBadge, destinationLink } from "./ui.js";
import { count, deadRemedy, durationText, fieldNames, fieldText, momentText, outcomes, plural, reasonText, succeeded } from "./words.js";

const SHOWN = 60; // entries of a long story
const RAW_SHOWN = 64 * 1024;

// ---- the story ----

function attemptEntries(delivery) {
	return delivery.history.map((attempt, i) => {
		const good = succeeded(attempt.outcome);
		return { at: attempt.at, key: `${delivery.destination}-${i}`, tone: good ? "good" : attempt.outcome === "refused" ? "bad" : "warn",
			picture: good ? "check" : attempt.outcome === "refused" ? "cross" : attempt.outcome === "unknown" ? "question" : "clock",
			title: [foreign(delivery.destination), ": ", outcomes[attempt.outcome] ?? attempt.outcome],
			facts: [attempt.reason && h("span", {}, reasonText(attempt.reason)), attempt.http_status && h("span", {}, `HTTP ${attempt.http_status}`), attempt.duration_ms !== null && h("span", {}, `took ${durationText(attempt.duration_ms)}`)],
			words: attempt.error, remote: good && i === delivery.history.length - 1 && delivery.remote_id };
	});
}

function story(lead) {
	const entries = [{ at: lead.received_at, key: "received", tone: "info", picture: "inbox", title: ["Received from ", foreign(lead.source)],
		facts: [lead.origin && lead.origin !== "request" && h("span", {}, `by ${lead.origin}`), lead.duplicates > 0 && h("span", {}, `repeated ${plural(lead.duplicates, "time", "times")} since, recognised`)] },
	...lead.deliveries.flatMap(attemptEntries),
	...lead.notifications.filter((mail) => mail.sent_at).map((mail, i) => ({ at: mail.sent_at, key: `mail-${i}`, tone: "calm", picture: "mail", title: ["Mail to ", foreign(mail.to)], facts: [h("span", {}, "sent")] }))];
	entries.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
	for (const delivery of lead.deliveries)
		if (delivery.state === "pending" && delivery.next_attempt_at)
			entries.push({ at: delivery.next_attempt_at, key: `next-${delivery.destination}`, tone: "calm", picture: "clock", ahead: true, title: ["Next attempt at ", foreign(delivery.destination)], facts: [] });
	return entries;
}

const entry = (one) => h("li", { class: `entry ${one.ahead ? "ahead" : ""}`, key: one.key },
	h("span", { class: `entry-mark tone-${one.tone}` }, icon(one.picture)),
	h("div", { class: "entry-body" }, h("p", { class: "entry-title" }, h("strong", {}, one.title), h("time", { datetime: one.at, title: one.at }, one.ahead ? moment(one.at) : momentText(new Date(one.at)))),
		one.facts.some(Boolean) && h("p", { class: "entry-facts" }, one.facts),
		one.words && h("blockquote", { class: "words" }, longText(one.words)),
		one.remote && h("p", { class: "entry-facts" }, "its id there: ", code(one.remote))));

let whole = ""; // the id whose story is shown without leaving anything out

function storyCard(lead, redraw) {
	const entries = story(lead), cut = entries.length > SHOWN && whole !== lead.id;
	const left = cut ? [entries[0], ...entries.slice(1 - SHOWN)] : entries;
	return section("Story", {}, cut && h("p", { class: "quiet" }, `The newest ${SHOWN} of ${count(entries.length)} entries. `, button("Show all", () => {
		whole = lead.id;
		redraw();
	})), h("ol", { class: "story" }, left.map(entry)));
}

// ---- deliveries ----

function what(delivery) {
	if (delivery.state === "dead") return note("bad", "cross", h("p", {}, h("strong", {}, reasonText(delivery.reason))), delivery.error && longText(delivery.error), h("p", {}, h("b", {}, "What to do: "), deadRemedy(delivery.reason)));
	if (delivery.state === "held") return note("warn", "pause", "Held by an operator: nothing is sent until it is released.");
	if (delivery.state === "pending" && delivery.error) return note("warn", "clock", h("p", {}, foreign(delivery.error)), h("p", {}, delivery.next_attempt_at ? ["Tried again ", moment(delivery.next_attempt_at), "."] : "It waits for its destination."));
	return null;
}

function deliveryButtons(lead, delivery) {
	const where = delivery.destination;
	const act = (text, run, more = {}) => button(`${text}…`, run, { "aria-label": `${text}, ${where}…`, ...more });
	const does = (command, text) => act(text, () => change(command, lead, where), { tone: command === "discard" ? "danger" : "" });
	switch (delivery.state) {
	case "pending": return [does("hold", "Hold"), does("discard", "Discard")];
	case "held": return [does("release", "Release"), does("discard", "Discard")];
	case "dead": return [act("Replay", () => change("replay", lead, where), { tone: "strong" }), act("Edit and replay", () => edit(lead, where)), does("discard", "Discard")];
	case "delivered": return [act("Replay again", () => replayAgain(lead, where)), act("Edit and replay again", () => edit(lead, where, { again: true }))];
	default: return [];
	}
}

function deliveryCard(lead, delivery, status) {
	const destination = status.destinations.find((one) => one.name === delivery.destination);
	return h("article", { class: "card", key: `delivery-${delivery.destination}` },
		h("div", { class: "card-head" }, h("h3", {}, h("a", { href: destinationLink(delivery.destination) }, foreign(delivery.destination))), stateBadge(delivery.state)),
		h("p", { class: "facts" }, plural(delivery.attempts, "attempt", "attempts"), delivery.delivered_at && [" · delivered ", moment(delivery.delivered_at)],
			destination && destination.state !== "open" && [" · the destination is ", healthBadge(destination.state)]),
		what(delivery), h("div", { class: "buttons" }, deliveryButtons(lead, delivery)));
}

// ---- what it says ----

const valueText = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));

function content(lead, { personal, reveal }) {
	const fields = lead.fields ?? {}, extra = lead.extra ?? {};
	const names = fieldNames.filter((name) => fields[name] !== undefined && fields[name] !== null);
	const more = !personal && button("Show personal data", reveal, { picture: "eye" });
	return section("What it says", { more },
		names.length ? h("dl", { class: "pairs" }, names.map((name) => [h("dt", { key: `t-${name}` }, fieldText(name)), h("dd", { key: `d-${name}` }, longText(valueText(fields[name])))])) : h("p", { class: "quiet" }, "No field could be read from it."),
		Object.keys(extra).length > 0 && [h("h3", {}, "Also sent"), h("dl", { class: "pairs" }, Object.entries(extra).map(([name, value]) => [h("dt", {}, foreign(name)), h("dd", {}, longText(valueText(value)))]))]);
}

const raw = { id: "", text: "", size: 0, url: "", trouble: "" };

async function loadRaw(id, redraw) {
	try {
		const body = await bytes(`leads/${encodeURIComponent(id)}/raw`, { personal: "show" });
		if (raw.url) URL.revokeObjectURL(raw.url);
		Object.assign(raw, { id, size: body.length, trouble: "", text: new TextDecoder().decode(body.subarray(0, RAW_SHOWN)), url: URL.createObjectURL(new Blob([body], { type: "application/octet-stream" })) });
	} catch (error) {
		Object.assign(raw, { id, text: "", trouble: error.message });
	}
	redraw();
}
export function forgetRaw() {
	if (raw.url) URL.revokeObjectURL(raw.url);
	Object.assign(raw, { id: "", text: "", size: 0, url: "", trouble: "" });
}

function rawCard(lead, { personal, redraw }) {
	const here = raw.id === lead.id && personal;
	return section("As received", { id: "as-received" }, !here && h("p", { class: "quiet" }, "The bytes as they came in, before anything was mapped.", personal ? "" : " They are personal data: show that first."),
		here && (raw.trouble ? note("bad", "alarm", raw.trouble)
			: [h("pre", { class: "raw", tabindex: "0", "aria-label": "The bytes as received" }, raw.text), h("p", { class: "facts" }, `${count(raw.size)} bytes`, raw.size > RAW_SHOWN && `, the first ${count(RAW_SHOWN)} shown`)]),
		h("div", { class: "buttons" }, personal && !here && button("Show the bytes", () => loadRaw(lead.id, redraw)), here && !raw.trouble && h("a", { class: "button", href: raw.url, download: `${lead.id}.bin` }, "Download")));
}

function mailCard(lead) {
	if (!lead.notifications.length) return null;
	return section("Notifications", { id: "lead-mails" }, h("ul", { class: "plain" }, lead.notifications.map((mail) => h("li", { key: mail.to }, foreign(mail.to), " ", stateBadge(mail.state), mail.sent_at && [" ", moment(mail.sent_at)], mail.error && h("p", { class: "hint" }, foreign(mail.error))))),
		lead.notifications.some((mail) => mail.state === "dead") && h("div", { class: "buttons" }, button("Retry the dead…", () => retryNotifications([lead.id]))));
}

// ---- the whole ----

async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
		announce("The id is copied");
	} catch {
		announce("This browser does not let the page copy: select the id instead", "warn");
	}
}

function head(lead) {
	const name = lead.email ?? lead.company ?? "A lead without an e-mail";
	return h("header", { class: "lead-head", key: "title" }, h("h1", { id: "title", tabindex: "-1" }, foreign(name)), lead.email && lead.company && h("p", { class: "lead-company" }, foreign(lead.company)),
		h("p", { class: "facts" }, "Received ", moment(lead.received_at), " from ", foreign(lead.source), lead.test && [" · ", h("span", { class: "badge tone-calm" }, "test")], lead.fields?.action_code === "DNC" && [" · ", h("span", { class: "badge tone-warn" }, "do not contact")]),
		h("p", { class: "facts" }, "Id ", code(lead.id), " ", button("Copy", () => copy(lead.id), { tone: "small", "aria-label": "Copy the id" })));
}

function quarantineCard(lead) {
	return h("article", { class: "card", key: "quarantine" }, h("div", { class: "card-head" }, h("h3", {}, "Not a lead yet"), stateBadge(lead.discarded ? "discarded" : "quarantined")),
		note("warn", "question", lead.problem ? foreign(lead.problem) : "It could not be read as a lead."),
		!lead.discarded && h("div", { class: "buttons" }, button("Edit and replay…", () => edit(lead), { tone: "strong" }), button("Discard…", () => change("discard", lead), { tone: "danger" })));
}

function others(lead, status) {
	const names = status.destinations.filter((one) => one.reason !== "removed" && !lead.deliveries.some((delivery) => delivery.destination === one.name)).map((one) => one.name);
	return names.length > 0 && !lead.quarantined && h("div", { class: "buttons", key: "others" }, button("Send to another destination…", () => sendElsewhere(lead, names)));
}

export default {
	title: (route) => `Lead ${shortId(route.id)}`,
	every: 3000,
	// Masked first; unmasked again only when something changed, because each reveal is logged.
	load: async (route, { personal }, before) => {
		const path = `leads/${encodeURIComponent(route.id)}`;
		const masked = await get(path), same = JSON.stringify(masked);
		if (!personal) return { lead: masked, same, personal };
		return before?.personal && before.same === same ? before : { lead: await get(path, { personal: "show" }), same, personal };
	},
	draw: (data, route, context) => {
		const lead = data?.lead;
		if (!lead) return [h("h1", { id: "title", tabindex: "-1", key: "title" }, "Lead ", shortId(route.id))];
		return [head(lead), h("div", { class: "lead-columns", key: "columns" },
			h("div", { class: "group" }, h("h2", { class: "unseen" }, "Deliveries"), lead.quarantined && quarantineCard(lead), lead.deliveries.map((delivery) => deliveryCard(lead, delivery, context.live.status)),
				!lead.quarantined && !lead.deliveries.length && empty("arrow", "No destination wants it", "The when: of each destination of its source leaves it out."), others(lead, context.live.status), storyCard(lead, context.redraw), mailCard(lead)),
			h("div", { class: "group" }, content(lead, context), rawCard(lead, context)))];
	},
	leave: forgetRaw,
	missing: (route) => empty("question", "No such lead", `Nothing here has an id that begins or ends with ${route.id}.`, h("a", { href: "#/leads" }, "Search")),
	link: leadLink,
};
