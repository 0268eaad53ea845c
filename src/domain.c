// SPDX-License-Identifier: MIT
/* Making, sharing and unmaking domains. */
#define _GNU_SOURCE
#include "domain.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "env.h"
#include "sys.h"

#ifndef PR_SET_VMA
# define PR_SET_VMA 0x53564d41	/* Linux 5.17 */
# define PR_SET_VMA_ANON_NAME 0
#endif

#define DEFAULT_TIMEOUT_MS 10000
#define PAGE ((size_t)4096)

/* Everything the two ways of making a domain need to know. */
struct plan {
	const char *name;
	size_t percpu_size;
	uint32_t nr_cpus;
	uint32_t timeout_ms;
	bool shared, by_cid;
	int fd;
};

static bool is_error(long addr)
{
	return addr < 0 && addr > -4096;
}

static size_t domain_bytes(uint32_t nr_cpus)
{
	return (size_t)(nr_cpus + 3) << OPV_STRIPE_SHIFT;
}

/* Bytes of the struct, with its bitmap. */
static size_t struct_bytes(uint32_t nr_cpus)
{
	return sizeof(struct opv_domain) + (nr_cpus + 63) / 64 * sizeof(uint64_t);
}

/* Address space for all stripes, aligned to one; inaccessible so far. */
static long reserve(size_t bytes)
{
	size_t slack = OPV_STRIPE;
	uintptr_t start, aligned;
	long addr;

	addr = OPV_SYS(SYS_mmap, NULL, bytes + slack, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (is_error(addr))
		return addr;
	start = (uintptr_t)addr;
	aligned = (start + slack - 1) & ~(slack - 1);
	if (aligned > start)
		OPV_SYS(SYS_munmap, start, aligned - start);
	if (aligned < start + slack)
		OPV_SYS(SYS_munmap, aligned + bytes, start + slack - aligned);
	/* Under mlockall(MCL_FUTURE) making it accessible would populate it. */
	OPV_SYS(SYS_munlock, aligned, bytes);
	return (long)aligned;
}

static void prefer_node(void *arg, unsigned int node, unsigned int cpu)
{
	struct opv_domain *d = arg;
	unsigned long mask[16] = { 0 };

	if (cpu >= d->nr_cpus || node >= sizeof(mask) * 8)
		return;
	mask[node / (8 * sizeof(long))] |= 1ul << node % (8 * sizeof(long));
	/* A wish: a node without memory refuses it, and that is no reason to fail. */
	OPV_SYS(SYS_mbind, opv_slot(d, (int)cpu), OPV_STRIPE, MPOL_PREFERRED, mask, sizeof(mask) * 8, 0);
}

/* Make the stripes of CPUs and what they start from accessible. */
static long populate(char *base, const struct plan *plan)
{
	char *domain = base + OPV_WINDOW_TO_DOMAIN, *cpus = base + OPV_WINDOW_TO_CPU0;
	size_t bytes = (size_t)plan->nr_cpus << OPV_STRIPE_SHIFT;
	long ret;

	ret = OPV_SYS(SYS_mprotect, base + OPV_STRIPE, PAGE, PROT_READ);
	if (ret)
		return ret;
	if (!plan->shared) {
		ret = OPV_SYS(SYS_mprotect, domain, OPV_STRIPE + bytes, PROT_READ | PROT_WRITE);
		/* The pages of a CPU that never runs must not come along with its neighbour's. */
		OPV_SYS(SYS_madvise, domain, OPV_STRIPE + bytes, MADV_NOHUGEPAGE);
		OPV_SYS(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, domain, OPV_STRIPE + bytes,
			plan->name);
		return ret;
	}
	ret = OPV_SYS(SYS_mprotect, domain, OPV_HEAP_OFFSET, PROT_READ | PROT_WRITE);
	if (ret)
		return ret;
	ret = OPV_SYS(SYS_mmap, domain + OPV_HEAP_OFFSET, OPV_STRIPE - OPV_HEAP_OFFSET + bytes,
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, plan->fd,
		      OPV_HEAP_OFFSET);
	if (is_error(ret))
		return ret;
	OPV_SYS(SYS_madvise, cpus, bytes, MADV_NOHUGEPAGE);
	return 0;
}

static _Atomic uint64_t ids;

static int build(struct opv_domain **dp, const struct plan *plan)
{
	size_t bytes = domain_bytes(plan->nr_cpus);
	struct opv_domain *d;
	long base, ret;

	base = reserve(bytes);
	if (is_error(base))
		return (int)base;
	ret = populate((char *)base, plan);
	if (ret) {
		OPV_SYS(SYS_munmap, base, bytes);
		return (int)ret;
	}
	d = (struct opv_domain *)((char *)base + OPV_WINDOW_TO_DOMAIN);
	d->magic = OPV_DOMAIN_MAGIC;
	d->nr_cpus = plan->nr_cpus;
	d->timeout_ms = plan->timeout_ms;
	d->shared = plan->shared;
	d->by_cid = plan->by_cid;
	d->special = plan->shared || plan->by_cid;
	d->fd = plan->fd;
	d->bytes = bytes;
	d->id = atomic_fetch_add(&ids, 1) + 1;
	/* Other processes have the data elsewhere, and do not have this one's memory. */
	d->log_base = plan->shared ? (uintptr_t)base : 0;
	d->heap = (struct opv_heap *)((char *)d + (plan->shared ? OPV_HEAP_OFFSET :
					   (struct_bytes(plan->nr_cpus) + 63) & ~(size_t)63));
	atomic_store(&d->none.key, OPV_KEY_CLOSED);
	if (plan->by_cid)
		atomic_store(&opv_slot(d, 0)->key, OPV_KEY_OPEN_CID(0));
	else
		opv_for_each_node_cpu(prefer_node, d);
	*dp = d;
	return 0;
}

/* A memfd as large as the heap and all CPUs' stripes, which nobody can shrink. */
static int make_memfd(const struct plan *plan)
{
	size_t bytes = (size_t)(plan->nr_cpus + 1) << OPV_STRIPE_SHIFT;
	long fd, ret;

	fd = OPV_SYS(SYS_memfd_create, plan->name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return (int)fd;
	ret = OPV_SYS(SYS_ftruncate, fd, bytes);
	if (!ret)
		ret = OPV_SYS(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	if (ret) {
		OPV_SYS(SYS_close, fd);
		return (int)ret;
	}
	return (int)fd;
}

/* The caller's options, whatever version of the struct it has, or -EINVAL. */
static int read_options(struct plan *plan, const struct opv_domain_options *options)
{
	const struct opv_env *env = opv_env();
	struct opv_domain_options o = { 0 };
	const char *from = (const char *)options;
	size_t i;

	if (options) {
		if (options->size < sizeof(o.size) || options->size > PAGE)
			return -EINVAL;
		for (i = 0; i < options->size; i++) {
			if (i < sizeof(o))
				((char *)&o)[i] = from[i];
			else if (from[i])
				return -EINVAL;
		}
	}
	if ((o.flags & ~(uint32_t)(OPV_DOMAIN_SHARED | OPV_DOMAIN_MM_CID)) || o.reserved ||
	    o.flags == (OPV_DOMAIN_SHARED | OPV_DOMAIN_MM_CID) ||
	    o.percpu_size > OPV_DOMAIN_SIZE_MAX || o.nr_cpus > 65536 || o.timeout_ms > INT32_MAX)
		return -EINVAL;
	plan->name = o.name ? o.name : "opv";
	plan->percpu_size = o.percpu_size ? o.percpu_size : OPV_DOMAIN_SIZE_MAX;
	plan->nr_cpus = o.nr_cpus > env->nr_cpus ? o.nr_cpus : env->nr_cpus;
	plan->timeout_ms = o.timeout_ms ? o.timeout_ms : DEFAULT_TIMEOUT_MS;
	plan->shared = o.flags & OPV_DOMAIN_SHARED;
	plan->by_cid = o.flags & OPV_DOMAIN_MM_CID;
	plan->fd = -1;
	return plan->by_cid && !env->status.mm_cid ? -ENOSYS : 0;
}

static int create(struct opv_domain **dp, struct plan *plan)
{
	struct opv_domain *d;
	size_t room;
	int ret;

	if (plan->shared) {
		plan->fd = make_memfd(plan);
		if (plan->fd < 0)
			return plan->fd;
	}
	ret = build(&d, plan);
	if (ret) {
		if (plan->shared)
			OPV_SYS(SYS_close, plan->fd);
		return ret;
	}
	room = OPV_LOG_OFFSET - (size_t)((char *)d->heap->blocks - (char *)d);
	opv_heap_init(d, (uint32_t)(sizeof(struct opv_slot) + plan->percpu_size),
		      (uint32_t)(room / sizeof(uint32_t)));
	*dp = d;
	return 0;
}

static void unmap(struct opv_domain *d)
{
	if (d->fd >= 0)
		OPV_SYS(SYS_close, d->fd);
	OPV_SYS(SYS_munmap, opv_domain_base(d), d->bytes);
}

/* Known to the registry it is the caller's; otherwise it is gone. */
static int publish(struct opv_domain **dp, struct opv_domain *d)
{
	int ret = opv_registry_add(d);

	if (ret)
		unmap(d);
	else
		*dp = d;
	return ret;
}

int opv_domain_create(struct opv_domain **dp, const struct opv_domain_options *options)
{
	struct opv_domain *d = NULL;
	struct plan plan;
	int ret;

	ret = read_options(&plan, options);
	if (!ret)
		ret = create(&d, &plan);
	return ret ? ret : publish(dp, d);
}

int opv_domain_attach(struct opv_domain **dp, int fd, const struct opv_domain_options *options)
{
	const struct opv_env *env = opv_env();
	struct opv_heap head;
	struct opv_domain *d;
	struct plan plan;
	struct stat st;
	long ret;

	ret = read_options(&plan, options);
	if (ret)
		return (int)ret;
	ret = OPV_SYS(SYS_pread64, fd, &head, sizeof(head), OPV_HEAP_OFFSET);
	if (ret == -EBADF)
		return -EBADF;
	if (ret != sizeof(head) || head.magic != OPV_HEAP_MAGIC ||
	    head.version != OPV_HEAP_VERSION || head.stripe_shift != OPV_STRIPE_SHIFT ||
	    head.nr_cpus < env->nr_cpus || head.nr_cpus > 65536)
		return -EINVAL;
	ret = OPV_SYS(SYS_fcntl, fd, F_GET_SEALS);
	if (ret < 0 || !(ret & F_SEAL_SHRINK) || fstat(fd, &st) ||
	    (size_t)st.st_size != (size_t)(head.nr_cpus + 1) << OPV_STRIPE_SHIFT)
		return -EINVAL;
	ret = OPV_SYS(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
	if (ret < 0)
		return (int)ret;
	plan.shared = true;
	plan.by_cid = false;
	plan.fd = (int)ret;
	plan.nr_cpus = head.nr_cpus;
	ret = build(&d, &plan);
	if (ret) {
		OPV_SYS(SYS_close, plan.fd);
		return (int)ret;
	}
	return publish(dp, d);
}

static _Atomic(struct opv_domain *) the_default;

struct opv_domain *opv_domain_default(void)
{
	struct opv_domain *d = atomic_load_explicit(&the_default, memory_order_acquire);
	struct opv_domain *mine;
	struct plan plan;

	if (d)
		return d;
	if (read_options(&plan, NULL) || create(&mine, &plan))
		return NULL;
	if (opv_registry_add(mine)) {
		unmap(mine);
		return NULL;
	}
	if (!atomic_compare_exchange_strong(&the_default, &d, mine)) {
		opv_registry_remove(mine);
		unmap(mine);
		return d;
	}
	return mine;
}

int opv_domain_destroy(struct opv_domain *d)
{
	if (!d)
		return 0;
	if (d == atomic_load(&the_default) || !opv_registry_remove(d))
		return -EINVAL;
	unmap(d);
	return 0;
}

int opv_domain_fd(const struct opv_domain *d)
{
	return d && d->shared ? d->fd : -EINVAL;
}

int opv_domain_flags(const struct opv_domain *d)
{
	if (!d)
		return 0;
	return (d->shared ? OPV_DOMAIN_SHARED : 0) | (d->by_cid ? OPV_DOMAIN_MM_CID : 0);
}

int opv_domain_cpus(const struct opv_domain *d)
{
	if (!d)
		d = opv_domain_default();
	return d ? (int)d->nr_cpus : 0;
}

struct opv_domain *opv_domain_check(const void *handle)
{
	struct opv_domain *d = opv_domain_of(handle);
	size_t offset = opv_handle_offset(handle);

	if (!handle || d->magic != OPV_DOMAIN_MAGIC || offset < sizeof(struct opv_slot) ||
	    offset >= d->heap->end)
		return NULL;
	return d;
}
