/* SPDX-License-Identifier: MIT
 *
 * sched/procs.c - how many P's: making them, changing their number while running, and what all of
 * them counted.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "sched/cpus.h"
#include "sched/sched_priv.h"
#include "wend/debug.h"
#include "wend/go.h"

/* Counter cells belong to a P's number and outlive the runtime, as counters do. */
static atm_ptr cells[WEND_P_LIMIT][CELL_SEGMENTS];
static atm_u32 cell_rows; /* P numbers that ever were */

struct p *p_make(uint32_t id)
{
	struct p *pp = aligned_alloc(CACHELINE, sizeof *pp);
	bool asym = sched.asym;

	if (!pp)
		return NULL;
	memset(pp, 0, sizeof *pp);
	if (deque_init(&pp->fresh, 256, asym) != 0 || deque_init(&pp->ring, 256, asym) != 0) {
		p_free(pp);
		return NULL;
	}
	pp->id = id;
	pp->cells = cells[id];
	if (id >= atm_load_rlx(&cell_rows))
		atm_store_rel(&cell_rows, id + 1); /* under sched.lock; rel: pairs with counter_cells_sum */
	pp->rng = 0x9E3779B97F4A7C15ULL * (id + 1);
	pp->refill = 4;
	atm_store_rlx(&pp->cpu, (uint32_t)-1);
	return pp;
}

void p_free(struct p *pp)
{
	deque_destroy(&pp->fresh);
	deque_destroy(&pp->ring);
	topo_forget(pp);
	free(pp);
}

/* ---- Number of P's ------------------------------------------------------------------------------ */

static void drop_idle_above(int n)
{
	for (struct p **at = &sched.idle_p; *at;) {
		struct p *pp = *at;

		if ((int)pp->id < n) {
			at = &pp->link;
			continue;
		}
		*at = pp->link;
		pp->state = P_GONE;
		atm_add_sc(&sched.load, -LOAD_IDLE);
	}
}

/* What lies in the queues of a P that must go, and whose holder may be long in coming, goes to the
 * others now. sched.lock held. */
static void empty_from_outside(struct p *pp)
{
	void *items[64];
	size_t n;

	while ((n = deque_steal(&pp->fresh, items, 64, false)) > 0 ||
		   (n = deque_steal(&pp->ring, items, 64, false)) > 0)
		for (size_t i = 0; i < n; i++)
			global_put_locked(items[i], items[i], 1);
}

/* To n P's. Those that go and are held by an M retire when it comes by (retire_p). sched.lock held.
 * -ENOMEM, and nothing has changed. */
int procs_resize(int n)
{
	int old = (int)atm_load_rlx(&sched.nprocs);

	while (sched.nallp < n) {
		struct p *pp = p_make((uint32_t)sched.nallp);

		if (!pp)
			return -ENOMEM;
		sched.allp[sched.nallp++] = pp;
	}
	if (topo_place(n) != 0)
		return -ENOMEM;
	atm_store_rel(&sched.nprocs, (uint32_t)n); /* rel: allp[0..n); pairs with who walks them */
	for (int i = n - 1; i >= old; i--) { /* the first P's come to lie on top */
		struct p *pp = sched.allp[i];

		atm_store_rlx(&pp->retire, 0); /* rlx: whoever still has it keeps it */
		if (pp->state == P_GONE)
			put_idle_p(pp);
	}
	drop_idle_above(n);
	for (int i = n; i < old; i++) {
		atm_store_rel(&sched.allp[i]->retire, 1);
		empty_from_outside(sched.allp[i]);
	}
	return 0;
}

/* mp's P is one too many: what it holds goes to the others. */
void retire_p(struct m *mp)
{
	struct p *pp = mp->p;
	void *item;

	gcache_flush(pp);
	lock(&sched.lock);
	if (atm_load_rlx(&pp->retire) == 0) { /* maxprocs rose again meanwhile */
		unlock(&sched.lock);
		return;
	}
	while (deque_take(&pp->fresh, &item) || deque_take(&pp->ring, &item))
		global_put_locked(item, item, 1);
	bool spinning = mp->spinning;

	pp->has_next = false;
	pp->state = P_GONE;
	mp->p = NULL;
	mp->spinning = false; /* once on the list, it is the waker's to set */
	mp->link = sched.idle_m;
	sched.idle_m = mp;
	unlock(&sched.lock);
	for (struct g *gp = atm_xchg_sc(&pp->inbox, NULL), *next; gp; gp = next) {
		next = gp->link;
		requeue(NULL, gp);
	}
	if (spinning)
		atm_add_sc(&sched.load, -LOAD_SPIN);
	sched_heavy();
	wake_one();
	m_sleep(mp);
}

int wend_maxprocs(int n)
{
	if (n > WEND_MAXPROCS_LIMIT)
		return -EINVAL;
	if (atm_load_acq(&sched.phase) != PHASE_RUNNING)
		return wend_num_cpu();

	struct m *mp = enter();

	if (!mp && !foreign_may()) {
		leave_any(mp);
		return wend_num_cpu();
	}
	lock(&sched.lock);
	int old = (int)atm_load_rlx(&sched.nprocs);
	int rc = n >= 1 && n != old ? procs_resize(n) : 0;

	unlock(&sched.lock);
	if (n != old)
		wake_after_foreign();
	leave_any(mp);
	return rc ? rc : old;
}

/* ---- Numbers ------------------------------------------------------------------------------------ */

