#!/bin/sh
# SPDX-License-Identifier: MIT
# The module without what aborts sections, without what keeps others out of a vector that works in
# place, and without what keeps such a vector in its caller's memory: the tests notice.
. "$(dirname "$0")/kernel_call"

for kernel in 6.1 7.2; do
	have $kernel "the broken module on $kernel" && module $kernel OPV_BREAK_ABORT=1 || continue
	guest -c 4 -i "$module" -f sections $kernel ./sections
	is "$status" 1 "$kernel: without the abort the test of sections fails"
	like "$out" '^not ok [0-9]+ - each aborts the section' "$kernel: no section is aborted"
	like "$out" '^not ok [0-9]+ - conserved: sections on CPU 1' "$kernel: additions are lost"
	diag "$(printf '%s\n' "$out" | grep '^#')"
done

kernel=6.1
if have $kernel "the broken short road on $kernel" && module $kernel OPV_BREAK_WORDS=1; then
	guest -c 4 -i "$module" -f sections $kernel './sections 3'
	is "$status" 1 "$kernel: with interrupts on the test of sections fails"
	like "$out" '^not ok [0-9]+ - conserved: (threads with both|processes)' \
		"$kernel: additions of vectors on their own CPU are lost"
	diag "$(printf '%s\n' "$out" | grep '^#')"
fi

for kernel in 6.1 7.2; do
	have $kernel "the short road in any memory on $kernel" && module $kernel OPV_BREAK_SPACE=1 || continue
	guest -c 4 -i "$module" -f remote $kernel './remote 0.1'
	is "$status" 1 "$kernel: without the look at whose memory it is the test of words fails"
	like "$out" '^not ok [0-9]+ - a CPU that runs both by turns' "$kernel: another process's memory was written to"
	diag "$(printf '%s\n' "$out" | grep '^#')"
done
done_testing
