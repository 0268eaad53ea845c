// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/cpu_opv: the call for kernels that do not have it as a system call.  Anybody
 * may open it: it works on the memory of whoever calls, through his own mappings.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include <opv/uapi/cpu_opv_ioctl.h>

#include "alias.h"
#include "call.h"
#include "copy.h"

/* Nearly always; what is not as hoped is looked at again. */
static bool opv_args_get_quickly(struct cpu_opv_args *args, const struct cpu_opv_args __user *uargs)
{
	bool got;

	if (!opv_is_word_aligned(uargs) || !user_read_access_begin(uargs, sizeof(*uargs)))
		return false;
	got = opv_get_words(args, uargs, OPV_WORDS(*args));
	user_read_access_end();
	return got && args->size == sizeof(*args);
}

static int opv_args_get(struct cpu_opv_args *args, const struct cpu_opv_args __user *uargs)
{
	u32 size;

	if (opv_args_get_quickly(args, uargs))
		return 0;
	if (get_user(size, &uargs->size))
		return -EFAULT;
	if (size < CPU_OPV_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(args, sizeof(*args), uargs, size);
}

static long opv_ioctl_run(const struct cpu_opv_args __user *uargs)
{
	struct cpu_opv_args args __uninitialized;
	int ret;

	ret = opv_args_get(&args, uargs);
	if (ret)
		return ret;
	if ((uintptr_t)args.vec != args.vec)
		return -EFAULT;
	return cpu_opv_run(u64_to_user_ptr(args.vec), args.count, args.cpu, args.flags);
}

static long opv_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd != CPU_OPV_IOC_RUN)
		return -ENOTTY;
	return opv_ioctl_run((const struct cpu_opv_args __user *)arg);
}

static const struct file_operations opv_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= opv_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice opv_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "cpu_opv",
	.mode	= 0666,
	.fops	= &opv_fops,
};

static int __init opv_init(void)
{
	BUILD_BUG_ON(sizeof(struct cpu_opv_args) != CPU_OPV_ARGS_SIZE_VER0);
	if (opv_dcache_aliases()) {
		pr_err("data caches that alias are not supported\n");
		return -ENODEV;
	}
	return misc_register(&opv_device);
}

static void __exit opv_exit(void)
{
	misc_deregister(&opv_device);
}

module_init(opv_init);
module_exit(opv_exit);

MODULE_DESCRIPTION("cpu_opv: vectors of operations as if by one CPU");
MODULE_LICENSE("GPL");
