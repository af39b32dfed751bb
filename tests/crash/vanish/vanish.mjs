// Clients that send a lead and vanish before they have its answer, at any moment and also with the answer's first byte in their hands
// (then it is committed for certain); and that send the same again until they are answered. Each is one lead.
//
//   node vanish.mjs BIN-DIRECTORY [TIMES [SEED]]
//
// Half of them are known again by their bytes alone (a marketplace source), half by their Idempotency-Key (a json source).
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { generator, run, until } from '../support/world.mjs';

const [bin, times = '100', seed = String(Date.now() % 100000)] = process.argv.slice(2);
const random = generator(seed);
const CLIENTS = 16;
const partner = 'partner-token-0123456789';

function makeLead(world, number) {
	const email = `vanish${number}@example.com`;
	const keyed = number % 2 === 1;
	const body = JSON.stringify(keyed ? { first_name: 'Ana', last_name: 'Silva', email, company: 'Fabrikam' }
		: { UserDetails: { FirstName: 'Ana', LastName: 'Silva', Email: email, Company: 'Fabrikam' }, LeadSource: 'AzureMarketplace', ActionCode: 'INS', OfferTitle: 'Contoso Backup', Description: 'x' });
	const head = [`POST /in/${keyed ? 'partner' : 'marketplace'} HTTP/1.1`, 'Host: 127.0.0.1',
		`Authorization: Bearer ${keyed ? partner : world.token}`, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
	if (keyed) head.push(`Idempotency-Key: lead-${number}`);
	return { email, bytes: `${head.join('\r\n')}\r\n\r\n${body}` };
}

// Sends it all and goes away: with a reset or an end, at once, a moment later, or when the answer begins. True: it had begun.
function vanish(world, lead, how) {
	return new Promise((resolve) => {
		let begun = false;
		const socket = net.connect(world.port, '127.0.0.1');
		const leave = () => {
			if (how.reset) socket.resetAndDestroy();
			else socket.destroy();
		};
		socket.on('error', () => {});
		socket.on('close', () => resolve(begun));
		socket.on('readable', () => { // one byte, and the rest is never read
			if (socket.read(1) === null) return;
			begun = true;
			leave();
		});
		socket.write(lead.bytes, () => {
			if (how.when === 'at once') leave();
			else if (how.when === 'later') setTimeout(leave, how.after);
		});
		socket.setTimeout(15000, leave);
	});
}

function send(world, lead) {
	return new Promise((resolve, reject) => {
		let answer = '';
		const socket = net.connect(world.port, '127.0.0.1');
		socket.setEncoding('utf8');
		socket.on('error', reject);
		socket.on('data', (text) => {
			answer += text;
			const end = answer.indexOf('\r\n\r\n');
			const length = /content-length: (\d+)/i.exec(answer);
			if (end < 0 || !length || answer.length < end + 4 + Number(length[1])) return;
			socket.end();
			resolve({ status: Number(answer.slice(9, 12)), body: answer.slice(end + 4) });
		});
		socket.on('close', () => reject(new Error('no answer')));
		socket.setTimeout(15000, () => socket.destroy());
		socket.write(lead.bytes);
	});
}

const counts = { vanished: 0, begun: 0, repeats: 0, fresh: 0 };

async function one(world, number) {
	const lead = makeLead(world, number);
	world.sent.add(lead.email);
	for (let n = 1 + Math.floor(random() * 2); n > 0; n--) {
		const when = ['at once', 'later', 'when it begins'][Math.floor(random() * 3)];
		counts.vanished++;
		if (await vanish(world, lead, { when, after: random() * 6, reset: random() < 0.5 })) counts.begun++;
	}
	const answer = await until(60, 'an answer', async () => {
		const { status, body } = await send(world, lead).catch(() => ({}));
		if (status === 200 || status === 202) return { status, body };
		if (status && status !== 503 && status !== 429) throw new Error(`answered ${status}: ${body}`);
		await sleep(20);
	});
	counts[answer.status === 200 ? 'repeats' : 'fresh']++;
	world.acked.set(JSON.parse(answer.body).id, lead.email);
}

await run(bin, async (world) => {
	await world.startCrm();
	await world.configure({ sources: `  - { name: partner, kind: json, token: ${partner}, destinations: [crm, archive] }` });
	const daemon = await world.up();
	let next = 0;
	await Promise.all(Array.from({ length: CLIENTS }, async () => {
		while (next < Number(times)) await one(world, next++);
	}));
	const { wrong, records } = await world.judge();
	console.log(`seed ${seed}: ${times} leads, clients vanished ${counts.vanished} times, ${counts.begun} of them with an answer begun; ` +
		`sent again: ${counts.repeats} were there already, ${counts.fresh} were not; records ${records.length}`);
	if (records.length !== Number(times)) wrong.push(`${records.length} records of ${times} leads`);
	if (world.acked.size !== Number(times)) wrong.push(`${world.acked.size} ids of ${times} leads`);
	if (counts.begun < Number(times) / 10 || counts.repeats < counts.begun / 2) wrong.push('too few vanished behind the commit to prove anything');
	daemon.kill('SIGTERM');
	const end = await daemon.ended;
	if (end.code !== 0) wrong.push(`the last stop: exit ${end.code} ${end.signal}`);
	return wrong;
});
