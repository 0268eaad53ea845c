#!/bin/sh
# SPDX-License-Identifier: MIT
# The harness itself: it tells what happened in a guest, and kernels complain aloud.
. "$(dirname "$0")/common"

# What is told of a console, and what is not.
told_of() { printf '%s\n' "$1" >"$tmp/console"; complaints "$tmp/console" >"$tmp/told"; echo $?; }
race='==================================================================
BUG: KCSAN: data-race in %s / %s

write to 0xffff888003b0c000 of 8 bytes by task 50 on cpu 1:
 %s+0x20/0x40
 %s+0x20/0x40
 opv_call_pin+0x4f1/0x770
=================================================================='
limit='hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Call Trace:
 <TASK>
 opv_call_pin+0x256/0x4f0 [cpu_opv]'
is "$(told_of '[    1.0] guest: boot 1.0 s')" 1 "a kernel that is content is not complained of"
is "$(told_of '[    1.0] WARNING: CPU: 1 PID: 50 at kernel/x.c:1 f+0x1/0x2')" 0 "a warning is told"
is "$(told_of 'watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [hog:50]')" 0 "a CPU that is stuck, too"
is "$(told_of "$(printf "$race" opv_a opv_b opv_a x)")" 0 "a data race in code of ours, too"
is "$(told_of "$(printf "$race" a b a opv_c)")" 0 "one in what that calls, too"
is "$(told_of "$(printf "$race" a b a x)")" 1 "one deeper in the kernel is not"
is "$(told_of "$limit
Memory cgroup out of memory: Killed process 50 (hog) total-vm:1kB")" 1 "a process killed for its group's limit is not"
is "$(told_of "$limit
Out of memory: Killed process 50 (hog) total-vm:1kB")" 0 "one that is killed because all memory is gone is told"
is "$(told_of "$limit
WARNING: CPU: 1 PID: 50 at kernel/x.c:1 f+0x1/0x2
Memory cgroup out of memory: Killed process 50 (hog) total-vm:1kB")" 0 "so is a warning in the midst of it"

have 6.1 "guests" || done_testing

cat >"$tmp/Kbuild" <<'END'
obj-m := bad.o
END
cat >"$tmp/bad.c" <<'END'
// SPDX-License-Identifier: GPL-2.0
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static int which;
module_param(which, int, 0);
static DEFINE_SPINLOCK(one);
static DEFINE_SPINLOCK(two);

static void both(spinlock_t *first, spinlock_t *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

/* Nobody but the name says that it is of this project. */
static long opv_raced;

static noinline int bad_opv_race(void *unused)
{
	while (!kthread_should_stop()) {
		opv_raced++;
		barrier();
		if (need_resched())
			cond_resched();
	}
	return 0;
}

static void race(void)
{
	struct task_struct *one = kthread_run(bad_opv_race, NULL, "bad/1");
	struct task_struct *two = kthread_run(bad_opv_race, NULL, "bad/2");

	msleep(2000);
	if (!IS_ERR(one))
		kthread_stop(one);
	if (!IS_ERR(two))
		kthread_stop(two);
}

static int __init bad_init(void)
{
	volatile char *p = kmalloc(16, GFP_KERNEL);

	WARN_ON(which == 1);
	if (which == 2) {
		both(&one, &two);
		both(&two, &one);
	}
	if (which == 3) {
		spin_lock(&one);
		msleep(1);
		spin_unlock(&one);
	}
	if (which == 5)
		race();
	kfree((void *)p);
	if (which == 4)
		*p = 1;
	return 0;
}

static void __exit bad_exit(void)
{
}

module_init(bad_init);
module_exit(bad_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("what a kernel complains about");
END

# bad KERNEL: $bad is the module for it.
bad() {
	bad=$("$harness/module" -d "$tmp" "$1" 2>"$tmp/err") && return 0
	ok 1 "$1: a module is built"
	diag "$(cat "$tmp/err")"
	return 1
}

bad 6.1 || done_testing
head -c 300000 /dev/urandom >"$tmp/file"
mkdir "$tmp/dir" && echo inside >"$tmp/dir/it"
guest -c 3 -f "$tmp/file" -f "$tmp/dir" -i "$bad" 6.1 'echo to stderr >&2; nproc; md5sum <file; cat dir/it
	base64 file; rmmod bad; exit 3'
is "$status" 3 "the status is that of the command, and a good module goes in and out in silence"
is "$(printf '%s\n' "$out" | head -n 4)" "to stderr
3
$(md5sum <"$tmp/file")
inside" "CPUs and files are those that were asked for, what is printed comes out as it was"
is "$(printf '%s\n' "$out" | tail -n +5 | base64 -d | md5sum)" "$(md5sum <"$tmp/file")" "all of it"
is "$err" "" "and nothing else"

guest -t 30 6.1 'echo begun; sleep 300'
is "$status $out" "124 begun" "time that is up is 124, and what was printed is there"
guest 6.1 'echo begun; sleep 1; poweroff -f'
is "$status" 126 "a guest that dies is 126"
guest 6.1 'echo c >/proc/sysrq-trigger'
is "$status" 125 "a kernel that panics is 125"
like "$err" '[Ss]ysrq triggered crash' "and its last words are shown"

for kernel in 6.1 7.2; do
	have $kernel "$kernel: a warning is 125" && bad $kernel || continue
	guest -f "$bad" $kernel 'insmod bad.ko && rmmod bad && insmod bad.ko which=1'
	is "$status" 125 "$kernel: a warning is 125"
	like "$err" '^WARNING: .*bad_init' "$kernel: it is shown"
done
if have 6.1-kasan "a debugging kernel complains of what is bad" && bad 6.1-kasan; then
	# The last one ends it all.
	guest -m 1024 -f "$bad" 6.1-kasan 'for i in 2 3 4; do insmod bad.ko which=$i; rmmod bad; done'
	is "$status" 125 "a debugging kernel complains of what is bad"
	like "$err" '^WARNING: possible circular locking' "locks taken in turn and out of turn"
	like "$err" '^BUG: (sleeping function|scheduling while atomic)' "sleep with a spinlock held"
	like "$err" '^BUG: KASAN: (slab-)?use-after-free in bad_init' "memory used after it was freed"
fi
if have 6.1-kcsan "a debugging kernel complains of data races" && bad 6.1-kcsan; then
	guest -m 1024 -f "$bad" 6.1-kcsan 'insmod bad.ko && rmmod bad'
	is "$status" 0 "6.1-kcsan: without one it is content"
	guest -m 1024 -f "$bad" 6.1-kcsan 'insmod bad.ko which=5; rmmod bad'
	is "$status" 125 "a debugging kernel complains of data races"
	like "$err" '^BUG: KCSAN: data-race in bad_opv_race' "it is shown"
fi
done_testing
