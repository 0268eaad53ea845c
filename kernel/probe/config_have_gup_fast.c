// SPDX-License-Identifier: GPL-2.0
/* Since 6.10, what CONFIG_HAVE_FAST_GUP was: page tables may be walked with interrupts off. */
#include <linux/kconfig.h>

#ifndef CONFIG_HAVE_GUP_FAST
# error "it has the old name, or none"
#endif
