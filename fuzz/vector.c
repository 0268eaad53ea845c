// SPDX-License-Identifier: MIT
/*
 * Vectors of any kind on addresses of any kind, through every entry, against a
 * model that was written from the ABI alone: the same result, the same memory
 * afterwards, and after an error the memory of before.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <sys/mman.h>

#include <opv/opv.h>

#define PAGE 4096u
#define NR(a) (sizeof(a) / sizeof((a)[0]))

/*
 * The playground.  Its ends are no-go areas wider than the longest operand, so that
 * nothing that begins in it ends in memory of somebody else.
 */
enum { NONE, R = PROT_READ, RW = PROT_READ | PROT_WRITE };
static const int pages[] = { NONE, NONE, RW, RW, NONE, R, RW, RW, R, R, NONE, NONE };

#define DATA 4096u		/* of each CPU in a domain */
#define SLOT 128u
#define MAX_CPUS 64
#define OPS 17			/* one more than a vector may have */

static uint8_t *ground, shadow[NR(pages) * PAGE];
static struct opv_domain *domain[3];	/* one's own, another one, the default one (NULL) */
static uint8_t cpu_shadow[2][MAX_CPUS][DATA];
static uint8_t *vec_pages[2];		/* one page, and a no-go area, a vector */
static int nr_cpus;
static cpu_set_t allowed;

/* How often each kind of result was seen. */
enum { DONE, STOPPED, E_INVAL, E_FAULT, E_AGAIN, OTHER, NR_KINDS };
static uint64_t kinds[NR_KINDS];

struct call {
	int entry;		/* opv_vector(), its default domain, cpu_opv(), opv_vectors() */
	int cpu[2], count[2], flags;
	const struct cpu_op *vec[2];
	bool vec_there[2];
	int ret, result[2];
};
enum { VECTOR, VECTOR_DEFAULT, CPU_OPV, VECTORS, NR_ENTRIES };

static void fill(uint8_t *p, size_t len)
{
	size_t i;

	/* Few values, so that compares are often equal. */
	for (i = 0; i < len; i++)
		p[i] = i / 64 & 1;
}

static uint8_t *cpu_data(int d, int cpu)
{
	return (uint8_t *)domain[d] - OPV_WINDOW_TO_DOMAIN + OPV_WINDOW_TO_CPU0 +
	       (size_t)cpu * OPV_STRIPE + SLOT;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

static void set_up(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .percpu_size = DATA };
	void *handle;
	size_t i;
	int d, cpu;

	ground = mmap(NULL, sizeof(shadow), RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(ground != MAP_FAILED, "no memory");
	for (i = 0; i < 2; i++) {
		vec_pages[i] = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(vec_pages[i] != MAP_FAILED && !mprotect(vec_pages[i] + PAGE, PAGE, NONE),
		     "no memory");
	}
	fill(ground, sizeof(shadow));
	memcpy(shadow, ground, sizeof(shadow));
	for (i = 0; i < NR(pages); i++)
		must(!mprotect(ground + i * PAGE, PAGE, pages[i]), "no mprotect");
	for (d = 0; d < 2; d++) {
		must(!opv_domain_create(&domain[d], &options), "no domain");
		must(!opv_alloc(domain[d], DATA, 0, &handle), "no per-CPU memory");
	}
	nr_cpus = opv_domain_cpus(domain[0]);
	must(nr_cpus <= MAX_CPUS, "too many CPUs for this program");
	for (d = 0; d < 2; d++)
		for (cpu = 0; cpu < nr_cpus; cpu++) {
			fill(cpu_data(d, cpu), DATA);
			memcpy(cpu_shadow[d][cpu], cpu_data(d, cpu), DATA);
		}
	must(!sched_getaffinity(0, sizeof(allowed), &allowed), "no affinity");
}

/* Where the model keeps an operand; NULL where it faults.  owner: see domain[]. */
static uint8_t *model_at(uint64_t addr, uint32_t len, bool write, int owner)
{
	uint64_t from = addr - (uintptr_t)ground, page;
	int d;

	if (from < sizeof(shadow)) {
		if (from + len > sizeof(shadow))
			return NULL;
		for (page = from / PAGE; page <= (from + len - 1) / PAGE; page++)
			if (!(pages[page] & (write ? PROT_WRITE : PROT_READ)))
				return NULL;
		return shadow + from;
	}
	for (d = 0; d < 2; d++) {
		uint64_t cpu, offset;

		from = addr - (uintptr_t)cpu_data(d, 0) + SLOT;
		cpu = from / OPV_STRIPE;
		offset = from % OPV_STRIPE;
		if (cpu < (uint64_t)nr_cpus && offset >= SLOT && offset + len <= SLOT + DATA)
			return write && d != owner ? NULL : cpu_shadow[d][cpu] + (offset - SLOT);
	}
	return NULL;
}

enum shape { NO_SHAPE, S_NONE, S_COMPARE, S_COPY, S_ARITH, S_BITWISE, S_SHIFT };

static enum shape shape_of(int op)
{
	switch (op) {
#define X(name, number, shape, text, effect) case number: return S_##shape;
	OPV_OPS(X)
#undef X
	}
	return NO_SHAPE;
}

static bool is_width(uint32_t len)
{
	return len && len <= 8 && !(len & (len - 1));
}

static bool model_valid(const struct cpu_op *vec, int count)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < count; i++) {
		enum shape shape = shape_of(vec[i].op);

		if (shape == NO_SHAPE)
			return false;
		if (shape == S_NONE)
			continue;
		if (shape == S_COMPARE || shape == S_COPY ? vec[i].len > 4096
							  : !is_width(vec[i].len))
			return false;
		if (shape == S_SHIFT && vec[i].u.shift_op.bits >= 8 * vec[i].len)
			return false;
		sum += vec[i].len;
	}
	return sum <= 4216;
}

