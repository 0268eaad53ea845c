// SPDX-License-Identifier: MIT
/* One thread: reference counts against a model, on every road; life cycle, refusals, fork. */
#define _GNU_SOURCE
#include "many.h"

#include <sys/mman.h>
#include <sys/wait.h>

static struct opv_domain *domain;
static int nr_cpus, released;
static struct opv_ref *released_ref;

static void release(struct opv_ref *ref)
{
	released++;
	released_ref = ref;
}

static int any_cpu(uint64_t *random)
{
	return (int)(rnd(random) % (unsigned int)(nr_cpus + 1)) - 1;
}

/* References held besides the first one, whose end is kill. */
struct model {
	int held;
	bool dead;
};

static int total(const struct model *m)
{
	return m->held + !m->dead;
}

static bool step(struct opv_ref *ref, struct model *m, uint64_t *random)
{
	int before = released, ret, want = 0, cpu = any_cpu(random);

	switch (rnd(random) % (m->held > 20 ? 4 : 8)) {
	case 0:
	case 1:
	case 2:
		if (!m->held)
			return true;
		m->held--;
		ret = opv_ref_put(ref, cpu);
		break;
	case 3:
		if (rnd(random) % 4)
			return true;
		want = m->dead ? -EALREADY : 0;
		m->dead = true;
		ret = opv_ref_kill(ref);
		if (want)
			return ret == want && released == before;
		break;
	case 4:
		want = !total(m);
		m->held += !want;
		return opv_ref_tryget(ref, cpu) == want;
	case 5:
		want = m->dead;
		m->held += !want;
		return opv_ref_tryget_live(ref, cpu) == want;
	default:
		if (!total(m))
			return true;
		m->held++;
		ret = opv_ref_get(ref, cpu);
		break;
	}
	return ret == want && released == before + !total(m) && opv_ref_is_zero(ref) == !total(m);
}

/* Many lives: each ends at 0, and another begins. */
static void test_model(const char *name, uint64_t *random)
{
	struct model m = { 0, false };
	struct opv_ref ref;
	int i, lives = 0;
	bool good;

	released = 0;
	good = !opv_ref_init(&ref, domain, release);
	for (i = 0; good && i < 20000; i++) {
		good = step(&ref, &m, random);
		if (total(&m)) {
			good &= rnd(random) % 16 || opv_ref_reinit(&ref) == -EBUSY;
			continue;
		}
		if (rnd(random) % 4)
			continue;
		good &= released == ++lives && released_ref == &ref && !opv_ref_reinit(&ref) &&
			!opv_ref_is_zero(&ref);
		m.dead = false;
	}
	ok(good && lives > 20, "%s: %d random operations and %d lives are those of the model", name, i, lives);
	opv_ref_fini(&ref);
}

static void test_refusals(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct opv_ref ref = { NULL, NULL, 0, 0 };
	struct opv_domain *shared;

	opv_domain_create(&shared, &options);
	is(opv_ref_init(&ref, shared, release), -EINVAL, "in a shared domain: EINVAL");
	ok(!ref.percpu, "nothing was written");
	is(opv_ref_fini(&ref), -EINVAL, "what is no count cannot go: EINVAL");
	opv_domain_destroy(shared);
	is(opv_ref_init(&ref, NULL, NULL), 0, "in the default domain, with nothing to be called");
	ok(opv_ref_get(&ref, nr_cpus) == -EINVAL && opv_ref_put(&ref, nr_cpus) == -EINVAL &&
	   opv_ref_tryget(&ref, -3) == -EINVAL && opv_ref_tryget_live(&ref, -3) == -EINVAL,
	   "a CPU that is none: EINVAL");
	errno = 77;
	ok(!opv_ref_kill(&ref) && opv_ref_is_zero(&ref), "and nothing was counted");
	is(errno, 77, "errno is left alone");
	is(opv_ref_fini(&ref), 0, "it goes");
}

struct object {
	struct opv_ref ref;
	int *gone;
};

static void free_object(struct opv_ref *ref)
{
	struct object *o = (struct object *)ref;

	opv_ref_fini(ref);
	++*o->gone;
	free(o);
}

static void begin_again(struct opv_ref *ref)
{
	if (released++ < 3)
		opv_ref_reinit(ref);
}

/* release may free, or begin anew. */
static void test_release(void)
{
	struct object *o = malloc(sizeof(*o));
	struct opv_ref ref;
	int gone = 0, i;

	o->gone = &gone;
	opv_ref_init(&o->ref, NULL, free_object);
	opv_ref_get(&o->ref, OPV_THIS_CPU);
	opv_ref_put(&o->ref, 0);
	opv_ref_kill(&o->ref);
	is(gone, 1, "release frees the object within kill");
	o = malloc(sizeof(*o));
	o->gone = &gone;
	opv_ref_init(&o->ref, NULL, free_object);
	opv_ref_get(&o->ref, 0);
	opv_ref_kill(&o->ref);
	is(gone, 1, "not as long as there is a reference");
	opv_ref_put(&o->ref, OPV_THIS_CPU);
	is(gone, 2, "but in the last put");
	released = 0;
	opv_ref_init(&ref, NULL, begin_again);
	for (i = 0; i < 4; i++)
		opv_ref_kill(&ref);
	ok(released == 4 && opv_ref_is_zero(&ref), "release lets it begin again");
	opv_ref_fini(&ref);
}

static void test_fork(void)
{
	struct opv_ref ref;
	int status = -1;
	pid_t pid;

	released = 0;
	opv_ref_init(&ref, domain, release);
	opv_ref_get(&ref, OPV_THIS_CPU);
	opv_ref_get(&ref, 0);
	pid = fork();
	if (!pid) {
		if (opv_ref_kill(&ref) || released || opv_ref_put(&ref, 0) || released)
			_exit(1);
		_exit(opv_ref_put(&ref, OPV_THIS_CPU) || released != 1);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "a child of fork has a count of its own");
	ok(!opv_ref_put(&ref, 0) && !opv_ref_put(&ref, 0) && !released && !opv_ref_kill(&ref) && released == 1,
	   "the parent's is as it was");
	opv_ref_fini(&ref);
}

static bool is_resident(void *p)
{
	unsigned char there = 1;

	mincore((void *)((uintptr_t)p & ~(uintptr_t)4095), 4096, &there);
	return there & 1;
}

static void test_untouched(void)
{
	struct opv_ref ref;
	int cpus;
	struct opv_domain *d = wide_domain(&cpus);

	opv_ref_init(&ref, d, release);
	opv_ref_get(&ref, OPV_THIS_CPU);
	opv_ref_put(&ref, OPV_THIS_CPU);
	opv_ref_kill(&ref);
	ok(opv_ref_is_zero(&ref) && !is_resident(opv_ptr(ref.percpu, cpus - 1)),
	   "memory of a CPU that never runs is not touched");
	opv_domain_destroy(d);
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);
	const char *name;
	int road;

	domain = wide_domain(&nr_cpus);
	for (road = ROAD_HALF; road < OPV_NR_ENGINES; road++) {
		if (!many_road(road, &name))
			continue;
		test_model(name, &random);
		many_leave(road);
	}
	test_refusals();
	test_release();
	test_fork();
	test_untouched();
	return done();
}
