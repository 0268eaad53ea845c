/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_TSAN_H
#define _OPV_SRC_TSAN_H

/* Where there are waiters the kernel hands a lock over, which ThreadSanitizer does not see. */

#if defined(__SANITIZE_THREAD__)
# define OPV_TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define OPV_TSAN 1
# endif
#endif

#ifdef OPV_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
# define HANDED_OVER(lock)	__tsan_acquire((void *)(lock))
# define HAND_OVER(lock)	__tsan_release((void *)(lock))
#else
# define HANDED_OVER(lock)	((void)0)
# define HAND_OVER(lock)	((void)0)
#endif

#endif /* _OPV_SRC_TSAN_H */
