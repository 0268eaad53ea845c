// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/opv_aid, for tests only: memory that is mapped as drivers of devices do it, and
 * an interrupt that does nothing, to measure by.
 *
 *	mmap, page 0	uncached
 *	      page 1	write-combined
 *	      page 2	as any memory
 *	ioctl 0, cpu	an interrupt there, waited for
 *	ioctl 1		nothing
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/smp.h>

#define NR_PAGES 3

static struct page *pages[NR_PAGES];

static void nothing(void *info)
{
}

static long aid_ioctl(struct file *file, unsigned int cmd, unsigned long cpu)
{
	if (cmd == 1)
		return 0;
	return cmd ? -ENOTTY : smp_call_function_single(cpu, nothing, NULL, 1);
}

static int aid_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long which = vma->vm_pgoff;

	if (which >= NR_PAGES || vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	if (which == 0)
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	if (which == 1)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return vm_insert_page(vma, vma->vm_start, pages[which]);
}

static const struct file_operations aid_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= aid_ioctl,
	.mmap		= aid_mmap,
};

static struct miscdevice aid_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "opv_aid",
	.mode	= 0666,
	.fops	= &aid_fops,
};

static void aid_free(void)
{
	int i;

	for (i = 0; i < NR_PAGES; i++)
		if (pages[i])
			__free_page(pages[i]);
}

static int __init aid_init(void)
{
	int i, ret = 0;

	for (i = 0; i < NR_PAGES && !ret; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		ret = pages[i] ? 0 : -ENOMEM;
	}
	ret = ret ? ret : misc_register(&aid_device);
	if (ret)
		aid_free();
	return ret;
}

static void __exit aid_exit(void)
{
	misc_deregister(&aid_device);
	aid_free();
}

module_init(aid_init);
module_exit(aid_exit);

MODULE_DESCRIPTION("what tests of cpu_opv need of a kernel");
MODULE_LICENSE("GPL");
