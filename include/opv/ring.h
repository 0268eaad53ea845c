/* SPDX-License-Identifier: MIT */
#ifndef _OPV_RING_H
#define _OPV_RING_H

/*
 * Rings: a buffer of records for each CPU, written by any thread in a few nanoseconds, read in
 * order by this process or another one.  For tracing, logging, flight recorders.
 *
 *	struct opv_ring r;
 *	struct opv_ring_record rec;
 *
 *	opv_ring_init(&r, NULL, 65536, 0);
 *	opv_ring_write(&r, &event, sizeof(event), OPV_THIS_CPU);
 *
 *	if (!opv_ring_reserve(&r, 100, &rec, OPV_THIS_CPU)) {
 *		... fill rec.data, 100 bytes ...
 *		opv_ring_commit(&rec);
 *	}
 *
 *	while (!opv_ring_read(&r, cpu, buffer, sizeof(buffer), &len))
 *		...
 *
 * What is like what: LTTng's buffers, perf's, the kernel's ring_buffer.  The one difference
 * that bites: there are no sub-buffers.  Each record has a mark of its own that says whether
 * it is committed, and can be read as soon as it is.
 *
 *	reserve	at = head[cpu]
 *		if (at + size > limit[cpu]) make room, or drop
 *		if (head[cpu] != at) again; header(at) = size | process; head[cpu] = at + size
 *	commit	header(at) = size | COMMITTED
 *	write	reserve; copy; commit
 *	read	at = position; if (at == head[cpu]) nothing
 *		if (!header(at) & COMMITTED) not yet
 *		copy; position = at + size
 *
 * The reservation is one section (opv_cmpeq_store_store_release()), the commit is one plain
 * store: what was reserved is the writer's alone, wherever the thread runs by then.  In
 * between it may be preempted, moved, and interrupted by a handler that writes to the same
 * ring; readers wait for it, writers do not, until they have come round to it.
 *
 * When a ring is full: without OPV_RING_OVERWRITE the new record is dropped; with it the oldest
 * ones make room, unless one of them is not committed yet: then the new one is dropped too.
 * All that was lost is counted, in records and in bytes of theirs: opv_ring_counts().
 * When all is quiet,
 *
 *	committed = read + overwritten + still there
 *	calls that answered -ENOBUFS = dropped
 *
 * A writer must commit or discard what it reserved; a thread that does neither stops readers of
 * that CPU there for as long as its process lives.  When the process is killed, whoever meets its
 * record next finds that out, skips it, and counts it as abandoned.
 *
 * A record is in one piece and in the ring's memory, 8 bytes aligned, with 8 bytes in front of
 * it.  At the end of the buffer there may be a gap.
 *
 * may A run while B does?	write, reserve, commit	read, flush	counts	fini
 *  write, reserve, commit	yes			yes		yes	no
 *  read, flush			yes			yes, -EBUSY	yes	no
 *  fork			yes, see below		yes		yes	yes
 *
 * fork: a ring in a private domain is copied; what a thread of the parent had reserved is
 * never committed in the child, and a reader of that moment stays one: -EBUSY.  A child that uses
 * a shared one is a writer like others.
 *
 * Shared domains: another process uses opv_ring_attach().  All must be in one PID namespace.
 */

#include <stdint.h>
#include <string.h>

#include <opv/call.h>

OPV_BEGIN_DECLS

enum opv_ring_flags {
	/* When full, lose the oldest records and not the newest. */
	OPV_RING_OVERWRITE = 1 << 0,
};

/* The header of a record: its bytes (bits 0 to 31), then who reserved it, or these. */
#define OPV_RING_COMMITTED	(UINT64_C(1) << 63)
#define OPV_RING_SKIP		(UINT64_C(1) << 62)	/* nothing to be read in it */

/* What lies before a position, of all that was ever written to that CPU. */
struct opv_ring_mark {
	uint64_t position;	/* bytes, with headers and gaps */
	uint64_t records;
	uint64_t bytes;		/* of the records */
};

/* What each CPU has, in front of its buffer. */
struct opv_ring_cpu {
	/* Changed through the gate. */
	uint64_t head;			/* position of the next record */
	uint64_t limit;			/* what head may become without looking further */
	intptr_t epoch;			/* oldest[epoch % 2] is the oldest record that is there */
	struct opv_ring_mark oldest[2];
	uint64_t dropped_records, dropped_bytes;
	uint64_t abandoned_records, abandoned_bytes;
	uint64_t apart[3];

