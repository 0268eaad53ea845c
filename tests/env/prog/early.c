// SPDX-License-Identifier: MIT
/*
 * Calls from before constructors: of a library loaded first, of the preinit array,
 * and of constructors of the highest priority.  EARLY_LIBRARY: that library.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <stdio.h>
#include <string.h>

#ifdef EARLY_LIBRARY

uint64_t *early_handle;
struct opv_domain *early_domain;

__attribute__((__constructor__(101)))
static void first(void)
{
	opv_domain_create(&early_domain, NULL);
	opv_new(early_domain, &early_handle);
	opv_add64(early_handle, 1, OPV_THIS_CPU);
}

#else

#ifdef HAVE_EARLY_LIBRARY
extern uint64_t *early_handle;
extern struct opv_domain *early_domain;
#endif

static uint64_t *h;
static uint64_t plain[4096];

static void some(void)
{
	int cpu = opv_cpu();

	if (!h)
		opv_new(NULL, &h);
	opv_add64(h, 1, OPV_THIS_CPU);
	opv_add64(h, 1, opv_domain_cpus(NULL) - 1);
	opv_add64_at(opv_domain_default(), &plain[cpu], 1, cpu);
}

static void at_preinit(int argc, char **argv, char **envp)
{
	(void)argc, (void)argv, (void)envp;
	some();
}

__attribute__((__section__(".preinit_array"), __used__))
static void (*preinit)(int argc, char **argv, char **envp) = at_preinit;

__attribute__((__constructor__(101)))
static void constructor(void)
{
	some();
}

#ifdef WITH_IFUNC
static int ifunc_result = -1;

static int was_resolved(void)
{
	return ifunc_result;
}

static int (*resolve(void))(void)
{
	some();
	ifunc_result = 0;
	return was_resolved;
}

int resolved(void) __attribute__((__ifunc__("resolve")));
#endif

static uint64_t sum(uint64_t *handle)
{
	uint64_t got = 0;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(NULL); cpu++)
		got += *opv_ptr(handle, cpu);
	return got;
}

int main(void)
{
	uint64_t want = 4, got_plain = 0;
	size_t i;

#ifdef WITH_IFUNC
	want += 2;
	if (resolved())
		return 3;
#endif
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		got_plain += plain[i];
	printf("%d and %d\n", (int)sum(h), (int)got_plain);
	if (sum(h) != want || got_plain != want / 2)
		return 1;
#ifdef HAVE_EARLY_LIBRARY
	if (!early_handle || sum(early_handle) != 1)
		return 2;
#endif
	return 0;
}

#endif
