// app: which view the address asks for, drawn again whenever something changed.
import { logout } from "./api.js";
import dead from "./dead.js";
import destinations from "./destinations.js";
import { h, patch } from "./dom.js";
import lead from "./lead.js";
import leads, { quarantined } from "./leads.js";
import { live, now, signature, start } from "./live.js";
import notifications from "./notifications.js";
import overview from "./overview.js";
import { attention } from "./summary.js";
import { announce, empty, icon, note, whisper } from "./ui.js";
import upkeep from "./upkeep.js";
import { count, healths, plural, preciseText, spanText } from "./words.js";

const REVEAL_MS = 15 * 60000; // then personal data is masked again
const views = { "": overview, destinations, leads, dead, quarantined, notifications, upkeep };
const tabs = [["", "Overview"], ["leads", "Leads"], ["dead", "Dead letters", (status) => status.accounting.dead], ["quarantined", "Quarantined", (status) => status.quarantined],
	["notifications", "Notifications", (status) => status.notifications.dead], ["upkeep", "Upkeep"]];

const main = document.getElementById("main");
const context = { live, personal: false, redraw: () => draw(), reveal: () => setPersonal(true) };
let route, data = null, failure = null, loading = null, hiding = 0;

// ---- where ----

function readRoute() {
	const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
	const [name, ...rest] = path.split("/");
	let id = "";
	try {
		id = decodeURIComponent(rest.join("/"));
	} catch { // a link that was cut in two
		id = rest.join("/");
	}
	const view = name === "leads" && id ? lead : name === "destinations" && !id ? overview : views[name] ?? null;
	return { name, id, view, hash: location.hash, parameters: Object.fromEntries(new URLSearchParams(query ?? "")), kept: history.state?.kept ?? {}, go };
}

// `kept` belongs to the entry of the history and is not part of the address.
function go(hash, kept = {}, { stay = false } = {}) {
	history.pushState({ kept, stay }, "", hash);
	navigate();
}

function navigate() {
	const before = route;
	const next = readRoute();
	if (before && before.hash === next.hash && JSON.stringify(before.kept) === JSON.stringify(next.kept)) return;
	if (before?.view !== next.view || before?.id !== next.id) {
		data = null;
		before?.view?.leave?.();
	}
	route = next;
	failure = null;
	loading = null;
	draw();
	const same = before?.view === next.view && before?.id === next.id;
	landing = history.state?.scroll ?? 0;
	if (!same && before) {
		scrollTo(0, 0);
		document.getElementById("title")?.focus({ preventScroll: true });
	}
	load(true);
}

// ---- what ----

async function load(first = false) {
	const mine = route;
	if (!mine.view?.load || !live.status || loading) return;
	const job = loading = { signature: signature(live.status), at: Date.now(), personal: context.personal };
	try {
		const answer = await mine.view.load(mine, context, data);
		if (route !== mine) return;
		data = answer;
		failure = null;
	} catch (error) {
		if (route !== mine) return;
		failure = error;
	}
	loaded = job;
	loading = null;
	draw();
	if (first && landing) scrollTo(0, landing);
	landing = null;
	if (job.personal !== context.personal) load(); // asked for while it was under way
}
let loaded = { signature: "", at: 0 };

let landing = history.state?.scroll ?? 0; // where a view that is being loaded is to be scrolled to; null: it is there

const due = () => failure || signature(live.status) !== loaded.signature || Date.now() - loaded.at > (route.view?.every ?? 10000);

async function setPersonal(shown) {
	context.personal = shown;
	clearTimeout(hiding);
	if (shown) hiding = setTimeout(() => setPersonal(false), REVEAL_MS);
	else lead.leave();
	draw();
	await load();
	whisper(shown ? "Personal data is shown" : "Personal data is masked");
}

// ---- the frame ----

