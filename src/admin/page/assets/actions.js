// actions: what an operator can do, each said in words before it is done.
import { get, post } from "./api.js";
import { h } from "./dom.js";
import { now } from "./live.js";
import { announce, code, confirm, foreign, select, shortId } from "./ui.js";
import { count, fieldNames, fieldText, plural, reasonText } from "./words.js";

const words = {
	replay: { title: "Replay", done: "replayed", tone: "" },
	hold: { title: "Hold", done: "held", tone: "" },
	release: { title: "Release", done: "released", tone: "" },
	discard: { title: "Discard", done: "discarded", tone: "danger" },
};

const paragraph = (...parts) => h("p", {}, parts);

function said(command, answer, thing = ["delivery", "deliveries"]) {
	const left = answer.refused ? `, ${count(answer.refused)} left as before` : "";
	announce(`${plural(answer.changed, ...thing)} ${words[command].done}${left}`, answer.refused ? "warn" : "good");
	return now();
}

// Nothing changed though something was asked: a refusal, in the daemon's words when it says any.
function must(answer) {
	const why = [answer.refusals ?? answer.items ?? []].flat().map((one) => one.refused ?? one.why).find(Boolean);
	if (!answer.changed) throw new Error(why ?? "Nothing was changed: its state changed meanwhile, or it is being sent at this moment");
	return answer;
}

// ---- one lead ----

const told = {
	replay: (where) => ["It becomes waiting again and is sent to ", where, " at once. The lead keeps its id, so a CRM that has it already does not get a second record."],
	hold: (where) => ["Nothing is sent to ", where, " until you release it. An attempt under way is let finish."],
	release: (where) => ["It becomes waiting again and is sent to ", where, "."],
	discard: (where) => ["It is never delivered to ", where, ". It stays listed as discarded; this cannot be taken back."],
};

export function change(command, lead, destination) {
	const where = destination ? foreign(destination) : "its destinations";
	return confirm({ title: `${words[command].title} this lead?`, yes: words[command].title, tone: words[command].tone,
		say: [paragraph("Lead ", code(shortId(lead.id)), destination && [" to ", foreign(destination)], "."), paragraph(told[command](where))],
		act: async () => said(command, must(await post(command, { ids: [lead.id], ...(destination && { destination }) }))) });
}

export function replayAgain(lead, destination) {
	return confirm({ title: "Send it once more?", yes: "Replay again",
		say: [paragraph("Lead ", code(shortId(lead.id)), " is delivered to ", foreign(destination), " already."),
			paragraph("A CRM recognises its id and keeps one record. A destination that keeps no key (a file, a web hook) may see it a second time.")],
		act: async () => said("replay", must(await post("replay", { ids: [lead.id], destination, again: true }))) });
}

export function sendElsewhere(lead, names) {
	return confirm({ title: "Send it to another destination?", yes: "Send",
		say: [paragraph("Lead ", code(shortId(lead.id)), " gets a delivery to the destination you choose. What became of it elsewhere stays as it is.")],
		parts: select("Destination", "to", names.map((name) => [name, name])),
		act: async (form) => said("replay", must(await post("replay", { ids: [lead.id], to: form.get("to") }))) });
}

function fieldInput(name, value) {
	const about = { name, autocomplete: "off", spellcheck: "false" };
	return h("label", { class: `field ${name === "description" ? "wide" : ""}` }, h("span", {}, fieldText(name)),
		name === "description" ? h("textarea", { ...about, rows: 4 }, value) : h("input", { ...about, type: "text", value }));
}

function changedFields(form, fields) {
	const set = {};
	for (const name of fieldNames) {
		const value = (form.get(name) ?? "").replaceAll("\r\n", "\n");
		if (value !== (fields[name] ?? "").replaceAll("\r\n", "\n")) set[name] = value.trim() ? value : null;
	}
	return set;
}

// Opens with the fields unmasked: asking to edit is asking to see.
export async function edit(lead, destination, { again = false } = {}) {
	let whole;
	try {
		whole = await get(`leads/${encodeURIComponent(lead.id)}`, { personal: "show" });
	} catch (error) {
		announce(error.message, "bad");
		return false;
	}
	const fields = whole.fields ?? {};
	return confirm({ title: "Edit and replay", yes: "Save and replay",
		say: [paragraph("Your corrections are kept with the lead; the bytes as received stay as they were. ",
			destination ? ["Then it is sent to ", foreign(destination), " at once."] : "Then it is delivered to the destinations of its source.")],
		parts: h("div", { class: "fields" }, fieldNames.map((name) => fieldInput(name, fields[name] ?? ""))),
		act: async (form) => {
			const set = changedFields(form, fields);
			if (!Object.keys(set).length) throw new Error("Nothing is corrected yet: change a field, or use Replay");
			return said("replay", must(await post("replay", { ids: [lead.id], ...(destination && { destination }), ...(again && { again }), set })));
		} });
}

