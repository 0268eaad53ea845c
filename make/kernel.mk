# SPDX-License-Identifier: MIT
#
# make kernel KDIR=dir		the module for the kernel whose headers are in dir
# make kernel-tree		its sources alone in $(O)/kernel, for DKMS
# make kernel-patch TREE=dir	patches in $(O)/patch that add the call to the kernel's source in dir
# KERNEL_OUT=dir does the first two elsewhere.  Nothing is built among the sources.

KDIR		?= /lib/modules/$(shell uname -r)/build
KERNEL_OUT	?= $(O)/kernel

.PHONY: kernel kernel-tree kernel-patch
kernel-patch:
	$(call say,PATCH,$(O)/patch)
	$(Q)$(if $(TREE),,$(error TREE= the source of a kernel))kernel/make-patch.sh $(TREE) $(O)/patch

kernel-tree:
	$(call say,TREE,$(KERNEL_OUT))
	$(Q)kernel/tree.sh $(KERNEL_OUT)

# What is given here (O=, CC=, CFLAGS=) means something else there, or nothing good.
kernel: kernel-tree
	$(call say,KBUILD,$(KERNEL_OUT)/kernel/cpu_opv.ko)
	$(Q)env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(MAKE) $(if $(Q),-s,V=1) \
		-C $(KERNEL_OUT)/kernel KDIR=$(KDIR) modules
