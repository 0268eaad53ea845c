// SPDX-License-Identifier: MIT
/*
 * How a wrapper of a system call had best return.  Kernels that guard the processor's
 * prediction of returns leave it useless behind a system call; one function more between the
 * program and the kernel then costs a wrong prediction, unless it returns by an indirect
 * jump, which is predicted by other means.  Elsewhere such a jump is what makes the
 * caller's own return be predicted wrongly.  So it is tried out: less than a millisecond.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stat.h"

#ifdef __x86_64__

#define ROUNDS	20
#define CALLS	100

typedef long function(long fd, void *buf, long n);

extern function stat_read, stat_read_ret, stat_read_jump;

/* A C library's function, and two wrappers around it. */
__asm__(".pushsection .text\n"
	"stat_read:\n\t"
	"xorl %eax, %eax\n\t"		/* SYS_read */
	"syscall\n\t"
	"ret\n"
	"stat_read_ret:\n\t"
	"subq $8, %rsp\n\t"
	"call stat_read\n\t"
	"addq $8, %rsp\n\t"
	"ret\n"
	"stat_read_jump:\n\t"
	"subq $8, %rsp\n\t"
	"call stat_read\n\t"
	"addq $8, %rsp\n\t"
	"popq %rcx\n\t"
	"jmp *%rcx\n"
	".popsection\n");

_Static_assert(SYS_read == 0, "see stat_read");

static uint64_t time_calls(function *read_byte, int fd)
{
	uint64_t began = stat_now();
	char byte;
	int i;

	for (i = 0; i < CALLS; i++)
		read_byte(fd, &byte, 1);
	return stat_now() - began;
}

static bool jump_is_better(void)
{
	uint64_t by_ret = UINT64_MAX, by_jump = UINT64_MAX, took;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC), i;

	if (fd < 0)
		return false;
	for (i = 0; i < ROUNDS; i++) {
		took = time_calls(stat_read_ret, fd);
		by_ret = took < by_ret ? took : by_ret;
		took = time_calls(stat_read_jump, fd);
		by_jump = took < by_jump ? took : by_jump;
	}
	close(fd);
	/* By a nanosecond a call at least. */
	return by_jump + CALLS < by_ret;
}

#else

static bool jump_is_better(void)
{
	return false;
}

#endif

bool stat_return_by_jump(void)
{
	const char *forced = getenv("OPV_STAT_RETURN");

	if (forced && (!strcmp(forced, "jump") || !strcmp(forced, "ret")))
		return *forced == 'j';
	return jump_is_better();
}
