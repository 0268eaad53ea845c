# SPDX-License-Identifier: MIT
#
# What is left out of structures shows when both CPUs are theirs.
alone-tests += tests/broken/freelist_pool.sh tests/broken/ring_lock.sh tests/broken/structs.sh
