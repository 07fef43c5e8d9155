/* SPDX-License-Identifier: MIT */
#include "bench/host.h"

#include "bench/place.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct place place; /* written before main, constant afterwards */

__attribute__((constructor)) static void remember_cpus(void)
{
	place_read(&place);
}

const char *host_missing(enum bench_placement where)
{
	return place_missing(&place, where);
}

int host_place(enum bench_placement where, int i)
{
	return place_bind(&place, place_cpu(&place, where, i));
}

const struct place *host_map(void)
{
	return &place;
}

int host_cpus(void)
{
	return place.n;
}

int host_cores(void)
{
	return place.cores;
}

/* The number behind `key` at the start of a line of a /proc file; 0 if there is none. */
static uint64_t proc_number(const char *path, const char *key)
{
	char line[256];
	uint64_t value = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof line, f)) {
		if (strncmp(line, key, strlen(key)) == 0) {
			value = strtoull(line + strlen(key), NULL, 10);
			break;
		}
	}
	fclose(f);
	return value;
}

uint64_t host_rss(void)
{
	return proc_number("/proc/self/status", "VmRSS:") * 1024;
}

uint64_t host_pte(void)
{
	return proc_number("/proc/self/status", "VmPTE:") * 1024;
}

uint64_t host_virtual(void)
{
	return proc_number("/proc/self/status", "VmSize:") * 1024;
}

static void tighten(uint64_t *room, const char **why, uint64_t limit, uint64_t used,
					const char *name)
{
	uint64_t left = limit > used ? limit - used : 0;

	if (limit && left < *room) {
		*room = left;
		*why = name;
	}
}

/* A limit of control groups and what counts against it: files in each group's folder. */
struct group_limit {
	const char *controller, *limit, *used;
};

/* The group's folder and those above it, up to the root of the hierarchy. */
static void tighten_by_group(uint64_t *room, const char **why, const struct group_limit *of,
							 const char *root, const char *group)
{
	char dir[256], path[320];
	char *end;

	snprintf(dir, sizeof dir, "%s%s", root, strcmp(group, "/") == 0 ? "" : group);
	for (;;) {
		uint64_t limit, used;

		snprintf(path, sizeof path, "%s/%s", dir, of->limit);
		limit = proc_number(path, "");
		snprintf(path, sizeof path, "%s/%s", dir, of->used);
		used = proc_number(path, "");
		tighten(room, why, limit, used, of->limit);
		end = strrchr(dir, '/');
		if (!end || (size_t)(end - dir) < strlen(root))
			return;
		*end = '\0';
	}
}

static void tighten_by_cgroups(uint64_t *room, const char **why, const struct group_limit *of)
{
	char line[256], root[64];
	FILE *f = fopen("/proc/self/cgroup", "re");

	/* "0::/path" in version 2, "7:pids:/path" in version 1 */
	while (f && fgets(line, sizeof line, f)) {
		char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;

		if (!group)
			continue;
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		snprintf(root, sizeof root, "/sys/fs/cgroup/%s", of->controller);
		if (strcmp(names, ":") == 0)
			tighten_by_group(room, why, of, "/sys/fs/cgroup", group);
		else if (strcmp(names + 1, of->controller) == 0)
			tighten_by_group(room, why, of, root, group);
	}
	if (f)
		fclose(f);
}

uint64_t host_available(void)
{
	static const struct group_limit v2 = {"memory", "memory.max", "memory.current"},
									v1 = {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes"};
	uint64_t room = proc_number("/proc/meminfo", "MemAvailable:") * 1024;
	const char *why;

	tighten_by_cgroups(&room, &why, &v2);
	tighten_by_cgroups(&room, &why, &v1);
	return room;
}

uint64_t host_thread_room(const char **why)
{
	/* /proc/loadavg ends with "running/all last-pid": all counts every thread of this pid space. */
	static const struct group_limit pids = {"pids", "pids.max", "pids.current"};
	uint64_t room = UINT64_MAX, threads = 0;
	struct rlimit rl;
	FILE *f = fopen("/proc/loadavg", "re");

	if (f) {
		unsigned long all;
		if (fscanf(f, "%*f %*f %*f %*u/%lu", &all) == 1)
			threads = all;
		fclose(f);
	}
	*why = "no limit";
	if (getrlimit(RLIMIT_NPROC, &rl) == 0 && rl.rlim_cur != RLIM_INFINITY)
		tighten(&room, why, rl.rlim_cur, threads, "RLIMIT_NPROC");
	tighten(&room, why, proc_number("/proc/sys/kernel/pid_max", ""), threads, "kernel.pid_max");
	tighten(&room, why, proc_number("/proc/sys/kernel/threads-max", ""), threads,
			"kernel.threads-max");
	/* Stack and guard are a mapping each. */
	tighten(&room, why, proc_number("/proc/sys/vm/max_map_count", "") / 2, 0, "vm.max_map_count");
	tighten_by_cgroups(&room, why, &pids);
	return room;
}

void host_futex_wait(atm_u32 *word, uint32_t seen)
{
	syscall(SYS_futex, &word->wend__v, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

void host_futex_wake(atm_u32 *word, int threads)
{
	syscall(SYS_futex, &word->wend__v, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}
