# SPDX-License-Identifier: MIT
#
# What runs in guests is linked statically, by a C library that can be: the command, the
# tests of operations, and tests/guest/prog/NAME.c.  They are in $(O)/guest/, all in one folder.

guest-ops := $(filter-out symbols types,$(basename $(notdir $(wildcard tests/ops/*.c))))
guest-progs := $(basename $(notdir $(wildcard tests/guest/prog/*.c)))
guest-bins := $(addprefix $(O)/guest/,opv $(guest-ops) $(guest-progs))
# Callers of 32 bits: the same programs, which need nothing of the library.  Empty files, if
# there is no C library for them.
guest-bins32 := $(addprefix $(O)/guest/,cases32 corners32 operands32 differential32)

# An empty file if there is no static C library for these flags; then there are no programs.
$(O)/guest/libc:
	@mkdir -p $(@D)
	$(Q)echo 'int main(void) { return 0; }' >$@.c
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $@.c -pthread 2>/dev/null || : >$@

guest-link = $(Q)[ ! -s $(O)/guest/libc ] || \
	$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) -Itests $(cflags-guest/$(@F)) -MF $@.d -o $@ $1 \
		$(LDFLAGS) -static $(O)/libopv.a -pthread -lm

# One file of the command is another one where it is static.
guest-opv-objs := $(filter-out %/bench_peers.o,$(opv-objs)) $(O)/guest/bench_peers.o

$(O)/guest/bench_peers.o: tools/opv/bench_peers.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) -DOPV_STATIC -c -o $@ $<

$(O)/guest/opv: $(guest-opv-objs) $(O)/libopv.a $(O)/guest/libc
	$(call say,LD,$@)
	$(call guest-link,$(guest-opv-objs))

$(addprefix $(O)/guest/,$(guest-ops)): $(O)/guest/%: tests/ops/%.c tests/tap.h $(O)/libopv.a $(O)/guest/libc
	$(call say,CC,$@)
	$(call guest-link,$<)

$(addprefix $(O)/guest/,$(guest-progs)): $(O)/guest/%: tests/guest/prog/%.c tests/tap.h $(O)/libopv.a $(O)/guest/libc
	$(call say,CC,$@)
	$(call guest-link,$<)

# Debian has the kernel's headers where compilers of 32 bits do not look.
$(guest-bins32): $(O)/guest/%32: tests/guest/prog/%.c tests/tap.h $(O)/guest/libc
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) -Itests -m32 -idirafter /usr/include/x86_64-linux-gnu \
		-MF $@.d -o $@ $< $(LDFLAGS) -static 2>/dev/null || : >$@

-include $(addsuffix .d,$(guest-bins) $(guest-bins32))

tests: $(guest-bins) $(guest-bins32)

guest-tests += $(wildcard tests/guest/*.sh)
