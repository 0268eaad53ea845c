/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_ASM_WALK_H
#define _TESTS_ASM_WALK_H

/*
 * The descriptors of this program as the kernel would see them.  Found through the
 * section headers of the file: naming __start___rseq_cs would keep alive what
 * the linker ought to drop.  C and C++.
 */

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

struct walk_section {
	uintptr_t addr;
	size_t size;
};

/* struct rseq_cs of the kernel. */
struct walk_cs {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

static char *walk_file;		/* this program, all of it */
static uintptr_t walk_base;	/* where it was loaded, less where it was linked */

static void walk_read(void)
{
	FILE *f = fopen("/proc/self/exe", "r");
	const Elf64_Ehdr *e;
	long size;

	if (!f || fseek(f, 0, SEEK_END))
		abort();
	size = ftell(f);
	rewind(f);
	walk_file = (char *)malloc((size_t)size);
	if (!walk_file || fread(walk_file, 1, (size_t)size, f) != (size_t)size)
		abort();
	fclose(f);
	e = (const Elf64_Ehdr *)walk_file;
	walk_base = e->e_type == ET_DYN ? getauxval(AT_PHDR) - e->e_phoff : 0;
}

/* Of several with the name, all are in a row. */
static struct walk_section walk_find(const char *name)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)walk_file;
	const Elf64_Shdr *s = (const Elf64_Shdr *)(walk_file + e->e_shoff);
	const char *names = walk_file + s[e->e_shstrndx].sh_offset;
	struct walk_section found = { 0, 0 };
	int i;

	for (i = 0; i < e->e_shnum; i++) {
		if (strcmp(names + s[i].sh_name, name))
			continue;
		if (!found.size)
			found.addr = walk_base + s[i].sh_addr;
		found.size = walk_base + s[i].sh_addr + s[i].sh_size - found.addr;
	}
	return found;
}

static int walk_inside(struct walk_section s, uint64_t from, uint64_t to)
{
	return from >= s.addr && to <= s.addr + s.size && from <= to;
}

/* What is wrong with a descriptor, or NULL. */
static const char *walk_judge(const struct walk_cs *cs, struct walk_section text,
			      struct walk_section failure)
{
	static const unsigned char ud1[] = { 0x0f, 0xb9, 0x3d, 0x53, 0x30, 0x05, 0x53 };
	const unsigned char *handler = (const unsigned char *)(uintptr_t)cs->abort;

	if (cs->version || cs->flags)
		return "version or flags are not 0";
	if ((uintptr_t)cs % 32)
		return "it is not aligned to 32 bytes";
	if (!cs->length || cs->length > 1024)
		return "its length is none";
	if (!walk_inside(text, cs->start, cs->start + cs->length))
		return "the section is not in .text";
	if (cs->abort - cs->start < cs->length)
		return "the abort handler is inside of the section";
	if (!walk_inside(failure, cs->abort - sizeof(ud1), cs->abort + 2))
		return "the abort handler is not in __rseq_failure";
	if (memcmp(handler - sizeof(ud1), ud1, sizeof(ud1)))
		return "there is no signature before the abort handler";
	if (*handler != 0xe9 && *handler != 0xeb)
		return "the abort handler does not jump back";
	return NULL;
}

static int walk_order(const void *a, const void *b)
{
	const struct walk_cs *x = (const struct walk_cs *)a, *y = (const struct walk_cs *)b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* How many descriptors there are, and how many of them are bad; told as TAP comments. */
__attribute__((__unused__))
static int walk_all(int *bad)
{
	struct walk_section cs, text, failure;
	struct walk_cs *all;
	const char *why;
	int i, n;

	walk_read();
	cs = walk_find("__rseq_cs");
	text = walk_find(".text");
	failure = walk_find("__rseq_failure");
	n = (int)(cs.size / sizeof(*all));
	*bad = cs.size % sizeof(*all) != 0;
	all = (struct walk_cs *)malloc(cs.size + 1);
	if (!all)
		abort();
	for (i = 0; i < n; i++) {
		all[i] = ((const struct walk_cs *)cs.addr)[i];
		why = walk_judge((const struct walk_cs *)cs.addr + i, text, failure);
		if (why)
			printf("# descriptor %d: %s\n", i, why);
		*bad += why != NULL;
	}
	qsort(all, (size_t)n, sizeof(*all), walk_order);
	for (i = 1; i < n; i++)
		if (all[i].start < all[i - 1].start + all[i - 1].length) {
			printf("# two sections overlap\n");
			(*bad)++;
		}
	free(all);
	return n;
}

/* One line for each: start, end and abort as addresses of the file, in hex. */
__attribute__((__unused__))
static void walk_list(void)
{
	struct walk_section cs;
	size_t i;

	walk_read();
	cs = walk_find("__rseq_cs");
	for (i = 0; i < cs.size / sizeof(struct walk_cs); i++) {
		const struct walk_cs *c = (const struct walk_cs *)cs.addr + i;

		printf("%016llx %016llx %016llx\n", (unsigned long long)(c->start - walk_base),
		       (unsigned long long)(c->start + c->length - walk_base),
		       (unsigned long long)(c->abort - walk_base));
	}
}

#endif /* _TESTS_ASM_WALK_H */
