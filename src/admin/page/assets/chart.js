// chart: backlog and deliveries over time, drawn as SVG from the samples of /api/v1/activity, with a table that says the same.
import { h, s } from "./dom.js";
import { clockText, compact, count, dayText, weekdays } from "./words.js";

const HEIGHT = 190, LEFT = 44, RIGHT = 12, TOP = 12, BOTTOM = 26;

export const ranges = {
	24: { text: "24 hours", bin_ms: 30 * 60000, bin: "half hour" },
	168: { text: "7 days", bin_ms: 3 * 3600000, bin: "3 hours" },
	720: { text: "30 days", bin_ms: 86400000, bin: "day" },
};

// ---- samples to bins ----

// The begin of the reader's own half hour, three hours or day that holds at.
function binStart(at, bin_ms) {
	const date = new Date(at);
	if (bin_ms >= 86400000) return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
	const midnight = new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
	return midnight + Math.floor((at - midnight) / bin_ms) * bin_ms;
}
function binsBetween(from, to, bin_ms) {
	const bins = [];
	for (let at = binStart(from, bin_ms); at <= to; at = binStart(at + bin_ms * 1.25, bin_ms))
		bins.push({ at, accepted: 0, delivered: 0, known: false });
	return bins;
}

// Each destination's samples, oldest first, with numbers for times.
function series(activity, destination) {
	const all = new Map();
	for (const sample of activity.samples ?? []) {
		if (destination && sample.destination !== destination) continue;
		if (!all.has(sample.destination)) all.set(sample.destination, []);
		all.get(sample.destination).push({ ...sample, time: new Date(sample.at).getTime() });
	}
	return [...all.values()];
}

// What was accepted and delivered in each bin: differences of the counters. A counter that went back (a replay takes a delivery
// out of "delivered") counts as nothing.
export function flows(activity, hours, destination, now) {
	const { bin_ms } = ranges[hours];
	const bins = binsBetween(now - hours * 3600000, now, bin_ms);
	const byStart = new Map(bins.map((bin) => [bin.at, bin]));
	for (const samples of series(activity, destination))
		for (let i = 1; i < samples.length; i++) {
			const bin = byStart.get(binStart(samples[i].time - 1, bin_ms));
			if (!bin) continue;
			bin.known = true;
			bin.accepted += Math.max(0, samples[i].accepted - samples[i - 1].accepted);
			bin.delivered += Math.max(0, samples[i].delivered - samples[i - 1].delivered);
		}
	return bins;
}

// What was waiting, held and dead at each moment, all destinations added up. null where nobody looked: the daemon was stopped.
export function levels(activity, hours, destination, now) {
	const gap = 2.5 * (activity.step_s ?? 300) * 1000, from = now - hours * 3600000;
	const lists = series(activity, destination);
	const times = [...new Set(lists.flat().map((sample) => sample.time))].filter((time) => time >= from).sort((a, b) => a - b);
	const at = lists.map(() => 0), points = [];
	for (const time of times) {
		const point = { time, pending: 0, held: 0, dead: 0 };
		lists.forEach((samples, i) => {
			while (at[i] + 1 < samples.length && samples[at[i] + 1].time <= time) at[i]++;
			const sample = samples[at[i]];
			if (!sample || sample.time > time || time - sample.time > gap) return;
			point.pending += sample.pending;
			point.held += sample.held;
			point.dead += sample.dead;
		});
		if (points.length && time - points.at(-1).time > gap) points.push(null);
		points.push(point);
	}
	return points;
}

// ---- axes ----

export function niceTop(highest) {
	if (highest <= 4) return 4;
	const power = 10 ** Math.floor(Math.log10(highest));
	return [1, 2, 4, 5, 8, 10].map((step) => step * power).find((top) => top >= highest);
}

