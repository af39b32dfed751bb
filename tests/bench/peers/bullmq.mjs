// BullMQ on Redis: bullmq.mjs take REDIS_PORT PORT TOKEN | bullmq.mjs deliver REDIS_PORT ORIGIN REQUEST
import { Queue, Worker } from 'bullmq'
import { IN_FLIGHT, QUEUE, poster, takeLeads } from './relay.mjs'

const [role, port, ...rest] = process.argv.slice(2)
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null }
if (role === 'take') {
	const queue = new Queue(QUEUE, { connection })
	const options = { removeOnComplete: true, attempts: 100, backoff: { type: 'exponential', delay: 5000 } }
	await queue.waitUntilReady()
	takeLeads(Number(rest[0]), rest[1], async (lead) => (await queue.add('lead', lead, options)).id)
} else {
	const post = poster(rest[0], rest[1])
	new Worker(QUEUE, post, { connection, concurrency: IN_FLIGHT })
}
