// SPDX-License-Identifier: MIT
/* Calls without end, for a debugger to step through. */
#include <opv/opv.h>

volatile uint64_t adds, pushes, pops;
volatile int go;

void stepping(void);
__attribute__((__noinline__))
void stepping(void)
{
	go = 1;
}

int main(void)
{
	static intptr_t node[2];
	struct opv_domain *d;
	intptr_t *list, got;
	uint64_t *sum;

	if (opv_domain_create(&d, NULL) || opv_new(d, &sum) || opv_new(d, &list))
		return 1;
	/* What this machine has is looked at once, by the first call for another CPU. */
	if (opv_fence(d, OPV_ALL_CPUS) || opv_add(sum, 1, 0) ||
	    opv_add(sum, 1, opv_domain_cpus(d) - 1))
		return 1;
	stepping();
	for (;;) {
		if (opv_add(sum, 1, OPV_THIS_CPU))
			return 2;
		adds++;
		if (opv_cmpeq_store(list, 0, (intptr_t)node, 0))
			return 3;
		pushes++;
		if (opv_cmpne_load_off(list, 0, 0, &got, 0) || got != (intptr_t)node)
			return 4;
		pops++;
	}
}
