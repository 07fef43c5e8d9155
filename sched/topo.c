/* SPDX-License-Identifier: MIT
 *
 * sched/topo.c - which CPU a P belongs to, and whom it visits first. The topology is read once per run
 * of the runtime, when the second P is made: one P has no neighbours and floats unless told otherwise.
 */
#include "sched/topo.h"

#include <errno.h>
#include <hwloc/glibc-sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/sched_priv.h"
#include "wend/go.h"

static hwloc_topology_t topology; /* NULL: not read, or unreadable */
static bool tried;
static unsigned *pus; /* logical PU of each P, WEND_P_LIMIT entries, when pinned */
static int pin;       /* what is in force for the present number of P's */

/* ---- Pure --------------------------------------------------------------------------------------- */

/* The PU that is number `rank` of core number `core`; where the topology has no cores, each PU is one. */
static hwloc_obj_t pu_of_core(hwloc_topology_t t, unsigned core, unsigned rank)
{
	hwloc_obj_t c = hwloc_get_obj_by_type(t, HWLOC_OBJ_CORE, core);

	if (!c)
		return rank == 0 ? hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, core) : NULL;
	return hwloc_get_obj_inside_cpuset_by_type(t, c->cpuset, HWLOC_OBJ_PU, rank);
}

/* All PUs: the first of each core, round the circle of cores from the one that has PU `first`, then the second
 * of each, and so on. */
static void compact_order(hwloc_topology_t t, unsigned npu, unsigned first, unsigned *order)
{
	int have = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE);
	unsigned ncores = have > 0 ? (unsigned)have : npu;
	hwloc_obj_t pu = hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, first);
	hwloc_obj_t core = pu ? hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu) : NULL;
	unsigned start = core ? core->logical_index : pu ? first : 0, n = 0;
	unsigned siblings = core ? (unsigned)hwloc_bitmap_weight(core->cpuset) : 1, turn = 0;

	while (core && pu_of_core(t, start, turn) != pu) /* the first core's own circle begins at `first` */
		turn++;
	for (unsigned rank = 0; n < npu && rank < npu; rank++) {
		for (unsigned i = 0; i < ncores && n < npu; i++) {
			unsigned r = i == 0 && rank < siblings ? (rank + turn) % siblings : rank;

			pu = pu_of_core(t, (start + i) % ncores, r);
			if (pu)
				order[n++] = pu->logical_index;
		}
	}
}

/* How many P's were placed below an object; kept in its userdata while spread_order works. */
static uintptr_t placed(hwloc_obj_t obj)
{
	return (uintptr_t)obj->userdata;
}

static void forget_placed(hwloc_obj_t obj)
{
	obj->userdata = NULL;
	for (unsigned i = 0; i < obj->arity; i++)
		forget_placed(obj->children[i]);
}

/* Room below obj while each core may have `per_core`. */
static uintptr_t room(hwloc_topology_t t, hwloc_obj_t obj, unsigned per_core)
{
	int pus = hwloc_bitmap_weight(obj->cpuset);
	int cores = hwloc_get_nbobjs_inside_cpuset_by_type(t, obj->cpuset, HWLOC_OBJ_CORE);
	uintptr_t most = cores > 0 && obj->type != HWLOC_OBJ_PU ? (uintptr_t)cores * per_core : (uintptr_t)pus;

	return most < (uintptr_t)pus ? most : (uintptr_t)pus;
}

/* The child with the fewest P's that has room. */
static hwloc_obj_t emptiest(hwloc_topology_t t, hwloc_obj_t at, unsigned per_core)
{
	hwloc_obj_t best = NULL;

	for (unsigned i = 0; i < at->arity; i++) {
		hwloc_obj_t c = at->children[i];

		if (placed(c) < room(t, c, per_core) && (!best || placed(c) < placed(best)))
			best = c;
	}
	return best;
}

/* From the root down, always to the emptiest child; no core gets another P while one has fewer. */
static void spread_order(hwloc_topology_t t, unsigned want, unsigned *order)
{
	hwloc_obj_t root = hwloc_get_root_obj(t);
	unsigned per_core = 1;

	forget_placed(root);
	for (unsigned n = 0; n < want; n++) {
		hwloc_obj_t at = root;

		while (!emptiest(t, root, per_core))
			per_core++;
		while (at->type != HWLOC_OBJ_PU) {
			hwloc_obj_t best = emptiest(t, at, per_core);

			/* Cores of unequal size may leave a branch with room by count only. */
			for (unsigned more = per_core; !best; more++)
				best = emptiest(t, at, more);
			at->userdata = (void *)(placed(at) + 1);
			at = best;
		}
		at->userdata = (void *)(placed(at) + 1);
		order[n] = at->logical_index;
	}
	forget_placed(root);
}

