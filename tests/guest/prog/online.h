/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_GUEST_ONLINE_H
#define _TESTS_GUEST_ONLINE_H

/* CPUs that come and go, in a guest. */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* Whether the kernel agreed: the last CPU never goes, and one that is busy may stay. */
static bool turn(int cpu, bool on)
{
	char path[64];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && write(fd, on ? "1" : "0", 1) == 1;
	if (fd >= 0)
		close(fd);
	return good;
}

#endif /* _TESTS_GUEST_ONLINE_H */
