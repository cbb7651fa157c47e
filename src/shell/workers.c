/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/workers.h"

#include "base/assert.h"
#include "base/units.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

STAILQ_HEAD(work_list, work);

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct work_list wanted, finished;
	bool stopping;
	int wake;
	struct event *ev;
	unsigned n; /* that have not been joined */
	pthread_t threads[WORKERS_MAX];
};

static void *thread_main(void *arg)
{
	struct workers *p = arg;
	const uint64_t one = 1;

	sm_assert(pthread_mutex_lock(&p->lock) == 0);
	for (;;) {
		struct work *w = STAILQ_FIRST(&p->wanted);

		if (!w && p->stopping)
			break;
		if (!w) {
			sm_assert(pthread_cond_wait(&p->some, &p->lock) == 0);
			continue;
		}
		STAILQ_REMOVE_HEAD(&p->wanted, link);
		sm_assert(pthread_mutex_unlock(&p->lock) == 0);
		w->run(w);
		sm_assert(pthread_mutex_lock(&p->lock) == 0);
		bool first = STAILQ_EMPTY(&p->finished);
		STAILQ_INSERT_TAIL(&p->finished, w, link);
		if (first)
			(void)!write(p->wake, &one, sizeof(one));
	}
	sm_assert(pthread_mutex_unlock(&p->lock) == 0);
	return NULL;
}

static void finish(struct workers *p)
{
	struct work_list all = STAILQ_HEAD_INITIALIZER(all);
	struct work *w;

	sm_assert(pthread_mutex_lock(&p->lock) == 0);
	STAILQ_CONCAT(&all, &p->finished);
	sm_assert(pthread_mutex_unlock(&p->lock) == 0);
	while ((w = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, link);
		w->done(w);
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;
	(void)what;

	(void)!read(fd, &n, sizeof(n));
	finish(arg);
}

/* Signals are the loop's, but for those that a thread brings upon itself: blocked, they end the
 * process instead of being handled (sigbus.h). */
static bool start_threads(struct workers *p, unsigned threads)
{
	sigset_t all, old;
	int error = 0;

	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	while (!error && p->n < threads && p->n < WORKERS_MAX) {
		error = pthread_create(&p->threads[p->n], NULL, thread_main, p);
		p->n += !error;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return !error;
}

struct workers *workers_new(struct event_base *base, unsigned threads)
{
	struct workers *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	STAILQ_INIT(&p->wanted);
	STAILQ_INIT(&p->finished);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->some, NULL);
	p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->ev = p->wake < 0 ? NULL : event_new(base, p->wake, EV_READ | EV_PERSIST, on_wake, p);
	if (p->ev && event_add(p->ev, NULL) == 0 && start_threads(p, threads))
		return p;
	workers_free(p);
	return NULL;
}

void workers_add(struct workers *p, struct work *w)
{
	sm_assert(pthread_mutex_lock(&p->lock) == 0);
	STAILQ_INSERT_TAIL(&p->wanted, w, link);
	sm_assert(pthread_cond_signal(&p->some) == 0);
	sm_assert(pthread_mutex_unlock(&p->lock) == 0);
}

static void stop(struct workers *p)
{
	sm_assert(pthread_mutex_lock(&p->lock) == 0);
	p->stopping = true;
	pthread_cond_broadcast(&p->some);
	sm_assert(pthread_mutex_unlock(&p->lock) == 0);
}

bool workers_end(struct workers *p, ns_t within)
{
	struct timespec until;

	if (!p)
		return true;
	clock_gettime(CLOCK_REALTIME, &until); /* the one that there is for joining */
	ns_t at = (ns_t)until.tv_nsec + within;
	until.tv_sec += (time_t)(at / NS_PER_S);
	until.tv_nsec = (long)(at % NS_PER_S);
	stop(p);
	for (; p->n > 0; p->n--)
		if (pthread_timedjoin_np(p->threads[p->n - 1], NULL, &until) != 0)
			return false;
	workers_free(p);
	return true;
}

void workers_free(struct workers *p)
{
	if (!p)
		return;
	stop(p);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	finish(p);
	if (p->ev)
		event_free(p->ev);
	if (p->wake >= 0)
		close(p->wake);
	pthread_cond_destroy(&p->some);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
