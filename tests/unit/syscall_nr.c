// SPDX-License-Identifier: MIT
/*
 * OPV_SYSCALL_NR: a number that is another system call's, or none's, does no damage, whatever
 * that call does, and the engine is not to be had.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	while (dir && readdir(dir))
		nr++;
	if (dir)
		closedir(dir);
	return nr;
}

/* In a child that has not looked yet: 0 and 1 not to be had or to be had, 2 damage. */
static int look(const char *number)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	int before = descriptors(), parent = getpid(), handled, status;
	pid_t pid = fork();

	if (!pid) {
		setenv("OPV_SYSCALL_NR", number, 1);
		alarm(5);
		parent = getpid();
		handled = opv_engine_info(OPV_ENGINE_SYSCALL, &info);
		if (handled || !info.why || !*info.why || getpid() != parent || descriptors() != before)
			_exit(2);
		_exit(info.available);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

int main(void)
{
	static const char *const nonsense[] = {
		"-1", "x", "463x", " 463", "99999999999999999999", "4294967759", "0x1cf", "18446744073709552079",
	};
	char number[16];
	int i, nr, bad = 0, there = 0;

	for (nr = 0; nr < 600; nr++) {
		snprintf(number, sizeof(number), "%d", nr);
		i = look(number);
		if (i == 2)
			diag("%s does damage", number);
		bad += i == 2;
		there += i == 1;
	}
	is(bad, 0, "600 numbers do no damage, exit and fork among them");
	ok(there <= 1, "cpu_opv is one of them at most (%d)", there);
	for (i = bad = 0; i < (int)(sizeof(nonsense) / sizeof(nonsense[0])); i++)
		bad += look(nonsense[i]) != 0;
	is(bad, 0, "what is no number is none");
	is(look(""), look("0"), "an empty one is as good as none");
	return done();
}
