/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _OPV_KERNEL_COPY_H
#define _OPV_KERNEL_COPY_H

/* Structures of a few words from user space: what copy_from_user() checks costs more. */

#include <linux/align.h>
#include <linux/uaccess.h>

#define OPV_WORDS(type)			(sizeof(type) / sizeof(long))
#define opv_is_word_aligned(from)	IS_ALIGNED((uintptr_t)(from), sizeof(long))

/*
 * @count, a constant, of at most 8 words, between user_read_access_begin() and its end;
 * false: a fault.
 */
static __always_inline bool opv_get_words(void *to, const void __user *from, unsigned int count)
{
	const unsigned long __user *uword = from;
	unsigned long *word = to;

	switch (count) {
	case 8:
		unsafe_get_user(word[7], uword + 7, fault);
		fallthrough;
	case 7:
		unsafe_get_user(word[6], uword + 6, fault);
		fallthrough;
	case 6:
		unsafe_get_user(word[5], uword + 5, fault);
		fallthrough;
	case 5:
		unsafe_get_user(word[4], uword + 4, fault);
		fallthrough;
	case 4:
		unsafe_get_user(word[3], uword + 3, fault);
		fallthrough;
	case 3:
		unsafe_get_user(word[2], uword + 2, fault);
		fallthrough;
	case 2:
		unsafe_get_user(word[1], uword + 1, fault);
		fallthrough;
	case 1:
		unsafe_get_user(word[0], uword, fault);
		return true;
	}
fault:
	return false;
}

#endif /* _OPV_KERNEL_COPY_H */
