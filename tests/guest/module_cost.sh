#!/bin/sh
# SPDX-License-Identifier: MIT
# What a call costs beside an empty system call and a bare interrupt, in the same guest.
# Only bounds that no disturbance passes are asked for; docs/kernel.md has the figures.
. "$(dirname "$0")/kernel_call"

# row NAME: its cost.
row() {
	printf '%s\n' "$out" | sed -n "s/^# $1	//p"
}

# ratio NAME BASE
ratio() {
	awk -v a="$(row "$1")" -v b="$(row "$2")" 'BEGIN { printf("%.2f", (b > 0) ? a / b : 1e9) }'
}

# at_most NAME TIMES BASE TEST
at_most() {
	ratio=$(ratio "$1" "$3")
	diag "$kernel: $1: $ratio x $3"
	ok "$(awk -v r="$ratio" -v most="$2" 'BEGIN { print (r > most) }')" "$kernel: $4"
}

for kernel in 6.1 7.2; do
	have $kernel "the cost of calls on $kernel" && with_module $kernel || continue
	for attempt in 1 2 3; do
		# shellcheck disable=SC2086 # a list of words
		guest -c 2 $with -f cost $kernel ./cost
		awk -v r="$(ratio "remote 2 ops, 1 page" "bare interrupt")" 'BEGIN { exit r > 2 }' && break
		diag "$kernel: the host had other work, in attempt $attempt"
	done
	ok "$status" "$kernel: costs are measured"
	[ "$status" = 0 ] || { told "$status"; continue; }
	diag "$(printf '%s\n' "$out" | grep '^#')"
	at_most "local 2 ops, 1 page" 10 "empty system call" "a local call is no 10 empty system calls"
	at_most "remote 2 ops, 1 page" 2 "bare interrupt" "a remote call is no two interrupts"
	at_most "foreign 2 ops, 1 page" 5 "bare interrupt" "nor five if another process is there"
done

# One CPU, and time that is instructions: the same each time.
count='./cost && ./words count >/tmp/words || { grep -v "^ok" /tmp/words; exit 1; }'
kernel=6.1
if have $kernel "instructions of a call on $kernel" && with_module $kernel; then
	# shellcheck disable=SC2086 # a list of words
	guest -c 1 $with -q -icount -q shift=0 -f cost -f words $kernel "$count"
	ok "$status" "$kernel: instructions are counted; what may be short is, and what may not be is not"
	[ "$status" = 0 ] || told "$status"
	diag "$(printf '%s\n' "$out" | grep '^#')"
	at_most "local 1 op" 3.5 "empty system call" "an operation is no 3.5 empty system calls"
	at_most "local 2 ops, 1 page" 4 "empty system call" "a compare and a store are no 4"
	at_most "local 2 ops, 3 pages" 5 "empty system call" "nor 5 in three pages"
	at_most "local 2 ops, 3 pages" 3 "empty ioctl" "and no 3 ioctls that do nothing"
fi

# As a system call: without what an ioctl costs.
kernel=6.1-call
if have $kernel "instructions of the system call on $kernel"; then
	nr=$(awk '$3 == "cpu_opv" { print $1 }' \
		"$cache/source/$(field $kernel 3)/tree/arch/x86/entry/syscalls/syscall_64.tbl")
	aid=$("$harness/module" -d "$harness/aid" $kernel 2>"$tmp/err")
	ok $? "$kernel: the driver for tests is built"
	guest -c 1 -a "OPV_SYSCALL_NR=$nr" -i "$aid" -q -icount -q shift=0 -f cost -f words $kernel "$count"
	ok "$status" "$kernel: instructions are counted; what may be short is, and what may not be is not"
	[ "$status" = 0 ] || told "$status"
	diag "$(printf '%s\n' "$out" | grep '^#')"
	at_most "local 2 ops, 1 page" 4 "empty system call" "a compare and a store are no 4 empty system calls"
	at_most "local 2 ops, 3 pages" 4 "empty system call" "nor are they in three pages"
fi
done_testing
