// What is put into a mail comes out of it, read by a parser that we did not write, and a
// mail's bytes keep to the rules that parsers forgive.
'use strict';
const { simpleParser } = require('mailparser');
const { check, equal, file, finish, send, smtp, tls } = require('./support');

const names = ['Zoë Ångström, 東京', 'Relay, Lead', 'O"Brien \\ Söhne', 'plain name', '=?UTF-8?Q?not_encoded?=', 'é'.repeat(120),
	'長い名前'.repeat(30), 'J. R. Smith (sales)', '👩‍👩‍👧 family'];
const subjects = ['New lead: Contoso Backup (INS)', 'ä'.repeat(300), 'A'.repeat(300), ('word '.repeat(60)).trim(), '東京からのリード '.repeat(34).slice(0, 300),
	'half =?UTF-8?B?x?= word', '  leading and  double  blanks ', 'Zoë Ångström, 東京 wants “Contoso Backup”', '👍'.repeat(75), ''];
const quoted = name => `"${name.replace(/["\\]/g, '\\$&')}" <owner@contoso.com>`;

function checkBytes(what, raw) {
	const text = raw.toString('latin1');
	const [head] = text.split('\r\n\r\n');
	check(`${what}: only ASCII`, !/[^\x00-\x7f]/.test(text), text.match(/.{0,20}[^\x00-\x7f].{0,20}/));
	check(`${what}: CR and LF only in pairs`, !/\r(?!\n)|(?<!\r)\n/.test(text));
	const long = text.split('\r\n').filter(line => line.length > 76);
	check(`${what}: lines of at most 76`, long.length === 0, long[0]);
	for (const word of head.match(/=\?[^?]*\?[bq]\?[^?]*\?=/gi) || []) {
		check(`${what}: words of at most 75`, word.length <= 75, word);
		if (/^=\?utf-8\?b\?/i.test(word)) {
			const bytes = Buffer.from(word.split('?')[3], 'base64');
			check(`${what}: no character is split`, Buffer.from(bytes.toString('utf8')).equals(bytes), word);
		}
	}
	return head;
}

async function one(server, args) {
	const before = server.mails.length;
	const { answer } = await send(['--url', server.url, '--ca', tls.cert, ...args]);
	equal(`accepted ${args[1]}`, answer.accepted, true);
	const mail = server.mails[before];
	if (!mail) {
		check('a mail arrived', false, answer);
		finish();
	}
	return { ...mail, answer, parsed: await simpleParser(mail.raw) };
}

async function headers(server) {
	for (const name of names) {
		const { raw, parsed, envelope } = await one(server, ['--to', quoted(name), '--from', quoted(name), '--subject', 'x']);
		checkBytes(`name ${name}`, raw);
		equal('to name', parsed.to.value[0].name, name);
		equal('from name', parsed.from.value[0].name, name);
		equal('to address', parsed.to.value[0].address, 'owner@contoso.com');
		equal('one recipient', envelope.rcptTo.map(to => to.address).join(), 'owner@contoso.com');
	}
	for (const subject of subjects) {
		const { raw, parsed } = await one(server, ['--subject', subject]);
		checkBytes(`subject ${subject}`, raw);
		equal('subject', parsed.subject === undefined ? '' : parsed.subject, subject);
	}
}

async function fixedHeaders(server) {
	const { parsed, raw } = await one(server, ['--subject', 'x']);
	equal('Message-ID', parsed.messageId, '<0193-test-0@contoso.com>');
	equal('Date', parsed.date.toISOString(), new Date(1795355537000).toISOString());
	equal('Auto-Submitted', parsed.headers.get('auto-submitted'), 'auto-generated');
	equal('MIME-Version', parsed.headers.get('mime-version'), '1.0');
	const again = await one(server, ['--subject', 'x']);
	check('the same mail has the same bytes', again.raw.toString().replace(/^Received:[^]*?\r\n(?! )/, '') ===
		raw.toString().replace(/^Received:[^]*?\r\n(?! )/, ''));
}

