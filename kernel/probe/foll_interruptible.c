// SPDX-License-Identifier: GPL-2.0
/* Signals other than fatal ones end the wait for a page.  A macro at first, an enum later. */
#include <linux/mm.h>

unsigned int probe(void);
unsigned int probe(void)
{
	return FOLL_INTERRUPTIBLE;
}
