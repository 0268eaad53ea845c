#!/bin/sh
# SPDX-License-Identifier: MIT
# The module on kernels that look for bad accesses, locks taken in the wrong order, sleep
# where there must be none, and data races; and longer fuzzing there.
. "$(dirname "$0")/kernel_call"

for kernel in 6.1-kasan 6.1-kcsan; do
	have $kernel "the module on $kernel" && with_module $kernel || continue
	programs32 $kernel
	# shellcheck disable=SC2086 # lists of words
	guest_taps -c 4 -m 1024 -t 600 $with $kernel $call_programs $programs32 $race_programs
	guest_taps -c 8 -m 1024 -t 600 $with $kernel offline
	guest_ok "$kernel: ${OPV_FUZZ_SECONDS:-10} s of random arguments" -c 4 -m 1024 -t 900 -i "$module" \
		-f fuzz_call $kernel "./fuzz_call ${OPV_FUZZ_SECONDS:-10}"
	diag "$(printf '%s\n' "$out" | grep '^#')"
done
done_testing
