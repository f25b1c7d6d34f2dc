// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/password.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "crypto.h"

#define WAITING_MAX 64

_Static_assert(CTL_PASSWORD_HASH >= crypto_pwhash_STRBYTES, "a hash must fit");

struct job {
	STAILQ_ENTRY(job) entry;
	bool verify, good;
	char password[CTL_PASSWORD_MAX + 1];
	char hash[CTL_PASSWORD_HASH];
	ctl_password_done *done;
	void *arg;
};

STAILQ_HEAD(job_list, job);

struct ctl_passwords {
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* over all that follows */
	pthread_cond_t wake;
	struct job_list waiting, finished;
	unsigned int n; /* jobs accepted and not yet told about */
	bool stop;
	int signal_fd; /* written when something has finished */
	struct event *finished_event;
};

static void job_free(struct job *j)
{
	tp_wipe(j, sizeof(*j));
	free(j);
}

int ctl_password_hash_now(const char *password, char hash[CTL_PASSWORD_HASH])
{
	char text[crypto_pwhash_STRBYTES];

	if (crypto_pwhash_str_alg(text, password, strlen(password),
				  crypto_pwhash_OPSLIMIT_INTERACTIVE,
				  crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13))
		return -ENOMEM;
	snprintf(hash, CTL_PASSWORD_HASH, "%s", text);
	return 0;
}

/* --- the thread ----------------------------------------------------------------------------- */

static void work(struct job *j)
{
	char unused[CTL_PASSWORD_HASH];

	if (!j->verify)
		j->good = !ctl_password_hash_now(j->password, j->hash);
	else if (*j->hash)
		j->good = !crypto_pwhash_str_verify(j->hash, j->password, strlen(j->password));
	else
		ctl_password_hash_now(j->password, unused); /* only for the time it takes */
}

/* The next job, or NULL when it is time to stop. */
static struct job *next_job(struct ctl_passwords *p)
{
	struct job *j = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && STAILQ_EMPTY(&p->waiting))
		pthread_cond_wait(&p->wake, &p->lock);
	if (!p->stop) {
		j = STAILQ_FIRST(&p->waiting);
		STAILQ_REMOVE_HEAD(&p->waiting, entry);
	}
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void finish(struct ctl_passwords *p, struct job *j)
{
	pthread_mutex_lock(&p->lock);
	STAILQ_INSERT_TAIL(&p->finished, j, entry);
	pthread_mutex_unlock(&p->lock);
	eventfd_write(p->signal_fd, 1);
}

static void *thread_main(void *arg)
{
	struct ctl_passwords *p = arg;
	struct job *j;

	while ((j = next_job(p))) {
		work(j);
		finish(p, j);
	}
	return NULL;
}

/* --- the event loop's side ------------------------------------------------------------------ */

static struct job *take_finished(struct ctl_passwords *p)
{
	struct job *j;

	pthread_mutex_lock(&p->lock);
	j = STAILQ_FIRST(&p->finished);
	if (j) {
		STAILQ_REMOVE_HEAD(&p->finished, entry);
		p->n--;
	}
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_passwords *p = arg;
	eventfd_t count;
	struct job *j;

	(void)what;
	eventfd_read(fd, &count);
	while ((j = take_finished(p))) {
		j->done(j->arg, j->good, j->hash);
		job_free(j);
	}
}

static int enqueue(struct ctl_passwords *p, struct job *j)
{
	int err = -EBUSY;

	pthread_mutex_lock(&p->lock);
	if (p->n < WAITING_MAX) {
		p->n++;
		STAILQ_INSERT_TAIL(&p->waiting, j, entry);
		pthread_cond_signal(&p->wake);
		err = 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (err)
		job_free(j);
	return err;
}

static int submit(struct ctl_passwords *p, const char *password, const char *verify,
		  ctl_password_done *done, void *arg)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	snprintf(j->password, sizeof(j->password), "%s", password);
	snprintf(j->hash, sizeof(j->hash), "%s", verify ? verify : "");
	j->verify = verify;
	j->done = done;
	j->arg = arg;
	return enqueue(p, j);
}

int ctl_passwords_hash(struct ctl_passwords *p, const char *password, ctl_password_done *done,
		       void *arg)
{
	return submit(p, password, NULL, done, arg);
}

int ctl_passwords_verify(struct ctl_passwords *p, const char *password, const char *hash,
			 ctl_password_done *done, void *arg)
{
	return submit(p, password, hash, done, arg);
}

/* Signals are the event loop's. */
static int start_thread(struct ctl_passwords *p)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&p->thread, NULL, thread_main, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	p->running = !err;
	return err;
}

int ctl_passwords_new(struct ctl_passwords **out, struct event_base *base)
{
	struct ctl_passwords *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	STAILQ_INIT(&p->waiting);
	STAILQ_INIT(&p->finished);
	p->signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = p->signal_fd < 0 ? -errno : 0;
	if (!err) {
		p->finished_event =
			event_new(base, p->signal_fd, EV_READ | EV_PERSIST, on_finished, p);
		if (!p->finished_event || event_add(p->finished_event, NULL))
			err = -ENOMEM;
	}
	err = err ?: start_thread(p);
	if (err) {
		ctl_passwords_free(p);
		return err;
	}
	*out = p;
	return 0;
}

static void drop_jobs(struct job_list *list)
{
	struct job *j;

	while ((j = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, entry);
		j->done(j->arg, false, j->hash);
		job_free(j);
	}
}

void ctl_passwords_free(struct ctl_passwords *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->running)
		pthread_join(p->thread, NULL);
	drop_jobs(&p->waiting);
	drop_jobs(&p->finished);
	if (p->finished_event)
		event_free(p->finished_event);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
