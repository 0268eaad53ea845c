// SPDX-License-Identifier: MIT
/* Domains: options, life, handles and addresses, what they cost. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <opv/opv.h>
#include "tap.h"

static void test_life(void)
{
	struct opv_domain *d;
	uint64_t *h;

	is(opv_domain_create(&d, NULL), 0, "a domain is made");
	is(opv_new(d, &h), 0, "a variable is allocated");
	is(opv_add(h, 3, 0), 0, "added to as CPU 0");
	is(*opv_ptr(h, 0), 3, "and there it is");
	is(opv_free(d, h), 0, "it is given back");
	is(opv_domain_destroy(d), 0, "the domain goes away");
	is(opv_domain_destroy(d), -EINVAL, "once only");
	is(opv_domain_destroy(NULL), 0, "no domain is nothing to destroy");
}

/* Create with these options; answers the result, and destroys what was made. */
static int try_options(const struct opv_domain_options *o, int *nr_cpus)
{
	struct opv_domain *const none = (struct opv_domain *)0x5a5a, *d = none;
	int ret = opv_domain_create(&d, o);

	if (ret)
		return d == none ? ret : 1;	/* untouched on error */
	if (nr_cpus)
		*nr_cpus = opv_domain_cpus(d);
	return opv_domain_destroy(d);
}

static int try_size(size_t size, int tail)
{
	union {
		struct opv_domain_options o;
		char bytes[8192];
	} u;

	memset(&u, 0, sizeof(u));
	u.o.size = size;
	if (size > sizeof(u.o))
		u.bytes[size - 1] = (char)tail;
	return try_options(&u.o, NULL);
}

static void test_option_sizes(void)
{
	size_t size, known = sizeof(struct opv_domain_options);
	bool good = true;

	for (size = 0; size < sizeof(size_t); size++)
		good &= try_size(size, 0) == -EINVAL;
	ok(good, "options shorter than their size: EINVAL");
	for (size = sizeof(size_t); size <= known; size++)
		good &= !try_size(size, 0);
	ok(good, "options of an older program: what is missing is the default");
	for (size = known + 1; size <= 4096; size += 61)
		good &= !try_size(size, 0) && try_size(size, 1) == -EINVAL;
	good &= !try_size(4096, 0) && try_size(4096, 1) == -EINVAL;
	ok(good, "options of a newer program: taken while what is unknown is 0");
	ok(try_size(4097, 0) == -EINVAL && try_size(8192, 0) == -EINVAL, "more than a page: EINVAL");
}

#define OPTIONS(...) (&(struct opv_domain_options){ .size = sizeof(struct opv_domain_options), __VA_ARGS__ })

static void test_option_values(void)
{
	char name[300];
	bool good = true;
	int bit;

	for (bit = 2; bit < 32; bit++)
		good &= try_options(OPTIONS(.flags = 1u << bit), NULL) == -EINVAL;
	good &= try_options(OPTIONS(.flags = OPV_DOMAIN_SHARED | OPV_DOMAIN_MM_CID), NULL) == -EINVAL;
	for (bit = 0; bit < 32; bit++)
		good &= try_options(OPTIONS(.reserved = 1u << bit), NULL) == -EINVAL;
	ok(good, "unknown flags, two that exclude each other, reserved fields: EINVAL");
	ok(!try_options(OPTIONS(.percpu_size = 1), NULL) &&
	   !try_options(OPTIONS(.percpu_size = OPV_DOMAIN_SIZE_MAX), NULL), "1 to 4161408 bytes a CPU");
	ok(try_options(OPTIONS(.percpu_size = OPV_DOMAIN_SIZE_MAX + 1), NULL) == -EINVAL &&
	   try_options(OPTIONS(.percpu_size = SIZE_MAX), NULL) == -EINVAL, "more: EINVAL");
	ok(try_options(OPTIONS(.nr_cpus = 65537), NULL) == -EINVAL &&
	   try_options(OPTIONS(.nr_cpus = UINT32_MAX), NULL) == -EINVAL, "more than 65536 CPUs: EINVAL");
	ok(try_options(OPTIONS(.timeout_ms = UINT32_MAX), NULL) == -EINVAL &&
	   !try_options(OPTIONS(.timeout_ms = INT32_MAX), NULL), "a timeout below 2^31 ms");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	ok(!try_options(OPTIONS(.name = "my counters"), NULL) && !try_options(OPTIONS(.name = ""), NULL) &&
	   !try_options(OPTIONS(.name = name), NULL), "any name");
}

