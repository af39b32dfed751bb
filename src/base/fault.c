#include "leadrelay/fault.h"

#ifdef LEADRELAY_FAULT_POINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULTS_MAX 16
#define FAULT_EXIT 70

enum action { ACTION_KILL, ACTION_STOP, ACTION_EXIT, ACTION_FAIL, ACTION_HANG };

static const char *const action_names[] = {
	[ACTION_KILL] = "kill",
	[ACTION_STOP] = "stop",
	[ACTION_EXIT] = "exit",
	[ACTION_FAIL] = "fail",
	[ACTION_HANG] = "hang",
};

struct fault {
	char name[64];
	enum action action;
	unsigned long from; /* the passing it acts on */
	bool onward;        /* and on all later ones */
	atomic_ulong passed;
};

static struct fault faults[FAULTS_MAX]; /* written by read_faults only, then read only */
static size_t fault_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void refuse(const char *entry)
{
	fprintf(stderr,
		"LEADRELAY_FAULT: \"%s\": expected NAME:kill|stop|exit|fail|hang[:N[+]]\n",
		entry);
	_exit(FAULT_EXIT);
}

static bool read_action(const char *text, enum action *out)
{
	for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++)
		if (strcmp(text, action_names[i]) == 0) {
			*out = (enum action)i;
			return true;
		}
	return false;
}

static bool read_passing(const char *text, struct fault *fault)
{
	char *end;

	if (*text < '1' || *text > '9')
		return false;
	fault->from = strtoul(text, &end, 10);
	if (end - text > 9) /* a passing that never comes */
		return false;
	fault->onward = *end == '+';
	return *(end + fault->onward) == '\0';
}

/* "NAME:ACTION" or "NAME:ACTION:N"; a name may hold no colon. */
static bool read_fault(const char *entry, struct fault *fault)
{
	char copy[128];
	char *action;
	char *passing;

	if (strlen(entry) >= sizeof(copy))
		return false;
	memcpy(copy, entry, strlen(entry) + 1);
	action = strchr(copy, ':');
	if (!action || action == copy || action - copy >= (ptrdiff_t)sizeof(fault->name))
		return false;
	*action++ = '\0';
	passing = strchr(action, ':');
	if (passing)
		*passing++ = '\0';
	memcpy(fault->name, copy, strlen(copy) + 1);
	fault->from = 1;
	return read_action(action, &fault->action) &&
	       (!passing || read_passing(passing, fault));
}

static void read_faults(void)
{
	const char *variable = getenv("LEADRELAY_FAULT");
	char *copy = strdup(variable ? variable : "");
	char *rest = copy;
	char *entry;

	if (!copy)
		refuse("out of memory");
	while ((entry = strsep(&rest, ",")) != NULL) {
		if (*entry == '\0')
			continue;
		if (fault_count == FAULTS_MAX || !read_fault(entry, &faults[fault_count]))
			refuse(entry);
		fault_count++;
	}
	free(copy);
}

static void act(enum action action)
{
	switch (action) {
	case ACTION_KILL:
		raise(SIGKILL);
		break;
	case ACTION_STOP:
		raise(SIGSTOP); /* to this thread: it goes no further */
		break;
	case ACTION_EXIT:
		_exit(FAULT_EXIT);
	case ACTION_FAIL:
		break;
	case ACTION_HANG:
		for (;;)
			pause();
	}
}

bool fault_pass(const char *name)
{
	bool fails = false;

	pthread_once(&once, read_faults);
	for (size_t i = 0; i < fault_count; i++) {
		struct fault *fault = &faults[i];
		unsigned long passing;

		if (strcmp(fault->name, name) != 0)
			continue;
		passing = atomic_fetch_add(&fault->passed, 1) + 1;
		if (passing != fault->from && !(fault->onward && passing > fault->from))
			continue;
		act(fault->action);
		fails |= fault->action == ACTION_FAIL;
	}
	return fails;
}

#endif
