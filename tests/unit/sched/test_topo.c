/* SPDX-License-Identifier: MIT
 *
 * Placement: as a pure function on machines that are not here, and end to end on the one that is. */
#include "harness/child.h"
#include "harness/test.h"

#include <hwloc.h>
#include <sched.h>

#include <wend/wend.h>

#include "sched/knobs.h"
#include "sched/topo.h"

/* ---- Machines ------------------------------------------------------------------------------------ */

struct machine {
	const char *name, *text; /* text: hwloc's synthetic description; NULL: this machine */
	const char *keep;        /* PUs that are left, as a list of hwloc; NULL: all */
	bool cores;              /* the level of cores stays although each has one PU only */
};

static const struct machine machines[] = {
	{"two packages, sixteen L3, SMT", "package:2 l3:8 core:8 pu:2", NULL, true},
	{"two packages, no SMT", "package:2 core:64 pu:1", NULL, true},
	{"the same without a level of cores", "package:2 core:64 pu:1", NULL, false},
	{"one of everything", "package:1 l3:1 core:1 pu:1", NULL, true},
	{"two packages of two nodes", "package:2 numa:2 l3:1 core:24 pu:2", NULL, true},
	{"12 of 32 PUs", "package:2 l3:2 core:4 pu:2", "0,2-5,9,16-17,20,22,30-31", true},
	{"one big core, many small", "package:1 core:6 pu:2", "0-1,2,4,6,8,10", true},
	{"this machine", NULL, NULL, true},
};

enum { MACHINES = sizeof machines / sizeof *machines, SYMMETRIC = 5, BIG_AND_SMALL = 6, PMAX = 1024 };

static hwloc_topology_t load(const struct machine *m)
{
	hwloc_topology_t t;

	CHECK(hwloc_topology_init(&t) == 0);
	CHECK(hwloc_topology_set_all_types_filter(t, HWLOC_TYPE_FILTER_KEEP_STRUCTURE) == 0);
	if (m->cores)
		CHECK(hwloc_topology_set_type_filter(t, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL) == 0);
	if (m->text)
		CHECK(hwloc_topology_set_synthetic(t, m->text) == 0);
	CHECK(hwloc_topology_load(t) == 0);
	if (m->keep) {
		hwloc_bitmap_t set = hwloc_bitmap_alloc();

		CHECK(set && hwloc_bitmap_list_sscanf(set, m->keep) == 0);
		CHECK(hwloc_topology_restrict(t, set, 0) == 0);
		hwloc_bitmap_free(set);
	}
	return t;
}

/* Which core, L3, package a PU belongs to, by hwloc's own sets; where a machine has none, the whole. */
struct place {
	int core, l3, package;
};

static int part(hwloc_topology_t t, hwloc_obj_type_t type, hwloc_obj_t pu)
{
	int n = hwloc_get_nbobjs_by_type(t, type);

	for (int i = 0; i < n; i++)
		if (hwloc_bitmap_isincluded(pu->cpuset, hwloc_get_obj_by_type(t, type, (unsigned)i)->cpuset))
			return i;
	return type == HWLOC_OBJ_CORE ? (int)pu->logical_index : 0;
}

static struct place where[PMAX];
static int npu, ncore, nl3, npackage;

static void survey(hwloc_topology_t t)
{
	npu = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
	CHECK(npu > 0 && npu <= PMAX);
	ncore = nl3 = npackage = 0;
	for (int i = 0; i < npu; i++) {
		hwloc_obj_t pu = hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, (unsigned)i);
		struct place p = {part(t, HWLOC_OBJ_CORE, pu), part(t, HWLOC_OBJ_L3CACHE, pu),
						  part(t, HWLOC_OBJ_PACKAGE, pu)};

		where[i] = p;
		ncore = p.core >= ncore ? p.core + 1 : ncore;
		nl3 = p.l3 >= nl3 ? p.l3 + 1 : nl3;
		npackage = p.package >= npackage ? p.package + 1 : npackage;
	}
}

static int count(const unsigned *pu, int n, int part_of(const struct place *), int id)
{
	int c = 0;

	for (int i = 0; i < n; i++)
		c += part_of(&where[pu[i]]) == id;
	return c;
}

static int core_of(const struct place *p)
{
	return p->core;
}

static int l3_of(const struct place *p)
{
	return p->l3;
}

static int package_of(const struct place *p)
{
	return p->package;
}

