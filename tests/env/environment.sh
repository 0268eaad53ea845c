#!/bin/sh
# SPDX-License-Identifier: MIT
# OPV_FORCE and OPV_COUNT_FAST hold from the first call on, on every CPU, whatever
# the program asks the library for before.
set -u
. "$(dirname "$0")/../tap.sh"

cat >"$tmp/first.c" <<'END'
#include <opv/opv.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct opv_counts c;
	struct opv_status st;
	struct opv_domain *d;
	uint64_t *h;
	int i;

	if (argc > 1)
		opv_status(&st, sizeof(st));
	if (opv_domain_create(&d, NULL) || opv_new(d, &h))
		return 2;
	for (i = 0; i < 1000; i++)
		if (opv_add64(h, 1, OPV_THIS_CPU))
			return 3;
	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	printf("forced %d fast %d all %d\n", (int)c.forced, c.fast > 900, (int)(c.fast + c.slow));
	return argc > 2 ? argv[2][0] : 0;
}
END
$CC -std=gnu11 -O2 -I"$OPV_SRC/include" -o "$tmp/first" "$tmp/first.c" "$OPV_BUILD/libopv.a" -pthread
ok $? "the program compiles"
sections=1
OPV_COUNT_FAST=1 "$tmp/first" | grep -q 'fast 1' || sections=0
cpus=$(taskset -cp $$ | sed 's/.*: //; s/,/ /g; s/-/ /g')
for cpu in $cpus; do
	for first in "" status; do
		is "$(OPV_FORCE=fence:100 taskset -c "$cpu" "$tmp/first" $first)" \
			"forced 1000 fast 0 all 1000" "OPV_FORCE=fence:100 forces every call (CPU $cpu, ${first:-domain} first)"
		is "$(OPV_FORCE=fence:25 taskset -c "$cpu" "$tmp/first" $first | sed 's/ fast.*//')" \
			"forced 250" "OPV_FORCE=fence:25 a quarter of them (CPU $cpu, ${first:-domain} first)"
		is "$(OPV_COUNT_FAST=1 taskset -c "$cpu" "$tmp/first" $first)" \
			"forced 0 fast $sections all 1000" "OPV_COUNT_FAST=1 counts every call (CPU $cpu, ${first:-domain} first)"
	done
done
is "$(OPV_FORCE=nonsense:100,fence:101,:5 "$tmp/first" | sed 's/ fast.*//')" "forced 0" \
	"what OPV_FORCE says wrongly is not forced"
done_testing
