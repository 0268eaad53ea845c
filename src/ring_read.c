// SPDX-License-Identifier: MIT
/* Rings: reading, and the counts.  Letters: docs/structures.md, (Q1) to (Q7). */
#include "ring.h"

#include "break.h"
#include "domain.h"
#include "sys.h"
#include "wait.h"

#define RETRY	3	/* of look_at_record(): the record is gone, look again */
#define POLL_MS	1

struct opv_ring_place opv_ring_place(const struct opv_ring_cpu *c)
{
	struct opv_ring_place p;
	uint64_t turn;

	do {
		const struct opv_ring_place *from;

		turn = opv_ring_load(&c->turn);
		from = &c->place[turn & 1];
		p.next.position = opv_ring_load(&from->next.position);
		p.next.records = opv_ring_load(&from->next.records);
		p.next.bytes = opv_ring_load(&from->next.bytes);
		p.lost_records = opv_ring_load(&from->lost_records);
		p.lost_bytes = opv_ring_load(&from->lost_bytes);
	} while (__atomic_load_n(&c->turn, __ATOMIC_RELAXED) != turn);
	return p;
}

/* (Q5): the other element, then the turn.  Killed in between, we were here for nothing. */
static void move_to(struct opv_ring_cpu *c, const struct opv_ring_place *p)
{
	struct opv_ring_place *to = &c->place[(c->turn + 1) & 1];

	__atomic_store_n(&to->next.position, p->next.position, __ATOMIC_RELAXED);
	__atomic_store_n(&to->next.records, p->next.records, __ATOMIC_RELAXED);
	__atomic_store_n(&to->next.bytes, p->next.bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&to->lost_records, p->lost_records, __ATOMIC_RELAXED);
	__atomic_store_n(&to->lost_bytes, p->lost_bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&c->turn, c->turn + 1, __ATOMIC_RELEASE);
}

/* What is older than the oldest was overwritten: exactly what it counts more than we do. */
static void catch_up(struct opv_ring_place *p, const struct opv_ring_mark *oldest)
{
	if (oldest->position <= p->next.position)
		return;
	p->lost_records += oldest->records - p->next.records;
	p->lost_bytes += oldest->bytes - p->next.bytes;
	p->next = *oldest;
}

static void pass(struct opv_ring_place *p, uint64_t header)
{
	p->next.position += opv_ring_size_of(header);
	if (header & OPV_RING_SKIP)
		return;
	p->next.records++;
	p->next.bytes += (uint32_t)header;
}

/* What was read since is true if the oldest record is still not younger: (Q4). */
static bool still_there(const struct opv_ring_cpu *c, uint64_t at)
{
	intptr_t epoch;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (OPV_BROKEN(STILL))
		return true;
	return opv_ring_oldest(c, &epoch).position <= at;
}

/*
 * The next record, or where it will be: 0 and its header; 1 there is none; 2 it is not committed;
 * RETRY; -errno.  Gaps and what is to be skipped are passed.
 */
static int look_at_record(struct opv_ring *r, int cpu, struct opv_ring_place *p, uint64_t *header)
{
	struct opv_ring_cpu *c = opv_ptr(r->percpu, cpu);
	intptr_t epoch;
	struct opv_ring_mark oldest = opv_ring_oldest(c, &epoch);
	uint64_t at;
	int ret;

	catch_up(p, &oldest);
	at = p->next.position;
	if (at >= opv_ring_load(&c->head))
		return 1;
	*header = opv_ring_load(opv_ring_header(r, c, at));
	if (!still_there(c, at))
		return RETRY;
	if (!opv_ring_fits(r, at, opv_ring_size_of(*header)))
		return -EIO;
	if (!(*header & OPV_RING_COMMITTED) && !OPV_BROKEN(MARK)) {
		if (!opv_process_gone(opv_ring_owner(*header)))
			return 2;
		ret = opv_ring_abandon(r, cpu, epoch, at, *header, false);
		return ret < 0 ? ret : RETRY;
	}
	if (!(*header & OPV_RING_SKIP))
		return 0;
	pass(p, *header);
	return RETRY;
}

static int take_record(struct opv_ring *r, int cpu, void *buf, size_t size, size_t *len)
{
	struct opv_ring_cpu *c = opv_ptr(r->percpu, cpu);
	struct opv_ring_place p = opv_ring_place(c);
	uint64_t start = p.next.position, at, header;
	int ret;

	do {
		ret = look_at_record(r, cpu, &p, &header);
		at = p.next.position;
		if (!ret) {
			if ((uint32_t)header <= size)
				memcpy(buf, opv_ring_header(r, c, at) + 1, (uint32_t)header);
			if (!still_there(c, at))
				ret = RETRY;
		}
	} while (ret == RETRY);
	if (!ret) {
		*len = (uint32_t)header;
		if (*len > size)
			ret = -EMSGSIZE;
		else
			pass(&p, header);
	}
	if (p.next.position != start)
		move_to(c, &p);
	return ret;
}