/* How many different cores, L3s, packages these PUs are on. */
static int spans(const unsigned *pu, int n, int part_of(const struct place *), int parts)
{
	int c = 0;

	for (int id = 0; id < parts; id++)
		c += count(pu, n, part_of, id) > 0;
	return c;
}

/* The difference between the part with most and that with fewest. */
static int imbalance(const unsigned *pu, int n, int part_of(const struct place *), int parts)
{
	int most = 0, least = n;

	for (int id = 0; id < parts; id++) {
		int c = count(pu, n, part_of, id);

		most = c > most ? c : most;
		least = c < least ? c : least;
	}
	return most - least;
}

static int size_of_core(int id)
{
	int c = 0;

	for (int i = 0; i < npu; i++)
		c += where[i].core == id;
	return c;
}

static bool distinct(const unsigned *pu, int n)
{
	bool seen[PMAX] = {false};

	for (int i = 0; i < n; i++) {
		if (pu[i] >= (unsigned)npu || seen[pu[i]])
			return false;
		seen[pu[i]] = true;
	}
	return true;
}

#define FIT(c, words)                                                                             \
	CHECK_MSG(c, "%s: %d P's from PU %u: %s", machines[m].name, n, first, words)

/* Numbers of P's that are worth a look on this machine. */
static int next_n(int n)
{
	int at[] = {npackage, nl3, ncore, npu, 2 * npu};

	if (n < 18)
		return n + 1;
	for (size_t i = 0; i < countof(at); i++)
		if (n < at[i] + 1 && n + n / 3 > at[i] - 1)
			return n < at[i] - 1 ? at[i] - 1 : n + 1;
	return n + n / 3;
}

/* ---- Compact ------------------------------------------------------------------------------------- */

/* No core has k + 1 P's while another has fewer than k of those that it could have. */
static bool cores_fill_evenly(const unsigned *pu, int n)
{
	int most = 0;

	for (int c = 0; c < ncore; c++) {
		int has = count(pu, n, core_of, c);

		most = has > most ? has : most;
	}
	for (int c = 0; c < ncore; c++) {
		int could = size_of_core(c) < most - 1 ? size_of_core(c) : most - 1;

		if (count(pu, n, core_of, c) < could)
			return false;
	}
	return true;
}

static void compact_on(int m, unsigned first)
{
	hwloc_topology_t t = load(&machines[m]);
	unsigned pu[PMAX], before[PMAX];

	survey(t);
	first %= (unsigned)npu;
	for (int n = 1; n <= npu + npu / 2 && n <= PMAX; n = next_n(n)) {
		int own = n < npu ? n : npu;

		topo_choose(t, PIN_COMPACT, first, n, pu);
		FIT(where[pu[0]].core == where[first].core, "does not begin at that core");
		FIT(distinct(pu, own), "a PU has two while others have none");
		FIT(cores_fill_evenly(pu, own), "a core gets a second before every core has one");
		for (int i = own; i < n; i++)
			FIT(pu[i] == pu[i - own], "more P's than PUs do not wrap around");
		for (int i = 0; n > 1 && i < n - 1; i++)
			before[i] = pu[i];
		if (n > 1) {
			topo_choose(t, PIN_COMPACT, first, n - 1, pu);
			FIT(memcmp(before, pu, (size_t)(n - 1) * sizeof *pu) == 0, "one more P moves the others");
		}
		/* A row of n cores that begins anywhere touches at most so many caches. */
		if (m < SYMMETRIC && n > 1 && n - 1 <= ncore) {
			int per_l3 = ncore / nl3, per_package = ncore / npackage;

			FIT(spans(pu, n - 1, l3_of, nl3) <= (n - 2 + per_l3 - 1) / per_l3 + 1,
				"neighbours do not share caches");
			FIT(spans(pu, n - 1, package_of, npackage) <= (n - 2 + per_package - 1) / per_package + 1,
				"neighbours do not share the package");
		}
	}
	hwloc_topology_destroy(t);
}

TEST_LIMIT(compact_gives_each_core_one_before_any_gets_two, 60)
{
	for (int m = 0; m < MACHINES; m++) {
		static const unsigned firsts[] = {0, 1, 2, 3, 5, 6, 11, 47, 63, 100, 127, 128, 191, 255};

		for (size_t i = 0; i < countof(firsts); i++)
			compact_on(m, firsts[i]);
	}
}

