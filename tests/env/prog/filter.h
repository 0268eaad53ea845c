/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_FILTER_H
#define _TESTS_FILTER_H

/* A policy that refuses system calls: seccomp answers an errno for each of a list. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_rseq
# define SYS_rseq 334
#endif
#ifndef SECCOMP_FILTER_FLAG_TSYNC
# define SECCOMP_FILTER_FLAG_TSYNC 1
#endif

static const struct {
	const char *name;
	long number;
} filtered[] = {
	{ "rseq", SYS_rseq },
	{ "membarrier", SYS_membarrier },
	{ "sched_setaffinity", SYS_sched_setaffinity },
	{ "madvise", SYS_madvise },
};

#define NR_FILTERED (sizeof(filtered) / sizeof(filtered[0]))

/* names: those of the list, separated by commas, or "all".  For all threads.  0, or -1. */
static int install_filter(const char *names, int error)
{
	struct sock_filter code[2 * NR_FILTERED + 2];
	unsigned short n = 0;
	size_t i;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (i = 0; i < NR_FILTERED; i++) {
		if (strcmp(names, "all") && !strstr(names, filtered[i].name))
			continue;
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (unsigned int)filtered[i].number, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							 SECCOMP_RET_ERRNO | (unsigned int)error);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			    &(struct sock_fprog){ n, code });
}

#endif /* _TESTS_FILTER_H */
