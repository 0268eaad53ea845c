// SPDX-License-Identifier: MIT
/*
 * Rings, one thing at a time, on every road: a model of what is read, lost and counted; what is
 * refused; records that are not committed; writers that are killed.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <sys/wait.h>

#define BYTES 1024
#define MANY 4096

static struct opv_domain *domain;
static int nr_cpus;

/* What was committed on a CPU, in order; and reserved by us, in between. */
struct model {
	struct opv_ring *r;
	int cpu;
	struct opv_ring_record open[4];
	int nr_open;
	uint32_t sent, got;		/* records: numbers follow each other */
	uint64_t sent_bytes, got_bytes;
	uint64_t refused, refused_bytes, discarded;
	bool wrong;
};

static void fill_record(struct opv_ring_record *rec, uint32_t number)
{
	unsigned char *c = rec->data;
	size_t i;

	for (i = 0; i < rec->len; i++)
		c[i] = (unsigned char)(number + i);
	if (rec->len >= 4)
		memcpy(rec->data, &number, 4);
}

/* Records are committed in the order of their numbers, so those are in order too. */
static bool good_record(const unsigned char *c, size_t len, uint32_t *number)
{
	size_t i;

	if (len < 4)
		return false;
	memcpy(number, c, 4);
	for (i = 4; i < len; i++)
		if (c[i] != (unsigned char)(*number + i))
			return false;
	return true;
}

static void wrong(struct model *m, const char *what, int ret)
{
	diag("CPU %d: %s (%d), %u sent, %u got", m->cpu, what, ret, m->sent, m->got);
	m->wrong = true;
}

static void write_one(struct model *m, uint64_t *random)
{
	size_t len = 4 + rnd(random) % (m->r->max - 3);
	struct opv_ring_record rec;
	int ret = opv_ring_reserve(m->r, len, &rec, m->cpu);

	if (ret == -ENOBUFS) {
		m->refused++;
		m->refused_bytes += len;
		return;
	}
	if (ret || rec.len != len || (uintptr_t)rec.data % 8) {
		wrong(m, "reserve", ret);
		return;
	}
	if (rnd(random) % 8 == 0) {
		opv_ring_discard(&rec);
		m->discarded++;
		return;
	}
	fill_record(&rec, m->sent);
	m->sent++;
	m->sent_bytes += len;
	opv_ring_commit(&rec);
}

/* With overwriting there may be a gap, which the counts must explain. */
static void read_one(struct model *m)
{
	struct opv_ring_counts counts;
	unsigned char buf[BYTES];
	uint32_t number = 0;
	size_t len = 0;
	int ret = opv_ring_read(m->r, m->cpu, buf, sizeof(buf), &len);

	opv_ring_counts(m->r, m->cpu, &counts, sizeof(counts));
	if (!ret) {
		if (!good_record(buf, len, &number))
			wrong(m, "a damaged record", (int)len);
		m->got++;
		m->got_bytes += len;
		if (number + 1 != m->got + counts.overwritten_records)
			wrong(m, "a record is missing", (int)number);
	} else if (ret != 1) {
		wrong(m, "read", ret);
	} else if (m->got + counts.overwritten_records != m->sent) {
		wrong(m, "there should be more", ret);
	}
	if (counts.read_records != m->got || counts.read_bytes != m->got_bytes)
		wrong(m, "what was read is counted otherwise", 0);
}

static void test_model(int road, uint32_t flags, uint64_t *random)
{
	struct model m[nr_cpus];
	struct opv_ring_counts c;
	struct opv_ring r;
	bool good = true;
	int i, cpu;

	if (!is(opv_ring_init(&r, domain, BYTES, flags), 0, "rings are made"))
		return;
	memset(m, 0, sizeof(m));
	for (i = 0; i < MANY; i++) {
		cpu = (int)(rnd(random) % (unsigned int)nr_cpus);
		m[cpu].r = &r;
		m[cpu].cpu = cpu;
		if (m[cpu].wrong)
			continue;
		if (rnd(random) % 512 < (i / 512 % 2 ? 300 : 200))
			write_one(&m[cpu], random);
		else
			read_one(&m[cpu]);
	}
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		while (!m[cpu].wrong && m[cpu].got < m[cpu].sent) {
			uint32_t before = m[cpu].got;

			read_one(&m[cpu]);
			if (before == m[cpu].got)
				break;
		}
		opv_ring_counts(&r, cpu, &c, sizeof(c));
		good &= !m[cpu].wrong && c.dropped_records == m[cpu].refused &&
			c.dropped_bytes == m[cpu].refused_bytes &&
			c.read_records + c.overwritten_records == m[cpu].sent &&
			c.read_bytes + c.overwritten_bytes == m[cpu].sent_bytes &&
			!c.abandoned_records;
	}
	opv_ring_counts(&r, OPV_ALL_CPUS, &c, sizeof(c));
	ok(good && c.read_records, "%s, %s: what is read, lost and counted is the model's", road_name(road),
	   flags ? "overwriting" : "dropping");
	diag("%llu read, %llu overwritten, %llu dropped", (unsigned long long)c.read_records,
	     (unsigned long long)c.overwritten_records, (unsigned long long)c.dropped_records);
	ok(flags ? c.overwritten_records && !c.dropped_records : c.dropped_records && !c.overwritten_records,
	   "%s, %s: and there was something to lose", road_name(road), flags ? "overwriting" : "dropping");
	is(opv_ring_fini(&r), 0, "rings are given back");
}

