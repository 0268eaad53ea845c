// SPDX-License-Identifier: MIT
/*
 * Rings: making and writing, where the fast way did not do.  What comes here is to make room
 * (a limit to be raised, old records to be given up, the end of the buffer to be skipped), or
 * met another writer, or is for another CPU.  Letters: docs/structures.md, (Q1) to (Q7).
 */
#include "ring.h"

#include <opv/vector.h>

#include "break.h"
#include "domain.h"
#include "engine.h"
#include "sys.h"
#include "wait.h"

#define MAGIC	UINT32_C(0x6f707262)
#define KNOWN_FLAGS OPV_RING_OVERWRITE

/* Each try that fails is another writer's success; then the gate is closed. */
#define TRIES	16

/* Old records are given up in strides, so that there is not a search for room each time. */
#define STRIDE	4096

_Static_assert(sizeof(struct opv_ring_cpu) == 256, "what is in front of a buffer");
_Static_assert(offsetof(struct opv_ring_cpu, reader) == 128, "the reader's lines are its own");

static void fill(struct opv_ring *r, struct opv_domain *d, struct opv_ring_cpu *h, uint64_t bytes,
		 uint32_t flags)
{
	*r = (struct opv_ring){
		.percpu = h,
		.domain = d,
		.process = opv_process(),
		.bytes = (uint32_t)bytes,
		.max = (uint32_t)bytes / 4,
		.nr_cpus = (uint32_t)opv_domain_cpus(d),
		.flags = flags,
	};
}

static bool good_size(uint64_t bytes)
{
	return bytes >= 256 && bytes <= OPV_STRIPE / 2 && !(bytes & (bytes - 1));
}

int opv_ring_init(struct opv_ring *r, struct opv_domain *d, size_t bytes, uint32_t flags)
{
	struct opv_ring_cpu *h, *first;
	int ret;

	if (!good_size(bytes) || (flags & ~(uint32_t)KNOWN_FLAGS))
		return -EINVAL;
	if (!d)
		d = opv_domain_default();
	if (!d)
		return -ENOMEM;
	ret = opv_alloc(d, sizeof(*h) + bytes, 64, &h);
	if (ret)
		return ret;
	first = opv_ptr(h, 0);
	first->bytes = bytes;
	first->flags = flags;
	__atomic_store_n(&first->magic, MAGIC, __ATOMIC_RELEASE);
	fill(r, d, h, bytes, flags);
	return 0;
}

int opv_ring_attach(struct opv_ring *r, struct opv_domain *d, size_t offset)
{
	struct opv_ring_cpu *h = opv_handle(d, offset), *first;

	if (offset % 64 || !opv_domain_check(h) || !opv_domain_check((char *)(h + 1) - 1))
		return -EINVAL;
	first = opv_ptr(h, 0);
	if (__atomic_load_n(&first->magic, __ATOMIC_ACQUIRE) != MAGIC || !good_size(first->bytes) ||
	    !opv_domain_check((char *)(h + 1) + first->bytes - 1))
		return -EINVAL;
	fill(r, d, h, first->bytes, first->flags);
	return 0;
}

int opv_ring_fini(struct opv_ring *r)
{
	uint32_t *magic = &opv_ptr(r->percpu, 0)->magic;
	int ret;

	__atomic_store_n(magic, 0, __ATOMIC_RELAXED);
	ret = opv_free(r->domain, r->percpu);
	if (ret)
		__atomic_store_n(magic, MAGIC, __ATOMIC_RELAXED);
	return ret;
}

struct opv_ring_mark opv_ring_oldest(const struct opv_ring_cpu *c, intptr_t *epoch)
{
	struct opv_ring_mark m;

	/* The other element is what changes, until the epoch does. */
	do {
		*epoch = __atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE);
		m.position = opv_ring_load(&c->oldest[*epoch & 1].position);
		m.records = opv_ring_load(&c->oldest[*epoch & 1].records);
		m.bytes = opv_ring_load(&c->oldest[*epoch & 1].bytes);
	} while (__atomic_load_n(&c->epoch, __ATOMIC_RELAXED) != *epoch);
	return m;
}

/* One attempt to reserve, behind the closed gate or not. */
struct writer {
	struct opv_ring *r;
	struct opv_ring_record *rec;
	size_t len;
	int cpu;
	bool gate;
};

