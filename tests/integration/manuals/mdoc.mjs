// The parts of a manual in mdoc that the checks compare with the programs.
import { readFileSync } from "node:fs";

// One line of mdoc as plain text: macros of one line gone, escapes resolved.
export function plain(line) {
	let text = line;
	if (text.startsWith(".")) {
		text = text.slice(1).split(/\s+/).filter((word) => !/^[A-Z][a-z]$/.test(word) && word !== "|").join(" ");
	}
	return unescape(text);
}

export function unescape(text) {
	return text.replace(/\\e/g, "\\").replace(/\\\(dq/g, '"').replace(/\\&/g, "").replace(/\\-/g, "-");
}

// The sections (.Sh) and subsections (.Ss) in order: { level, title, lines }.
export function sections(file) {
	const all = [];
	for (const line of readFileSync(file, "utf8").split("\n")) {
		const title = /^\.(Sh|Ss) (.*)$/.exec(line);
		if (title) all.push({ level: title[1], title: title[2], lines: [] });
		else if (all.length) all.at(-1).lines.push(line);
	}
	return all;
}

// The entries (.It Cm ...) of a section's outermost lists: { head, lines }.
export function entries(lines) {
	const all = [];
	let depth = 0;
	for (const line of lines) {
		if (/^\.Bl\b/.test(line)) depth++;
		if (depth === 1 && /^\.It Cm\b/.test(line)) all.push({ head: line.slice(4), lines: [] });
		else if (depth >= 1 && all.length && !(depth === 1 && /^\.(El|It)\b/.test(line))) all.at(-1).lines.push(line);
		if (/^\.El\b/.test(line)) depth--;
	}
	return all;
}

// The literal blocks (.Bd -literal) of some lines.
export function examples(lines) {
	const all = [];
	let block = null;
	for (const line of lines) {
		if (/^\.Bd -literal/.test(line)) block = [];
		else if (/^\.Ed/.test(line)) {
			if (block) all.push(block.join("\n"));
			block = null;
		} else if (block) block.push(unescape(line));
	}
	return all;
}

export class Findings {
	constructor() {
		this.wrong = [];
	}
	check(fine, text) {
		if (!fine) this.wrong.push(text);
	}
	end(what) {
		for (const text of this.wrong) console.error(`FAILED: ${text}`);
		if (this.wrong.length) process.exit(1);
		console.log(`ok: ${what}`);
	}
}
