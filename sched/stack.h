/* SPDX-License-Identifier: MIT
 *
 * sched/stack.h - where coroutines live. One arena per size class: large reserved mappings ("chunks")
 * cut into equal slots, touched page by page.
 *
 *   lo of slot                                                                 end of slot
 *   | guard page | ... untouched ... | frames of the coroutine | struct g | colour | canary |
 *                                      <-------------- top page, the one page touched ------>
 *
 * The colour shifts the block by up to 15 cache lines from slot to slot; without it the hot lines of
 * all coroutines would fall into the same sets of the first- and second-level cache.
 *
 * Slots are carved in batches: one process_madvise call guards them (MADV_GUARD_INSTALL, Linux 6.13,
 * which needs no mapping of its own) and one populates their top pages. Where the kernel lacks that,
 * guards are mprotect'ed pages, two mappings each, until vm.max_map_count is met; past that a canary
 * in the lower neighbour's top words is checked at each park, and once a warning names the limit.
 *
 * Free slots travel in chains ("magazines", Bonwick and Adams 2001): a P keeps two, the class a stack
 * of them; getting or putting one is a constant number of steps under the class's lock. From the
 * class pages go back to the kernel in batches; such slots are linked through the side table.
 */
#ifndef SCHED_STACK_H
#define SCHED_STACK_H

#include "sched/g.h"

/* Side table: one entry per slot, readable whatever happens to the stack. */
struct slot {
	atm_u64 id;    /* the coroutine that lives here, 0 for none; written by who spawns and ends */
	uint32_t next; /* class free list, under its lock */
	atm_u32 flags; /* G_GUARDED or G_CANARY, constant from then on; 0 before: not guarded yet */
};

#define STACK_CLASSES 17 /* 16 KiB << class: up to 1 GiB */
#define STACK_MIN_SIZE ((size_t)16 << 10)
#define STACK_MAX_SIZE ((size_t)1 << 30)

enum guard_policy { GUARD_AUTO, GUARD_ADVISE, GUARD_MPROTECT, GUARD_CANARY, GUARD_STRICT };

void stack_init(enum guard_policy policy);
/* Unmaps everything. Nobody may run on these stacks any more. */
void stack_fini(void);

/* Size class for a stack of so many bytes, -EINVAL above the limit. */
int stack_class(size_t size);
size_t stack_class_size(int cls);

/* A chain of free slots of the class, linked by link: one that was put back, or up to n freshly carved;
 * *got says how many. NULL with -EAGAIN in *err when none can be had; the first time a line on stderr
 * names the limit that was met. */
struct g *stack_get(int cls, int n, int *got, int *err);

/* Gives a chain of n slots of one class back. May release pages of a batch of free slots. */
void stack_put(struct g *chain, int n);

/* Releases the pages of all slots on class lists, returns bytes. */
size_t stack_release_all(void);

/* Is addr in the guard page (or the words watched instead) of a slot? Then *gp is its G. Async-signal-safe. */
bool stack_guard_hit(const void *addr, struct g **gp);

/* Checks gp's canary and that sp is above the stack's end. */
bool stack_intact(const struct g *gp, const void *sp);

/* G by the 32-bit number that stack_index gives, for words too small for a pointer. Never 0. */
uint32_t stack_index(const struct g *gp);
struct g *stack_by_index(uint32_t index);

/* Calls fn for each slot from *at on that somebody lives in, under its class's lock, until fn says false;
 * *at then stands behind the last one. True: there may be more. */
struct stack_cursor {
	uint32_t cls, chunk, slot;
};
bool stack_each(struct stack_cursor *at,
				bool (*fn)(struct g *gp, uint64_t id, size_t size, void *arg), void *arg);

struct stack_stats {
	uint64_t carved, guarded, returned_bytes;
};
void stack_stats_read(struct stack_stats *out);
void stack_count_returned(size_t bytes);
const char *stack_guard_kind(void);

#endif
