// A relay that ended badly three times: the page says so, and delivers again when told to.
import assert from "node:assert";
import { accept, ask, becomes, dialog, open, picture, said } from "./support.mjs";

const browser = await open();
const page = await (await browser.context()).newPage();
const id = await accept({ email: "waits@example.com" });
await page.goto("/");
await page.getByText("Intake only: leads are taken in and none is delivered").waitFor();
await picture(page, "intake-only");
await page.getByRole("button", { name: "Deliver again…" }).click();
await dialog(page, { title: "Deliver again?", yes: "Deliver again" });
await becomes(id, "crm", "delivered");
await page.getByText("Intake only: leads").waitFor({ state: "detached" });
assert.equal((await ask("status")).intake_only, false);
said("out of intake-only mode");
await browser.close();
