// SPDX-License-Identifier: MIT
/*
 * Asking the kernel whether memory is there, by system calls that answer EFAULT
 * where an access would raise a signal.
 */
#define _GNU_SOURCE
#include "present.h"

#include <linux/futex.h>
#include <sys/mman.h>

#include "sys.h"

#ifndef MADV_POPULATE_READ
# define MADV_POPULATE_READ 22	/* Linux 5.14 */
# define MADV_POPULATE_WRITE 23
#endif

#define PAGE UINT64_C(4096)

/*
 * One page; before 5.14, and where a policy forbids madvise.  It would be cheaper,
 * too, but memcheck takes it for a use of what is there.  To read: sigprocmask copies
 * the set before it finds the first argument wrong.  To write: a futex
 * operation that adds 0, atomically.
 */
static bool probe_page(uint64_t addr, bool write)
{
	uint32_t word = 0;

	/* Not NULL, which means "no set" there; whoever has page 0 has its second word. */
	if (!write)
		return OPV_SYS(SYS_rt_sigprocmask, -1, addr < 8 ? 8 : addr & ~UINT64_C(7), 0, 8) !=
		       -EFAULT;
	return OPV_SYS(SYS_futex, &word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0, addr & ~UINT64_C(3),
		       FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)) >= 0;
}

static bool probe_pages(uint64_t addr, uint64_t len, bool write)
{
	uint64_t page;

	for (page = addr & ~(PAGE - 1); page < addr + len; page += PAGE)
		if (!probe_page(page < addr ? addr : page, write))
			return false;
	return true;
}

bool opv_present(uint64_t addr, uint64_t len, bool write)
{
	uint64_t first = addr & ~(PAGE - 1);
	long ret;

	if (!len)
		return true;
	if (addr + len < addr || (uintptr_t)(addr + len) != addr + len)
		return false;
	do {
		ret = OPV_SYS(SYS_madvise, first, addr + len - first,
			      write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	} while (ret == -EINTR || ret == -EAGAIN);
	if (!ret)
		return true;
	if (ret == -ENOMEM || ret == -EFAULT)
		return false;
	/* EINVAL is both "unknown advice" and "not for this mapping". */
	return probe_pages(addr, len, write);
}
