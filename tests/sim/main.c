/*
 * leadrelay-sim: lives of a relay, one per seed. Says what they were made of; of a seed
 * that the oracle objects to, the objection and how to see its story.
 */
#include "sim.h"

#include "leadrelay/log.h"

#include <getopt.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START INT64_C(1795350868000)

static const char usage[] =
	"leadrelay-sim: runs the relay through weeks of virtual time and judges it\n"
	"\n"
	"  leadrelay-sim --seed N [--story]       one life; --story tells what happens in it\n"
	"  leadrelay-sim --seeds N [--from M]     N lives, of the seeds M (1) and up\n"
	"\n"
	"  --twice       each seed twice: both must go the same way, step by step\n"
	"  --keep-going  do not stop at the first seed that fails\n"
	"  --quiet       say only what fails\n"
	"\n"
	"Exit: 0 all well; 1 a seed failed; 2 usage.\n";

struct options {
	int64_t from, count;
	bool story, twice, keep_going, quiet;
};

/* ---- one life ---- */

static int64_t read_wall(void *ctx)
{
	return sim_wall(ctx);
}

static int64_t read_mono(void *ctx)
{
	return ((struct sim *)ctx)->mono;
}

static void fill(void *ctx, void *out, size_t len)
{
	chance_fill(&((struct sim *)ctx)->entropy_chance, out, len);
}

static void begin(struct sim *sim, uint64_t seed, bool story)
{
	*sim = (struct sim){.seed = seed, .story = story, .mono = SECOND};
	sim->plan = chance_of(seed, 2);
	sim->net = chance_of(seed, 3);
	sim->order_chance = chance_of(seed, 4);
	sim->post_chance = chance_of(seed, 5);
	sim->node_chance = chance_of(seed, 6);
	sim->entropy_chance = chance_of(seed, 7);
	sim->wall_offset = START;
	sim->wall_max = sim_wall(sim);
	sim->clock = (struct clock){.wall = read_wall, .mono = read_mono, .ctx = sim};
	sim->entropy = (struct entropy){.fill = fill, .ctx = sim};
	sim->disk = disk_create(seed);
	sim->node.configured = (1u << DESTINATIONS) - 1;
	for (int d = 0; d < DESTINATIONS; d++)
		sim->peers[d].destination = d;
	log_setup(story ? LOG_LEVEL_INFO : (enum log_level)(LOG_LEVEL_ERROR + 1),
		LOG_FORMAT_TEXT, &sim->clock);
}

/* The archive's folder is the one place outside memory. Its name is always the same from
 * inside, or stories would differ by it. */
static void make_box(struct sim *sim)
{
	snprintf(sim->box, sizeof(sim->box), "%s/leadrelay-sim-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(sim->box) || chdir(sim->box) != 0 || mkdir("in", 0700) != 0)
		abort();
}

static void remove_box(struct sim *sim)
{
	static const char *const parts[] = {
		"in/archive.jsonl", "away/archive.jsonl", "in", "away"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		remove(parts[i]);
	if (chdir("/") != 0 || rmdir(sim->box) != 0)
		abort();
}

static void end(struct sim *sim)
{
	node_finish(sim);
	disk_destroy(sim->disk);
	remove_box(sim);
	post_finish(sim);
	for (int d = 0; d < DESTINATIONS; d++)
		for (struct record *record = sim->peers[d].records, *next; record;
			record = next) {
			next = record->next;
			free(record);
		}
	free(sim->known);
	free(sim->heap);
}

static void live(struct sim *sim)
{
	int64_t calm_at;

	plan_profile(sim);
	plan_all(sim);
	run_until(sim, (sim->profile.days - 1) * DAY);
	if (sim->failed)
		return;
	plan_calm(sim);
	calm_at = sim->mono;
	while (!sim->failed && (!node_alive(sim) || sim->node.stopping) &&
		sim->mono < calm_at + DAY)
		run_until(sim, sim->mono + MINUTE); /* it comes back first */
	if (sim->failed)
		return;
	if (node_alive(sim))
		operate_tidy(sim);
	run_until(sim, sim->mono + oracle_patience(sim));
	oracle_end(sim);
}

/* ---- all of them ---- */

static void add(struct tallies *sum, const struct sim *sim)
{
	int64_t *to = (int64_t *)sum;
	const int64_t *from = (const int64_t *)&sim->tallies;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static bool run_seed(uint64_t seed, const struct options *options, struct tallies *sum,
	uint64_t *digest_out)
{
	static struct sim sim;
	bool fine;

	begin(&sim, seed, options->story);
	make_box(&sim);
	live(&sim);
	fine = !sim.failed;
	*digest_out = sim.digest;
	add(sum, &sim);
	if (!fine)
		printf("seed %" PRIu64 ", day %" PRId64 ": %s\n"
		       "  its story: leadrelay-sim --seed %" PRIu64 " --story\n",
			seed, sim.mono / DAY, sim.problem, seed);
	end(&sim);
	return fine;
}

static bool run_one(uint64_t seed, const struct options *options, struct tallies *sum)
{
	uint64_t digest, again;
	bool fine = run_seed(seed, options, sum, &digest);

	if (!options->twice)
		return fine;
	run_seed(seed, options, sum, &again);
	if (digest == again)
		return fine;
	printf("seed %" PRIu64 ": the second time it went another way\n", seed);
	return false;
}

static void say(const struct options *options, const struct tallies *sum, int64_t failed)
{
	if (options->quiet && failed == 0)
		return;
	printf("%" PRId64 " seeds, %" PRId64 " failed: %" PRId64 " postings, %" PRId64
	       " requests to destinations, %" PRId64 " starts, %" PRId64
	       " crashes (%" PRId64 " power cuts planned), %" PRId64 " orders, %" PRId64
	       " clock steps, %" PRId64 " sweeps, %" PRId64 " steps\n",
		options->count, failed, sum->posts, sum->requests, sum->restarts,
		sum->crashes, sum->power_cuts, sum->orders, sum->jumps, sum->sweeps,
		sum->steps);
}

static bool read_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'n'},
		{"from", required_argument, NULL, 'f'}, {"story", no_argument, NULL, 'S'},
		{"twice", no_argument, NULL, 't'}, {"keep-going", no_argument, NULL, 'k'},
		{"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int c;

	*options = (struct options){.from = 1};
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			options->from = strtoll(optarg, NULL, 10);
			options->count = 1;
			break;
		case 'n':
			options->count = strtoll(optarg, NULL, 10);
			break;
		case 'f':
			options->from = strtoll(optarg, NULL, 10);
			break;
		case 'S':
			options->story = true;
			break;
		case 't':
			options->twice = true;
			break;
		case 'k':
			options->keep_going = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return false;
		}
	}
	return optind == argc && options->count > 0 && options->from >= 0;
}

int main(int argc, char **argv)
{
	struct tallies sum = {0};
	struct options options;
	int64_t failed = 0;

	if (!read_options(argc, argv, &options)) {
		fputs(usage, stderr);
		return 2;
	}
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (options.story)
		dup2(STDOUT_FILENO, STDERR_FILENO); /* log lines stand in their place */
	for (int64_t i = 0; i < options.count && (failed == 0 || options.keep_going); i++)
		failed += !run_one((uint64_t)(options.from + i), &options, &sum);
	say(&options, &sum, failed);
	return failed > 0;
}
