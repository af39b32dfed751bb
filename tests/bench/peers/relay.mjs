// What both rivals share: a relay as one writes it around a queue. One process takes leads over HTTP and answers 202 when the
// queue has them on disk; another takes them from the queue and posts them, 64 in flight, over connections kept alive.
// Both do less than leadrelay on purpose: no limits, no dedupe, no history, no mapping (the CRM gets one caught request's bytes).
import fs from 'node:fs'
import http from 'node:http'
import { Pool } from 'undici'

export const QUEUE = 'leads'
export const IN_FLIGHT = 64

// enqueue(text of the lead): resolves when it is durable.
export const takeLeads = (port, token, enqueue) => {
	const server = http.createServer((request, response) => {
		const parts = []
		const answer = (status, body) => {
			response.writeHead(status, { 'Content-Type': 'application/json' })
			response.end(JSON.stringify(body))
		}
		request.on('data', (part) => parts.push(part))
		request.on('end', async () => {
			if (request.headers.authorization !== 'Bearer ' + token) return answer(401, {})
			try {
				const lead = JSON.parse(Buffer.concat(parts).toString())
				answer(202, { id: await enqueue(lead), status: 'accepted' })
			} catch (error) {
				console.error(error)
				answer(503, {})
			}
		})
	})
	server.keepAliveTimeout = 600000
	server.listen(port, '127.0.0.1', 4096)
}

// A function that posts the request in the file to the CRM and resolves when the answer is 204.
export const poster = (origin, file) => {
	const text = fs.readFileSync(file)
	const end = text.indexOf('\r\n\r\n')
	const [line, ...lines] = text.subarray(0, end).toString().split('\r\n')
	const body = text.subarray(end + 4)
	const headers = lines.map((header) => header.split(/: */s, 2)).filter(([name]) => !/^(host|content-length)$/i.test(name))
	const pool = new Pool(origin, { connections: IN_FLIGHT, pipelining: 1 })
	const options = { method: 'POST', path: line.split(' ')[1], headers: headers.flat(), body }
	return async () => {
		const answer = await pool.request(options)
		await answer.body.dump()
		if (answer.statusCode !== 204) throw new Error('the sink says ' + answer.statusCode)
	}
}
