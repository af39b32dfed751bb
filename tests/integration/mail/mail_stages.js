// Every refusal and every broken connection is told apart by its stage, connections are
// kept and replaced, and nothing goes out that should not.
'use strict';
const os = require('node:os');
const { check, equal, finish, friendly, scripted, send, smtp, tls } = require('./support');

const plain = ['--tls', 'none', '--timeout', '5000'];

function expect(what, answer, expected) {
	for (const [key, value] of Object.entries(expected)) equal(`${what}: ${key}`, answer[key], value);
	if (!answer.accepted) check(`${what}: says something`, answer.error.length > 10, answer);
}

async function against(what, greeting, replies, expected, args = []) {
	const server = await scripted(greeting, friendly(replies));
	const { answer } = await send(['--url', server.url, ...plain, ...args]);
	expect(what, answer, expected);
	server.close();
	return { answer, seen: server.seen };
}

const ok = '220 localhost ESMTP';

async function replies() {
	const parked = { outcome: 'environment', reason: 'environment', failure: 0 };
	const dead = { outcome: 'refused', failure: 0 };
	const later = { outcome: 'retry', reason: 'server_error', failure: 0 };
	await against('all is well', ok, {}, { outcome: 'delivered', accepted: true, code: 250, remote_id: 'queued', enhanced: '2.0.0' });
	await against('greeting 554', '554 5.7.1 go away', {}, { ...parked, stage: 'the greeting', code: 554 });
	await against('greeting 421', '421 4.3.2 too busy', {}, { ...later, stage: 'the greeting', code: 421, destination: true });
	await against('EHLO 550', ok, { EHLO: '550 no', HELO: '550 5.7.0 no such name' }, { ...parked, stage: 'EHLO', code: 550 });
	await against('EHLO 451', ok, { EHLO: '451 no', HELO: '451 later' }, { ...later, stage: 'EHLO', destination: true });
	await against('MAIL 550', ok, { MAIL: '550 5.7.60 not your address' }, { ...parked, stage: 'MAIL FROM', code: 550, enhanced: '5.7.60', words: 'not your address' });
	await against('MAIL 451', ok, { MAIL: '451 4.3.0 later' }, { ...later, stage: 'MAIL FROM', destination: true });
	await against('RCPT 550', ok, { RCPT: '550 5.1.1 <owner@contoso.com>: user unknown' }, { ...dead, stage: 'RCPT TO', code: 550, enhanced: '5.1.1', reason: 'invalid' });
	await against('RCPT 554 policy', ok, { RCPT: '554 5.7.1 relay access denied' }, { ...dead, stage: 'RCPT TO', reason: 'forbidden' });
	await against('RCPT 553 without enhanced', ok, { RCPT: '553 bad name' }, { ...dead, enhanced: '', words: 'bad name', reason: 'invalid' });
	await against('RCPT 530', ok, { RCPT: '530 5.7.0 authentication required' }, { ...parked, stage: 'RCPT TO' });
	await against('RCPT 450 greylisted', ok, { RCPT: '450 4.2.0 greylisted' }, { ...later, stage: 'RCPT TO', destination: false });
	await against('RCPT 421', ok, { RCPT: '421 4.7.0 closing' }, { ...later, destination: true });
	await against('DATA 554', ok, { DATA: '554 no valid recipients' }, { ...dead, stage: 'DATA', code: 554 });
	await against('DATA 451', ok, { DATA: '451 4.3.0 later' }, { ...later, stage: 'DATA', destination: true });
	await against('end 554', ok, { '.': '554 5.7.1 looks like spam' }, { ...dead, stage: 'the mail', code: 554, reason: 'forbidden', sent: false });
	await against('end 552', ok, { '.': '552 5.3.4 too large' }, { ...dead, stage: 'the mail', reason: 'too_large' });
	await against('end 452', ok, { '.': '452 4.3.1 disk full' }, { ...later, stage: 'the mail', destination: true });
	await against('a reply of lines', ok, { RCPT: '550-5.1.1 first line\r\n550-5.1.1 second\x1b line\r\n550 5.1.1 Zoë' },
		{ ...dead, enhanced: '5.1.1', words: 'first line second\\x1b line Zoë' });
	await against('a code of another class', ok, { RCPT: '550 4.1.1 odd' }, { ...dead, enhanced: '', words: '4.1.1 odd' });
}

