/* SPDX-License-Identifier: MIT
 *
 * bench/place.c - reads affinity and core siblings from the kernel. hwloc is not used here: the
 * harness must also run where it may not look at the topology, and a benchmark with two threads
 * needs no more than two different cores. */
#include "bench/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The first CPU listed as sharing a core with `cpu`; itself where the kernel does not tell. */
static int core_of(int cpu)
{
	char path[96];
	int first = cpu;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%d", &first) != 1)
			first = cpu;
		fclose(f);
	}
	return first;
}

void place_read(struct place *p)
{
	int sibling[PLACE_MAX], siblings = 0;
	unsigned char taken[PLACE_MAX] = {0};

	p->n = 0;
	CPU_ZERO(&p->allowed);
	if (sched_getaffinity(0, sizeof(p->allowed), &p->allowed))
		CPU_SET(0, &p->allowed);
	for (int c = 0; c < PLACE_MAX && c < CPU_SETSIZE; c++) {
		if (!CPU_ISSET(c, &p->allowed))
			continue;

		int core = core_of(c);

		if (core < 0 || core >= PLACE_MAX)
			core = c;
		if (taken[core]) {
			sibling[siblings++] = c;
		} else {
			taken[core] = 1;
			p->cpu[p->n++] = c;
		}
	}
	p->cores = p->n;
	for (int i = 0; i < siblings; i++)
		p->cpu[p->n++] = sibling[i];
}

int place_cpu(const struct place *p, enum bench_placement where, int i)
{
	switch (where) {
	case BENCH_SAME_CPU:
		return p->cpu[0];
	case BENCH_TWO_CPUS:
		return p->cpu[i % 2 % p->n];
	case BENCH_ALL_CPUS:
		return p->cpu[i % p->n];
	default:
		return -1;
	}
}

const char *place_missing(const struct place *p, enum bench_placement where)
{
	return where == BENCH_TWO_CPUS && p->n < 2 ? "needs two CPUs, one is allowed here" : NULL;
}

const char *place_name(enum bench_placement where)
{
	static const char *const name[BENCH_PLACEMENTS] = {"free", "same-cpu", "two-cpus", "all-cpus"};

	return where < BENCH_PLACEMENTS ? name[where] : "?";
}

int place_bind(const struct place *p, int cpu)
{
	cpu_set_t set = p->allowed;

	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	if (cpu >= 0 && sched_getcpu() != cpu)
		return -EXDEV;
	return 0;
}
