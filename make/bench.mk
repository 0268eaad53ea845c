# SPDX-License-Identifier: MIT
#
# make bench		measure; BENCHFLAGS='-t 1 --filter "add*"' and so on

# The loops are the same whatever the rest is built with: last on the line wins.
bench-loops := $(addprefix $(O)/tools/opv/,bench_fast.o bench_variant.o bench_slow.o bench_preempted.o)
$(bench-loops): override CFLAGS += -O2 -falign-loops=16 -fno-unroll-loops -fno-sanitize=all

bench: $(O)/opv
	$(Q)$(O)/opv bench --aims $(BENCHFLAGS)
