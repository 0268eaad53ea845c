// SPDX-License-Identifier: MIT
/*
 * The engines module and syscall where the kernel has cpu_opv: when they are chosen, what they
 * leave to the fence engine, and what programs may do to their descriptor.  For a guest, as
 * root.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <opv/opv.h>

#include "tap.h"

#define DEVICE "/dev/cpu_opv"
#define HERE	0
#define THERE	1

static enum opv_engine engine;

/* Where counts stand for the engine, the fence engine, and what the kernel refused. */
struct stand {
	uint64_t engine, fence, refused;
};

static struct stand stand(void)
{
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	return (struct stand){
		engine == OPV_ENGINE_MODULE ? c.engine_module : c.engine_syscall,
		c.engine_fence, c.kernel_refused,
	};
}

static bool went(struct stand from, uint64_t by_engine, uint64_t by_fence, uint64_t refused)
{
	struct stand to = stand();
	bool good = to.engine - from.engine == by_engine && to.fence - from.fence == by_fence &&
		    to.refused - from.refused == refused;

	if (!good)
		diag("engine %d, fence %d, refused %d", (int)(to.engine - from.engine),
		     (int)(to.fence - from.fence), (int)(to.refused - from.refused));
	return good;
}

static struct opv_engine_info info_of(enum opv_engine e)
{
	struct opv_engine_info info = { .size = sizeof(info) };

	opv_engine_info(e, &info);
	return info;
}

static bool stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu >= 0)
		CPU_SET(cpu, &set);
	else
		memset(&set, 0xff, sizeof(set));
	return !sched_setaffinity(0, sizeof(set), &set);
}

/* A thread that prefers to be here, yet may run everywhere. */
static bool be_here(void)
{
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		if (!stay_on(HERE) || !stay_on(-1))
			return false;
		if (opv_cpu() == HERE)
			return true;
	}
	return false;
}

/* Where we stand, and not on the CPU that is to be another one's: the scheduler may have moved us. */
static struct stand start(void)
{
	be_here();
	return stand();
}

static uint64_t *word;		/* per-CPU, keys open */
static struct opv_domain *domain;

static bool make_word(void)
{
	int cpu;

	if (opv_domain_create(&domain, NULL) || opv_new(domain, &word))
		return false;
	for (cpu = 0; cpu < opv_domain_cpus(domain); cpu++)
		if (opv_add(word, 1, cpu))
			return false;
	return true;
}

static bool adds(void)
{
	uint64_t was = *opv_ptr(word, THERE);

	return !opv_add(word, 1, THERE) && *opv_ptr(word, THERE) == was + 1;
}

/* In a child, so that it spoils nothing; 0 is good. */
static bool in_child(int (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (status)
		diag("the child: 0x%x", status);
	return !status;
}

/* How many descriptors of ours there are; *which is one. */
static int descriptors(int *which)
{
	char name[300], link[300];
	struct dirent *e;
	ssize_t len;
	int nr = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && (e = readdir(dir))) {
		snprintf(name, sizeof(name), "/proc/self/fd/%s", e->d_name);
		len = readlink(name, link, sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		if (!strcmp(link, DEVICE)) {
			nr++;
			*which = atoi(e->d_name);
		}
	}
	if (dir)
		closedir(dir);
	return nr;
}

static int refuse(int number, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ 4, code });
}

static int the_call(void)
{
	const char *nr = getenv("OPV_SYSCALL_NR");

	return engine == OPV_ENGINE_MODULE ? SYS_ioctl : nr ? atoi(nr) : 0;
}

/* Works, and by which engine it should. */
static int works_by(bool by_engine)
{
	struct stand from;

	if (!make_word() || !be_here())
		return 1;
	from = start();
	if (!adds())
		return 2;
	return went(from, by_engine, !by_engine, 0) ? 0 : 3;
}

static int refused_from_the_start(void)
{
	if (refuse(the_call(), EPERM) || works_by(false))
		return 1;
	return strstr(info_of(engine).why, "policy") ? 0 : 2;
}

static int no_descriptor(void)
{
	struct rlimit none = { 0, 0 };
	int ret;

	/* For ever: it is looked once. */
	setrlimit(RLIMIT_NOFILE, &none);
	ret = works_by(engine != OPV_ENGINE_MODULE);
	return ret || engine != OPV_ENGINE_MODULE || strstr(info_of(engine).why, "descriptor") ? ret : 4;
}

static int few_descriptors(void)
{
	struct rlimit few = { 16, 16 };
	int fd = -1;

	if (setrlimit(RLIMIT_NOFILE, &few) || works_by(true))
		return 1;
	return engine == OPV_ENGINE_MODULE && (descriptors(&fd) != 1 || fd != 15) ? 2 : 0;
}

