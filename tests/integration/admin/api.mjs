// Holds openapi.yaml, as the daemon serves it, against the daemon: asks every path with every method it has, and validates each
// answer against the schema of its status. usage: node api.mjs BASE DELIVERED DEAD WAITING QUARANTINED
import Ajv from "ajv";
import YAML from "yaml";

const [base, delivered, dead, waiting, quarantined] = process.argv.slice(2);
const text = await (await fetch(`${base}/api/v1/openapi.yaml`)).text();
const api = YAML.parse(text);
let asked = 0;
const failures = [];
const fail = (what) => failures.push(what);

// ---- OpenAPI 3.0 schemas as JSON Schema: nullable is a type of its own there

function plain(node) {
	if (Array.isArray(node)) return node.map(plain);
	if (!node || typeof node !== "object") return node;
	const { nullable, example, format, ...rest } = node;
	const out = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, plain(value)]));
	if (nullable && typeof out.type === "string") out.type = [out.type, "null"];
	return out;
}
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema({ $id: "api", ...plain({ components: api.components }) });
const local = (schema) => JSON.parse(JSON.stringify(plain(schema)).replaceAll('"#/components', '"api#/components'));
const validators = new Map();
function validate(schema, value, what) {
	const key = JSON.stringify(schema);
	if (!validators.has(key)) validators.set(key, ajv.compile(local(schema)));
	const check = validators.get(key);
	if (!check(value)) fail(`${what}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(value).slice(0, 600)}`);
}
const resolve = (node) => (node?.$ref ? node.$ref.split("/").slice(1).reduce((at, name) => at[name], api) : node);

// ---- one request, held against what is written of it

const seen = new Set();
async function ask(method, path, { values = {}, query = {}, body, status = 200, headers = {} } = {}) {
	const operation = api.paths[path]?.[method];
	const what = `${method} ${path} ${JSON.stringify({ ...values, ...query, ...(body === undefined ? {} : { body }) })}`;
	asked++;
	if (!operation) return fail(`${what}: not in openapi.yaml`);
	seen.add(`${method} ${path}`);
	const url = new URL(base + path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name])));
	for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
	const json = body !== undefined ? { "Content-Type": "application/json" } : {};
	const answer = await fetch(url, { method: method.toUpperCase(), redirect: "manual", headers: { ...json, ...headers },
		body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body) });
	const bytes = await answer.text();
	const response = resolve(operation.responses[answer.status]);
	if (answer.status !== status) fail(`${what}: ${answer.status} instead of ${status}: ${bytes}`);
	if (!response) return fail(`${what}: ${answer.status} is not among its responses`);
	const type = (answer.headers.get("content-type") ?? "").split(";")[0];
	if (!response.content) {
		if (bytes) fail(`${what}: a body where none is written: ${bytes}`);
		return null;
	}
	if (!response.content[type]) return fail(`${what}: type "${type}" is not written of ${answer.status}`);
	if (!type.endsWith("json")) return bytes;
	const value = JSON.parse(bytes);
	validate(response.content[type].schema, value, what);
	if (status >= 400 && value.status !== status) fail(`${what}: the problem says ${value.status}`);
	return value;
}
function equal(a, b, what) {
	if (a !== b) fail(`${what}: ${JSON.stringify(a)} instead of ${JSON.stringify(b)}`);
}

// ---- examples are what they are examples of

function walk(node, at) {
	if (!node || typeof node !== "object") return;
	if (node.schema && "example" in node) validate(node.schema, node.example, `${at}: example`);
	if (node.schema && node.examples)
		for (const [name, one] of Object.entries(node.examples)) validate(node.schema, one.value, `${at}: example ${name}`);
	for (const [key, value] of Object.entries(node)) walk(value, `${at}/${key}`);
}
walk(api, "#");

// ---- looking

await ask("get", "/healthz");
await ask("get", "/readyz");
await ask("get", "/metrics");
await ask("get", "/login", { status: 303 });
await ask("get", "/api/v1/openapi.yaml");
for (const path of ["version", "status", "sources", "destinations", "shape", "activity", "check", "reasons", "leads", "notifications", "reports"])
	await ask("get", `/api/v1/${path}`);
