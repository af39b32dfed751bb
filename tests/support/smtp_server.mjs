// A mail server that we did not write (npm's smtp-server), whose refusals and absences a test commands. Every mail it takes is
// read by npm's mailparser.
//
//   node smtp_server.mjs PORT-FILE CERTIFICATE KEY [--user NAME --password-file FILE] [--tokens CRM-URL]
//
// PORT-FILE gets two lines: the SMTP port and the port of the control API (JSON, on loopback):
//   GET  /mails      what was accepted: {to from user messageId subject text html fromName toName autoSubmitted attachments[]}
//   GET  /refused    Message-IDs of those refused at their end
//   GET  /counters   {connections, auths, refusedAuths, mails, rcpts}
//   POST /behave     {"greeting","auth","mail","rcpt","end": "550 5.1.1 words" | {"reply","times"} | null}; rcpt may be an object of
//                    address: reply; null takes one away
//   POST /online     {"online": false} closes the port and every connection; true opens the same port again
//   DELETE /mails    forgets them
// Accounts: the password is read anew at each login; with --tokens a bearer token is shown to the rehearsal CRM's WhoAmI.
import fs from 'node:fs';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

const { positionals: [portFile, certificate, key], values: options } = parseArgs({
	allowPositionals: true,
	options: { user: { type: 'string' }, 'password-file': { type: 'string' }, tokens: { type: 'string' } },
});
const mails = [];
const refused = [];
const counters = { connections: 0, auths: 0, refusedAuths: 0, mails: 0, rcpts: 0 };
const rules = { rcpt: {} };

// The error that a rule asks for at this step, undefined when all is well.
function refusal(rule) {
	if (!rule || (rule.times !== undefined && rule.times-- <= 0)) return undefined;
	const [, code, words] = /^(\d{3}) (.*)$/s.exec(rule.reply ?? rule);
	return Object.assign(new Error(words), { responseCode: Number(code) });
}

async function known(auth) {
	if (auth.username !== options.user) return false;
	if (auth.method !== 'XOAUTH2') return auth.password === fs.readFileSync(options['password-file'], 'utf8').trim();
	const answer = await fetch(`${options.tokens}/api/data/v9.2/WhoAmI`, { headers: {
		Authorization: `Bearer ${auth.accessToken}`, Accept: 'application/json', 'OData-Version': '4.0', 'OData-MaxVersion': '4.0' } });
	return answer.ok;
}

const named = (list) => list?.value?.[0]?.name ?? '';
async function keep(raw, session) {
	const mail = await simpleParser(raw, { skipImageLinks: true });
	mails.push({
		to: session.envelope.rcptTo.map((to) => to.address).join(), from: session.envelope.mailFrom.address,
		user: session.user ?? null, secure: session.secure, messageId: mail.messageId, subject: mail.subject ?? '', text: mail.text ?? '',
		html: mail.html || '', fromName: named(mail.from), toName: named(mail.to), headerTo: mail.to?.text ?? '',
		autoSubmitted: mail.headers.get('auto-submitted') ?? null, headers: mail.headerLines.map((line) => line.key),
		attachments: mail.attachments.map((part) => ({ name: part.filename ?? null, type: part.contentType, size: part.size,
			cid: part.cid ?? null, text: /^text|json|csv/.test(part.contentType) ? part.content.toString() : null })),
	});
	counters.mails++;
}

const handlers = {
	cert: fs.readFileSync(certificate), key: fs.readFileSync(key), logger: false, disableReverseLookup: true,
	authMethods: options.tokens ? ['XOAUTH2'] : ['PLAIN', 'LOGIN'], authOptional: !options.user, hidePIPELINING: false,
	onConnect(session, done) {
		counters.connections++;
		done(refusal(rules.greeting));
	},
	onAuth(auth, session, done) {
		counters.auths++;
		const error = refusal(rules.auth);
		if (error) counters.refusedAuths++;
		if (error) return done(error);
		return known(auth).then((good) => {
			if (good) return done(null, { user: auth.username });
			counters.refusedAuths++;
			if (auth.method === 'XOAUTH2') return done(null, { data: { status: '401', schemes: 'bearer' } });
			return done(Object.assign(new Error('5.7.8 Authentication credentials invalid'), { responseCode: 535 }));
		}, (error_) => done(Object.assign(error_, { responseCode: 454 })));
	},
	onMailFrom(address, session, done) { done(refusal(rules.mail)); },
	onRcptTo(address, session, done) {
		counters.rcpts++;
		done(refusal(rules.rcpt?.[address.address] ?? rules.rcpt?.['*']));
	},
	onData(stream, session, done) {
		const parts = [];
		stream.on('data', (part) => parts.push(part));
		stream.on('end', () => {
			const error = refusal(rules.end);
			const raw = Buffer.concat(parts);
			if (error) return simpleParser(raw).then((mail) => refused.push(mail.messageId)).then(() => done(error), done);
			return keep(raw, session).then(() => done(null, `queued as ${counters.mails}`), done);
		});
	},
};

let server, port = 0, sockets;
async function open() {
	if (server) return;
	server = new SMTPServer(handlers);
	sockets = new Set();
	server.on('error', () => {});
	server.server.on('connection', (socket) => {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
	});
	await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
	port = server.server.address().port;
}
async function close() {
	const closed = server && new Promise((resolve) => server.server.close(resolve));
	for (const socket of sockets) socket.destroy();
	server = undefined;
	await closed;
}

function behave(wanted) {
	for (const [step, rule] of Object.entries(wanted)) {
		if (step !== 'rcpt' || rule === null) rules[step] = rule;
		else rules.rcpt = { ...rules.rcpt, ...rule };
	}
}

const control = http.createServer(async (req, res) => {
	let body = '';
	for await (const part of req) body += part;
	const answers = {
		'GET /mails': () => mails, 'GET /refused': () => refused, 'GET /counters': () => counters, 'DELETE /mails': () => mails.splice(0).length,
		'POST /behave': () => behave(JSON.parse(body)), 'POST /online': () => (JSON.parse(body).online ? open() : close()),
	};
	const answer = answers[`${req.method} ${req.url}`];
	const value = answer ? await answer() : undefined;
	res.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(value ?? {}));
});

await open();
await new Promise((resolve) => control.listen(0, '127.0.0.1', resolve));
fs.writeFileSync(`${portFile}.new`, `${port}\n${control.address().port}\n`);
fs.renameSync(`${portFile}.new`, portFile);
