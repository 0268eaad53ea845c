// SPDX-License-Identifier: MIT
/*
 * The scheduler's side: masks and cpusets that change each millisecond, threads of
 * SCHED_FIFO that leave the target to nobody.  For a guest, as root.  Argument: seconds of
 * each load (default 1).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "call.h"
#include "section.h"

#define GROUP	"/sys/fs/cgroup/opv"
#define SPIN	200
#define WORKERS	2
#define HOGS	2	/* an emulator has fewer CPUs than its guest */
#define ENOUGH	50	/* of all that has to happen; it is waited for */
#define PATIENCE UINT64_C(30000000000)

static uint64_t hits[64][16];
static atomic_bool stop;
static _Atomic uint64_t added, refused, errors, sections;
static _Atomic pid_t tids[WORKERS];
static int nr_cpus;

static void *call_all(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 1;

	tids[(uintptr_t)arg] = (pid_t)syscall(SYS_gettid);
	while (!stop) {
		int cpu = (int)(rnd(&seed) % (uint64_t)nr_cpus);
		struct cpu_op op = opv_op_add(&hits[cpu][0], 1, 8);
		int ret = call(&op, 1, cpu, 0);

		added += !ret;
		refused += ret == -EINVAL;
		errors += ret && ret != -EINVAL;
	}
	return NULL;
}

static void *be_in_sections(void *arg)
{
	while (!stop) {
		int cpu = sched_getcpu();

		sections += section_add(&hits[cpu][0], 1, SPIN, cpu);
	}
	return arg;
}

static bool enough(void)
{
	return added > ENOUGH && sections > ENOUGH && refused;
}

/* The load, while turn() is called each millisecond. */
static void test_turns(double seconds, void (*turn)(uint64_t n), const char *what)
{
	const uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	pthread_t threads[WORKERS + 1];
	uint64_t sum = 0, n = 0;
	int i, cpu;

	memset(hits, 0, sizeof(hits));
	added = refused = errors = sections = 0;
	stop = false;
	for (i = 0; i < WORKERS + 1; i++)
		pthread_create(&threads[i], NULL, i < WORKERS ? call_all : be_in_sections, (void *)(uintptr_t)i);
	while (now_ns() < end || (!enough() && now_ns() < end + PATIENCE)) {
		turn(++n);
		usleep(1000);
	}
	stop = true;
	for (i = 0; i < WORKERS + 1; i++)
		pthread_join(threads[i], NULL);
	for (cpu = 0; cpu < nr_cpus; cpu++)
		sum += hits[cpu][0];
	diag("%s: %llu times; %llu calls, %llu refused, %llu sections", what, (unsigned long long)n,
	     (unsigned long long)added, (unsigned long long)refused, (unsigned long long)sections);
	ok(added > ENOUGH && sections > ENOUGH && !errors, "calls are served or refused: %s", what);
	ok(refused > 0, "they are refused where the caller may not run at that moment: %s", what);
	is(sum, added + sections, "conserved: %s", what);
}

static void turn_masks(uint64_t n)
{
	cpu_set_t set;
	int i;

	for (i = 0; i < WORKERS; i++) {
		CPU_ZERO(&set);
		CPU_SET((n + (uint64_t)i) % (uint64_t)nr_cpus, &set);
		CPU_SET((n / 3) % (uint64_t)nr_cpus, &set);
		if (tids[i])
			sched_setaffinity(tids[i], sizeof(set), &set);
	}
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static void turn_cpusets(uint64_t n)
{
	char cpus_text[32];

	snprintf(cpus_text, sizeof(cpus_text), "%d,%d", (int)(n % (uint64_t)nr_cpus), (int)(n / 2 % (uint64_t)nr_cpus));
	put(GROUP "/cpuset.cpus", cpus_text);
}

static void test_cpusets(double seconds)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (!put("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset") || (mkdir(GROUP, 0755) && errno != EEXIST) ||
	    !put(GROUP "/cgroup.procs", pid)) {
		skip("conserved: cpusets change", "there is no cgroup of the second version with cpusets");
		return;
	}
	test_turns(seconds, turn_cpusets, "cpusets change");
	put("/sys/fs/cgroup/cgroup.procs", pid);
	rmdir(GROUP);
}

/* As high as can be, in sections, and for ever. */
static void *hog(void *arg)
{
	const int cpu = (int)(uintptr_t)arg;
	struct sched_param param = { .sched_priority = 99 };

	if (!pin_to(cpu) || sched_setscheduler(0, SCHED_FIFO, &param))
		errors++;
	while (!stop)
		sections += section_add(&hits[cpu][0], 1, SPIN, cpu);
	return NULL;
}

static void test_hogs(uint64_t calls)
{
	const uint64_t end = now_ns() + PATIENCE;
	uint64_t sum = 0, seed = 1;
	pthread_t threads[1 + HOGS];
	int cpu;

	put("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	memset(hits, 0, sizeof(hits));
	added = errors = sections = 0;
	stop = false;
	/* Who is on a CPU with a hog waits until a scheduler that is not busy takes him off. */
	pin_to(0);
	unpin();
	for (cpu = 1; cpu <= HOGS; cpu++)
		pthread_create(&threads[cpu], NULL, hog, (void *)(uintptr_t)cpu);
	while ((added < calls || sections <= ENOUGH) && now_ns() < end) {
		int target = 1 + (int)(rnd(&seed) % HOGS);
		struct cpu_op op = opv_op_add(&hits[target][0], 1, 8);

		if (call(&op, 1, target, 0))
			errors++;
		else
			added++;
	}
	stop = true;
	for (cpu = 1; cpu <= HOGS; cpu++) {
		pthread_join(threads[cpu], NULL);
		sum += hits[cpu][0];
	}
	diag("%llu calls, %llu sections of hogs", (unsigned long long)added, (unsigned long long)sections);
	ok(added >= calls && sections > ENOUGH && !errors, "CPUs that SCHED_FIFO threads never leave serve calls");
	is(sum, added + sections, "conserved: sections of SCHED_FIFO threads");
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 1;

	if (!call_open())
		return done();
	nr_cpus = cpus();
	if (!ok(nr_cpus > HOGS && nr_cpus <= 64 && __rseq_size, "%d CPUs, and rseq", nr_cpus))
		return done();
	test_turns(seconds, turn_masks, "masks change");
	unpin();
	test_cpusets(seconds);
	test_hogs(100);
	return done();
}
