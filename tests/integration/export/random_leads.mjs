// Random leads as a json source takes them: an array on standard output. SEED COUNT; the same seed gives the same leads.
const [seed, count] = process.argv.slice(2).map(Number);
let state = seed >>> 0;
function random() { // mulberry32
	state = (state + 0x6d2b79f5) >>> 0;
	let t = state;
	t = Math.imul(t ^ (t >>> 15), t | 1);
	t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;

const FIELDS = `first_name last_name full_name email phone mobile company title country region city postal_code street website
	offer_title offer_id product_id action_code lead_source campaign description`.split(/\s+/);
const PIECES = ["a", "B", "7", " ", "  ", ",", ";", "\t", "|", '"', '""', "'", "''", "=", "+", "-", "@", "\n", "\r\n", "\r", "\\", "\\n", "\\\"", "\u001b[2J",
	"\u007f", "\u009b", "\u0001", "é", "Zoë", "ß", "北京", "日本語", "😀", "👩‍👩‍👧", "e\u0301", "\u202e", "\u00a0", "\ufeff", "\u2028", "\uffff", "＝", "＋", "Ω", "null", "true",
	"0", "1e5", "007", "<b>", "&amp;", "${HOME}", "%00", "{}", "[1,2]", "sep=;", "#", "--", "/*"];
const STARTS = ["=", "+", "-", "@", "'", "''", "'=", "\"", "=cmd|' /C calc'!A0", "+46 ", "-1", "'+46", "＝1", "＠", ",", ";", "'s-", "{", "[", "#", "sep=,"];

function text() {
	let out = chance(0.4) ? pick(STARTS) : "";
	const pieces = chance(0.03) ? 400 + below(2000) : 1 + below(12);
	for (let i = 0; i < pieces; i++) out += pick(PIECES);
	return out.trim() === "" ? "x" : out;
}
// A field: a text, or a number that is taken as its text.
const value = () => (chance(0.05) ? below(1e9) : text());

function number() { // as its text: what a double would lose has to stay
	return pick(["0", "-1", "1.10", "12345678901234567890", "0.1", "1e2", "-0.5E-3", String(below(1e6))]);
}
function json(depth) { // a random value, as JSON text
	const kind = below(depth > 3 ? 5 : 7);
	if (kind === 0) return JSON.stringify(text());
	if (kind === 1) return number();
	if (kind === 2) return pick(["true", "false", "null"]);
	if (kind === 3) return '""';
	if (kind === 4) return JSON.stringify("");
	const items = Array.from({ length: below(4) }, () => json(depth + 1));
	if (kind === 5) return "[" + items.join(",") + "]";
	return "{" + items.map((item, i) => JSON.stringify(pick(["k", "=k", "k,", 'k"', "ключ", "deliveries", "id"]) + i) + ":" + item).join(",") + "}";
}

function lead(i) {
	const members = [];
	for (const field of FIELDS)
		if (chance(chance(0.1) ? 1 : 0.4)) members.push([field, JSON.stringify(value())]);
	if (chance(0.9)) {
		const at = members.findIndex(([name]) => name === "email");
		if (at >= 0) members.splice(at, 1);
		members.push(["email", JSON.stringify(`lead${i}.${seed}@example.com`)]);
	}
	if (!members.some(([name]) => name === "company")) members.push(["company", JSON.stringify(chance(0.02) ? "MSFT_TEST_636573304831318844" : `c${i} ` + text())]);
	const extras = chance(0.5) ? 0 : 1 + below(4);
	for (let e = 0; e < extras; e++)
		members.push([pick(["points", "=sum", "Größe", "a,b", 'qu"ote', "'q", "source", "received", "tab\there", "test"]) + e, json(0)]);
	return "{" + members.map(([name, json]) => JSON.stringify(name) + ":" + json).join(",") + "}";
}
process.stdout.write("[" + Array.from({ length: count }, (_, i) => lead(i)).join(",\n") + "]\n");
