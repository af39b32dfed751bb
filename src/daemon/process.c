/* What a process that holds secrets and many connections settles before it starts. */
#include "daemon.h"

#include "leadrelay/log.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER
#endif
#endif

#define FILES_BESIDE_CONNECTIONS 512 /* destinations, the store, the operators */
#define FILES_MAX 262144

static void raise_files(int connections)
{
	rlim_t wanted = (rlim_t)connections + FILES_BESIDE_CONNECTIONS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted)
		log_warn("too few open files allowed", "allowed",
			log_num((int64_t)limit.rlim_cur, (char[LOG_NUMBER_SIZE]){0}),
			"wanted", log_num((int64_t)wanted, (char[LOG_NUMBER_SIZE]){0}),
			"remedy",
			"raise LimitNOFILE= of the service, or lower intake.max_connections",
			NULL);
}

void process_prepare(int connections)
{
	struct rlimit no_core = {0, 0};

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	raise_files(connections);
	(void)setrlimit(RLIMIT_CORE, &no_core); /* a core would hold secrets and leads */
#ifndef UNDER_SANITIZER /* the leak check attaches to the process */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
