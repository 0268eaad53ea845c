# SPDX-License-Identifier: MIT
#
# make install, make uninstall.  What goes where is derived: the headers are the
# include tree as it lies, the pages come from man/ and the names in them.

INSTALL	?= install

install-headers := $(shell cd include && find opv -type f ! -name README.md)
man-pages := $(wildcard man/*.[1-8])

# Every page, and a page for every further name in a NAME section.
man: $(O)/man/.done
.PHONY: man
all: man

$(O)/man/.done: $(man-pages) make/man-tree.sh make/install.mk include/opv/calls.def include/opv/call.h
	$(call say,MAN,$(O)/man)
	@mkdir -p $(O)
	$(Q)make/man-tree.sh man $(O)/man include/opv
	@mkdir -p $(@D) && touch $@

# A path below the prefix, as a .pc file says it, so that the tree can be moved.
pc-path = $(patsubst $(prefix)/%,$${prefix}/%,$1)

# Fully expanded, for everything that does not begin at the root of DESTDIR.
dest = $(DESTDIR)$1
put = $(INSTALL) -m $1 $2 $(call dest,$3)
preload-dir = $(libdir)/opv

.PHONY: install-lib install-opv install-man
install: install-lib install-opv install-man

install-lib: lib
	$(call say,INSTALL,$(call dest,$(libdir)/libopv.*))
	$(Q)$(INSTALL) -d $(call dest,$(libdir)) $(call dest,$(pkgconfigdir))
	$(Q)$(call put,644,$(O)/libopv.a,$(libdir)/libopv.a)
	$(Q)$(call put,755,$(O)/libopv.so.$(SOMAJOR),$(libdir)/libopv.so.$(VERSION))
	$(Q)ln -sf libopv.so.$(VERSION) $(call dest,$(libdir)/libopv.so.$(SOMAJOR))
	$(Q)ln -sf libopv.so.$(SOMAJOR) $(call dest,$(libdir)/libopv.so)
	$(call say,INSTALL,$(call dest,$(includedir)/opv))
	$(Q)for h in $(install-headers); do \
		$(INSTALL) -D -m 644 include/$$h $(call dest,$(includedir))/$$h || exit 1; \
	done
	$(Q)sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(call pc-path,$(libdir))|' \
		-e 's|@includedir@|$(call pc-path,$(includedir))|' -e 's|@version@|$(VERSION)|' \
		src/libopv.pc.in >$(call dest,$(pkgconfigdir)/libopv.pc)
	$(Q)chmod 644 $(call dest,$(pkgconfigdir)/libopv.pc)

# install-preload is what opv loads into the programs that it watches.
install-opv: all
	$(call say,INSTALL,$(call dest,$(bindir)/opv))
	$(Q)$(INSTALL) -d $(call dest,$(bindir))
	$(Q)$(call put,755,$(O)/opv,$(bindir)/opv)
	$(if $(strip $(install-preload)),$(Q)$(INSTALL) -d $(call dest,$(preload-dir)))
	$(if $(strip $(install-preload)),$(Q)$(call put,755,$(install-preload),$(preload-dir)/))

install-man: man
	$(call say,INSTALL,$(call dest,$(mandir)))
	$(Q)cd $(O)/man && for p in man*/*; do \
		$(INSTALL) -D -m 644 $$p $(call dest,$(mandir))/$$p || exit 1; \
	done

# Only what install puts there, and folders that are empty then.
uninstall: man
	$(call say,REMOVE,$(call dest,$(prefix)))
	$(Q)rm -f $(call dest,$(bindir)/opv) $(call dest,$(libdir)/libopv.a) \
		$(foreach v,so so.$(SOMAJOR) so.$(VERSION),$(call dest,$(libdir)/libopv.$v)) \
		$(foreach p,$(notdir $(install-preload)),$(call dest,$(preload-dir)/$p)) \
		$(call dest,$(pkgconfigdir)/libopv.pc)
	$(Q)cd $(O)/man && for p in man*/*; do rm -f $(call dest,$(mandir))/$$p; done
	$(Q)for h in $(install-headers); do rm -f $(call dest,$(includedir))/$$h; done
	$(Q)for d in $(call dest,$(includedir)/opv) $(call dest,$(preload-dir)); do \
		[ ! -d $$d ] || find $$d -depth -type d -empty -delete; \
	done
