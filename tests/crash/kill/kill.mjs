// kill -9 at random moments under load, while it stops and while it starts too; then the books are opened.
//
//   node kill.mjs BIN-DIRECTORY [KILLS [SEED]]
//
// The daemon is killed and started again KILLS times; what must hold in the end stands in ../support/world.mjs.
import { setTimeout as sleep } from 'node:timers/promises';
import { generator, run } from '../support/world.mjs';

const [bin, kills = '50', seed = String(Date.now() % 100000)] = process.argv.slice(2);
const random = generator(seed);

await run(bin, async (world) => {
	await world.startCrm();
	await world.configure();
	let daemon = await world.up();
	world.load(12);
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
			const starting = world.daemon();
			await sleep(random() * 100);
			starting.kill('SIGKILL');
			await starting.ended;
		}
		daemon = await world.up();
	}
	await world.quiet();
	console.log(`kills ${kills}, seed ${seed}: sent ${world.sent.size}, acked ${world.acked.size}, ` +
		`slowest start ${world.slowest} ms (with leadctl and client start-up)`);
	const { wrong, row } = await world.judge();
	if (world.acked.size < Number(kills)) wrong.push('too little load to prove anything');
	if (row.dead) wrong.push('dead letters');
	daemon.kill('SIGTERM');
	const end = await daemon.ended;
	if (end.code !== 0) wrong.push(`the last stop: exit ${end.code} ${end.signal}`);
	return wrong;
});
