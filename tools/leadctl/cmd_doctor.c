/*
 * doctor: is this machine what the promises need? One line per check: ok, warning or
 * failed, with what to do. Needs neither the daemon nor a sound outbox; changes nothing.
 */
#include "leadctl.h"

#include "leadrelay/clock.h"
#include "leadrelay/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define SYNCS 9
#define HONEST_US 20 /* no disk keeps a promise faster */
#define SLOW_US 200000
#define LOW_BYTES (INT64_C(1) << 30)
#define OUT_BYTES (INT64_C(100) << 20)
#define WARN_DAYS 30

enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_FAILED };

struct doctor {
	struct cli *cli;
	cJSON *checks;
	bool failed;
};

static const char *const level_names[] = {"ok", "warning", "failed"};
static const enum colour level_colours[] = {GREEN, YELLOW, RED};

/* remedy "" when there is nothing to do. */
static __attribute__((format(printf, 5, 6))) void tell(struct doctor *doctor,
	const char *name, enum level level, const char *remedy, const char *fmt, ...)
{
	struct cli *cli = doctor->cli;
	cJSON *check = cJSON_CreateObject();
	char detail[1024];
	va_list list;

	va_start(list, fmt);
	vsnprintf(detail, sizeof(detail), fmt, list);
	va_end(list);
	doctor->failed = doctor->failed || level == LEVEL_FAILED;
	cJSON_AddStringToObject(check, "name", name);
	cJSON_AddBoolToObject(check, "ok", level != LEVEL_FAILED);
	cJSON_AddStringToObject(check, "level", level_names[level]);
	cJSON_AddStringToObject(check, "detail", detail);
	if (*remedy)
		cJSON_AddStringToObject(check, "remedy", remedy);
	else
		cJSON_AddNullToObject(check, "remedy");
	cJSON_AddItemToArray(doctor->checks, check);
	if (cli->json)
		return;
	buf_addf(&cli->out, "%s%-8s%s %-14s ", colour_start(cli, level_colours[level]),
		level_names[level], colour_end(cli), name);
	out_text(cli, detail);
	if (*remedy) {
		buf_adds(&cli->out, "\n                        -> ");
		out_text(cli, remedy);
	}
	buf_addc(&cli->out, '\n');
}

/* ---- configuration and secrets ---- */

static void check_config(struct doctor *doctor)
{
	if (!doctor->cli->config)
		tell(doctor, "configuration", LEVEL_FAILED,
			"leadctl config check names every line", "%s is bad",
			doctor->cli->config_file);
	else
		tell(doctor, "configuration", LEVEL_OK, "", "%s",
			doctor->cli->config_file);
}

static void check_mode(struct doctor *doctor, const char *file, int *open_ones)
{
	struct stat st;

	if (!file || stat(file, &st) != 0 || !(st.st_mode & 07))
		return;
	tell(doctor, "secrets", LEVEL_WARNING, "chmod o-rwx on it",
		"%s can be read by everybody (mode %04o)", file,
		(unsigned)st.st_mode & 07777);
	(*open_ones)++;
}

static void check_secrets(struct doctor *doctor)
{
	const struct config *config = doctor->cli->config;
	int open_ones = 0;

	for (size_t i = 0; i < config->source_count; i++)
		check_mode(doctor, config->sources[i].tokens.file, &open_ones);
	for (size_t i = 0; i < config->destination_count; i++) {
		const struct auth_settings *auth = &config->destinations[i].auth;

		check_mode(doctor, auth->client_secret.file, &open_ones);
		check_mode(doctor, auth->password.file, &open_ones);
		check_mode(doctor, auth->key, &open_ones);
		check_mode(doctor, config->destinations[i].secret.file, &open_ones);
		check_mode(doctor, config->destinations[i].connection_string.file,
			&open_ones);
		check_mode(doctor, config->destinations[i].sas.file, &open_ones);
	}
	check_mode(doctor, config->mail.smtp.password.file, &open_ones);
	check_mode(doctor, config->mail.smtp.oauth.client_secret.file, &open_ones);
	check_mode(doctor, config->intake.tls_key, &open_ones);
	if (open_ones == 0)
		tell(doctor, "secrets", LEVEL_OK, "", "no secret file is open to all");
}

