// pg-boss on PostgreSQL: pgboss.mjs take PG_PORT PORT TOKEN | pgboss.mjs deliver PG_PORT ORIGIN REQUEST
// Its workers poll at most twice a second; fetching in a loop, whole batches at a time, two batches in flight, is its fastest way.
import PgBoss from 'pg-boss'
import { IN_FLIGHT, QUEUE, poster, takeLeads } from './relay.mjs'

const [role, port, ...rest] = process.argv.slice(2)
const boss = new PgBoss({ host: '127.0.0.1', port: Number(port), user: 'bench', database: 'postgres', max: 32, schedule: false, supervise: false })
boss.on('error', console.error)
await boss.start()
await boss.createQueue(QUEUE)

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const deliver = async (post) => {
	for (;;) {
		const jobs = await boss.fetch(QUEUE, { batchSize: IN_FLIGHT / 2 })
		if (jobs.length === 0) {
			await pause(5)
			continue
		}
		await Promise.all(jobs.map(post))
		await boss.complete(QUEUE, jobs.map((job) => job.id))
	}
}
if (role === 'take') {
	const options = { retryLimit: 100, retryDelay: 5, retryBackoff: true }
	takeLeads(Number(rest[0]), rest[1], (lead) => boss.send(QUEUE, lead, options))
} else {
	const post = poster(rest[0], rest[1])
	await Promise.all([deliver(post), deliver(post)])
}
