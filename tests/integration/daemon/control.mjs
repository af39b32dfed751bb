// What a stranger may do to control.sock: control.mjs SOCKET. Says "ok: ..." lines; exits 1 on the first surprise.
import net from 'node:net'
const path = process.argv[2]
const fail = (text) => { console.error('FAILED: ' + text); process.exit(1) }
const expect = (what, holds) => holds ? console.log('ok: ' + what) : fail(what)

const connect = () => new Promise((resolve, reject) => {
	const socket = net.connect(path, () => resolve(socket))
	socket.on('error', reject)
})
// Sends text and resolves with the first `lines` lines of the answer (fewer when it ends).
const ask = (socket, text, lines = 1) => new Promise((resolve) => {
	let seen = ''
	const done = () => resolve(seen.split('\n').filter(Boolean).map((line) => JSON.parse(line)))
	socket.setEncoding('utf8')
	socket.on('data', (part) => { seen += part; if (seen.split('\n').length > lines) done() })
	socket.on('end', done)
	socket.on('error', done)
	socket.write(text)
})

let socket = await connect()
let [answer] = await ask(socket, '{"command":"status"}\n')
expect('status is answered', answer.done?.state === 'running')
socket.destroy()

socket = await connect()
const answers = await ask(socket, '{"command":"status"}\n{"command":"nonsense"}\n', 2)
expect('two requests on one connection', answers.length === 2 && answers[0].done && answers[1].error?.code === 2)
socket.destroy()

for (const [what, text] of [['no JSON', 'hello\n'], ['a list', '[1]\n'], ['zero bytes', '\0\0\n'], ['nested too deep', '['.repeat(100) + '\n']]) {
	socket = await connect()
	;[answer] = await ask(socket, text)
	expect(what + ' is an error of usage', answer.error?.code === 2)
	socket.destroy()
}

socket = await connect()
;[answer] = await ask(socket, 'x'.repeat(5 * 1024 * 1024))
expect('an endless request is refused', answer?.error?.code === 2)
socket.destroy()

// Idle connections take every place; the next one is told so, and a place that is left is free again.
const idle = []
while (idle.length < 8) { // each one that was answered has its place; those before may not have left theirs yet
	socket = await connect()
	;[answer] = await ask(socket, '{"command":"status"}\n')
	if (answer?.done) idle.push(socket)
	else {
		socket.destroy()
		await new Promise((resolve) => setTimeout(resolve, 20))
	}
}
socket = await connect()
;[answer] = await ask(socket, '{"command":"status"}\n')
expect('one too many is told to try again', answer.error?.code === 1 && /too many/.test(answer.error.text))
idle.pop().destroy()
await new Promise((resolve) => setTimeout(resolve, 200))
socket = await connect()
;[answer] = await ask(socket, '{"command":"status"}\n')
expect('a place left is free again', answer.done?.state === 'running')
process.exit(0)