/* ---- what expires ---- */

static void tell_expiry(struct doctor *doctor, const char *check, const char *what,
	int64_t at, const char *remedy)
{
	int64_t days = (at - doctor->cli->now) / DAY_MS;
	char text[TIME_TEXT_SIZE];

	time_text(at, text);
	text[10] = '\0';
	if (at <= doctor->cli->now)
		tell(doctor, check, LEVEL_FAILED, remedy, "%s expired on %s", what, text);
	else
		tell(doctor, check, days <= WARN_DAYS ? LEVEL_WARNING : LEVEL_OK,
			days <= WARN_DAYS ? remedy : "", "%s expires on %s, in %lld days",
			what, text, (long long)days);
}

static void check_certificate(struct doctor *doctor, const char *what, const char *file)
{
	FILE *pem = file ? fopen(file, "re") : NULL;
	X509 *certificate = pem ? PEM_read_X509(pem, NULL, NULL, NULL) : NULL;
	struct tm tm;

	if (file && !certificate)
		tell(doctor, "tls", LEVEL_FAILED, "name a PEM file the daemon may read",
			"%s: %s cannot be read", what, file);
	else if (certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm))
		tell_expiry(doctor, "tls", what, (int64_t)timegm(&tm) * 1000,
			"renew it and put it in its place; no restart is needed");
	X509_free(certificate);
	if (pem)
		fclose(pem);
}

static void check_credentials(struct doctor *doctor)
{
	const struct config *config = doctor->cli->config;
	char what[256];

	for (size_t i = 0; i < config->destination_count; i++) {
		const struct destination_settings *one = &config->destinations[i];

		snprintf(what, sizeof(what), "the credential of %s", one->name);
		if (one->auth.expires_at)
			tell_expiry(doctor, "credentials", what, one->auth.expires_at,
				"make a new one, put it in its file, and correct expires:");
		else if (one->auth.method != AUTH_NONE)
			tell(doctor, "credentials", LEVEL_OK, "",
				"%s: no expires: is given, so nobody can warn", what);
		snprintf(what, sizeof(what), "the certificate of %s", one->name);
		check_certificate(doctor, what, one->auth.certificate);
	}
	if (config->mail.smtp.oauth.expires_at)
		tell_expiry(doctor, "credentials", "the credential of mail",
			config->mail.smtp.oauth.expires_at,
			"make a new one, put it in its file, and correct expires:");
	check_certificate(
		doctor, "the intake's certificate", config->intake.tls_certificate);
}

/* ---- state_dir ---- */

/* False: there is none, nothing more can be asked of it. */
static bool check_state_dir(struct doctor *doctor)
{
	const char *dir = doctor->cli->state_dir;
	struct stat st;

	if (stat(dir, &st) != 0) {
		tell(doctor, "state_dir", LEVEL_WARNING, "start leadrelayd once",
			"%s: %s", dir, strerror(errno));
		return false;
	}
	if ((st.st_mode & 07777) != 0700)
		tell(doctor, "state_dir", LEVEL_FAILED, "chmod 700 on it",
			"%s has mode %04o: others can get at the leads", dir,
			(unsigned)st.st_mode & 07777);
	else
		tell(doctor, "state_dir", LEVEL_OK, "", "%s, mode 0700, owner %u", dir,
			(unsigned)st.st_uid);
	return true;
}

static void check_lock(struct doctor *doctor)
{
	struct store_lock *lock;
	struct err err;
	enum err_code code =
		store_lock_take(&lock, doctor->cli->state_dir, LOCK_TOOL, 0, &err);

	if (code == ERR_OK) {
		store_lock_release(lock);
		tell(doctor, "lock", LEVEL_OK, "", "free: leadrelayd does not run");
	} else if (code == ERR_LOCKED) {
		tell(doctor, "lock", LEVEL_OK, "", "%s", err.text);
	} else {
		tell(doctor, "lock", LEVEL_FAILED, "run as the owner of state_dir", "%s",
			err.text);
	}
}

