#!/bin/sh
# SPDX-License-Identifier: MIT
# The harness itself: it tells what happened in a guest, and kernels complain aloud.
. "$(dirname "$0")/common"

have 6.1 "guests" || done_testing

cat >"$tmp/Kbuild" <<'END'
obj-m := bad.o
END
cat >"$tmp/bad.c" <<'END'
// SPDX-License-Identifier: GPL-2.0
#include <linux/delay.h>
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
done_testing