/* 0, or what the first operand that faults answers. */
static int model_fault(const struct cpu_op *vec, int count, int owner)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];
		enum shape shape = shape_of(op->op);
		bool second = shape == S_COMPARE || shape == S_COPY;
		bool expected = shape == S_SHIFT ? op->u.shift_op.expect_fault_p :
						   op->u.compare_op.expect_fault_a;

		if (shape == S_NONE || !op->len)
			continue;
		if (!model_at(op->u.compare_op.a, op->len, shape != S_COMPARE, owner))
			return expected ? -EAGAIN : -EFAULT;
		if (second && !model_at(op->u.compare_op.b, op->len, false, owner))
			return op->u.compare_op.expect_fault_b ? -EAGAIN : -EFAULT;
	}
	return 0;
}

static int64_t extend(uint64_t v, uint32_t len)
{
	return (int64_t)(v << (64 - 8 * len)) >> (64 - 8 * len);
}

static uint64_t model_word(const struct cpu_op *op, uint64_t v)
{
	uint64_t n = op->u.bitwise_op.mask, mask = ~UINT64_C(0) >> (64 - 8 * op->len);

	switch (op->op) {
	case CPU_ADD_OP:
	case CPU_ADD_RELEASE_OP:
		return v + n;
	case CPU_OR_OP:
		return v | n;
	case CPU_AND_OP:
		return v & n;
	case CPU_XOR_OP:
		return v ^ n;
	case CPU_LSHIFT_OP:
		return v << op->u.shift_op.bits;
	case CPU_RSHIFT_OP:
		return v >> op->u.shift_op.bits;
	case CPU_MIN_OP:
		return (n & mask) < v ? n : v;
	case CPU_MAX_OP:
		return (n & mask) > v ? n : v;
	case CPU_SMIN_OP:
		return extend(n, op->len) < extend(v, op->len) ? n : v;
	default:
		return extend(n, op->len) > extend(v, op->len) ? n : v;
	}
}

static int model_run(const struct cpu_op *vec, int count, int owner)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];
		enum shape shape = shape_of(op->op);
		uint8_t *a, *b;
		uint64_t v = 0;
		bool equal;

		if (shape == S_NONE)
			continue;
		a = op->len ? model_at(op->u.compare_op.a, op->len, shape != S_COMPARE, owner)
			    : NULL;
		b = op->len && (shape == S_COMPARE || shape == S_COPY) ?
			    model_at(op->u.compare_op.b, op->len, false, owner) : NULL;
		if (shape == S_COMPARE) {
			equal = !op->len || !memcmp(a, b, op->len);
			if (equal != (op->op == CPU_COMPARE_EQ_OP))
				return i + 1;
		} else if (shape == S_COPY) {
			if (op->len)
				memmove(a, b, op->len);
		} else {
			memcpy(&v, a, op->len);
			v = model_word(op, v);
			memcpy(a, &v, op->len);
		}
	}
	return 0;
}