static void check_schema(struct doctor *doctor)
{
	unsigned char bytes[72] = {0};
	char path[4200];
	int version, fd;

	snprintf(path, sizeof(path), "%s/outbox.db", doctor->cli->state_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		tell(doctor, "schema", LEVEL_OK, "", "there is no outbox yet");
		return;
	}
	if (pread(fd, bytes, sizeof(bytes), 0) > 0 &&
		memcmp(bytes, "SQLite format 3", 16) != 0) {
		tell(doctor, "schema", LEVEL_FAILED,
			"leadctl restore FILE, or leadctl salvage FILE",
			"%s is damaged: this is not the head of a database", path);
	} else {
		version = bytes[60] << 24 | bytes[61] << 16 | bytes[62] << 8 | bytes[63];
		tell(doctor, "schema",
			version > store_schema_newest() ? LEVEL_FAILED : LEVEL_OK,
			version > store_schema_newest() ? "run the newer leadrelay" : "",
			"%d; this program knows up to %d%s", version,
			store_schema_newest(),
			version < store_schema_newest()
				? ", to which the next start brings it"
				: "");
	}
	close(fd);
}

static void check_file_system(struct doctor *doctor)
{
	static const struct {
		long magic;
		const char *name;
	} remote[] = {{NFS_SUPER_MAGIC, "NFS"}, {SMB_SUPER_MAGIC, "SMB"},
		{0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"}, {FUSE_SUPER_MAGIC, "FUSE"},
		{CEPH_SUPER_MAGIC, "Ceph"}, {V9FS_MAGIC, "9p"}};
	struct statfs fs;

	if (statfs(doctor->cli->state_dir, &fs) != 0)
		return;
	for (size_t i = 0; i < sizeof(remote) / sizeof(*remote); i++)
		if ((uint32_t)fs.f_type == (uint32_t)remote[i].magic) {
			tell(doctor, "file_system", LEVEL_FAILED,
				"put state_dir on a local disk",
				"%s: SQLite's WAL and locks need a local file system",
				remote[i].name);
			return;
		}
	if ((uint32_t)fs.f_type == TMPFS_MAGIC)
		tell(doctor, "file_system", LEVEL_WARNING, "put state_dir on a disk",
			"tmpfs: memory only, nothing survives a power cut");
	else
		tell(doctor, "file_system", LEVEL_OK, "", "local (type 0x%lx)",
			(unsigned long)fs.f_type);
}

static void check_space(struct doctor *doctor)
{
	struct statvfs fs;
	int64_t bytes;

	if (statvfs(doctor->cli->state_dir, &fs) != 0)
		return;
	bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	tell(doctor, "disk_space",
		bytes < OUT_BYTES   ? LEVEL_FAILED
		: bytes < LOW_BYTES ? LEVEL_WARNING
				    : LEVEL_OK,
		bytes < LOW_BYTES ? "make room: a full disk means 503 to every lead" : "",
		"%lld MiB free, %lld inodes", (long long)bytes >> 20,
		(long long)fs.f_favail);
}

/* ---- does a sync reach the platter? ---- */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* The median of a few, in microseconds; -1: it failed. */
static int64_t measure_sync(int fd)
{
	int64_t took[SYNCS];
	char page[4096];

	memset(page, 'x', sizeof(page));
	for (int i = 0; i < SYNCS; i++) {
		int64_t since = now_us();

		if (pwrite(fd, page, sizeof(page), (off_t)i * 4096) != sizeof(page) ||
			fdatasync(fd) != 0)
			return -1;
		took[i] = now_us() - since;
	}
	qsort(took, SYNCS, sizeof(took[0]), by_size);
	return took[SYNCS / 2];
}

static void check_sync(struct doctor *doctor)
{
	int fd = open(doctor->cli->state_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int64_t us = fd >= 0 ? measure_sync(fd) : -1;

	if (us < 0)
		tell(doctor, "disk_sync", LEVEL_FAILED, "see to the disk under state_dir",
			"a small file cannot be written and synced: %s", strerror(errno));
	else if (us < HONEST_US)
		tell(doctor, "disk_sync", LEVEL_WARNING,
			"no volatile write cache without a battery, no cache=unsafe in the "
			"hypervisor: else a power cut can cost accepted leads",
			"a sync takes %lld us: no disk is that fast, something answers early",
			(long long)us);
	else
		tell(doctor, "disk_sync", us > SLOW_US ? LEVEL_WARNING : LEVEL_OK,
			us > SLOW_US ? "a slow disk makes slow answers: see to it" : "",
			"a sync takes %lld us", (long long)us);
	if (fd >= 0)
		close(fd);
}

/* ---- the machine ---- */

static bool has_wal_reset_bug(int number)
{
	if (number < 3007000 || number >= 3051003)
		return false;
	return !(number >= 3044006 && number < 3045000) &&
	       !(number >= 3050007 && number < 3051000);
}

static void check_sqlite(struct doctor *doctor)
{
	bool bug = has_wal_reset_bug(store_sqlite_number());

	tell(doctor, "sqlite", LEVEL_OK, "", "%s%s", store_sqlite_version(),
		bug ? " has the WAL-reset bug; it takes two connections, one of them "
		      "checkpointing, and the outbox has one that writes and checkpoints: do "
		      "not let other programs write or checkpoint it"
		    : "");
}

static void check_clock(struct doctor *doctor)
{
	struct timex timex = {.modes = 0};
	struct stat program;
	int state = adjtimex(&timex);

	if (stat("/proc/self/exe", &program) == 0 &&
		doctor->cli->now < (int64_t)program.st_mtim.tv_sec * 1000 - DAY_MS)
		tell(doctor, "clock", LEVEL_FAILED, "set it; run chrony or timesyncd",
			"the clock is behind the day this program was built");
	else if (state < 0 || state == TIME_ERROR || (timex.status & STA_UNSYNC))
		tell(doctor, "clock", LEVEL_WARNING,
			"run chrony or systemd-timesyncd (a virtual machine may be set by its "
			"host)",
			"the kernel does not know the clock to be synchronised");
	else
		tell(doctor, "clock", LEVEL_OK, "", "synchronised");
}

static void check_files(struct doctor *doctor)
{
	const struct config *config = doctor->cli->config;
	long long needed = 256 + (config ? config->intake.max_connections : 1000);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max != RLIM_INFINITY && (long long)limit.rlim_max < needed)
		tell(doctor, "open_files", LEVEL_FAILED,
			"LimitNOFILE= in the unit, or intake.max_connections",
			"at most %llu here, %lld are needed",
			(unsigned long long)limit.rlim_max, needed);
	else
		tell(doctor, "open_files", LEVEL_OK, "", "enough for %lld", needed);
}

/* ---- the command ---- */

static void check_all(struct doctor *doctor)
{
	check_config(doctor);
	if (doctor->cli->config) {
		check_secrets(doctor);
		check_credentials(doctor);
	}
	if (check_state_dir(doctor)) {
		check_lock(doctor);
		check_schema(doctor);
		check_file_system(doctor);
		check_space(doctor);
		check_sync(doctor);
	}
	check_sqlite(doctor);
	check_clock(doctor);
	check_files(doctor);
}

int cmd_doctor(struct cli *cli, const struct arguments *args)
{
	struct doctor doctor = {.cli = cli};
	cJSON *document;

	if (args->word_count > 1)
		return cli_usage(cli, "doctor takes no arguments");
	document = cJSON_CreateObject();
	doctor.checks = cJSON_CreateArray();
	check_all(&doctor);
	cJSON_AddBoolToObject(document, "ok", !doctor.failed);
	cJSON_AddItemToObject(document, "checks", doctor.checks);
	if (cli->json)
		cli_print_json(cli, document);
	cJSON_Delete(document);
	if (!cli->config)
		return EXIT_USAGE;
	return doctor.failed ? EXIT_ATTENTION : EXIT_DONE;
}
