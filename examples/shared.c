// SPDX-License-Identifier: MIT
/*
 * Two programs count in the same per-CPU memory.  The first one makes a shared
 * domain and starts the second one with two numbers: the descriptor of the
 * domain's memory, and the part of the handle that is the same in all processes.
 */
#include <opv/opv.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOPS 100000

static int count(uint64_t *hits)
{
	int i, ret = 0;

	for (i = 0; i < LOOPS && !ret; i++)
		ret = opv_add(hits, 1, i % 1000 ? OPV_THIS_CPU : 0);
	return ret;
}

static int second(int fd, size_t offset)
{
	struct opv_domain *d;
	int ret = opv_domain_attach(&d, fd, NULL);

	return ret ? ret : count(opv_handle(d, offset));
}

int main(int argc, char **argv)
{
	struct opv_domain_options options = {
		.size = sizeof(options), .flags = OPV_DOMAIN_SHARED, .percpu_size = 4096,
	};
	struct opv_domain *d;
	uint64_t *hits, sum = 0;
	int cpu, status = 0;
	pid_t child;

	if (argc == 3)
		return second(atoi(argv[1]), strtoul(argv[2], NULL, 10)) != 0;
	if (opv_domain_create(&d, &options) || opv_new(d, &hits))
		return 1;
	child = fork();
	if (!child) {
		char fd[16], offset[32];

		/* Its own descriptor is close-on-exec, a dup() is not. */
		snprintf(fd, sizeof(fd), "%d", dup(opv_domain_fd(d)));
		snprintf(offset, sizeof(offset), "%zu", opv_handle_offset(hits));
		execl("/proc/self/exe", argv[0], fd, offset, (char *)NULL);
		_exit(127);
	}
	status = count(hits);
	if (status || waitpid(child, &status, 0) != child || status)
		return 1;
	for (cpu = 0; cpu < opv_domain_cpus(d); cpu++)
		sum += *opv_ptr(hits, cpu);
	printf("%llu of %d\n", (unsigned long long)sum, 2 * LOOPS);
	return opv_domain_destroy(d) || sum != 2 * LOOPS;
}
