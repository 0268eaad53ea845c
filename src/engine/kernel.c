// SPDX-License-Identifier: MIT
/*
 * The engines module and syscall: the kernel runs the vector, in an interrupt of the
 * CPU that it is for, which aborts the section that it interrupts.  The key stays
 * open and the kernel looks at it, by a guard; the lock keeps the fence engine
 * away.  What the kernel does not take the fence engine does, under the same lock.
 * The proof, (G1) to (G9), stands in docs/fence.md.
 */
#define _GNU_SOURCE
#include "../engine.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/resource.h>

#include <opv/uapi/cpu_opv_ioctl.h>

#include "../break.h"
#include "../core.h"
#include "../count.h"
#include "../operand.h"
#include "../slot.h"
#include "../sys.h"
#include "../thread.h"

/*
 * A way into the kernel.  Where it leads is found out on first use, and again when it
 * leads there no more: a program may have closed our descriptor.  Nothing is locked,
 * so that a handler and a child of fork can do either.
 */
struct way {
	/* Below 0: -errno.  id: a descriptor, or the number of a system call. */
	long (*call)(int id, const struct cpu_op *vec, int count, int cpu, int flags);
	int (*find)(const struct way *w, const char **why);	/* an id, or -1 */
	void (*forget)(int id);
	size_t counter;			/* in struct opv_counts */
	const char *there;		/* why it is to be had */
	_Atomic uint64_t state;		/* 0: nobody has looked; id | looks << 32 */
	_Atomic(const char *) why;	/* it is not to be had */
};

#define ABSENT	UINT64_C(0x80000000)	/* in the place of the id */

/* Somebody who closes all descriptors again and again: then without. */
#define LOOKS	8

/* An address that nobody has, and in its bits a length and flags that nothing takes. */
#define NOWHERE	((const struct cpu_op *)~(uintptr_t)0)

/*
 * Is cpu_opv there, with all that we want of it?  The first two calls look at nothing
 * but their flags; the third is refused before anything is done, for its vector,
 * and without the guard for its count.
 */
static bool answers(const struct way *w, int id, const char **why)
{
	long nr = w->call(id, NOWHERE, -1, -1, CPU_OP_NR_FLAG);

	if (nr == -EPERM || nr == -EACCES)
		*why = "a policy refuses the call";
	else if (nr == -ENOSYS)
		*why = "this kernel does not have the call, or a policy refuses it";
	else if (nr <= CPU_MB_OP || w->call(id, NOWHERE, -1, -1, CPU_OP_VEC_LEN_MAX_FLAG) <
				    CPU_OP_VEC_LEN_MAX)
		*why = "what is there is something else";
	else if (nr < NR_CPU_OPS)
		*why = "too old: it has fewer operations than this library";
	else if (w->call(id, NOWHERE, CPU_OP_VEC_LEN_MAX + 1, 0, CPU_OP_GUARD_FLAG) != -EFAULT)
		*why = "too old: it has no guard";
	else
		return true;
	return false;
}

/* Look where it leads, after `old`; two who look at once agree on what one of them saw. */
static uint64_t look(struct way *w, uint64_t old)
{
	uint64_t looks = (old >> 32) + 1, found;
	const char *why = "lost again and again";
	int id = looks <= LOOKS ? w->find(w, &why) : -1;

	if (id < 0)
		atomic_store(&w->why, why);
	found = looks << 32 | (id < 0 ? ABSENT : (uint64_t)id);
	if (atomic_compare_exchange_strong(&w->state, &old, found))
		return found;
	if (id >= 0)
		w->forget(id);
	return old;
}

static bool way_available(struct way *w, const char **why)
{
	uint64_t state = atomic_load_explicit(&w->state, memory_order_acquire);

	if (!state)
		state = look(w, state);
	*why = state & ABSENT ? atomic_load(&w->why) : w->there;
	return !(state & ABSENT);
}

struct vector {
	struct way *way;
	struct opv_domain *d;
	const struct cpu_op *vec;
	int count;
	int cpu;
};