const happened = await ask("get", "/api/v1/events", { query: { limit: 1000 } });
if (!happened.events.some((one) => one.lead_id === delivered && one.outcome === "delivered")) fail("events: no delivery of the delivered lead");
const since = await ask("get", "/api/v1/events", { query: { after: happened.last } });
if (since.events.some((one) => one.number <= happened.last)) fail("events: what was told already");
for (const query of [{ limit: 1001 }, { limit: 0 }, { after: -1 }]) await ask("get", "/api/v1/events", { query, status: 400 });
for (const id of [delivered, dead, waiting, quarantined]) {
	await ask("get", "/api/v1/leads/{id}", { values: { id } });
	const story = await ask("get", "/api/v1/leads/{id}", { values: { id: id.slice(-12) }, query: { personal: "show" } });
	equal(story.id, id, "an abbreviated id");
	await ask("get", "/api/v1/leads/{id}/raw", { values: { id }, query: { personal: "show" } });
	await ask("get", "/api/v1/leads/{id}/raw", { values: { id }, status: 403 });
}
const all = await ask("get", "/api/v1/leads", { query: { limit: 500 } });
equal(all.leads.length, 4, "all leads");
let page = await ask("get", "/api/v1/leads", { query: { limit: 1 } });
for (const lead of all.leads.slice(1)) {
	page = await ask("get", "/api/v1/leads", { query: { limit: 1, before: page.leads[0].id } });
	equal(page.leads[0].id, lead.id, "pages of one lead each");
}
page = await ask("get", "/api/v1/leads", { query: { before: page.leads[0].id } });
equal(page.leads.length, 0, "behind the last");
for (const [query, count] of [[{ state: "dead" }, 1], [{ state: "quarantined" }, 1], [{ destination: "archive", state: "pending" }, 1], [{ source: "website" }, 0],
	[{ since: "1h" }, 4], [{ until: "1h" }, 0], [{ reason: "plugin" }, 1], [{ email: "Poison@Example.com" }, 1], [{ email: "nobody@example.com" }, 0]])
	equal((await ask("get", "/api/v1/leads", { query })).leads.length, count, `leads of ${JSON.stringify(query)}`);
const { reasons } = await ask("get", "/api/v1/reasons");
equal(reasons.map((one) => [one.destination, one.reason, one.count].join()).join(" "), "crm,plugin,1", "reasons");
await ask("get", "/api/v1/notifications", { query: { state: "pending", limit: 1, personal: "show" } });
await ask("get", "/api/v1/activity", { query: { hours: 840 } });
for (const format of ["json", "html", "csv", "text"]) await ask("get", "/api/v1/reports", { query: { since: "2h", format } });
await ask("get", "/api/v1/reports", { query: { name: "daily" } });

// ---- what is refused

const unknown = "ffffffffffff";
for (const query of [{ state: "lost" }, { reason: "fate" }, { since: "yesterday" }, { limit: 0 }, { limit: 501 }, { limit: "many" }, { personal: "all" },
	{ email: "" }, { stat: "dead" }])
	await ask("get", "/api/v1/leads", { query, status: 400 });
