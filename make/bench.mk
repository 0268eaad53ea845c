# SPDX-License-Identifier: MIT
#
# make bench		measure; BENCHFLAGS='-t 1 --filter "add*"' and so on
# make bench-peers	other libraries to measure beside this one, where they are installed
# make bench-structs	measure structures and those
# make bench-malloc	measure libopv-malloc.so beside other allocators, where they are installed

# The loops are the same whatever the rest is built with: last on the line wins.
bench-loops := $(addprefix $(O)/tools/opv/,bench_fast.o bench_variant.o bench_slow.o bench_struct.o \
	bench_preempted.o bench_malloc_child.o)
bench-loop-cflags := -O2 -falign-loops=16 -fno-unroll-loops -fno-sanitize=all
$(bench-loops): override CFLAGS += $(bench-loop-cflags)

# As fast as in an executable: no call for a thread-local variable, none through the PLT.
peer-cflags := -fPIC -ftls-model=initial-exec -fvisibility=hidden -fno-plt
# What shows that it is there, what it is linked with, and Debian's package.
peers := urcu ck lttng
peer-header-urcu := urcu/urcu-memb.h
peer-libs-urcu := -lurcu-memb -lurcu-cds -lurcu-common
peer-package-urcu := liburcu-dev
peer-header-ck := ck_stack.h
peer-package-ck := libck-dev
peer-header-lttng := lttng/tracepoint.h
peer-libs-lttng := -llttng-ust -ldl
peer-package-lttng := liblttng-ust-dev

.PHONY: bench bench-peers bench-structs bench-malloc $(addprefix bench-peer-,$(peers))
bench-peers: $(addprefix bench-peer-,$(peers))

# Installed since, or removed: looked at each time, and a matter of the compiler's search path.
$(addprefix bench-peer-,$(peers)): bench-peer-%:
	$(Q)if echo '#include <$(peer-header-$*)>' | $(CC) $(CPPFLAGS) $(CFLAGS) -E -x c -o /dev/null - 2>/dev/null; \
	then $(MAKE) --no-print-directory $(O)/peers/$*.so; \
	else rm -f $(O)/peers/$*.so; echo '  $*: not built, $(peer-package-$*) is not installed'; fi

$(O)/peers/%.so: tools/opv/peers/%.c make/bench.mk
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I. $(opv-cflags) $(CFLAGS) $(bench-loop-cflags) $(peer-cflags) -MF $@.d \
		$(LDFLAGS) -fno-sanitize=all -shared -Wl,-z,defs -o $@ $< $(peer-libs-$*) -pthread

-include $(wildcard $(O)/peers/*.d)

bench-structures := counter*,freelist*,ring*,rwlock*,ref*,lock*,pool*,urcu*,ck*,lttng*,clock,atomic_*,malloc_pair,pthread*,add64

bench: all bench-peers
	$(Q)$(O)/opv bench --aims $(BENCHFLAGS)

bench-structs: $(O)/opv bench-peers
	$(Q)$(O)/opv bench --aims --filter '$(bench-structures)' $(BENCHFLAGS)

bench-malloc: all
	$(Q)$(O)/opv bench --aims --filter 'malloc_*_*' $(BENCHFLAGS)