TEST(compact_neighbours_are_as_near_as_can_be)
{
	hwloc_topology_t t = load(&machines[0]);
	unsigned pu[128];

	survey(t);
	topo_choose(t, PIN_COMPACT, 0, 128, pu);
	for (int i = 0; i + 1 < 128; i++) {
		CHECK_EQ(where[pu[i + 1]].core, where[pu[i]].core + 1);
		CHECK_EQ(where[pu[i]].l3, i / 8);
	}
	hwloc_topology_destroy(t);
}

TEST(compact_from_a_pu_that_does_not_exist_is_some_placement)
{
	for (int m = 0; m < MACHINES; m++) {
		hwloc_topology_t t = load(&machines[m]);
		unsigned pu[8];

		survey(t);
		topo_choose(t, PIN_COMPACT, 100000, 8, pu);
		CHECK(distinct(pu, npu < 8 ? npu : 8));
		hwloc_topology_destroy(t);
	}
}

/* ---- Spread -------------------------------------------------------------------------------------- */

TEST_LIMIT(spread_is_as_far_apart_as_may_be, 60)
{
	const unsigned first = 0;

	for (int m = 0; m < MACHINES; m++) {
		hwloc_topology_t t = load(&machines[m]);
		unsigned pu[PMAX];

		survey(t);
		for (int n = 1; n <= npu && n <= 100; n = next_n(n)) {
			topo_choose(t, PIN_SPREAD, first, n, pu);
			FIT(distinct(pu, n), "a PU has two while others have none");
			FIT(spans(pu, n, package_of, npackage) == (n < npackage ? n : npackage),
				"a package is empty");
			FIT(n > ncore || spans(pu, n, core_of, ncore) == n, "a core has two while others have none");
			FIT(spans(pu, n, l3_of, nl3) == (n < nl3 ? n : nl3), "an L3 is left out");
			if (m < SYMMETRIC)
				FIT(imbalance(pu, n, l3_of, nl3) <= 1, "L3s are not evenly used");
		}
		hwloc_topology_destroy(t);
	}
}

TEST(spread_uses_packages_evenly)
{
	const unsigned first = 0;

	for (int m = 0; m < SYMMETRIC; m++) {
		hwloc_topology_t t = load(&machines[m]);
		unsigned pu[PMAX];

		survey(t);
		for (int n = 1; n <= npu && n <= 40; n++) {
			topo_choose(t, PIN_SPREAD, first, n, pu);
			FIT(imbalance(pu, n, package_of, npackage) <= 1, "packages are not evenly used");
		}
		hwloc_topology_destroy(t);
	}
}

/* ---- Any number ---------------------------------------------------------------------------------- */

TEST_LIMIT(any_number_of_ps_on_any_machine, 60)
{
	for (int m = 0; m < MACHINES; m++) {
		hwloc_topology_t t = load(&machines[m]);
		unsigned pu[PMAX + 1];

		survey(t);
		/* Spread looks at all pairs: a few numbers are enough on the large ones. */
		for (int kind = PIN_COMPACT; kind <= PIN_SPREAD; kind++)
			for (int n = 1; n <= PMAX; n += kind == PIN_COMPACT && npu <= 16 ? 1 : n < 4 ? 1 : n * 3 / 2) {
				pu[n] = 0xDEADBEEF;
				topo_choose(t, kind, (unsigned)n % (unsigned)npu, n, pu);
				CHECK_EQ(pu[n], 0xDEADBEEF);
				for (int i = 0; i < n; i++)
					CHECK_MSG(pu[i] < (unsigned)npu, "%s: n=%d: PU %u of %d", machines[m].name, n, pu[i],
							  npu);
			}
		topo_choose(t, PIN_COMPACT, 0, PMAX, pu);
		hwloc_topology_destroy(t);
	}
}

/* P's that outnumber the PUs are dealt out evenly. */
TEST(more_ps_than_pus_wrap_around)
{
	hwloc_topology_t t = load(&machines[BIG_AND_SMALL]);
	unsigned pu[PMAX];

	survey(t);
	for (int kind = PIN_COMPACT; kind <= PIN_SPREAD; kind++)
		for (int n = npu; n <= 5 * npu; n++) {
			int has[PMAX] = {0};

			topo_choose(t, kind, 3, n, pu);
			for (int i = 0; i < n; i++)
				has[pu[i]]++;
			for (int i = 0; i < npu; i++)
				CHECK_MSG(has[i] == n / npu || has[i] == n / npu + 1, "kind %d, n=%d: PU %d has %d", kind, n,
						  i, has[i]);
		}
	hwloc_topology_destroy(t);
}