static int model_check(const struct call *c, int i, int owner)
{
	int count = c->count[i];

	if (count < 0 || count > 16)
		return -EINVAL;
	if (count && !c->vec_there[i])
		return -EFAULT;
	if (!model_valid(c->vec[i], count))
		return -EINVAL;
	return model_fault(c->vec[i], count, owner);
}

static int model_one(const struct call *c)
{
	int owner = c->entry == VECTOR ? 0 : 2, cpu = c->cpu[0], ret;

	if (c->entry == CPU_OPV) {
		if (c->flags & ~3)
			return -EINVAL;
		if (c->flags)
			return c->flags & 1 ? NR_CPU_OPS : 16;
	}
	if (cpu < 0 && (c->entry == CPU_OPV || cpu != OPV_THIS_CPU))
		return -EINVAL;
	ret = model_check(c, 0, owner);
	if (ret)
		return ret;
	if (cpu >= nr_cpus || (c->entry == CPU_OPV && !CPU_ISSET((size_t)cpu, &allowed)))
		return -EINVAL;
	return model_run(c->vec[0], c->count[0], owner);
}

/* The results of the model, its memory being changed, where memory is to change. */
static void model(struct call *want)
{
	int i;

	if (want->entry != VECTORS) {
		want->ret = model_one(want);
		return;
	}
	for (i = 0; i < 2; i++) {
		want->ret = want->cpu[i] < 0 ? -EINVAL : model_check(want, i, 0);
		if (!want->ret && want->cpu[i] >= nr_cpus)
			want->ret = -EINVAL;
		if (want->ret) {
			want->result[i] = want->ret;
			return;
		}
	}
	for (i = 0; i < 2; i++)
		want->result[i] = model_run(want->vec[i], want->count[i], 0);
}

static void call(struct call *c)
{
	struct opv_request r[2];
	int i;

	switch (c->entry) {
	case VECTOR:
	case VECTOR_DEFAULT:
		c->ret = opv_vector(c->entry == VECTOR ? domain[0] : NULL, c->vec[0], c->count[0],
				    c->cpu[0]);
		break;
	case CPU_OPV:
		c->ret = cpu_opv((struct cpu_op *)(uintptr_t)c->vec[0], c->count[0], c->cpu[0],
				 c->flags);
		break;
	default:
		for (i = 0; i < 2; i++)
			r[i] = (struct opv_request){ c->vec[i], c->count[i], c->cpu[i],
						     c->result[i] };
		c->ret = opv_vectors(domain[0], r, 2);
		for (i = 0; i < 2; i++)
			c->result[i] = r[i].result;
	}
}

static const char *judge_memory(void)
{
	size_t i;
	int d, cpu;

	for (i = 0; i < NR(pages); i++)
		if (pages[i] && memcmp(ground + i * PAGE, shadow + i * PAGE, PAGE))
			return "the memory of the process is not what it should be";
	for (d = 0; d < 2; d++)
		for (cpu = 0; cpu < nr_cpus; cpu++)
			if (memcmp(cpu_data(d, cpu), cpu_shadow[d][cpu], DATA))
				return "the memory of a CPU is not what it should be";
	return NULL;
}

static void show_vector(const struct call *c, int v)
{
	int i;

	printf("# as CPU %d, %d operations at %p\n", c->cpu[v], c->count[v], (const void *)c->vec[v]);
	for (i = 0; c->vec_there[v] && i < c->count[v] && i < OPS; i++) {
		const struct cpu_op *op = &c->vec[v][i];

		printf("#   %d: op %d len %u a 0x%llx b 0x%llx expect_fault %d %d\n", i + 1, op->op,
		       op->len, (unsigned long long)op->u.compare_op.a,
		       (unsigned long long)op->u.compare_op.b, op->u.compare_op.expect_fault_a,
		       op->u.compare_op.expect_fault_b);
	}
}

static void fail(const char *what, const struct call *got, const struct call *want)
{
	printf("not ok 1 - vectors do what the model does\n# %s\n", what);
	printf("# entry %d flags %d: got %d (%d, %d), wanted %d (%d, %d)\n", got->entry, got->flags,
	       got->ret, got->result[0], got->result[1], want->ret, want->result[0],
	       want->result[1]);
	printf("# playground at %p, domains at %p and %p\n", (void *)ground, (void *)domain[0],
	       (void *)domain[1]);
	show_vector(got, 0);
	if (got->entry == VECTORS)
		show_vector(got, 1);
	fflush(stdout);
	abort();
}

