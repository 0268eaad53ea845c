// SPDX-License-Identifier: MIT
/*
 * The lock of a CPU whose owner does not let go: he is stopped, is dead, or was
 * never waited for.  The word of the lock is written by hand, as its owner would
 * have left it.
 */
#define _GNU_SOURCE
#include "counting.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../src/domain.h"

#define TIMEOUT_MS 60

static struct opv_domain *d;
static uint64_t *h;
static int cpu;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * Somebody who lives until he is told to end: of a shared domain another process,
 * of a private one another thread.
 */
struct owner {
	pthread_t thread;
	_Atomic pid_t tid;
	_Atomic bool end;
	bool process;
};

static void *sleep_in_thread(void *arg)
{
	struct owner *o = arg;

	o->tid = (pid_t)syscall(SYS_gettid);
	while (!o->end)
		usleep(1000);
	return NULL;
}

static void begin(struct owner *o, bool process)
{
	*o = (struct owner){ .process = process };
	if (process) {
		pid_t pid = fork();

		if (!pid)
			for (;;)
				pause();
		o->tid = pid;
		return;
	}
	pthread_create(&o->thread, NULL, sleep_in_thread, o);
	while (!o->tid)
		usleep(100);
}

static void end(struct owner *o)
{
	if (!o->process) {
		o->end = true;
		pthread_join(o->thread, NULL);
		return;
	}
	kill(o->tid, SIGKILL);
	waitpid(o->tid, NULL, 0);
}

static void set_owner(uint32_t tid)
{
	atomic_store(&opv_slot(d, cpu)->lock, tid);
}

static void test_alive(const char *kind, bool process)
{
	struct cpu_op op = opv_op_add(opv_ptr(h, cpu), 1, 8);
	struct opv_request r = { &op, 1, cpu, 0 };
	uint64_t was = *opv_ptr(h, cpu);
	struct owner o;
	long start;

	begin(&o, process);
	set_owner((uint32_t)o.tid);
	start = now_ms();
	counts_start(OPV_ALL_CPUS);
	is(opv_add(h, 1, cpu), -ETIMEDOUT, "%s: a call waits for the owner, but not for ever", kind);
	ok(now_ms() - start >= TIMEOUT_MS && now_ms() - start < 100 * TIMEOUT_MS,
	   "%s: as long as the domain says (%ld ms)", kind, now_ms() - start);
	is(opv_vector(d, &op, 1, cpu), -ETIMEDOUT, "%s: a vector too", kind);
	ok(opv_vectors(d, &r, 1) == -ETIMEDOUT && r.result == -ETIMEDOUT, "%s: many vectors too", kind);
	is(opv_fence(d, cpu), -ETIMEDOUT, "%s: a fence too", kind);
	ok(opv_fence(d, OPV_ALL_CPUS) == -ETIMEDOUT, "%s: a fence of all too", kind);
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	is(c.lock_waits - counts_before.lock_waits, 5, "%s: all five are counted", kind);
	is(c.errors - counts_before.errors, 5, "%s: as errors too", kind);
	is(*opv_ptr(h, cpu), was, "%s: nothing was done", kind);
	is(opv_add(h, 1, cpu - 1), 0, "%s: other CPUs have nothing to do with it", kind);
	/* He lets go, as the owner of a futex that has been waited for. */
	set_owner(0);
	is(opv_add(h, 1, cpu), 0, "%s: once he lets go all goes on", kind);
	end(&o);
}

static void test_dead(const char *kind, bool process)
{
	struct opv_counts c;
	struct owner o;

	begin(&o, process);
	end(&o);
	set_owner((uint32_t)o.tid);
	counts_start(OPV_ALL_CPUS);
	is(opv_add(h, 1, cpu), 0, "%s: the lock of a dead owner is inherited", kind);
	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	is(c.lock_dead - counts_before.lock_dead, 1, "%s: which is counted", kind);
	ok(!opv_slot(d, cpu)->lock && opv_slot(d, cpu)->key == OPV_KEY_OPEN(cpu),
	   "%s: the gate is as it should be", kind);
}

int main(void)
{
	struct opv_domain_options o = { .size = sizeof(o), .timeout_ms = TIMEOUT_MS };
	int flags;

	o.nr_cpus = (uint32_t)opv_domain_cpus(NULL) + 2;
	for (flags = 0; flags <= OPV_DOMAIN_SHARED; flags++) {
		const char *kind = flags ? "shared" : "private";

		o.flags = (uint32_t)flags;
		is(opv_domain_create(&d, &o), 0, "%s: a domain with a timeout of %d ms", kind, TIMEOUT_MS);
		cpu = opv_domain_cpus(d) - 1;
		opv_new(d, &h);
		opv_add(h, 1, cpu);
		test_alive(kind, flags);
		test_dead(kind, flags);
		opv_domain_destroy(d);
	}
	return done();
}