/*
 * The calls of a writer.  Behind the gate nobody else works as this CPU, and they are what they
 * say in C; in the same order, for a process may be killed between any two stores.
 */
static int cmpeq_store_store(const struct writer *w, uint64_t *p, uint64_t expect, uint64_t *p2,
			     uint64_t n2, uint64_t n)
{
	uint64_t *q = opv_ptr(p, w->cpu);

	if (!w->gate)
		return opv_cmpeq_store_store_release((intptr_t *)p, (intptr_t)expect, (intptr_t *)p2,
						     (intptr_t)n2, (intptr_t)n, w->cpu);
	if (*q != expect)
		return 1;
	__atomic_store_n(opv_ptr(p2, w->cpu), n2, __ATOMIC_RELAXED);
	__atomic_store_n(q, n, __ATOMIC_RELEASE);
	return 0;
}

/* Somebody who read the epoch long ago may be reading this one, and will find the epoch changed. */
static void put_mark(struct opv_ring_mark *to, const struct opv_ring_mark *m)
{
	const uint64_t *from = (const uint64_t *)m;
	size_t i;

	_Static_assert(sizeof(*m) % sizeof(*from) == 0, "words");
	for (i = 0; i < sizeof(*m) / sizeof(*from); i++)
		__atomic_store_n((uint64_t *)to + i, from[i], __ATOMIC_RELAXED);
}

static int next_epoch(const struct writer *w, intptr_t epoch, const struct opv_ring_mark *m)
{
	struct opv_ring_cpu *h = w->r->percpu, *c = opv_ptr(h, w->cpu);

	if (!w->gate)
		return opv_cmpeq_copy_store_release(&h->epoch, epoch, &h->oldest[(epoch + 1) & 1], m,
						    sizeof(*m), epoch + 1, w->cpu);
	if (c->epoch != epoch)
		return 1;
	put_mark(&c->oldest[(epoch + 1) & 1], m);
	__atomic_store_n(&c->epoch, epoch + 1, __ATOMIC_RELEASE);
	return 0;
}

static int raise_limit(const struct writer *w, uint64_t limit)
{
	struct opv_ring_cpu *h = w->r->percpu, *c = opv_ptr(h, w->cpu);

	if (!w->gate)
		return opv_max64_release(&h->limit, limit, w->cpu);
	if (limit > c->limit)
		__atomic_store_n(&c->limit, limit, __ATOMIC_RELEASE);
	return 0;
}

int opv_ring_abandon(struct opv_ring *r, int cpu, intptr_t epoch, uint64_t at, uint64_t header,
		     bool gate)
{
	const uint64_t skipped = (uint32_t)header | OPV_RING_COMMITTED | OPV_RING_SKIP;
	struct opv_ring_cpu *h = r->percpu, *c = opv_ptr(h, cpu);
	uint64_t *p = opv_ring_header(r, h, at);
	int ret;

	if (gate) {
		*opv_ptr(p, cpu) = skipped;
		c->abandoned_records++;
		c->abandoned_bytes += (uint32_t)header;
		return 0;
	}
	ret = opv_cmpeq_cmpeq_store((intptr_t *)p, (intptr_t)header, &h->epoch, epoch,
				    (intptr_t)skipped, cpu);
	if (ret)
		return ret < 0 ? ret : 1;
	ret = opv_add64(&h->abandoned_records, 1, cpu);
	return ret ? ret : opv_add64(&h->abandoned_bytes, (uint32_t)header, cpu);
}

/*
 * (Q4): walk over the oldest records to where one begins at `until` or after.  0; 1, try again;
 * -ENOBUFS, one of them is being written.
 */
static int give_up_records(const struct writer *w, struct opv_ring_mark *m, intptr_t epoch, uint64_t until)
{
	struct opv_ring *r = w->r;
	struct opv_ring_cpu *c = opv_ptr(r->percpu, w->cpu);
	uint64_t head = opv_ring_load(&c->head), stride = r->bytes / 8, header, size;
	int ret;

	stride = stride < STRIDE ? stride : STRIDE;
	while (m->position < until || (m->position < until + stride && m->position < head)) {
		header = opv_ring_load(opv_ring_header(r, c, m->position));
		size = opv_ring_size_of(header);
		if (!opv_ring_fits(r, m->position, size))
			return 1;
		if (!(header & OPV_RING_COMMITTED) && !OPV_BROKEN(GIVE_UP)) {
			if (m->position >= until)
				return 0;
			if (!opv_process_gone(opv_ring_owner(header)))
				return c->epoch == epoch ? -ENOBUFS : 1;
			ret = opv_ring_abandon(r, w->cpu, epoch, m->position, header, w->gate);
			if (ret)
				return ret;
			header |= OPV_RING_SKIP;
		}
		if (!(header & OPV_RING_SKIP)) {
			m->records++;
			m->bytes += (uint32_t)header;
		}
		m->position += size;
	}
	return 0;
}

