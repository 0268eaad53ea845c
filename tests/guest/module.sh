#!/bin/sh
# SPDX-License-Identifier: MIT
# The module in guests: what the call promises, on each of Debian's kernels.
. "$(dirname "$0")/common"

for kernel in 6.1 6.12 7.2; do
	have $kernel "the module on $kernel" && module $kernel || continue
	guest_taps -c 4 -i "$module" $kernel cases
done
done_testing
