// The HTML report in headless Chromium at desktop and phone width: it renders, nothing sticks out
// to the side, no letter is too small, nothing is fetched. The pictures stay for people to look at.
import assert from "node:assert";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [print, outDir] = process.argv.slice(2);
mkdirSync(outDir, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), "leadrelay-chromium-"));

// The DevTools protocol over a pair of pipes: JSON texts, each ended by a NUL.
class Browser {
	constructor() {
		this.child = spawn("chromium", ["--headless", "--no-sandbox", "--disable-gpu",
			"--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe",
			`--user-data-dir=${profile}`, "about:blank"],
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
	}
}

// Run in the page.
function measure() {
	const texts = [...document.querySelectorAll("body *")].filter((element) =>
		[...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() &&
			node.data.trim() !== "\u00a0"));
	const right = Math.max(...[...document.querySelectorAll("body *")].map((element) =>
		element.getBoundingClientRect().right));
	const bars = [...document.querySelectorAll("td > div")].filter((div) =>
		div.style.background && div.style.height);
	return {
		scrollWidth: document.documentElement.scrollWidth,
		clientWidth: document.documentElement.clientWidth,
		right,
		smallest: Math.min(...texts.map((element) => parseFloat(getComputedStyle(element).fontSize))),
		bars: bars.length,
		tallest: Math.max(0, ...bars.map((bar) => bar.getBoundingClientRect().height)),
		scripts: document.scripts.length,
		heading: document.querySelector("h1").textContent,
		text: document.body.innerText,
	};
}

async function look(browser, sample, width, mobile) {
	const file = join(outDir, `${sample}.html`);
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
	await send("Emulation.setDeviceMetricsOverride",
		{ width, height: 900, deviceScaleFactor: 1, mobile });
	const loaded = browser.event("Page.loadEventFired");
	await send("Page.navigate", { url: pathToFileURL(file).href });
	await loaded;
	const { result } = await send("Runtime.evaluate",
		{ expression: `(${measure})()`, returnByValue: true });
	const { data } = await send("Page.captureScreenshot",
		{ format: "png", captureBeyondViewport: true });
	const picture = join(outDir, `${sample}-${width}.png`);
	writeFileSync(picture, Buffer.from(data, "base64"));
	await browser.send("Target.closeTarget", { targetId });
	assert.ok(statSync(picture).size > 5000, `${picture} shows something`);
	assert.deepEqual(fetched.filter((url) => !url.startsWith("file:")), [], "nothing is fetched");
	assert.equal(fetched.length, 1, "the page is one file");
	return result.value;
}

function check(sample, width, page) {
	const where = `${sample} at ${width} px`;
	assert.equal(page.clientWidth, width, `${where}: the viewport is the screen's`);
	assert.ok(page.scrollWidth <= width, `${where}: ${page.scrollWidth} px wide, so it scrolls`);
	assert.ok(page.right <= width, `${where}: something ends at ${page.right} px`);
	assert.ok(page.smallest >= 12, `${where}: a letter of ${page.smallest} px`);
	assert.equal(page.scripts, 0, `${where}: no script`);
	assert.match(page.heading, /^leadrelay .*report$/);
	assert.match(page.text, /All deliveries since the first start/);
	if (sample === "nothing") assert.equal(page.bars, 0, `${where}: no bars`);
	else assert.ok(page.bars >= 34 && page.tallest === 72, `${where}: ${page.bars} bars, ${page.tallest} px`);
	if (sample === "day")
		assert.match(page.text, /leadctl list --destination crm --state dead --reason invalid/);
}

const browser = new Browser();
try {
	for (const sample of ["day", "nothing", "extreme"]) {
		writeFileSync(join(outDir, `${sample}.html`), execFileSync(print, [sample, "html"]));
		for (const [width, mobile] of [[1024, false], [390, true]])
			check(sample, width, await look(browser, sample, width, mobile));
	}
} finally {
	await browser.close();
	rmSync(profile, { recursive: true, force: true });
}
console.log(`the report reads well; pictures in ${outDir}`);
