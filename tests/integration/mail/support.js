// What the mail tests share: smtp-server on a free port, a scripted server for what it
// cannot do, the driver, and checks that print what was seen.
'use strict';
const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { SMTPServer } = require('smtp-server');

const driver = path.resolve(process.argv[2] || '');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'leadrelay-mail.'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));

let failures = 0;
let checks = 0;
function check(what, ok, seen) {
	checks++;
	if (ok) return;
	failures++;
	console.error(`FAILED: ${what}: ${JSON.stringify(seen)}`);
}
const equal = (what, seen, expected) =>
	check(`${what} (expected ${JSON.stringify(expected)})`, Object.is(seen, expected), seen);
function finish() {
	console.log(`${checks - failures} of ${checks} checks passed`);
	process.exit(failures > 0 ? 1 : 0);
}

function file(name, content) {
	const at = path.join(dir, name);
	fs.writeFileSync(at, content);
	return at;
}

function certificate() {
	const key = path.join(dir, 'key.pem');
	const cert = path.join(dir, 'cert.pem');
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost',
		'-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' });
	return { cert, key: fs.readFileSync(key), pem: fs.readFileSync(cert) };
}
const tls = certificate();

// Collects what arrives: mails[] with the envelope and the bytes.
async function smtp(options = {}) {
	const mails = [];
	const connections = { count: 0 };
	const server = new SMTPServer({
		key: tls.key, cert: tls.pem, authOptional: true, logger: false, disableReverseLookup: true,
		onConnect(session, done) { connections.count++; done(); },
		onData(stream, session, done) {
			const parts = [];
			stream.on('data', part => parts.push(part));
			stream.on('end', () => {
				mails.push({ raw: Buffer.concat(parts), session, envelope: session.envelope });
				done(null, 'queued as 4F2A');
			});
		},
		...options,
	});
	server.on('error', () => {});
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	const port = server.server.address().port;
	return { mails, connections, port, url: `smtp://localhost:${port}`,
		close: () => new Promise(resolve => server.close(resolve)) };
}

// A server of a few lines: answer(line, socket, state) returns the reply, or undefined for
// silence; the end of data comes as '.'.
async function scripted(greeting, answer) {
	const seen = [];
	const sockets = new Set();
	const server = net.createServer(socket => {
		const state = { data: false };
		let rest = '';
		sockets.add(socket);
		socket.on('error', () => {});
		socket.on('close', () => sockets.delete(socket));
		if (greeting === null) socket.destroy();
		else if (greeting) socket.write(greeting + '\r\n');
		socket.on('data', bytes => {
			const lines = (rest + bytes.toString('latin1')).split('\r\n');
			rest = lines.pop();
			for (const line of lines) {
				if (state.data && line !== '.') continue;
				state.data = false;
				seen.push(line);
				const reply = answer(line, socket, state);
				if (reply === null) return socket.destroy();
				if (reply !== undefined) socket.write(reply + '\r\n');
				if (reply && reply.startsWith('354')) state.data = true;
			}
		});
	});
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	return { seen, port: server.address().port, url: `smtp://127.0.0.1:${server.address().port}`,
		close: () => { for (const s of sockets) s.destroy(); server.close(); } };
}

// Everything answered as a friendly server does; replies[VERB] replaces one.
function friendly(replies = {}) {
	const usual = { EHLO: '250-localhost\r\n250 SIZE 1000000', MAIL: '250 2.1.0 ok', RCPT: '250 2.1.5 ok',
		DATA: '354 go on', '.': '250 2.0.0 queued', QUIT: '221 bye', NOOP: '250 ok', HELO: '250 ok' };
	return line => {
		const verb = line === '.' ? '.' : line.split(' ')[0].toUpperCase();
		return verb in replies ? replies[verb] : verb in usual ? usual[verb] : '500 what?';
	};
}

function send(args, expected = 0) {
	return new Promise(resolve => execFile(driver, args, { encoding: 'utf8', timeout: 60000 }, (error, out, err) => {
		const status = error ? error.code : 0;
		if (/Sanitizer/.test(err) || status !== expected) check(`mail_send ${args.join(' ')} exits ${expected}`, false, { status, err });
		const answers = out.trim().split('\n').filter(Boolean).map(line => JSON.parse(line));
		resolve({ answers, answer: answers[0] || {}, err, status });
	}));
}

module.exports = { check, dir, equal, file, finish, friendly, scripted, send, smtp, tls };
