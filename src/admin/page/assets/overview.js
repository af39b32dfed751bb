// overview: is everything well, what wants somebody, how it went, where leads go and where they come from.
import { get } from "./api.js";
import { deliverAgain } from "./actions.js";
import { chartCard } from "./chart_card.js";
import { destinationCard } from "./destinations.js";
import { feed } from "./feed.js";
import { h } from "./dom.js";
import { attention, nothing, summary } from "./summary.js";
import { button, empty, icon, linkTo, moment, section } from "./ui.js";
import { count } from "./words.js";

const pictures = { good: "check", calm: "inbox", warn: "alarm", bad: "alarm" };

function hero(status, ready) {
	const { tone, title, text } = summary(status);
	const list = attention(status, ready);
	return h("section", { class: `hero tone-${tone}`, key: "hero", "aria-label": "At a glance" },
		h("div", { class: "hero-mark" }, icon(pictures[tone])),
		h("div", { class: "hero-text" },
			h("h1", { id: "title", tabindex: "-1" }, h("span", { class: "hero-title" }, title), " ", h("span", { class: "hero-rest" }, text)),
			list.length ? h("ul", { class: "attention", "aria-label": "What needs you" }, list.map(attentionLine)) : status.accounting.accepted ? nothing() : null));
}

const attentionLine = (one) => h("li", { class: `tone-${one.tone}`, key: one.key },
	icon(one.picture), h("div", { class: "attention-text", role: one.tone === "bad" && one.key !== "dead" && "alert" }, h("strong", {}, one.title), h("span", {}, one.text)),
	one.href && h("a", { class: "button", href: one.href, "aria-describedby": "title" }, one.act),
	one.action === "resume" && button(`${one.act}…`, deliverAgain));

function sources(status) {
	if (!status.sources.length)
		return section("Sources", {}, empty("inbox", "No sources", "Add one under sources: in the configuration, and reload."));
	return section("Sources", {}, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of sources" }, h("table", {},
		h("thead", {}, h("tr", {}, ["Source", "Leads", "Tests", "Duplicates", "Quarantined", "Rejected", "Last lead"].map((head) => h("th", { scope: "col" }, head)))),
		h("tbody", {}, status.sources.map((source) => h("tr", { key: source.name },
			h("th", { scope: "row" }, h("a", { href: linkTo("leads", { source: source.name }) }, h("bdi", {}, source.name))),
			[source.accepted, source.test, source.duplicates, source.quarantined, source.rejected].map((number) => h("td", { class: number ? "" : "zero" }, count(number))),
			h("td", {}, source.last_received_at ? moment(source.last_received_at) : "never")))))));
}

const firstSteps = () => section("Waiting for the first lead", {}, empty("inbox", "Nothing has come in yet",
	"In Partner Center, paste the address of a marketplace source as the HTTPS destination of your offer, and send its test lead.",
	"From this machine: leadctl validate goes through every destination, step by step, without a lead."));

export default {
	title: () => "Overview",
	every: 15000,
	load: async () => ({ feed: await get("events", { limit: 12 }).catch(() => null) }),
	draw: (data, _, context) => {
		const { status, ready } = context.live;
		return [hero(status, ready),
			status.accounting.accepted ? chartCard(context) : firstSteps(),
			h("section", { "aria-labelledby": "destinations", key: "destinations", class: "group" }, h("h2", { id: "destinations" }, "Destinations"),
				status.destinations.length ? h("div", { class: "cards" }, status.destinations.map((one) => destinationCard(one)))
					: empty("arrow", "No destinations yet", "Add one under destinations: in the configuration, and reload.")),
			h("div", { class: "two", key: "two" }, sources(status), feed(data?.feed))];
	},
};
