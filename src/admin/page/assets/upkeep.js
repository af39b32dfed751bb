// upkeep: counting again, pruning, reports: what keeps the relay itself in order.
import { get } from "./api.js";
import { prune } from "./actions.js";
import { h } from "./dom.js";
import { button, code, foreign, note, section, select } from "./ui.js";
import { count, plural, spanText } from "./words.js";

const check = { busy: false, answer: null, trouble: "" };

async function runCheck(redraw) {
	if (check.busy) return;
	Object.assign(check, { busy: true, answer: null, trouble: "" });
	redraw();
	try {
		check.answer = await get("check");
	} catch (error) {
		check.trouble = error.message;
	}
	check.busy = false;
	redraw();
}

function checked() {
	if (check.busy) return h("p", { class: "quiet" }, "Counting every row…");
	if (check.trouble) return note("bad", "alarm", check.trouble);
	if (!check.answer) return null;
	if (check.answer.ok) return note("good", "check", "The file is sound, and the counters agree with the counted rows.");
	return note("bad", "alarm", h("p", {}, h("strong", {}, `${plural(check.answer.problems.length, "problem", "problems")}. Keep a copy as it is now: `), code("leadctl backup FILE")),
		h("ul", {}, check.answer.problems.map((problem) => h("li", {}, foreign(problem)))));
}

const parts = ["delivered", "pending", "held", "dead", "discarded"];

function accounting(status, redraw) {
	const sum = status.accounting;
	return section("Accounting", {}, h("p", {}, `${plural(sum.accepted, "delivery", "deliveries")} = `, parts.map((part, i) => [i ? " + " : "", h("b", {}, count(sum[part])), ` ${part === "pending" ? "waiting" : part}`])),
		sum.difference !== 0 && note("bad", "alarm", `${count(sum.difference)} are not accounted for.`),
		h("div", { role: "status" }, checked()),
		h("div", { class: "buttons" }, button(check.busy ? "Checking…" : "Check the outbox", () => runCheck(redraw), { "aria-disabled": check.busy && "true" })));
}

const spans = [["1d", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]];
const formats = [["html", "HTML"], ["csv", "CSV"], ["json", "JSON"], ["text", "Text"]];

const report = () => section("Report", {}, h("p", { class: "quiet" }, "Per destination and source: what came, what was delivered, how long it took, what is dead and why. Ids only, never persons."),
	h("form", { class: "fields inline", action: "/api/v1/reports", method: "get" },
		select("Period", "since", spans, "7d"), select("Format", "format", formats, "html"), h("button", { type: "submit", class: "button" }, "Download report")));

export default {
	title: () => "Upkeep",
	every: 60000,
	load: async () => ({}),
	draw: (_, __, { live, redraw }) => {
		const { status } = live;
		return [h("h1", { id: "title", tabindex: "-1", key: "title" }, "Upkeep"), accounting(status, redraw), report(),
			section("Retention", {}, h("p", { class: "quiet" }, "Old leads are pruned every day by the configuration's ", code("retention"), "; what is removed stays in the counts."), h("div", { class: "buttons" }, button("Prune now…", prune))),
			section("This relay", {}, h("dl", { class: "pairs" }, h("dt", {}, "Version"), h("dd", {}, status.version), h("dt", {}, "Running for"), h("dd", {}, spanText(status.uptime_s ?? 0)), h("dt", {}, "Mode"), h("dd", {}, status.intake_only ? "intake only" : "takes in and delivers")),
				h("p", { class: "quiet" }, "Import, export, reconcile, forget, backup and restore need files or secrets of the machine: ", code("leadctl --help"), " has them."))];
	},
};
