// The HTML parts of real mails in headless Chromium: node mail_looks_test.mjs MAILS DIRECTORY. MAILS is a JSON object, name to mail
// as smtp_server.mjs tells it. The pictures stay in DIRECTORY for people to look at.
import assert from "node:assert";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser, look, screens } from "../../support/browser.mjs";

const [mailsFile, outDir] = process.argv.slice(2);
const words = {
	single: [/Zoë/, /Ångström, 東京/, /Contoso Backup/, /leadctl show [0-9a-f-]{36}/, /asked for a demo/],
	hostile: [/<script>/, /<img src=/, /W{300}/, /leadctl show/],
	digest: [/^6 new leads/m, /Test lead/, /東/, /leadctl show/],
	alert: [/crm/, /AADSTS7000215/, /leadctl /],
};
const blanks = (text) => text.replace(/\s+/g, " ").trim();

mkdirSync(outDir, { recursive: true });
const mails = JSON.parse(readFileSync(mailsFile, "utf8"));
const browser = new Browser();
try {
	for (const [name, patterns] of Object.entries(words)) {
		const mail = mails[name];
		assert.ok(mail?.html, `${name}: has HTML`);
		writeFileSync(join(outDir, `${name}.html`), mail.html);
		for (const screen of screens) {
			const page = await look(browser, outDir, name, screen);
			assert.ok(blanks(mail.subject).includes(blanks(page.heading)), `${name}: the heading is the subject's`);
			for (const pattern of patterns) assert.match(page.text, pattern, `${name} at ${screen[0]} px`);
		}
	}
} finally {
	await browser.close();
}
console.log(`the mails read well; pictures in ${outDir}`);
