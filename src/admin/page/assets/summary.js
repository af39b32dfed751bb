// summary: the state of the relay in a sentence, and what wants somebody's attention.
import { h } from "./dom.js";
import { code, destinationLink, foreign, linkTo } from "./ui.js";
import { count, kinds, listed, mailRemedy, plural, reasonText, spanText } from "./words.js";

const total = (list, part) => list.reduce((sum, one) => sum + (one[part] ?? 0), 0);

function parts(sum) {
	const told = [`${count(sum.delivered)} delivered`, `${count(sum.pending)} waiting`];
	if (sum.held) told.push(`${count(sum.held)} held`);
	if (sum.dead) told.push(`${count(sum.dead)} dead`);
	if (sum.discarded) told.push(`${count(sum.discarded)} discarded`);
	return told.join(", ");
}

// {tone, title, text}: "All 1,204 leads accounted for:" "1,190 delivered, 14 waiting, nothing lost."
export function summary(status) {
	const sum = status.accounting, leads = total(status.sources, "accepted"), destinations = status.destinations.length;
	if (sum.difference !== 0)
		return { tone: "bad", title: `${plural(Math.abs(sum.difference), "delivery is", "deliveries are")} not accounted for:`,
			text: `${count(sum.accepted)} were created, and ${parts(sum)} are known.` };
	if (!leads && !sum.accepted)
		return { tone: "calm", title: "No leads yet.", text: "The relay is ready for the first one." };
	const one = destinations === 1 && sum.accepted === leads;
	const deliveries = one ? "" : `${plural(sum.accepted, "delivery", "deliveries")} to ${plural(destinations, "destination", "destinations")}: `;
	return { tone: sum.dead ? "warn" : "good", title: `${leads === 1 ? "1 lead" : `All ${count(leads)} leads`} accounted for:`,
		text: `${deliveries}${parts(sum)}, nothing lost.` };
}

const DAY_MS = 86400000;

function credentials(destination, now) {
	if (!destination.credential_expires) return null;
	const days = Math.ceil((new Date(destination.credential_expires) - now) / DAY_MS);
	if (days > 30) return null;
	return { key: `expiry-${destination.name}`, tone: days > 7 ? "warn" : "bad", picture: "clock", href: destinationLink(destination.name), act: "See it",
		title: ["The credential of ", foreign(destination.name), days > 0 ? ` ends in ${plural(days, "day", "days")}` : " has ended"],
		text: "Put the new secret into its file, below the old one: it is tried when the old one is refused." };
}

function unwell(destination) {
	if (destination.state === "open") return null;
	const parked = destination.state === "parked";
	return { key: `health-${destination.name}`, tone: parked ? "bad" : "warn", picture: parked ? "pause" : "clock",
		href: destinationLink(destination.name), act: "What to do",
		title: [foreign(destination.name), parked ? " is parked" : destination.state === "throttled" ? " asked for a pause" : " is backing off"],
		text: [destination.error ? foreign(destination.error) : reasonText(destination.reason), ". ",
			plural(destination.pending, "delivery waits", "deliveries wait"), ", none is lost."] };
}

function late(destination) {
	if (destination.state !== "open" || destination.oldest_pending_s < 3600) return null;
	return { key: `late-${destination.name}`, tone: "warn", picture: "clock", href: linkTo("leads", { destination: destination.name, state: "pending" }), act: "See them",
		title: ["The oldest waiting for ", foreign(destination.name), ` has waited ${spanText(destination.oldest_pending_s)}`],
		text: `${plural(destination.pending, "delivery waits", "deliveries wait")} there.` };
}

function deadLetters(status) {
	const having = status.destinations.filter((destination) => destination.dead);
	if (!having.length) return null;
	return { key: "dead", tone: "bad", picture: "cross", href: linkTo("dead"), act: "Decide",
		title: `${plural(status.accounting.dead, "dead letter waits", "dead letters wait")} for a decision`,
		text: [`${listed(having.map((one) => `${count(one.dead)} at ${one.name}`))}: refused with a reason, kept until you replay or discard them.`] };
}

function mail(status) {
	const list = [];
	if (status.mail && status.mail.state !== "open")
		list.push({ key: "mail", tone: status.mail.state === "parked" ? "bad" : "warn", picture: "mail", href: linkTo("notifications"), act: "What to do",
			title: status.mail.state === "parked" ? "Mail is parked" : "Mail is held up",
			text: [status.mail.error ? [foreign(status.mail.error), ". "] : "", mailRemedy(status.mail)] });
	if (status.notifications.dead)
		list.push({ key: "mail-dead", tone: "warn", picture: "mail", href: linkTo("notifications", { state: "dead" }), act: "See them",
			title: `${plural(status.notifications.dead, "notification was", "notifications were")} refused`, text: "The leads themselves are not affected." });
	return list;
}

// What wants somebody: {key, tone, picture, title, text, href, act} each, the worst first.
export function attention(status, ready, now = Date.now()) {
	const list = [];
	if (status.accounting.difference !== 0)
		list.push({ key: "difference", tone: "bad", picture: "alarm", href: linkTo("upkeep"), act: "Check the outbox",
			title: "The accounting does not add up",
			text: ["Keep a copy as it is now (", code("leadctl backup FILE"), "), then check the outbox. This must never happen: report it."] });
	if (ready && !ready.ready)
		list.push({ key: "ready", tone: "bad", picture: "alarm",
			title: "New leads are not taken in", text: [listed(ready.reasons) || "The store cannot write", ". Senders repeat what was not acknowledged; what was is safe."] });
	if (status.intake_only)
		list.push({ key: "intake-only", tone: "bad", picture: "pause", action: "resume", act: "Deliver again",
			title: "Intake only: leads are taken in and none is delivered",
			text: "leadrelayd ended badly three times in 10 minutes. Find the cause in its log first." });
	list.push(...status.destinations.map(unwell), deadLetters(status));
	if (status.quarantined)
		list.push({ key: "quarantined", tone: "warn", picture: "question", href: linkTo("quarantined"), act: "See them",
			title: `${plural(status.quarantined, "body is", "bodies are")} quarantined`, text: "Received and kept, but not readable as a lead." });
	list.push(...status.destinations.map((one) => credentials(one, now)), ...status.destinations.map(late), ...mail(status));
	return list.filter(Boolean);
}

// How long until the credential of a destination ends, in words; "" without a date.
export function expiryText(destination, now = Date.now()) {
	if (!destination.credential_expires) return "";
	const days = Math.ceil((new Date(destination.credential_expires) - now) / DAY_MS);
	return `${destination.credential_expires} (${days > 0 ? `in ${plural(days, "day", "days")}` : "over"})`;
}
export const kindText = (kind) => kinds[kind] ?? kind;
export const nothing = () => h("p", { class: "quiet-line" }, "Nothing needs you.");