async function broken() {
	const steps = { EHLO: 'EHLO', MAIL: 'MAIL FROM', RCPT: 'RCPT TO', DATA: 'DATA' };
	await against('no greeting', null, {}, { failure: 5, outcome: 'retry', destination: true, sent: false });
	await against('not SMTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', {}, { outcome: 'retry', accepted: false }, ['--timeout', '700']);
	for (const [verb, stage] of Object.entries(steps)) {
		await against(`closed at ${verb}`, ok, { [verb]: null }, { stage, failure: 5, outcome: 'retry', reason: 'reset', sent: false, code: 0 });
		await against(`silent at ${verb}`, ok, { [verb]: undefined }, { stage, failure: 4, outcome: 'retry', reason: 'timeout', sent: false }, ['--timeout', '400']);
	}
	await against('closed at the end', ok, { '.': null }, { stage: 'the mail', failure: 5, outcome: 'unknown', sent: true });
	await against('silent at the end', ok, { '.': undefined }, { stage: 'the mail', failure: 4, outcome: 'unknown', sent: true, reason: 'timeout' }, ['--timeout', '400']);
	await against('silent greeting', '', {}, { failure: 4, outcome: 'retry' }, ['--timeout', '400']);
	const { answer: nobody } = await send(['--url', 'smtp://127.0.0.1:9', ...plain]);
	expect('nobody listens', nobody, { outcome: 'retry', reason: 'connect', destination: true });
	const { answer: dns } = await send(['--url', 'smtp://mail.invalid', ...plain, '--allow-plain']);
	expect('no such host', dns, { outcome: 'retry', reason: 'dns', destination: true });
}

async function auth() {
	const offers = { EHLO: '250-localhost\r\n250 AUTH PLAIN LOGIN' };
	const user = ['--auth', 'plain', '--user', 'relay', '--password', 'secret'];
	const secret = Buffer.from('\0relay\0secret').toString('base64');
	const login = await against('535', ok, { ...offers, AUTH: '334 ', [secret.toUpperCase()]: '535 5.7.8 wrong password' },
		{ stage: 'AUTH', outcome: 'unauthorized', needs_person: true, code: 535, enhanced: '5.7.8' }, user);
	check('the password is in no word of the answer', !/secret|AHJlbGF5/.test(JSON.stringify(login.answer)), login.answer);
	await against('454', ok, { ...offers, AUTH: '334 ', [secret.toUpperCase()]: '454 4.7.0 later' }, { stage: 'AUTH', outcome: 'retry', destination: true, needs_person: false }, user);
	await against('504', ok, { ...offers, AUTH: '504 5.5.4 not this one' }, { stage: 'AUTH', outcome: 'environment', needs_person: false }, user);
	await against('silent in AUTH', ok, { ...offers, AUTH: undefined }, { stage: 'AUTH', outcome: 'retry', reason: 'timeout' }, [...user, '--timeout', '400']);
	for (const [what, ehlo] of [['no AUTH', '250 localhost'], ['another AUTH', '250-localhost\r\n250 AUTH CRAM-MD5']]) {
		const { seen } = await against(what, ok, { EHLO: ehlo }, { stage: 'AUTH', lacking: true, outcome: 'environment', code: 0 }, user);
		check(`${what}: no mail without it`, !seen.some(line => /^MAIL/.test(line)), seen);
	}
	await against('check: 535', ok, { ...offers, AUTH: '334 ', [secret.toUpperCase()]: '535 no' }, { outcome: 'unauthorized' }, [...user, '--check']);
	const checked = await against('check', ok, {}, { accepted: true, stage: 'NOOP', outcome: 'delivered' }, ['--check']);
	check('a check sends no mail', !checked.seen.some(line => /^MAIL/.test(line)), checked.seen);
}

function accounts(mechanisms) {
	return { authMethods: mechanisms, authOptional: false, onAuth(auth, session, done) {
		const good = auth.method === 'XOAUTH2' ? auth.accessToken === 'token-1' : auth.password === 'secret';
		if (good && auth.username === 'relay@contoso.com') return done(null, { user: auth.username });
		done(null, { data: { status: '401', schemes: 'bearer' } });
	} };
}

async function realAuth() {
	for (const method of ['PLAIN', 'LOGIN', 'XOAUTH2']) {
		for (const secure of [false, true]) {
			const server = await smtp({ ...accounts([method]), secure });
			const url = secure ? server.url.replace('smtp:', 'smtps:') : server.url;
			const base = ['--url', url, '--ca', tls.cert, '--user', 'relay@contoso.com', '--auth', method.toLowerCase()];
			const key = method === 'XOAUTH2' ? '--bearer' : '--password';
			const good = await send([...base, key, method === 'XOAUTH2' ? 'token-1' : 'secret']);
			expect(`${url} ${method}`, good.answer, { accepted: true, outcome: 'delivered' });
			check('encrypted and known', server.mails[0] && server.mails[0].session.secure && server.mails[0].session.user === 'relay@contoso.com');
			const bad = await send([...base, key, 'wrong']);
			expect(`${url} ${method} wrong`, bad.answer, { stage: 'AUTH', outcome: 'unauthorized', needs_person: method !== 'XOAUTH2', code: method === 'XOAUTH2' ? 0 : 535 });
			if (method === 'XOAUTH2') check('with its document', /"status":"401"/.test(bad.answer.error), bad.answer.error);
			equal('nothing arrived', server.mails.length, 1);
			await server.close();
		}
	}
}

