# SPDX-License-Identifier: MIT
#
# Tests: tests/AREA/NAME.c becomes $(O)/tests/AREA/NAME.t, linked with libopv.a;
# tests/AREA/NAME.sh is run as it lies.  All print TAP (tests/tap.h, tests/tap.sh).
# An area with a build of its own says so in tests/AREA/area.mk and lists its
# programs in other-tests.  cflags-AREA/NAME and libs-AREA/NAME add to a program.
# Tests that want the machine for themselves are named in alone-tests, those that boot
# guests, which have CPUs enough of their own, in guest-tests.

-include $(wildcard tests/*/area.mk)

test-srcs := $(filter-out $(addprefix tests/,$(addsuffix /%,$(own-areas))),$(wildcard tests/*/*.c))
test-bins := $(patsubst %.c,$(O)/%.t,$(test-srcs))
test-shells := $(wildcard tests/*/*.sh)

$(O)/tests/%.t: tests/%.c tests/tap.h $(O)/libopv.a
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) -Itests $(cflags-$*) -MF $@.d -o $@ $< \
		$(LDFLAGS) $(O)/libopv.a -pthread $(libs-$*)

-include $(addsuffix .d,$(test-bins))

.PHONY: tests
tests: $(test-bins) $(other-tests)

# TESTS=... runs some of them.
TESTS ?= $(test-bins) $(other-tests) $(test-shells)

check: all tests
	$(Q)OPV_SRC=$(CURDIR) OPV_BUILD=$(abspath $(O)) CC="$(CC)" \
		tests/run $(O)/tests $(if $(alone-tests),--alone "$(alone-tests)") \
		$(if $(guest-tests),--guests "$(guest-tests)") $(TESTS)
