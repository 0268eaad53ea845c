# SPDX-License-Identifier: MIT
#
# Programs that the tests of the command use, not tests themselves.

cmd-helpers := $(patsubst tests/cmd/helper/%.c,$(O)/tests/cmd/helper/%,$(wildcard tests/cmd/helper/*.c))

$(O)/tests/cmd/helper/%: tests/cmd/helper/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) -MF $@.d -o $@ $< $(LDFLAGS)

-include $(addsuffix .d,$(cmd-helpers))

tests: $(cmd-helpers)
