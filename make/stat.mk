# SPDX-License-Identifier: MIT
#
# libopv-stat.so, which opv stat preloads: its own objects and those of libopv, which
# it hides, so that it needs the C library only and disturbs no libopv of the program.

preload-srcs := $(wildcard preload/*.c)
preload-objs := $(addprefix $(O)/,$(preload-srcs:.c=.o))
# Wrappers are no builtins, are no inlines of a fortified header, and are unwound
# through when a thread is cancelled in what they call.  Where a function begins in a line of
# code shows behind a system call.  How they return goes by a variable that assembly names,
# and by no shadow stack.
preload-cflags := -fPIC -fvisibility=hidden -fno-builtin -U_FORTIFY_SOURCE -fexceptions \
	-falign-functions=32 -fno-lto \
	$(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-fcf-protection=none)

# A sanitizer's runtime cannot be preloaded into programs that have none.
ifeq ($(findstring -fsanitize,$(CC) $(CFLAGS) $(LDFLAGS)),)
# For make install: it goes to $(libdir)/opv/, where the installed command looks.
install-preload += $(O)/libopv-stat.so
endif

all: $(install-preload)

# Without debug information: what looks into the programs that it is loaded into (valgrind,
# say) may know less of it than the compiler did.
$(O)/libopv-stat.so: $(preload-objs) $(O)/libopv.a preload/preload.map
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libopv-stat.so \
		-Wl,--version-script,preload/preload.map -Wl,--exclude-libs,ALL \
		-Wl,-z,nodelete,-z,defs,-z,now,--strip-debug -o $@ $(preload-objs) $(O)/libopv.a

$(O)/preload/%.o: preload/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) $(preload-cflags) -c -o $@ $<

$(O)/tools/opv/stat_%.o: opv-cflags += -DOPV_STAT_LIBDIR='"$(libdir)/opv"'

-include $(preload-objs:.o=.d)

.PHONY: bench-stat
bench-stat: all
	$(Q)OPV_SRC=$(CURDIR) OPV_BUILD=$(abspath $(O)) CC="$(CC)" tests/stat/overhead
