/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_BENCH_LIST_H
#define _TOOLS_BENCH_LIST_H

#include "bench.h"

/*
 * THE list of cases, X(name, GROUP, flags, what).  BENCH_CASE(name) in
 * bench_fast.c, bench_variant.c, bench_slow.c or bench_struct.c is its loop;
 * that of P(name, GROUP, flags, what), which are other libraries', in peers/.
 */
#define BENCH_CASES(X, P)							\
	X(empty, REFERENCE, BENCH_SCALES,					\
	  "the loop and its barrier, which every case has")			\
	X(tls_add, REFERENCE, BENCH_SCALES,					\
	  "plain increment of one static __thread variable")			\
	X(tls_add_round, REFERENCE, BENCH_SCALES,				\
	  "the same, of eight variables in turn: what \"x plain\" counts in")	\
	X(tls_add_amid, REFERENCE, BENCH_SCALES,				\
	  "the same, of one of eight by the steps of a random generator")	\
	X(atomic_own, REFERENCE, BENCH_SCALES,					\
	  "lock xadd, each thread its own variable")				\
	X(atomic_own_round, REFERENCE, BENCH_SCALES,		\
	  "lock xadd, eight variables of the thread's own in turn")		\
	X(atomic_shared, REFERENCE, BENCH_SCALES,				\
	  "lock xadd, one variable for all threads")				\
	X(mutex_own, REFERENCE, BENCH_SCALES,					\
	  "increment under a pthread mutex, each thread its own")		\
	X(getcpu, REFERENCE, BENCH_SCALES,					\
	  "sched_getcpu()")							\
	X(percpu_atomic, REFERENCE, BENCH_SCALES,				\
	  "sched_getcpu(), lock xadd of that CPU's variable")			\
	X(percpu_mutex, REFERENCE, BENCH_SCALES,				\
	  "sched_getcpu(), increment under that CPU's pthread mutex")		\
	X(getppid, SYSTEM, BENCH_SCALES,					\
	  "the system call getppid")						\
	X(sigprocmask_pair, SYSTEM, BENCH_SCALES,				\
	  "blocking all signals and back, as the fence engine does: two calls")	\
	X(membarrier_busy, SYSTEM, BENCH_OTHER | BENCH_BUSY | BENCH_MEMBARRIER,	\
	  "rseq fence of another CPU on which a thread of ours spins")		\
	X(membarrier_idle, SYSTEM, BENCH_OTHER | BENCH_MEMBARRIER,		\
	  "rseq fence of another CPU on which nothing of ours runs")		\
	X(membarrier_all, SYSTEM, BENCH_OTHER | BENCH_BUSY | BENCH_MEMBARRIER,	\
	  "rseq fence of all CPUs, a thread of ours spins on another one")	\
	X(add64, CALL, BENCH_ADDS | BENCH_SCALES,						\
	  "opv_add64() on this CPU")						\
	X(add64_round, CALL, BENCH_SCALES,			\
	  "the same, eight variables in turn")					\
	X(add64_amid, CALL, BENCH_SCALES,					\
	  "the same, one of eight by the steps of a random generator")		\
	X(add64_cid, CALL, BENCH_MM_CID | BENCH_SCALES,				\
	  "opv_add64_cid(), by mm_cid instead of by CPU")			\
	X(add64_cid_round, CALL, BENCH_MM_CID | BENCH_SCALES,			\
	  "the same, eight variables in turn")					\
	X(add8, CALL, BENCH_SCALES, "opv_add8()")				\
	X(add16, CALL, BENCH_SCALES, "opv_add16()")				\
	X(add32, CALL, BENCH_SCALES, "opv_add32()")				\
	X(add64_cpu, CALL, BENCH_ADDS | BENCH_SCALES,					\
	  "opv_add64() with the number opv_cpu() gave")				\
	X(fetch_add64, CALL, BENCH_SCALES, "opv_fetch_add64()")			\
	X(xchg64, CALL, BENCH_SCALES, "opv_xchg64()")				\
	X(cmpxchg64, CALL, BENCH_SCALES, "opv_cmpxchg64(), which succeeds")	\
	X(or64, CALL, BENCH_SCALES, "opv_or64()")				\
	X(min64, CALL, BENCH_SCALES, "opv_min64(), a new minimum each time")	\
	X(cmpeq_store, CALL, BENCH_SCALES, "opv_cmpeq_store(), which succeeds")	\
	X(push_pop, CALL, BENCH_SCALES,						\
	  "a node on to the CPU's list and one off it: both together")		\
	X(copy_store_16, CALL, BENCH_SCALES, "opv_cmpeq_copy_store(), 16 bytes") \
	X(copy_store_64, CALL, BENCH_SCALES, "opv_cmpeq_copy_store(), 64 bytes") \
	X(copy_store_256, CALL, BENCH_SCALES, "opv_cmpeq_copy_store(), 256 bytes") \
	X(copy_store_1024, CALL, BENCH_SCALES, "opv_cmpeq_copy_store(), 1024 bytes") \
	X(copy_store_4096, CALL, BENCH_SCALES, "opv_cmpeq_copy_store(), 4096 bytes") \
	X(add8_at, AT, BENCH_SCALES, "opv_add8_at(), the word of opv_cpu()")	\
	X(add16_at, AT, BENCH_SCALES, "opv_add16_at(), likewise")		\
	X(add32_at, AT, BENCH_SCALES, "opv_add32_at(), likewise")		\
	X(add64_at, AT, BENCH_SCALES, "opv_add64_at(), likewise")		\
	X(xchg64_at, AT, BENCH_SCALES, "opv_xchg64_at(), likewise")		\
	X(cmpxchg64_at, AT, BENCH_SCALES, "opv_cmpxchg64_at(), likewise")	\
	X(or64_at, AT, BENCH_SCALES, "opv_or64_at(), likewise")			\
	X(min64_at, AT, BENCH_SCALES, "opv_min64_at(), likewise")		\
	X(mutex_pair, LOCAL, 0,							\
	  "lock and unlock of a pthread mutex of the thread's own, nothing between") \
	X(vector3_prepared, LOCAL, 0,						\
	  "compare, store, add with two parameters: opv_run_prepared()")	\
	X(vector3_adhoc, LOCAL, 0,						\
	  "the same three built anew each time: opv_cpu(), opv_vector()")	\
	X(vector3_kept, LOCAL, 0,						\
	  "opv_vector() of the same three, built once for one CPU")		\
	X(vector1_prepared, LOCAL, 0,						\
	  "one add: opv_run_prepared()")					\
	X(vector1_adhoc, LOCAL, 0,						\
	  "one add, built anew each time: opv_cpu(), opv_vector()")		\
	X(vector_copy_16, LOCAL, 0,						\
	  "a prepared vector that copies 16 bytes within the domain")		\
	X(vector_copy_4096, LOCAL, 0,						\
	  "a prepared vector that copies 4096 bytes within the domain")		\
	X(memcpy_4096, LOCAL, 0,						\
	  "memcpy() of 4096 bytes between the same two places")			\
	X(add64_key, VARIANT, BENCH_ADDS | BENCH_SECTIONS,				\
	  "the section of add64, copied: compares with the key in memory")	\
	X(add64_register, VARIANT, BENCH_ADDS | BENCH_SECTIONS,				\
	  "the same, compares with a register")					\
	X(add64_key_round, VARIANT, BENCH_SECTIONS,		\
	  "add64_key, eight variables in turn")					\
	X(add64_register_round, VARIANT, BENCH_SECTIONS,		\
	  "add64_register, eight variables in turn")				\
	X(remote_add_busy, ENGINE, BENCH_ADDS | BENCH_OTHER | BENCH_BUSY,			\
	  "opv_add64() on another CPU on which a thread of ours spins")		\
	X(remote_add_idle, ENGINE, BENCH_ADDS | BENCH_OTHER,					\
	  "opv_add64() on another CPU on which nothing of ours runs")		\
	X(vector3_domain, ENGINE, 0,						\
	  "opv_vector() on this CPU: three adds in the domain")			\
	X(vector3_forced, ENGINE, BENCH_FORCE_ALL,				\
	  "vector3_domain with all forced to the fence engine")			\
	X(vector3_busy, ENGINE, BENCH_OTHER | BENCH_BUSY,			\
	  "vector3_domain on another CPU, busy")				\
	X(vector3_idle, ENGINE, BENCH_OTHER,					\
	  "vector3_domain on another CPU, idle")				\
	X(vectors_2, ENGINE, BENCH_OTHER | BENCH_BUSY,				\
	  "opv_vectors(): one add on this CPU, one on a busy one")		\
	X(vectors_32, ENGINE, BENCH_OTHER | BENCH_BUSY,				\
	  "opv_vectors(): the same sixteen times, under one fence")		\
	X(fence_this, ENGINE, 0, "opv_fence() of this CPU")			\
	X(fence_busy, ENGINE, BENCH_OTHER | BENCH_BUSY,				\
	  "opv_fence() of another CPU, busy")					\
	X(fence_idle, ENGINE, BENCH_OTHER,					\
	  "opv_fence() of another CPU, idle")					\
	X(fence_all, ENGINE, BENCH_OTHER | BENCH_BUSY,				\
	  "opv_fence() of all CPUs, another one busy")				\
	X(add64_counted, ENGINE, BENCH_ADDS | BENCH_SCALES | BENCH_COUNT,			\
	  "add64 while opv_count_fast() is on")					\
	X(add64_forced_1, ENGINE, BENCH_ADDS | BENCH_SCALES | BENCH_FORCE_SOME,		\
	  "add64 with 1 % forced to the fence engine")				\
	X(add64_forced_100, ENGINE, BENCH_ADDS | BENCH_SCALES | BENCH_FORCE_ALL,		\
	  "add64 with all forced to the fence engine")				\
	X(counter_add, COUNTER, BENCH_SCALES, "opv_counter_inc()")		\
	P(urcu_uatomic, COUNTER, BENCH_SCALES | BENCH_URCU,			\
	  "liburcu: uatomic_add() to one variable for all threads")		\
	P(urcu_split, COUNTER, BENCH_SCALES | BENCH_URCU,			\
	  "liburcu: uatomic_add_return() to that of the CPU, as its hash table counts") \
	P(urcu_thread, COUNTER, BENCH_SCALES | BENCH_URCU,			\
	  "liburcu: a variable of the thread's own, on a list for readers")	\
	X(counter_read, COUNTER, BENCH_SCALES, "opv_counter_read(): about what it is") \
	P(urcu_thread_sum, COUNTER, BENCH_SCALES | BENCH_URCU,			\
	  "liburcu: the sum of those of all threads, under rcu_read_lock()")	\
	X(counter_sum, COUNTER, 0,						\
	  "opv_counter_sum(): exact; nothing of ours runs elsewhere")		\
	X(counter_sum_busy, COUNTER, BENCH_OTHER | BENCH_BUSY,			\
	  "the same, a thread of ours spins on another CPU")			\
	X(freelist_pair, FREELIST, BENCH_SCALES,				\
	  "opv_freelist_push(), opv_freelist_pop()")				\
	P(urcu_lfstack, FREELIST, BENCH_SCALES | BENCH_URCU,			\
	  "liburcu: one lfstack for all, cds_lfs_pop_blocking()")		\
	P(urcu_lfstack_own, FREELIST, BENCH_SCALES | BENCH_URCU,		\
	  "liburcu: an lfstack that one thread pops from, empty but for its node") \
	P(urcu_wfstack, FREELIST, BENCH_SCALES | BENCH_URCU,			\
	  "liburcu: one wfstack for all, cds_wfs_pop_blocking()")		\
	P(ck_stack, FREELIST, BENCH_SCALES | BENCH_CK,				\
	  "Concurrency Kit: one stack for all, mpmc")				\
	P(ck_stack_own, FREELIST, BENCH_SCALES | BENCH_CK,			\
	  "Concurrency Kit: a stack that one thread pops from, upmc")		\
	X(ring_write, RING, BENCH_SCALES, "opv_ring_write()")			\
	X(ring_write_clock, RING, BENCH_SCALES,					\
	  "the same, 8 of the 16 bytes are clock_gettime()'s")			\
	X(ring_write_ticks, RING, BENCH_SCALES,					\
	  "the same, 8 of the 16 bytes are the time-stamp counter's")		\
	P(lttng_event, RING, BENCH_SCALES | BENCH_LTTNG,			\
	  "LTTng-UST: an event that is recorded; LTTng adds the time to it")	\
	X(clock, RING, BENCH_SCALES, "clock_gettime() alone")			\
	X(rwlock_read, RWLOCK, BENCH_SCALES,					\
	  "opv_rwlock_read_lock(), opv_rwlock_read_unlock()")			\
	X(pthread_rwlock_read, RWLOCK, BENCH_SCALES,				\
	  "pthread_rwlock_rdlock(), pthread_rwlock_unlock() of one lock for all") \
	P(urcu_read, RWLOCK, BENCH_SCALES | BENCH_URCU,				\
	  "liburcu: urcu_memb_read_lock(), urcu_memb_read_unlock()")		\
	X(rwlock_write, RWLOCK, 0,						\
	  "opv_rwlock_write_lock() and unlock; nothing of ours runs elsewhere")	\
	X(ref_pair, STRUCT, BENCH_SCALES, "opv_ref_get(), opv_ref_put()")	\
	X(atomic_ref, STRUCT, BENCH_SCALES,					\
	  "atomic increment, and decrement with a look at it, one for all threads") \
	X(lock_pair, STRUCT, BENCH_SCALES,					\
	  "opv_lock_take() of opv_cpu()'s, opv_lock_release()")			\
	X(pool_pair, STRUCT, BENCH_SCALES, "opv_pool_alloc(), opv_pool_free()")	\
	X(malloc_pair, STRUCT, BENCH_SCALES,					\
	  "malloc(64), free(), of libc or what is preloaded")

