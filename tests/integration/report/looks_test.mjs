// The HTML report in headless Chromium at desktop and phone width: it renders, nothing sticks out
// to the side, no letter is too small, nothing is fetched. The pictures stay for people to look at.
import assert from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser, look, screens } from "../../support/browser.mjs";

const [print, outDir] = process.argv.slice(2);
mkdirSync(outDir, { recursive: true });

// Run in the page.
function measureBars() {
	const bars = [...document.querySelectorAll("td > div")].filter((div) =>
		div.style.background && div.style.height);
	return { count: bars.length,
		tallest: Math.max(0, ...bars.map((bar) => bar.getBoundingClientRect().height)) };
}

function check(sample, width, page) {
	const where = `${sample} at ${width} px`, bars = page.more;
	assert.match(page.heading, /^leadrelay .*report$/);
	assert.match(page.text, /All deliveries since the first start/);
	if (sample === "nothing") assert.equal(bars.count, 0, `${where}: no bars`);
	else assert.ok(bars.count >= 34 && bars.tallest === 72, `${where}: ${bars.count} bars, ${bars.tallest} px`);
	if (sample === "day")
		assert.match(page.text, /leadctl list --destination crm --state dead --reason invalid/);
}

const browser = new Browser();
try {
	for (const sample of ["day", "nothing", "extreme"]) {
		writeFileSync(join(outDir, `${sample}.html`), execFileSync(print, [sample, "html"]));
		for (const screen of screens)
			check(sample, screen[0], await look(browser, outDir, sample, screen, measureBars));
	}
} finally {
	await browser.close();
}
console.log(`the report reads well; pictures in ${outDir}`);
