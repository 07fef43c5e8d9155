/* SPDX-License-Identifier: MIT
 *
 * million [N] - N parked coroutines (1,000,000) against as many threads as the system grants: how
 * many, how long and how much memory each, and what stopped them.
 *
 * It never endangers the machine. Coroutines: to N, or to half of the available memory. Threads:
 * until one is refused, to 40,000, to N, or to half of the room that the limits and the memory leave. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <wend/wend.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The first number after `key` in a file of the kernel's, or -1 ("max", no such file). */
static long number_in(const char *path, const char *key)
{
	FILE *f = fopen(path, "r");
	char line[512];
	long n = -1;

	while (f && n < 0 && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%ld", &n) != 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static long resident(void)
{
	long pages = -1;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f) {
		if (fscanf(f, "%*s %ld", &pages) != 1)
			pages = -1;
		fclose(f);
	}
	return pages * sysconf(_SC_PAGESIZE);
}

/* What the control groups above us leave below such a limit; LONG_MAX: there is none. Version 2 of control
 * groups has a line `0::/group`, version 1 one for each controller, `8:pids:/group`. */
static long cgroup_room(const char *controller, const char *limit, const char *used)
{
	char line[512], name[64], group[512], path[1024], file[1100];
	FILE *f = fopen("/proc/self/cgroup", "r");
	long least = LONG_MAX;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "0::%511[^\n]", group) == 1)
			snprintf(path, sizeof path, "/sys/fs/cgroup%s", group);
		else if (sscanf(line, "%*d:%63[^:]:%511[^\n]", name, group) == 2 && strcmp(name, controller) == 0)
			snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s", controller, group);
		else
			continue;
		for (; strlen(path) >= strlen("/sys/fs/cgroup"); *strrchr(path, '/') = 0) {
			long most, now;

			snprintf(file, sizeof file, "%s/%s", path, limit);
			most = number_in(file, "");
			snprintf(file, sizeof file, "%s/%s", path, used);
			now = number_in(file, "");
			if (most >= 0 && most - now < least)
				least = most > now ? most - now : 0;
		}
	}
	if (f)
		fclose(f);
	return least;
}

static long least(long a, long b)
{
	return a < b ? a : b;
}

/* Memory that can still be had without swapping or being killed. */
static long available(void)
{
	long machine = number_in("/proc/meminfo", "MemAvailable:") * 1024;

	if (machine < 0) /* no /proc here */
		machine = sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
	return least(machine,
				 least(cgroup_room("memory", "memory.max", "memory.current"),
					   cgroup_room("memory", "memory.limit_in_bytes", "memory.usage_in_bytes")));
}

static void report(const char *what, long n, double seconds, long bytes, const char *why)
{
	printf("%-11s %ld created in %.3f s", what, n, seconds);
	if (n)
		printf(", %.0f ns and %.2f KiB resident each", seconds * 1e9 / (double)n,
			   (double)bytes / 1024 / (double)n);
	printf("; stopped by: %s\n", why);
	fflush(stdout);
}

/* ---- Coroutines ------------------------------------------------------------------------------ */

static wend_waitgroup parked, gate, gone;

static void wait_at_gate(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&parked);
	wend_waitgroup_wait(&gate);
	wend_waitgroup_done(&gone);
}

static void coroutines(long wanted)
{
	long before = resident(), limit = available() / 2, n = 0;
	const char *why = "all that were asked for";
	double start = now();

	wend_waitgroup_add(&gate, 1);
	while (n < wanted) {
		int err;

		if (n % 1024 == 0 && resident() - before > limit) {
			why = "half of the available memory is used";
			break;
		}
		wend_waitgroup_add(&parked, 1);
		wend_waitgroup_add(&gone, 1);
		err = wend_go(wait_at_gate, NULL);
		if (err) {
			wend_waitgroup_done(&parked);
			wend_waitgroup_done(&gone);
			why = err == -EAGAIN ? "address space or memory (ulimit -v, vm.max_map_count, vm.overcommit_memory)"
								 : strerror(-err);
			break;
		}
		n++;
	}
	wend_waitgroup_wait(&parked);
	report("coroutines:", n, now() - start, resident() - before, why);
	wend_waitgroup_done(&gate);
	wend_waitgroup_wait(&gone);
}

