// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages a vector may work on.
 *
 * Pinning has refused what has no struct page.  A page that belongs to no device
 * and is anonymous is memory of the caller, cached like all memory, and stays where
 * it is while it is pinned.  Of any other page the mapping must be asked.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pgtable.h>
#include <linux/sched.h>

#include "call.h"

static bool opv_prot_is(pgprot_t prot, pgprot_t other)
{
	return pgprot_val(prot) == pgprot_val(other);
}

/*
 * The kernel's own mapping of the page is cached: two mappings that differ in this
 * are forbidden on some machines.  Asking for what a protection has changes nothing,
 * and on machines that know no such thing it never changes anything.
 */
bool opv_prot_is_cached(pgprot_t prot)
{
	const pgprot_t plain = vm_get_page_prot(VM_READ | VM_WRITE);

	if (!opv_prot_is(plain, pgprot_noncached(plain)) &&
	    opv_prot_is(prot, pgprot_noncached(prot)))
		return false;
	return opv_prot_is(plain, pgprot_writecombine(plain)) ||
	       !opv_prot_is(prot, pgprot_writecombine(prot));
}

static int opv_vma_check(const struct vm_area_struct *vma)
{
	if (vma->vm_flags & (VM_IO | VM_PFNMAP))
		return -EFAULT;
	if (!opv_prot_is_cached(vma->vm_page_prot))
		return -EFAULT;
	/*
	 * The zero page, or a page of a file that was mapped privately: the first
	 * write of any thread leaves this one behind, and a vector that ran after
	 * that write must not miss it. (K6)
	 */
	return (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE ? OPV_PAGE_OTHER : 0;
}

int opv_page_check(struct page *page, unsigned long addr)
{
	struct folio *folio = page_folio(page);
	struct mm_struct *mm = current->mm;
	const struct vm_area_struct *vma;
	int ret = -EFAULT;

	if (folio_is_zone_device(folio))
		return -EFAULT;
	if (folio_test_anon(folio))
		return 0;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	addr = untagged_addr(addr);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr)
		ret = opv_vma_check(vma);
	mmap_read_unlock(mm);
	return ret;
}
