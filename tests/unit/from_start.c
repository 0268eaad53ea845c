// SPDX-License-Identifier: MIT
/*
 * OPV_FORCE and OPV_COUNT_FAST hold from the start: whatever the program does
 * first, and also on CPU 0, whose key is open before any engine has seen it.
 */
#define _GNU_SOURCE
#include "counting.h"

static int report(const char *first)
{
	struct opv_domain *d = NULL;
	struct opv_counts c;
	struct opv_status st;
	uint64_t *h;
	int i;

	pin_to(0);
	if (*first == 'c')
		opv_cpu();
	else if (*first == 's')
		opv_status(&st, sizeof(st));
	else if (*first == 'f')
		opv_force(OPV_ENGINE_FENCE, 10);
	else if (*first == 'n')
		opv_force(OPV_ENGINE_FENCE, 0);
	else
		opv_domain_create(&d, NULL);
	opv_new(d, &h);
	for (i = 0; i < 100; i++)
		opv_add(h, 1, OPV_THIS_CPU);
	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	printf("%llu %llu\n", (unsigned long long)c.forced, (unsigned long long)c.fast);
	return 0;
}

static void from_start(const char *self, const char *first, long want, const char *what)
{
	long forced = -1, fast = -1, forced2 = -1, fast2 = -1;
	char command[512];
	FILE *f;

	snprintf(command, sizeof(command), "OPV_FORCE=fence:40 %s %s; OPV_COUNT_FAST=1 %s %s", self,
		 first, self, first);
	f = popen(command, "r");
	if (fscanf(f, "%ld %ld %ld %ld", &forced, &fast, &forced2, &fast2) != 4)
		diag("%s printed nothing", command);
	pclose(f);
	is(forced, want, "%s first: %ld of 100 calls are forced from the first on", what, want);
	is(fast2, want == 10 ? 90 : 100, "%s first: fast calls are counted from the first on", what);
}

int main(int argc, char **argv)
{
	struct opv_status st;

	if (argc > 1)
		return report(argv[1]);
	opv_status(&st, sizeof(st));
	if (!st.fast || !pin_to(0)) {
		skip("the environment holds from the start", st.fast ? "CPU 0 is not ours" : st.why);
		return done();
	}
	from_start(argv[0], "create", 40, "opv_domain_create()");
	from_start(argv[0], "cpu", 40, "opv_cpu()");
	from_start(argv[0], "status", 40, "opv_status()");
	from_start(argv[0], "force", 10, "opv_force(10), which overrides the environment,");
	from_start(argv[0], "none", 0, "opv_force(0), which overrides the environment,");
	return done();
}
