// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "thread.h"

#include <errno.h>
#include <features.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/auxv.h>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
# include <sys/rseq.h>
# define LIBC_HAS_RSEQ 1
#else
# define LIBC_HAS_RSEQ 0
#endif

#include <opv/domain.h>

#include "env.h"
#include "sys.h"

#ifndef AT_RSEQ_FEATURE_SIZE
# define AT_RSEQ_FEATURE_SIZE 27	/* Linux 6.3 */
#endif
#ifndef SYS_rseq
# define SYS_rseq 334
#endif

#define RSEQ_LEGACY_SIZE 32
#define RSEQ_CPU_ID_OFFSET 4
#define RSEQ_MM_CID_OFFSET 24

/*
 * struct rseq as the kernel lays it out; the fields that it may add later have
 * room.  Only rseq_cs is ever written by a program.
 */
struct area {
	uint32_t cpu_id_start;
	int32_t cpu_id;
	uint64_t rseq_cs;
	uint32_t room[12];
};

/* Registered by this library, where the C library does not. */
static __thread struct area own
	__attribute__((__tls_model__("initial-exec"), __aligned__(64))) = { .cpu_id = -1 };
static __thread bool own_refused;

ptrdiff_t opv_rseq_offset;	/* see <opv/arch/arch.h> */

/* Where sections go while they are not turned away; 0 until it is known. */
static _Atomic ptrdiff_t real_offset;
static _Atomic bool diverted;

static ptrdiff_t offset_of(const void *tls)
{
	return (const char *)tls - (const char *)__builtin_thread_pointer();
}

static uint32_t own_size(uint32_t feature_size)
{
	return feature_size > RSEQ_LEGACY_SIZE && feature_size <= sizeof(own) ?
	       (uint32_t)sizeof(own) : RSEQ_LEGACY_SIZE;
}

static int register_own(uint32_t size)
{
	return (int)OPV_SYS(SYS_rseq, &own, size, 0, OPV_RSEQ_SIG);
}

void opv_rseq_find(struct opv_status *st)
{
	int ret;

	st->rseq_feature_size = (uint32_t)getauxval(AT_RSEQ_FEATURE_SIZE);
	st->rseq_owner = OPV_RSEQ_NONE;
	if (!OPV_HAVE_SECTIONS) {
		st->why = "no sections for this architecture";
		return;
	}
#if LIBC_HAS_RSEQ
	if (__rseq_size) {
		st->rseq_owner = OPV_RSEQ_LIBC;
		st->rseq_offset = __rseq_offset;
		/* What the C library says may be less than what it registered, but not here. */
		st->rseq_size = __rseq_size <= RSEQ_LEGACY_SIZE ? RSEQ_LEGACY_SIZE : __rseq_size;
		st->rseq_v2 = __rseq_size > RSEQ_LEGACY_SIZE;
		st->why = "the C library registered rseq";
		return;
	}
#endif
	ret = own.cpu_id >= 0 ? 0 : register_own(own_size(st->rseq_feature_size));
	if (ret) {
		st->rseq_error = -ret;
		st->why = ret == -ENOSYS ? "no rseq: the kernel, a policy or an emulator refuses it (ENOSYS)" :
			  ret == -EPERM	 ? "no rseq: a policy refuses it (EPERM)" :
			  ret == -EBUSY || ret == -EINVAL ?
					   "no rseq: somebody else in this program registered it" :
					   "no rseq: the kernel refuses it";
		return;
	}
	st->rseq_owner = OPV_RSEQ_OPV;
	st->rseq_offset = offset_of(&own);
	st->rseq_size = own_size(st->rseq_feature_size);
	st->rseq_v2 = st->rseq_size > RSEQ_LEGACY_SIZE;
	st->why = "libopv registered rseq, the C library does not";
}

static void set_offset(void)
{
	ptrdiff_t offset = atomic_load(&diverted) ? 0 : atomic_load(&real_offset);

	__atomic_store_n(&opv_rseq_offset, offset, __ATOMIC_RELEASE);
}

void opv_rseq_adopt(const struct opv_status *st)
{
	if (st->rseq_owner == OPV_RSEQ_NONE)
		return;
	atomic_store(&real_offset, st->rseq_offset);
	set_offset();
}

void opv_rseq_divert(bool on)
{
	atomic_store(&diverted, on);
	set_offset();
}

bool opv_rseq_mine(ptrdiff_t *offset)
{
	const struct opv_status *st;

	*offset = atomic_load_explicit(&real_offset, memory_order_relaxed);
	if (*offset && opv_rseq_read32(*offset, RSEQ_CPU_ID_OFFSET) >= 0)
		return true;
	st = &opv_env()->status;	/* which may look for the first time */
	*offset = atomic_load_explicit(&real_offset, memory_order_relaxed);
	if (!*offset)
		return false;
	if (opv_rseq_read32(*offset, RSEQ_CPU_ID_OFFSET) >= 0)
		return true;
	if (st->rseq_owner != OPV_RSEQ_OPV || own_refused)
		return false;
	if (register_own(st->rseq_size)) {
		own_refused = true;
		return false;
	}
	return true;
}

int opv_cpu_now(void)
{
	ptrdiff_t offset;
	unsigned int cpu;
	int ret;

	if (opv_rseq_mine(&offset)) {
		ret = opv_rseq_read32(offset, RSEQ_CPU_ID_OFFSET);
		if (ret >= 0)
			return ret;
	}
	ret = sched_getcpu();	/* vDSO; no errno, no cancellation point */
	if (ret >= 0)
		return ret;
	return OPV_SYS(SYS_getcpu, &cpu, NULL, NULL) ? 0 : (int)cpu;
}

static int cid_now(void)
{
	ptrdiff_t offset;

	return opv_rseq_mine(&offset) ? opv_rseq_read32(offset, RSEQ_MM_CID_OFFSET) :
					(int)opv_env()->nr_cpus - 1;
}

int opv_index_now(const struct opv_domain *d)
{
	return d->by_cid ? cid_now() : opv_cpu_now();
}

bool opv_index_is_mine(const struct opv_domain *d, int index)
{
	ptrdiff_t offset;

	if (!d->by_cid)
		return opv_cpu_now() == index;
	return opv_rseq_mine(&offset) && opv_rseq_read32(offset, RSEQ_MM_CID_OFFSET) == index;
}

int opv_cid(void)
{
	return opv_env()->status.mm_cid ? cid_now() : -ENOSYS;
}

int opv_cpu_slow(void)
{
	return opv_cpu_now();
}

int opv_status(struct opv_status *status, size_t size)
{
	struct opv_status st = opv_env()->status;
	ptrdiff_t offset;
	size_t i;

	st.fast = opv_rseq_mine(&offset) && !atomic_load(&diverted);
	if (!st.fast && st.rseq_owner != OPV_RSEQ_NONE)
		st.why = atomic_load(&diverted) ? "an engine is forced, or fast calls are counted" :
						  "this thread is not registered";
	for (i = 0; i < size; i++)
		((char *)status)[i] = i < sizeof(st) ? ((const char *)&st)[i] : 0;
	return 0;
}
