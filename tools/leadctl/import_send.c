/* The thread that asks: one request at a time, the answer waits until it is fetched. */
#include "importing.h"
#include "link.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define IDLE_MS 100 /* how soon a daemon that starts gets the lock of an idle import */

struct sender {
	struct link link;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* under the mutex */
	cJSON *request; /* to be asked; NULL: none */
	bool answered;
	bool quit;
	int status;
	cJSON *done;
	struct err err;
};

static void idle(struct sender *sender)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += IDLE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&sender->changed, &sender->mutex, &until);
}

static void ask(struct sender *sender)
{
	cJSON *request = sender->request, *done = NULL;
	struct err err = {0};
	int status;

	sender->request = NULL;
	pthread_mutex_unlock(&sender->mutex);
	status = link_ask(&sender->link, request, &done, &err);
	pthread_mutex_lock(&sender->mutex);
	sender->status = status;
	sender->done = done;
	sender->err = err;
	sender->answered = true;
	pthread_cond_broadcast(&sender->changed);
}

static void *run(void *arg)
{
	struct sender *sender = arg;

	pthread_mutex_lock(&sender->mutex);
	while (!sender->quit || sender->request) {
		if (sender->request) {
			ask(sender);
			continue;
		}
		idle(sender);
		pthread_mutex_unlock(&sender->mutex);
		link_idle(&sender->link);
		pthread_mutex_lock(&sender->mutex);
	}
	pthread_mutex_unlock(&sender->mutex);
	link_finish(&sender->link);
	return NULL;
}

/* Signals are the other thread's. */
static int start_thread(struct sender *sender)
{
	sigset_t all, before;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	failed = pthread_create(&sender->thread, NULL, run, sender);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

enum err_code sender_create(struct sender **out, struct cli *cli, struct err *err)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	pthread_condattr_t attributes;
	int failed;

	if (!sender)
		return err_set(err, ERR_NOMEM, "out of memory");
	link_init(&sender->link, cli);
	pthread_mutex_init(&sender->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sender->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	failed = start_thread(sender);
	if (failed != 0) {
		free(sender);
		return err_errno(err, failed, "starting a thread");
	}
	*out = sender;
	return ERR_OK;
}

void sender_start(struct sender *sender, cJSON *request)
{
	pthread_mutex_lock(&sender->mutex);
	sender->request = request;
	sender->answered = false;
	pthread_cond_broadcast(&sender->changed);
	pthread_mutex_unlock(&sender->mutex);
}

int sender_wait(struct sender *sender, cJSON **done_out, struct err *err)
{
	int status;

	pthread_mutex_lock(&sender->mutex);
	while (!sender->answered)
		pthread_cond_wait(&sender->changed, &sender->mutex);
	status = sender->status;
	*done_out = sender->done;
	if (status != EXIT_DONE)
		*err = sender->err;
	sender->done = NULL;
	sender->answered = false;
	pthread_mutex_unlock(&sender->mutex);
	return status;
}

int sender_call(struct sender *sender, cJSON *request, cJSON **done_out, struct err *err)
{
	sender_start(sender, request);
	return sender_wait(sender, done_out, err);
}

void sender_destroy(struct sender *sender)
{
	if (!sender)
		return;
	pthread_mutex_lock(&sender->mutex);
	sender->quit = true;
	pthread_cond_broadcast(&sender->changed);
	pthread_mutex_unlock(&sender->mutex);
	pthread_join(sender->thread, NULL);
	cJSON_Delete(sender->done);
	pthread_cond_destroy(&sender->changed);
	pthread_mutex_destroy(&sender->mutex);
	free(sender);
}
