# SPDX-License-Identifier: MIT
#
# Fuzzers: fuzz/NAME.c is a test of five seconds, $(O)/fuzz/NAME.t, and with clang a
# libFuzzer target, $(O)/fuzz/NAME.  Both with the library's sources and the command's
# parser built under the address and undefined behaviour sanitizers.
#
# make fuzz			builds the libFuzzer targets and runs each for FUZZ_SECONDS
# make fuzz FUZZ_CORPUS=dir	keeps what they find in dir/NAME

FUZZ_CC		?= clang
FUZZ_SECONDS	?= 60
FUZZ_CORPUS	?= $(O)/fuzz/corpus

san-flags := -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined

fuzz-names := $(patsubst fuzz/%.c,%,$(wildcard fuzz/*.c))
fuzz-tests := $(fuzz-names:%=$(O)/fuzz/%.t)

# Of the command only what reads.
fuzz-srcs := $(lib-srcs) $(addprefix tools/opv/run_,lex.c text.c operation.c)
fuzz-objs := $(fuzz-srcs:%.c=$(O)/fuzz/san/%.o)
fuzz-llvm-objs := $(fuzz-srcs:%.c=$(O)/fuzz/llvm/%.o)

$(O)/fuzz/san/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(san-flags) $(lib-cflags) -c -o $@ $<

$(O)/fuzz/%.t: fuzz/%.c $(fuzz-objs)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(san-flags) -MF $@.d -o $@ $< $(fuzz-objs) \
		$(LDFLAGS) -pthread -lm

$(O)/fuzz/llvm/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(opv-cflags) $(san-flags) -fsanitize=fuzzer-no-link $(lib-cflags) \
		-c -o $@ $<

$(fuzz-names:%=$(O)/fuzz/%): $(O)/fuzz/%: fuzz/%.c $(fuzz-llvm-objs)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(opv-cflags) $(san-flags) -fsanitize=fuzzer -DOPV_LIBFUZZER \
		-MF $@.d -o $@ $< $(fuzz-llvm-objs) $(LDFLAGS) -pthread -lm

.SECONDARY: $(fuzz-objs) $(fuzz-llvm-objs)
-include $(fuzz-objs:.o=.d) $(fuzz-llvm-objs:.o=.d) $(fuzz-names:%=$(O)/fuzz/%.d)
-include $(fuzz-tests:=.d)

# They belong to make check.
other-tests += $(fuzz-tests)
tests: $(fuzz-tests)

.PHONY: fuzz
fuzz: $(fuzz-names:%=$(O)/fuzz/%)
	$(Q)for name in $(fuzz-names); do \
		mkdir -p $(FUZZ_CORPUS)/$$name && \
		$(O)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/$$name- $(FUZZ_CORPUS)/$$name || exit 1; \
	done
