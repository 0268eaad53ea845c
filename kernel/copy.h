/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _OPV_KERNEL_COPY_H
#define _OPV_KERNEL_COPY_H

/* Structures of a few words from user space: what copy_from_user() checks costs more. */

#include <linux/align.h>
#include <linux/uaccess.h>

#define OPV_WORDS(type)			(sizeof(type) / sizeof(long))
#define opv_is_word_aligned(from)	IS_ALIGNED((uintptr_t)(from), sizeof(long))

/* @count, a constant, between user_read_access_begin() and its end; false: a fault. */
static __always_inline bool opv_get_words(void *to, const void __user *from, unsigned int count)
{
	const unsigned long __user *uword = from;
	unsigned long *word = to;
	unsigned int i;

#pragma GCC unroll 8
	for (i = 0; i < count; i++)
		unsafe_get_user(word[i], uword + i, fault);
	return true;
fault:
	return false;
}

#endif /* _OPV_KERNEL_COPY_H */
