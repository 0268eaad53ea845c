// SPDX-License-Identifier: MIT
/*
 * fork while threads are in the slow path: a child can use every domain at once,
 * and finds no vector half done; the parent loses nothing.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tap.h"

#define THREADS 3
#define FORKS 300

struct pair {
	uint64_t up, down;	/* sum 0, but within a vector */
};

static struct opv_domain *domain, *shared;
static uint64_t *sum, *shared_sum;
static struct pair *pairs, default_pairs[4096];
static _Atomic bool stop;
static _Atomic uint64_t added, shared_added, errors;

static int move(struct opv_domain *d, struct pair *p, int cpu)
{
	struct cpu_op vec[] = { opv_op_add(&p->up, 1, 8), opv_op_mb(), opv_op_add(&p->down, -1, 8) };

	return opv_vector(d, vec, 3, cpu);
}

static void *thread_main(void *arg)
{
	int i, cpu, cpus = opv_domain_cpus(domain);

	(void)arg;
	for (i = 0; !stop; i++) {
		cpu = i % cpus;
		errors += opv_add64(sum, 1, cpu) != 0;
		added++;
		errors += move(domain, opv_ptr(pairs, cpu), cpu) != 0;
		errors += move(NULL, &default_pairs[cpu], cpu) != 0;
		if (i % 16 == 0) {
			errors += opv_add64(shared_sum, 1, OPV_THIS_CPU) != 0;
			shared_added++;
		}
	}
	return NULL;
}

/* 0, or what was wrong. */
static int child(void)
{
	int cpu, cpus = opv_domain_cpus(domain);
	uint64_t was, *h;

	for (cpu = 0; cpu < cpus; cpu++) {
		struct pair *p = opv_ptr(pairs, cpu), *q = &default_pairs[cpu];

		if (p->up + p->down || q->up + q->down)
			return 1;
		was = *opv_ptr(sum, cpu);
		if (opv_add64(sum, 1, cpu) || *opv_ptr(sum, cpu) != was + 1)
			return 2;
		if (move(domain, p, cpu) || move(NULL, q, cpu) || p->up + p->down || q->up + q->down)
			return 3;
	}
	if (opv_add64(sum, 1, OPV_THIS_CPU) || opv_add64(shared_sum, 1, OPV_THIS_CPU))
		return 4;
	if (opv_alloc(domain, 64, 8, &h) || opv_free(domain, h))
		return 5;
	if (opv_fence(domain, OPV_ALL_CPUS) || opv_fence(NULL, OPV_ALL_CPUS))
		return 6;
	return 0;
}

/* fork in a handler that interrupts whatever the thread does. */
static volatile int handler_forks, handler_wrong;

static void on_signal(int number)
{
	int status;
	pid_t pid = fork();

	(void)number;
	if (!pid) {
		alarm(60);
		_exit(child());
	}
	handler_forks++;
	if (waitpid(pid, &status, 0) != pid || status)
		handler_wrong = status ? status : -1;
	else
		shared_added++;
}

int main(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	int i, status, wrong = 0, hung = 0, grandchild = 0;
	uint64_t got = 0, got_shared = 0;
	pthread_t thread[THREADS];
	pid_t pid;

	opv_domain_create(&domain, NULL);
	opv_domain_create(&shared, &options);
	opv_new(domain, &sum);
	opv_new(domain, &pairs);
	opv_new(shared, &shared_sum);
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, thread_main, NULL);
	for (i = 0; i < FORKS; i++) {
		pid = fork();
		if (!pid) {
			alarm(60);
			status = child();
			if (!status && i % 8 == 0) {
				pid = fork();
				if (!pid)
					_exit(child());
				waitpid(pid, &grandchild, 0);
				status = grandchild ? 7 : 0;
			}
			_exit(status);
		}
		waitpid(pid, &status, 0);
		hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
		if (status)
			wrong = status;
		else
			shared_added += i % 8 ? 1 : 2;
	}
	signal(SIGUSR1, on_signal);
	for (i = 0; i < 50; i++)
		raise(SIGUSR1);
	stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < opv_domain_cpus(domain); i++) {
		got += *opv_ptr(sum, i);
		got_shared += *opv_ptr(shared_sum, i);
	}
	is(hung, 0, "no child waits for a thread that it does not have");
	is(wrong, 0, "every child finds every domain whole, and can use it");
	ok(handler_forks == 50 && !handler_wrong, "so does one that is forked in a signal handler");
	is(errors, 0, "every call in the parent is done");
	is(got, added, "the parent loses nothing, and the children's work stays with them");
	is(got_shared, shared_added, "in shared memory the work of all of them counts");
	ok(added > 1000, "there was work (%llu operations)", (unsigned long long)added);
	return done();
}
