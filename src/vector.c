// SPDX-License-Identifier: MIT
/* Vectors that a program asks for: everything is checked, then an engine runs them. */
#define _GNU_SOURCE
#include <opv/vector.h>

#include <string.h>

#include "core.h"
#include "count.h"
#include "domain.h"
#include "engine.h"
#include "fence.h"
#include "map.h"
#include "operand.h"
#include "present.h"
#include "sys.h"
#include "thread.h"

#define MAX_REQUESTS 65536

/* Does it lie in what a CPU of the domain has for data?  Then it is there. */
static bool in_data(const struct opv_region *r, const struct opv_operand *o)
{
	uint64_t from = o->addr - r->base;
	uint64_t stripe = from >> OPV_STRIPE_SHIFT, offset = from & (OPV_STRIPE - 1);

	return o->addr >= r->base && stripe >= 3 && stripe < r->nr_cpus + UINT64_C(3) &&
	       offset >= sizeof(struct opv_slot) && offset + o->len <= r->end;
}

/*
 * In the frames right above ours, where most constants of vectors are: stacks are
 * mapped up to their base, and a caller's frames are below that.
 */
static bool is_own_frame(uint64_t addr)
{
	return addr - (uintptr_t)__builtin_frame_address(0) < 2048;
}

static bool operand_is_there(const struct opv_region *own, const struct opv_operand *o)
{
	struct opv_region other;

	if (!o->len || in_data(own, o) || is_own_frame(o->addr))
		return true;
	if (o->addr + o->len < o->addr)
		return false;
	if (!opv_registry_find(o->addr, o->len, &other))
		return opv_present(o->addr, o->len, o->write);
	/* Of another domain only to look at: its gate is not ours to close. */
	return !o->write && in_data(&other, o);
}

bool opv_operand_is_there(struct opv_domain *d, const struct opv_operand *o)
{
	struct opv_region own = opv_domain_region(d);

	return operand_is_there(&own, o);
}

static int check_operands(struct opv_domain *d, const struct cpu_op *vec, int count)
{
	struct opv_region own = opv_domain_region(d);
	struct opv_operand o[2];
	int i, j, n;

	for (i = 0; i < count; i++) {
		n = opv_operands(&vec[i], o);
		for (j = 0; j < n; j++)
			if (!operand_is_there(&own, &o[j]))
				return o[j].expect_fault ? -EAGAIN : -EFAULT;
	}
	return 0;
}

/* The caller's vector into ours, which nobody changes any more. */
static int take_vector(struct cpu_op *copy, const struct cpu_op *vec, int count)
{
	int i;

	if (count < 0 || count > CPU_OP_VEC_LEN_MAX)
		return -EINVAL;
	if (!count)
		return 0;
	if (!is_own_frame((uintptr_t)vec) &&
	    !opv_present((uintptr_t)vec, (size_t)count * sizeof(*vec), false))
		return -EFAULT;
	/* Not memcpy, whose price for so little is in finding out how little it is. */
	for (i = 0; i < count; i++)
		copy[i] = vec[i];
	return opv_check(copy, count);
}

static int run_checked(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	opv_count(cpu, vectors);
	return opv_engine_run(opv_engine_forced(), d, vec, count, cpu);
}

static int failed(int cpu, int error)
{
	opv_count(cpu, errors);
	return error;
}

int opv_vector_checked(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	struct cpu_op copy[CPU_OP_VEC_LEN_MAX];
	int ret;

	if (cpu < 0 && cpu != OPV_THIS_CPU)
		return failed(cpu, -EINVAL);
	ret = take_vector(copy, vec, count);
	if (!ret)
		ret = check_operands(d, copy, count);
	if (cpu == OPV_THIS_CPU)
		cpu = opv_index_now(d);
	if (!ret && cpu >= (int)d->nr_cpus)
		ret = -EINVAL;
	if (!ret)
		ret = run_checked(d, copy, count, cpu);
	return ret < 0 ? failed(cpu, ret) : ret;
}

static __attribute__((__noinline__))
int default_vector(const struct cpu_op *vec, int count, int cpu)
{
	struct opv_domain *d = opv_domain_default();

	return d ? opv_vector(d, vec, count, cpu) : failed(cpu, -ENOMEM);
}

int opv_vector(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	if (!d)
		return default_vector(vec, count, cpu);
	if (count <= CPU_OP_VEC_LEN_MAX && is_own_frame((uintptr_t)vec))
		return opv_local_quick(d, vec, count, cpu);
	return opv_vector_checked(d, vec, count, cpu);
}

/*
 * As the kernel would look at it: is the caller allowed to run there?  Its mask
 * does not show CPUs that are offline, so those are.
 */