/* ---- Threads --------------------------------------------------------------------------------- */

static sem_t thread_parked, thread_gate;

/* Each lets the next one out, so that they are never runnable all at once. */
static void *thread_at_gate(void *unused)
{
	sem_post(&thread_parked);
	while (sem_wait(&thread_gate) != 0)
		;
	sem_post(&thread_gate);
	return unused;
}

/* Lowers *most to half of what `limit` leaves beyond `used`; a limit below 0 is none. */
static void keep_clear(long *most, const char **why, long limit, long used, const char *name)
{
	long half = (limit - used) / 2;

	if (limit >= 0 && half < *most) {
		*most = half > 0 ? half : 0;
		*why = name;
	}
}

static long lines_in(const char *path)
{
	FILE *f = fopen(path, "r");
	long n = 0;

	for (int c; f && (c = getc(f)) != EOF;)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static long threads_alive(void)
{
	FILE *f = fopen("/proc/loadavg", "r");
	long n = 0;

	if (f) {
		if (fscanf(f, "%*s %*s %*s %*d/%ld", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n;
}

static void threads(long wanted)
{
	long most = 40000, n = 0, maps = number_in("/proc/sys/vm/max_map_count", ""), before;
	const char *why = "the safety limit of 40,000";
	struct rlimit processes;
	pthread_t *t;
	double start;

	keep_clear(&most, &why, number_in("/proc/sys/kernel/threads-max", ""), threads_alive(),
			   "half of kernel.threads-max");
	keep_clear(&most, &why, number_in("/proc/sys/kernel/pid_max", ""), threads_alive(),
			   "half of kernel.pid_max");
	/* Each stack is two mappings, the second its guard. */
	if (maps >= 0)
		keep_clear(&most, &why, maps / 2, lines_in("/proc/self/maps") / 2, "half of vm.max_map_count");
	if (getuid() != 0 && getrlimit(RLIMIT_NPROC, &processes) == 0 &&
		processes.rlim_cur != RLIM_INFINITY)
		keep_clear(&most, &why, (long)processes.rlim_cur, threads_alive(),
				   "half of the limit on processes (ulimit -u)");
	/* About 16 KiB of kernel stack, 8 of user stack, 16 of the rest. */
	keep_clear(&most, &why, available() / (40 * 1024), 0, "half of the available memory");
	keep_clear(&most, &why, cgroup_room("pids", "pids.max", "pids.current"), 0,
			   "half of the control group's pids.max");
	if (wanted <= most) {
		most = wanted;
		why = "as many as the coroutines asked for";
	}

	t = malloc((size_t)(most + 1) * sizeof *t);
	if (!t || sem_init(&thread_parked, 0, 0) != 0 || sem_init(&thread_gate, 0, 0) != 0) {
		report("threads:", 0, 0, 0, "memory or address space, which the coroutines' stacks keep (ulimit -v)");
		return;
	}
	before = resident();
	start = now();
	for (; n < most; n++) {
		int err = pthread_create(&t[n], NULL, thread_at_gate, NULL);

		if (err) {
			why = err == EAGAIN ? "threads or address space (ulimit -u, ulimit -v, kernel.pid_max, pids of the cgroup)"
								: strerror(err);
			break;
		}
	}
	for (long i = 0; i < n; i++)
		while (sem_wait(&thread_parked) != 0)
			;
	report("threads:", n, now() - start, resident() - before, why);
	sem_post(&thread_gate);
	for (long i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	free(t);
}

WEND_MAIN(argc, argv)
{
	char *end = "";
	long n = 1000000;

	if (argc == 2) {
		errno = 0;
		n = strtol(argv[1], &end, 10);
	}
	if (argc > 2 || *end || (argc == 2 && (end == argv[1] || errno)) || n < 1 || n > 1000000000) {
		fprintf(stderr, "usage: %s [N]    (1 to 1000000000 coroutines, 1000000 by default)\n",
				argv[0]);
		return 64;
	}
	coroutines(n);
	threads(n);
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
