// kill -9 at random moments under load, while it stops and while it starts too; then the books are opened.
//
//   node kill.mjs BIN-DIRECTORY [KILLS [SEED]]
//
// Clients post leads without pause; the CRM answers slowly, sometimes 503, sometimes not at all. The daemon is killed and
// started again KILLS times. After the last start everything drains, and then must hold:
//   lost = 0        every lead that was answered 202 is in the CRM and in the archive
//   phantoms = 0    nothing is in the CRM that was never sent
//   duplicates = 0  one record per lead (the CRM refuses a second under the same key; e-mails are unique here)
//   the outbox's own accounting agrees (leadctl check)
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [bin, kills = '50', seed = String(Date.now() % 100000)] = process.argv.slice(2);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'leadrelay-kill.'));
const token = 'crash-test-token-0123456789';
const children = new Set();

let state = BigInt(seed) + 88172645463325252n;
function random() { // xorshift64: a run can be repeated by its seed, as far as the machine allows
	state ^= (state << 13n) & 0xffffffffffffffffn;
	state ^= state >> 7n;
	state ^= (state << 17n) & 0xffffffffffffffffn;
	return Number(state % 1000000n) / 1000000;
}

function start(program, args, log) {
	const out = fs.openSync(path.join(dir, log), 'a');
	const child = spawn(path.join(bin, program), args, { stdio: ['ignore', out, out] });
	fs.closeSync(out);
	children.add(child);
	child.ended = new Promise((resolve) => child.on('exit', (code, signal) => {
		children.delete(child);
		child.over = true;
		resolve({ code, signal });
	}));
	return child;
}

async function freePort() {
	const server = net.createServer().listen(0, '127.0.0.1');
	await new Promise((resolve) => server.once('listening', resolve));
	const { port } = server.address();
	await new Promise((resolve) => server.close(resolve));
	return port;
}

async function until(seconds, what, test) {
	const end = Date.now() + seconds * 1000;
	for (;;) {
		const value = await test();
		if (value) return value;
		if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
		await sleep(20);
	}
}

function request(url, { method = 'GET', headers = {}, body, agent } = {}) {
	return new Promise((resolve, reject) => {
		const req = http.request(url, { method, headers, agent }, (res) => {
			const parts = [];
			res.on('data', (part) => parts.push(part));
			res.on('end', () => resolve({ status: res.statusCode, body: Buffer.concat(parts).toString() }));
			res.on('error', reject);
		});
		req.setTimeout(15000, () => req.destroy(new Error('timed out')));
		req.on('error', reject);
		req.end(body);
	});
}

function ctl(...args) {
	const done = spawnSync(path.join(bin, 'leadctl'), ['-c', path.join(dir, 'leadrelay.yaml'), ...args], { encoding: 'utf8' });
	return { status: done.status, out: done.stdout, err: done.stderr };
}

