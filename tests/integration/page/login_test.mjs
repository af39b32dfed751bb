// The page where a token is needed: login_test.mjs TOKEN
import assert from "node:assert";
import { admin, ask, open, picture, said } from "./support.mjs";

const token = process.argv[2];
const browser = await open();
browser.expect(/401/);
const context = await browser.context();
const page = await context.newPage();
const { leads: [lead] } = await ask("leads?limit=1", { Authorization: `Bearer ${token}` });

await page.goto(`/#/leads/${lead.id}`);
await page.getByRole("heading", { name: "leadrelay" }).waitFor();
assert.equal(new URL(page.url()).pathname, "/login");
assert.ok(await page.getByLabel("Token").evaluate((element) => element === document.activeElement));
await picture(page, "login");
await page.getByLabel("Token").fill("not the token at all");
await page.getByRole("button", { name: "Log in" }).click();
await page.getByText("That token is not one of the file's lines.").waitFor();
await page.getByLabel("Token").fill(token);
await page.keyboard.press("Enter");
await page.getByRole("heading", { name: "Story" }).waitFor();
assert.ok(page.url().endsWith(`/#/leads/${lead.id}`), "the link that was followed is where one arrives");
said("logged in, at the lead that the link named");

const [cookie] = await context.cookies();
assert.ok(cookie.httpOnly && cookie.sameSite === "Strict", "a cookie that no script and no other site uses");
assert.ok(!(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).includes(token), "the token is kept nowhere");

// A link in a mail brings no cookie along; the session is found all the same.
await page.goto("about:blank");
await page.setContent(`<a href="${admin}/#/leads/${lead.id}">look at this</a>`);
const door = page.waitForRequest(`${admin}/login`);
await page.getByText("look at this").click();
await door;
await page.getByRole("heading", { name: "Story" }).waitFor();
said("a link from elsewhere finds the session");

await page.getByRole("button", { name: "Log out" }).click();
await page.getByLabel("Token").waitFor();
assert.equal((await fetch(`${admin}/api/v1/status`, { headers: { Cookie: `${cookie.name}=${cookie.value}` } })).status, 401, "the session has ended at the daemon, too");
said("logged out");

// A session that ends while somebody looks: the door, and back to the same view.
await page.getByLabel("Token").fill(token);
await page.getByRole("button", { name: "Log in" }).click();
await page.getByRole("heading", { name: /accounted for/ }).waitFor();
await page.goto("/#/dead");
await page.getByRole("heading", { name: "Dead letters", level: 1 }).waitFor();
await context.clearCookies();
await page.getByLabel("Token").waitFor();
await page.getByLabel("Token").fill(token);
await page.getByRole("button", { name: "Log in" }).click();
await page.getByRole("heading", { name: "Dead letters", level: 1 }).waitFor();
said("a session that ended leads to the door and back");

// Without scripts the form alone does it.
const plain = await (await browser.context({ javaScriptEnabled: false })).newPage();
await plain.goto("/");
await plain.getByLabel("Token").fill(token);
await plain.getByRole("button", { name: "Log in" }).click();
await plain.waitForURL(`${admin}/`);
assert.equal(await plain.title(), "leadrelay");
said("the form works without scripts");
await browser.close();