function timeTicks(from, to, hours, width) {
	const days = hours >= 168;
	const step = hours === 24 ? (width < 420 ? 6 : 3) * 3600000 : (hours === 168 ? (width < 420 ? 2 : 1) : width < 420 ? 7 : 3) * 86400000;
	const first = new Date(from);
	const ticks = [];
	let at = new Date(first.getFullYear(), first.getMonth(), first.getDate());
	while (at.getTime() <= to) {
		if (at.getTime() >= from)
			ticks.push({ at: at.getTime(), text: !days ? clockText(at) : hours === 168 ? `${weekdays[at.getDay()]} ${at.getDate()}` : dayText(at) });
		at = days ? new Date(at.getFullYear(), at.getMonth(), at.getDate() + step / 86400000) : new Date(at.getTime() + step);
	}
	return ticks;
}

function frame({ from, to, hours, width, top }) {
	const x = (time) => LEFT + ((time - from) / (to - from)) * (width - LEFT - RIGHT);
	const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
	const lines = [0, 0.25, 0.5, 0.75, 1].map((part) => part * top).map((value) => [
		s("line", { class: value ? "grid" : "axis", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
		s("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, compact(value))]);
	const ticks = timeTicks(from, to, hours, width).map(({ at, text }) => [
		s("line", { class: "axis", x1: x(at), x2: x(at), y1: y(0), y2: y(0) + 4 }),
		x(at) > LEFT + 12 && x(at) < width - 18 &&
			s("text", { class: "tick", x: x(at), y: HEIGHT - 8, "text-anchor": "middle" }, text)]);
	return { x, y, axes: [lines, ticks] };
}

// ---- the pictures ----

const legend = (entries) => h("ul", { class: "legend" }, entries.map(([look, text, value]) =>
	h("li", {}, s("svg", { class: "swatch", viewBox: "0 0 14 14", "aria-hidden": "true" }, look), text,
		value !== undefined && h("b", {}, ` ${count(value)}`))));

const hatch = (id, look) => s("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
	s("rect", { class: `${look} ground`, width: 6, height: 6 }), s("line", { class: `${look} stroke`, x1: 1.5, x2: 1.5, y1: 0, y2: 6 }));

const swatch = (look) => s("rect", { class: look, x: 0, y: 0, width: 14, height: 14, rx: 2 });

function table(caption, heads, rows) {
	return h("details", { class: "as-table" }, h("summary", {}, "As a table"),
		h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, h("table", {},
			h("caption", { class: "unseen" }, caption),
			h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
			h("tbody", {}, rows.map(([head, ...cells]) => h("tr", {}, h("th", { scope: "row" }, head), cells.map((cell) => h("td", {}, cell))))))));
}

const binText = (bin, hours) => (hours === 720 ? dayText(new Date(bin.at)) : `${dayText(new Date(bin.at))} ${clockText(new Date(bin.at))}`);

const picture = (title, describe, width, ...parts) => s("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${describe}` }, parts);

// Bars: delivered. Line of steps: accepted; where it stands above the bars, the backlog grew.
export function flowChart(activity, { hours, destination, now, width, id }) {
	const bins = flows(activity, hours, destination, now), { bin_ms, bin, text } = ranges[hours];
	const from = bins[0].at, to = bins.at(-1).at + bin_ms;
	const top = niceTop(Math.max(...bins.map((one) => Math.max(one.accepted, one.delivered))));
	const { x, y, axes } = frame({ from, to, hours, width, top });
	const sums = bins.reduce((sum, one) => ({ accepted: sum.accepted + one.accepted, delivered: sum.delivered + one.delivered }), { accepted: 0, delivered: 0 });
	const bars = bins.filter((one) => one.delivered).map((one) => s("rect", { class: "bar", x: x(one.at) + 0.5, y: y(one.delivered),
		width: Math.max(1, x(one.at + bin_ms) - x(one.at) - 1), height: y(0) - y(one.delivered) },
	s("title", {}, `${binText(one, hours)}: ${count(one.delivered)} delivered, ${count(one.accepted)} accepted`)));
	let path = "", open = false;
	for (const one of bins) {
		if (one.known) path += `${open ? "L" : "M"}${x(one.at).toFixed(1)} ${y(one.accepted).toFixed(1)}H${x(Math.min(to, one.at + bin_ms)).toFixed(1)}`;
		open = one.known;
	}
	const title = `Deliveries per ${bin}`;
	return h("figure", { class: "plot", key: id },
		h("figcaption", {}, h("h3", {}, title), legend([[swatch("bar"), "delivered", sums.delivered],
			[s("path", { class: "accepted-line", d: "M0 10H7V4H14" }), "accepted", sums.accepted]])),
		picture(title, `Last ${text}: ${count(sums.accepted)} accepted, ${count(sums.delivered)} delivered.`, width,
			axes, bars, s("path", { class: "accepted-line", d: path })),
		table(`${title}, last ${text}`, ["From", "Accepted", "Delivered"],
			bins.filter((one) => one.known).reverse().map((one) => [binText(one, hours), count(one.accepted), count(one.delivered)])));
}

function areaPath(points, x, y, lower, upper) {
	let path = "", run = [];
	const close = () => {
		if (!run.length) return;
		const line = run.map((point) => `${x(point.time).toFixed(1)} ${y(upper(point)).toFixed(1)}`).join("L");
		const back = run.toReversed().map((point) => `${x(point.time).toFixed(1)} ${y(lower(point)).toFixed(1)}`).join("L");
		path += `M${line}L${back}Z`;
		run = [];
	};
	for (const point of points) if (point) run.push(point);
	else close();
	close();
	return path;
}

const highestIn = (points, part) => points.reduce((most, point) => Math.max(most, point ? part(point) : 0), 0);

// One point for each bin, its highest: a table of 8,640 rows helps nobody.
function peaks(points, hours) {
	const rows = new Map();
	for (const point of points.filter(Boolean)) {
		const at = binStart(point.time, ranges[hours].bin_ms), row = rows.get(at);
		if (!row || point.pending + point.held + point.dead >= row.pending + row.held + row.dead) rows.set(at, { ...point, at });
	}
	return [...rows.values()].reverse();
}

// Areas on top of each other: waiting, held, dead.
export function levelChart(activity, { hours, destination, now, width, id }) {
	const points = levels(activity, hours, destination, now), { text } = ranges[hours];
	const from = now - hours * 3600000, total = (point) => point.pending + point.held + point.dead;
	const { x, y, axes } = frame({ from, to: now, hours, width, top: niceTop(highestIn(points, total)) });
	const last = points.at(-1) ?? { pending: 0, held: 0, dead: 0 };
	const title = "Not delivered yet";
	return h("figure", { class: "plot", key: id },
		h("figcaption", {}, h("h3", {}, title), legend([[swatch("area-pending"), "waiting", last.pending],
			[[s("defs", {}, hatch(`${id}-held-key`, "held")), s("rect", { width: 14, height: 14, rx: 2, fill: `url(#${id}-held-key)` })], "held", last.held],
			[[s("defs", {}, hatch(`${id}-dead-key`, "dead")), s("rect", { width: 14, height: 14, rx: 2, fill: `url(#${id}-dead-key)` })], "dead", last.dead]])),
		picture(title, `Deliveries. Now ${count(last.pending)} waiting, ${count(last.held)} held, ${count(last.dead)} dead; ` +
			`at most ${count(highestIn(points, total))} in the last ${text}.`, width,
		s("defs", {}, hatch(`${id}-held`, "held"), hatch(`${id}-dead`, "dead")), axes,
		s("path", { class: "area-pending", d: areaPath(points, x, y, () => 0, (point) => point.pending) }),
		s("path", { fill: `url(#${id}-held)`, d: areaPath(points, x, y, (point) => point.pending, (point) => point.pending + point.held) }),
		s("path", { fill: `url(#${id}-dead)`, d: areaPath(points, x, y, (point) => point.pending + point.held, total) }),
		s("path", { class: "outline", d: areaPath(points, x, y, total, total) })),
		table(`${title}, last ${text}: the highest of each ${ranges[hours].bin}`, ["From", "Waiting", "Held", "Dead"],
			peaks(points, hours).map((point) => [binText(point, hours), count(point.pending), count(point.held), count(point.dead)])));
}
