// SPDX-License-Identifier: MIT
/* Engines: what is said of them, forcing them by call and by environment. */
#define _GNU_SOURCE
#include "counting.h"

#include <limits.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static struct opv_domain *d;
static uint64_t *h;

static const char *engine_name(int e)
{
	struct opv_engine_info info = { .size = sizeof(info) };

	opv_engine_info((enum opv_engine)e, &info);
	return info.name;
}

static void test_info(void)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	union {
		struct opv_engine_info i;
		unsigned char bytes[sizeof(info) + 32];
	} u;
	bool good = true;
	size_t size, i;
	int e;

	for (e = 0; e < OPV_NR_ENGINES; e++) {
		good &= !opv_engine_info((enum opv_engine)e, &info) && info.name && info.what && info.why &&
			*info.name && *info.what && *info.why && info.size == sizeof(info);
		good &= info.available == 0 || info.available == 1;
	}
	ok(good, "every engine has a name, says what it is, and why it is to be had or not");
	ok(opv_engine_info(OPV_NR_ENGINES, &info) == -EINVAL &&
	   opv_engine_info((enum opv_engine)-1, &info) == -EINVAL, "there are no others: EINVAL");
	opv_engine_info(OPV_ENGINE_FENCE, &info);
	ok(info.available, "the fence engine is always to be had: %s", info.why);
	for (size = 0; size <= sizeof(u); size++) {
		memset(&u, 0xa5, sizeof(u));
		u.i.size = size;
		if (size < sizeof(size)) {
			good &= opv_engine_info(OPV_ENGINE_FENCE, &u.i) == -EINVAL;
			continue;
		}
		good &= !opv_engine_info(OPV_ENGINE_FENCE, &u.i) && u.i.size == size;
		for (i = sizeof(size); i < sizeof(u); i++)
			good &= u.bytes[i] == (i >= size ? 0xa5 : i < sizeof(info) ?
							   ((unsigned char *)&info)[i] : 0);
	}
	ok(good, "an older program gets what it knows, a newer one 0 for the rest");
}

static void test_engine_for(void)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	bool good = true;
	int cpu;

	for (cpu = -1; cpu < opv_domain_cpus(d); cpu++) {
		enum opv_engine e = opv_engine_for(cpu);

		good &= !opv_engine_info(e, &info) && info.available;
	}
	ok(good, "every CPU has an engine that is to be had");
}

static void test_refusals(void)
{
	static const int bad[] = { -1, 101, 1000, INT_MAX, INT_MIN };
	bool good = true;
	int i, e;

	for (i = 0; i < 5; i++)
		good &= opv_force(OPV_ENGINE_FENCE, bad[i]) == -EINVAL;
	ok(good, "shares below 0 and above 100: EINVAL");
	ok(opv_force(OPV_NR_ENGINES, 1) == -EINVAL && opv_force((enum opv_engine)-1, 0) == -EINVAL,
	   "engines that are none: EINVAL");
	for (e = 0; e < OPV_NR_ENGINES; e++) {
		struct opv_engine_info info = { .size = sizeof(info) };

		opv_engine_info((enum opv_engine)e, &info);
		if (info.available)
			continue;
		ok(opv_force((enum opv_engine)e, 1) == -ENOSYS && !opv_force((enum opv_engine)e, 0),
		   "%s is not to be had (ENOSYS), but nothing of it is", info.name);
	}
	opv_force(OPV_ENGINE_FENCE, 30);
	counts_start(OPV_ALL_CPUS);
	opv_force(OPV_ENGINE_FENCE, 101);
	for (i = 0; i < 100; i++)
		opv_add(h, 1, OPV_THIS_CPU);
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	is(c.forced - counts_before.forced, 30, "a refusal changes nothing");
	opv_force(OPV_ENGINE_FENCE, 0);
}

/* Of a hundred calls, this many; wherever the hundred begins. */
static bool exact(int percent)
{
	struct opv_counts a, b;
	int i;

	opv_counts(OPV_ALL_CPUS, &a, sizeof(a));
	for (i = 0; i < 100; i++)
		opv_add(h, 1, OPV_THIS_CPU);
	opv_counts(OPV_ALL_CPUS, &b, sizeof(b));
	if (b.forced - a.forced == (uint64_t)percent)
		return true;
	diag("%d percent: %llu of 100", percent, (unsigned long long)(b.forced - a.forced));
	return false;
}

static void *exact_in_thread(void *arg)
{
	int percent;
	bool good = true;

	(void)arg;
	for (percent = 0; percent <= 100; percent += 1 + (percent > 3 && percent < 90) * 5) {
		opv_force(OPV_ENGINE_FENCE, percent);
		opv_add(h, 1, OPV_THIS_CPU);
		good &= exact(percent);
	}
	opv_force(OPV_ENGINE_FENCE, 0);
	return (void *)(uintptr_t)good;
}