function drawFrame() {
	const { status } = live;
	const pill = live.lost ? h("span", { class: "badge tone-bad" }, icon("alarm"), "not connected") : h("span", { class: "badge tone-good", title: `leadrelay ${status?.version ?? ""}` }, icon("check"), "live");
	patch(document.getElementById("state"), [pill]);
	const personal = document.getElementById("personal");
	personal.setAttribute("aria-pressed", String(context.personal));
	patch(personal, [icon("eye"), h("span", {}, context.personal ? "Hide personal data" : "Show personal data")]);
	document.getElementById("logout").hidden = !localStorage.getItem("session"); // login.js says that there is one
	patch(document.getElementById("tabs"), tabs.map(([name, text, number]) => {
		const badge = status && number ? number(status) : 0;
		const here = route.name === name || (name === "" && route.name === "destinations");
		return h("li", { key: `tab-${name}` }, h("a", { href: `#/${name}`, "aria-current": here && "page" }, text, badge > 0 && h("span", { class: "tab-count" }, count(badge))));
	}));
	patch(document.getElementById("connection"), live.lost ? [h("p", {}, icon("alarm"), h("span", {}, h("strong", {}, `Connection lost since ${preciseText(new Date(live.lost))}.`), ` ${live.trouble}. `,
		status ? "What you see is the last known state. It is asked again and again." : "It is asked again and again."))] : []);
	document.body.classList.toggle("lost", Boolean(live.lost));
}

function nodes(list) {
	return [list].flat(Infinity).filter((node) => node !== null && node !== undefined && node !== false && node !== "").map((node) => (typeof node === "string" ? document.createTextNode(node) : node));
}

function picture() {
	if (!route.view) return [h("h1", { id: "title", tabindex: "-1" }, "There is nothing at this address"), empty("question", "The link may be cut off", h("a", { href: "#/" }, "Go to the overview"))];
	if (!live.status) return [h("h1", { id: "title", tabindex: "-1", class: "quiet" }, live.lost ? "No answer yet" : "Connecting…")];
	if (failure?.status === 404 && route.view.missing) return [h("h1", { id: "title", tabindex: "-1" }, route.view.title(route)), route.view.missing(route)];
	return [failure && failure.status !== 0 && h("div", { role: "alert", key: "failure" }, note("bad", "alarm", failure.message)), route.view.draw(data, route, context)];
}

function title() {
	if (!route.view) return "Nothing here";
	const alarms = live.status ? attention(live.status, live.ready).length : 0;
	return `${alarms ? `(${alarms}) ` : ""}${route.view.title(route)}`;
}

function draw() {
	drawFrame();
	patch(main, nodes(picture()));
	document.title = `${title()} · leadrelay`;
	main.toggleAttribute("aria-busy", !live.status);
}

// ---- what changed, for those who do not see it ----

function changes(before, after) {
	const said = [];
	for (const one of after.destinations) {
		const was = before.destinations.find((other) => other.name === one.name);
		if (was && was.state !== one.state) said.push(`${one.name} is ${healths[one.state]?.word ?? one.state}`);
		if (was && one.dead > was.dead) said.push(plural(one.dead - was.dead, `new dead letter at ${one.name}`, `new dead letters at ${one.name}`));
	}
	if (after.quarantined > before.quarantined) said.push(plural(after.quarantined - before.quarantined, "body was quarantined", "bodies were quarantined"));
	if (after.accounting.difference !== before.accounting.difference) said.push(after.accounting.difference ? "The accounting does not add up" : "The accounting adds up again");
	return said.join(". ");
}

let last = null, lost = 0;
async function tick() {
	if (last && live.status !== last) {
		const said = changes(last, live.status);
		if (said) whisper(said);
	}
	if (lost && !live.lost) announce(`Connected again after ${spanText((Date.now() - lost) / 1000)}`);
	const first = !last && live.status;
	last = live.status;
	lost = live.lost;
	draw();
	if (live.status && !live.lost && (first || due())) await load(Boolean(first));
}

// ---- begin ----

let resting = 0;
function rememberScroll() {
	clearTimeout(resting);
	if (landing === null) resting = setTimeout(() => history.replaceState({ ...history.state, scroll: Math.round(scrollY) }, ""), 200);
}

history.scrollRestoration = "manual";
addEventListener("popstate", navigate);
addEventListener("hashchange", navigate);
addEventListener("scroll", rememberScroll, { passive: true });
addEventListener("resize", () => draw());
document.getElementById("personal").onclick = () => setPersonal(!context.personal);
document.getElementById("logout").onclick = async () => {
	await logout().catch(() => {});
	localStorage.removeItem("session");
	location.replace("/login");
};
document.getElementById("skip").onclick = (event) => {
	event.preventDefault();
	main.focus();
};
route = readRoute();
draw();
start(tick);
