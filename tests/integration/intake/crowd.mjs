// A thousand connections with large bodies that never end: what they hold stays within max_memory, the surplus is told 503, and a
// healthy client is served before, during (once some have met their deadline) and after.
//
//   node crowd.mjs RELAY-URL TOKEN RELAY-PID MAX-MEMORY-BYTES
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [relay, token, pid, maxMemory] = process.argv.slice(2);
const { hostname, port } = new URL(relay);
const bodySize = 60 * 1024;
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

async function healthy(name) {
	const answer = await fetch(`${relay}/in/marketplace/${token}`, { method: 'POST',
		body: JSON.stringify({ UserDetails: { LastName: name }, OfferTitle: 'Crowd' }) });
	await answer.text();
	return answer.status;
}

const before = rss();
let status = await healthy('Before');
if (status !== 202) throw new Error(`before the crowd: ${status}`);

const answers = new Map();
let open = 0;
const crowd = Array.from({ length: 1000 }, () => {
	const socket = net.connect(Number(port), hostname);
	let text = '';
	socket.on('connect', () => {
		open++;
		socket.write(`POST /in/marketplace/${token} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bodySize + 1}\r\n\r\n` + 'x'.repeat(bodySize));
	});
	socket.on('data', (data) => { text += data; });
	socket.on('error', () => {});
	socket.done = new Promise((resolve) => socket.on('close', () => {
		const code = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'closed';
		answers.set(code, (answers.get(code) ?? 0) + 1);
		resolve();
	}));
	return socket;
});
let most = 0;
const watch = setInterval(() => { most = Math.max(most, rss()); }, 20);
await Promise.race([Promise.all(crowd.map((socket) => socket.done)), sleep(15000)]);
clearInterval(watch);
for (const socket of crowd) socket.destroy();
await sleep(100);
status = await healthy('After');
console.log(`connected ${open}, answers ${JSON.stringify([...answers])}, resident ${before >> 20} MiB, at most ${most >> 20} MiB`);
if (status !== 202) throw new Error(`after the crowd: ${status}`);
if (!answers.get('503')) throw new Error('nobody was told 503: the limit was not met');
if (!answers.get('408') && !answers.get('closed')) throw new Error('nobody met the deadline');
// Beside the bodies: 1,000 connections with their buffers.
if (most - before > Number(maxMemory) + 64 * 1024 * 1024) throw new Error(`memory grew by ${(most - before) >> 20} MiB`);
process.exit(0);
