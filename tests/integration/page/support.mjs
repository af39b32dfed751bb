// What the page's tests share: the browser, watched for whatever a page must not do; leads; and the daemon's own view of them.
import assert from "node:assert";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { ADMIN, RELAY, CRM, SMTP, TOKEN, PICTURES } = process.env;
export const admin = ADMIN;
export const PATIENCE = 60000; // of a slow and busy machine; nothing waits for it to pass

// ---- the browser ----

// Every page of it is watched: errors, refusals of the Content-Security-Policy, requests elsewhere.
export async function open(options = {}) {
	const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true,
		args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
	const faults = [], expected = [];
	async function context(more = {}) {
		const one = await browser.newContext({ baseURL: ADMIN, viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options, ...more });
		one.setDefaultTimeout(PATIENCE);
		one.on("console", (message) => {
			if (message.type() === "error" || message.type() === "warning") faults.push(`${message.text()} ${message.location().url}`);
		});
		one.on("weberror", (error) => faults.push(`error in the page: ${error.error().stack}`));
		one.on("request", (request) => {
			const { origin, protocol } = new URL(request.url());
			if (origin !== ADMIN && protocol !== "blob:") faults.push(`request to ${request.url()}`);
		});
		return one;
	}
	return {
		context,
		expect: (pattern) => expected.push(pattern), // Chromium reports each refused request as an error: those a test provokes
		async close() {
			await browser.close();
			assert.deepEqual(faults.filter((fault) => !expected.some((pattern) => pattern.test(fault))), [], "no errors, nothing that the policy refuses, no request elsewhere");
		},
	};
}

export function picture(page, name, whole = true) {
	mkdirSync(PICTURES, { recursive: true });
	return page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: whole });
}

export const said = (text) => console.log(`ok: ${text}`);

// ---- asking until it is so ----

export async function until(what, ask) {
	const end = Date.now() + PATIENCE;
	for (;;) {
		const answer = await ask();
		if (answer) return answer;
		assert.ok(Date.now() < end, `waited in vain: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

// ---- leads, and what the CRM and the mail server do with them ----

async function json(url, options) {
	const answer = await fetch(url, options);
	const text = await answer.text();
	assert.ok(answer.ok, `${options?.method ?? "GET"} ${url}: ${answer.status} ${text}`);
	return text ? JSON.parse(text) : null;
}
const send = (url, body, method = "POST", headers = {}) => json(url, { method, headers: { "Content-Type": "application/json", ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) });

export const crm = (path, body, method) => (body === undefined && !method ? json(`${CRM}/_rehearsal/${path}`) : send(`${CRM}/_rehearsal/${path}`, body ?? {}, method));
export const smtp = (path, body) => fetch(`${SMTP}/${path}`, { method: "POST", body: JSON.stringify(body) });

// As a partner, to crm and archive; returns the id.
export async function accept(lead) {
	return (await send(`${RELAY}/in/partner`, { first_name: "Ana", last_name: "Silva", company: "Fabrikam", offer_title: "Contoso Backup", action_code: "INS", ...lead },
		"POST", { Authorization: "Bearer json-token-0123456789ab" })).id;
}
// From the web site's form, to crm only.
export async function acceptForm(fields) {
	const answer = await fetch(`${RELAY}/in/website/website-token-0123456789`, { method: "POST", body: new URLSearchParams(fields) });
	assert.equal(answer.status, 202);
	return (await answer.json()).id;
}
// To the marketplace's address, whatever it is.
export const post = async (body) => (await send(`${RELAY}/in/marketplace/${TOKEN}`, body)).id;

// The CRM refuses leads with this e-mail.
export const refuse = (email) => crm("faults", { fault: "status", status: 400, code: "0x80040203", message: `The e-mail ${email} is not wanted here`, where: "create", times: -1, match: { emailaddress1: email } });
export const refuseNobody = () => crm("faults", {}, "DELETE");

// ---- the daemon's view ----

export const ask = (path, headers) => json(`${ADMIN}/api/v1/${path}`, { headers });
export const order = (path, body, headers) => send(`${ADMIN}/api/v1/${path}`, body, "POST", headers);
export async function delivery(id, destination) {
	return (await ask(`leads/${id}?personal=show`)).deliveries.find((one) => one.destination === destination);
}
export const becomes = (id, destination, state) => until(`${id} is ${state} at ${destination}`, async () => (await delivery(id, destination))?.state === state);

// ---- a person at the page ----

export async function dialog(page, { title, yes, fill } = {}) {
	const one = page.getByRole("dialog");
	await one.waitFor();
	if (title) await one.getByRole("heading", { name: title }).waitFor();
	for (const [label, value] of Object.entries(fill ?? {})) await one.getByLabel(label, { exact: true }).fill(value);
	if (yes) {
		await one.getByRole("button", { name: yes, exact: true }).click();
		await one.waitFor({ state: "detached" });
	}
	return one;
}
export const card = (page, name) => page.getByRole("article").filter({ has: page.getByRole("heading", { name }) });