static int without_standard_ones(void)
{
	int fd = -1;

	close_range(0, ~0u, 0);
	if (works_by(true))
		return 1;
	return engine == OPV_ENGINE_MODULE && (descriptors(&fd) != 1 || fd < 900) ? 2 : 0;
}

static int as_nobody(void)
{
	return setgid(65534) || setuid(65534) || works_by(true);
}

static pthread_barrier_t barrier;

static void *look(void *arg)
{
	pthread_barrier_wait(&barrier);
	return info_of(engine).available ? NULL : arg;
}

static int looked_for_at_once(void)
{
	pthread_t thread[16];
	void *bad = NULL, *ret;
	int i, fd;

	pthread_barrier_init(&barrier, NULL, 16);
	for (i = 0; i < 16; i++)
		pthread_create(&thread[i], NULL, look, &barrier);
	for (i = 0; i < 16; i++) {
		pthread_join(thread[i], &ret);
		bad = ret ? ret : bad;
	}
	return bad || (engine == OPV_ENGINE_MODULE && descriptors(&fd) != 1);
}

/* Before this process has looked for anything. */
static void test_fresh(void)
{
	ok(in_child(refused_from_the_start), "refused by a policy from the start: the fence engine works, and it is said");
	ok(in_child(no_descriptor), "no descriptor at all: all works");
	ok(in_child(few_descriptors), "16 descriptors: it takes the last one");
	ok(in_child(without_standard_ones), "without standard input, output and error it does not take their place");
	ok(in_child(as_nobody), "an ordinary user has it too");
	ok(in_child(looked_for_at_once), "16 threads that look for it at once keep one descriptor");
}

static void test_choice(void)
{
	struct opv_domain *d;
	struct stand from;
	struct cpu_op op;
	uint64_t *h;

	ok(make_word() && be_here(), "a domain whose keys are open");
	is(opv_engine_for(THERE), engine, "another CPU is its business");
	is(opv_engine_for(HERE), OPV_ENGINE_LOCAL, "this one is not");
	from = start();
	ok(adds() && went(from, 1, 0, 0), "a call for another CPU is one vector of the engine");
	from = start();
	is(opv_fence(domain, THERE), 0, "a fence of another CPU");
	ok(went(from, 1, 0, 0), "is one as well");

	opv_domain_create(&d, NULL);
	opv_new(d, &h);
	from = start();
	op = opv_op_add(opv_ptr(h, THERE), 1, 8);
	is(opv_vector(d, &op, 1, THERE), 0, "a vector for a CPU whose key was never opened");
	ok(went(from, 0, 1, 1), "is refused by the guard, and done by the fence engine");
	is(opv_vector(d, &op, 1, THERE), 0, "the next one");
	ok(went(from, 1, 1, 1) && *opv_ptr(h, THERE) == 2, "is done by the kernel");
	opv_domain_destroy(d);
}

static void test_results(void)
{
	struct cpu_op vec[CPU_OP_VEC_LEN_MAX];
	uint64_t *p = opv_ptr(word, THERE), was = *p, no = was + 1000;
	struct stand from = start();
	bool good = true;
	int i, stop;

	for (stop = 0; stop < CPU_OP_VEC_LEN_MAX; stop++) {
		for (i = 0; i < CPU_OP_VEC_LEN_MAX; i++)
			vec[i] = i == stop ? opv_op_compare_eq(p, &no, 8) : opv_op_add(p, 1, 8);
		good &= opv_vector(domain, vec, CPU_OP_VEC_LEN_MAX, THERE) == stop + 1;
		was += (uint64_t)stop;
		good &= *p == was;
	}
	ok(good && went(from, CPU_OP_VEC_LEN_MAX, 0, 0), "a vector of 16 stops at each of them, the guard not counted");

	from = start();
	stay_on(HERE);
	ok(adds() && went(from, 0, 1, 1), "a CPU that we may not run on: refused, done all the same");
	ok(adds() && went(from, 0, 2, 2), "and again");
	be_here();
	ok(adds() && went(from, 1, 2, 2), "allowed again, it is the kernel's");
}

