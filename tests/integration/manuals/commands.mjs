// leadctl(1) and leadrelayd(8) against --help: every command, option and exit status stands in the manual, and
// nothing else does; the names under JSON OUTPUT are those that the commands print; leadrelayd(8) explains every
// warning and error of the log.
// usage: node commands.mjs MANUALS BIN ANSWERS METRICS SOURCES    (ANSWERS: a folder, COMMAND.json each)
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { Findings, plain, sections, unescape } from "./mdoc.mjs";

const [manuals, bin, answers, metrics, sources] = process.argv.slice(2);
const findings = new Findings();
// C, with the literals that stand side by side joined.
const sourceOf = (...folders) =>
	execFileSync("find", [...folders.map((folder) => join(sources, folder)), "-name", "*.c"], { encoding: "utf8" }).trim().split("\n")
		.map((file) => readFileSync(file, "utf8").replace(/"\s*\n\s*"/g, "")).join("\n");
const code = sourceOf("src");
const help = (program, ...command) => execFileSync(join(bin, program), [...command, "--help"], { encoding: "utf8" });

function same(what, told, written, where) {
	for (const one of told) findings.check(written.includes(one), `${what} ${one} is not in ${where}`);
	for (const one of written) findings.check(told.includes(one), `${where} has ${what} ${one}, which the program lacks`);
}

// ---- options and exit statuses, of --help and of a manual

