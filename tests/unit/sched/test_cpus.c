/* SPDX-License-Identifier: MIT
 *
 * How many CPUs a process may use: quotas of both versions of cgroups in made-up trees, and affinity. */
#include "harness/child.h"
#include "harness/test.h"

#include <limits.h>
#include <sched.h>
#include <sys/stat.h>

#include <wend/wend.h>

#include "sched/cpus.h"

static char root[64];

/* Creates root/path with its folders. */
static void put(const char *path, const char *text)
{
	char full[600];
	FILE *f;

	snprintf(full, sizeof full, "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = 0;
		CHECK(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	f = fopen(full, "w");
	CHECK_MSG(f, "%s: %s", full, strerror(errno));
	CHECK(fputs(text, f) >= 0 && fclose(f) == 0);
}

static void remove_tree(void)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf '%s'", root);
	CHECK_EQ(system(command), 0);
}

static void fresh_tree(const char *cgroup)
{
	strcpy(root, "/tmp/wend-cpus-XXXXXX");
	CHECK(mkdtemp(root));
	if (cgroup)
		put("proc/self/cgroup", cgroup);
	else
		put("proc/nothing", "");
	put("sys/fs/cgroup/nothing", "");
}

static int quota(void)
{
	char proc[80], sys[80];
	int n;

	snprintf(proc, sizeof proc, "%s/proc", root);
	snprintf(sys, sizeof sys, "%s/sys", root);
	n = cpus_quota(proc, sys);
	remove_tree();
	return n;
}

/* ---- Version 2 ----------------------------------------------------------------------------------- */

static int v2(const char *text)
{
	fresh_tree("0::/a/b\n");
	put("sys/fs/cgroup/a/b/cpu.max", text);
	return quota();
}

TEST(v2_quota_of_the_own_group_is_rounded_up)
{
	CHECK_EQ(v2("100000 100000\n"), 1);
	CHECK_EQ(v2("150000 100000\n"), 2);
	CHECK_EQ(v2("200000 100000\n"), 2);
	CHECK_EQ(v2("200001 100000\n"), 3);
	CHECK_EQ(v2("1000 100000\n"), 1);
	CHECK_EQ(v2("6400000 100000\n"), 64);
	CHECK_EQ(v2("5000 1000\n"), 5);
	CHECK_EQ(v2("250000 100000"), 3); /* without a newline */
}

TEST(v2_without_a_quota)
{
	CHECK_EQ(v2("max 100000\n"), INT_MAX);
	CHECK_EQ(v2("max\n"), INT_MAX);
	fresh_tree("0::/a/b\n"); /* no cpu.max: the controller is not on */
	CHECK_EQ(quota(), INT_MAX);
}

TEST(v2_quota_of_an_ancestor_counts)
{
	fresh_tree("0::/slice/service/inner\n");
	put("sys/fs/cgroup/slice/cpu.max", "200000 100000\n");
	put("sys/fs/cgroup/slice/service/cpu.max", "max 100000\n");
	put("sys/fs/cgroup/slice/service/inner/cpu.max", "400000 100000\n");
	CHECK_EQ(quota(), 2);
}

TEST(v2_the_least_in_the_chain_counts)
{
	fresh_tree("0::/slice/service\n");
	put("sys/fs/cgroup/slice/cpu.max", "800000 100000\n");
	put("sys/fs/cgroup/slice/service/cpu.max", "300000 100000\n");
	CHECK_EQ(quota(), 3);
}

TEST(v2_another_group_does_not_count)
{
	fresh_tree("0::/mine\n");
	put("sys/fs/cgroup/mine/cpu.max", "400000 100000\n");
	put("sys/fs/cgroup/mine/child/cpu.max", "100000 100000\n");
	put("sys/fs/cgroup/other/cpu.max", "100000 100000\n");
	CHECK_EQ(quota(), 4);
}

/* In a container with a cgroup namespace the own group is the mount itself. */
TEST(v2_at_the_root_of_a_namespace)
{
	fresh_tree("0::/\n");
	put("sys/fs/cgroup/cpu.max", "300000 100000\n");
	CHECK_EQ(quota(), 3);
	/* Without one, the path is the host's, and not to be seen inside. */
	fresh_tree("0::/docker/0123456789\n");
	put("sys/fs/cgroup/cpu.max", "200000 100000\n");
	CHECK_EQ(quota(), 2);
}

TEST(v2_names_may_hold_colons_and_spaces)
{
	fresh_tree("0::/a:b/c d\n");
	put("sys/fs/cgroup/a:b/c d/cpu.max", "500000 100000\n");
	CHECK_EQ(quota(), 5);
}

/* ---- Version 1 ----------------------------------------------------------------------------------- */

static int v1(const char *cgroup, const char *folder, const char *us, const char *period)
{
	char path[300];

	fresh_tree(cgroup);
	snprintf(path, sizeof path, "sys/fs/cgroup/%s/cpu.cfs_quota_us", folder);
	put(path, us);
	snprintf(path, sizeof path, "sys/fs/cgroup/%s/cpu.cfs_period_us", folder);
	if (period)
		put(path, period);
	return quota();
}

TEST(v1_quota_by_the_controllers_mount)
{
	CHECK_EQ(v1("4:cpu,cpuacct:/x\n", "cpu,cpuacct/x", "250000\n", "100000\n"), 3);
	CHECK_EQ(v1("4:cpu:/x\n", "cpu/x", "250000\n", "100000\n"), 3);
	CHECK_EQ(v1("4:cpu,cpuacct:/x\n", "cpu/x", "150000\n", "100000\n"), 2); /* a link on most systems */
	CHECK_EQ(v1("4:cpuacct,cpu:/x\n", "cpu/x", "150000\n", "100000\n"), 2);
	CHECK_EQ(v1("9:memory:/\n4:cpu,cpuacct:/\n", "cpu,cpuacct", "400000\n", "100000\n"), 4);
	CHECK_EQ(v1("4:cpu,cpuacct:/docker/0123\n", "cpu,cpuacct", "200000\n", "100000\n"), 2);
}

TEST(v1_ancestors_count)
{
	fresh_tree("4:cpu,cpuacct:/a/b\n");
	put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n");
	put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
	put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
	put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
	CHECK_EQ(quota(), 2);
}

TEST(v1_without_a_quota)
{
	CHECK_EQ(v1("4:cpu,cpuacct:/x\n", "cpu,cpuacct/x", "-1\n", "100000\n"), INT_MAX);
	CHECK_EQ(v1("4:cpu,cpuacct:/x\n", "cpu,cpuacct/x", "200000\n", NULL), INT_MAX);
	CHECK_EQ(v1("5:cpuset:/x\n", "cpuset/x", "100000\n", "100000\n"), INT_MAX);
}

TEST(hybrid_the_lesser_of_both)
{
	fresh_tree("4:cpu,cpuacct:/x\n1:name=systemd:/user.slice\n0::/user.slice\n");
	put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "300000\n");
	put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
	CHECK_EQ(quota(), 3);
	fresh_tree("4:cpu,cpuacct:/x\n0::/y\n");
	put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "300000\n");
	put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
	put("sys/fs/cgroup/y/cpu.max", "200000 100000\n");
	CHECK_EQ(quota(), 2);
}

