/* SPDX-License-Identifier: MIT */
#ifndef _OPV_DOMAIN_H
#define _OPV_DOMAIN_H

/*
 * Domains: per-CPU memory, and the gate that operations on it go through.
 *
 * A domain has one slot for each CPU number that the kernel may ever use, and
 * the instances of what is allocated in it.  Address space is reserved for all
 * of them, memory comes when a CPU first uses its part: a domain costs one page
 * of its own, and for each CPU that ran 128 bytes plus the data (in pages).
 *
 * A handle names a per-CPU variable: it has the type of a pointer to one
 * instance, can be stored, compared and stepped through (&h->member, h + 1),
 * but is the address of none of them, and touching it faults at once.
 *
 * Life: opv_domain_create() or opv_domain_attach() -> opv_alloc(), calls,
 * vectors -> opv_free() -> opv_domain_destroy().
 *
 * may A run while B does?	create/attach	alloc/free	call/vector	destroy
 *  opv_alloc, opv_free		-		yes		yes (not on what is freed)	no
 *  opv_domain_destroy		yes (others)	no		no		no
 *  fork			yes		yes		yes		yes
 */

#include <stddef.h>
#include <stdint.h>

#include <opv/arch/arch.h>

OPV_BEGIN_DECLS

struct opv_domain;

/* sparse tells handles from pointers: opv_percpu counter *h. */
#ifdef __CHECKER__
# define opv_percpu __attribute__((noderef, address_space(__percpu)))
#else
# define opv_percpu
#endif

/* Bytes of data that one domain can have for each CPU: the rest of a stripe is the library's. */
#define OPV_DOMAIN_SIZE_MAX	(OPV_STRIPE - 128 - 32768)

enum opv_domain_flags {
	/* In a memfd that other processes can map: opv_domain_fd(). */
	OPV_DOMAIN_SHARED = 1 << 0,

	/*
	 * Slots go by mm_cid, the kernel's concurrency id: a number that it lends to each
	 * running thread of the process and to no two at a time, small as long as few run
	 * at a time.  So memory comes for as many slots as threads ever ran at once, not
	 * for as many CPUs as they ever ran on.  "this CPU" is this id then, "CPU i" slot i;
	 * calls are fast in their _cid form.  Another slot's sections are fenced on all
	 * CPUs.  From Linux 6.3; not together with OPV_DOMAIN_SHARED, each process has its own.
	 */
	OPV_DOMAIN_MM_CID = 1 << 1,
};

/*
 * size is sizeof(struct opv_domain_options) of the program; fields behind it
 * are taken as 0.  0 means the default in every field.
 */
struct opv_domain_options {
	size_t size;
	size_t percpu_size;	/* bytes of data a CPU, up to OPV_DOMAIN_SIZE_MAX, the default */
	uint32_t flags;		/* enum opv_domain_flags */
	uint32_t nr_cpus;	/* at least so many slots; default: the possible CPUs */
	uint32_t timeout_ms;	/* longest wait for a CPU's lock, default 10000 */
	uint32_t reserved;	/* 0 */
	const char *name;	/* shown in /proc/PID/maps; default "opv" */
};

/*
 * opv_domain_create - make a domain
 * @dp: where it goes; untouched on error
 * @options: NULL for the defaults
 *
 * Errors: -EINVAL an unknown flag or two that exclude each other, a non-zero reserved field or
 * unknown tail, a size that cannot be had, a name that is too long for a memfd; -ENOSYS
 * OPV_DOMAIN_MM_CID, and there is none here: struct opv_status says why; -ENOMEM no address space or memory; -EMFILE,
 * -ENFILE no descriptor (shared).
 *
 * Thread-safe, async-signal-safe.
 */
int opv_domain_create(struct opv_domain **dp, const struct opv_domain_options *options);

/*
 * opv_domain_attach - map a shared domain that another process made
 * @dp: where it goes; untouched on error
 * @fd: its memfd, opv_domain_fd() over there; may be closed afterwards
 * @options: only timeout_ms is looked at; NULL for the defaults
 *
 * Whoever can write to the memory is trusted with it.  The memory is sealed
 * against shrinking.
 *
 * Errors: -EINVAL fd is not a shared domain, or is of another version or
 * architecture, or has fewer slots than this machine CPUs; -EBADF; -EACCES it is
 * read-only; -ENOMEM; -EMFILE.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_domain_attach(struct opv_domain **dp, int fd, const struct opv_domain_options *options);

/*
 * opv_domain_destroy - unmap a domain
 * @d: not the default domain; NULL does nothing
 *
 * The caller has seen to it that no call on it is in progress and none will
 * follow.  The memory of a shared domain lives on while another process has it.
 *
 * Errors: -EINVAL @d is not a domain, or is the default one.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_domain_destroy(struct opv_domain *d);

/*
 * opv_domain_default - the domain for any memory of this process
 *
 * It is made on first use and never goes away.  NULL when there was no memory
 * for it; vectors on NULL answer -ENOMEM.
 *
 * Thread-safe, async-signal-safe.
 */
struct opv_domain *opv_domain_default(void);

