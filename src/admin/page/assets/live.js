// live: the state of the relay, asked again and again while somebody looks.
import { get, readiness } from "./api.js";

const PERIOD_MS = 1000, LONGEST_MS = 15000, READY_EVERY = 5;

export const live = {
	status: null,
	ready: null, // {ready, reasons}
	at: 0, // when status was answered
	lost: 0, // since when nothing answers; 0: it does
	trouble: "", // why not
};

let timer = 0, delay = PERIOD_MS, turns = 0, running = null, told = () => {};

async function ask() {
	const asked = Date.now();
	try {
		const [status, ready] = await Promise.all([get("status"), turns++ % READY_EVERY ? live.ready : readiness()]);
		Object.assign(live, { status, ready: ready ?? live.ready, at: Date.now(), lost: 0, trouble: "" });
		delay = PERIOD_MS;
	} catch (error) {
		live.lost ||= live.at || asked;
		live.trouble = error.message;
		delay = Math.min(LONGEST_MS, delay * 2);
		turns = 0;
	}
}

async function turn() {
	clearTimeout(timer);
	await ask();
	await told();
	running = null;
	if (!document.hidden) timer = setTimeout(now, delay);
}

// Asks at once; what comes of it is told like any other answer.
export function now() {
	running ??= turn();
	return running;
}

export function start(tell) {
	told = tell;
	document.addEventListener("visibilitychange", () => {
		if (document.hidden) clearTimeout(timer);
		else now();
	});
	return now();
}

// Two that are the same: no delivery, lead or destination changed between them.
export function signature(status) {
	return JSON.stringify([status.accounting, status.quarantined, status.notifications,
		status.sources.map((source) => source.accepted + source.duplicates),
		status.destinations.map((one) => [one.name, one.state, one.since, one.pending, one.held, one.delivered, one.dead])]);
}