/* ---- Neither ------------------------------------------------------------------------------------- */

TEST(no_cgroups_no_quota)
{
	fresh_tree(NULL);
	CHECK_EQ(quota(), INT_MAX);
	fresh_tree("");
	CHECK_EQ(quota(), INT_MAX);
	CHECK_EQ(cpus_quota("/nonexistent", "/nonexistent"), INT_MAX);
}

TEST(nonsense_is_no_quota)
{
	static const char *const lines[] = {"garbage\n", "::\n", ":", "0:\n", "\n\n\n", "4:cpu,cpuacct\n",
										"0::\n", "0::/../../..\n", "4:cpu:\n"};
	static const char *const values[] = {"", "\n", "garbage", "-5 100000\n", "0 100000\n", "100000 0\n",
										 "100000 -1\n", "100000", "1e9 x\n", "\xff\xfe\n"};

	for (size_t i = 0; i < countof(lines); i++) {
		fresh_tree(lines[i]);
		CHECK_MSG(quota() == INT_MAX, "/proc/self/cgroup: %s", lines[i]);
	}
	for (size_t i = 0; i < countof(values); i++)
		CHECK_MSG(v2(values[i]) == INT_MAX, "cpu.max: %s", values[i]);
	CHECK_EQ(v2("9000000000000000000 1\n"), INT_MAX);
	CHECK_EQ(v2("9223372036854775807 100000\n"), INT_MAX);
}

TEST(a_long_path_is_no_crash)
{
	char line[8000];

	memset(line, 'a', sizeof line);
	memcpy(line, "0::/", 4);
	line[sizeof line - 2] = '\n';
	line[sizeof line - 1] = 0;
	fresh_tree(line);
	put("sys/fs/cgroup/cpu.max", "200000 100000\n");
	CHECK(quota() >= 2);
}

TEST(random_bytes_are_no_crash)
{
	static const char alphabet[] = "0123456789::://..,cpuacct\n max\xff";
	uint64_t rng = test_seed();

	for (int i = 0; i < 100; i++) {
		char line[200], value[30];
		size_t n = test_rand(&rng) % (sizeof line - 1), k = test_rand(&rng) % (sizeof value - 1);

		for (size_t j = 0; j < n; j++)
			line[j] = alphabet[test_rand(&rng) % (sizeof alphabet - 1)];
		line[n] = 0;
		for (size_t j = 0; j < k; j++)
			value[j] = alphabet[test_rand(&rng) % (sizeof alphabet - 1)];
		value[k] = 0;
		fresh_tree(line);
		put("sys/fs/cgroup/cpu.max", value);
		CHECK(quota() >= 1);
	}
}

/* ---- Affinity ------------------------------------------------------------------------------------ */

static int started_with;

static int read_maxprocs(void *unused)
{
	(void)unused;
	started_with = wend_maxprocs(0);
	return 0;
}

static void on_one_cpu(void *unused)
{
	cpu_set_t set;
	int first = 0;

	(void)unused;
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
	while (!CPU_ISSET(first, &set))
		first++;
	CPU_ZERO(&set);
	CPU_SET(first, &set);
	CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
	unsetenv("WEND_MAXPROCS");
	unsetenv("WENDDEBUG");
	printf("%d ", wend_num_cpu());
	CHECK_EQ(wend_run(read_maxprocs, NULL), 0);
	printf("%d\n", started_with);
}

TEST(affinity_limits_the_number_of_cpus)
{
	struct child c = child_call(on_one_cpu, NULL, 8);

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.out, "1 1\n");
	child_free(&c);
}

TEST(num_cpu_is_within_affinity_and_quota)
{
	cpu_set_t set;
	int q = cpus_quota("/proc", "/sys"), n;

	CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
	n = CPU_COUNT(&set) < q ? CPU_COUNT(&set) : q;
	CHECK_EQ(wend_num_cpu(), n);
}