/*
 * Each loop is the same but for its body; nothing moves over the barrier.  It
 * exists four times, 16 bytes further into a cache line each, and each makes a
 * quarter of the iterations: where a loop lies can make it half as slow again,
 * and no case shall be lucky.
 */
#define BENCH_BARRIER() __asm__ __volatile__("" : : : "memory")

#if defined(__x86_64__) || defined(__i386__)
# define BENCH_SHIFT(bytes) \
	__asm__ __volatile__(".p2align 6\n\t.skip " #bytes ", 0x90" : : : "memory")
#else
# define BENCH_SHIFT(bytes) BENCH_BARRIER()
#endif

#define BENCH_QUARTER(shift, end, body)					\
	BENCH_SHIFT(shift);						\
	for (; i_ < (end); i_++) {					\
		body;							\
		BENCH_BARRIER();					\
	}

#define BENCH_REPEAT(n, body)						\
	do {								\
		uint64_t i_ = 0;					\
									\
		BENCH_QUARTER(64, (n) / 4, body)				\
		BENCH_QUARTER(16, (n) / 2, body)			\
		BENCH_QUARTER(32, (n) - (n) / 4, body)			\
		BENCH_QUARTER(48, (n), body)				\
	} while (0)

/* Which of eight variables this iteration is for. */
#define BENCH_TURN (i_ & 7)

/* The same with some work around it: a multiplication and an addition that wait for each other. */
#define BENCH_STEP(x) ((x) = (x) * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407))
#define BENCH_DRAW(x) (BENCH_STEP(x) >> 61)

/* A body too long for the line of its case: in the loop all the same. */
#define BENCH_INLINE static inline __attribute__((__always_inline__))

/* The result of what is otherwise done for nothing. */
static inline void bench_keep(uint64_t x)
{
	__asm__ __volatile__("" : : "r"(x));
}

#define BENCH_CASE(name)						\
	__attribute__((__noinline__, __aligned__(64), __visibility__("default"))) \
	void bench_case_##name(struct bench_ctx *c, uint64_t n)

#define X(name, group, flags, what) BENCH_CASE(name);
BENCH_CASES(X, X)
#undef X

#endif /* _TOOLS_BENCH_LIST_H */