static void test_nr_cpus(void)
{
	int possible = opv_domain_cpus(NULL), n = 0;
	struct opv_status st;

	opv_status(&st, sizeof(st));
	ok(possible >= sysconf(_SC_NPROCESSORS_CONF) && possible == (int)st.nr_cpus,
	   "the default domain has all %d possible CPUs", possible);
	ok(!try_options(OPTIONS(.nr_cpus = 1), &n) && n == possible, "no domain has fewer");
	ok(!try_options(OPTIONS(.nr_cpus = (uint32_t)possible + 7), &n) && n == possible + 7,
	   "one has more when asked to");
	ok(!try_options(OPTIONS(.nr_cpus = 65536), &n) && n == 65536, "up to 65536");
}

static void test_default(void)
{
	struct opv_domain *d = opv_domain_default();

	ok(d && d == opv_domain_default(), "there is one default domain");
	is(opv_domain_destroy(d), -EINVAL, "which is not destroyed");
	is(opv_domain_fd(d), -EINVAL, "and has no descriptor");
	is(opv_domain_fd(NULL), -EINVAL, "NULL has none either");
	is(opv_domain_cpus(NULL), opv_domain_cpus(d), "NULL is the default one");
}

static void test_destroy_errors(void)
{
	struct opv_domain *d;
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int *h;

	opv_domain_create(&d, NULL);
	opv_new(d, &h);
	ok(opv_domain_destroy((struct opv_domain *)page) == -EINVAL &&
	   opv_domain_destroy((struct opv_domain *)h) == -EINVAL &&
	   opv_domain_destroy((struct opv_domain *)((char *)d + 64)) == -EINVAL,
	   "what is no domain is not destroyed, and not looked at");
	is(opv_domain_destroy(d), 0, "a domain with variables is");
	munmap(page, 4096);
}

/* In a child: does touching p raise SIGSEGV? */
static bool faults(volatile char *p, bool write)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (write)
			*p = 1;
		else
			(void)*p;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void test_handles(void)
{
	struct { uint64_t a; char b[40]; } *h;
	struct opv_domain *d, *d2;
	bool good = true;
	int cpu;

	opv_domain_create(&d, NULL);
	opv_domain_create(&d2, NULL);
	opv_new(d, &h);
	ok(faults((char *)h, false) && faults((char *)h, true) && faults((char *)(h + 1), true),
	   "touching a handle faults");
	for (cpu = 0; cpu < opv_domain_cpus(d); cpu++) {
		good &= (char *)opv_ptr(h, cpu) - (char *)opv_ptr(h, 0) == (ptrdiff_t)OPV_STRIPE * cpu;
		good &= (char *)opv_ptr(&h->b[7], cpu) == &opv_ptr(h, cpu)->b[7];
		good &= opv_ptr(h + 1, cpu) == opv_ptr(h, cpu) + 1;
	}
	ok(good, "the address of a member is the member of the address, for every CPU");
	ok(opv_domain_of(h) == d && opv_domain_of(&h->b[39]) == d && opv_domain_of(h) != d2,
	   "a handle tells its domain");
	ok(opv_handle(d, opv_handle_offset(h)) == h && opv_handle_offset(h) < OPV_STRIPE &&
	   opv_handle(d2, opv_handle_offset(h)) != h, "a handle is its domain and an offset");
	opv_domain_destroy(d);
	opv_domain_destroy(d2);
}

/* Gate and data are not for vectors of others. */
static void test_control_words(void)
{
	struct opv_domain *d, *d2;
	uint64_t *h, *h2, word = 1;
	bool good = true;
	int i;

	opv_domain_create(&d, OPTIONS(.percpu_size = 64));
	opv_domain_create(&d2, NULL);
	opv_new(d, &h);
	opv_new(d2, &h2);
	char *stripe = (char *)opv_ptr_(opv_handle(d, 0), 0);
	void *const bad[] = { stripe, stripe + 8, stripe + 64, stripe + 124, stripe + 128 + 64,
			      stripe + 128 + 60, stripe + OPV_STRIPE - 4, stripe + OPV_STRIPE,
			      d, (char *)d + 128, (char *)d + OPV_STRIPE - 8, h, h + 1,
			      (char *)opv_ptr_(opv_handle(d, 0), opv_domain_cpus(d)) - 8 };

	for (i = 0; i < (int)(sizeof(bad) / sizeof(bad[0])); i++) {
		struct cpu_op w = opv_op_add(bad[i], 1, 8), r = opv_op_compare_ne(bad[i], &word, 8);

		good &= opv_vector(d, &w, 1, 0) == -EFAULT && opv_vector(d, &r, 1, 0) == -EFAULT;
		good &= opv_vector(NULL, &w, 1, 0) == -EFAULT;
		w = opv_op_expect_fault(w);
		good &= opv_vector(d, &w, 1, 0) == -EAGAIN;
		if (!good) {
			diag("bad[%d]", i);
			break;
		}
	}
	ok(good, "gates, the domain itself, handles, what lies behind the data: EFAULT or EAGAIN");
	struct cpu_op foreign = opv_op_add(opv_ptr(h2, 0), 1, 8);

	ok(opv_vector(d, &foreign, 1, 0) == -EFAULT && !*opv_ptr(h2, 0),
	   "data of another domain is not written: EFAULT");
	opv_domain_destroy(d);
	opv_domain_destroy(d2);
}

