# SPDX-License-Identifier: MIT
#
# Tests that measure how long real-time threads wait, or whose broken libraries
# need both CPUs to show it.
alone-tests += $(O)/tests/stress/priority.t tests/broken/conserve.sh tests/broken/loop.sh
