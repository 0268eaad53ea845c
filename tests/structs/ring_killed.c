// SPDX-License-Identifier: MIT
/*
 * Rings in a shared domain, written by processes that are killed at any moment: the reader gets to
 * the end, every record is whole, and what a process knows it had written is read.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define WRITERS 3
#define KILLS 60

struct event {
	uint64_t writer, number, check, filling[3];
};

/* In memory of all processes; a writer's own. */
struct ledger {
	_Atomic uint64_t begun, done, dropped;
};

static struct ledger *ledger;
static struct opv_domain *domain;
static struct opv_ring ring;
static int nr_cpus, nr_ledgers;
static uint64_t *got;
static int damaged;

static uint64_t check_of(const struct event *e)
{
	return (e->writer + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ e->number * 31;
}

static void be_killed(int me)
{
	struct ledger *own = &ledger[me];
	struct opv_domain *d;
	struct opv_ring r;
	uint64_t random = (uint64_t)me;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (opv_domain_attach(&d, opv_domain_fd(domain), NULL) ||
	    opv_ring_attach(&r, d, opv_handle_offset(ring.percpu)))
		_exit(1);
	for (;;) {
		struct event e = { .writer = (uint64_t)me, .number = own->begun + 1 };
		int cpu = rnd(&random) % 16 ? OPV_THIS_CPU : (int)(rnd(&random) % (uint64_t)nr_cpus);
		int ret;

		e.check = check_of(&e);
		own->begun++;
		ret = opv_ring_write(&r, &e, sizeof(e), cpu);
		if (!ret)
			own->done++;
		else if (ret == -ENOBUFS)
			own->dropped++;
		else
			_exit(2);
	}
}

static void read_all(void)
{
	struct event e;
	size_t len;
	int cpu;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		while (!opv_ring_read(&ring, cpu, &e, sizeof(e), &len)) {
			if (len != sizeof(e) || e.check != check_of(&e) || e.writer >= (uint64_t)nr_ledgers)
				damaged++;
			else
				got[e.writer]++;
		}
}

/* Some at once; one after the other is killed. */
static int kill_some(int first)
{
	struct timespec pause = { 0, 3000000 };
	pid_t pid[WRITERS];
	int i, status, bad = 0;

	for (i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (!pid[i])
			be_killed(first + i);
	}
	for (i = 0; i < WRITERS; i++) {
		nanosleep(&pause, NULL);
		read_all();
		kill(pid[i], SIGKILL);
		waitpid(pid[i], &status, 0);
		bad += !WIFSIGNALED(status);
		read_all();
	}
	return bad;
}

static void test(uint32_t flags)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	const char *how = flags ? "overwriting" : "dropping";
	uint64_t sum = 0, done_ = 0, begun = 0, dropped = 0;
	struct opv_ring_counts c;
	int i, bad = 0, stuck = 0, cpu;
	bool exact = true;

	opv_domain_create(&domain, &options);
	is(opv_ring_init(&ring, domain, 32768, flags), 0, "rings, %s", how);
	memset(ledger, 0, (size_t)nr_ledgers * sizeof(*ledger));
	memset(got, 0, (size_t)nr_ledgers * sizeof(*got));
	damaged = 0;
	for (i = 0; i < part_of(KILLS); i += WRITERS)
		bad += kill_some(i);
	for (cpu = 0; cpu < nr_cpus; cpu++)
		stuck += opv_ring_flush(&ring, cpu, 0) != 0;
	read_all();
	opv_ring_counts(&ring, OPV_ALL_CPUS, &c, sizeof(c));
	for (i = 0; i < nr_ledgers; i++) {
		exact &= flags || (got[i] >= ledger[i].done &&
				   got[i] <= ledger[i].begun - ledger[i].dropped);
		sum += got[i];
		done_ += ledger[i].done;
		begun += ledger[i].begun;
		dropped += ledger[i].dropped;
	}
	is(bad, 0, "%s: every writer wrote until it was killed", how);
	is(damaged, 0, "%s: every record that is read is whole", how);
	ok(!stuck && !c.used, "%s: the reader gets to the end", how);
	ok(exact, "%s: what a writer knows it wrote is read", how);
	ok(sum == c.read_records && sum + c.overwritten_records >= done_ &&
	   sum + c.overwritten_records + c.abandoned_records <= begun - dropped,
	   "%s: all is accounted for, but for what was not counted yet when its writer died", how);
	diag("%llu begun, %llu done, %llu read, %llu overwritten, %llu dropped, %llu abandoned",
	     (unsigned long long)begun, (unsigned long long)done_, (unsigned long long)sum,
	     (unsigned long long)c.overwritten_records, (unsigned long long)dropped,
	     (unsigned long long)c.abandoned_records);
	opv_ring_fini(&ring);
	opv_domain_destroy(domain);
}

/* A reader may take its record along, and nothing else. */
static void test_reader(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct timespec pause = { 0, 2000000 };
	int i, status, busy = 0, bad = 0;
	struct event e = { 0 };
	size_t len;
	pid_t pid;

	opv_domain_create(&domain, &options);
	opv_ring_init(&ring, domain, 4096, 0);
	for (i = 0; i < 30; i++) {
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;) {
				opv_ring_write(&ring, &e, sizeof(e), 0);
				opv_ring_read(&ring, 0, &e, sizeof(e), &len);
			}
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		opv_ring_write(&ring, &e, sizeof(e), 0);
		busy += opv_ring_read(&ring, 0, &e, sizeof(e), &len) == -EBUSY;
		bad += len != sizeof(e);
	}
	is(busy, 0, "readers that are killed are no readers any more");
	is(bad, 0, "and what they left is whole");
	opv_ring_fini(&ring);
	opv_domain_destroy(domain);
}

int main(void)
{
	if (!take_road(the_road()))
		return done();
	nr_cpus = opv_domain_cpus(NULL);
	nr_ledgers = KILLS;
	ledger = mmap(NULL, (size_t)nr_ledgers * sizeof(*ledger), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	got = calloc((size_t)nr_ledgers, sizeof(*got));
	test(0);
	test(OPV_RING_OVERWRITE);
	test_reader();
	leave_road(the_road());
	return done();
}