static void test_share(void)
{
	pthread_t t;
	void *good;

	ok(exact_in_thread(NULL) != NULL, "of any hundred calls of a thread just so many are forced");
	pthread_create(&t, NULL, exact_in_thread, NULL);
	pthread_join(t, &good);
	ok(good != NULL, "of another thread's too");
	opv_force(OPV_ENGINE_FENCE, 0);
	ok(exact(0), "none any more");
}

static void test_status(void)
{
	struct opv_status st, forced;
	union {
		struct opv_status s;
		unsigned char bytes[sizeof(struct opv_status) + 32];
	} u;
	size_t size, i;
	bool good = true;

	opv_status(&st, sizeof(st));
	opv_force(OPV_ENGINE_FENCE, 1);
	opv_status(&forced, sizeof(forced));
	ok(!forced.fast && forced.why && st.why, "nothing is fast while an engine is forced: %s",
	   forced.why);
	opv_force(OPV_ENGINE_FENCE, 0);
	opv_status(&forced, sizeof(forced));
	is(forced.fast, st.fast, "afterwards it is as before");
	for (size = 0; size <= sizeof(u); size++) {
		memset(&u, 0xa5, sizeof(u));
		good &= !opv_status(&u.s, size);
		for (i = 0; i < sizeof(u); i++)
			good &= u.bytes[i] == (i >= size ? 0xa5 : i < sizeof(st) ?
							   ((unsigned char *)&st)[i] : 0);
	}
	ok(good, "an older program gets what it knows, a newer one 0 for the rest");
	ok(opv_version() && strspn(opv_version(), "0123456789") &&
	   strchr(opv_version(), '.'), "the version is %s", opv_version());
}

/* In a program of its own: how many of 100 calls are forced, and how many counted as fast. */
static int report(void)
{
	struct opv_counts c;
	uint64_t *g;
	int i;

	pin_to(last_cpu(CPU_SETSIZE));
	opv_new(NULL, &g);
	for (i = 0; i < 100; i++)
		opv_add(g, 1, OPV_THIS_CPU);
	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	printf("%llu %llu\n", (unsigned long long)c.forced, (unsigned long long)c.fast);
	return 0;
}

static void environment(const char *self, const char *force, const char *fast, long want_forced,
			long want_fast, const char *what)
{
	char command[512];
	long forced = -1, counted = -1;
	FILE *f;

	snprintf(command, sizeof(command), "OPV_FORCE='%s' OPV_COUNT_FAST='%s' %s report", force, fast,
		 self);
	f = popen(command, "r");
	if (fscanf(f, "%ld %ld", &forced, &counted) != 2)
		diag("%s printed nothing", command);
	pclose(f);
	if (!ok(forced == want_forced && (want_fast < 0 || counted == want_fast),
		"OPV_FORCE=%s OPV_COUNT_FAST=%s: %s", force, fast, what))
		diag("forced %ld, wanted %ld; fast %ld, wanted %ld", forced, want_forced, counted, want_fast);
}

/* (What a program does before its first slow call is in tests/unit/from_start.c.) */
static void test_environment(const char *self)
{
	if (!last_cpu(CPU_SETSIZE)) {
		skip("the environment", "CPU 0 has its key open from the start, and is the only one");
		return;
	}
	environment(self, "fence:100", "", 100, 0, "all calls");
	environment(self, "fence:37", "", 37, 0, "a share of them");
	environment(self, "fence:0", "", 0, 0, "none");
	environment(self, "", "", 0, 0, "nothing");
	environment(self, "fence:101", "", 0, 0, "a share that cannot be is none");
	environment(self, "fence:-5", "", 0, 0, "a negative share neither");
	environment(self, "fence", "", 0, 0, "an engine without a share neither");
	environment(self, "nosuch:50", "", 0, 0, "an engine that is none neither");
	environment(self, "nosuch:50,fence:20", "", 20, 0, "what comes after it is taken");
	environment(self, "local:0,fence:20,", "", 20, 0, "as is what comes before nothing");
	environment(self, ":::,,,50:fence", "", 0, 0, "nonsense forces nothing");
	environment(self, "fence:99999999999999999999", "", 0, 0, "nor does a huge number");
	environment(self, "", "1", 0, 99, "fast calls are counted; the first finds its key closed");
	environment(self, "", "0", 0, 0, "or not");
	environment(self, "", "yes", 0, 0, "only 1 is yes");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "report"))
		return report();
	opv_domain_create(&d, NULL);
	opv_new(d, &h);
	opv_add(h, 1, OPV_THIS_CPU);
	errno = 4242;
	test_info();
	test_engine_for();
	test_refusals();
	test_share();
	test_status();
	is(errno, 4242, "errno was left alone");
	diag("engines: %s ... %s", engine_name(0), engine_name(OPV_NR_ENGINES - 1));
	test_environment(argv[0]);
	return done();
}