int64_t wend_num_coroutines(void)
{
	int64_t n = (int64_t)atm_load_rlx(&sched.foreign_spawns);

	lock(&sched.lock);
	for (int i = 0; i < sched.nallp; i++) {
		/* exits first: a coroutine that ends in between must not count twice as gone */
		n -= (int64_t)atm_load_acq(&sched.allp[i]->stats.exits);
	}
	for (int i = 0; i < sched.nallp; i++)
		n += (int64_t)atm_load_acq(&sched.allp[i]->stats.spawns);
	unlock(&sched.lock);
	return n;
}

uint64_t wend_coroutine_id(void)
{
	struct m *mp = enter();
	uint64_t id = 0;

	if (likely(mp && mp->curg))
		id = mp->curg->id;
	leave_any(mp);
	return id;
}

void wend_stats_read(wend_stats *out)
{
	struct stack_stats st;

	memset(out, 0, sizeof *out);
	lock(&sched.lock);
	for (int i = 0; i < sched.nallp; i++) {
#define X(name) out->name += atm_load_rlx(&sched.allp[i]->stats.name);
		P_STATS(X)
#undef X
	}
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		out->threads += !atm_load_rlx(&mp->gone);
	unlock(&sched.lock);
	out->spawns += atm_load_rlx(&sched.foreign_spawns);
	out->readies += atm_load_rlx(&sched.foreign_readies);
	stack_stats_read(&st);
	out->stacks = st.carved;
	out->guarded = st.guarded;
	out->stack_bytes_returned = st.returned_bytes;
}

void flush_idle_caches(void)
{
	lock(&sched.lock);
	for (struct p *pp = sched.idle_p; pp; pp = pp->link) {
		gcache_flush(pp); /* nobody holds it, and nobody can take it now */
		atm_store_rlx(&pp->flush, 0);
	}
	unlock(&sched.lock);
}

/* P's that are searching or switching answer within microseconds; one that is long in user code does when
 * it comes by, and what it kept is released the next time. */
static void ask_for_caches(const struct p *mine)
{
	int64_t end = clock_now() + 200000;
	bool waiting = true;

	for (int i = 0; i < (int)atm_load_acq(&sched.nprocs); i++)
		if (sched.allp[i] != mine)
			atm_store_rel(&sched.allp[i]->flush, 1);
	while (waiting && clock_now() < end) {
		flush_idle_caches();
		waiting = false;
		for (int i = 0; i < (int)atm_load_acq(&sched.nprocs); i++)
			waiting = waiting || atm_load_acq(&sched.allp[i]->flush);
		atm_pause();
	}
}

size_t wend_release_memory(void)
{
	struct m *mp = enter();

	size_t bytes = 0;

	if (mp && mp->p)
		give_back(mp->p);
	if (mp || foreign_may()) {
		ask_for_caches(mp ? mp->p : NULL);
		bytes = stack_release_all() + trim_parked(SIZE_MAX);
	}
	leave_any(mp);
	return bytes;
}

const char *wend_atomics_backend(void)
{
	return ATM_BACKEND;
}

const char *wend_fence_kind(void)
{
	wend__asym_probe();
	return wend__asym_on ? "membarrier" : "full fences";
}

const char *wend_guard_kind(void)
{
	return stack_guard_kind();
}

int wend_p_cpu(int p)
{
	return p >= 0 && p < (int)atm_load_acq(&sched.nprocs) ? (int)atm_load_rlx(&sched.allp[p]->cpu) : -1;
}

/* ---- Counter cells ------------------------------------------------------------------------------ */

static noinline atm_u64 *make_segment(struct p *pp, uint32_t segment)
{
	void *fresh = mmap(NULL, CELLS_PER_SEGMENT * sizeof(atm_u64), PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fresh == MAP_FAILED)
		return NULL;
	atm_store_rel(&pp->cells[segment], fresh); /* rel: zeroes; pairs with counter_cells_sum */
	return fresh;
}

noinline atm_u64 *counter_cell_slow(struct p *pp, uint32_t id)
{
	uint32_t segment = id / CELLS_PER_SEGMENT;
	atm_u64 *row = atm_load_rlx(&pp->cells[segment]); /* rlx: own word */

	if (!row)
		row = make_segment(pp, segment);
	return row ? &row[id % CELLS_PER_SEGMENT] : NULL;
}

int64_t counter_cells_sum(uint32_t id, bool reset)
{
	uint32_t rows = atm_load_acq(&cell_rows); /* acq: pairs with p_make */
	int64_t sum = 0;

	for (uint32_t i = 0; i < rows; i++) {
		atm_u64 *row = atm_load_acq(&cells[i][id / CELLS_PER_SEGMENT]);

		if (!row)
			continue;
		sum += (int64_t)atm_load_acq(&row[id % CELLS_PER_SEGMENT]);
		if (reset)
			atm_store_rlx(&row[id % CELLS_PER_SEGMENT], 0); /* rlx: nobody adds meanwhile */
	}
	return sum;
}

/* Threads of this process that are not M's. When in doubt, there are. */
bool other_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int tasks = 0, ms = 0;

#ifdef WEND_TSAN
	ms++; /* ThreadSanitizer's own */
#endif

	if (!dir)
		return true;
	for (struct dirent *e; (e = readdir(dir));)
		tasks += e->d_name[0] != '.';
	closedir(dir);
	lock(&sched.lock);
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		ms += !atm_load_rlx(&mp->gone);
	unlock(&sched.lock);
	return tasks > ms;
}