void topo_choose(hwloc_topology_t t, int kind, unsigned first, int n, unsigned *pu)
{
	unsigned npu = (unsigned)hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
	unsigned *order = calloc(npu ? npu : 1, sizeof *order);
	unsigned want = (unsigned)n < npu ? (unsigned)n : npu;

	if (!order || npu == 0) {
		memset(pu, 0, (size_t)n * sizeof *pu);
		free(order);
		return;
	}
	if (kind == PIN_SPREAD)
		spread_order(t, want, order);
	else
		compact_order(t, npu, first, order);
	for (int i = 0; i < n; i++)
		pu[i] = order[(unsigned)i % (kind == PIN_SPREAD ? want : npu)];
	free(order);
}

int topo_nearness(hwloc_topology_t t, unsigned pu_a, unsigned pu_b)
{
	hwloc_obj_t a = hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, pu_a);
	hwloc_obj_t b = hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, pu_b);

	if (!a || !b)
		return 0;
	return hwloc_get_common_ancestor_obj(t, a, b)->depth;
}

/* ---- This machine ------------------------------------------------------------------------------- */

int topo_init(void)
{
	tried = false;
	topology = NULL;
	pin = PIN_NONE;
	return 0;
}

/* To the affinity of the thread that started the runtime. hwloc's own flag would take the union over all
 * threads of the process. */
static bool restrict_to_ours(void)
{
	hwloc_bitmap_t ours = hwloc_bitmap_alloc();
	bool ok = ours &&
			  hwloc_cpuset_from_glibc_sched_affinity(topology, ours, &sched.home_cpus,
													 sizeof sched.home_cpus) == 0 &&
			  hwloc_topology_restrict(topology, ours, 0) == 0;

	hwloc_bitmap_free(ours);
	return ok;
}

static void read_topology(void)
{
	if (tried)
		return;
	tried = true;
	if (hwloc_topology_init(&topology) != 0) {
		topology = NULL;
		return;
	}
	hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
	/* or hwloc leaves them out where each has one PU */
	hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
	unsigned long flags = HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
						  HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;

	hwloc_topology_set_flags(topology, flags);
	/* A made-up topology (HWLOC_SYNTHETIC, HWLOC_XMLFILE) must not be cut down to this machine. */
	bool real = !getenv("HWLOC_SYNTHETIC") && !getenv("HWLOC_XMLFILE");

	if (hwloc_topology_load(topology) != 0 || (real && !restrict_to_ours())) {
		hwloc_topology_destroy(topology);
		topology = NULL;
		fprintf(stderr, "wend: hwloc cannot read the topology: P's are not pinned\n");
	}
}

void topo_fini(void)
{
	if (topology)
		hwloc_topology_destroy(topology);
	topology = NULL;
	tried = false;
	free(pus);
	pus = NULL;
}

static int pin_for(int n)
{
	int wanted = (int)sched.knobs.pin;

	if (wanted == PIN_AUTO && n < 2)
		return PIN_NONE;
	if (wanted == PIN_NONE)
		return PIN_NONE;
	read_topology();
	if (!topology)
		return PIN_NONE;
	if (wanted == PIN_AUTO)
		return n <= hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) ? PIN_COMPACT : PIN_NONE;
	return wanted;
}

/* Logical index of the PU the caller is on, so that two processes do not both begin with the first. */
static unsigned here(void)
{
	hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(topology, (unsigned)sched_getcpu());

	return pu ? pu->logical_index : 0;
}

struct peer {
	uint16_t id;
	int near;
};

static int nearer_first(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;

	return x->near != y->near ? (x->near < y->near) - (x->near > y->near) : x->id - y->id;
}

/* pp's visiting order among n P's. */
static struct victims *make_victims(const struct p *pp, int n)
{
	struct victims *v = malloc(sizeof *v + 2 * (size_t)n * sizeof v->order[0]);
	struct peer *peers = calloc((size_t)n, sizeof *peers);
	int k = 0;

	if (!v || !peers) {
		free(v);
		free(peers);
		return NULL;
	}
	for (int i = 0; i < n; i++) {
		if (i == (int)pp->id)
			continue;
		peers[k].id = (uint16_t)i;
		peers[k++].near = pin == PIN_NONE ? 0 : topo_nearness(topology, pus[pp->id], pus[i]);
	}
	qsort(peers, (size_t)k, sizeof *peers, nearer_first);
	*v = (struct victims){.nprocs = n, .n = k, .level_end = v->order + n};
	for (int i = 0; i < k; i++) {
		v->order[i] = peers[i].id;
		if (i == k - 1 || peers[i].near != peers[i + 1].near)
			v->level_end[v->nlevels++] = (uint16_t)(i + 1);
	}
	free(peers);
	return v;
}

