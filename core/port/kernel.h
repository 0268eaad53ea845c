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
#define OPV_PORT_ANY(type)						\
	struct __packed { type v; }
#define OPV_PORT_ALIGNED(type, p)	(!((unsigned long)(p) & (sizeof(type) - 1)))

#define OPV_PORT_LOAD(type, p)						\
	(OPV_PORT_ALIGNED(type, p) ? READ_ONCE(*(const type *)(p)) :	\
	 data_race(((const OPV_PORT_ANY(type) *)(p))->v))
#define OPV_PORT_STORE(type, p, val)					\
do {									\
	if (OPV_PORT_ALIGNED(type, p))					\
		WRITE_ONCE(*(type *)(p), (val));			\
	else								\
		data_race(((OPV_PORT_ANY(type) *)(p))->v = (val));	\
} while (0)

#define opv_port_memcmp(a, b, len)	data_race(memcmp(a, b, len))
#define opv_port_memmove(dst, src, len)	data_race(memmove(dst, src, len))
/* No kernel has a release fence on its own: only a full one orders loads, too. */
#define opv_port_release()		smp_mb()
#define opv_port_mb()			smp_mb()

#endif /* _OPV_PORT_KERNEL_H */