	/* The reader's. */
	uint64_t reader;		/* who is reading */
	uint64_t turn;			/* place[turn % 2] is where */
	struct opv_ring_place {
		struct opv_ring_mark next;
		uint64_t lost_records, lost_bytes;
	} place[2];

	/* In the instance of CPU 0. */
	uint32_t magic, flags;
	uint64_t bytes;			/* of a buffer */
	uint64_t room[2];
};

/*
 * struct opv_ring - the rings of all CPUs, as one process sees them
 * @percpu: their handle
 * @domain: the domain of it
 * @process: where the number of this process stands
 * @bytes: of each CPU's buffer
 * @max: bytes of the largest record, a quarter of that
 * @nr_cpus: of the domain
 * @flags: enum opv_ring_flags
 *
 * It may be copied.
 */
struct opv_ring {
	struct opv_ring_cpu *percpu;
	struct opv_domain *domain;
	const uint32_t *process;
	uint32_t bytes;
	uint32_t max;
	uint32_t nr_cpus;
	uint32_t flags;
};

/*
 * struct opv_ring_record - a record that was reserved
 * @data: @len bytes, the caller's until the commit
 * @len: as it was reserved; not to be changed
 */
struct opv_ring_record {
	void *data;
	size_t len;
};

/*
 * opv_ring_init - make a ring for each CPU, all empty
 * @r: filled; untouched on error
 * @d: the domain, NULL for the default one
 * @bytes: of each CPU's buffer, a power of two from 256 to half of what a domain has for a CPU.
 *	Memory comes with use.
 * @flags: enum opv_ring_flags
 *
 * Errors: -EINVAL; -ENOMEM, -ETIMEDOUT as opv_alloc().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ring_init(struct opv_ring *r, struct opv_domain *d, size_t bytes, uint32_t flags);

/*
 * opv_ring_attach - use rings that another process made in a shared domain
 * @r: filled; untouched on error
 * @d: the domain, as this process attached it
 * @offset: opv_handle_offset() of r->percpu over there
 *
 * Errors: -EINVAL there are no such rings there.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ring_attach(struct opv_ring *r, struct opv_domain *d, size_t offset);

/*
 * opv_ring_fini - give their memory back
 * @r: made by opv_ring_init(); nobody uses it any more, in no process
 *
 * Errors: -EINVAL, -ETIMEDOUT as opv_free(), the rings are as they were.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ring_fini(struct opv_ring *r);

/* What is left when the fast way did not do: src/ring.c. */
int opv_ring_reserve_slow(struct opv_ring *r, size_t len, struct opv_ring_record *rec, int cpu)
	__attribute__((__cold__));

/* Where a CPU's buffer begins, by its instance or by the handle; bytes of a record in it. */
#define OPV_RING_DATA(c)	((char *)((c) + 1))
#define OPV_RING_SIZE(len)	(((uint64_t)(len) + 15) & ~UINT64_C(7))
#define OPV_RING_HEADER(rec)	((uint64_t *)(rec)->data - 1)

/*
 * opv_ring_reserve - get room for a record
 * @len: bytes, 0 to r->max
 * @rec: filled
 * @cpu: 0 <= cpu < opv_domain_cpus(), online or not, or OPV_THIS_CPU
 *
 * What is between a reservation and its commit should be short: readers of that CPU wait.
 *
 * Errors: -ENOBUFS the ring is full, which was counted; -EMSGSIZE @len; -EINVAL no such CPU;
 * -EPERM, -ETIMEDOUT, -EDEADLK as for calls.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_ring_reserve(struct opv_ring *r, size_t len, struct opv_ring_record *rec, int cpu)
{
	struct opv_ring_cpu *h = r->percpu, *c;
	uint64_t head, at, size = OPV_RING_SIZE(len);
	int here = cpu == OPV_THIS_CPU ? opv_cpu() : cpu;

	if (__builtin_expect(len > r->max || (uint32_t)here >= r->nr_cpus, 0))
		return opv_ring_reserve_slow(r, len, rec, cpu);
	c = opv_ptr(h, here);
	head = __atomic_load_n(&c->head, __ATOMIC_RELAXED);
	at = head & (r->bytes - 1);
	/* (Q1): below the limit all is free, and the limit only rises. */
	if (__builtin_expect(head + size > __atomic_load_n(&c->limit, __ATOMIC_ACQUIRE) ||
			     at + size > r->bytes, 0) ||
	    __builtin_expect(opv_cmpeq_store_store_release((intptr_t *)&h->head, (intptr_t)head,
				(intptr_t *)(OPV_RING_DATA(h) + at),
				(intptr_t)(len | (uint64_t)*r->process << 32),
				(intptr_t)(head + size), here), 0))
		return opv_ring_reserve_slow(r, len, rec, cpu);
	rec->data = OPV_RING_DATA(c) + at + sizeof(uint64_t);
	rec->len = len;
	return 0;
}