// No text may open a header, a part or a command of its own.
async function injections(server) {
	const nasty = ['x\r\nBcc: eve@evil.example', 'x\nBcc: eve@evil.example', 'x\rBcc: eve@evil.example', 'x\r\n\r\nbody', 'x\u0085Bcc: y', 'x\u2028Bcc: y',
		'x\r\n.\r\nMAIL FROM:<eve@evil.example>', 'x\v\fBcc: eve@evil.example', 'x\u001b[31m red'];
	for (const text of nasty) {
		const { raw, parsed, envelope } = await one(server, ['--subject', text, '--text', file('nasty.txt', text)]);
		checkBytes(`injection ${JSON.stringify(text)}`, raw);
		equal('no Bcc', parsed.headers.has('bcc'), false);
		equal('subject in one line', parsed.subject, text.replace(/[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029]/g, ' '));
		equal('recipients', envelope.rcptTo.length, 1);
		equal('body', (parsed.text || '').trimEnd(), text.replace(/\r\n|\r/g, '\n').trimEnd());
	}
	for (const to of ['a@b.cc>\r\nRCPT TO:<eve@evil.example', 'a@b.cc\r\nDATA', 'a b@c.de', '<a@b.cc>', 'ü@b.cc', 'a@b.cc,eve@evil.example', '']) {
		const before = server.mails.length;
		const { answer } = await send(['--url', server.url, '--ca', tls.cert, '--raw-to', to]);
		equal(`recipient ${JSON.stringify(to)} is refused before anything is sent`, answer.outcome, 'refused');
		equal('and nothing arrived', server.mails.length, before);
	}
	for (const to of ['Eve\r\nBcc: x@y.zz <a@b.cc>', 'a@b.cc\r\n', 'a@b', 'a..b@c.de', '.a@c.de', 'a@-c.de', 'Relay, Lead <a@b.cc>', '"x <a@b.cc>']) {
		const { status } = await send(['--url', server.url, '--to', to], 2);
		equal(`mailbox ${JSON.stringify(to)} is not one`, status, 2);
	}
}

async function bodies(server) {
	const long = 'x'.repeat(5000);
	const texts = {
		'a line of 5000': `${long}\nend\n`, 'dots': '.\n..\n.hidden\n\n.\n', 'From at the beginning': 'From here\n>From there\n',
		'blanks at the end': 'a \nb\t\n  \nc', 'no newline': 'last', 'CR LF': 'a\r\nb\r\nc\r\n', 'umlauts': 'Zoë\n'.repeat(50), 'equal signs': '=3D=\n=\n==\n',
		'east asian': '東京'.repeat(2500), 'emoji': '👍'.repeat(700) + ' ok\n', 'boundaries': '--=_1_\n--\n--=_0_abc--\n', 'commands': 'QUIT\r\n.\r\nMAIL FROM:<a@b.cc>\n',
		'controls': 'bell \x07 escape \x1b tab \t end\n', 'empty': '',
	};
	for (const [what, text] of Object.entries(texts)) {
		const html = `<p>${text.replace(/[\x00-\x08\x0b-\x1f]/g, '')}</p>`;
		const { raw, parsed } = await one(server, ['--text', file('t', text), '--html', file('h', html)]);
		const wanted = text.replace(/\r\n|\r/g, '\n');
		checkBytes(`body ${what}`, raw);
		equal(`text: ${what}`, (parsed.text || '').replace(/\n$/, ''), wanted.replace(/\n$/, ''));
		equal(`html: ${what}`, (parsed.html || '').replace(/\n$/, ''), html.replace(/\r\n|\r/g, '\n'));
		check('alternative', /multipart\/alternative/.test(raw), raw.slice(0, 400));
	}
	const broken = await one(server, ['--text', file('broken', Buffer.from([0x61, 0xff, 0xc3, 0x0a]))]);
	equal('invalid UTF-8 is replaced', broken.parsed.text.trimEnd(), 'a\ufffd\ufffd');
	const only = await one(server, ['--html', file('h', '<b>x</b>')]);
	equal('html only', only.parsed.html.trimEnd(), '<b>x</b>');
}

async function attachments(server) {
	const png = Buffer.from(Array.from({ length: 70000 }, (_, i) => (i * 7919) & 255));
	const csv = 'id;name\r\n1;Zoë\r\n';
	for (const name of ['report.csv', 'Bericht für Zoë 東京.csv', 'a "quoted" name.csv', '../../etc/passwd', 'x'.repeat(150) + '.csv', 'é'.repeat(100) + '.csv']) {
		const { raw, parsed } = await one(server, ['--text', file('t', 'see below\n'), '--html', file('h', '<img src="cid:chart@report">'),
			'--attach', name, file('a', csv), '--inline', 'chart@report', file('p', png)]);
		checkBytes(`attachment ${name}`, raw);
		equal('two parts', parsed.attachments.length, 2);
		const attached = parsed.attachments.find(part => part.contentDisposition === 'attachment');
		const shown = parsed.attachments.find(part => part.contentDisposition === 'inline');
		equal('file name', attached.filename, name.replace(/[/\\:]/g, '_'));
		equal('content', attached.content.toString(), csv);
		equal('type', attached.contentType, 'text/csv');
		check('picture', shown.content.equals(png));
		equal('content id', shown.cid, 'chart@report');
		equal('text', parsed.text.trimEnd(), 'see below');
	}
}

(async () => {
	const server = await smtp();
	await headers(server);
	await fixedHeaders(server);
	await injections(server);
	await bodies(server);
	await attachments(server);
	await server.close();
	finish();
})();