async function encryption() {
	const bare = await smtp({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] });
	const none = await send(['--url', bare.url, '--ca', tls.cert]);
	expect('no STARTTLS', none.answer, { stage: 'TLS', lacking: true, outcome: 'environment' });
	equal('nothing goes out in plain text', bare.mails.length, 0);
	await bare.close();
	for (const [reply, outcome] of [['454 4.7.0 not now', 'retry'], ['501 5.5.2 no', 'environment']]) {
		const server = await scripted(ok, friendly({ EHLO: '250-localhost\r\n250 STARTTLS', STARTTLS: reply }));
		const { answer } = await send(['--url', server.url]);
		expect(`STARTTLS ${reply}`, answer, { stage: 'TLS', outcome, code: Number(reply.slice(0, 3)) });
		server.close();
	}
	const server = await smtp();
	const untrusted = await send(['--url', server.url]);
	expect('certificate of nobody', untrusted.answer, { stage: 'TLS', outcome: 'retry', reason: 'tls', failure: 3 });
	check('in words', /self-signed|not known/.test(untrusted.answer.error), untrusted.answer.error);
	const nofile = await send(['--url', server.url, '--ca', '/nonexistent.pem']);
	expect('no CA file', nofile.answer, { outcome: 'retry', failure: 9 });
	equal('no mail', server.mails.length, 0);
	await server.close();
	const outside = Object.values(os.networkInterfaces()).flat().find(a => !a.internal && a.family === 'IPv4');
	if (outside) {
		const { answer, err } = await send(['--url', `smtp://${outside.address}:25`, '--tls', 'none', '--timeout', '1000']);
		expect('plain text beyond this machine', answer, { outcome: 'environment' });
		check('and the settings say so', /^settings: tls: none beyond/.test(err), err);
	}
}

async function connections() {
	const server = await smtp();
	const many = await send(['--url', server.url, '--ca', tls.cert, '--count', '30', '--one-by-one']);
	equal('30 mails are accepted', many.answers.filter(a => a.accepted).length, 30);
	equal('over one connection', server.connections.count, 1);
	await send(['--url', server.url, '--ca', tls.cert, '--count', '40', '--connections', '3']);
	equal('40 more arrive', server.mails.length, 70);
	check('over three connections at most', server.connections.count <= 4, server.connections.count);
	const before = server.connections.count;
	await send(['--url', server.url, '--ca', tls.cert, '--count', '3', '--one-by-one', '--forget']);
	equal('forgotten connections are not used again', server.connections.count - before, 3);
	await server.close();

	const stubborn = await scripted(ok, friendly({ QUIT: undefined }));
	const quitting = Date.now();
	const { answer: polite } = await send(['--url', stubborn.url, ...plain]);
	equal('QUIT is said', polite.accepted && stubborn.seen.includes('QUIT'), true);
	check('and its reply not waited for', Date.now() - quitting < 4500, Date.now() - quitting);
	stubborn.close();

	const impatient = await scripted(ok, (line, socket) => {
		if (line !== '.') return friendly()(line);
		socket.end('250 2.0.0 queued\r\n');
		return undefined;
	});
	const late = await send(['--url', impatient.url, ...plain, '--count', '3', '--one-by-one', '--pause', '500']);
	equal('a closed connection is replaced', late.answers.filter(a => a.accepted).length, 3);
	impatient.close();

	let mails = 0;
	const strict = await scripted(ok, (line, socket, state) => {
		if (line === '.') mails++;
		if (/^EHLO/.test(line)) state.mine = 0;
		if (/^MAIL/.test(line) && ++state.mine > 3) return '421 4.7.0 too many mails on this connection';
		return friendly()(line);
	});
	const limited = await send(['--url', strict.url, ...plain, '--count', '10', '--one-by-one']);
	equal('421 on a kept connection is replaced', limited.answers.filter(a => a.accepted).length, 10);
	equal('none is sent twice', mails, 10);
	strict.close();

	const slow = await smtp({ onData(stream, session, done) { stream.on('end', () => setTimeout(done, 700)).resume(); } });
	const begun = Date.now();
	const parallel = await send(['--url', slow.url, '--ca', tls.cert, '--count', '8', '--connections', '4', '--cancel', '30000']);
	equal('8 slow mails', parallel.answers.filter(a => a.accepted).length, 8);
	check('a slow reply holds up its own connection only', Date.now() - begun < 5000, Date.now() - begun); // one after the other: 5.6 s and more
	await slow.close();
}

async function cancelling() {
	for (const [verb, sent] of [['EHLO', false], ['.', true]]) {
		const server = await scripted(ok, friendly({ [verb]: undefined }));
		const { answers } = await send(['--url', server.url, ...plain, '--timeout', '20000', '--count', '3', '--connections', '1', '--cancel', '2000']);
		equal('all are told', answers.length, 3);
		check('as cancelled', answers.every(a => a.failure === 8), answers);
		check('long before their time is over', answers.every(a => a.duration_ms < 12000), answers.map(a => a.duration_ms));
		equal(`sent at ${verb}`, answers.some(a => a.sent), sent);
		server.close();
	}
}

(async () => {
	for (const part of [replies, broken, auth, realAuth, encryption, connections, cancelling]) {
		const begun = Date.now();
		await part();
		console.log(`${part.name}: ${Date.now() - begun} ms`);
	}
	finish();
})();
