/* SPDX-License-Identifier: MIT */
#ifndef _OPV_PERCPU_H
#define _OPV_PERCPU_H

/*
 * Static per-CPU variables, in the manner of the kernel's DEFINE_PER_CPU.
 *
 *	static OPV_DEFINE_PER_CPU(uint64_t, hits);
 *
 *	opv_add(opv_per_cpu(hits), 1, OPV_THIS_CPU);
 *	for (cpu = 0; cpu < opv_domain_cpus(NULL); cpu++)
 *		sum += *opv_ptr(opv_per_cpu(hits), cpu);
 *
 * What is like it: the type comes first, static and extern go in front, all instances are 0
 * at the beginning.  The one difference that bites: there is no &hits and no plain hits,
 * only opv_per_cpu(hits), which is a handle (<opv/domain.h>) in the default domain.
 *
 * The memory is allocated when opv_per_cpu() is first evaluated, by whichever thread is the
 * first.  So no order of constructors matters: it works in those of the program that
 * run before the library's, in signal handlers, and in objects that are loaded by
 * dlopen().  Afterwards it costs one load and a branch that is not taken; a loop does
 * better with "uint64_t *h = opv_per_cpu(hits);" in front.
 *
 * No memory: opv_per_cpu() is an address that faults for certain, whatever is done with it, and
 * tries again the next time, as thread-local variables do that are allocated late.
 * Programs that would rather know call opv_per_cpu_init() at their beginning.
 *
 * dlclose(): the memory, a few bytes a CPU, stays allocated, for threads may be using it.
 * An object that knows that they do not gives it back with opv_per_cpu_free(), in a
 * destructor of its own.  Loaded again, its variables are new, and 0.
 *
 * may A run while B does?	opv_per_cpu()	opv_per_cpu_init()	opv_per_cpu_free()
 *  opv_per_cpu()		yes		yes			no
 *  opv_per_cpu_init()		yes		yes			no
 *  calls on the handle		yes		yes			no
 */

#include <opv/call.h>

OPV_BEGIN_DECLS

/*
 * OPV_DEFINE_PER_CPU - define a variable of which each CPU has an instance
 * OPV_DECLARE_PER_CPU - declare one that is defined elsewhere
 * @type: any type of which OPV_DOMAIN_SIZE_MAX bytes hold one, aligned to 4096 at most; one
 *	with commas in it, as C++ has, by a typedef
 * @name: in C++ it may be a member of a namespace or static in a class
 *
 * The object that stands behind it, name##_opv_per_cpu, is the handle, NULL until it is
 * needed; a static one costs 8 bytes of .bss.
 */
#define OPV_DEFINE_PER_CPU(type, name)	__typeof__(type) *name##_opv_per_cpu
#define OPV_DECLARE_PER_CPU(type, name)	extern __typeof__(type) *name##_opv_per_cpu

/*
 * opv_per_cpu - the handle of a static per-CPU variable
 * @name: of OPV_DEFINE_PER_CPU() or OPV_DECLARE_PER_CPU()
 *
 *	if (!handle) opv_alloc(NULL, sizeof(type), alignof(type), &handle)
 *	handle
 *
 * Its type is a pointer to the variable's.
 *
 * Thread-safe, async-signal-safe.
 */
#define opv_per_cpu(name)							\
	((__typeof__(name##_opv_per_cpu))opv_per_cpu_handle(			\
		__atomic_load_n(&name##_opv_per_cpu, __ATOMIC_ACQUIRE), &name##_opv_per_cpu, \
		sizeof(*name##_opv_per_cpu), __alignof__(*name##_opv_per_cpu)))

/*
 * opv_per_cpu_init - allocate it now
 *
 * Errors: as opv_alloc(), on which the next one tries again.
 *
 * Thread-safe, async-signal-safe.
 */
#define opv_per_cpu_init(name)							\
	opv_per_cpu_alloc(&name##_opv_per_cpu, sizeof(*name##_opv_per_cpu),	\
			  __alignof__(*name##_opv_per_cpu))

/*
 * opv_per_cpu_free - give its memory back, if it has any
 *
 * Nobody uses it meanwhile; used again, it is new.  Not for destructors of a program
 * whose other threads run on.
 *
 * Errors: -ETIMEDOUT as opv_free(), it was not given back.
 *
 * Thread-safe, async-signal-safe.
 */
#define opv_per_cpu_free(name)	opv_per_cpu_release(&name##_opv_per_cpu)

/*
 * opv_per_cpu_handle, opv_per_cpu_slow, opv_per_cpu_alloc, opv_per_cpu_release - what
 *	the macros call
 * @handle: what was found in the variable
 * @var: its address
 *
 * Thread-safe, async-signal-safe.
 */
void *opv_per_cpu_slow(void *var, size_t size, size_t align) __attribute__((__cold__));
int opv_per_cpu_alloc(void *var, size_t size, size_t align);
int opv_per_cpu_release(void *var);

OPV_CALL void *opv_per_cpu_handle(void *handle, void *var, size_t size, size_t align)
{
	return __builtin_expect(handle != NULL, 1) ? handle : opv_per_cpu_slow(var, size, align);
}

OPV_END_DECLS

#endif /* _OPV_PERCPU_H */
