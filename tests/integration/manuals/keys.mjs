// leadrelay.yaml(5) against `leadctl config keys --json`: every key stands there with its default, range and an
// example, and nothing else does; and every example, of the README too, is a good configuration.
// usage: node keys.mjs MANUAL README LEADCTL FOLDER
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Findings, entries, examples, plain, sections } from "./mdoc.mjs";

const [manual, readme, leadctl, folder] = process.argv.slice(2);
const findings = new Findings();
const told = JSON.parse(execFileSync(leadctl, ["config", "keys", "--json"])).keys;
const parts = sections(manual);
const first = parts.findIndex((part) => part.level === "Sh" && part.title === "KEYS");
const last = parts.findIndex((part, at) => at > first && part.level === "Sh");
const keyParts = parts.slice(first + 1, last);

// ---- the manual: path of the key -> { text, kinds }

function pathOf(title) {
	const name = title.split(/[ ,]/)[0];
	return name === "Top" ? "" : `${name}.`;
}

const written = new Map();
for (const part of keyParts) {
	const kind = /, kind (\S+)/.exec(part.title)?.[1];
	for (const entry of entries(part.lines)) {
		const head = entry.head.split(" : ")[0].split(/\s+/).filter((word) => word !== "Cm" && word !== ",");
		const path = pathOf(part.title) + head[0];
		const text = entry.lines.map(plain).join(" ").replace(/\s+/g, " ");
		if (!written.has(path)) written.set(path, []);
		// ".It Cm a" ".It Cm b": a's text is what stands with b
		written.get(path).push({ text, kind, file: head.includes(`${head[0]}_file`), head: plain(`.${entry.head}`) });
	}
}
for (const part of keyParts) {
	const list = entries(part.lines);
	for (let at = list.length - 2; at >= 0; at--) {
		if (list[at].lines.length) continue;
		const here = written.get(pathOf(part.title) + list[at].head.split(/\s+/)[1]);
		const next = written.get(pathOf(part.title) + list[at + 1].head.split(/\s+/)[1]);
		here.at(-1).text = next.at(-1).text;
	}
}

// ---- the program, compared with it

// mail.smtp.oauth: the manual says that its keys are those of auth
const aliases = [["mail.smtp.oauth.", "destinations[].auth."]];

function realPath(path) {
	for (const [alias, real] of aliases) if (path.startsWith(alias)) return real + path.slice(alias.length);
	return path;
}

function ranges(allowed) {
	const words = [];
	const range = /from (\S+) to (\S+?)(,|$)/.exec(allowed);
	if (range) words.push(range[1], range[2]);
	const upTo = /up to (\S+?),/.exec(allowed);
	if (upTo) words.push(upTo[1]);
	const choices = /^one of (.*)$/.exec(allowed);
	if (choices) words.push(...choices[1].split(", "));
	return words;
}

function has(text, word) {
	return new RegExp(`(^|[^\\w.])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}($|[^\\w])`).test(text);
}

const sectionText = (path) =>
	keyParts.filter((part) => pathOf(part.title) && path.startsWith(pathOf(part.title)))
		.map((part) => part.lines.filter((line, at) => at < part.lines.findIndex((l) => /^\.Bl/.test(l))).map(plain).join(" "))
		.join(" ");

