// SPDX-License-Identifier: MIT
/* Static per-CPU variables: <opv/percpu.h>. */
#include <opv/percpu.h>

/* A pointer of the program's, whatever it points to. */
typedef void *__attribute__((__may_alias__)) handle_t;

/*
 * In place of a handle that is not to be had.  In the middle of the address space, where
 * nothing can be mapped: neither here nor at any distance that a CPU's number makes of
 * it, as could happen to NULL in a program that is linked to low addresses.
 */
#define NOWHERE ((void *)((UINTPTR_MAX >> 1) & ~(UINTPTR_MAX >> 12)))

int opv_per_cpu_alloc(void *var, size_t size, size_t align)
{
	void *mine, *theirs = NULL;
	int ret;

	if (__atomic_load_n((handle_t *)var, __ATOMIC_ACQUIRE))
		return 0;
	ret = opv_alloc(NULL, size, align, &mine);
	if (ret)
		return ret;
	if (!__atomic_compare_exchange_n((handle_t *)var, &theirs, mine, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		opv_free(NULL, mine);	/* somebody else was first */
	return 0;
}

void *opv_per_cpu_slow(void *var, size_t size, size_t align)
{
	return opv_per_cpu_alloc(var, size, align) ? NOWHERE :
						     __atomic_load_n((handle_t *)var, __ATOMIC_ACQUIRE);
}

int opv_per_cpu_release(void *var)
{
	void *handle = __atomic_exchange_n((handle_t *)var, NULL, __ATOMIC_ACQ_REL);
	int ret = opv_free(NULL, handle);

	if (ret)
		__atomic_store_n((handle_t *)var, handle, __ATOMIC_RELEASE);
	return ret;
}
