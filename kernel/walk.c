// SPDX-License-Identifier: GPL-2.0
/*
 * What is mapped at an address, looked at without locks and without waiting.  Not a
 * promise: with the next instruction it may be something else.  So it only decides
 * which road is taken, and that memory which pinning refuses is refused on both.
 *
 * With interrupts off page tables are not freed: what pin_user_pages_fast() goes by.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "call.h"

#ifdef HAVE_config_have_gup_fast
# define OPV_MAY_WALK	IS_ENABLED(CONFIG_HAVE_GUP_FAST)
#else
# define OPV_MAY_WALK	IS_ENABLED(CONFIG_HAVE_FAST_GUP)
#endif

/* Entries that are one access, tables that are always mapped, and nothing in them but both. */
#if OPV_MAY_WALK && IS_ENABLED(CONFIG_64BIT) && !IS_ENABLED(CONFIG_HIGHPTE) && \
	!IS_ENABLED(CONFIG_ARCH_HAS_HUGEPD)

#if defined(pte_pgprot) && defined(pmd_pgprot)
# define OPV_KNOWS_PROT 1
#else
# define OPV_KNOWS_PROT 0	/* what is shared takes the long road */
# define pte_pgprot(pte)	((void)(pte), __pgprot(0))
# define pmd_pgprot(pmd)	((void)(pmd), __pgprot(0))
#endif

/*
 * Memory as any: private to the process, or shared and made of nothing but memory (tmpfs,
 * memfd, System V), which only drivers would map uncached.
 */
static inline bool opv_is_plain(struct page *page, pgprot_t prot)
{
	struct folio *folio = page_folio(page);

	/* It may be freed meanwhile: then this is the past. */
	if (data_race(folio_is_zone_device(folio)))
		return false;
	/* The same. */
	if (data_race(folio_test_anon(folio)))
		return true;
	/* The same. */
	if (!data_race(folio_test_swapbacked(folio)))
		return false;
	return OPV_KNOWS_PROT && opv_prot_is_cached(prot);
}

static bool opv_pmd_suits(pmd_t pmd, bool write)
{
	return pmd_access_permitted(pmd, write) && pfn_valid(pmd_pfn(pmd)) &&
	       opv_is_plain(pmd_page(pmd), pmd_pgprot(pmd));
}

static bool opv_pte_suits(pte_t pte, bool write)
{
	/* Special: without a struct page, or the zero page. */
	return pte_access_permitted(pte, write) && !pte_special(pte) &&
	       opv_is_plain(pte_page(pte), pte_pgprot(pte));
}

static pmd_t *opv_pmd_of(unsigned long addr)
{
	pgd_t *pgdp = pgd_offset(current->mm, addr), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;

	if (!pgd_present(pgd) || pgd_leaf(pgd))
		return NULL;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (!p4d_present(p4d) || p4d_leaf(p4d))
		return NULL;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud) || pud_leaf(pud))
		return NULL;
	return pmd_offset_lockless(pudp, pud, addr);
}

/* To what maps that address; false: nothing does. */
static bool opv_walk_to(struct opv_walk *walk, unsigned long addr)
{
	pmd_t *pmdp, pmd;

	if (!access_ok((const void __user *)(addr & PAGE_MASK), PAGE_SIZE))
		return false;
	pmdp = opv_pmd_of(addr);
	if (!pmdp)
		return false;
	pmd = READ_ONCE(*pmdp);
	if (!pmd_present(pmd))
		return false;
	walk->base = addr & PMD_MASK;
	walk->pmd = pmd;
	walk->table = pmd_leaf(pmd) ? NULL : pte_offset_kernel(&pmd, walk->base);
	return true;
}

/* What is near an address of user space and may be accessed by users is in user space, too. */
bool opv_page_is_there(struct opv_walk *walk, unsigned long addr, bool write)
{
	if (walk->base != (addr & PMD_MASK) && !opv_walk_to(walk, addr))
		return false;
	if (!walk->table)
		return opv_pmd_suits(walk->pmd, write);
	return opv_pte_suits(ptep_get_lockless(&walk->table[pte_index(addr)]), write);
}

#else

bool opv_page_is_there(struct opv_walk *walk, unsigned long addr, bool write)
{
	return false;
}

#endif
