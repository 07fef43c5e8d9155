/* SPDX-License-Identifier: MIT */
#include "sched/cpus.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wend/go.h"

static bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

static int cpus_of(long long quota, long long period)
{
	if (quota <= 0 || period <= 0)
		return INT_MAX;
	long long n = quota / period + (quota % period != 0);

	return n < 1 ? 1 : n > INT_MAX ? INT_MAX : (int)n;
}

static int quota_v2(const char *dir)
{
	char path[4200], line[128];
	long long quota, period;

	snprintf(path, sizeof path, "%s/cpu.max", dir);
	if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2)
		return INT_MAX; /* "max 100000", or no such controller */
	return cpus_of(quota, period);
}

static int quota_v1(const char *dir)
{
	char path[4200], quota[64], period[64];

	snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
	if (!read_line(path, quota, sizeof quota))
		return INT_MAX;
	snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
	if (!read_line(path, period, sizeof period))
		return INT_MAX;
	return cpus_of(atoll(quota), atoll(period));
}

/* From the group's own folder up to the mount. */
static int least_up_the_tree(const char *mount, const char *group, int (*quota)(const char *))
{
	char dir[4100];
	int least = INT_MAX;

	snprintf(dir, sizeof dir, "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
	for (;;) {
		int n = quota(dir);

		least = n < least ? n : least;

		char *slash = strrchr(dir, '/');

		if (!slash || strlen(dir) <= strlen(mount))
			return least;
		*slash = '\0';
	}
}

int cpus_quota(const char *proc, const char *sys)
{
	char path[256], line[4096], mount[300];
	int least = INT_MAX;

	snprintf(path, sizeof path, "%s/self/cgroup", proc);

	FILE *f = fopen(path, "re");

	if (!f)
		return least;
	while (fgets(line, sizeof line, f)) { /* id:controllers:path */
		char *controllers = strchr(line, ':');
		char *group = controllers ? strchr(controllers + 1, ':') : NULL;
		int n = INT_MAX;

		if (!group)
			continue;
		*group++ = '\0';
		controllers++;
		group[strcspn(group, "\n")] = '\0';
		if (*controllers == '\0') {
			snprintf(mount, sizeof mount, "%s/fs/cgroup", sys);
			n = least_up_the_tree(mount, group, quota_v2);
		} else if (strcmp(controllers, "cpu,cpuacct") == 0 || strcmp(controllers, "cpu") == 0 ||
				   strcmp(controllers, "cpuacct,cpu") == 0) {
			snprintf(mount, sizeof mount, "%s/fs/cgroup/%s", sys, controllers);
			n = least_up_the_tree(mount, group, quota_v1);
			if (n == INT_MAX) {
				snprintf(mount, sizeof mount, "%s/fs/cgroup/cpu", sys);
				n = least_up_the_tree(mount, group, quota_v1);
			}
		}
		least = n < least ? n : least;
	}
	fclose(f);
	return least;
}

static int num_cpu;

static void count(void)
{
	cpu_set_t *set = CPU_ALLOC(8192);
	size_t size = CPU_ALLOC_SIZE(8192);
	int n = 1, quota = cpus_quota("/proc", "/sys");

	if (set && sched_getaffinity(0, size, set) == 0)
		n = CPU_COUNT_S(size, set);
	CPU_FREE(set);
	n = n < quota ? n : quota;
	n = n < 1 ? 1 : n;
	num_cpu = n > WEND_MAXPROCS_LIMIT ? WEND_MAXPROCS_LIMIT : n;
}

int wend_num_cpu(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, count);
	return num_cpu;
}