static void test_refused(void)
{
	struct opv_ring_record rec;
	struct opv_ring_counts c;
	struct opv_ring r, twin;
	char buf[300];
	size_t len = 77;

	is(opv_ring_init(&r, domain, 255, 0), -EINVAL, "a size that is no power of two is refused");
	is(opv_ring_init(&r, domain, 128, 0), -EINVAL, "and one that is too small");
	is(opv_ring_init(&r, domain, OPV_STRIPE, 0), -EINVAL, "or too large");
	is(opv_ring_init(&r, domain, BYTES, 2), -EINVAL, "and an unknown flag");
	is(opv_ring_init(&r, domain, BYTES, 0), 0, "others are not");
	is(opv_ring_reserve(&r, r.max + 1, &rec, 0), -EMSGSIZE, "a record that is too long is refused");
	is(opv_ring_reserve(&r, (size_t)-1, &rec, 0), -EMSGSIZE, "far too long");
	is(opv_ring_reserve(&r, 8, &rec, nr_cpus), -EINVAL, "for a CPU that cannot be");
	is(opv_ring_reserve(&r, 8, &rec, OPV_ALL_CPUS), -EINVAL, "for all");
	is(opv_ring_read(&r, nr_cpus, buf, sizeof(buf), &len), -EINVAL, "reading it");
	is(opv_ring_flush(&r, -1, 0), -EINVAL, "flushing none");
	is(opv_ring_counts(&r, nr_cpus, &c, sizeof(c)), -EINVAL, "counting it");
	is(opv_ring_read(&r, 0, buf, sizeof(buf), &len), 1, "there is nothing to read at first");
	is(opv_ring_write(&r, buf, 0, 0), 0, "an empty record is one");
	is(opv_ring_write(&r, buf, r.max, 0), 0, "and the longest");
	ok(!opv_ring_read(&r, 0, buf, 0, &len) && !len, "they are read");
	ok(opv_ring_read(&r, 0, buf, r.max - 1, &len) == -EMSGSIZE && len == r.max,
	   "where there is room for them");
	ok(!opv_ring_read(&r, 0, buf, r.max, &len) && len == r.max, "and stay there until there is");
	is(opv_ring_attach(&twin, domain, opv_handle_offset(r.percpu) + 64), -EINVAL,
	   "what is no ring is not attached");
	is(opv_ring_attach(&twin, domain, OPV_STRIPE - 64), -EINVAL, "nor what is nothing");
	is(opv_ring_fini(&r), 0, "rings are given back");
	is(opv_ring_fini(&r), -EINVAL, "once");
}

/* Nothing behind it is read, and nothing is overwritten, until it is committed. */
static void test_uncommitted(int road, uint32_t flags)
{
	struct opv_ring_record outer, inner;
	struct opv_ring_counts c;
	uint64_t v = 5, got = 0;
	struct opv_ring r;
	size_t len;
	int i, full = 0;

	opv_ring_init(&r, domain, BYTES, flags);
	is(opv_ring_reserve(&r, 8, &outer, 0), 0, "%s: a record is reserved", road_name(road));
	is(opv_ring_reserve(&r, 8, &inner, 0), 0, "and one within, as a handler would");
	memcpy(inner.data, &v, 8);
	opv_ring_commit(&inner);
	is(opv_ring_read(&r, 0, &got, 8, &len), 2, "the reader waits for the first");
	is(opv_ring_flush(&r, 0, 20), -ETIMEDOUT, "a flush waits too, and no longer than it may");
	for (i = 0; i < 100; i++)
		full += opv_ring_write(&r, &v, 8, 0) == -ENOBUFS;
	is(full, 100 - (BYTES / 16 - 2), "writers come round to it, and no further");
	opv_ring_counts(&r, 0, &c, sizeof(c));
	ok(c.dropped_records == (uint64_t)full && c.dropped_bytes == 8 * (uint64_t)full,
	   "which is counted");
	v = 4;
	memcpy(outer.data, &v, 8);
	opv_ring_commit(&outer);
	is(opv_ring_flush(&r, 0, 0), 0, "committed, nothing is left to flush");
	ok(!opv_ring_read(&r, 0, &got, 8, &len) && got == 4, "it is read first");
	ok(!opv_ring_read(&r, 0, &got, 8, &len) && got == 5, "then the other");
	is(opv_ring_write(&r, &v, 8, 0), 0, "and there is room again");
	opv_ring_fini(&r);
}