static bool operands_are_there(const struct vector *v)
{
	struct opv_operand o[2];
	int i, j, n;

	for (i = 0; i < v->count; i++) {
		n = opv_operands(&v->vec[i], o);
		for (j = 0; j < n; j++)
			if (!opv_operand_is_there(v->d, &o[j]))
				return false;
	}
	return true;
}

/* The kernel did nothing and said so; who says anything else?  (G7) */
static int refused(const struct vector *v, uint64_t state, long ret)
{
	const char *why;

	opv_count(v->cpu, kernel_refused);
	switch (ret) {
	case -EBUSY:		/* the guard */
	case -ENOMEM:
	case -EINTR:
		break;
	case -EFAULT:
	case -EAGAIN:
		/* Memory that it does not pin may be there all the same. */
		if (!operands_are_there(v))
			return (int)ret;
		break;
	default:
		/* EINVAL: a CPU that we may not run on.  Or it is not cpu_opv that answers. */
		if (!answers(v->way, (int)(uint32_t)state, &why))
			look(v->way, state);
	}
	return OPV_PASS;
}

/*
 * With the lock held, and the key as it is: (G2) whoever works behind it has the lock.
 * Both sides of the guard lie in one page, which is the data's as well if that is
 * near: each page more is one more for the kernel to pin.
 */
static int ask_kernel(void *arg)
{
	const struct vector *v = arg;
	const uint64_t state = atomic_load_explicit(&v->way->state, memory_order_acquire);
	struct opv_slot *slot = opv_slot(v->d, v->cpu);
	struct cpu_op guarded[1 + CPU_OP_VEC_LEN_MAX];
	const int guard = !OPV_BROKEN(GUARD);
	long ret;
	int i;

	if (state & ABSENT)
		return OPV_PASS;
	atomic_store_explicit(&slot->open, OPV_KEY_OPEN(v->cpu), memory_order_relaxed);
	guarded[0] = opv_op_compare_eq(&slot->key, &slot->open, sizeof(slot->key));
	for (i = 0; i < v->count; i++)
		guarded[guard + i] = v->vec[i];
	ret = v->way->call((int)(uint32_t)state, guarded, guard + v->count, v->cpu,
			   guard ? CPU_OP_GUARD_FLAG : 0);
	if (ret < 0 || ret > v->count)
		return refused(v, state, ret);
	__atomic_fetch_add((uint64_t *)((char *)opv_env_counts(opv_env(), v->cpu) + v->way->counter),
			   1, __ATOMIC_RELAXED);
	return (int)ret;
}

static int way_run(struct way *w, struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	struct vector v = { w, d, vec, count, cpu };
	const char *why;
	int ret;

	if (!way_available(w, &why))
		return OPV_PASS;
	if (OPV_BROKEN(KERNEL_LOCK)) {
		ret = ask_kernel(&v);
		return ret == OPV_PASS ? opv_engine_fence.run(d, vec, count, cpu) : ret;
	}
	return opv_fence_engine_after(d, vec, count, cpu, ask_kernel, &v);
}

/*
 * For this CPU there is the local engine, and then the fence engine, which needs no
 * fence.  Without sections nobody needs one.
 */
static bool suits(int cpu)
{
	return cpu != opv_cpu_now() && opv_env()->status.rseq_owner != OPV_RSEQ_NONE;
}

static long call_module(int fd, const struct cpu_op *vec, int count, int cpu, int flags)
{
	struct cpu_opv_args args = {
		.size = sizeof(args),
		.count = count,
		.cpu = cpu,
		.flags = flags,
		.vec = (uintptr_t)vec,
	};

	return OPV_SYS(SYS_ioctl, fd, CPU_OPV_IOC_RUN, &args);
}

static const char *why_not_opened(long error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return "there is no " CPU_OPV_DEVICE ": no module is loaded, or none is shown to us";
	case -ENXIO:
	case -ENODEV:
		return "nothing is behind " CPU_OPV_DEVICE ": the module is not loaded";
	case -EACCES:
		return CPU_OPV_DEVICE " may not be opened (EACCES)";
	case -EPERM:
	case -ENOSYS:
		return "a policy refuses to open " CPU_OPV_DEVICE;
	case -EMFILE:
	case -ENFILE:
		return "there was no descriptor left for " CPU_OPV_DEVICE;
	default:
		return CPU_OPV_DEVICE " cannot be opened";
	}
}