await ask("get", "/api/v1/leads", { query: { destination: "nowhere" }, status: 404 });
await ask("get", "/api/v1/leads", { query: { before: unknown }, status: 404 });
await ask("get", "/api/v1/leads/{id}", { values: { id: unknown }, status: 404 });
await ask("get", "/api/v1/leads/{id}", { values: { id: "../status" }, status: 404 });
await ask("get", "/api/v1/leads/{id}/raw", { values: { id: unknown }, query: { personal: "show" }, status: 404 });
await ask("get", "/api/v1/notifications", { query: { state: "lost" }, status: 400 });
await ask("get", "/api/v1/activity", { query: { hours: 0 }, status: 400 });
await ask("get", "/api/v1/reports", { query: { format: "pdf" }, status: 400 });
await ask("get", "/api/v1/reports", { query: { name: "nothing" }, status: 404 });
await ask("post", "/api/v1/destinations/{name}/park", { values: { name: "crm" }, body: {}, status: 400 });
await ask("post", "/api/v1/destinations/{name}/park", { values: { name: "nowhere" }, body: { why: "x" }, status: 404 });
await ask("post", "/api/v1/destinations/{name}/park", { values: { name: "archive" }, body: { why: "again" }, status: 409 });
await ask("post", "/api/v1/destinations/{name}/resume", { values: { name: "crm" }, body: {}, status: 409 });
for (const command of ["replay", "hold", "release", "discard"]) {
	const path = `/api/v1/${command}`;
	await ask("post", path, { body: { destination: "crm" }, status: 400 });
	await ask("post", path, { body: {}, status: 400 });
	await ask("post", path, { body: { yes: true }, status: 400 });
	await ask("post", path, { body: { ids: [] }, status: 400 });
	await ask("post", path, { body: { ids: [dead], source: "website" }, status: 400 });
	await ask("post", path, { body: { ids: [dead, unknown] }, status: 404 });
	await ask("post", path, { body: { destinaton: "crm", yes: true }, status: 400 });
	await ask("post", path, { body: { destination: "crm", yes: true }, status: 403, headers: { "Content-Type": "text/plain" } });
	await ask("post", path, { body: "{", status: 400 });
}
await ask("post", "/api/v1/replay", { body: { ids: [dead], set: { nonsense: "x" } }, status: 400 });
await ask("post", "/api/v1/replay", { body: { ids: [dead], to: "nowhere" }, status: 404 });
await ask("post", "/api/v1/release", { body: { state: "dead", yes: true }, status: 409 });
await ask("post", "/api/v1/notifications/retry", { body: { ids: [unknown] }, status: 404 });
await ask("post", "/login", { body: {}, status: 204 });
await ask("post", "/logout", { body: {}, status: 204 });

// ---- what an operator does, step by step

const changed = (answer, matched, did, what) => equal(`${answer.matched} ${answer.changed}`, `${matched} ${did}`, what);
changed(await ask("post", "/api/v1/hold", { body: { destination: "archive", dry_run: true } }), 1, 0, "a dry run");
changed(await ask("post", "/api/v1/hold", { body: { destination: "archive", yes: true } }), 1, 1, "hold");
changed(await ask("post", "/api/v1/release", { body: { ids: [waiting], destination: "archive", dry_run: true } }), 1, 0, "a dry run by id");
changed(await ask("post", "/api/v1/release", { body: { ids: [waiting], destination: "archive" } }), 1, 1, "release");
const refused = await ask("post", "/api/v1/hold", { body: { ids: [delivered] } });
equal(refused.refusals[0].id, delivered, "a delivered lead is not held");
await ask("post", "/api/v1/destinations/{name}/resume", { values: { name: "archive" }, body: {} });
await ask("post", "/api/v1/destinations/{name}/park", { values: { name: "archive" }, body: { why: "try" } });
await ask("post", "/api/v1/destinations/{name}/resume", { values: { name: "archive" }, body: {} });
const count = await ask("post", "/api/v1/replay", { body: { destination: "crm", reason: "plugin", dry_run: true } });
equal(JSON.stringify(count.by_reason), '{"plugin":1}', "a dry run counts by reason");
changed(await ask("post", "/api/v1/replay", { body: { ids: [dead], set: { email: "ana@example.com", title: null } } }), 1, 1, "edit and replay");
async function until(what, done) {
	for (let i = 0; i < 600; i++) {
		if (await done()) return;
		await new Promise((resume) => setTimeout(resume, 50));
	}
	fail(`waited in vain: ${what}`);
}
const stateOf = async (id, destination) =>
	(await (await fetch(`${base}/api/v1/leads/${id}`)).json()).deliveries.find((one) => one.destination === destination)?.state;
await until("the edited lead is delivered", async () => (await stateOf(dead, "crm")) === "delivered");
changed(await ask("post", "/api/v1/replay", { body: { ids: [dead], destination: "crm", again: true } }), 1, 1, "again");
changed(await ask("post", "/api/v1/discard", { body: { ids: [quarantined] } }), 1, 1, "discard a body");
await ask("post", "/api/v1/notifications/retry", { body: {} });
await ask("post", "/api/v1/resume", { body: {} });
await ask("post", "/api/v1/prune", { body: {} });

// ---- everything that is written was asked, and every route refuses what no route has

for (const [path, operations] of Object.entries(api.paths))
	for (const method of Object.keys(operations)) if (!seen.has(`${method} ${path}`)) fail(`${method} ${path} was never asked`);
for (const failure of failures) console.error(`FAILED: ${failure}`);
if (failures.length) process.exit(1);
console.log(`ok: ${asked} requests, ${seen.size} operations, every answer as openapi.yaml says`);