/*
 * opv_domain_fd - the memfd of a shared domain, -EINVAL for any other
 *
 * It belongs to the domain and is close-on-exec; dup() it to hand it on.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_domain_fd(const struct opv_domain *d);

/*
 * opv_domain_flags - the flags that the domain was made with; NULL is the default one
 *
 * Thread-safe, async-signal-safe.
 */
int opv_domain_flags(const struct opv_domain *d);

/*
 * opv_domain_cpus - one more than the largest CPU number of the domain; NULL is the
 *	default one
 *
 * Thread-safe, async-signal-safe.
 */
int opv_domain_cpus(const struct opv_domain *d);

/*
 * opv_alloc - allocate a per-CPU variable
 * @d: the domain, NULL for the default one
 * @size: bytes of one instance, at least 1
 * @align: a power of two up to 4096; 0 for that of max_align_t.  Instances
 *	share cache lines with their neighbours of the same CPU only.
 * @handle: address of a pointer, which gets the handle; untouched on error
 *
 * All instances are zero.  Memory of CPUs that never run is not touched.
 *
 * Errors: -EINVAL bad size or align; -ENOMEM the domain is full; -ETIMEDOUT, in a
 * shared domain, another process was stopped in here for longer than its timeout.
 *
 * Thread-safe, async-signal-safe; in a shared domain safe between processes.
 */
int opv_alloc(struct opv_domain *d, size_t size, size_t align, void *handle);

/*
 * opv_new - opv_alloc() for the type that a pointer points to
 * @d: the domain, NULL for the default one
 * @hp: address of a typed pointer
 */
#define opv_new(d, hp) \
	opv_alloc((d), sizeof(**(hp)), __alignof__(**(hp)), (hp))

/*
 * opv_free - give a per-CPU variable back
 * @d: the domain that it is of, NULL for the default one
 * @handle: what opv_alloc() gave; NULL does nothing
 *
 * Errors: -EINVAL not a handle of this domain, or freed already; -ETIMEDOUT as for
 * opv_alloc().
 *
 * Thread-safe, async-signal-safe; in a shared domain safe between processes.
 */
int opv_free(struct opv_domain *d, void *handle);

/*
 * The layout of a domain, in stripes of OPV_STRIPE bytes, at an address that is
 * a multiple of them:
 *
 *	-3	handles; nothing is mapped
 *	-2	one page that is only read, for threads whose cpu_id is -2
 *	-1	the domain itself, for threads whose cpu_id is -1
 *	 c	CPU c: its slot (128 bytes), then its instances
 */
#define OPV_WINDOW_TO_DOMAIN	(2 * OPV_STRIPE)
#define OPV_WINDOW_TO_CPU0	(3 * OPV_STRIPE)

/*
 * opv_ptr_ - address of the instance that a CPU has of a handle
 * opv_ptr - the same, of the handle's type
 * @handle: not checked
 * @cpu: 0 <= cpu < opv_domain_cpus(); not checked
 *
 * What lies there may be read at any time, and written by the calls.
 *
 * Thread-safe, async-signal-safe.
 */
static inline void *opv_ptr_(const void *handle, int cpu)
{
	return (char *)handle + OPV_WINDOW_TO_CPU0 + ((size_t)cpu << OPV_STRIPE_SHIFT);
}
#define opv_ptr(handle, cpu)	((__typeof__(handle))opv_ptr_((handle), (cpu)))

/*
 * opv_domain_of - the domain of a handle, which is not checked
 * opv_handle_offset - the part of a handle that is the same in all processes
 *	that share its domain
 * opv_handle - the handle of this process with that offset, not checked
 *
 * Thread-safe, async-signal-safe.
 */
static inline struct opv_domain *opv_domain_of(const void *handle)
{
	return (struct opv_domain *)(((uintptr_t)handle & ~((uintptr_t)OPV_STRIPE - 1)) +
				     OPV_WINDOW_TO_DOMAIN);
}

static inline size_t opv_handle_offset(const void *handle)
{
	return (uintptr_t)handle & (OPV_STRIPE - 1);
}

static inline void *opv_handle(const struct opv_domain *d, size_t offset)
{
	return (char *)(uintptr_t)d - OPV_WINDOW_TO_DOMAIN + offset;
}

/*
 * opv_cpu - the CPU that this thread runs on, a moment ago
 *
 * Fast where rseq is; getcpu() elsewhere.  Good as an argument of calls: should
 * the thread have moved, the call works on that CPU's data nevertheless.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_cpu_slow(void) __attribute__((__cold__));

static inline int opv_cpu(void)
{
	ptrdiff_t rseq = opv_rseq();
	int cpu = rseq ? opv_rseq_read32(rseq, 4) : -1;

	return __builtin_expect(cpu >= 0, 1) ? cpu : opv_cpu_slow();
}

/*
 * opv_cid - the mm_cid that this thread has, a moment ago
 *
 * A thread without one, being not registered with rseq, gets the last number there
 * is: that slot is what OPV_THIS_CID means to it.
 *
 * Result: 0 or more; -ENOSYS where no domain can go by mm_cid.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_cid(void);

OPV_END_DECLS

#endif /* _OPV_DOMAIN_H */
