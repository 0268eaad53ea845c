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
#include <linux/uaccess.h>

#include "abort.h"
#include "call.h"
#include "space.h"

struct opv_exec {
	struct opv_call		*call;
	struct task_struct	*caller;
	bool			in_place;	/* words, where the caller has them */
	int			ret;
};

/* Whose memory the last interrupt found there: most likely the next one does, too. (K10) */
static DEFINE_PER_CPU(const struct mm_struct *, opv_last_space);

/* Vectors of CPUs that are offline, one at a time. (K5) */
static DEFINE_MUTEX(opv_offline_lock);

/* There was time for another task, and for its memory. (K10) */
static int opv_exec_in_place(const struct opv_exec *exec, const struct mm_struct *space)
{
	int ret;

#if !defined(OPV_BREAK_SPACE)	/* without it: a test must notice */
	if (space != exec->caller->mm)
		return OPV_WORDS_NOT;
#endif
	/* Of the interrupted task, which may be counting there itself: it finds what it left. */
	data_race(({ pagefault_disable(); 0; }));
	ret = opv_run_words(exec->call);
	/* The same. */
	data_race(({ pagefault_enable(); 0; }));
	return ret;
}

static int opv_exec_call(const struct opv_exec *exec)
{
	const struct mm_struct *space = opv_space();

	this_cpu_write(opv_last_space, space);
	if (!exec->call)
		return 0;
	return exec->in_place ? opv_exec_in_place(exec, space) : opv_call_execute(exec->call);
}

/* Interrupts are off, here or on the CPU that was asked for. */
static void opv_exec(void *info)
{
	struct opv_exec *exec = info;

	lockdep_assert_irqs_disabled();
	smp_mb();	/* the interrupted task's accesses, then the vector's */
	/* The caller itself is in a system call, hence in no section. (K3) */
	if (current != exec->caller)
		opv_abort_section();
	exec->ret = opv_exec_call(exec);
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

bool opv_may_exec_in_place(int cpu)
{
	return opv_may_run_on(cpu) && READ_ONCE(per_cpu(opv_last_space, cpu)) == current->mm;
}

int opv_exec_on(struct opv_call *call, int cpu, bool in_place)
{
	struct opv_exec exec = { .call = call, .caller = current, .in_place = in_place };
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
