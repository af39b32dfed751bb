// kill -9 at random moments under load, while it stops and while it starts too, and while the operator imports a file, makes a backup,
// prunes, asks for a report or has the configuration read again; then the books are opened.
//
//   node kill.mjs BIN-DIRECTORY [KILLS [SEED]]
//
// The daemon is killed and started again KILLS times; what must hold in the end stands in ../support/world.mjs.
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { generator, run, until } from '../support/world.mjs';

const [bin, kills = '50', seed = String(Date.now() % 100000)] = process.argv.slice(2);
const random = generator(seed);

const IMPORT_ROWS = 400;
let importing;

// A list of a trade fair; begun again after each kill until it is through, then the next.
function importList(world) {
	if (!importing || (importing.over && importing.code === 0)) {
		const number = (importing?.number ?? 0) + 1;
		const emails = Array.from({ length: IMPORT_ROWS }, (_, row) => `fair${number}.${row}@example.com`);
		fs.writeFileSync(world.file(`fair${number}.csv`), 'First name;Last name;E-mail;Company\r\n' +
			emails.map((email, row) => `Ana;"Silva, ${row}";${email};Fabrikam\r\n`).join(''));
		for (const email of emails) world.sent.add(email);
		importing = { number, emails, over: true };
		world.lists.push(importing);
	}
	if (!importing.over) return;
	const list = importing;
	list.over = false;
	world.leadctl('import', world.file(`fair${list.number}.csv`), '--source', 'fair').then((code) => {
		list.code = code;
		list.over = true;
	});
}

const operations = [
	importList,
	(world) => world.leadctl('backup', world.file('backup.db'), '--force'),
	(world) => world.leadctl('prune'),
	(world) => world.leadctl('report', '--since', '1h', '--format', 'json'),
	(world, daemon) => daemon.kill('SIGHUP'),
];

await run(bin, async (world) => {
	await world.startCrm();
	await world.configure({ more: 'retention: { delivered: 1s, attempts: 1s }\n', sources: '  - { name: fair, kind: csv, destinations: [crm, archive] }' });
	world.lists = [];
	world.leadctl = (...args) => world.start('leadctl', ['-c', world.file('leadrelay.yaml'), ...args], 'leadctl.log').ended.then(({ code }) => code);
	let daemon = await world.up();
	world.load(12);
	for (let i = 0; i < Number(kills); i++) {
		await sleep(30 + random() * 500);
		operations[Math.floor(random() * operations.length)](world, daemon);
		await sleep(random() * 100);
		const moment = random(); // a third at work, a third while it stops, a third while it starts
		if (moment < 0.33) {
			daemon.kill('SIGTERM');
			await sleep(random() * 150);
		}
		daemon.kill('SIGKILL');
		await daemon.ended;
		if (moment > 0.66) {
			const starting = world.daemon();
			await sleep(random() * 100);
			starting.kill('SIGKILL');
			await starting.ended;
		}
		daemon = await world.up();
	}
	await world.quiet();
	for (const list of world.lists) { // what was begun is finished
		await until(60, 'leadctl import ends', () => list.over);
		const { status, err } = world.ctl('import', world.file(`fair${list.number}.csv`), '--source', 'fair');
		if (status !== 0) throw new Error(`leadctl import: exit ${status}: ${err}`);
	}
	console.log(`kills ${kills}, seed ${seed}: sent ${world.sent.size}, acked ${world.acked.size}, ` +
		`slowest start ${world.slowest} ms (with leadctl and client start-up)`);
	const { wrong, records, row } = await world.judge();
	const arrived = new Set(records.map((record) => record.emailaddress1));
	const missing = world.lists.flatMap((list) => list.emails).filter((email) => !arrived.has(email));
	console.log(`rows imported ${world.lists.length * IMPORT_ROWS}, missing ${missing.length}`);
	if (missing.length) wrong.push(`imported rows that never arrived: ${missing.slice(0, 5)}`);
	if (world.acked.size < Number(kills)) wrong.push('too little load to prove anything');
	if (row.dead) wrong.push('dead letters');
	daemon.kill('SIGTERM');
	const end = await daemon.ended;
	if (end.code !== 0) wrong.push(`the last stop: exit ${end.code} ${end.signal}`);
	return wrong;
});
