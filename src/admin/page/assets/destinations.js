// destinations: how each is, since when, why, and what to do; one with its pictures and the age of what waits.
import { get } from "./api.js";
import { changeAll, park, resume } from "./actions.js";
import { chartCard } from "./chart_card.js";
import { h, s } from "./dom.js";
import { expiryText, kindText } from "./summary.js";
import { button, destinationLink, empty, figure, foreign, healthBadge, linkTo, longText, moment, note, section } from "./ui.js";
import { count, destinationRemedy, healths, reasonText, spanText } from "./words.js";

function why(one) {
	if (one.state === "open") return null;
	const { tone, icon } = healths[one.state] ?? { tone: "warn", icon: "clock" };
	return note(tone, icon,
		h("p", {}, h("strong", {}, reasonText(one.reason)), ", ", moment(one.since)),
		one.error && longText(one.error),
		one.next_attempt_at && h("p", {}, "Asked again ", moment(one.next_attempt_at), "."),
		h("p", {}, h("b", {}, "What to do: "), destinationRemedy(one)));
}

function figures(one) {
	const list = (state) => linkTo("leads", { destination: one.name, state });
	return h("dl", { class: "figures" },
		figure("Waiting", one.pending, { href: list("pending"), hint: one.pending > 0 && `oldest ${spanText(one.oldest_pending_s)}` }),
		figure("Held", one.held, { href: list("held"), tone: "warn" }),
		figure("Dead", one.dead, { href: linkTo("dead", { destination: one.name }), tone: "bad" }),
		figure("Delivered", one.delivered, { href: list("delivered") }),
		figure("Discarded", one.discarded, { href: list("discarded") }));
}

const facts = (one) => [kindText(one.kind), one.state === "open" && one.since && ["open since ", moment(one.since, { ago: false })],
	one.in_flight > 0 && `${count(one.in_flight)} under way`, one.credential_expires && `credential until ${expiryText(one)}`]
	.filter(Boolean).flatMap((fact, i) => (i ? [" · ", fact] : [fact]));

const buttons = (one) => h("div", { class: "buttons" },
	one.state !== "open" && one.state !== "throttled" && one.reason !== "removed" && button("Resume…", () => resume(one.name), { "aria-label": `Resume ${one.name}…` }),
	!(one.state === "parked" && one.reason === "operator") && one.reason !== "removed" && button("Park…", () => park(one.name, one.pending), { "aria-label": `Park ${one.name}…` }));

const body = (one) => [h("p", { class: "facts" }, facts(one)), why(one), figures(one), buttons(one)];

export function destinationCard(one) {
	return h("article", { class: "card destination", key: one.name },
		h("div", { class: "card-head" }, h("h3", {}, h("a", { href: destinationLink(one.name) }, h("bdi", {}, one.name))), healthBadge(one.state)), body(one));
}

// ---- by age ----

const bucketText = (buckets, i) => (buckets[i].up_to_s === null || buckets[i].up_to_s === undefined
	? `over ${spanText(buckets[i - 1]?.up_to_s ?? 0)}` : `up to ${spanText(buckets[i].up_to_s)}`);

function ageCard(shape, name) {
	const buckets = shape?.destinations?.find((one) => one.name === name)?.buckets ?? [];
	const most = Math.max(1, ...buckets.map((one) => one.pending + one.held + one.dead));
	if (!buckets.some((one) => one.pending + one.held + one.dead))
		return section("By age", {}, h("p", { class: "quiet" }, "Nothing is left over: what waits, is held or is dead appears here by its age."));
	const bar = (one) => s("svg", { class: "bar-line", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
		[["area-pending", 0, one.pending], ["held-fill", one.pending, one.held], ["dead-fill", one.pending + one.held, one.dead]]
			.map(([look, before, size]) => size > 0 && s("rect", { class: look, x: (before / most) * 100, width: (size / most) * 100, height: 8 })));
	return section("By age", {}, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table by age" }, h("table", { class: "ages" },
		h("thead", {}, h("tr", {}, ["Age", "Waiting", "Held", "Dead"].map((head) => h("th", { scope: "col" }, head)), h("td", {}))),
		h("tbody", {}, buckets.map((one, i) => h("tr", {}, h("th", { scope: "row" }, bucketText(buckets, i)),
			[one.pending, one.held, one.dead].map((number) => h("td", { class: number ? "" : "zero" }, count(number))), h("td", { class: "bar-cell" }, bar(one))))))));
}

// ---- one ----

function bulk(one) {
	if (!one.pending && !one.held && !one.dead) return null;
	const filter = (state) => ({ destination: one.name, state });
	return section("All of it", { id: "all-of-it" }, h("p", { class: "quiet" }, "Each counts first and asks."), h("div", { class: "buttons" },
		one.dead > 0 && [button("Replay the dead…", () => changeAll("replay", filter("dead"))), button("Discard the dead…", () => changeAll("discard", filter("dead")), { tone: "danger" })],
		one.pending > 0 && button("Hold what waits…", () => changeAll("hold", filter("pending"))),
		one.held > 0 && button("Release what is held…", () => changeAll("release", filter("held")))));
}

export default {
	title: (route) => route.id,
	every: 15000,
	load: async () => ({ shape: await get("shape").catch(() => null) }),
	draw: (data, route, context) => {
		const one = context.live.status.destinations.find((destination) => destination.name === route.id);
		if (!one)
			return [h("h1", { id: "title", tabindex: "-1" }, "No such destination"), empty("question", "It is not configured, and nothing of it is left", h("a", { href: "#/" }, "Back to the overview"))];
		return [h("div", { class: "title-line", key: "title" }, h("h1", { id: "title", tabindex: "-1" }, foreign(one.name)), healthBadge(one.state)),
			h("div", { class: "card", key: "body" }, body(one)), chartCard(context, one.name), ageCard(data?.shape, one.name), bulk(one)];
	},
};
