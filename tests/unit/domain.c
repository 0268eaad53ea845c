// SPDX-License-Identifier: MIT
#include <opv/opv.h>
#include "tap.h"

int main(void)
{
	struct opv_domain *d;
	uint64_t *h;

	is(opv_domain_create(&d, NULL), 0, "a domain is made");
	is(opv_new(d, &h), 0, "a variable is allocated");
	is(opv_add(h, 3, 0), 0, "added to as CPU 0");
	is(*opv_ptr(h, 0), 3, "and there it is");
	is(opv_domain_destroy(d), 0, "the domain goes away");
	return done();
}
