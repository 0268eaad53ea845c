/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _OPV_KERNEL_ALIAS_H
#define _OPV_KERNEL_ALIAS_H

/*
 * Does the data cache keep a line for each virtual address of a page?  Then what a
 * program wrote through its address is not seen through the kernel's, and an interrupt
 * on another CPU cannot flush what it does not know the address of.  It would take a
 * mapping of the same colour, and those are scarce.  flush_dcache_page() is for
 * the other caches.
 */

#include <linux/cacheflush.h>
#include <linux/cacheinfo.h>
#include <linux/mm.h>

static inline bool opv_dcache_aliases(void)
{
#if defined(cpu_dcache_is_aliasing)		/* anywhere, new */
	return cpu_dcache_is_aliasing();
#elif defined(cpu_has_dc_aliases)		/* mips */
	return cpu_has_dc_aliases;
#elif defined(cache_is_vipt_aliasing)		/* arm */
	return cache_is_vivt() || cache_is_vipt_aliasing();
#else
	return false;
#endif
}

#endif /* _OPV_KERNEL_ALIAS_H */
