// SPDX-License-Identifier: GPL-2.0
/*
 * As if by that CPU: in an interrupt there, or for it while it is offline.  Either way
 * nothing else acts as that CPU meanwhile.  The scenarios, (K1) on, are in
 * docs/kernel.md.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "abort.h"
#include "call.h"

struct opv_exec {
	struct opv_call		*call;
	struct task_struct	*caller;
	int			ret;
};

/* Vectors of CPUs that are offline, one at a time. (K5) */
static DEFINE_MUTEX(opv_offline_lock);

/* Interrupts are off, here or on the CPU that was asked for. */
static void opv_exec(void *info)
{
	struct opv_exec *exec = info;

	lockdep_assert_irqs_disabled();
	smp_mb();	/* the interrupted task's accesses, then the vector's */
	/* The caller itself is in a system call, hence in no section. (K3) */
	if (current != exec->caller)
		opv_abort_section();
	exec->ret = exec->call ? opv_call_execute(exec->call) : 0;
	smp_mb();	/* the vector's accesses, then those of whoever runs next */
}

/* -ENXIO: it came online, there is nothing to do here. */
static int opv_exec_for_offline(struct opv_exec *exec, int cpu)
{
	unsigned long flags;
	int ret;

	if (mutex_lock_interruptible(&opv_offline_lock))
		return -ERESTARTSYS;
	cpus_read_lock();
	if (cpu_online(cpu)) {
		ret = -ENXIO;
	} else if (!opv_may_run_on(cpu)) {
		ret = -EINVAL;
	} else {
		local_irq_save(flags);
		opv_exec(exec);
		local_irq_restore(flags);
		ret = 0;
	}
	cpus_read_unlock();
	mutex_unlock(&opv_offline_lock);
	return ret;
}

int opv_exec_on(struct opv_call *call, int cpu)
{
	struct opv_exec exec = { .call = call, .caller = current };
	int ret;

	do {
		if (!opv_may_run_on(cpu))
			return -EINVAL;
		smp_mb();	/* what the caller did before, then the vector */
		ret = smp_call_function_single(cpu, opv_exec, &exec, 1);
		if (ret == -ENXIO)
			ret = opv_exec_for_offline(&exec, cpu);
		smp_mb();	/* the vector, then what the caller does next */
	} while (ret == -ENXIO);
	return ret ? ret : exec.ret;
}
