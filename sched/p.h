/* SPDX-License-Identifier: MIT
 *
 * sched/p.h - P, the right to run coroutines, with its run queue, caches and counters. Everything
 * marked "owner" is touched only by the M that holds the P, while it is inside the runtime.
 *
 * The run queue is two Chase-Lev deques:
 *   fresh  what was spawned here, newest first for the owner: fork-join then goes depth first and
 *          needs few stacks. Its bottom is also the run-next slot: a coroutine made ready is pushed
 *          there (has_next) and displaces the one readied before it to the ring.
 *   ring   what gave way or was displaced, oldest first for everybody.
 * Every global_period-th pick the other queues go first, so that a pair that keeps readying one
 * another, or a spawner, starves nobody.
 */
#ifndef SCHED_P_H
#define SCHED_P_H

#include "atomics/deque.h"
#include "sched/g.h"
#include "sched/slab.h"
#include "sched/timer.h"

#define WEND_P_LIMIT 1024 /* WEND_MAXPROCS_LIMIT; start.c asserts it */

/* Whom a P visits, for one number of P's; immutable. */
struct victims {
	struct victims *next;
	int nprocs, n, nlevels;
	uint16_t *level_end; /* order is in levels of equal distance: their ends */
	uint16_t order[];    /* the other P's, nearest first; level_end lies behind */
};

/* Counters per P, in the order of wend_stats. */
#define P_STATS(X)                                                                                \
	X(spawns) X(exits) X(switches) X(yields) X(parks) X(readies) X(wakes) X(steals) X(stolen)     \
	X(spins) X(migrations) X(idles) X(blockings)

struct p_stats {
#define X(name) atm_u64 name; /* owner writes */
	P_STATS(X)
#undef X
};

#define STAT(pp, name) atm_add_own(&(pp)->stats.name, 1) /* rlx: one writer, readers want an idea */

/* Changed under sched.lock only. GONE: above maxprocs, nobody has it. */
enum p_state { P_GONE, P_IDLE, P_TAKEN };

#define CELLS_PER_SEGMENT 512
#define CELL_SEGMENTS 256

struct p {
	/* owner */
	alignas(CACHELINE) atm_u32 tick; /* picks; others read it to see whether the P moves on */
	int32_t fair_in;                /* picks left until pick_rare */
	int32_t fair_rest;              /* and how many after that until the other queues go first */
	bool has_next;                  /* the bottom of fresh was made ready, not spawned */
	uint32_t turn;                  /* which queue goes first then */
	int64_t now;                    /* coarse clock, refreshed every global_period picks */
	struct g *gcache;               /* free coroutines of the default class, LIFO */
	struct g *gspare;               /* another full chain of them, or NULL */
	int ngcache;
	struct shelf shelves[SLAB_KINDS_N];   /* free objects of each kind */
	int refill; /* how many to carve when both are empty: doubles from 4 */
	struct g *bound;          /* what came out of the inbox, oldest first */
	uint64_t next_id, end_id; /* block of coroutine ids */
	int64_t stole_at; /* when it last brought work from another P, until that is done */
	int64_t rest_ns;  /* how long it rested then, before it visited others again */
	int64_t visit_at; /* the end of that rest */
	uint64_t rng;
	uint32_t id;
	struct p_stats stats;
	struct deque fresh;
	struct deque ring;

	/* written by others */
	alignas(CACHELINE) atm_ptr inbox; /* coroutines bound to this P, made ready elsewhere; LIFO */
	atm_u32 retire;                   /* maxprocs fell: give the P up at the next chance */
	atm_u32 flush;                    /* memory is wanted back: give up what is kept for later */
	enum p_state state;               /* under sched.lock */
	struct p *link;                   /* list of idle P's; under sched.lock */

	struct timers timers;             /* set here; anybody may cancel them, and fire those that are due */

	/* written while the number of P's changes */
	atm_u32 cpu;            /* int: OS index it is pinned to, -1 none, -2 binding does nothing */
	atm_u32 binds;          /* binding to that CPU was seen to have an effect */
	atm_ptr victims;        /* struct victims for the present number of P's */
	struct victims *tables; /* all that were made, one per number of P's; under sched.lock */

	atm_ptr *cells; /* [CELL_SEGMENTS]: cells.c: segments of atm_u64; the row is constant */
	uint32_t seen_tick[WEND_P_LIMIT]; /* ticks of other P's at the last look; owner */
};

#endif
