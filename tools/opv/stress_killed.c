// SPDX-License-Identifier: MIT
/*
 * opv stress: a domain that processes share, each of which is killed at some
 * moment.  An operation that was under way then is done or not; nothing else may
 * be lost, and whoever is left goes on.
 */
#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In memory of all processes: what a process meant to add, and what it knows it added. */
struct intent {
	_Atomic uint64_t begun, done;
};

struct killed {
	struct opv_domain *domain;
	uint64_t *handle;
	struct intent *victims;	/* one for all who were killed before */
	uint64_t slack;		/* how many died between begun and done, at most */
};

#define STEPS 8

static void killed_setup(struct stress *s)
{
	struct opv_domain_options options = {
		.size = sizeof(options),
		.flags = OPV_DOMAIN_SHARED,
		.name = "opv stress",
	};
	struct killed *k = s->data[STRESS_killed] = stress_zalloc(sizeof(*k));
	unsigned int i;
	int ret = opv_domain_create(&k->domain, &options);

	if (!ret)
		ret = opv_new(k->domain, &k->handle);
	if (ret)
		die("stress", "no shared domain: %s", strerror(-ret));
	k->victims = mmap(NULL, sizeof(*k->victims), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->victims == MAP_FAILED)
		die("stress", "no shared memory: %s", strerror(errno));
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_killed] = stress_zalloc(sizeof(uint64_t));
}

static int any_cpu(struct stress_worker *w)
{
	return stress_random(w) % 32 ? OPV_THIS_CPU : stress_cpu(w);
}

static void killed_step(struct stress *s, struct stress_worker *w)
{
	struct killed *k = s->data[STRESS_killed];
	int i;

	for (i = 0; i < STEPS; i++) {
		int ret = opv_add64(k->handle, 1, any_cpu(w));

		if (stress_expect(w, STRESS_killed, "opv_add64", ret, 0))
			++*(uint64_t *)w->own[STRESS_killed];
		w->counts[OPV_CALL_opv_add64]++;
		w->done[STRESS_killed]++;
	}
}

/* In the victim: its own mapping of the domain, until it is killed. */
static void be_killed(struct stress *s, struct killed *k, struct stress_worker *w)
{
	struct opv_domain *d;
	uint64_t *h;
	int ret = opv_domain_attach(&d, opv_domain_fd(k->domain), NULL);

	if (!stress_expect(w, STRESS_killed, "opv_domain_attach", ret, 0))
		_exit(1);
	h = opv_handle(d, opv_handle_offset(k->handle));
	while (!atomic_load(&s->stop)) {
		atomic_fetch_add(&k->victims->begun, 1);
		ret = opv_add64(h, 1, stress_random(w) % 4 ? OPV_THIS_CPU : stress_cpu(w));
		if (!stress_expect(w, STRESS_killed, "opv_add64", ret, 0))
			_exit(1);
		atomic_fetch_add(&k->victims->done, 1);
	}
}

static void killed_tick(struct stress *s)
{
	struct killed *k = s->data[STRESS_killed];
	struct stress_worker *w = &s->workers[s->nr_workers - 1];
	struct timespec t = { 0, 0 };
	int status;
	pid_t pid;

	t.tv_nsec = 1000000 + (long)(stress_random(w) % 10000000);
	pid = fork();
	if (pid < 0)
		return;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_killed(s, k, w);
		_exit(0);
	}
	nanosleep(&t, NULL);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status)) {
		s->kills++;
		k->slack++;
	}
}

static void killed_check(struct stress *s)
{
	struct killed *k = s->data[STRESS_killed];
	uint64_t got = 0, own = 0, begun, done;
	unsigned int i;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(k->domain); cpu++)
		got += *opv_ptr(k->handle, cpu);
	for (i = 0; i < s->nr_workers; i++)
		own += *(uint64_t *)s->workers[i].own[STRESS_killed];
	begun = atomic_load(&k->victims->begun);
	done = atomic_load(&k->victims->done);
	if (got < own + done || got > own + begun || begun - done > k->slack)
		stress_lost(s, STRESS_killed, "%llu is there; %llu by us, %llu to %llu by %llu killed",
			    (unsigned long long)got, (unsigned long long)own, (unsigned long long)done,
			    (unsigned long long)begun, (unsigned long long)s->kills);
	s->workers[0].done[STRESS_killed] += done;
	s->workers[0].counts[OPV_CALL_opv_add64] += done;
}

const struct stress_ops stress_killed = {
	killed_setup, killed_step, killed_check, killed_tick, true
};
