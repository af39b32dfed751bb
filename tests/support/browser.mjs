// Headless Chromium as a test's eyes: a page of ours is shown at a desk's and at a telephone's width, measured, and kept as a
// picture for people to look at.
import assert from "node:assert";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const screens = [[1024, false], [390, true]]; // width in px, mobile

// The DevTools protocol over a pair of pipes: JSON texts, each ended by a NUL.
export class Browser {
	constructor() {
		this.profile = mkdtempSync(join(tmpdir(), "leadrelay-chromium-"));
		this.child = spawn("chromium", ["--headless", "--no-sandbox", "--disable-gpu",
			"--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe",
			`--user-data-dir=${this.profile}`, "about:blank"],
			{ stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
		this.pending = new Map();
		this.listeners = [];
		this.next = 1;
		let rest = "";
		this.child.stdio[4].setEncoding("utf8").on("data", (text) => {
			const parts = (rest + text).split("\0");
			rest = parts.pop();
			for (const part of parts) this.take(JSON.parse(part));
		});
		this.gone = new Promise((resolve) => {
			for (const event of ["exit", "error"])
				this.child.on(event, (what) => {
					this.ended = new Error(`chromium ended: ${what}`);
					for (const { reject } of this.pending.values()) reject(this.ended);
					resolve();
				});
		});
		this.child.stdio[3].on("error", () => {}); // told by its end
	}
	take(message) {
		const waiting = this.pending.get(message.id);
		if (!waiting) {
			for (const listener of this.listeners) listener(message);
			return;
		}
		this.pending.delete(message.id);
		if (message.error) waiting.reject(new Error(message.error.message));
		else waiting.resolve(message.result);
	}
	send(method, params = {}, sessionId = undefined) {
		if (this.ended) return Promise.reject(this.ended);
		const id = this.next++;
		this.child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
		return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }));
	}
	event(method) {
		return new Promise((resolve) => this.listeners.push((message) => {
			if (message.method === method) resolve(message.params);
		}));
	}
	async close() {
		await this.send("Browser.close").catch(() => {});
		await this.gone;
		rmSync(this.profile, { recursive: true, force: true });
	}
}

// Run in the page.
function measure() {
	const texts = [...document.querySelectorAll("body *")].filter((element) =>
		[...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() &&
			node.data.trim() !== "\u00a0"));
	const right = Math.max(...[...document.querySelectorAll("body *")].map((element) =>
		element.getBoundingClientRect().right));
	return {
		scrollWidth: document.documentElement.scrollWidth,
		clientWidth: document.documentElement.clientWidth,
		right,
		smallest: Math.min(...texts.map((element) => parseFloat(getComputedStyle(element).fontSize))),
		scripts: document.scripts.length,
		heading: document.querySelector("h1").textContent,
		text: document.body.innerText,
	};
}

// Shows DIRECTORY/NAME.html and leaves DIRECTORY/NAME-WIDTH.png. It fits the screen, is legible, fetches and runs nothing.
// Returns what measure found and, as `more`, what the function `also` finds in the page.
export async function look(browser, directory, name, [width, mobile], also = () => null) {
	const where = `${name} at ${width} px`;
	const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
	const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
	const send = (method, params) => browser.send(method, params, sessionId);
	const fetched = [];
	browser.listeners.push((message) => {
		if (message.sessionId === sessionId && message.method === "Network.requestWillBeSent")
			fetched.push(message.params.request.url);
	});
	await send("Page.enable");
	await send("Network.enable");
	await send("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile });
	const loaded = browser.event("Page.loadEventFired");
	await send("Page.navigate", { url: pathToFileURL(join(directory, `${name}.html`)).href });
	await loaded;
	const { result } = await send("Runtime.evaluate",
		{ expression: `({ ...(${measure})(), more: (${also})() })`, returnByValue: true });
	const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
	const picture = join(directory, `${name}-${width}.png`);
	writeFileSync(picture, Buffer.from(data, "base64"));
	await browser.send("Target.closeTarget", { targetId });
	const page = result.value;
	assert.ok(statSync(picture).size > 5000, `${picture} shows something`);
	assert.deepEqual(fetched.filter((url) => !url.startsWith("file:")), [], `${where}: nothing is fetched`);
	assert.equal(fetched.length, 1, `${where}: the page is one file`);
	assert.equal(page.clientWidth, width, `${where}: the viewport is the screen's`);
	assert.ok(page.scrollWidth <= width, `${where}: ${page.scrollWidth} px wide, so it scrolls`);
	assert.ok(page.right <= width, `${where}: something ends at ${page.right} px`);
	assert.ok(page.smallest >= 12, `${where}: a letter of ${page.smallest} px`);
	assert.equal(page.scripts, 0, `${where}: no script`);
	return page;
}
