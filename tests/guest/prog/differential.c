// SPDX-License-Identifier: MIT
/*
 * Random vectors, valid and not, as all CPUs, half of them as the one they are on, while a
 * thread keeps another busy, on memory that is partly mapped twice, against the model.  Arguments: vectors (default 20000), seed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>

#include "call.h"
#include "ops/vmodel.h"

#define PAGE	4096
#define PAGES	4
#define ARENA	(PAGES * PAGE)

/*
 * Operands are places in the arena.  Of the mappings of it that there are, one is taken
 * for each operand; the model knows places only.
 */
#define VIEWS	3
static char *view[VIEWS], want[ARENA];
static uint64_t state;

static uint64_t below(uint64_t n)
{
	return rnd(&state) % n;
}

static uint32_t make_length(const struct vop *v)
{
	static const uint32_t bad[] = { 3, 5, 6, 7, 9, 16, 4097, 0x80000000, 0xffffffff };

	if (!below(200))
		return bad[below(9)];
	if (!vop_is_pair(v->op))
		return (uint32_t)1 << below(4);
	return !below(16) ? (uint32_t)below(PAGE + 1) : !below(4) ? (uint32_t)below(40) :
								   (uint32_t)1 << below(4);
}

/* Most around one edge between pages, where they meet each other; some anywhere. */
static size_t make_place(uint32_t len)
{
	const size_t at = (size_t)(1 + below(PAGES - 1)) * PAGE;

	if (len > 64 || !below(8))
		return below(ARENA - PAGE);
	return below(2) ? at - 64 + below(64) : 8 * below(12);
}

static void make_op(struct vop *v)
{
	v->op = (int)below(NR_CPU_OPS);
	v->len = make_length(v);
	v->a = make_place(v->len);
	v->b = make_place(v->len);
	if (vop_infos[v->op].shape == VSHAPE_SHIFT)
		v->n = below(200) ? below(8 * (v->len <= 8 ? v->len : 8)) : below(100);
	else
		v->n = below(3) ? rnd(&state) : (uint64_t)0 - below(5);
	if (v->op == CPU_COMPARE_EQ_OP && below(8))
		v->b = v->a;
}

/* A few aligned words, of which mostly the last is written: what the kernel makes short work of. */
static int make_words(struct vop *v)
{
	int count = (int)below(4) + 1, i;

	for (i = 0; i < count; i++) {
		v[i].op = i < count - 1 ? (int)below(2) : (int)below(NR_CPU_OPS);
		if (!below(8))
			v[i].op = below(2) ? CPU_MB_OP : (int)below(NR_CPU_OPS);
		v[i].len = (uint32_t)1 << below(4);
		v[i].a = PAGE - 32 + 8 * below(8);
		v[i].b = v[i].op == CPU_COMPARE_EQ_OP && below(8) ? v[i].a : PAGE - 32 + 8 * below(8);
		v[i].n = vop_infos[v[i].op].shape == VSHAPE_SHIFT ? below(8 * v[i].len) : rnd(&state);
	}
	return count;
}

static int make_vector(struct vop *v)
{
	int count = below(100) ? (int)below(17) : 17, i;

	if (!below(3))
		return make_words(v);

	for (i = 0; i < count; i++)
		make_op(&v[i]);
	return count;
}

/* Built on the arena's place 0, then each address is moved into some view. */
static void build(struct cpu_op *vec, const struct vop *v, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		vec[i] = vop_build(&v[i], view[below(VIEWS)]);
		if (vop_is_pair(v[i].op))
			vec[i].u.memcpy_op.src = (uintptr_t)view[below(VIEWS)] + v[i].b;
	}
}

static void tell(const struct vop *v, int count, int got, int wanted)
{
	int i;

	diag("got %d, wanted %d, for a vector of %d:", got, wanted, count);
	for (i = 0; i < count; i++)
		diag("%s len %u a %zu b %zu n %#llx", vop_infos[v[i].op].name, v[i].len, v[i].a, v[i].b,
		     (unsigned long long)v[i].n);
}

static bool try_one(int nr_cpus)
{
	struct vop v[17];
	struct cpu_op vec[17];
	int count = make_vector(v), got, wanted;

	build(vec, v, count);
	memcpy(want, view[0], ARENA);
	wanted = vmodel(v, count, want);
	got = below(2) ? call_here(vec, count) : call(vec, count, (int)below((uint64_t)nr_cpus), 0);
	if (got == wanted && !memcmp(want, view[0], ARENA))
		return true;
	tell(v, count, got, wanted);
	return false;
}

/* All views of one kind of memory. */
static bool map_views(int fd)
{
	const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	int i;

	view[0] = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, flags, fd, 0);
	for (i = 1; i < VIEWS; i++)
		view[i] = fd < 0 ? view[0] : mmap(NULL, ARENA, PROT_READ | PROT_WRITE, flags, fd, 0);
	for (i = 0; i < VIEWS; i++)
		if (view[i] == MAP_FAILED)
			return false;
	return true;
}

static void test_vectors(int fd, long vectors, const char *what)
{
	const int nr_cpus = cpus();
	int bad = 0;
	long i, k;

	if (!ok(map_views(fd), "memory"))
		return;
	for (i = 0; i < vectors && bad < 3; i++) {
		if (i % 512 == 0)
			for (k = 0; k < ARENA; k += 8)
				*(uint64_t *)(view[0] + k) = below(4) ? rnd(&state) : 0;
		bad += !try_one(nr_cpus);
	}
	is(bad, 0, "%ld random vectors on %s do what the model says", vectors, what);
}

/* There short vectors are done in place, too. */
static void *be_busy(void *arg)
{
	pin_to(cpus() - 1);
	for (;;)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return arg;
}

int main(int argc, char **argv)
{
	const long vectors = argc > 1 ? atol(argv[1]) : 20000;
	int fd = memfd_create("differential", MFD_CLOEXEC);
	pthread_t thread;

	if (!call_open())
		return done();
	state = argc > 2 ? strtoull(argv[2], NULL, 0) : now_ns();
	diag("seed %#llx", (unsigned long long)state);
	if (cpus() > 1)
		pthread_create(&thread, NULL, be_busy, NULL);
	test_vectors(-1, vectors / 2, "private memory");
	test_vectors(ftruncate(fd, ARENA) ? -2 : fd, vectors / 2, "memory that is mapped three times");
	return done();
}