/* Memory that is there and cannot be pinned: the same answer by every engine. */
static void test_memory(void)
{
	char line[300] = "";
	uint64_t *into = opv_ptr(word, THERE);
	unsigned long page = 0, at, end;
	FILE *maps = fopen("/proc/self/maps", "re");
	struct cpu_op op;
	char name[64];
	int ret, wanted;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "[vvar"))
			continue;
		sscanf(line, "%lx-%lx", &at, &end);
		page = page ? page : at;
	}
	if (maps)
		fclose(maps);
	if (!page) {
		skip("an operand in the vDSO's data", "there is none");
		return;
	}
	op = opv_op_memcpy(into, (void *)page, 8);
	snprintf(name, sizeof(name), "an operand in the vDSO's data");
	opv_force(OPV_ENGINE_FENCE, 100);
	wanted = opv_vector(domain, &op, 1, THERE);
	opv_force(OPV_ENGINE_FENCE, 0);
	ret = opv_vector(domain, &op, 1, THERE);
	is(ret, wanted, "%s: the answer is the fence engine's", name);
	op = opv_op_memcpy(into, (void *)8, 8);
	is(opv_vector(domain, &op, 1, THERE), -EFAULT, "what is not there is EFAULT");
	ok(adds(), "and afterwards all is well");
}

static int closed_again_and_again(void)
{
	int i;

	for (i = 0; i < 30; i++) {
		close_range(3, ~0u, 0);
		if (!be_here() || !adds())
			return 1;
	}
	return !strcmp(info_of(engine).why, "lost again and again") ? 0 : 2;
}

static int refused_later(void)
{
	int i;

	if (refuse(the_call(), EPERM))
		return 1;
	for (i = 0; i < 3; i++)
		if (!be_here() || !adds())
			return 2;
	return strstr(info_of(engine).why, "policy") ? 0 : 3;
}

static int after_fork(void)
{
	struct stand from = start();

	return be_here() && adds() && went(from, 1, 0, 0) ? 0 : 1;
}

static void test_descriptor(void)
{
	struct stat before, after;
	struct stand from;
	int fd = -1, again = -1, foreign;

	is(descriptors(&fd), 1, "one descriptor is open");
	ok(fd >= 900, "far up (%d)", fd);
	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "exec closes it");
	close_range(3, ~0u, 0);
	from = start();
	ok(adds() && went(from, 0, 1, 1), "when the program closes it, the fence engine does what is to be done");
	ok(adds() && went(from, 1, 1, 1), "and then it is open again");

	is(descriptors(&fd), 1, "once");
	foreign = memfd_create("foreign", 0);
	fstat(foreign, &before);
	is(dup2(foreign, fd), fd, "another file takes its place");
	from = start();
	ok(adds() && went(from, 0, 1, 1), "the fence engine does what is to be done");
	ok(adds() && went(from, 1, 1, 1), "then the engine is back");
	ok(descriptors(&again) == 1 && again != fd, "on another descriptor");
	ok(!fstat(fd, &after) && after.st_ino == before.st_ino && after.st_size == before.st_size,
	   "and the other file is as it was");
	close(foreign);
	close(fd);
	ok(in_child(closed_again_and_again), "closed again and again: at some time it is let be");
}

static void test_processes(void)
{
	ok(in_child(after_fork), "a child of fork has it");
	ok(in_child(refused_later), "a policy that comes later: the fence engine works, and it is said");
}

/* A pair that vectors change together; its processes are killed while they do. */
static void test_killed(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct pair { uint64_t up, down; } *h, *p;
	struct opv_domain *d;
	bool whole = true;
	int i, errors = 0;

	if (opv_domain_create(&d, &options) || opv_new(d, &h)) {
		ok(0, "a shared domain");
		return;
	}
	p = opv_ptr(h, THERE);
	for (i = 0; i < 40; i++) {
		struct cpu_op vec[] = { opv_op_add(&p->up, 1, 8), opv_op_mb(), opv_op_add(&p->down, 1, 8) };
		pid_t pid = fork();
		int status;

		if (!pid) {
			stay_on(i % 3 ? -1 : HERE);
			for (;;)
				opv_vector(d, vec, 3, THERE);
		}
		usleep(3000 + (unsigned int)i * 500);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		errors += opv_vector(d, vec, 3, THERE) != 0;
		whole &= p->up == p->down;
	}
	ok(whole && !errors, "40 processes killed while the kernel works for them in a shared domain: nothing is half done (%llu)",
	   (unsigned long long)p->up);
	opv_domain_destroy(d);
}

int main(void)
{
	int e, *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*shared = -1;
	/* Not in this process, which is to have looked for nothing yet. */
	if (!fork()) {
		for (e = OPV_ENGINE_MODULE; e >= OPV_ENGINE_SYSCALL; e--)
			if (info_of((enum opv_engine)e).available)
				*shared = e;
		_exit(0);
	}
	wait(NULL);
	if (*shared < 0) {
		skip("an engine of the kernel", "no module is loaded, no system call is known");
		return done();
	}
	engine = (enum opv_engine)*shared;
	test_fresh();
	test_choice();
	test_results();
	test_memory();
	if (engine == OPV_ENGINE_MODULE)
		test_descriptor();
	test_processes();
	test_killed();
	return done();
}
