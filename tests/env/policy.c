// SPDX-License-Identifier: MIT
/*
 * A policy that arrives in mid-process (a sandbox): threads that have rseq keep
 * it, new ones get none, a fence may be gone.  Each call is done or refused with
 * EPERM; the sums are those of what was done.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prog/filter.h"
#include "../tap.h"

#define ROUNDS 3000

static struct opv_domain *domain;
static uint64_t *sum;
static _Atomic int step;	/* 1: warm, 2: the policy is there */
static _Atomic uint64_t done_adds, refused, other;

static void adds(int from_here_on)
{
	int i, ret, cpus = opv_domain_cpus(domain);

	for (i = 0; i < ROUNDS; i++) {
		ret = opv_add64(sum, 1, i % 16 ? OPV_THIS_CPU : i / 16 % cpus);
		if (!ret)
			done_adds++;
		else if (ret == -EPERM && from_here_on)
			refused++;
		else
			other++;
	}
}

static void *old_thread(void *arg)
{
	(void)arg;
	adds(0);
	step++;
	while (step < 3)
		usleep(1000);
	adds(1);
	return NULL;
}

static void *new_thread(void *arg)
{
	(void)arg;
	adds(1);
	return NULL;
}

static int refuses(const char *names, const char *name)
{
	return !strcmp(names, "all") || strstr(names, name);
}

/* In a child: exit status 0 all done, 1 some refused, 2 wrong, 77 no seccomp. */
static int child(const char *names, int error)
{
	uint64_t got = 0, one = 1;
	struct cpu_op vec[] = { opv_op_add(&one, 1, 8) };
	struct cpu_op bad[] = { opv_op_add((void *)8, 1, 8) };
	struct opv_status status;
	pthread_t old[2], young[2];
	int i, ret, news;

	opv_domain_create(&domain, NULL);
	opv_new(domain, &sum);
	for (i = 0; i < 2; i++)
		pthread_create(&old[i], NULL, old_thread, NULL);
	while (step < 2)
		usleep(1000);
	if (install_filter(names, error))
		return 77;
	step = 3;
	/* A C library that owns rseq ends the program when a new thread gets none. */
	opv_status(&status, sizeof(status));
	news = status.rseq_owner == OPV_RSEQ_LIBC && refuses(names, "rseq") ? 0 : 2;
	for (i = 0; i < news; i++)
		pthread_create(&young[i], NULL, new_thread, NULL);
	for (i = 0; i < 2; i++)
		pthread_join(old[i], NULL);
	for (i = 0; i < news; i++)
		pthread_join(young[i], NULL);
	adds(1);
	ret = opv_vector(NULL, bad, 1, opv_cpu());
	other += ret != -EFAULT;
	ret = opv_vector(NULL, vec, 1, 0);
	other += ret ? ret != -EPERM || one != 1 : one != 2;
	for (i = 0; i < opv_domain_cpus(domain); i++)
		got += *opv_ptr(sum, i);
	if (other || got != done_adds) {
		diag("%llu is there, %llu were done, %llu refused, %llu other results",
		     (unsigned long long)got, (unsigned long long)done_adds,
		     (unsigned long long)refused, (unsigned long long)other);
		return 2;
	}
	return refused != 0;
}

/* As main() is told on the command line of a second life. */
static const char *owner = "";

static void try(const char *names, int error, int may_refuse)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		_exit(child(names, error));
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(names, "seccomp filters are not to be had");
	else if (!ok(WIFEXITED(status) && WEXITSTATUS(status) <= may_refuse,
		     "%s from %s in mid-process%s: every call is %s, the sum is of those that were",
		     error == EPERM ? "EPERM" : "ENOSYS", names, owner,
		     may_refuse ? "done or refused with EPERM" : "done"))
		diag("status %#x", status);
}

int main(int argc, char **argv)
{
	static const int errors[] = { ENOSYS, EPERM };
	size_t i, e;

	if (argc > 1) {
		tap_count = atoi(argv[1]);
		owner = ", without the C library's rseq";
	}
	for (e = 0; e < 2; e++) {
		for (i = 0; i < NR_FILTERED; i++)
			try(filtered[i].name, errors[e], 0);
		try("membarrier,sched_setaffinity", errors[e], 1);
		try("all", errors[e], 1);
	}
	/* Once more where new threads come to this library for rseq, and get none. */
	if (argc < 2) {
		char count[16];

		snprintf(count, sizeof(count), "%d", tap_count);
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
		if (!tap_failed)
			execl("/proc/self/exe", argv[0], count, (char *)NULL);
	}
	return done();
}
