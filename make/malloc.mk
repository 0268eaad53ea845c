# SPDX-License-Identifier: MIT
#
# libopv-malloc.so, preloaded into programs: its own objects and those of libopv, which it
# hides, so that it needs the C library only.  It takes the place of glibc's malloc and
# stands on it; no other C library has what it needs.

malloc-srcs := $(wildcard malloc/*.c)
malloc-objs := $(addprefix $(O)/,$(malloc-srcs:.c=.o))
# No builtins: malloc() and memset() in calloc() must not become calloc().
# No __PIC__: the library is never unloaded (nodelete), so a section that is over need not be
# disarmed, <opv/arch/x86_64.h>.
malloc-cflags := -fPIC -U__PIC__ -fvisibility=hidden -fno-builtin -U_FORTIFY_SOURCE

# A sanitizer has an allocator of its own, and its runtime cannot be preloaded.
ifeq ($(findstring -fsanitize,$(CC) $(CFLAGS) $(LDFLAGS)),)
ifneq ($(findstring gnu,$(shell $(CC) -dumpmachine 2>/dev/null)),)
install-preload += $(O)/libopv-malloc.so
all: $(O)/libopv-malloc.so
endif
endif

$(O)/libopv-malloc.so: $(malloc-objs) $(O)/libopv.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libopv-malloc.so -Wl,--exclude-libs,ALL \
		-Wl,-z,nodelete,-z,defs,-z,now,--strip-debug -o $@ $(malloc-objs) $(O)/libopv.a

$(O)/malloc/%.o: malloc/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) $(malloc-cflags) -c -o $@ $<

-include $(malloc-objs:.o=.d)

$(O)/tools/opv/malloc_library.o: opv-cflags += -DOPV_MALLOC_LIBDIR='"$(libdir)/opv"'