/* The head is to go up to `until`.  0 it may; 1 try again; -errno. */
static int make_room(const struct writer *w, uint64_t until)
{
	struct opv_ring *r = w->r;
	struct opv_ring_cpu *c = opv_ptr(r->percpu, w->cpu);
	struct opv_ring_mark m;
	intptr_t epoch;
	int ret;

	if (until <= opv_ring_load(&c->limit))
		return 0;
	if (!(r->flags & OPV_RING_OVERWRITE)) {
		m = opv_ring_place(c).next;
		if (until - m.position > r->bytes)
			return -ENOBUFS;
		return raise_limit(w, m.position + r->bytes);
	}
	m = opv_ring_oldest(c, &epoch);
	if (until - m.position > r->bytes) {
		ret = give_up_records(w, &m, epoch, until - r->bytes);
		if (!ret)
			ret = next_epoch(w, epoch, &m);
		if (ret)
			return ret;
	}
	return raise_limit(w, m.position + r->bytes);
}

/* At the end of the buffer: a gap.  Always 1, or -errno. */
static int skip_the_rest(const struct writer *w, uint64_t head)
{
	struct opv_ring_cpu *h = w->r->percpu;
	uint64_t size = w->r->bytes - (head & (w->r->bytes - 1));
	uint64_t gap = (size - sizeof(uint64_t)) | OPV_RING_COMMITTED | OPV_RING_SKIP;
	int ret = make_room(w, head + size);

	if (!ret)
		ret = cmpeq_store_store(w, &h->head, head, opv_ring_header(w->r, h, head), gap,
					head + size);
	return ret < 0 ? ret : 1;
}

static int reserve(const struct writer *w)
{
	struct opv_ring_cpu *h = w->r->percpu, *c = opv_ptr(h, w->cpu);
	uint64_t head = opv_ring_load(&c->head), size = OPV_RING_SIZE(w->len);
	uint64_t header = w->len | (uint64_t)*w->r->process << 32;
	int ret;

	if (!opv_ring_fits(w->r, head, size))
		return skip_the_rest(w, head);
	ret = make_room(w, head + size);
	if (!ret)
		ret = cmpeq_store_store(w, &h->head, head, opv_ring_header(w->r, h, head), header,
					head + size);
	if (ret)
		return ret;
	w->rec->data = opv_ring_header(w->r, c, head) + 1;
	w->rec->len = w->len;
	return 0;
}

/* Nobody is in our way here, so 1 is a step ahead: a gap, a limit. */
static int reserve_alone(void *arg)
{
	struct writer *w = arg;
	int i, ret = 1;

	w->gate = true;
	for (i = 0; i < TRIES && ret == 1; i++)
		ret = reserve(w);
	return ret == 1 ? -EIO : ret;
}

int opv_ring_reserve_slow(struct opv_ring *r, size_t len, struct opv_ring_record *rec, int cpu)
{
	int here = opv_cpu(), i, ret = 1;
	struct writer w = { r, rec, len, cpu == OPV_THIS_CPU ? here : cpu, false };

	if (w.cpu < 0 || (uint32_t)w.cpu >= r->nr_cpus)
		return -EINVAL;
	if (len > r->max)
		return -EMSGSIZE;
	for (i = 0; i < TRIES && ret == 1 && w.cpu == here; i++)
		ret = reserve(&w);
	if (ret == 1)
		ret = opv_fence_engine_call(r->domain, w.cpu, reserve_alone, &w);
	if (ret == -ENOBUFS) {
		opv_add64(&r->percpu->dropped_records, 1, w.cpu);
		opv_add64(&r->percpu->dropped_bytes, len, w.cpu);
	}
	return ret;
}
