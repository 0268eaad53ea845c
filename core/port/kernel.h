/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _OPV_PORT_KERNEL_H
#define _OPV_PORT_KERNEL_H

/*
 * What core/ needs of where it runs (the list is in user.h), here a kernel that
 * has mapped the operands.
 *
 * Programs may write to the same memory while a vector runs: whatever is not one
 * access is a race that they asked for, and none to report.
 */

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#include <asm/barrier.h>

/* Off its alignment it may tear, and on some machines must be taken apart. */
#define OPV_PORT_ANY(type, p)						\
	(((struct __packed { type v; } *)(p))->v)
#define OPV_PORT_ALIGNED(type, p)	(!((unsigned long)(p) & (sizeof(type) - 1)))

#define OPV_PORT_LOAD(type, p)						\
({									\
	const void *opv_at = (p);					\
									\
	OPV_PORT_ALIGNED(type, opv_at) ?				\
		READ_ONCE(*(const type *)opv_at) :			\
		data_race(OPV_PORT_ANY(const type, opv_at)); /* theirs */ \
})
#define OPV_PORT_STORE(type, p, val)					\
do {									\
	void *opv_at = (p);						\
	const type opv_val = (val);					\
									\
	if (OPV_PORT_ALIGNED(type, opv_at))				\
		WRITE_ONCE(*(type *)opv_at, opv_val);			\
	else								\
		data_race(OPV_PORT_ANY(type, opv_at) = opv_val); /* theirs */ \
} while (0)

/* Programs' races, see above. */
#define opv_port_memcmp(a, b, len)	data_race(memcmp(a, b, len))
/* Programs' races, see above. */
#define opv_port_memmove(dst, src, len)	data_race(memmove(dst, src, len))
/* The kernel has no release fence on its own: only this one orders loads, too. */
#define opv_port_release()		smp_mb()
/* The operation MB. */
#define opv_port_mb()			smp_mb()

#endif /* _OPV_PORT_KERNEL_H */
