#!/bin/sh
# SPDX-License-Identifier: MIT
# The module on each of Debian's kernels: what the call promises, for callers of 64 and of
# 32 bits; and that under everything that disturbs it.
. "$(dirname "$0")/kernel_call"

for kernel in 6.1 6.12 7.2; do
	have $kernel "the module on $kernel" && with_module $kernel || continue
	programs32 $kernel
	# shellcheck disable=SC2086 # lists of words
	guest_taps -c 4 -t 300 $with $kernel $call_programs $programs32 $race_programs \
		unload
done
done_testing
