// An endpoint for leads that we did not write the important half of: the npm library standardwebhooks verifies what comes.
//
//   node receiver.mjs PORT-FILE NAME=SECRET...     NAME=raw:SECRET takes the bytes as the key
//
// POST /leads is answered as PUT /_answer said last ({status, headers, body, times}); GET /_seen tells what came.
import http from 'node:http';
import fs from 'node:fs';
import { createRequire } from 'node:module';

const { Webhook } = createRequire(process.env.NODE_PATH + '/')('standardwebhooks');
const [portFile, ...pairs] = process.argv.slice(2);
const verifiers = pairs.map((pair) => {
	const at = pair.indexOf('=');
	const secret = pair.slice(at + 1);
	const raw = secret.startsWith('raw:');
	return [pair.slice(0, at), raw ? new Webhook(secret.slice(4), { format: 'raw' }) : new Webhook(secret)];
});
const ok = { status: 202, headers: {}, body: '{"id":"rec_1"}' };
let answer = ok;
const seen = [];

function verifiedBy(body, headers) {
	return verifiers
		.filter(([, webhook]) => {
			try {
				webhook.verify(body, headers);
				return true;
			} catch {
				return false;
			}
		})
		.map(([name]) => name);
}

function control(request, response, body) {
	if (request.method === 'PUT') answer = { ...ok, ...JSON.parse(body) };
	response.end(JSON.stringify(seen));
}

function take(request, response, body) {
	const given = answer;
	if (given.times && --given.times === 0) answer = ok;
	seen.push({
		at: Date.now(),
		method: request.method,
		path: request.url,
		key: request.headers['idempotency-key'],
		headers: request.headers,
		verified: verifiedBy(body, request.headers),
		lead: body ? JSON.parse(body) : null,
		answered: given.status,
	});
	response.writeHead(given.status, given.headers);
	response.end(given.body);
}

const server = http.createServer((request, response) => {
	const parts = [];
	request.on('data', (part) => parts.push(part));
	request.on('end', () => {
		const body = Buffer.concat(parts).toString();
		(request.url.startsWith('/_') ? control : take)(request, response, body);
	});
});
server.listen(Number(process.env.RECEIVER_PORT || 0), '127.0.0.1', () => {
	fs.writeFileSync(portFile + '.new', String(server.address().port));
	fs.renameSync(portFile + '.new', portFile);
});