async function main() {
	const port = await freePort();
	start('leadrelay-rehearsal', ['--listen', '127.0.0.1:0', '--port-file', path.join(dir, 'crm.port'), '--secret', 'crash~secret'], 'crm.log');
	await until(10, 'the rehearsal CRM starts', () => fs.existsSync(path.join(dir, 'crm.port')) && fs.readFileSync(path.join(dir, 'crm.port'), 'utf8').trim());
	const crm = `http://127.0.0.1:${fs.readFileSync(path.join(dir, 'crm.port'), 'utf8').trim()}`;
	const json = { 'Content-Type': 'application/json' };
	const fault = async (body) => {
		const answer = await request(`${crm}/_rehearsal/faults`, { method: 'POST', headers: json, body: JSON.stringify(body) });
		if (answer.status >= 300) throw new Error(`the CRM does not take the fault: ${answer.body}`);
	};
	await fault({ fault: 'latency', where: 'create', times: -1, probability: 1, ms: 20 });
	await fault({ fault: 'status', where: 'create', times: -1, probability: 0.05, status: 503, body: "html" });
	await fault({ fault: 'reset', where: 'create', times: -1, probability: 0.02 });
	await fault({ fault: 'commit_then_reset', where: 'create', times: -1, probability: 0.02 });

	fs.writeFileSync(path.join(dir, 'marketplace.token'), token + '\n', { mode: 0o600 });
	fs.writeFileSync(path.join(dir, 'crm.secret'), 'crash~secret\n', { mode: 0o600 });
	fs.writeFileSync(path.join(dir, 'leadrelay.yaml'), `
state_dir: ${dir}/state
intake: { listen: ["127.0.0.1:${port}"], rate_per_address: 100000/s }
sources:
  - { name: marketplace, kind: marketplace, token_file: marketplace.token, destinations: [crm, archive] }
destinations:
  - name: crm
    kind: dynamics365
    url: ${crm}
    auth: { method: azure_ad, directory_id: 12345678-0000-0000-0000-000000000000, client_id: 23456052-0000-0000-0000-000000000000,
            client_secret_file: crm.secret, authority: "${crm}" }
    timeout: 3s
    probe_interval: 1s
    max_concurrency: 32
  - { name: archive, kind: file, path: ${dir}/archive.jsonl }
retry: { first: 50ms, factor: 2, longest: 500ms, give_up_after: 14d }
log: { level: warn }
`, { mode: 0o600 });

	const acked = new Map(); // id -> e-mail
	const sent = new Set(); // e-mails
	let sequence = 0;
	let running = true;
	const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
	async function client() {
		while (running) {
			const email = `lead${sequence++}@example.com`;
			const body = JSON.stringify({ UserDetails: { FirstName: 'Ana', LastName: 'Silva', Email: email, Company: 'Fabrikam' },
				LeadSource: 'AzureMarketplace', ActionCode: 'INS', OfferTitle: 'Contoso Backup', Description: 'x'.repeat(200) });
			sent.add(email);
			try {
				const answer = await request(`http://127.0.0.1:${port}/in/marketplace/${token}`, { method: 'POST', headers: json, body, agent });
				if (answer.status === 202) acked.set(JSON.parse(answer.body).id, email);
				else if (answer.status !== 503 && answer.status !== 429) throw new Error(`answered ${answer.status}: ${answer.body}`);
			} catch (error) {
				if (error.message.startsWith('answered')) throw error;
				await sleep(10); // killed, or not up yet
			}
			await sleep(8);
		}
	}

	let slowest = 0;
	async function up() {
		const begun = Date.now();
		const daemon = start('leadrelayd', ['-c', path.join(dir, 'leadrelay.yaml')], 'relay.log');
		await until(20, 'leadrelayd is ready', async () => {
			if (daemon.over) throw new Error('leadrelayd ended by itself');
			return request(`http://127.0.0.1:${port}/`).then(() => true, () => false);
		});
		slowest = Math.max(slowest, Date.now() - begun);
		// Three unclean ends in ten minutes are an emergency in real life: intake only until someone says go on.
		const resumed = ctl('resume');
		if (resumed.status !== 0) throw new Error(`leadctl resume: ${resumed.err}`);
		return daemon;
	}

	let daemon = await up();
	const clients = Array.from({ length: 12 }, client);
	for (let i = 0; i < Number(kills); i++) {
		await sleep(30 + random() * 500);
		const moment = random(); // a third at work, a third while it stops, a third while it starts
		if (moment < 0.33) {
			daemon.kill('SIGTERM');
			await sleep(random() * 150);
		}
		daemon.kill('SIGKILL');
		await daemon.ended;
		if (moment > 0.66) {
			const starting = start('leadrelayd', ['-c', path.join(dir, 'leadrelay.yaml')], 'relay.log');
			await sleep(random() * 100);
			starting.kill('SIGKILL');
			await starting.ended;
		}
		daemon = await up();
	}
	running = false;
	await Promise.all(clients);
	agent.destroy();
	for (const name of ['faults']) await request(`${crm}/_rehearsal/${name}`, { method: 'DELETE' });
	await until(120, 'everything is delivered', () => {
		const status = JSON.parse(ctl('--json', 'status').out);
		return status.accounting.pending === 0 && status;
	});

	const { records } = JSON.parse((await request(`${crm}/_rehearsal/records`)).body);
	const inCrm = new Map(records.map((record) => [record.leadid.toLowerCase(), record.emailaddress1]));
	const archived = new Map();
	for (const line of fs.readFileSync(path.join(dir, 'archive.jsonl'), 'utf8').split('\n')) {
		let lead;
		try {
			lead = JSON.parse(line);
		} catch {
			continue; // empty, or torn by a kill in the middle of the write
		}
		archived.set(lead.id, (archived.get(lead.id) ?? 0) + 1);
	}
	const lost = [...acked].filter(([id, email]) => inCrm.get(id) !== email);
	const unarchived = [...acked.keys()].filter((id) => !archived.has(id));
	const phantoms = records.filter((record) => !sent.has(record.emailaddress1));
	const emails = new Set(records.map((record) => record.emailaddress1));
	const check = ctl('check');
	const status = JSON.parse(ctl('--json', 'status').out);
	const crmRow = status.destinations.find((row) => row.name === 'crm');

	console.log(`kills ${kills}, seed ${seed}: sent ${sent.size}, acked ${acked.size}, records ${records.length}, ` +
		`slowest start ${slowest} ms (with leadctl and client start-up)`);
	console.log(`lost ${lost.length}, not archived ${unarchived.length}, phantoms ${phantoms.length}, ` +
		`records without a lead of their own ${records.length - emails.size}, dead ${crmRow.dead}`);
	const wrong = [];
	if (acked.size < Number(kills)) wrong.push('too little load to prove anything');
	if (lost.length) wrong.push(`lost: ${JSON.stringify(lost.slice(0, 5))}`);
	if (unarchived.length) wrong.push(`not archived: ${unarchived.slice(0, 5)}`);
	if (phantoms.length) wrong.push('phantoms');
	if (records.length !== emails.size) wrong.push('a lead became two records');
	if (crmRow.delivered !== records.length) wrong.push(`the relay counts ${crmRow.delivered} delivered, the CRM ${records.length} records`);
	if (crmRow.dead) wrong.push('dead letters');
	if (check.status !== 0) wrong.push(`leadctl check: ${check.out}${check.err}`);
	daemon.kill('SIGTERM');
	const end = await daemon.ended;
	if (end.code !== 0) wrong.push(`the last stop: exit ${end.code} ${end.signal}`);
	return wrong;
}

let wrong;
try {
	wrong = await main();
} catch (error) {
	wrong = [error.stack];
}
for (const child of children) child.kill('SIGKILL');
if (wrong.length) {
	console.log(`FAILED (files kept in ${dir}):\n${wrong.join('\n')}`);
	try {
		console.log(fs.readFileSync(path.join(dir, 'relay.log'), 'utf8').split('\n').slice(-20).join('\n'));
	} catch { /* it never started */ }
	process.exit(1);
}
fs.rmSync(dir, { recursive: true });
console.log('nothing lost');
