/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_GUEST_SWAP_H
#define _TESTS_GUEST_SWAP_H

/* Something to swap to, in a guest: an NVMe disk if there is one, else memory, compressed. */

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>

#define SWAP_SIZE	(64 << 20)

/* The whole text, to a file of the kernel's. */
__attribute__((__unused__))
static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* What mkswap writes. */
static bool make_swap(const char *path)
{
	union {
		struct {
			char boot[1024];
			uint32_t version, last_page, bad_pages;
		} header;
		char page[4096];
	} swap = { .header = { .version = 1, .last_page = SWAP_SIZE / 4096 - 1 } };
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good;

	memcpy(swap.page + sizeof(swap.page) - 10, "SWAPSPACE2", 10);
	good = fd >= 0 && pwrite(fd, swap.page, sizeof(swap.page), 0) == sizeof(swap.page) && !fsync(fd);
	if (fd >= 0)
		close(fd);
	return good && !swapon(path, 0);
}

/* Bytes that are swapped out. */
__attribute__((__unused__))
static unsigned long swap_used(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? 0 : info.totalswap - info.freeswap;
}

/* For as long as the guest lives; others may have done it before. */
static bool swap_on(void)
{
	struct sysinfo info;

	return (!sysinfo(&info) && info.totalswap) || make_swap("/dev/nvme0n1") ||
	       (put("/sys/block/zram0/disksize", "64M") && make_swap("/dev/zram0"));
}

#endif /* _TESTS_GUEST_SWAP_H */