/* One reader at a time.  Whoever died as one has left the place as it was, or as it is. */
static bool enter(struct opv_ring *r, struct opv_ring_cpu *c)
{
	uint64_t nobody = 0, me = (uint64_t)*r->process << 32 | 1;

	if (__atomic_compare_exchange_n(&c->reader, &nobody, me, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return true;
	return opv_process_gone((uint32_t)(nobody >> 32)) &&
	       __atomic_compare_exchange_n(&c->reader, &nobody, me, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

int opv_ring_read(struct opv_ring *r, int cpu, void *buf, size_t size, size_t *len)
{
	struct opv_ring_cpu *c;
	int ret;

	if (cpu < 0 || (uint32_t)cpu >= r->nr_cpus)
		return -EINVAL;
	c = opv_ptr(r->percpu, cpu);
	if (!enter(r, c))
		return -EBUSY;
	ret = take_record(r, cpu, buf, size, len);
	__atomic_store_n(&c->reader, 0, __ATOMIC_RELEASE);
	return ret;
}

/* Up to the head of that moment; on the way nothing is taken. */
static int all_committed(struct opv_ring *r, int cpu, struct opv_ring_place *p, uint64_t head)
{
	uint64_t header;
	int ret;

	while (p->next.position < head) {
		ret = look_at_record(r, cpu, p, &header);
		if (!ret)
			pass(p, header);
		else if (ret != RETRY)
			return ret;
	}
	return 0;
}

int opv_ring_flush(struct opv_ring *r, int cpu, uint32_t timeout_ms)
{
	struct timespec deadline, pause = { 0, POLL_MS * 1000000 };
	struct opv_ring_place p;
	struct opv_ring_cpu *c;
	uint64_t head;
	int ret;

	if (cpu < 0 || (uint32_t)cpu >= r->nr_cpus)
		return -EINVAL;
	c = opv_ptr(r->percpu, cpu);
	head = opv_ring_load(&c->head);
	p = opv_ring_place(c);
	opv_deadline_in(&deadline, timeout_ms);
	for (;;) {
		/* As a reader, so that nobody reuses what we are looking at. */
		ret = 2;
		if (enter(r, c)) {
			ret = all_committed(r, cpu, &p, head);
			__atomic_store_n(&c->reader, 0, __ATOMIC_RELEASE);
		}
		if (ret != 2)
			return ret == 1 ? 0 : ret;	/* 1: all was overwritten */
		if (opv_deadline_passed(&deadline))
			return -ETIMEDOUT;
		OPV_SYS(SYS_nanosleep, &pause, NULL);
	}
}

static void count(const struct opv_ring *r, int cpu, struct opv_ring_counts *sum)
{
	const struct opv_ring_cpu *c = opv_ptr(r->percpu, cpu);
	struct opv_ring_place p = opv_ring_place(c);
	intptr_t epoch;
	struct opv_ring_mark oldest = opv_ring_oldest(c, &epoch);

	/* What was read is what was passed and not lost. */
	sum->read_records += p.next.records - p.lost_records;
	sum->read_bytes += p.next.bytes - p.lost_bytes;
	catch_up(&p, &oldest);
	sum->overwritten_records += p.lost_records;
	sum->overwritten_bytes += p.lost_bytes;
	sum->dropped_records += opv_ring_load(&c->dropped_records);
	sum->dropped_bytes += opv_ring_load(&c->dropped_bytes);
	sum->abandoned_records += opv_ring_load(&c->abandoned_records);
	sum->abandoned_bytes += opv_ring_load(&c->abandoned_bytes);
	sum->used += opv_ring_load(&c->head) - p.next.position;
}

int opv_ring_counts(const struct opv_ring *r, int cpu, struct opv_ring_counts *counts, size_t size)
{
	int first = cpu == OPV_ALL_CPUS ? 0 : cpu, end = cpu == OPV_ALL_CPUS ? (int)r->nr_cpus : cpu + 1;
	struct opv_ring_counts sum = { 0 };
	size_t i;

	if (first < 0 || (uint32_t)end > r->nr_cpus)
		return -EINVAL;
	for (cpu = first; cpu < end; cpu++)
		count(r, cpu, &sum);
	for (i = 0; i < size; i++)
		((char *)counts)[i] = i < sizeof(sum) ? ((const char *)&sum)[i] : 0;
	return 0;
}
