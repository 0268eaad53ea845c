# SPDX-License-Identifier: MIT
#
# make examples: examples/NAME.c becomes $(O)/examples/NAME.  They see include/ only.

example-bins := $(patsubst %.c,$(O)/%,$(wildcard examples/*.c))

.PHONY: examples
examples: $(example-bins)
tests: examples

$(O)/examples/%: examples/%.c $(O)/libopv.a
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) -o $@ $< $(LDFLAGS) $(O)/libopv.a -pthread

-include $(addsuffix .d,$(example-bins))
