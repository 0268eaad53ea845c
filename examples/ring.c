// SPDX-License-Identifier: MIT
/*
 * A flight recorder: threads write what they do into a ring that keeps the newest records of each
 * CPU, another process, which might outlive them, reads it.  What was lost is known exactly.
 */
#include <errno.h>
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, EVENTS = 100000 };

struct event {
	uint32_t thread, number;
};

static struct opv_ring ring;

static void *work(void *arg)
{
	struct event e = { (uint32_t)(uintptr_t)arg, 0 };

	int ret = 0;

	/* -ENOBUFS: the oldest is still being written by somebody; that is counted. */
	for (; e.number < EVENTS && (!ret || ret == -ENOBUFS); e.number++)
		ret = opv_ring_write(&ring, &e, sizeof(e), OPV_THIS_CPU);
	return NULL;
}

/* In the other process: its own mapping of the same rings. */
static int reader(int fd, size_t offset)
{
	struct opv_ring_counts counts;
	struct opv_domain *d;
	struct opv_ring r;
	struct event e;
	uint32_t damaged = 0;
	uint64_t lost;
	size_t len;
	int cpu;

	if (opv_domain_attach(&d, fd, NULL) || opv_ring_attach(&r, d, offset))
		return 1;
	for (cpu = 0; cpu < opv_domain_cpus(d); cpu++)
		while (!opv_ring_read(&r, cpu, &e, sizeof(e), &len))
			damaged += len != sizeof(e) || e.thread >= THREADS || e.number >= EVENTS;
	opv_ring_counts(&r, OPV_ALL_CPUS, &counts, sizeof(counts));
	lost = counts.overwritten_records + counts.dropped_records;
	printf("read and lost: %llu of %d, %u damaged\n", (unsigned long long)(counts.read_records + lost),
	       THREADS * EVENTS, damaged);
	return damaged || counts.read_records + lost != THREADS * EVENTS;
}

int main(void)
{
	struct opv_domain_options options = {
		.size = sizeof(options), .flags = OPV_DOMAIN_SHARED, .percpu_size = 65536,
	};
	pthread_t threads[THREADS];
	struct opv_domain *d;
	int i, status;

	if (opv_domain_create(&d, &options) || opv_ring_init(&ring, d, 32768, OPV_RING_OVERWRITE))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (!fork())
		return reader(opv_domain_fd(d), opv_handle_offset(ring.percpu));
	return wait(&status) < 0 || status || opv_ring_fini(&ring);
}
