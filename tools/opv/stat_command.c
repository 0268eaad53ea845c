// SPDX-License-Identifier: MIT
/*
 * Will it do any good to preload something into COMMAND?  Looks at what the
 * kernel would run: the file that PATH leads to, or the interpreter of a script.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "stat.h"

#define MAX_SCRIPTS 5	/* the kernel's limit of interpreters that are scripts */

#ifdef __x86_64__
# define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
# define OWN_MACHINE EM_AARCH64
#elif defined(__powerpc64__)
# define OWN_MACHINE EM_PPC64
#elif defined(__riscv)
# define OWN_MACHINE EM_RISCV
#elif defined(__s390__)
# define OWN_MACHINE EM_S390
#else
# define OWN_MACHINE EM_NONE
#endif
#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

typedef ElfW(Ehdr) Header;
typedef ElfW(Phdr) Segment;

__attribute__((__format__(__printf__, 3, 4)))
static bool refuse(struct stat_command *c, int status, const char *format, ...)
{
	va_list args;

	c->status = status;
	va_start(args, format);
	vsnprintf(c->why, sizeof(c->why), format, args);
	va_end(args);
	return false;
}

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

static bool check_file(struct stat_command *c, const char *name)
{
	struct stat st;

	if (stat(c->path, &st))
		return refuse(c, errno == ENOENT || errno == ENOTDIR ? 127 : 126, "%s: %s", name,
			      strerror(errno));
	if (S_ISDIR(st.st_mode))
		return refuse(c, 126, "%s: is a directory", name);
	if (!is_program(c->path))
		return refuse(c, 126, "%s: not executable", name);
	return true;
}

/* As execvp() looks: a file that cannot be executed is remembered, the search goes on. */
static bool search(struct stat_command *c, const char *name)
{
	const char *path = getenv("PATH"), *end;
	bool denied = false;
	struct stat st;

	if (!*name)
		return refuse(c, 127, "the name of the command is empty");
	if (strchr(name, '/')) {
		if (snprintf(c->path, sizeof(c->path), "%s", name) >= (int)sizeof(c->path))
			return refuse(c, 127, "%s: %s", name, strerror(ENAMETOOLONG));
		return check_file(c, name);
	}
	for (path = path ? path : "/bin:/usr/bin"; path; path = *end ? end + 1 : NULL) {
		end = strchrnul(path, ':');
		if (snprintf(c->path, sizeof(c->path), "%.*s%s%s", (int)(end - path), path,
			     end > path ? "/" : "./", name) >= (int)sizeof(c->path))
			continue;
		if (is_program(c->path))
			return true;
		denied |= !stat(c->path, &st);
	}
	return denied ? refuse(c, 126, "%s: not executable", name) :
			refuse(c, 127, "%s: command not found", name);
}

/* The interpreter of "#! PATH ARGUMENT", in place; NULL if there is none. */
static char *script_interpreter(char *line)
{
	line += 2;
	line += strspn(line, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	return *line ? line : NULL;
}

static bool check_privilege(struct stat_command *c, int fd)
{
	struct stat st;

	/*
	 * Where the caller has these privileges already it would work, but whether
	 * a program can be watched should not depend on who asks.
	 */
	if (!fstat(fd, &st) && (st.st_mode & S_ISUID))
		return refuse(c, 2, "%s is set-user-ID and cannot be watched", c->path);
	if (!fstat(fd, &st) && (st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP))
		return refuse(c, 2, "%s is set-group-ID and cannot be watched", c->path);
	if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return refuse(c, 2, "%s has file capabilities and cannot be watched", c->path);
	return true;
}

/* The dynamic loader that the file asks for: 1, 0 none, -1 the file is broken. */
static int read_loader(int fd, const Header *e, char *loader, size_t size)
{
	Segment p;
	unsigned int i;

	for (i = 0; i < e->e_phnum; i++) {
		if (pread(fd, &p, sizeof(p), (off_t)(e->e_phoff + i * sizeof(p))) != sizeof(p))
			return -1;
		if (p.p_type != PT_INTERP)
			continue;
		if (p.p_filesz >= size ||
		    pread(fd, loader, p.p_filesz, (off_t)p.p_offset) != (ssize_t)p.p_filesz)
			return -1;
		return 1;
	}
	return 0;
}

static bool check_elf(struct stat_command *c, int fd, const unsigned char *head)
{
	char loader[256] = "";
	Header e;
	int ret;

	memcpy(&e, head, sizeof(e));
	if (e.e_ident[EI_CLASS] != OWN_CLASS || e.e_machine != OWN_MACHINE)
		return refuse(c, 2, "%s is of another architecture and cannot be watched", c->path);
	ret = read_loader(fd, &e, loader, sizeof(loader));
	if (ret < 0)
		return refuse(c, 2, "%s is a damaged ELF file and cannot be watched", c->path);
	if (!ret)
		return refuse(c, 2, "%s is statically linked and cannot be watched", c->path);
	if (!strstr(loader, "/ld-linux") && !strstr(loader, "/ld64.so") && !strstr(loader, "/ld.so"))
		return refuse(c, 2, "%s does not use the GNU C library (its loader is %s) and cannot be watched",
			      c->path, loader);
	return true;
}

/* Look at the file c->path.  True: look again, c->path became the interpreter of it. */
static bool look(struct stat_command *c)
{
	unsigned char head[512] = { 0 };
	int fd = open(c->path, O_RDONLY | O_CLOEXEC);
	bool again = false;
	char *interpreter;

	if (fd < 0) {
		/* It can be run but not read: then nobody can say more. */
		refuse(c, 2, "%s cannot be read (%s), so it is not known whether it can be watched",
		       c->path, strerror(errno));
		return false;
	}
	if (read(fd, head, sizeof(head) - 1) < 0)
		head[0] = '\0';
	if (!memcmp(head, ELFMAG, SELFMAG)) {
		if (check_privilege(c, fd))
			check_elf(c, fd, head);
	} else {
		/* Set-user-ID bits of scripts mean nothing.  Without "#!" execvp() asks the shell. */
		interpreter = !memcmp(head, "#!", 2) ? script_interpreter((char *)head) :
						       (char *)(uintptr_t)"/bin/sh";
		again = interpreter != NULL;
		if (interpreter)
			snprintf(c->path, sizeof(c->path), "%s", interpreter);
		else
			refuse(c, 126, "%s: \"#!\" without an interpreter", c->path);
	}
	close(fd);
	return again;
}

void stat_command_find(struct stat_command *c, const char *name)
{
	char script[sizeof(c->path)];
	int i;

	c->status = 0;
	c->why[0] = '\0';
	if (!search(c, name))
		return;
	for (i = 0; i <= MAX_SCRIPTS; i++) {
		strcpy(script, c->path);
		if (!look(c))
			return;
		if (!is_program(c->path)) {
			refuse(c, access(c->path, F_OK) ? 127 : 126,
			       "%.1000s: bad interpreter: %.2000s: %s", script, c->path,
			       access(c->path, F_OK) ? strerror(errno) : "not executable");
			return;
		}
	}
	refuse(c, 126, "%s: %s", name, strerror(ELOOP));
}
