// A second reader of the table service's rules, beside leadrelay's own: shares no code with it.
//   table.mjs URL get PATH          what is there, as JSON ("[...]" of all pages for a table)
//   table.mjs URL create TABLE
//   table.mjs URL sas TABLE PERMISSIONS [END]    a service SAS
import { createHmac } from "node:crypto";

const account = "devstoreaccount1"; // the emulator's, by its makers' word
const key = Buffer.from("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==", "base64");
const sign = (text) => createHmac("sha256", key).update(text, "utf8").digest("base64");
const [base, command, what, ...rest] = process.argv.slice(2);

async function ask(method, path, body) {
	const url = new URL(`${base}/${path}`);
	const date = new Date().toUTCString();
	const answer = await fetch(url, {
		method,
		body,
		headers: {
			"x-ms-date": date,
			"x-ms-version": "2019-02-02",
			Accept: "application/json;odata=nometadata",
			Authorization: `SharedKeyLite ${account}:${sign(`${date}\n/${account}${url.pathname}`)}`,
			...(body ? { "Content-Type": "application/json" } : {}),
		},
	});
	if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
	return answer;
}

async function all(table) {
	const found = [];
	let next = "";
	do {
		const answer = await ask("GET", `${table}()${next}`);
		found.push(...(await answer.json()).value);
		const partition = answer.headers.get("x-ms-continuation-nextpartitionkey");
		const row = answer.headers.get("x-ms-continuation-nextrowkey");
		next = partition
			? `?NextPartitionKey=${encodeURIComponent(partition)}&NextRowKey=${encodeURIComponent(row ?? "")}`
			: "";
	} while (next);
	return found;
}

function sas(table, permissions, end = "2099-01-01T00:00:00Z") {
	const text = [permissions, "", end, `/table/${account}/${table.toLowerCase()}`, "", "", "", "2019-02-02", "", "", "", ""];
	const query = new URLSearchParams({ sv: "2019-02-02", tn: table, sp: permissions, se: end, sig: sign(text.join("\n")) });
	return query.toString();
}

if (command === "get") console.log(JSON.stringify(await all(what)));
else if (command === "create") await ask("POST", "Tables", JSON.stringify({ TableName: what }));
else if (command === "sas") console.log(sas(what, ...rest));
else throw new Error(`no command ${command}`);
