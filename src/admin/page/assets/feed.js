// feed: the latest events, as `leadctl tail` tells them.
import { h } from "./dom.js";
import { empty, foreign, icon, leadLink, moment, section, shortId } from "./ui.js";
import { outcomes, plural, reasonText } from "./words.js";

const looks = {
	accepted: ["inbox", "info", "accepted"],
	duplicate: ["minus", "calm", "came again, recognised"],
	quarantined: ["question", "warn", "quarantined"],
	attempt: ["clock", "calm", "tried"],
	delivered: ["check", "good", "delivered"],
	dead: ["cross", "bad", "dead"],
	hold: ["pause", "warn", "held"],
	held: ["pause", "warn", "held"],
	release: ["arrow", "info", "released"],
	released: ["arrow", "info", "released"],
	replay: ["arrow", "info", "replayed"],
	replayed: ["arrow", "info", "replayed"],
	discard: ["minus", "calm", "discarded"],
	discarded: ["minus", "calm", "discarded"],
	parked: ["pause", "bad", "is parked"],
	resumed: ["check", "good", "is resumed"],
	open: ["check", "good", "is open"],
	backing_off: ["clock", "warn", "is backing off"],
	throttled: ["clock", "warn", "asked for a pause"],
};

function where(event) {
	if (!event.lead_id && !event.count) return null; // the destination is the subject
	if (event.destination) return [event.event === "delivered" ? " to " : " at ", foreign(event.destination)];
	return event.source ? [" from ", foreign(event.source)] : null;
}

function subject(event) {
	if (event.lead_id) return h("a", { href: leadLink(event.lead_id) }, "Lead ", h("code", {}, shortId(event.lead_id)));
	return event.count ? plural(event.count, "delivery", "deliveries") : foreign(event.destination ?? "");
}

function line(event) {
	const [picture, tone, word] = looks[event.event] ?? ["dot", "calm", event.event.replaceAll("_", " ")];
	const why = event.reason ? reasonText(event.reason) : event.event === "attempt" ? outcomes[event.outcome] : "";
	return h("li", { key: `${event.number ?? ""}-${event.at}-${event.event}-${event.lead_id ?? ""}-${event.destination ?? ""}` },
		h("span", { class: `feed-mark tone-${tone}` }, icon(picture)),
		h("span", { class: "feed-text" }, subject(event), ` ${word}`, where(event), why && `: ${why}`), moment(event.at));
}

export function feed(answer) {
	if (!Array.isArray(answer?.events)) return null;
	const list = answer.events.toReversed().slice(0, 12);
	return section("Latest events", {}, list.length ? h("ol", { class: "feed" }, list.map(line))
		: empty("clock", "Nothing has happened yet", "Each lead that comes in, each attempt and each change of a destination appears here."));
}
