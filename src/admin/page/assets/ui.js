// ui: the pieces that every view is made of.
import { h, s } from "./dom.js";
import { agoText, count, momentText, states, healths } from "./words.js";

// ---- pictures: 16 x 16, drawn with strokes; the word beside each says the same ----

const shapes = {
	check: ["M3.5 8.5l3 3 6-7"],
	cross: ["M4 4l8 8", "M12 4l-8 8"],
	clock: ["M8 4.5V8l2.5 1.5", "M8 1.75a6.25 6.25 0 1 0 0 12.5a6.25 6.25 0 1 0 0-12.5"],
	pause: ["M5.5 3.5v9", "M10.5 3.5v9"],
	minus: ["M4 8h8"],
	question: ["M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9 8 10", "M8 12.6v.2"],
	alarm: ["M8 2L14.5 13.5h-13z", "M8 6.5v3", "M8 11.6v.2"],
	mail: ["M2 4h12v8.5H2z", "M2 4.5l6 4.5 6-4.5"],
	arrow: ["M3 8h9.5", "M9 4.5L12.5 8 9 11.5"],
	dot: ["M8 6.5v3"],
	search: ["M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9", "M10.5 10.5L14 14"],
	eye: ["M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z", "M8 6.2a1.8 1.8 0 1 0 0 3.6a1.8 1.8 0 1 0 0-3.6"],
	inbox: ["M2 9l2-6h8l2 6v4H2z", "M2 9h3.5l1 2h3l1-2H14"],
};
export const icon = (name, extra = "") => s("svg", { class: `icon ${extra}`, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
	shapes[name].map((d) => s("path", { d })));

// ---- words with a picture ----

const badge = (look, word) => h("span", { class: `badge tone-${look.tone}` }, icon(look.icon), word ?? look.word);
export const stateBadge = (state) => badge(states[state] ?? { icon: "question", tone: "calm" }, states[state]?.word ?? state);
export const healthBadge = (state) => badge(healths[state] ?? { icon: "question", tone: "calm" }, healths[state]?.word ?? state);

// ---- time ----

export function moment(text, { ago = true } = {}) {
	if (!text) return "";
	const at = new Date(text);
	return h("time", { datetime: text, title: `${momentText(at)} (${text})` }, ago ? agoText(at) : momentText(at));
}

// ---- places ----

export function linkTo(view, parameters = {}) {
	const given = Object.entries(parameters).filter(([, value]) => value);
	return `#/${view}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}
export const leadLink = (id) => `#/leads/${encodeURIComponent(id)}`;
export const destinationLink = (name) => `#/destinations/${encodeURIComponent(name)}`;
export const shortId = (id) => id.slice(-12); // as leadctl shows it; the beginning of an id is only its time

// ---- texts that somebody else wrote: any length, any direction ----

export const foreign = (text, extra = "") => h("bdi", { class: `foreign ${extra}` }, text);

// ---- parts of a view ----

// A text of any length, that does not bury the rest of the page.
const LONG = 280;
export function longText(text) {
	if (text.length <= LONG) return foreign(text, "lines");
	return h("details", { class: "long" }, h("summary", {}, h("span", { class: "beginning" }, foreign(`${text.slice(0, LONG - 80)}…`)), h("span", { class: "less" }, "Show less")),
		foreign(text, "lines"));
}

export function section(title, { id, more, level = "h2" } = {}, ...children) {
	const anchor = id ?? title.toLowerCase().replaceAll(/[^a-z]+/g, "-");
	return h("section", { class: "card", "aria-labelledby": anchor, key: `section-${anchor}` },
		h("div", { class: "card-head" }, h(level, { id: anchor }, title), more), children);
}

export const empty = (picture, title, ...text) => h("div", { class: "empty" }, icon(picture, "large"),
	h("p", { class: "empty-title" }, title), text.map((part) => h("p", {}, part)));

export const note = (tone, picture, ...children) => h("div", { class: `note tone-${tone}` }, icon(picture), h("div", {}, children));

export const button = (text, onclick, { tone = "", picture, ...more } = {}) => h("button", { type: "button", class: `button ${tone}`, onclick, ...more },
	picture && icon(picture), text);

export const figure = (label, value, { href, tone, hint } = {}) => h("div", { class: `figure ${value && tone ? `tone-${tone}` : ""}` },
	h("dt", {}, label),
	h("dd", {}, href && value ? h("a", { href }, count(value)) : count(value), hint && h("span", { class: "hint" }, hint)));

// A choice among few, as radio buttons that look like one control.
export const choice = (legend, name, options, chosen, onchoose) => h("fieldset", { class: "choice" },
	h("legend", { class: "unseen" }, legend),
	options.map(([value, text]) => h("label", { key: value },
		h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchoose(value) }), h("span", {}, text))));

export function select(label, name, options, chosen, onchoose) {
	return h("label", { class: "field" }, h("span", {}, label),
		h("select", { name, onchange: onchoose && ((event) => onchoose(event.target.value)) },
			options.map(([value, text]) => h("option", { value, selected: value === (chosen ?? "") }, text))));
}

export const code = (text) => h("code", {}, text);

// ---- said aloud ----

// For screen readers, and for a moment as a line at the foot of the page.
let hush = 0;
export function announce(text, tone = "good") {
	const line = document.getElementById("said");
	line.replaceChildren(h("p", { class: `said tone-${tone}` }, icon(tone === "good" ? "check" : "alarm"), text));
	clearTimeout(hush);
	hush = setTimeout(() => line.replaceChildren(), 8000);
}
export function whisper(text) { // screen readers only
	document.getElementById("whispered").textContent = text;
}

// ---- questions ----

// A dialog that says what will happen and does it when told so. `act` is called with the form's data, and again when what it
// refused was corrected; the dialog closes when it succeeds. `say`: nodes. Resolves with whether it was done.
export function confirm({ title, say, parts = [], yes, tone = "", act }) {
	return new Promise((resolve) => {
		const opener = document.activeElement;
		const trouble = h("p", { class: "note tone-bad", role: "alert", hidden: true });
		const go = yes && h("button", { type: "submit", class: `button strong ${tone}` }, yes);
		let done = false;
		const form = h("form", { method: "dialog" },
			h("h2", { id: "question" }, title), h("div", { class: "dialog-text", id: "question-text" }, say), parts, trouble,
			h("div", { class: "buttons" }, button(yes ? "Cancel" : "Close", () => dialog.close()), go));
		const dialog = h("dialog", { "aria-labelledby": "question", "aria-describedby": "question-text" }, form);
		form.onsubmit = async (event) => {
			event.preventDefault();
			if (!act || go.getAttribute("aria-disabled")) return;
			go.setAttribute("aria-disabled", "true");
			trouble.hidden = true;
			try {
				await act(new FormData(form));
				done = true;
				dialog.close();
			} catch (error) {
				trouble.textContent = error.message;
				trouble.hidden = false;
				go.removeAttribute("aria-disabled");
			}
		};
		dialog.onclose = () => {
			dialog.remove();
			if (opener?.isConnected) opener.focus();
			resolve(done);
		};
		document.body.append(dialog);
		dialog.showModal();
	});
}
