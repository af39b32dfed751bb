// Every named crash point, armed, reached, judged: the daemon is killed at the N-th passing of the point, started again and asked for
// its books; after the last point everything must have arrived.
//
//   node points.mjs BIN-DIRECTORY [PASSINGS [POINT]]
//
// PASSINGS: how many passings of each point are tried (1, 2, 3 ...). The programs need LEADRELAY_FAULT_POINTS.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request, run, until } from '../support/world.mjs';

const [bin, passings = '1', only] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));

// What makes the daemon pass a point: the load alone, or something beside it.
const idle = async (world) => { // a checkpoint comes when nothing else does
	await world.quiet();
	await sleep(1500);
	world.load(6);
};
const prune = (world) => world.ctl('prune');
const replay = (world) => world.ctl('replay', '--again', '--destination', 'crm', '--since', '1h', '--yes');
const reload = (world, daemon) => daemon.kill('SIGHUP');
const stop = (world, daemon) => daemon.kill('SIGTERM');
const forgetTokens = (world) => request(`${world.crm}/_rehearsal/tokens/revoke`, { method: 'POST' });
const fresh = (world) => fs.renameSync(world.file('state'), world.file(`state.${Date.now()}`));

// The last report was made three hours ago: one is due at start.
async function backdateReports(world) {
	const sql = (text) => execFileSync('sqlite3', [world.file('state/outbox.db'), text], { encoding: 'utf8' }).trim();
	const daemon = await world.up();
	await until(30, 'the report is known', () => sql('SELECT count(*) FROM report') !== '0');
	daemon.kill('SIGTERM');
	await daemon.ended;
	sql('UPDATE report SET due_at = due_at - 3 * 3600 * 1000');
}

let lists = 0;
const imported = new Set();
function importList(world) { // leadctl goes on by itself when the daemon dies, and finishes
	const file = world.file(`fair${++lists}.csv`);
	const emails = Array.from({ length: 60 }, (_, row) => `fair${lists}.${row}@example.com`);
	fs.writeFileSync(file, 'First name,Last name,E-mail\n' + emails.map((email) => `Ana,Silva,${email}\n`).join(''));
	for (const email of emails) {
		world.sent.add(email);
		imported.add(email);
	}
	world.ctl('import', file, '--source', 'fair');
	if (world.ctl('import', file, '--source', 'fair').status !== 0) throw new Error(`leadctl import ${file} does not end well`);
}
// The eldest that is delivered: of one that waits, forget gives up the delivery first, and its record, if it came into being, is
// nobody's here.
const forgotten = new Set();
function forget(world) {
	const delivered = ([id]) => JSON.parse(world.ctl('--json', 'show', id).out || '{}')
		.deliveries?.some(({ destination, state }) => destination === 'crm' && state === 'delivered');
	const [, email] = [...world.acked].find((lead) => !forgotten.has(lead[1]) && delivered(lead)) ?? [];
	if (!email) return;
	forgotten.add(email);
	world.ctl('forget', email);
}

const points = [
	['intake.parsed'], ['intake.tx_open'], ['intake.rows_written'], ['intake.before_commit'], ['intake.after_commit_before_2xx'], ['intake.2xx_half_written'],
	['claim.before_commit'], ['claim.after_commit'],
	['send.connected'], ['send.headers_out'], ['send.body_out_no_reply'], ['send.reply_headers'], ['send.2xx_before_mark'],
	['mark.before_commit'], ['mark.after_commit'], ['retry.scheduled'], ['dead.marked_before_mail'],
	['mail.data_out_no_end'], ['mail.reply'], ['file.before_sync'],
	['token.refreshed_before_store', forgetTokens],
	['report.sent_before_mark'], ['ckpt.start', idle], ['prune.mid_batch', prune], ['replay.mid_batch', replay],
	['csv.row_k', importList], ['csv.checkpoint', importList], ['csv.finish', importList], ['forget.mid_batch', forget],
	['reload.swap', reload], ['shutdown.drain', stop],
];

const oncePerLife = new Set(['report.sent_before_mark', 'shutdown.drain']);

async function startMail(world) {
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', world.file('mail.key'),
		'-out', world.file('mail.crt'), '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
	world.start(process.execPath, [path.join(here, '../../support/smtp_server.mjs'), world.file('smtp.port'), world.file('mail.crt'), world.file('mail.key')], 'smtp.log');
	const [port, control] = (await until(30, 'the mail server starts', () => fs.existsSync(world.file('smtp.port')) &&
		fs.readFileSync(world.file('smtp.port'), 'utf8'))).split('\n');
	world.mailControl = `http://127.0.0.1:${control}`;
	return `
mail:
  smtp: { url: "smtp://localhost:${port}", tls: required, ca_file: mail.crt, timeout: 5s }
  from: relay@contoso.com
reports:
  - { name: hourly, every: hour, timezone: UTC, directory: ${world.dir}/reports, formats: [json] }
`;
}