// ---- all that match ----

const reasonRows = (by_reason) => Object.entries(by_reason ?? {}).filter(([, number]) => number)
	.map(([reason, number]) => h("tr", {}, h("th", { scope: "row" }, reason === "none" ? "without a reason" : `${reason}: ${reasonText(reason)}`), h("td", {}, count(number))));

const toldAll = {
	replay: "They become waiting again and are sent, at the pace their destination takes. No lead gets a second record.",
	hold: "Nothing of them is sent until you release them.",
	release: "They become waiting again and are sent.",
	discard: "They are never delivered. They stay listed as discarded; this cannot be taken back.",
};

// Counts first, then asks: `filter` as /api/v1/leads takes it.
export async function changeAll(command, filter) {
	const bodies = filter.state === "quarantined", thing = bodies ? ["body", "bodies"] : ["delivery", "deliveries"];
	let found;
	try {
		found = await post(command, { ...filter, dry_run: true });
	} catch (error) {
		announce(error.message, "bad");
		return false;
	}
	if (!found.matched)
		return confirm({ title: `${words[command].title}: nothing matches`, say: [paragraph("No delivery in a state that allows it matches these filters. Nothing was changed.")] });
	const can = found.matched - found.refused, { title, tone } = words[command];
	const left = found.refused > 0 && paragraph(`${plural(found.refused, ...thing)} ${found.refused === 1 ? "stays as it is" : "stay as they are"}: something is still missing. Open one to see what; Edit and replay adds it.`);
	if (!can)
		return confirm({ title: `${title}: not possible yet`, say: [left] });
	const rows = bodies ? [] : reasonRows(found.by_reason); // a body was never sent
	return confirm({ title: `${title} ${plural(can, ...thing)}?`, yes: `${title} ${count(can)}`, tone,
		say: [paragraph(bodies && command === "replay" ? "What is whole becomes a lead, and is delivered to the destinations of its source." : toldAll[command]), left, rows.length > 0 && h("table", { class: "tight" }, h("caption", {}, "By reason"), h("tbody", {}, rows))],
		act: async () => said(command, await post(command, { ...filter, yes: true }), thing) });
}

// ---- destinations, mail, the relay ----

export function park(name, pending) {
	return confirm({ title: "Park this destination?", yes: "Park",
		say: [paragraph("Nothing is sent to ", foreign(name), " until you resume it. ", pending ? `${plural(pending, "delivery", "deliveries")} and all that come wait` : "All that come wait", "; none is lost, none ages."),
			paragraph("The other destinations go on.")],
		parts: h("label", { class: "field wide" }, h("span", {}, "Why, for your colleagues"), h("input", { name: "why", type: "text", required: true, maxlength: 200, autocomplete: "off" })),
		act: async (form) => {
			if (!form.get("why").trim()) throw new Error("Say why: your colleagues read it here and in the alert");
			await post(`destinations/${encodeURIComponent(name)}/park`, { why: form.get("why").trim() });
			announce(`${name} is parked`);
			return now();
		} });
}

export function resume(name, { mail = false } = {}) {
	return confirm({ title: mail ? "Resume mail?" : "Resume this destination?", yes: "Resume",
		say: [paragraph(mail ? "The mail server" : foreign(name), " is asked again at once, and what waits is sent at the pace it takes.")],
		act: async () => {
			await post(`destinations/${encodeURIComponent(name)}/resume`);
			announce(mail ? "Mail is resumed" : `${name} is resumed`);
			return now();
		} });
}

export function deliverAgain() {
	return confirm({ title: "Deliver again?", yes: "Deliver again",
		say: [paragraph("The relay leaves intake-only mode and delivers what waits. It went there because it ended badly three times in 10 minutes: if the cause is still there, that may happen again. No lead is lost by it.")],
		act: async () => {
			await post("resume");
			announce("Delivering again");
			return now();
		} });
}

export function retryNotifications(ids) {
	return confirm({ title: "Send refused notifications again?", yes: "Retry",
		say: ids ? paragraph("The notifications about this lead that were refused are queued again. A digest goes again as a whole, with the other leads that it names.")
			: [paragraph("All notifications that were refused are queued again."), paragraph("Parked mail is asked again, too.")],
		act: async () => {
			await post("notifications/retry", ids ? { ids } : {});
			announce("Notifications are queued again");
			return now();
		} });
}

export function prune() {
	return confirm({ title: "Prune now?", yes: "Prune", tone: "danger",
		say: [paragraph("Leads older than the configuration's ", code("retention"), " are removed for good; their counts stay in the accounting. The relay does this by itself every day.")],
		act: async () => {
			await post("prune");
			announce("Pruned");
			return now();
		} });
}
