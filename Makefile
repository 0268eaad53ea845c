# SPDX-License-Identifier: MIT
#
# make			the library and the command, in build/
# make check		the tests (./test installs what they need first)
# make bench		what things cost here
# make install		DESTDIR=, prefix=, bindir=, libdir=, includedir=, mandir=
# make help		the rest
#
# O=dir builds elsewhere; V=1 shows commands; CC, CFLAGS, CPPFLAGS, LDFLAGS and
# CROSS_COMPILE are respected.

VERSION	:= $(shell cat VERSION)
SOMAJOR	:= 0

prefix		?= /usr/local
bindir		?= $(prefix)/bin
libdir		?= $(prefix)/lib
includedir	?= $(prefix)/include
mandir		?= $(prefix)/share/man
pkgconfigdir	?= $(libdir)/pkgconfig
datadir		?= $(prefix)/share

O	?= build
ifeq ($(V),1)
Q	:=
else
Q	:= @
endif
say	= $(if $(Q),@printf '  %-7s %s\n' '$1' '$2')

ifeq ($(origin CC),default)
CC	:= $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR	:= $(CROSS_COMPILE)ar
endif
CFLAGS	?= -O2 -g

# What the sources need, whatever the user asks for.
opv-cflags := -std=gnu11 -Wall -Wextra -Iinclude -DOPV_VERSION='"$(VERSION)"' -MMD -MP
# Position-independent and exact about TLS, in the static library too.
lib-cflags := -fPIC -fvisibility=hidden -fno-semantic-interposition
# CPU_OPV_NR=number: what cpu_opv is as a system call, where no header says so.
lib-cflags += $(if $(CPU_OPV_NR),-DOPV_NR_CPU_OPV=$(CPU_OPV_NR))

lib-srcs := $(wildcard src/*.c src/engine/*.c)
lib-objs := $(addprefix $(O)/,$(addsuffix .o,$(basename $(lib-srcs))))
opv-srcs := $(wildcard tools/opv/*.c)
opv-objs := $(addprefix $(O)/,$(addsuffix .o,$(basename $(opv-srcs))))

.PHONY: all lib check bench install uninstall clean help
all: lib $(O)/opv

lib: $(O)/libopv.a $(O)/libopv.so

$(O)/libopv.a: $(lib-objs)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/libopv.so.$(SOMAJOR): $(lib-objs) src/libopv.map
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libopv.so.$(SOMAJOR) \
		-Wl,--version-script,src/libopv.map -Wl,-z,nodelete,-z,defs -o $@ $(lib-objs)

$(O)/libopv.so: $(O)/libopv.so.$(SOMAJOR)
	$(Q)ln -sf $(<F) $@

$(O)/src/%.o: src/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) $(lib-cflags) -c -o $@ $<

$(O)/opv: $(opv-objs) $(O)/libopv.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(opv-objs) $(O)/libopv.a -pthread -lm

$(O)/tools/%.o: tools/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(opv-cflags) $(CFLAGS) -c -o $@ $<

help:
	@sed -n "3,10{s/^# \\?//;p}" Makefile

clean:
	$(Q)rm -rf $(O)

include $(wildcard make/*.mk)
-include $(lib-objs:.o=.d) $(opv-objs:.o=.d)
