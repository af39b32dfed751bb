// Reads a folder of mails (Maildir) by npm's mailparser: node mailbox_read.mjs DIRECTORY. One JSON line per mail.
import fs from 'node:fs';
import path from 'node:path';
import { simpleParser } from 'mailparser';

for (const name of fs.readdirSync(process.argv[2]).sort()) {
	const mail = await simpleParser(fs.readFileSync(path.join(process.argv[2], name)));
	console.log(JSON.stringify({ to: mail.to?.value[0].address, from: mail.from?.value[0].address, fromName: mail.from?.value[0].name,
		subject: mail.subject ?? '', messageId: mail.messageId, text: mail.text ?? '', html: mail.html || '',
		deliveredTo: mail.headers.get('delivered-to')?.text ?? mail.headers.get('delivered-to') ?? null,
		attachments: mail.attachments.map((part) => ({ name: part.filename, type: part.contentType, size: part.size })) }));
}