/* ---- Nearness ------------------------------------------------------------------------------------ */

static int rank(int a, int b) /* 4 same PU .. 0 another package */
{
	return a == b							? 4
		   : where[a].core == where[b].core ? 3
		   : where[a].l3 == where[b].l3		? 2
											: where[a].package == where[b].package;
}

TEST_LIMIT(nearness_follows_what_is_shared, 60)
{
	for (int m = 0; m < MACHINES; m++) {
		hwloc_topology_t t = load(&machines[m]);
		int least[5] = {999, 999, 999, 999, 999}, most[5] = {-1, -1, -1, -1, -1};
		bool has_l3;

		survey(t);
		has_l3 = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_L3CACHE) > 0;
		for (int a = 0; a < npu; a++)
			for (int b = a; b < npu; b++) {
				int d = topo_nearness(t, (unsigned)a, (unsigned)b), r = rank(a, b);

				CHECK_MSG(d == topo_nearness(t, (unsigned)b, (unsigned)a), "%s: %d and %d",
						  machines[m].name, a, b);
				if (!has_l3 && r == 2) /* nothing between core and package */
					r = where[a].package == where[b].package;
				least[r] = d < least[r] ? d : least[r];
				most[r] = d > most[r] ? d : most[r];
			}
		for (int far = 0; far < 4; far++)
			for (int near = far + 1; near < 5; near++)
				CHECK_MSG(least[near] == 999 || most[far] == -1 || least[near] > most[far],
						  "%s: level %d as near as level %d", machines[m].name, far, near);
		hwloc_topology_destroy(t);
	}
}

TEST(nearness_of_what_does_not_exist_is_least)
{
	hwloc_topology_t t = load(&machines[0]);

	CHECK_EQ(topo_nearness(t, 0, 100000), 0);
	CHECK_EQ(topo_nearness(t, 100000, 100000), 0);
	hwloc_topology_destroy(t);
}

/* ---- End to end ---------------------------------------------------------------------------------- */

enum { PS = 4 };

static wend_waitgroup done;
static int arrived, all; /* a meeting of all P's */
static cpu_set_t home;
static cpu_set_t mask_of[PS];
static int cpu_of[PS], told[PS], strayed;

/* Every P's coroutine is on its thread at the same time. */
static void meet(int p)
{
	__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < all)
		sched_yield();
	cpu_of[p] = sched_getcpu();
	told[p] = wend_p_cpu(p);
	CHECK(sched_getaffinity(0, sizeof mask_of[p], &mask_of[p]) == 0);
	for (int i = 0; i < 50; i++) {
		wend_yield();
		if (wend_p_cpu(p) >= 0 && sched_getcpu() != wend_p_cpu(p))
			__atomic_add_fetch(&strayed, 1, __ATOMIC_RELAXED);
	}
	wend_waitgroup_done(&done);
}

static void meet_on(void *p)
{
	meet((int)(intptr_t)p);
}

static void gather(int procs)
{
	arrived = 0;
	all = procs;
	wend_waitgroup_add(&done, procs);
	for (int p = 0; p < procs; p++) {
		wend_attr a = {.on_p = p + 1};

		CHECK_EQ(wend_go_attr(&a, meet_on, (void *)(intptr_t)p), 0);
	}
	wend_waitgroup_wait(&done);
}

static int gather_two(void *unused)
{
	(void)unused;
	gather(2);
	return 0;
}

static void settings(const char *knobs, const char *procs)
{
	setenv("WENDDEBUG", knobs, 1);
	setenv("WEND_MAXPROCS", procs, 1);
}

static int cpus(void)
{
	CHECK(sched_getaffinity(0, sizeof home, &home) == 0);
	return CPU_COUNT(&home);
}

static void on_a_made_up_machine(void *synthetic)
{
	setenv("HWLOC_SYNTHETIC", synthetic, 1);
	settings("pin=compact", "2");
	CHECK_EQ(wend_run(gather_two, NULL), 0);
	printf("%d %d\n", told[0], told[1]);
}

TEST(a_made_up_topology_is_used_without_binding_and_said_once)
{
	for (int m = 0; m < SYMMETRIC; m++) {
		struct child c = child_call(on_a_made_up_machine, (void *)machines[m].text, 8);
		char *first;

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.out, "-2 -2\n");
		first = strstr(c.err, "cannot be pinned");
		CHECK_MSG(first, "nothing is said: %s", c.err);
		CHECK_MSG(!strstr(first + 1, "cannot be pinned"), "said more than once:\n%s", c.err);
		child_free(&c);
	}
}