/*
 * opv_ring_commit - let readers have it
 * opv_ring_discard - let nobody have it: as if it had never been reserved, but for the room
 * @rec: reserved by this thread or another one, in this process; not to be touched afterwards
 *
 * Release.  They never fail.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL void opv_ring_commit(const struct opv_ring_record *rec)
{
	__atomic_store_n(OPV_RING_HEADER(rec), rec->len | OPV_RING_COMMITTED, __ATOMIC_RELEASE);
}

OPV_CALL void opv_ring_discard(const struct opv_ring_record *rec)
{
	__atomic_store_n(OPV_RING_HEADER(rec), rec->len | OPV_RING_COMMITTED | OPV_RING_SKIP,
			 __ATOMIC_RELEASE);
}

/*
 * opv_ring_write - reserve, copy, commit
 * @data: @len bytes
 *
 * Errors: as opv_ring_reserve().
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_ring_write(struct opv_ring *r, const void *data, size_t len, int cpu)
{
	struct opv_ring_record rec;
	int ret = opv_ring_reserve(r, len, &rec, cpu);

	if (__builtin_expect(ret, 0))
		return ret;
	memcpy(rec.data, data, len);
	opv_ring_commit(&rec);
	return 0;
}

/*
 * opv_ring_read - take the oldest record of a CPU that was not read yet
 * @cpu: 0 <= cpu < opv_domain_cpus(), online or not
 * @buf: gets it; may have changed when there is none
 * @size: bytes of @buf
 * @len: bytes of the record; set when the answer is 0 or -EMSGSIZE
 *
 * Each record is read once, by one of all readers in all processes; one reader at a time for
 * each CPU.  One that is killed in here may have had a record that is read again.
 *
 * Result: 0 a record; 1 there is none; 2 the next one is not committed yet.
 * Errors: -EBUSY somebody else is reading that CPU; -EMSGSIZE it is larger than @size, and still
 * there; -EINVAL no such CPU; -EIO the ring was written to by somebody else; -EPERM,
 * -ETIMEDOUT, -EDEADLK as for calls, when the next record's writer had died.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ring_read(struct opv_ring *r, int cpu, void *buf, size_t size, size_t *len);

/*
 * opv_ring_flush - wait until all that is reserved on a CPU by now can be read
 * @cpu: 0 <= cpu < opv_domain_cpus(), online or not
 * @timeout_ms: how long, in ms; 0 not at all
 *
 * An idle or offline CPU needs no more than this to have all its records handed over: nothing
 * is kept back in buffers that are not full.  What a killed process had reserved is skipped.
 *
 * Errors: -ETIMEDOUT a record is still not committed, or somebody was reading that CPU whenever we
 * looked; -EINVAL, -EPERM, -EDEADLK, -EIO as opv_ring_read().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ring_flush(struct opv_ring *r, int cpu, uint32_t timeout_ms);

/*
 * struct opv_ring_counts - what became of the records; bytes are those of the records
 *
 * overwritten: by newer ones, before they were read.  dropped: by calls that answered
 * -ENOBUFS.  abandoned: reserved by a process that was killed.  used: bytes of the buffer
 * between what was read and what was reserved last, with headers and gaps.
 */
struct opv_ring_counts {
	uint64_t read_records, read_bytes;
	uint64_t overwritten_records, overwritten_bytes;
	uint64_t dropped_records, dropped_bytes;
	uint64_t abandoned_records, abandoned_bytes;
	uint64_t used;
};

/*
 * opv_ring_counts - look at them
 * @cpu: 0 <= cpu < opv_domain_cpus(), or OPV_ALL_CPUS for the sums
 * @counts: filled; bytes behind what this library knows become 0
 * @size: sizeof(struct opv_ring_counts) of the program
 *
 * Each is exact as of some moment within the call; together they are when nobody writes and reads.
 *
 * Errors: -EINVAL no such CPU.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ring_counts(const struct opv_ring *r, int cpu, struct opv_ring_counts *counts, size_t size);

OPV_END_DECLS

#endif /* _OPV_RING_H */