static bool cpu_allowed(int cpu)
{
	uint64_t mask[opv_cpu_words(opv_env()->nr_cpus)];
	const size_t word = (size_t)cpu / 64;
	long size = OPV_SYS(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	if (size <= 0)
		return opv_cpu_possible(cpu);
	if (word < (size_t)size / sizeof(*mask) && (mask[word] >> cpu % 64 & 1))
		return true;
	return opv_cpu_possible(cpu) && !opv_cpu_online(cpu);
}

int cpu_opv(struct cpu_op *vec, int count, int cpu, int flags)
{
	struct opv_domain *d = opv_domain_default();
	struct cpu_op copy[CPU_OP_VEC_LEN_MAX];
	int ret;

	if (flags & ~(CPU_OP_NR_FLAG | CPU_OP_VEC_LEN_MAX_FLAG))
		return failed(cpu, -EINVAL);
	if (flags & CPU_OP_NR_FLAG)
		return NR_CPU_OPS;
	if (flags & CPU_OP_VEC_LEN_MAX_FLAG)
		return CPU_OP_VEC_LEN_MAX;
	if (cpu < 0)
		return failed(cpu, -EINVAL);
	if (!d)
		return failed(cpu, -ENOMEM);
	ret = take_vector(copy, vec, count);
	if (!ret)
		ret = check_operands(d, copy, count);
	if (!ret && !cpu_allowed(cpu))
		ret = -EINVAL;
	if (!ret)
		ret = run_checked(d, copy, count, cpu);
	atomic_thread_fence(memory_order_seq_cst);
	return ret < 0 ? failed(cpu, ret) : ret;
}

/*
 * The requests and their vectors as they were checked, in memory of our own: one
 * vector may write where the next one is.
 */
struct batch {
	size_t bytes;
	struct opv_request *requests;
	struct cpu_op *ops;
	struct cpu_op small[64];	/* room for a few, without a system call */
};

static int make_batch(struct batch *b, const struct opv_request *requests, int nr)
{
	size_t ops = 0;
	int i;

	for (i = 0; i < nr; i++)
		if (requests[i].count > 0 && requests[i].count <= CPU_OP_VEC_LEN_MAX)
			ops += (size_t)requests[i].count;
	b->bytes = (size_t)nr * sizeof(*b->requests) + ops * sizeof(*b->ops);
	b->ops = b->small;
	b->requests = (struct opv_request *)(b->ops + ops);
	if (b->bytes <= sizeof(b->small))
		return 0;
	b->ops = opv_map(b->bytes, MAP_POPULATE);
	if (!b->ops)
		return -ENOMEM;
	b->requests = (struct opv_request *)(b->ops + ops);
	return 0;
}

/* One request into the batch; its room was counted from what *r said then. */
static int take_request(struct opv_domain *d, struct batch *b, size_t *used, int i,
			const struct opv_request *r)
{
	struct opv_request *to = &b->requests[i];
	int ret;

	*to = *r;
	if (to->cpu < 0)
		return -EINVAL;
	if (to->count > 0 && (*used + (size_t)to->count) * sizeof(*b->ops) >
			     (size_t)((char *)b->requests - (char *)b->ops))
		return -EINVAL;
	ret = take_vector(b->ops + *used, to->vec, to->count);
	if (!ret)
		ret = check_operands(d, b->ops + *used, to->count);
	if (!ret && to->cpu >= (int)d->nr_cpus)
		ret = -EINVAL;
	to->vec = b->ops + *used;
	if (!ret)
		*used += (size_t)to->count;
	return ret;
}

static int run_batch(struct opv_domain *d, struct batch *b, struct opv_request *requests, int nr)
{
	uint64_t cpus[opv_cpu_words(d->nr_cpus)];
	int i, ret, cpu = 0;
	size_t used = 0;

	memset(cpus, 0, sizeof(cpus));
	for (i = 0; i < nr; i++) {
		ret = take_request(d, b, &used, i, &requests[i]);
		if (ret) {
			requests[i].result = ret;
			return ret;
		}
		cpu = b->requests[i].cpu;
		cpus[cpu / 64] |= UINT64_C(1) << cpu % 64;
	}
	for (i = 0; i < nr; i++)
		opv_count(b->requests[i].cpu, vectors);
	ret = opv_fence_engine_many(d, b->requests, nr, cpus, &cpu);
	for (i = 0; i < nr; i++) {
		if (!ret)
			requests[i].result = b->requests[i].result;
		else if (b->requests[i].cpu == cpu)
			requests[i].result = ret;
	}
	return ret;
}

int opv_vectors(struct opv_domain *d, struct opv_request *requests, int nr)
{
	struct batch b;
	int ret;

	if (!d)
		d = opv_domain_default();
	if (!d)
		return failed(0, -ENOMEM);
	if (nr < 0 || nr > MAX_REQUESTS)
		return failed(0, -EINVAL);
	if (!nr)
		return 0;
	if (!opv_present((uintptr_t)requests, (size_t)nr * sizeof(*requests), true))
		return failed(0, -EFAULT);
	ret = make_batch(&b, requests, nr);
	if (!ret) {
		ret = run_batch(d, &b, requests, nr);
		if (b.ops != b.small)
			opv_unmap(b.ops, b.bytes);
	}
	return ret ? failed(0, ret) : 0;
}

/*
 * Of all CPUs: sections by one fence, which needs no closed key (F2); vectors of
 * other threads by a fence of each CPU that ever had one.
 */
static int fence_all(struct opv_domain *d)
{
	uint64_t cpus[opv_cpu_words(d->nr_cpus)];
	int ret, cpu;

	memset(cpus, 0, sizeof(cpus));
	for (cpu = 0; cpu < (int)d->nr_cpus; cpu++)
		cpus[cpu / 64] |= UINT64_C(1) << cpu % 64;
	atomic_thread_fence(memory_order_seq_cst);
	ret = opv_fence_cpus(d, cpus, &cpu);
	for (cpu = 0; !ret && cpu < (int)d->nr_cpus; cpu++)
		if (d->shared || (atomic_load(&d->locked[cpu / 64]) >> cpu % 64 & 1))
			ret = opv_fence_engine_wait(d, cpu);
	return ret;
}

int opv_fence(struct opv_domain *d, int cpu)
{
	int ret;

	if (!d)
		d = opv_domain_default();
	if (!d)
		return failed(cpu, -ENOMEM);
	if (cpu != OPV_ALL_CPUS)
		return opv_vector(d, NULL, 0, cpu);
	ret = fence_all(d);
	return ret ? failed(0, ret) : 0;
}
