// SPDX-License-Identifier: MIT
/*
 * deny ERRNO CALL[,CALL...] COMMAND [ARGUMENT...]: run a command under a seccomp
 * filter that answers these system calls with EPERM, ENOSYS, ...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_rseq
# define SYS_rseq 334
#endif

static const struct {
	const char *name;
	unsigned int nr;
} calls[] = {
	{ "rseq", SYS_rseq },
	{ "membarrier", SYS_membarrier },
	{ "sched_setaffinity", SYS_sched_setaffinity },
	{ "madvise", SYS_madvise },
	{ "futex", SYS_futex },
}, errors[] = {
	{ "EPERM", EPERM },
	{ "ENOSYS", ENOSYS },
	{ "EACCES", EACCES },
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static int fail(const char *what)
{
	fprintf(stderr, "deny: %s\n", what);
	return 125;
}

int main(int argc, char **argv)
{
	struct sock_filter code[2 + 2 * NR(calls) + 1];
	struct sock_fprog prog = { 0, code };
	unsigned int error = 0, i;
	char *name;

	if (argc < 4)
		return fail("wants ERRNO CALL[,CALL...] COMMAND");
	for (i = 0; i < NR(errors); i++)
		if (!strcmp(argv[1], errors[i].name))
			error = errors[i].nr;
	if (!error)
		return fail("an errno that is not known");
	code[prog.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							offsetof(struct seccomp_data, nr));
	for (name = strtok(argv[2], ","); name; name = strtok(NULL, ",")) {
		for (i = 0; i < NR(calls) && strcmp(name, calls[i].name); i++)
			;
		if (i == NR(calls) || prog.len > 2 * NR(calls))
			return fail("a call that is not known, or too many");
		code[prog.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								calls[i].nr, 0, 1);
		code[prog.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
								SECCOMP_RET_ERRNO | error);
	}
	code[prog.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return fail("this kernel takes no filter");
	execvp(argv[3], argv + 3);
	return fail("the command cannot be executed");
}