/*
 * Far up, where a program that closes ours without knowing is unlikely to open
 * another one; not so far that the kernel's table of descriptors becomes large.
 */
static int move_up(int fd)
{
	struct { uint64_t now, most; } limit = { 0 };	/* of 64 bits everywhere */
	long to, high;

	OPV_SYS(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	to = limit.now < 1024 ? (long)limit.now : 1024;
	high = OPV_SYS(SYS_fcntl, fd, F_DUPFD_CLOEXEC, to / 16 * 15);
	if (high < 0)
		return fd;
	OPV_SYS(SYS_close, fd);
	return (int)high;
}

static void close_module(int fd)
{
	OPV_SYS(SYS_close, fd);
}

static int find_module(const struct way *w, const char **why)
{
	/* Should it be something else: it shall neither wait nor become our terminal. */
	long fd = OPV_SYS(SYS_openat, AT_FDCWD, CPU_OPV_DEVICE,
			  O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);

	if (fd < 0) {
		*why = why_not_opened(fd);
		return -1;
	}
	fd = move_up((int)fd);
	if (answers(w, (int)fd, why))
		return (int)fd;
	close_module((int)fd);
	return -1;
}

static struct way module = {
	.call = call_module,
	.find = find_module,
	.forget = close_module,
	.counter = offsetof(struct opv_counts, engine_module),
	.there = CPU_OPV_DEVICE " answers",
};

static bool module_available(const char **why)
{
	return way_available(&module, why);
}

static int run_module(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	return way_run(&module, d, vec, count, cpu);
}

const struct opv_engine_ops opv_engine_module = { module_available, suits, run_module };

#if !defined(OPV_NR_CPU_OPV) && defined(__NR_cpu_opv)
# define OPV_NR_CPU_OPV __NR_cpu_opv
#endif
#ifndef OPV_NR_CPU_OPV
# define OPV_NR_CPU_OPV 0
#endif

/*
 * Calls below the first number that all architectures share may fork, exit or wait
 * whatever their arguments are.  Of those that came later each has a flag, a length or an
 * address that answers() gives a value which it refuses.
 */
#ifdef SYS_pidfd_send_signal
# define NR_FIRST SYS_pidfd_send_signal
#else
# define NR_FIRST 424
#endif
#define NR_END (NR_FIRST + 1000)

static long call_syscall(int nr, const struct cpu_op *vec, int count, int cpu, int flags)
{
	return OPV_SYS(nr, vec, count, cpu, flags);
}

static void forget_syscall(int nr)
{
	(void)nr;
}

static _Atomic int number = OPV_NR_CPU_OPV;

void opv_syscall_number(const char *s)
{
	int n = 0;

	while (*s >= '0' && *s <= '9' && n < NR_END)
		n = n * 10 + *s++ - '0';
	atomic_store(&number, *s ? -1 : n);
}

static int find_syscall(const struct way *w, const char **why)
{
	const int nr = atomic_load(&number);

	if (!nr)
		*why = "no number is known: no released kernel has it; OPV_SYSCALL_NR names one";
	else if (nr < NR_FIRST || nr >= NR_END)
		*why = "cpu_opv cannot have the number that OPV_SYSCALL_NR says";
	else if (answers(w, nr, why))
		return nr;
	return -1;
}

static struct way syscall_way = {
	.call = call_syscall,
	.find = find_syscall,
	.forget = forget_syscall,
	.counter = offsetof(struct opv_counts, engine_syscall),
	.there = "the kernel answers",
};

static bool syscall_available(const char **why)
{
	return way_available(&syscall_way, why);
}

static int run_syscall(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	return way_run(&syscall_way, d, vec, count, cpu);
}

const struct opv_engine_ops opv_engine_syscall = { syscall_available, suits, run_syscall };
