#!/bin/sh
# SPDX-License-Identifier: MIT
# The module without what aborts sections: the tests notice.
. "$(dirname "$0")/kernel_call"

for kernel in 6.1 7.2; do
	have $kernel "the broken module on $kernel" && module $kernel OPV_BREAK_ABORT=1 || continue
	guest -c 4 -i "$module" -f sections $kernel ./sections
	is "$status" 1 "$kernel: without the abort the test of sections fails"
	like "$out" '^not ok [0-9]+ - each aborts the section' "$kernel: no section is aborted"
	like "$out" '^not ok [0-9]+ - conserved: sections on CPU 1' "$kernel: additions are lost"
	diag "$(printf '%s\n' "$out" | grep '^#')"
done
done_testing
