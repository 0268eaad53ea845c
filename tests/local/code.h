/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_LOCAL_CODE_H
#define _TESTS_LOCAL_CODE_H

/*
 * The instructions of the library in this program, and breakpoints at them.  They
 * are found by the tools that every compiler comes with, nm and objdump.
 */

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <opv/opv.h>

#define INT3 0xcc

static uint8_t **code;
static int nr_code;

/* "a ADDRESS" of each instruction of the library but padding; "v ADDRESS" of opv_vector. */
static const char find_code[] =
	"nm '%s' | awk '$2 ~ /^[tT]$/ { print $3 }' | sort -u >'%s' &&"
	"objdump -d --no-show-raw-insn -j .text /proc/%d/exe |"
	"awk 'NR == FNR { names[$1]; next }"
	"	/^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); of = name in names;"
	"		if (name == \"opv_vector\") print \"v\", $1; next }"
	"	of && /^ +[0-9a-f]+:/ && !/nop|xchg +%%ax,%%ax/ {"
	"		sub(/:/, \"\", $1); print \"a\", $1 }' '%s' -;"
	"rm -f '%s'";

/* The library that this program was linked with, two folders above it. */
static void find_library(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	int i;

	path[len < 0 ? 0 : len] = '\0';
	for (i = 0; i < 3 && strrchr(path, '/'); i++)
		*strrchr(path, '/') = '\0';
	strncat(path, "/libopv.a", size - strlen(path) - 1);
}

/* Where the text was linked to, all of it becomes writable. */
static bool open_text(uintptr_t offset)
{
	uintptr_t low = UINTPTR_MAX, high = 0;
	int i;

	for (i = 0; i < nr_code; i++) {
		code[i] += offset;
		low = (uintptr_t)code[i] < low ? (uintptr_t)code[i] : low;
		high = (uintptr_t)code[i] > high ? (uintptr_t)code[i] : high;
	}
	low &= ~(uintptr_t)4095;
	return !mprotect((void *)low, high - low + 16, PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* NULL, or why not. */
static const char *find_instructions(void)
{
	char library[PATH_MAX], names[] = "/tmp/opv-names-XXXXXX", line[128], *command;
	uintptr_t vector = 0;
	int fd = mkstemp(names);
	FILE *f;

	if (fd < 0)
		return "no temporary file";
	close(fd);
	find_library(library, sizeof(library));
	if (asprintf(&command, find_code, library, names, getpid(), names, names) < 0)
		return "no memory";
	f = popen(command, "r");
	free(command);
	if (!f)
		return "no shell";
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == 'v') {
			vector = strtoul(line + 2, NULL, 16);
			continue;
		}
		if (!(nr_code & (nr_code - 1)))
			code = realloc(code, sizeof(*code) * (size_t)(nr_code ? 2 * nr_code : 1));
		code[nr_code++] = (uint8_t *)strtoul(line + 2, NULL, 16);
	}
	pclose(f);
	if (!vector || nr_code < 1000)
		return "objdump and nm do not show the code of the library";
	return open_text((uintptr_t)opv_vector - vector) ? NULL : "text cannot be made writable";
}

static uint8_t *planted, planted_byte;

static void plant(uint8_t *at)
{
	planted_byte = *(volatile uint8_t *)at;
	*(volatile uint8_t *)at = INT3;
	planted = at;
}

static void unplant(void)
{
	if (planted)
		*(volatile uint8_t *)planted = planted_byte;
	planted = NULL;
}

#endif /* _TESTS_LOCAL_CODE_H */
