// SPDX-License-Identifier: MIT
/* What a program loads, calls and unloads: sections of all kinds of exits inlined. */
#include <opv/opv.h>

void plugin_work(struct opv_domain *d, uint64_t *h, intptr_t *word, int how);

void plugin_work(struct opv_domain *d, uint64_t *h, intptr_t *word, int how)
{
	intptr_t got;

	switch (how) {
	case 0:
		opv_add64(h, 1, OPV_THIS_CPU);
		break;
	case 1:		/* stopped by a compare */
		opv_cmpeq_store(word, 1, 2, OPV_THIS_CPU);
		break;
	case 2:
		opv_cmpne_load_off(word, 0, 0, &got, OPV_THIS_CPU);
		break;
	case 3:		/* another CPU: a miss */
		opv_add64(h, 1, opv_cpu() ? 0 : opv_domain_cpus(d) - 1);
		break;
	case 4:		/* left without a store */
		opv_max64(h, 0, OPV_THIS_CPU);
		break;
	case 5:
		opv_cmpeq_cmpeq_store(word, 0, word, 1, 2, OPV_THIS_CPU);
		break;
	default:
		opv_add64_at(d, opv_ptr(h, 0), 1, 0);
	}
}
