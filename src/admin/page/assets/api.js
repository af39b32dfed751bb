// api: questions to the daemon, and its refusals as Problems.

export class Problem extends Error {
	constructor(status, title, detail) {
		super(detail || title);
		this.status = status; // 0: no answer at all
		this.title = title;
	}
}

const PATIENCE_MS = 30000;

async function ask(path, options) {
	let answer;
	try {
		answer = await fetch(path, { credentials: "same-origin", cache: "no-store", redirect: "error",
			signal: AbortSignal.timeout(PATIENCE_MS), ...options });
	} catch (error) {
		throw new Problem(0, "No answer", error.name === "TimeoutError"
			? `leadrelayd did not answer within ${PATIENCE_MS / 1000} s`
			: "leadrelayd cannot be reached");
	}
	if (answer.status === 401) location.assign(`/login${location.hash}`); // the session ended: the daemon asks to log in
	if (answer.ok) return answer;
	const told = await answer.json().catch(() => ({}));
	throw new Problem(answer.status, told.title ?? `HTTP ${answer.status}`, told.detail);
}

function query(parameters) {
	const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "");
	return given.length ? `?${new URLSearchParams(given)}` : "";
}

export const get = async (path, parameters) => (await ask(`/api/v1/${path}${query(parameters)}`)).json();
export const bytes = async (path, parameters) =>
	new Uint8Array(await (await ask(`/api/v1/${path}${query(parameters)}`)).arrayBuffer());

async function send(path, body) {
	const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" },
		body: JSON.stringify(body ?? {}) });
	const text = await answer.text();
	return text ? JSON.parse(text) : {};
}
export const post = (path, body) => send(`/api/v1/${path}`, body);
export const logout = () => send("/logout", {});

// Whether leads can be stored: {ready, reasons}; not ready is an answer, too. null: it was not told.
export async function readiness() {
	let answer, told;
	try {
		answer = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
		told = await answer.json();
	} catch {
		return null;
	}
	return answer.ok || answer.status === 503 ? { ready: answer.ok, reasons: [told.reasons ?? []].flat().map(String) } : null;
}
