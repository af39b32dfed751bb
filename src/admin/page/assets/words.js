// words: counts, times, states and reasons as a person says them.

const grouped = new Intl.NumberFormat("en-US");
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => grouped.format(number ?? 0);
export const compact = (number) => (Math.abs(number) < 10000 ? grouped.format(number) : short.format(number));
export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

// "a, b and c"
export function listed(parts) {
	return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

// ---- time: always the reader's own clock and zone ----

const two = (number) => String(number).padStart(2, "0");
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
export const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export const dayText = (at) => `${at.getDate()} ${months[at.getMonth()]}`;
export const clockText = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;
export const preciseText = (at) => `${clockText(at)}:${two(at.getSeconds())}`;

function sameDay(a, b) {
	return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

// The shortest text that is still unmistakable: 13:02:11 today, 20 Nov 13:02 this year.
export function momentText(at, now = new Date()) {
	if (sameDay(at, now)) return preciseText(at);
	const year = at.getFullYear() === now.getFullYear() ? "" : ` ${at.getFullYear()}`;
	return `${dayText(at)}${year} ${clockText(at)}`;
}

// 45 s, 12 min, 3 h 5 min, 2 days
export function spanText(seconds) {
	const whole = Math.max(0, Math.round(seconds));
	if (whole < 60) return `${whole} s`;
	if (whole < 3600) return `${Math.floor(whole / 60)} min`;
	const hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
	if (hours < 24) return minutes && hours < 6 ? `${hours} h ${minutes} min` : `${hours} h`;
	const days = Math.floor(hours / 24);
	return days === 1 ? "1 day" : `${count(days)} days`;
}

export function agoText(at, now = new Date()) {
	const seconds = (now - at) / 1000;
	if (Math.abs(seconds) < 1.5) return "just now";
	return seconds < 0 ? `in ${spanText(-seconds)}` : `${spanText(seconds)} ago`;
}

export function durationText(ms) {
	if (ms === null || ms === undefined) return "";
	return ms < 1000 ? `${ms} ms` : ms < 10000 ? `${(ms / 1000).toFixed(1)} s` : spanText(ms / 1000);
}

// ---- states ----

// What a delivery, a mail or a quarantined body is: the word, the picture beside it, and the colour's name.
export const states = {
	pending: { word: "waiting", icon: "clock", tone: "info" },
	held: { word: "held", icon: "pause", tone: "warn" },
	delivered: { word: "delivered", icon: "check", tone: "good" },
	sent: { word: "sent", icon: "check", tone: "good" },
	dead: { word: "dead", icon: "cross", tone: "bad" },
	discarded: { word: "discarded", icon: "minus", tone: "calm" },
	quarantined: { word: "quarantined", icon: "question", tone: "warn" },
};

export const healths = {
	open: { word: "open", icon: "check", tone: "good" },
	backing_off: { word: "backing off", icon: "clock", tone: "warn" },
	throttled: { word: "throttled", icon: "clock", tone: "warn" },
	parked: { word: "parked", icon: "pause", tone: "bad" },
};

export const outcomes = {
	delivered: "delivered",
	already_there: "already there, found under our id",
	presumed: "already there by its words",
	skipped: "skipped: this person is there already",
	retry: "not yet, to be tried again",
	throttled: "asked to wait",
	unauthorized: "not let in",
	forbidden: "not allowed",
	environment: "the environment is in no state to take it",
	refused: "refused",
	unknown: "sent, no answer came",
};
export const succeeded = (outcome) => ["delivered", "already_there", "presumed", "skipped"].includes(outcome);

export const kinds = { dynamics365: "Dynamics 365", https: "HTTPS", azure_table: "Azure Table", file: "File" };

export const reasons = {
	dns: "its name is not found",
	connect: "no connection",
	tls: "certificate trouble",
	timeout: "no answer in time",
	reset: "connection broken off",
	protocol: "an answer that makes no sense",
	server_error: "an error at their side",
	throttled: "too many requests",
	unauthorized: "credentials refused",
	forbidden: "not allowed",
	environment: "environment not ready",
	plugin: "a plug-in refused it",
	duplicate_rule: "a duplicate rule objects",
	invalid: "a field is refused",
	too_large: "too long or too large",
	gone: "the address is gone",
	expired: "waited too long",
	removed: "no longer configured",
	operator: "by an operator",
};
export const reasonText = (reason) => (reason ? reasons[reason] ?? reason : "no reason given");

// ---- what to do ----

const remediesOfDestinations = {
	unauthorized: "Renew its secret: a changed secret file is noticed within 10 s. Or correct the ids beside it and reload. Then resume here asks again at once.",
	forbidden: "Give its user the right to create leads (Dynamics: a security role), or correct what it knows us by. It resumes by itself.",
	connect: "Is it up, and may this machine reach it? A private address needs allow_private: true. It is asked again by itself.",
	environment: "Look at the environment itself: its address, state and storage. It resumes by itself.",
	gone: "The address says that it is gone for good: correct url and reload, then resume here.",
	operator: "Resume it when its time has come. Nothing is lost meanwhile: its leads wait.",
	removed: "Put it back into the configuration, or replay its waiting leads to another destination and discard them here.",
	throttled: "Nothing: it goes on by itself when the pause it asked for is over.",
	tls: "Its certificate or ours is at fault: leadctl validate shows which. It resumes by itself.",
	dns: "Its host name does not resolve: check url and this machine's DNS. It is asked again by itself.",
};
export const destinationRemedy = (destination) => (destination.state === "open" ? "" :
	remediesOfDestinations[destination.reason] ??
	"It is asked again by itself; leadctl validate shows where it stops.");

const remediesOfMail = {
	operator: "Resume mail when its time has come.",
	removed: "Put mail: back into the configuration.",
	unauthorized: "Correct the user name and password of mail.smtp; a changed secret file is noticed within 10 s.",
};
export const mailRemedy = (mail) => remediesOfMail[mail.reason] ??
	"Mend what it says: mail.smtp, mail.from (then reload), or the mail server itself. Mails wait, none is lost.";

const remediesOfDeliveries = {
	invalid: "Correct the field and send it again: Edit and replay.",
	too_large: "Shorten the field and send it again: Edit and replay.",
	duplicate_rule: "A duplicate rule of the CRM objects: merge the two there and discard this one, or set duplicates: skip or update, then replay.",
	expired: "It waited longer than give_up_after: replay starts it anew.",
	plugin: "A plug-in of the CRM refused it: have that mended, then replay.",
	forbidden: "Give the application user a role that may create this lead, then replay.",
	environment: "Correct the destination's address, then replay.",
	gone: "Correct the destination's address, then replay.",
};
export const deadRemedy = (reason) => remediesOfDeliveries[reason] ?? "Mend the cause, then replay.";

// ---- canonical fields, in the order of a card ----

export const fieldNames = ["first_name", "last_name", "full_name", "email", "phone", "mobile", "company", "title", "country",
	"region", "city", "postal_code", "street", "website", "offer_title", "offer_id", "product_id", "action_code", "lead_source",
	"campaign", "description"];
export const fieldText = (name) => {
	const words = name.replaceAll("_", " ").replace(/\bid\b/, "ID").replace("email", "e-mail");
	return words[0].toUpperCase() + words.slice(1);
};
