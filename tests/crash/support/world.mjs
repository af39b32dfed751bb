// What the crash tests share: a scratch directory with the rehearsal CRM and the real daemon, clients that post without pause and
// remember what was answered 202, and the judgement at the end:
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

const json = { 'Content-Type': 'application/json' };
const token = 'crash-test-token-0123456789';

// xorshift64: a run can be repeated by its seed, as far as the machine allows
export function generator(seed) {
	let state = BigInt(seed) + 88172645463325252n;
	return () => {
		state ^= (state << 13n) & 0xffffffffffffffffn;
		state ^= state >> 7n;
		state ^= (state << 17n) & 0xffffffffffffffffn;
		return Number(state % 1000000n) / 1000000;
	};
}

export async function until(seconds, what, test) {
	const end = Date.now() + seconds * 1000;
	for (;;) {
		const value = await test();
		if (value) return value;
		if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
		await sleep(20);
	}
}

export function request(url, { method = 'GET', headers = {}, body, agent } = {}) {
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

async function freePort() {
	const server = net.createServer().listen(0, '127.0.0.1');
	await new Promise((resolve) => server.once('listening', resolve));
	const { port } = server.address();
	await new Promise((resolve) => server.close(resolve));
	return port;
}

export class World {
	constructor(bin) {
		this.bin = bin;
		this.token = token;
		this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'leadrelay-crash.'));
		this.children = new Set();
		this.acked = new Map(); // id -> e-mail
		this.sent = new Set(); // e-mails
		this.sequence = 0;
		this.slowest = 0; // start to ready, ms
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
		this.running = false;
	}

	file(name) { return path.join(this.dir, name); }

	start(program, args, log, env = {}) {
		const out = fs.openSync(this.file(log), 'a');
		const command = program.includes('/') ? program : path.join(this.bin, program);
		const child = spawn(command, args, { stdio: ['ignore', out, out], env: { ...process.env, ...env } });
		fs.closeSync(out);
		this.children.add(child);
		child.ended = new Promise((resolve) => child.on('exit', (code, signal) => {
			this.children.delete(child);
			child.over = true;
			resolve({ code, signal });
		}));
		return child;
	}

	// The rehearsal CRM: slow, sometimes 503, sometimes not answering at all.
	async startCrm() {
		this.start('leadrelay-rehearsal', ['--listen', '127.0.0.1:0', '--port-file', this.file('crm.port'), '--secret', 'crash~secret'], 'crm.log');
		const port = await until(20, 'the rehearsal CRM starts', () => fs.existsSync(this.file('crm.port')) && fs.readFileSync(this.file('crm.port'), 'utf8').trim());
		this.crm = `http://127.0.0.1:${port}`;
		await this.fault({ fault: 'latency', where: 'create', times: -1, probability: 1, ms: 20 });
		await this.fault({ fault: 'status', where: 'create', times: -1, probability: 0.05, status: 503, body: 'html' });
		await this.fault({ fault: 'reset', where: 'create', times: -1, probability: 0.02 });
		await this.fault({ fault: 'commit_then_reset', where: 'create', times: -1, probability: 0.02 });
	}

	async fault(body) {
		const answer = await request(`${this.crm}/_rehearsal/faults`, { method: 'POST', headers: json, body: JSON.stringify(body) });
		if (answer.status >= 300) throw new Error(`the CRM does not take the fault: ${answer.body}`);
	}

	// more: lines at the end of the configuration; crmLines: lines of the destination crm; sources: more of them.
	async configure({ more = '', crmLines = '', sources = '' } = {}) {
		this.port ??= await freePort();
		fs.writeFileSync(this.file('marketplace.token'), token + '\n', { mode: 0o600 });
		fs.writeFileSync(this.file('crm.secret'), 'crash~secret\n', { mode: 0o600 });
		fs.writeFileSync(this.file('leadrelay.yaml'), `
state_dir: ${this.dir}/state
intake: { listen: ["127.0.0.1:${this.port}"], rate_per_address: 100000/s }
sources:
  - { name: marketplace, kind: marketplace, token_file: marketplace.token, destinations: [crm, archive] }
${sources}
destinations:
  - name: crm
    kind: dynamics365
    url: ${this.crm}
    auth: { method: azure_ad, directory_id: 12345678-0000-0000-0000-000000000000, client_id: 23456052-0000-0000-0000-000000000000,
            client_secret_file: crm.secret, authority: "${this.crm}" }
    timeout: 3s
    probe_interval: 1s
    max_concurrency: 32
${crmLines}
  - { name: archive, kind: file, path: ${this.dir}/archive.jsonl }
retry: { first: 50ms, factor: 2, longest: 500ms, give_up_after: 14d }
log: { level: warn }
${more}`, { mode: 0o600 });
	}

	ctl(...args) {
		const done = spawnSync(path.join(this.bin, 'leadctl'), ['-c', this.file('leadrelay.yaml'), ...args], { encoding: 'utf8' });
		return { status: done.status, out: done.stdout, err: done.stderr };
	}

	daemon(env) { return this.start('leadrelayd', ['-c', this.file('leadrelay.yaml')], 'relay.log', env); }

	answers() { return request(`http://127.0.0.1:${this.port}/`).then(() => true, () => false); }

	async up() {
		const begun = Date.now();
		const daemon = this.daemon();
		await until(30, 'leadrelayd is ready', async () => {
			if (daemon.over) throw new Error('leadrelayd ended by itself');
			return this.answers();
		});
		this.slowest = Math.max(this.slowest, Date.now() - begun);
		// Three unclean ends in ten minutes are an emergency in real life: intake only until someone says go on.
		const resumed = this.ctl('resume');
		if (resumed.status !== 0) throw new Error(`leadctl resume: ${resumed.err}`);
		return daemon;
	}

	async client(pause) {
		while (this.running) {
			const email = `lead${this.sequence++}@example.com`;
			const body = JSON.stringify({ UserDetails: { FirstName: 'Ana', LastName: 'Silva', Email: email, Company: 'Fabrikam' },
				LeadSource: 'AzureMarketplace', ActionCode: 'INS', OfferTitle: 'Contoso Backup', Description: 'x'.repeat(200) });
			this.sent.add(email);
			try {
				const answer = await request(`http://127.0.0.1:${this.port}/in/marketplace/${token}`, { method: 'POST', headers: json, body, agent: this.agent });
				if (answer.status === 202) this.acked.set(JSON.parse(answer.body).id, email);
				else if (answer.status !== 503 && answer.status !== 429) throw new Error(`answered ${answer.status}: ${answer.body}`);
			} catch (error) {
				if (error.message.startsWith('answered')) throw error;
				await sleep(10); // killed, or not up yet
			}
			await sleep(pause);
		}
	}
	load(clients, pause = 8) {
		this.running = true;
		this.clients = Array.from({ length: clients }, () => this.client(pause));
	}
	async quiet() {
		this.running = false;
		await Promise.all(this.clients);
	}

	// Faults off, everything delivered, the books opened. Returns what is wrong.
	async judge() {
		await request(`${this.crm}/_rehearsal/faults`, { method: 'DELETE' });
		await until(120, 'everything is delivered', () => {
			const status = JSON.parse(this.ctl('--json', 'status').out);
			return status.accounting.pending === 0 && status;
		});
		const { records } = JSON.parse((await request(`${this.crm}/_rehearsal/records`)).body);
		const inCrm = new Map(records.map((record) => [record.leadid.toLowerCase(), record.emailaddress1]));
		const archived = new Set();
		for (const line of fs.readFileSync(this.file('archive.jsonl'), 'utf8').split('\n')) {
			try {
				archived.add(JSON.parse(line).id);
			} catch { /* empty, or torn by a kill in the middle of the write */ }
		}
		const lost = [...this.acked].filter(([id, email]) => inCrm.get(id) !== email);
		const unarchived = [...this.acked.keys()].filter((id) => !archived.has(id));
		const phantoms = records.filter((record) => !this.sent.has(record.emailaddress1));
		const emails = new Set(records.map((record) => record.emailaddress1));
		const check = this.ctl('check');
		const row = JSON.parse(this.ctl('--json', 'status').out).destinations.find((destination) => destination.name === 'crm');

		console.log(`lost ${lost.length}, not archived ${unarchived.length}, phantoms ${phantoms.length}, ` +
			`records without a lead of their own ${records.length - emails.size}, dead ${row.dead}`);
		const wrong = [];
		if (lost.length) wrong.push(`lost: ${JSON.stringify(lost.slice(0, 5))}`);
		if (unarchived.length) wrong.push(`not archived: ${unarchived.slice(0, 5)}`);
		if (phantoms.length) wrong.push('phantoms');
		if (records.length !== emails.size) wrong.push('a lead became two records');
		if (row.delivered !== records.length) {
			wrong.push(`the relay counts ${row.delivered} delivered, the CRM ${records.length} records; what they differ in:`);
			wrong.push(...this.differences(inCrm));
		}
		if (check.status !== 0) wrong.push(`leadctl check: ${check.out}${check.err}`);
		return { wrong, records, row };
	}

	// What the CRM has and the relay does not hold for delivered, and the other way round: the relay's own words about each.
	differences(inCrm) {
		const listed = this.ctl('--json', 'list', '--state', 'delivered', '--destination', 'crm', '--limit', '0').out;
		const delivered = new Set(listed.split('\n').filter(Boolean).map((line) => JSON.parse(line).id));
		const ids = [...inCrm.keys()].filter((id) => !delivered.has(id)).concat([...delivered].filter((id) => !inCrm.has(id)));
		return ids.slice(0, 5).map((id) => {
			const shown = this.ctl('show', id);
			return `${id} ${inCrm.get(id) ?? 'not in the CRM'}: ${shown.out}${shown.err}`;
		});
	}
}

// Runs main(world), which returns what is wrong; ends everything it started and the process.
export async function run(bin, main) {
	const world = new World(bin);
	let wrong;
	try {
		wrong = await main(world);
	} catch (error) {
		wrong = [error.stack];
	}
	world.running = false;
	for (const child of world.children) child.kill('SIGKILL');
	if (wrong.length) {
		console.log(`FAILED (files kept in ${world.dir}):\n${wrong.join('\n')}`);
		try {
			console.log(fs.readFileSync(world.file('relay.log'), 'utf8').split('\n').slice(-20).join('\n'));
		} catch { /* it never started */ }
		process.exit(1);
	}
	fs.rmSync(world.dir, { recursive: true });
	console.log('nothing lost');
	process.exit(0);
}
