// zone and schedule against coreutils' date, which reads the same tz database by other
// code: every half hour of 2026 to 2028, the years after the table, the years before; and
// every due instant against the first half hour (quarter of one where offsets have one) at
// which date shows it. More zones can be named as arguments.
'use strict';
const { spawnSync } = require('node:child_process');

const driver = process.argv[2];
const zones = process.argv.length > 3 ? process.argv.slice(3)
	: ['Europe/Paris', 'America/Santiago', 'Asia/Kathmandu', 'UTC', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Europe/Dublin', 'America/New_York'];
let failures = 0, checks = 0;
function check(what, ok, seen) {
	checks++;
	if (!ok) {
		failures++;
		console.error(`FAILED: ${what}: ${seen}`);
	}
}
function run(command, args, options = {}) {
	const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
	if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`);
	return result.stdout.trim().split('\n').filter(Boolean);
}
const epoch = text => Date.parse(`${text}Z`) / 1000;

// [[epoch, local]] by date.
function byDate(zone, from, to, step) {
	let input = '';
	for (let at = from; at <= to; at += step) input += `@${at}\n`;
	const lines = run('date', ['-f', '-', '+%s %Y-%m-%dT%H:%M:%S'], { input, env: { ...process.env, TZ: zone, LC_ALL: 'C' } });
	return lines.map(line => { const [at, local] = line.split(' '); return [Number(at), epoch(local)]; });
}

function compareLocal(zone, from, to, step) {
	const theirs = byDate(zone, from, to, step);
	const ours = run(driver, ['local', zone, from, to, step].map(String)).map(line => line.split(' ').map(Number));
	let changes = 0;
	const wrong = theirs.findIndex(([at, local], i) => {
		if (i > 0 && local - at !== theirs[i - 1][1] - theirs[i - 1][0]) changes++;
		return !ours[i] || ours[i][0] !== at || ours[i][1] !== local;
	});
	check(`${zone} from ${new Date(from * 1000).toISOString()}`, wrong < 0 && ours.length === theirs.length, `${theirs[wrong]} ${ours[wrong]}`);
	return { theirs, changes };
}

// The due instants of (from, to], from date's list alone.
function expected(grid, every, at, from, to) {
	const minute = Number(at.slice(0, 2)) * 60 + Number(at.slice(3));
	const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
	const found = new Set();
	if (every === 'hour') {
		for (const [instant, local] of grid)
			if (((local / 60) % 60 + 60) % 60 === minute % 60) found.add(instant);
	} else {
		let day = Math.floor(grid[0][1] / 86400) + 1;
		let i = 0;
		for (; ; day++) { // the first instant at which clocks show the time or more
			while (i < grid.length && grid[i][1] < day * 86400 + minute * 60) i++;
			if (i === grid.length) break;
			const date = new Date(day * 86400000);
			if (every === 'month' ? date.getUTCDate() === 1 : every === 'day' || weekdays[date.getUTCDay()] === every)
				found.add(grid[i][0]);
		}
	}
	return [...found].filter(instant => instant > from && instant <= to).sort((a, b) => a - b);
}

function compareDue(zone, grid, from, to) {
	for (const every of ['day', 'hour', 'month', 'sunday', 'monday', 'saturday']) {
		for (const at of every === 'hour' ? ['00:00', '00:30'] : ['00:00', '00:30', '02:00', '02:30', '03:00', '07:00', '23:30']) {
			const ours = run(driver, ['due', zone, every, at, from, to].map(String)).map(Number);
			const theirs = expected(grid, every, at, from, to);
			const wrong = theirs.findIndex((instant, i) => instant !== ours[i]);
			check(`${zone} every ${every} at ${at}`, wrong < 0 && ours.length === theirs.length,
				`${wrong}: ${theirs[wrong]} by date, ${ours[wrong]} here; ${theirs.length} and ${ours.length}`);
		}
	}
}

for (const zone of zones) {
	const from = epoch('2025-12-25T00:00:00'), to = epoch('2029-01-05T00:00:00');
	const step = /Kathmandu|Chatham|Eucla/.test(zone) ? 900 : 1800;
	const { theirs, changes } = compareLocal(zone, from, to, step);
	compareLocal(zone, epoch('2036-01-01T00:00:00'), epoch('2041-01-01T00:00:00'), 3600);
	compareLocal(zone, epoch('1902-01-01T00:00:00'), epoch('2026-01-01T00:00:00'), 86400 * 3 + 3607);
	compareDue(zone, theirs, epoch('2026-01-01T00:00:00'), epoch('2028-12-31T00:00:00'));
	console.log(`${zone}: ${changes} changes in 2026 to 2028`);
}
console.log(`${checks - failures} of ${checks} checks passed`);
process.exit(failures > 0 ? 1 : 0);
