// dom: elements made in script, and a wanted picture put in place of the present one without losing focus, scroll, open parts or
// what somebody is typing. What leads say reaches the page as text nodes and attribute values only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
	for (const [name, value] of Object.entries(properties ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (name.startsWith("on")) {
			element[name] = value;
			(element.handlers ??= []).push(name);
		} else if (name === "key") {
			element.setAttribute("data-key", value);
		} else {
			element.setAttribute(name, value === true ? "" : value);
		}
	}
	element.append(...children.flat(Infinity).filter((child) =>
		child !== undefined && child !== null && child !== false && child !== ""));
	return element;
}

// h("a", { href: "#/", class: "link" }, "text", more elements or lists of them). `key` tells list items apart when patched.
export const h = (name, properties, ...children) => fill(document.createElement(name), properties, children);
export const s = (name, properties, ...children) => fill(document.createElementNS(SVG, name), properties, children);

// ---- patching ----

// What the reader changes by hand is the reader's.
const kept = new Map([["DETAILS", ["open"]], ["INPUT", ["value", "checked"]], ["OPTION", ["selected"]]]);

function patchAttributes(old, wanted) {
	const mine = kept.get(old.nodeName) ?? [];
	for (const { name } of [...old.attributes])
		if (!wanted.hasAttribute(name) && !mine.includes(name)) old.removeAttribute(name);
	for (const { name, value } of wanted.attributes)
		if (old.getAttribute(name) !== value && !mine.includes(name)) old.setAttribute(name, value);
	for (const name of old.handlers ?? []) old[name] = null;
	for (const name of wanted.handlers ?? []) old[name] = wanted[name];
	old.handlers = wanted.handlers;
}

const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") : null);
const alike = (old, wanted) => old.nodeName === wanted.nodeName && keyOf(old) === keyOf(wanted);

function patchNode(old, wanted) {
	if (old.nodeType !== 1) {
		if (old.data !== wanted.data) old.data = wanted.data;
		return;
	}
	patchAttributes(old, wanted);
	patch(old, [...wanted.childNodes]);
}

// Makes the children of parent what wanted (a list of nodes) shows.
export function patch(parent, wanted) {
	const keys = new Set(wanted.map(keyOf).filter(Boolean));
	const keyed = new Map();
	for (const node of [...parent.childNodes]) {
		const key = keyOf(node);
		if (key && !keys.has(key)) node.remove();
		else if (key) keyed.set(key, node);
	}
	let at = parent.firstChild;
	for (const node of wanted) {
		const key = keyOf(node);
		const old = key ? keyed.get(key) : at;
		if (old && alike(old, node)) {
			if (old === at) at = at.nextSibling;
			else parent.insertBefore(old, at);
			patchNode(old, node);
		} else if (!key && at && !keyOf(at)) {
			const next = at.nextSibling;
			parent.replaceChild(node, at);
			at = next;
		} else {
			parent.insertBefore(node, at);
		}
	}
	while (at) {
		const next = at.nextSibling;
		at.remove();
		at = next;
	}
}