for (const key of told) {
	const found = written.get(realPath(key.key));
	findings.check(found, `${key.key} is not in leadrelay.yaml(5)`);
	for (const entry of found ?? []) {
		const mine = !entry.kind || key.kinds.length === 0 || key.kinds.includes(entry.kind);
		findings.check(mine, `${key.key}: stands under kind ${entry.kind}, which does not know it`);
		const required = key.required || (entry.kind && key.required_by.includes(entry.kind));
		const said = /(^|[ .])Required( for [\w, ]+)?\./.exec(entry.text);
		findings.check(!required || said, `${key.key}: the manual does not say that it is required`);
		findings.check(required || !said, `${key.key}: the manual says that it is required`);
		if (!required) {
			const wanted = `The default is ${key.default ?? "none"}`;
			const at = entry.text.indexOf(wanted);
			findings.check(at >= 0 && /^[.:;,]/.test(entry.text.slice(at + wanted.length)),
				`${key.key}: the manual does not say "${wanted}."`);
		}
		for (const word of ranges(key.allowed))
			findings.check(has(`${entry.head} ${entry.text} ${sectionText(key.key)}`, word),
				`${key.key}: the manual does not say ${word} (${key.allowed})`);
		findings.check(entry.file === key.secret, `${key.key}: ${key.secret ? "a secret: name its _file too" : "not a secret"}`);
	}
	// kinds: those with a section of their own say it there
	for (const kind of key.key.startsWith("destinations[]") && !key.key.includes(".auth.") ? key.kinds : [])
		findings.check(found?.some((entry) => entry.kind === kind), `${key.key}: not under kind ${kind}`);
	if (key.key.startsWith("sources[]") || key.key.includes("auth."))
		for (const kind of key.kinds)
			findings.check(has(found?.[0].text ?? "", kind), `${key.key}: the manual does not say that it is of ${kind}`);
}
const known = new Set(told.map((key) => key.key));
for (const path of written.keys()) findings.check(known.has(path), `leadrelay.yaml(5) has ${path}, which is no key`);

// ---- the examples

const all = parts.flatMap((part) => examples(part.lines)
	.filter((text) => /^[a-z_]+:( |$)/m.test(text) && !/^leadrelay\.yaml:\d/.test(text)));
for (const key of told) {
	const steps = realPath(key.key).split(".");
	const name = steps.at(-1), block = steps.at(-2)?.replace("[]", "");
	const form = new RegExp(`(^|[\\s{])${name}(_file)?:`);
	findings.check(all.some((text) => form.test(text) && (!block || text.includes(`${block}:`))), `${key.key} has no example`);
}

// What a fragment leaves out of a whole file.
function whole(text) {
	const top = new Set([...text.matchAll(/^([a-z_]+):/gm)].map((match) => match[1]));
	const part = (name) => new RegExp(`^${name}:\\n((?:[ ].*\\n?)*)`, "m").exec(text)?.[1] ?? "";
	const names = [...part("destinations").matchAll(/-\s*\{?\s*name: ([\w.-]+)/g)].map((match) => match[1]);
	const wanted = [...part("sources").matchAll(/destinations: \[?([\w., -]+)\]?/g)].flatMap((match) => match[1].trim().split(/,\s*/));
	const missing = [];
	if (!top.has("state_dir")) missing.push("state_dir: state");
	if (!top.has("intake")) missing.push('intake: { listen: ["127.0.0.1:0"] }');
	if (!top.has("sources"))
		missing.push("sources:", `  - { name: some, kind: csv, destinations: [${names.length ? names : "out"}] }`);
	if (!top.has("destinations")) {
		missing.push("destinations:");
		for (const name of new Set(wanted.length ? wanted : ["out"]))
			missing.push(`  - { name: ${name}, kind: file, path: out.jsonl }`);
	}
	return `${text}\n${missing.join("\n")}\n`.replace("state_dir: /var/lib/leadrelay", "state_dir: state")
		.replace(/\/etc\/letsencrypt\/[\w./]*\/fullchain.pem/, "tls.crt").replace(/\/etc\/letsencrypt\/[\w./]*\/privkey.pem/, "tls.key");
}

// "# ..." stands for what the reader has already
const shown = [...readFileSync(readme, "utf8").matchAll(/^```yaml\n([^]*?)^```/gm)].map((match) => match[1])
	.filter((text) => !text.includes("# ..."));
shown.push(readFileSync(join(dirname(readme), "tools/system/leadrelay.yaml.example"), "utf8"));
const env = { ...process.env, PARTNER_TOKEN: "partner-token-0123456789", MARKETPLACE_TOKEN: "market-token-0123456789" };
for (const text of [...all, ...shown]) {
	const file = join(folder, "example.yaml");
	writeFileSync(file, whole(text), { mode: 0o600 });
	const run = spawnSync(leadctl, ["-c", file, "config", "check"], { env, encoding: "utf8" });
	findings.check(run.status === 0, `an example is refused: ${run.stderr}\n${whole(text)}`);
}
findings.check(all.length > 15 && shown.length > 4, `only ${all.length} and ${shown.length} examples found`);
findings.end(`leadrelay.yaml(5) has all ${told.length} keys and no other, with their defaults; its ${all.length} examples and the README's ${shown.length} are good`);