/* Bytes into a call. */
struct bytes {
	const uint8_t *p, *end;
};

static uint8_t take(struct bytes *b)
{
	return b->p < b->end ? *b->p++ : 0;
}

static uint64_t take_word(struct bytes *b)
{
	uint64_t v = 0;
	int i, n = take(b) & 15;	/* few bytes more often than many */

	for (i = 0; i < n && i < 8; i++)
		v = v << 8 | take(b);
	return n & 1 ? -v : v;
}

/* Mostly one that the operation has. */
static uint32_t take_length(struct bytes *b, enum shape shape)
{
	static const uint32_t odd[] = {
		0, 3, 5, 7, 9, 16, 31, 64, 100, 120, 121, 4095, 4096, 4097, 16384, 1u << 31,
		UINT32_MAX, UINT32_MAX - 7,
	};
	uint8_t which = take(b);

	if (which < 192)
		return 1u << which % 4;
	if (which < 250 && (shape == S_COMPARE || shape == S_COPY))
		return odd[which % 13];
	return which < 250 ? 8 : odd[which % NR(odd)];
}

static uint64_t take_address(struct bytes *b, uint32_t len)
{
	const uint64_t bases[] = {
		(uintptr_t)ground + 2 * PAGE + 64,
		(uintptr_t)ground + 3 * PAGE,
		(uintptr_t)ground + 3 * PAGE + 64,
		(uintptr_t)ground + 3 * PAGE + 8,
		(uintptr_t)ground + 6 * PAGE + 64,
		(uintptr_t)ground + 7 * PAGE,
		(uintptr_t)ground + 7 * PAGE + 128,
		(uintptr_t)ground + 7 * PAGE + 1,
		(uintptr_t)ground + 2 * PAGE,
		(uintptr_t)ground + 6 * PAGE,
		(uintptr_t)cpu_data(0, 0),
		(uintptr_t)cpu_data(0, nr_cpus - 1),
		(uintptr_t)cpu_data(0, 0) + 256,
		(uintptr_t)cpu_data(0, nr_cpus - 1) + 256,
		(uintptr_t)ground + 4 * PAGE,
		(uintptr_t)ground + 5 * PAGE,
		(uintptr_t)ground + 8 * PAGE,
		(uintptr_t)ground + 9 * PAGE,
		(uintptr_t)ground + 10 * PAGE,
		(uintptr_t)cpu_data(0, 0) + DATA,
		(uintptr_t)cpu_data(0, 0) - SLOT,
		(uintptr_t)cpu_data(0, 0) - SLOT + 64,
		(uintptr_t)domain[0],
		(uintptr_t)domain[0] - OPV_STRIPE,
		(uintptr_t)domain[0] - OPV_WINDOW_TO_DOMAIN,
		(uintptr_t)cpu_data(1, 0),
		(uintptr_t)cpu_data(1, nr_cpus - 1) + DATA,
		0,
		UINT64_C(0x800000000000),
		UINT64_C(0xffff888000000000),
		UINT64_C(0x0123456789abcdef),
		-UINT64_C(8),
		-UINT64_C(4096),
		1,
		UINT32_MAX + UINT64_C(1),
	};
	uint8_t which = take(b), how = take(b);
	/* Those in front are there, mostly. */
	uint64_t base = bases[which < 192 ? which % 14 : which % NR(bases)];

	switch (how & 3) {
	case 0:
		return base;
	case 1:
		return base - (len < 8192 ? len : 8);	/* ends there */
	case 2:
		return base + (how >> 2);
	default:
		return base - (how >> 2);
	}
}

static struct cpu_op take_op(struct bytes *b)
{
	static const int odd[] = { -1, NR_CPU_OPS, INT_MAX, INT_MIN, 255 };
	uint8_t which = take(b), faults = take(b);
	struct cpu_op op = { .op = which < 251 ? which % NR_CPU_OPS : odd[which - 251] };

	op.len = take_length(b, shape_of(op.op));
	op.u.compare_op.a = take_address(b, op.len);
	op.u.compare_op.expect_fault_a = faults & 1;
	switch (shape_of(op.op)) {
	case S_COMPARE:
	case S_COPY:
		op.u.compare_op.b = faults & 4 ? op.u.compare_op.a : take_address(b, op.len);
		op.u.compare_op.expect_fault_b = faults & 2;
		break;
	case S_SHIFT:
		op.u.shift_op.bits = faults >= 250 ? (uint32_t)take_word(b) : take(b) % 8;
		op.u.shift_op.expect_fault_p = faults & 1;
		break;
	default:
		op.u.bitwise_op.mask = take_word(b);
	}
	return op;
}