static void *commit_elsewhere(void *rec)
{
	int other = allowed_cpu(1);

	if (other >= 0)
		pin_to(other);
	opv_ring_commit(rec);
	return NULL;
}

/* Reserved here, committed by another thread on another CPU. */
static void test_moved(void)
{
	uint64_t v = 9, got = 0;
	struct opv_ring_record rec;
	pthread_t thread;
	struct opv_ring r;
	size_t len;

	opv_ring_init(&r, domain, BYTES, 0);
	opv_ring_reserve(&r, 8, &rec, 0);
	memcpy(rec.data, &v, 8);
	pthread_create(&thread, NULL, commit_elsewhere, &rec);
	pthread_join(thread, NULL);
	ok(!opv_ring_read(&r, 0, &got, 8, &len) && got == 9,
	   "what was reserved on one CPU is committed on another one");
	opv_ring_fini(&r);
}

static void die_in_between(int fd, size_t offset)
{
	struct opv_ring_record rec;
	struct opv_domain *d;
	struct opv_ring r;
	uint64_t v = 1;

	if (opv_domain_attach(&d, fd, NULL) || opv_ring_attach(&r, d, offset) ||
	    opv_ring_write(&r, &v, 8, 0) || opv_ring_reserve(&r, 8, &rec, 0))
		_exit(1);
	raise(SIGSTOP);
	_exit(2);
}

static void test_killed(uint32_t flags)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct opv_ring_counts c;
	uint64_t v = 3, got = 0;
	struct opv_domain *d;
	struct opv_ring r;
	int status, i, ret = 0;
	size_t len;
	pid_t pid;

	opv_domain_create(&d, &options);
	is(opv_ring_init(&r, d, BYTES, flags), 0, "rings in a shared domain, %s",
	   flags ? "overwriting" : "dropping");
	pid = fork();
	if (!pid)
		die_in_between(opv_domain_fd(d), opv_handle_offset(r.percpu));
	waitpid(pid, &status, WUNTRACED);
	ok(WIFSTOPPED(status), "another process attached them and stopped before it committed");
	is(opv_ring_write(&r, &v, 8, 0), 0, "this one goes on writing");
	ok(!opv_ring_read(&r, 0, &got, 8, &len) && got == 1, "and reads what is committed");
	is(opv_ring_read(&r, 0, &got, 8, &len), 2, "then waits for the other process");
	is(opv_ring_flush(&r, 0, 10), -ETIMEDOUT, "as a flush does");
	kill(pid, SIGKILL);
	/* Not waited for: a zombie is gone too, but until the signal is served. */
	for (i = 0; i < 1000 && opv_ring_flush(&r, 0, 10) == -ETIMEDOUT; i++)
		;
	is(opv_ring_flush(&r, 0, 0), 0, "when that is killed, a flush ends");
	ok(!opv_ring_read(&r, 0, &got, 8, &len) && got == 3, "and the next record is read");
	waitpid(pid, &status, 0);
	opv_ring_counts(&r, 0, &c, sizeof(c));
	ok(c.abandoned_records == 1 && c.abandoned_bytes == 8, "what is lost is counted");

	pid = fork();
	if (!pid)
		die_in_between(opv_domain_fd(d), opv_handle_offset(r.percpu));
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	for (i = 0; i < 1000; i++)
		ret |= flags ? opv_ring_write(&r, &v, 8, 0) : 0;
	is(ret, 0, "a writer that comes round to such a record goes on");
	while (!opv_ring_read(&r, 0, &got, 8, &len))
		;
	opv_ring_counts(&r, 0, &c, sizeof(c));
	ok(c.abandoned_records == 2 && !c.dropped_records && !c.used, "and counts it");
	opv_ring_fini(&r);
	opv_domain_destroy(d);
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);
	int road;

	opv_domain_create(&domain, NULL);
	nr_cpus = opv_domain_cpus(domain);
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		test_model(road, 0, &random);
		test_model(road, OPV_RING_OVERWRITE, &random);
		test_uncommitted(road, 0);
		test_uncommitted(road, OPV_RING_OVERWRITE);
		leave_road(road);
	}
	test_refused();
	test_moved();
	test_killed(0);
	test_killed(OPV_RING_OVERWRITE);
	return done();
}