TEST(without_pinning_ps_float)
{
	cpus();
	settings("pin=none", "2");
	CHECK_EQ(wend_run(gather_two, NULL), 0);
	for (int p = 0; p < 2; p++) {
		CHECK_EQ(told[p], -1);
		CHECK(CPU_EQUAL(&mask_of[p], &home));
	}
}

static int ask_out_of_range(void *unused)
{
	(void)unused;
	CHECK(wend_p_cpu(-1) < 0);
	CHECK(wend_p_cpu(1 << 20) < 0);
	return 0;
}

TEST(a_p_that_does_not_exist_is_nowhere)
{
	CHECK_EQ(wend_run(ask_out_of_range, NULL), 0);
	CHECK(wend_p_cpu(0) < 0);
}

static void pinned_as(const char *knobs)
{
	cpu_set_t after;

	if (cpus() < 2)
		test_skip("needs two CPUs");
	settings(knobs, "2");
	CHECK_EQ(wend_run(gather_two, NULL), 0);
	for (int p = 0; p < 2; p++) {
		CHECK(told[p] >= 0);
		CHECK_EQ(cpu_of[p], told[p]);
		CHECK_EQ(CPU_COUNT(&mask_of[p]), 1);
		CHECK(CPU_ISSET(told[p], &mask_of[p]));
		CHECK(CPU_ISSET(told[p], &home));
	}
	CHECK(told[0] != told[1]);
	CHECK_EQ(strayed, 0);
	CHECK(sched_getaffinity(0, sizeof after, &after) == 0);
	CHECK_MSG(CPU_EQUAL(&after, &home), "the caller's affinity is not what it was");
}

TEST(compact_binds_each_p_and_restores_the_caller)
{
	pinned_as("pin=compact");
}

TEST(spread_binds_each_p_and_restores_the_caller)
{
	pinned_as("pin=spread");
}

TEST(affinity_is_restored_each_time)
{
	for (int i = 0; i < 20; i++)
		pinned_as(i % 2 ? "pin=compact" : "pin=spread");
}

/* With as many P's as there are CPUs they are pinned, with more they float; a thread that a pinned one
 * makes then must not keep the mask of its maker. */
static int from_pinned_to_floating(void *unused)
{
	(void)unused;
	gather(2);
	CHECK_EQ(CPU_COUNT(&mask_of[0]), 1);
	CHECK(wend_maxprocs(4) == 2);
	gather(4);
	for (int p = 0; p < 4; p++)
		CHECK_EQ(told[p], -1);
	for (int p = 2; p < 4; p++)
		CHECK_MSG(CPU_EQUAL(&mask_of[p], &home), "P %d's thread is bound to %d CPU(s) of %d", p,
				  CPU_COUNT(&mask_of[p]), CPU_COUNT(&home));
	return 0;
}

static int first_two(cpu_set_t *set)
{
	cpu_set_t two;
	int n = 0;

	CPU_ZERO(&two);
	for (int c = 0; c < CPU_SETSIZE && n < 2; c++)
		if (CPU_ISSET(c, set)) {
			CPU_SET(c, &two);
			n++;
		}
	*set = two;
	return n;
}

TEST(new_threads_do_not_inherit_the_binding_of_their_maker)
{
	cpus();
	if (first_two(&home) < 2)
		test_skip("needs two CPUs");
	CHECK(sched_setaffinity(0, sizeof home, &home) == 0); /* so that four P's outnumber them anywhere */
	settings("pin=compact,pin=auto", "2");
	CHECK_EQ(wend_run(from_pinned_to_floating, NULL), 0);
}

/* Affinity set from outside limits where P's are put; those that are too many share. */
TEST(ps_are_put_on_allowed_cpus_only)
{
	cpu_set_t last;
	int cpu = -1;

	cpus();
	for (int c = 0; c < CPU_SETSIZE; c++)
		cpu = CPU_ISSET(c, &home) ? c : cpu;
	CPU_ZERO(&last);
	CPU_SET(cpu, &last);
	CHECK(sched_setaffinity(0, sizeof last, &last) == 0);
	settings("pin=compact", "2");
	CHECK_EQ(wend_run(gather_two, NULL), 0);
	for (int p = 0; p < 2; p++) {
		CHECK_EQ(told[p], cpu);
		CHECK_EQ(cpu_of[p], cpu);
	}
}