// "  -c, --config FILE  text" to "--config VALUE"
function toldOptions(text) {
	return [...text.matchAll(/^ {2}(?:-\w, )?--([\w-]+)( [A-Z][A-Z=]*)?(?=[ []|$)/gm)].map((match) => `--${match[1]}${match[2] ? " VALUE" : ""}`);
}

// ".It Fl c Ar file , Fl Fl config Ar file" to "--config VALUE"
function writtenOption(line) {
	const match = /Fl Fl ([\w-]+)( Ar)?/.exec(line);
	return match && `--${match[1]}${match[2] ? " VALUE" : ""}`;
}

const toldStatuses = (text) => [...text.slice(text.indexOf("Exit status:")).matchAll(/(?:: |;\s)(\d)\s/g)].map((match) => match[1]);
const writtenStatuses = (parts) =>
	parts.find((part) => part.title === "EXIT STATUS").lines.flatMap((line) => /^\.It (\d)$/.exec(line)?.[1] ?? []);

// ---- leadctl(1)

const ctl = sections(join(manuals, "leadctl.1"));
const overview = help("leadctl");
const commands = [...overview.slice(overview.indexOf("Commands:"), overview.indexOf("Options:")).matchAll(/^ {2}(\w+) /gm)]
	.map((match) => match[1]);
const written = new Map(); // command -> its options
const filters = ctl.find((part) => part.title === "Filters").lines.flatMap((line) => line.startsWith(".It ") ? writtenOption(line) ?? [] : []);
const first = ctl.findIndex((part) => part.title === "COMMANDS"), last = ctl.findIndex((part) => part.title === "JSON OUTPUT");
for (const part of ctl.slice(first + 1, last)) {
	const common = [];
	let command = null;
	for (const line of part.lines) {
		const head = /^\.It Cm (\w+)(.*)$/.exec(line);
		if (head) {
			command = head[1];
			const own = written.get(command) ?? [];
			if (/\bfilters\b/.test(head[2])) own.push(...filters);
			written.set(command, [...own, ...common]);
		} else if (/^\.It Fl /.test(line)) {
			(command ? written.get(command) : common).push(writtenOption(line));
		}
	}
}
same("command", commands, [...written.keys()], "leadctl(1)");
for (const command of commands)
	same(`${command}: option`, toldOptions(help("leadctl", command)), [...new Set(written.get(command) ?? [])], "leadctl(1)");
const global = ctl.find((part) => part.title === "DESCRIPTION").lines.flatMap((line) => /^\.It Fl/.test(line) ? writtenOption(line) ?? [] : []);
same("option", toldOptions(overview), global, "leadctl(1)");
same("exit status", toldStatuses(overview), writtenStatuses(ctl), "leadctl(1)");

// ---- every line that somebody is told to type: of the README, the manuals and the programs' own words

const options = new Map(commands.map((command) => [command, [...toldOptions(help("leadctl", command)), ...global].map((one) => one.split(" ")[0])]));
const parts = { config: ["check", "keys"], destinations: ["park", "resume"], notifications: ["list", "retry"] };
let typed = 0;

function checkLine(line, where) {
	const words = line.split(/[|<>#&;)]|.leadctl /)[0].trim().split(/\s+/).slice(1);
	while (words[0]?.startsWith("-")) words.splice(0, words[0] === "-c" ? 2 : 1);
	const command = words.shift()?.replace(/[.,:]+$/, "");
	if (!command || !/^[a-z]+$/.test(command)) return; // "leadctl COMMAND --help", "leadctl %s"
	typed++;
	findings.check(options.has(command), `${where}: there is no leadctl ${command}: ${line}`);
	for (const word of words.filter((one) => /^--[a-z]/.test(one)).map((one) => one.replace(/[=.,:'"`].*$/, "")))
		findings.check(options.get(command)?.includes(word), `${where}: leadctl ${command} has no ${word}: ${line}`);
	if (parts[command] && /^[a-z]+$/.test(words[0] ?? ""))
		findings.check(parts[command].includes(words[0]), `${where}: leadctl ${command} has no ${words[0]}: ${line}`);
}

const readme = readFileSync(join(sources, "README.md"), "utf8").replace(/\\\n\s*/g, " ");
for (const match of readme.matchAll(/^(?:[$#] )?(leadctl .*)$/gm)) checkLine(match[1], "README.md");
for (const match of readme.matchAll(/`(leadctl [^`]*)`/g)) checkLine(match[1].replace(/\s+/g, " "), "README.md");
for (const page of ["leadctl.1", "leadrelayd.8", "leadrelay.yaml.5"]) {
	const text = unescape(readFileSync(join(manuals, page), "utf8")).replace(/ \\\n\s*/g, " ");
	for (const match of text.matchAll(/^(?:[$#] |\.Dq Li )(leadctl .*)$/gm)) checkLine(match[1], page);
}
for (const match of (code + sourceOf("tools/leadctl")).replace(/\\n/g, "\n").matchAll(/[`(" ](leadctl (?:[a-z]+\b|-c FILE)[^`"\n]*)/g))
	if (/^leadctl (-c FILE )?[a-z]+( -|[`"),.:;]|$| [A-Z%(])/.test(match[1])) checkLine(match[1], "the programs");
findings.check(typed > 150, `only ${typed} lines to type were found`);

// ---- where the README points to

const anchors = new Set([...readme.replace(/^```[^]*?^```/gm, "").matchAll(/^#+ (.*)$/gm)]
	.map((match) => match[1].toLowerCase().replace(/[^\p{L}\p{N}_\- ]/gu, "").replace(/ /g, "-")));
for (const match of readme.matchAll(/\]\(#([^)]*)\)/g)) findings.check(anchors.has(match[1]), `README.md points to #${match[1]}, which is not there`);
for (const match of readme.matchAll(/\]\((?!https?:|#)([^)#]*)[^)]*\)/g))
	findings.check(existsSync(join(sources, match[1])), `README.md points to ${match[1]}, which is not there`);

// ---- what --json prints

const shapes = new Map();
for (const line of ctl[last].lines) {
	const head = /^\.It Cm (.*)$/.exec(line);
	if (head) {
		const names = head[1].split(" , ");
		const words = [];
		for (const name of names) shapes.set(name, words);
	} else if (shapes.size) {
		[...shapes.values()].at(-1).push(...(line.startsWith(".Li") ? plain(line).split(/[\s,;:]+/) : []));
	}
}
for (const name of ["hold", "release", "discard"]) shapes.set(name, shapes.get("replay"));
shapes.set("show", [...shapes.get("list"), ...shapes.get("show")]);

const free = ["by_reason", "dead_by_reason", "fields", "extra", "preview", "mail", "validate", "count"]; // what is in them is free, or told elsewhere
function namesOf(value, open, out) {
	if (Array.isArray(value)) for (const item of value) namesOf(item, open, out);
	else if (value && typeof value === "object")
		for (const [name, inner] of Object.entries(value)) {
			out.add(name);
			if (!open.has(name)) namesOf(inner, open, out);
		}
	return out;
}
for (const file of readdirSync(answers)) {
	const name = basename(file, ".json");
	const open = new Set(free);
	const text = readFileSync(join(answers, file), "utf8").trim();
	const values = text.split("\n").map((line) => JSON.parse(line));
	const words = (shapes.get(name) ?? []).map((word) => word.replace("[]", ""));
	findings.check(shapes.has(name), `leadctl(1) does not say what ${name} --json prints`);
	if (!words.includes("difference")) open.add("accounting"); // as of status
	const printed = namesOf(values, open, new Set());
	for (const one of printed) findings.check(words.includes(one), `${name} --json prints ${one}, which leadctl(1) lacks`);
	for (const one of words.filter(Boolean)) findings.check(printed.has(one) || open.has(one), `leadctl(1): ${name} --json prints no ${one}`);
}

// ---- leadrelayd(8)

const daemon = sections(join(manuals, "leadrelayd.8"));
const daemonHelp = help("leadrelayd");
const daemonOptions = daemon.find((part) => part.title === "DESCRIPTION").lines.flatMap((line) => /^\.It Fl/.test(line) ? writtenOption(line) ?? [] : []);
same("option", [...new Set([...daemonHelp.matchAll(/--(\w+)(?: FILE)?/g)].map((match) => `--${match[1]}${match[0].endsWith("FILE") ? " VALUE" : ""}`))],
	daemonOptions, "leadrelayd(8)");
same("exit status", toldStatuses(daemonHelp), writtenStatuses(daemon), "leadrelayd(8)");
same("signal", [...daemonHelp.matchAll(/^ {2}([A-Z]{3,4})(?:, ([A-Z]+))? {2,}/gm)].flatMap((match) => match.slice(1).filter(Boolean)),
	daemon.find((part) => part.title === "Signals").lines.flatMap((line) => line.startsWith(".It Dv") ? line.slice(7).split(" , ") : [])
		.filter((name) => name !== "PIPE"), "leadrelayd(8)");

// ---- leadrelay-rehearsal(1)

const names = (text, pattern) => [...new Set([...text.matchAll(pattern)].map((match) => match[1]))];
const rehearsal = readFileSync(join(manuals, "leadrelay-rehearsal.1"), "utf8").split("\n").filter((line) => line.startsWith(".It Fl")).join("\n");
same("option", names(help("leadrelay-rehearsal").split("It prints")[0], /--([a-z-]+)/g), names(rehearsal, /Fl -([a-z-]+)/g), "leadrelay-rehearsal(1)");

// ---- the words of the daemon

// The names in a table of C, and those that a function returns.
const table = (name) => [...code.split(`const ${name}[`)[1].split("};")[0].matchAll(/"(\w+)"/g)].map((match) => match[1]);
const returned = (name) => [...code.split(`*${name}(`)[1].split("\n}")[0].matchAll(/return "(\w+)"/g)].map((match) => match[1]);
const words = (title, macro) => daemon.find((part) => part.title === title).lines
	.flatMap((line) => (line.startsWith(`.It ${macro} `) ? line.slice(4 + macro.length).trim().split(" , ") : []));
same("reason", table("reason_names"), words("Deliveries", "Cm"), "leadrelayd(8)");
same("state", [...table("state_names"), ...returned("health_state_name")], words("Deliveries", "Em"), "leadrelayd(8)");
// "leadrelay_deliveries {destination,state}", of the samples; a histogram's le is its own
const measured = new Map();
for (const match of readFileSync(metrics, "utf8").matchAll(/^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$/gm)) {
	const labels = [...(match[2] ?? "").matchAll(/(\w+)="/g)].map((label) => label[1]).filter((label) => label !== "le");
	measured.set(match[1], labels.join(","));
}
const metric = daemon.find((part) => part.title === "METRICS").lines.flatMap((line) => /^\.It Li (\w+)(?: No \{(.*)\})?$/.exec(line)?.slice(1, 3).join(" ").trim() ?? []);
const typed_ = readFileSync(metrics, "utf8").match(/^# TYPE \w+/gm).map((line) => line.split(" ")[2]);
same("metric", typed_.map((name) => `${name} ${measured.get(name) ?? ""}`.trim()), metric.map((one) => one.trim()), "leadrelayd(8)");
const logged = new Set([...code.matchAll(/log_(?:warn|error)\(\s*"([^"]+)"/g)].map((match) => match[1]));
const at = daemon.findIndex((part) => part.title === "DIAGNOSTICS"), end = daemon.findIndex((part) => part.title === "SEE ALSO");
const explained = daemon.slice(at, end).flatMap((part) => part.lines).flatMap((line) => /^\.It (.*)$/.exec(line)?.[1] ?? []);
for (const one of logged) findings.check(explained.includes(one), `the log's "${one}" is not under DIAGNOSTICS of leadrelayd(8)`);
for (const one of explained) findings.check(code.includes(`"${one}"`), `leadrelayd(8) explains "${one}", which nothing logs`);

findings.end(`leadctl(1) has all ${commands.length} commands and their options, ${typed} lines to type are right, leadrelayd(8) all ${logged.size} warnings and errors`);
