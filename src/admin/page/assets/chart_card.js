// chart_card: the pictures over time with their choices: how far back, which destination.
import { get } from "./api.js";
import { flowChart, levelChart, ranges } from "./chart.js";
import { h } from "./dom.js";
import { choice, empty, note, section, select } from "./ui.js";

const EVERY_MS = 60000;
const chosen = { hours: 24, destination: "" };
const loaded = { hours: 0, at: 0, activity: null, trouble: "", busy: false };

async function load(redraw) {
	if (loaded.busy || (loaded.hours === chosen.hours && Date.now() - loaded.at < EVERY_MS)) return;
	loaded.busy = true;
	const hours = chosen.hours;
	try {
		const activity = await get("activity", { hours });
		Object.assign(loaded, { activity, trouble: "" });
	} catch (error) {
		loaded.trouble = error.message;
	}
	Object.assign(loaded, { hours, at: Date.now(), busy: false });
	redraw();
}

// What status says now is the newest sample of all.
function withPresent(activity, live) {
	const at = new Date(live.at).toISOString();
	const present = live.status.destinations.map((one) => ({ at, destination: one.name, accepted: one.accepted, delivered: one.delivered,
		dead: one.dead, pending: one.pending, held: one.held }));
	return { ...activity, samples: [...(activity.samples ?? []).filter((sample) => sample.at < at), ...present] };
}

// A chart is drawn in the pixels it is shown in, so that its letters have their size.
function plotWidth() {
	const main = document.getElementById("main").clientWidth;
	const inner = main - (main < 700 ? 32 : 40);
	return Math.round(Math.max(272, inner > 860 ? (inner - 32) / 2 : inner));
}

export function chartCard({ live, redraw }, only) {
	load(redraw);
	const destination = only ?? chosen.destination;
	const names = live.status.destinations.map((one) => one.name);
	const choose = (name) => (value) => {
		chosen[name] = value;
		redraw();
	};
	const more = h("div", { class: "choices" },
		!only && names.length > 1 && select("Destination", "chart-destination", [["", "All together"], ...names.map((name) => [name, name])], destination, choose("destination")),
		choice("How far back", "chart-hours", Object.entries(ranges).map(([hours, { text }]) => [hours, text]), String(chosen.hours), (hours) => choose("hours")(Number(hours))));
	const ready = loaded.activity && ranges[chosen.hours] && loaded.hours === chosen.hours;
	const about = { hours: chosen.hours, destination, now: live.at, width: plotWidth() };
	const activity = ready && withPresent(loaded.activity, live);
	return section("Over time", { more },
		loaded.trouble && note("warn", "alarm", `The pictures could not be loaded: ${loaded.trouble}`),
		ready ? (activity.samples.length > names.length
			? h("div", { class: "plots" }, flowChart(activity, { ...about, id: "flow" }), levelChart(activity, { ...about, id: "level" }))
			: empty("clock", "The first picture comes in five minutes", "The relay notes its counts every five minutes and keeps them 35 days."))
			: !loaded.trouble && h("p", { class: "quiet", role: "status" }, "Loading…"));
}