// Armed, driven until it is dead, started again, its books opened.
async function crashAt(world, point, passing, drive) {
	const armed = world.daemon({ LEADRELAY_FAULT: `${point}:kill:${passing}` });
	await until(30, 'it is ready, or dead already', async () => armed.over || await world.answers());
	if (!armed.over) world.ctl('resume');
	const end = Date.now() + 60000;
	while (!armed.over && Date.now() < end) {
		await drive?.(world, armed);
		await sleep(50);
	}
	if (!armed.over) {
		armed.kill('SIGKILL');
		await armed.ended;
		return [`${point}: passing ${passing} was never reached`];
	}
	const { signal } = await armed.ended;
	if (signal !== 'SIGKILL') return [`${point}: it ended by itself: ${signal}`];
	const daemon = await world.up();
	const check = world.ctl('check');
	daemon.kill('SIGTERM');
	const { code } = await daemon.ended;
	const wrong = [];
	if (check.status !== 0) wrong.push(`${point}: leadctl check: ${check.out}${check.err}`);
	if (code !== 0) wrong.push(`${point}: the stop afterwards: exit ${code}`);
	return wrong;
}

await run(bin, async (world) => {
	if (spawnSync('grep', ['-qa', 'LEADRELAY_FAULT', path.join(bin, 'leadrelayd')]).status !== 0)
		return ['these programs have no crash points: build with -DLEADRELAY_FAULT_POINTS=ON'];
	await world.startCrm();
	await world.fault({ fault: 'plugin_refuses', where: 'create', times: -1, probability: 0.03 });
	fs.mkdirSync(world.file('reports'));
	const more = await startMail(world);
	const sources = '  - { name: fair, kind: csv, destinations: [crm, archive] }';
	await world.configure({ more, sources, crmLines: '    contacts: "owner@contoso.com"' });
	const wrong = [];
	if (!only || only === 'migrate.step_n') { // each step of a new outbox
		const steps = fs.readdirSync(path.join(here, '../../../schema')).filter((name) => name.endsWith('.sql')).length;
		for (let step = 1; step <= steps; step++) {
			wrong.push(...await crashAt(world, 'migrate.step_n', step));
			fresh(world);
		}
	}
	world.load(6);
	let crashes = 0;
	for (const [point, drive] of points.filter(([name]) => !only || name === only)) {
		for (let passing = 1; passing <= Number(passings); passing++) {
			if (point === 'report.sent_before_mark') await backdateReports(world);
			wrong.push(...await crashAt(world, point, oncePerLife.has(point) ? 1 : passing, drive));
			crashes++;
		}
	}
	await world.quiet();
	const daemon = await world.up();
	// The CRM refused some for good: they are dead letters, and come again.
	await request(`${world.crm}/_rehearsal/faults`, { method: 'DELETE' });
	world.ctl('replay', '--state', 'dead', '--yes');
	console.log(`crashes ${crashes}: sent ${world.sent.size}, acked ${world.acked.size}, slowest start ${world.slowest} ms`);
	const judged = await world.judge();
	wrong.push(...judged.wrong);
	const arrived = new Set(judged.records.map((record) => record.emailaddress1));
	const missing = [...imported].filter((email) => !arrived.has(email));
	if (missing.length) wrong.push(`imported rows that never arrived: ${missing.slice(0, 5)}`);
	await until(60, 'all notifications are sent', () => JSON.parse(world.ctl('--json', 'status').out).notifications.pending === 0);
	const mails = JSON.parse((await request(`${world.mailControl}/mails`)).body);
	const ids = new Set(mails.map((mail) => mail.messageId));
	console.log(`mails ${mails.length}, of them copies ${mails.length - ids.size}`);
	if (ids.size < world.acked.size) wrong.push(`${world.acked.size} leads were accepted, ${ids.size} told to their owner`);
	for (const email of forgotten) { // begun, and ended by a crash: the same command again ends it
		const { status, err } = world.ctl('forget', email);
		if (status !== 0) wrong.push(`forget ${email} again: ${err}`);
		const left = world.ctl('--json', 'list', '--email', email).out;
		if (left) wrong.push(`forgotten, but listed: ${left}`);
	}
	daemon.kill('SIGTERM');
	await daemon.ended;
	return wrong;
});