/* Kilobytes that the process has in memory. */
/* Not the pages of the program itself, which come in when they come in. */
static long rss_kb(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Anonymous: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static void test_lazy(void)
{
	struct opv_domain *d;
	long before, after;
	uint64_t *h;
	int ret;

	/* So that what the library needs once is not counted. */
	opv_domain_create(&d, OPTIONS(.nr_cpus = 4096));
	opv_new(d, &h);
	opv_add(h, 1, 3000);
	opv_domain_destroy(d);
	before = rss_kb();
	if (before < 0) {
		skip("a domain of 4096 CPUs costs a few pages", "no /proc/self/smaps_rollup");
		return;
	}
	ret = opv_domain_create(&d, OPTIONS(.nr_cpus = 4096));
	ret |= opv_new(d, &h);
	ret |= opv_add(h, 1, 3000) | opv_add(h, 1, OPV_THIS_CPU);
	after = rss_kb();
	ok(!ret && after - before <= 32, "a domain of 4096 CPUs of which two are used costs %ld kB",
	   after - before);
	opv_free(d, h);
	ret = opv_new(d, &h);
	ok(!ret && rss_kb() - before <= 32, "and %ld kB once the variable was allocated a second time",
	   rss_kb() - before);
	opv_domain_destroy(d);
}

static int count_entries(const char *dir)
{
	DIR *p = opendir(dir);
	int n = 0;

	while (p && readdir(p))
		n++;
	if (p)
		closedir(p);
	return n;
}

static int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int c, n = 0;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void test_many(uint32_t flags)
{
	static struct opv_domain *d[1000];
	int i, fds = count_entries("/proc/self/fd"), maps = count_maps();
	bool good = true;
	uint64_t *h;

	for (i = 0; i < 3000; i++) {
		good &= !opv_domain_create(&d[0], OPTIONS(.flags = flags)) && !opv_new(d[0], &h) &&
			!opv_add(h, 1, 0) && !opv_domain_destroy(d[0]);
		if (!good)
			break;
	}
	ok(good, "%s: 3000 domains, one after the other", flags ? "shared" : "private");
	for (i = 0; i < 1000; i++)
		good &= !opv_domain_create(&d[i], OPTIONS(.flags = flags)) && !opv_new(d[i], &h) &&
			!opv_add(h, 1, 0);
	for (i = 0; i < 1000; i++)
		good &= !opv_domain_destroy(d[i * 7 % 1000]);
	ok(good, "%s: 1000 domains at a time, gone in another order", flags ? "shared" : "private");
	ok(count_entries("/proc/self/fd") == fds && count_maps() <= maps + 2,
	   "%s: no descriptor and no mapping is left (%d maps before, %d after)",
	   flags ? "shared" : "private", maps, count_maps());
}

static void test_cpu(void)
{
	int cpu = opv_cpu();

	ok(cpu >= 0 && cpu < opv_domain_cpus(NULL), "opv_cpu() is a CPU");
	is(opv_cpu_slow(), sched_getcpu(), "opv_cpu_slow() is the one that the kernel says");
	is(opv_cpu(), sched_getcpu(), "opv_cpu() too");
}

int main(void)
{
	cpu_set_t all, one;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	errno = 4242;
	test_life();
	test_option_sizes();
	test_option_values();
	test_nr_cpus();
	test_default();
	test_destroy_errors();
	is(errno, 4242, "errno was left alone");
	test_handles();
	test_control_words();
	test_lazy();
	test_many(0);
	test_many(OPV_DOMAIN_SHARED);
	test_cpu();
	return done();
}
