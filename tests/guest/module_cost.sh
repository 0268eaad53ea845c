#!/bin/sh
# SPDX-License-Identifier: MIT
# What a call costs beside an empty system call and a bare interrupt, in the same guest.
# Only bounds that no disturbance passes are asked for; docs/kernel.md has the figures.
. "$(dirname "$0")/kernel_call"

# row NAME: its cost.
row() {
	printf '%s\n' "$out" | sed -n "s/^# $1	//p"
}

# at_most NAME TIMES BASE TEST
at_most() {
	ratio=$(awk -v a="$(row "$1")" -v b="$(row "$3")" 'BEGIN { printf("%.2f", (b > 0) ? a / b : 1e9) }')
	diag "$kernel: $1: $ratio x $3"
	ok "$(awk -v r="$ratio" -v most="$2" 'BEGIN { print (r > most) }')" "$kernel: $4"
}

for kernel in 6.1 7.2; do
	have $kernel "the cost of calls on $kernel" && with_module $kernel || continue
	# shellcheck disable=SC2086 # a list of words
	guest -c 2 $with -f cost $kernel ./cost
	ok "$status" "$kernel: costs are measured"
	[ "$status" = 0 ] || { told "$status"; continue; }
	diag "$(printf '%s\n' "$out" | grep '^#')"
	at_most "local 2 ops, 1 page" 20 "empty system call" "a local call is no 20 empty system calls"
	at_most "remote 2 ops, 1 page" 4 "bare interrupt" "a remote call is no four interrupts"
done

# One CPU, and time that is instructions: the same each time.
kernel=6.1
if have $kernel "instructions of a call on $kernel" && with_module $kernel; then
	# shellcheck disable=SC2086 # a list of words
	guest -c 1 $with -q -icount -q shift=0 -f cost $kernel ./cost
	ok "$status" "$kernel: instructions are counted"
	diag "$(printf '%s\n' "$out" | grep '^#')"
	at_most "local 1 op" 8 "empty system call" "an operation is no 8 empty system calls"
	at_most "local 2 ops, 1 page" 12 "empty system call" "a compare and a store are no 12"
fi
done_testing
