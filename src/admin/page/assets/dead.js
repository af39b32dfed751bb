// dead: dead letters grouped by destination and reason, each group with its newest words and what to do.
import { get } from "./api.js";
import { changeAll } from "./actions.js";
import { h } from "./dom.js";
import { leadList } from "./leads.js";
import { button, destinationLink, empty, foreign, linkTo, longText, moment, note, select, stateBadge } from "./ui.js";
import { count, deadRemedy, plural, reasonText } from "./words.js";

const NEWEST = 5;

function group(one, data) {
	const filter = { state: "dead", destination: one.destination, ...(one.reason && { reason: one.reason }) };
	const about = `${one.destination}, ${reasonText(one.reason)}`;
	const leads = (data.newest ?? []).filter((lead) => lead.deliveries.some((delivery) =>
		delivery.destination === one.destination && delivery.state === "dead" && delivery.reason === one.reason)).slice(0, NEWEST);
	return h("article", { class: "card", key: `${one.destination} ${one.reason}` },
		h("div", { class: "card-head" }, h("h2", {}, h("a", { href: destinationLink(one.destination) }, foreign(one.destination)), ": ", reasonText(one.reason)),
			h("span", { class: "badges" }, stateBadge("dead"), h("b", { class: "big" }, count(one.count)))),
		h("p", { class: "facts" }, "reason ", h("code", {}, one.reason ?? "none"), one.newest_at && [" · newest ", moment(one.newest_at)]),
		one.error && h("blockquote", { class: "words" }, h("p", { class: "hint" }, "The newest, in their words"), longText(one.error)),
		note("info", "arrow", h("p", {}, h("b", {}, "What to do: "), deadRemedy(one.reason))),
		h("div", { class: "buttons" },
			button(`Replay ${count(one.count)}…`, () => changeAll("replay", filter), { tone: "strong", "aria-label": `Replay ${count(one.count)}, ${about}…` }),
			button(`Discard ${count(one.count)}…`, () => changeAll("discard", filter), { tone: "danger", "aria-label": `Discard ${count(one.count)}, ${about}…` }),
			h("a", { class: "button", href: linkTo("leads", filter), "aria-label": `See all, ${about}` }, "See all")),
		leads.length > 0 && leadList(leads, `The newest of ${about}`));
}

export default {
	title: () => "Dead letters",
	every: 10000,
	load: async (route, { personal }) => {
		const destination = route.parameters.destination;
		const [reasons, newest] = await Promise.all([get("reasons", { personal: personal && "show" }),
			get("leads", { state: "dead", destination, limit: 100, personal: personal && "show" })]);
		return { groups: reasons.reasons, newest: newest.leads };
	},
	draw: (data, route, { live }) => {
		const { destination } = route.parameters, names = live.status.destinations.map((one) => one.name);
		const groups = (data?.groups ?? []).filter((one) => !destination || one.destination === destination)
			.toSorted((a, b) => b.count - a.count || (a.destination < b.destination ? -1 : 1));
		const sum = groups.reduce((all, one) => all + one.count, 0);
		return [h("div", { class: "title-line", key: "title" }, h("h1", { id: "title", tabindex: "-1" }, "Dead letters"),
			names.length > 1 && select("Destination", "dead-destination", [["", "All"], ...names.map((name) => [name, name])], destination, (value) => route.go(linkTo("dead", { destination: value })))),
		h("p", { class: "quiet", key: "about" }, sum ? `${plural(sum, "delivery was", "deliveries were")} refused for good. Nothing is lost: each is kept until it is replayed or discarded.`
			: "A delivery that its destination refuses for good becomes a dead letter, with the reason."),
		data && (groups.length ? groups.map((one) => group(one, data)) : empty("check", "No dead letters", "Every delivery was taken, or is still on its way."))];
	},
};
