// leads: found by e-mail, id, source, destination, state, reason and time; what matches can be changed as a whole.
import { get } from "./api.js";
import { changeAll } from "./actions.js";
import { h } from "./dom.js";
import { button, empty, foreign, icon, leadLink, linkTo, moment, note, select, shortId, stateBadge } from "./ui.js";
import { plural, reasons, reasonText } from "./words.js";

const PAGE = 50, MOST = 500;
const ages = [["", "Any time"], ["1h", "Last hour"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"], ["from", "From … to …"]];
const stateNames = [["", "Any state"], ["pending", "Waiting"], ["held", "Held"], ["dead", "Dead"], ["delivered", "Delivered"], ["discarded", "Discarded"], ["quarantined", "Quarantined"]];
const allowed = { "": ["replay", "hold", "release", "discard"], pending: ["hold", "discard"], held: ["release", "discard"], dead: ["replay", "discard"],
	delivered: [], discarded: [], quarantined: ["replay", "discard"] };
const commands = { replay: "Replay…", hold: "Hold…", release: "Release…", discard: "Discard…" };

// ---- one line ----

const delivery = (one) => h("li", { key: one.destination }, foreign(one.destination), stateBadge(one.state),
	(one.state === "dead" || one.state === "pending") && one.reason && h("span", { class: "hint" }, reasonText(one.reason)));

export function leadLine(lead) {
	const name = lead.email ?? lead.company ?? "without an e-mail";
	return h("li", { class: "lead-line", key: lead.id },
		h("a", { class: "lead-who", href: leadLink(lead.id) }, foreign(name, "clip"), h("span", { class: "hint" }, lead.email && lead.company ? foreign(lead.company, "clip") : h("code", {}, shortId(lead.id)))),
		h("span", { class: "lead-when" }, moment(lead.received_at), h("span", { class: "hint" }, foreign(lead.source, "clip"), lead.test && " · test")),
		lead.quarantined
			? h("ul", { class: "lead-deliveries" }, h("li", {}, stateBadge(lead.discarded ? "discarded" : "quarantined"), lead.problem && h("span", { class: "hint" }, foreign(lead.problem, "clip"))))
			: h("ul", { class: "lead-deliveries" }, lead.deliveries.length ? lead.deliveries.map(delivery) : h("li", { class: "hint" }, "no destination wants it")));
}

export const leadList = (leads, label) => h("ol", { class: "lead-list", "aria-label": label, key: "leads" }, leads.map(leadLine));

// ---- the filters: in the address, but the e-mail, which would stay in everybody's history ----

const local = (text) => (text ? new Date(text).toISOString() : "");
export function filterOf(route) {
	const { state, destination, source, reason, since, until, from, to } = route.parameters;
	const filter = { state, destination, source, reason, email: route.kept.email, since: since === "from" ? local(from) : since, until: since === "from" ? local(to) : until };
	return Object.fromEntries(Object.entries(filter).filter(([, value]) => value));
}
const restricts = (route) => Object.keys(filterOf(route)).length > 0;

function go(route, changes, kept = route.kept) {
	const parameters = { ...route.parameters, ...changes };
	if (parameters.since !== "from") delete parameters.from, delete parameters.to;
	delete parameters.limit;
	route.go(linkTo("leads", parameters), kept);
}

function search(route, text) {
	const words = text.trim();
	if (!words) return go(route, {}, {});
	if (words.includes("@")) return go(route, {}, { email: words });
	if (/^[0-9a-fA-F-]{6,36}$/.test(words)) return route.go(leadLink(words.toLowerCase()), {});
	return go(route, {}, { unclear: words });
}

function form(route, status) {
	const { parameters, kept } = route;
	const set = (name) => (value) => go(route, { [name]: value });
	const named = (list, any) => [["", any], ...list.map(({ name }) => [name, name])];
	const dateInput = (name, label) => h("label", { class: "field" }, h("span", {}, label), h("input", { type: "datetime-local", name, value: parameters[name] ?? "", onchange: (event) => go(route, { [name]: event.target.value }) }));
	return h("form", { class: "card filters", role: "search", "aria-label": "Leads", key: `filters-${route.hash}`, onsubmit: (event) => {
		event.preventDefault();
		search(route, event.target.elements.search.value);
	} },
	h("div", { class: "search" }, h("label", { class: "field" }, h("span", {}, "E-mail, or the beginning or end of an id"),
		h("input", { type: "search", name: "search", value: kept.email ?? kept.unclear ?? "", autocomplete: "off", spellcheck: "false", "aria-describedby": kept.unclear && "unclear" })),
	h("button", { type: "submit", class: "button strong" }, icon("search"), "Search")),
	kept.unclear && h("p", { class: "note tone-warn", id: "unclear", role: "status" }, icon("question"), "That is neither a whole e-mail address nor at least 6 characters of an id (the hexadecimal digits and dashes). Filter by the lists below, or by the whole address."),
	h("div", { class: "fields" },
		select("State", "state", stateNames, parameters.state, set("state")),
		select("Destination", "destination", named(status.destinations, "Any destination"), parameters.destination, set("destination")),
		select("Source", "source", named(status.sources, "Any source"), parameters.source, set("source")),
		select("Reason", "reason", [["", "Any reason"], ...Object.entries(reasons).map(([name, text]) => [name, `${name}: ${text}`])], parameters.reason, set("reason")),
		select("Received", "since", ages, parameters.since, set("since")),
		parameters.since === "from" && [dateInput("from", "From"), dateInput("to", "To")]),
	restricts(route) && h("p", {}, h("a", { href: "#/leads" }, "Clear all filters")));
}

function bulk(route, leads) {
	const can = allowed[route.parameters.state ?? ""] ?? [];
	if (!restricts(route) || !leads.length || !can.length) return null;
	return h("div", { class: "bulk", role: "group", "aria-label": "All that match", key: "bulk" }, h("span", {}, "All that match:"),
		can.map((command) => button(commands[command], () => changeAll(command, filterOf(route)), { tone: command === "discard" ? "danger" : "", "aria-label": `${commands[command].replace("…", "")} all that match…` })));
}

function results(data, route) {
	const { leads, limit } = data, more = leads.length === limit;
	if (!leads.length)
		return restricts(route) ? empty("search", "Nothing matches", "An e-mail must be whole; a case makes no difference. Clear a filter to see more.")
			: empty("inbox", "No leads yet", "The first one appears here as soon as it is accepted.");
	return [h("p", { class: "quiet", role: "status", key: "count" }, more ? `The newest ${limit}` : plural(leads.length, "lead", "leads"), ", newest first."),
		bulk(route, leads), leadList(leads, "Leads, newest first"),
		more && (limit < MOST ? h("p", { class: "buttons", key: "more" }, h("a", { class: "button", href: linkTo("leads", { ...route.parameters, limit: Math.min(MOST, limit * 2) }), onclick: (event) => {
			event.preventDefault();
			route.go(event.currentTarget.getAttribute("href"), route.kept, { stay: true });
		} }, "Show more")) : note("info", "search", "There are more. Narrow the filters, or use ", h("code", {}, "leadctl list"), "."))];
}

export default {
	title: () => "Leads",
	every: 10000,
	// The limit is of what was loaded: while more is on its way, the page shows what it has.
	load: async (route, { personal }) => {
		const limit = Number(route.parameters.limit ?? PAGE);
		return { ...(await get("leads", { ...filterOf(route), limit, personal: personal && "show" })), limit };
	},
	draw: (data, route, { live }) => [h("h1", { id: "title", tabindex: "-1", key: "title" }, "Leads"), form(route, live.status), data && results(data, route)],
};

// ---- quarantined ----

export const quarantined = {
	title: () => "Quarantined",
	every: 10000,
	load: (route, { personal }) => get("leads", { state: "quarantined", limit: MOST, personal: personal && "show" }),
	draw: (data) => [h("h1", { id: "title", tabindex: "-1", key: "title" }, "Quarantined"),
		h("p", { class: "quiet", key: "about" }, "Bodies that came with a valid token and could not be read as a lead. Each is kept as received: look at it, add what is missing and replay it, or discard it."),
		data && (data.leads.length
			? [h("div", { class: "bulk", role: "group", "aria-label": "All of them", key: "bulk" }, h("span", {}, "All of them:"),
				button("Replay…", () => changeAll("replay", { state: "quarantined" })), button("Discard…", () => changeAll("discard", { state: "quarantined" }), { tone: "danger" })),
			leadList(data.leads, "Quarantined bodies, newest first")]
			: empty("check", "Nothing is quarantined", "A body that is no lead is kept here instead of being refused, so that a change at the marketplace loses nothing."))],
};
