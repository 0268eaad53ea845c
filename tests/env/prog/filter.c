// SPDX-License-Identifier: MIT
/* filter NAMES ERRNO COMMAND...: execute a command under a policy from its first instruction. */
#define _GNU_SOURCE
#include "filter.h"

#include <errno.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc < 4 || install_filter(argv[1], strcmp(argv[2], "ENOSYS") ? EPERM : ENOSYS)) {
		perror("seccomp");
		return 77;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 126;
}