static struct victims *victims_for(struct p *pp, int n)
{
	struct victims *v = pp->tables;

	while (v && v->nprocs != n)
		v = v->next;
	if (!v) {
		v = make_victims(pp, n);
		if (v) {
			v->next = pp->tables;
			pp->tables = v;
		}
	}
	return v;
}

int topo_place(int n)
{
	if (!pus)
		pus = calloc(WEND_P_LIMIT, sizeof *pus);
	if (!pus)
		return -ENOMEM;
	pin = pin_for(n);
	if (pin != PIN_NONE) {
		/* P's that stay keep their place: compact goes on from where the first one is. */
		unsigned first = (int)atm_load_rlx(&sched.allp[0]->cpu) >= 0 ? pus[0] : here();

		topo_choose(topology, pin, first, n, pus);
	}
	for (int i = 0; i < n; i++)
		if (!victims_for(sched.allp[i], n))
			return -ENOMEM;
	for (int i = 0; i < n; i++) {
		struct p *pp = sched.allp[i];
		hwloc_obj_t pu = pin == PIN_NONE ? NULL : hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, pus[i]);

		atm_store_rel(&pp->victims, victims_for(pp, n)); /* rel: the table; pairs with steal */
		if ((int)atm_load_rlx(&pp->cpu) != -2)
			atm_store_rlx(&pp->cpu, pu ? pu->os_index : (uint32_t)-1); /* rlx: topo_bind will see it */
	}
	return 0;
}

void topo_forget(struct p *pp)
{
	for (struct victims *v = pp->tables, *next; v; v = next) {
		next = v->next;
		free(v);
	}
	pp->tables = NULL;
}

/* ---- Binding ------------------------------------------------------------------------------------ */

/* A made-up topology, and some sandboxes, say yes and do nothing. */
static const char *bind_thread(int cpu)
{
	const struct hwloc_topology_support *can = hwloc_topology_get_support(topology);
	hwloc_bitmap_t want = hwloc_bitmap_alloc(), have = hwloc_bitmap_alloc();
	const char *wrong = NULL;

	if (!want || !have)
		wrong = "out of memory";
	else if (!can->cpubind->set_thisthread_cpubind)
		wrong = "hwloc cannot bind threads on this topology";
	else {
		hwloc_bitmap_only(want, (unsigned)cpu);
		if (hwloc_set_cpubind(topology, want, HWLOC_CPUBIND_THREAD) != 0)
			wrong = strerror(errno);
		else if (hwloc_get_cpubind(topology, have, HWLOC_CPUBIND_THREAD) == 0 &&
				 !hwloc_bitmap_isequal(want, have))
			wrong = "the kernel accepted the binding and did not apply it";
		else if (sched_getcpu() != cpu)
			wrong = "the thread runs on another CPU than it was bound to";
	}
	hwloc_bitmap_free(want);
	hwloc_bitmap_free(have);
	return wrong;
}

/* Where it was seen to have an effect: one call in place of four. Blocking calls come by often. */
static bool bind_again(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	if (cpu >= CPU_SETSIZE)
		return false;
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof one, &one) == 0;
}

void topo_unbind(struct m *mp)
{
	if (mp->bound_cpu < 0)
		return;
	pthread_setaffinity_np(pthread_self(), sizeof sched.home_cpus, &sched.home_cpus);
	mp->bound_cpu = -1;
}

void topo_bind(struct m *mp, struct p *pp)
{
	static atm_u32 said;
	int cpu = (int)atm_load_rlx(&pp->cpu);

	if (likely(cpu == mp->bound_cpu || cpu == -2))
		return;
	if (cpu < 0) { /* from pinned to floating: maxprocs has changed */
		topo_unbind(mp);
		return;
	}
	if (atm_load_rlx(&pp->binds) && bind_again(cpu)) { /* rlx: a word of its own */
		mp->bound_cpu = cpu;
		return;
	}

	const char *wrong = bind_thread(cpu);

	atm_store_rlx(&pp->binds, !wrong);
	if (!wrong) {
		mp->bound_cpu = cpu;
		return;
	}
	atm_store_rlx(&pp->cpu, (uint32_t)-2);
	if (atm_xchg_sc(&said, 1) == 0)
		fprintf(stderr, "wend: P %u cannot be pinned to CPU %d: %s; it floats. This is said once.\n",
				pp->id, cpu, wrong);
}