static int take_count(struct bytes *b)
{
	static const int odd[] = { -1, 0, 15, 16, 17, INT_MAX, INT_MIN };
	uint8_t which = take(b);

	return which < 240 ? 1 + which % 5 : odd[which % NR(odd)];
}

static int take_cpu(struct bytes *b)
{
	const int odd[] = { -1, -2, -3, nr_cpus, nr_cpus + 1, 65535, 65536, INT_MAX, INT_MIN };
	uint8_t which = take(b);

	return which < 128 ? OPV_THIS_CPU : which < 232 ? which % nr_cpus : odd[which % NR(odd)];
}

/* A vector somewhere; where it is not there, the model knows. */
static void take_vector(struct bytes *b, struct call *c, int i)
{
	uint8_t *page = vec_pages[i], where = take(b);
	struct cpu_op *vec = (struct cpu_op *)page;
	int n, j;

	c->cpu[i] = take_cpu(b);
	c->count[i] = take_count(b);
	n = c->count[i] < 0 ? 0 : c->count[i] > OPS ? OPS : c->count[i];
	if (where >= 224)
		vec = (struct cpu_op *)(page + PAGE) - n;
	for (j = 0; j < n; j++)
		vec[j] = take_op(b);
	if (where >= 254)
		vec = (struct cpu_op *)(page + PAGE);
	else if (where >= 252)		/* one operation is there, a second one is not */
		vec = (struct cpu_op *)(page + PAGE) - 1;
	else if (where >= 250)
		vec = (struct cpu_op *)(uintptr_t)UINT64_C(0xffff888000000000);
	else if (where >= 248)
		vec = NULL;
	c->vec[i] = vec;
	c->vec_there[i] = where < 248 || ((where == 252 || where == 253) && n == 1);
}

static void count_kind(int ret)
{
	kinds[ret == 0 ? DONE : ret > 0 ? STOPPED : ret == -EINVAL ? E_INVAL :
	      ret == -EFAULT ? E_FAULT : ret == -EAGAIN ? E_AGAIN : OTHER]++;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };
	struct call got = { 0 }, want;
	const char *wrong;

	if (!ground)
		set_up();
	got.entry = take(&b) % NR_ENTRIES;
	got.flags = got.entry == CPU_OPV && take(&b) >= 240 ? (int)take_word(&b) : 0;
	got.result[0] = got.result[1] = 12345;
	take_vector(&b, &got, 0);
	if (got.entry == VECTORS)
		take_vector(&b, &got, 1);
	want = got;
	model(&want);
	errno = 4321;
	call(&got);
	wrong = errno != 4321 ? "errno was touched" :
		got.ret != want.ret || got.result[0] != want.result[0] ||
		got.result[1] != want.result[1] ? "another result" : judge_memory();
	if (wrong)
		fail(wrong, &got, &want);
	count_kind(got.entry == VECTORS && !got.ret ? got.result[0] : got.ret);
	return 0;
}

#ifndef OPV_LIBFUZZER

static const char fuzz_name[] = "vectors do what the model does, and nothing when they are errors";

static size_t fuzz_make(struct fuzz_random *r, uint8_t *data, size_t max)
{
	size_t size = 4 + fuzz_below(r, max < 400 ? max - 4 : 396), i;

	for (i = 0; i < size; i++)
		data[i] = (uint8_t)fuzz_random(r);
	return size;
}

static void fuzz_sum(void)
{
	printf("# %llu done, %llu stopped, %llu EINVAL, %llu EFAULT, %llu EAGAIN, %llu others\n",
	       (unsigned long long)kinds[DONE], (unsigned long long)kinds[STOPPED],
	       (unsigned long long)kinds[E_INVAL], (unsigned long long)kinds[E_FAULT],
	       (unsigned long long)kinds[E_AGAIN], (unsigned long long)kinds[OTHER]);
}

static bool fuzz_reached(void)
{
	return kinds[DONE] && kinds[STOPPED] && kinds[E_INVAL] && kinds[E_FAULT] && kinds[E_AGAIN];
}

#endif
