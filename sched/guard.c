/* SPDX-License-Identifier: MIT
 *
 * sched/guard.c - guard pages, canaries, and giving pages back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sched/stack_priv.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PIDFD_SELF_THREAD_GROUP
#define PIDFD_SELF_THREAD_GROUP -10001
#endif

static enum guard_policy policy;
static bool initialised;
static bool can_advise; /* the kernel has MADV_GUARD_INSTALL */
static atm_u32 no_vector; /* process_madvise on ourselves was refused once */
static atm_u32 out_of_maps; /* mprotect met its limit once */
static uint64_t most_mprotected;
static atm_u64 carved, guarded, returned_bytes;

/* How many stacks may have a guard of two mappings each: what half of vm.max_map_count leaves after a
 * reserve; the rest of the program, and our arenas, need mappings, too. */
static uint64_t mprotect_room(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long most = 65530;

	if (f) {
		if (fscanf(f, "%lu", &most) != 1)
			most = 65530;
		fclose(f);
	}
	return most / 2 > 4096 ? (most / 2 - 4096) / 2 : 0;
}

static bool advise_works(void)
{
	void *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	bool ok = madvise(p, PAGE_SIZE, MADV_GUARD_INSTALL) == 0;

	munmap(p, PAGE_SIZE);
	return ok;
}

void stack_init(enum guard_policy wanted)
{
	initialised = true;
	policy = wanted;
	can_advise = wanted != GUARD_MPROTECT && wanted != GUARD_CANARY && advise_works();
	if (wanted == GUARD_ADVISE && !can_advise)
		fprintf(stderr, "wend: guard=advise: this kernel has no MADV_GUARD_INSTALL (Linux 6.13); "
						"guarding by mprotect instead\n");
	most_mprotected = mprotect_room();
	atm_store_rlx(&out_of_maps, 0);
	atm_store_rlx(&carved, 0);
	atm_store_rlx(&guarded, 0);
	atm_store_rlx(&returned_bytes, 0);
}

const char *stack_guard_kind(void)
{
	if (!initialised) /* what the default would be */
		return advise_works() ? "madvise" : "mprotect";
	return can_advise ? "madvise" : policy == GUARD_CANARY ? "canary" : "mprotect";
}

void stack_count_returned(size_t bytes)
{
	atm_add_sc(&returned_bytes, bytes);
}

void stack_stats_read(struct stack_stats *out)
{
	out->carved = atm_load_rlx(&carved); /* rlx: statistics */
	out->guarded = atm_load_rlx(&guarded);
	out->returned_bytes = atm_load_rlx(&returned_bytes);
}

/* One advice for many ranges. Since Linux 6.13 process_madvise takes any advice for the own process;
 * before, or under a filter, it is refused and the ranges are advised one by one. Returns how many
 * ranges, counted from the first, were done. */
static uint32_t advise_all(const struct iovec *v, uint32_t n, int advice)
{
	uint32_t done = 0;

	if (n > 1 && !atm_load_rlx(&no_vector)) { /* rlx: a hint */
		ssize_t bytes = syscall(SYS_process_madvise, PIDFD_SELF_THREAD_GROUP, v, n, advice, 0);

		if (bytes < 0)
			atm_store_rlx(&no_vector, 1);
		while (bytes > 0 && done < n && (size_t)bytes >= v[done].iov_len)
			bytes -= (ssize_t)v[done++].iov_len;
	}
	while (done < n && madvise(v[done].iov_base, v[done].iov_len, advice) == 0)
		done++;
	return done;
}

/* ---- Guards ------------------------------------------------------------------------------------- */

static void set_flags(uint32_t index, uint32_t flags)
{
	atm_store_rlx(&slot_of(index)->flags, flags); /* rlx: the slot is the caller's */
}

static void set_canary(uint32_t index)
{
	uint64_t *words = (uint64_t *)slot_base(index) - 2;

	words[0] = words[1] = CANARY;
	set_flags(index, G_CANARY);
}

static void say_out_of_maps(void)
{
	if (atm_xchg_sc(&out_of_maps, 1) != 0)
		return;
	fprintf(stderr,
			"wend: guards by mprotect have taken their share of vm.max_map_count: %s. Raise it (sysctl "
			"vm.max_map_count=N, four per coroutine) or use Linux 6.13, where guards take none. This is said "
			"once.\n",
			policy == GUARD_STRICT ? "no further stack can be guarded, and guard=strict refuses others"
								   : "further stacks have a canary instead of a guard page");
}

/* Two mappings per guard, up to the share that mprotect_room leaves. */
static uint32_t protect_slots(const uint32_t *index, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		bool may = policy != GUARD_CANARY && !atm_load_rlx(&out_of_maps) && /* rlx: sticky hint */
				   atm_load_rlx(&guarded) < most_mprotected;

		if (may && mprotect(slot_base(index[k]), PAGE_SIZE, PROT_NONE) == 0) {
			set_flags(index[k], G_GUARDED);
			atm_add_sc(&guarded, 1);
			continue;
		}
		if (policy != GUARD_CANARY)
			say_out_of_maps();
		if (policy == GUARD_STRICT)
			return k;
		set_canary(index[k]);
	}
	return n;
}

/* Returns how many, from the first, have a guard now. */
static uint32_t advise_slots(const uint32_t *index, uint32_t n)
{
	struct iovec v[VECTOR];

	for (uint32_t k = 0; k < n; k++)
		v[k] = (struct iovec){slot_base(index[k]), PAGE_SIZE};
	n = advise_all(v, n, MADV_GUARD_INSTALL);
	for (uint32_t k = 0; k < n; k++)
		set_flags(index[k], G_GUARDED);
	atm_add_sc(&guarded, n);
	return n;
}

uint32_t guard_slots(const uint32_t *index, uint32_t n)
{
	uint32_t done = can_advise ? advise_slots(index, n) : 0;

	if (done < n) /* out of memory for page tables, say: the slow way decides */
		done += protect_slots(index + done, n - done);
	atm_add_sc(&carved, done);
	return done;
}

void populate_slots(const uint32_t *index, uint32_t n)
{
	struct iovec v[VECTOR];

	if (n < 2)
		return; /* a single one may as well fault by itself */
	for (uint32_t k = 0; k < n; k++)
		v[k] = (struct iovec){slot_base(index[k]) + chunk_of(index[k])->slot_size - PAGE_SIZE, PAGE_SIZE};
	advise_all(v, n, MADV_POPULATE_WRITE); /* whatever is left faults later */
}

/* Zero: the neighbour's page was given back and not used since, perhaps between our two looks. */
static bool canary_alive(uint64_t word)
{
	return word == CANARY || word == 0;
}

bool stack_intact(const struct g *gp, const void *sp)
{
	const uint64_t *words = (const uint64_t *)gp->lo - 2;

	if ((const char *)sp < gp->lo)
		return false;
	return !(gp->flags & G_CANARY) || (canary_alive(words[0]) && canary_alive(words[1]));
}

bool stack_guard_hit(const void *addr, struct g **gp)
{
	for (uint32_t k = 1; k < chunk_count(); k++) {
		struct chunk *c = chunk_at(k);

		if (!c || (char *)addr < c->base ||
			(char *)addr >= c->base + (size_t)c->carved * c->slot_size)
			continue;
		uint32_t i = (uint32_t)(((char *)addr - c->base) / (ptrdiff_t)c->slot_size);

		/* rlx, here and below: our own coroutine, or none */
		if (!(atm_load_rlx(&c->slot[i].flags) & G_GUARDED) ||
			(char *)addr >= chunk_slot(c, i) + PAGE_SIZE)
			return false;
		*gp = chunk_g(c, i);
		return atm_load_rlx(&c->slot[i].id) != 0;
	}
	return false;
}

/* ---- Giving pages back -------------------------------------------------------------------------- */

/* The next warm slot in *walk, which holds the rest of a chain taken off the class. */
static struct g *next_warm(struct stack_class *sc, struct g **walk)
{
	struct g *gp = *walk;

	if (!gp && sc->warm) {
		gp = sc->warm;
		sc->warm = *chain_next(gp);
		sc->nwarm -= (uint32_t)*chain_len(gp);
	}
	if (gp)
		*walk = gp->link;
	return gp;
}

size_t release_pages(struct stack_class *sc, uint32_t n)
{
	struct g *walk = NULL;
	size_t pages = 0;

	while (walk || (pages < n && sc->warm)) {
		struct iovec v[VECTOR];
		uint32_t index[VECTOR], k = 0;

		while (k < VECTOR && (walk || pages + k < n)) {
			struct g *gp = next_warm(sc, &walk);

			if (!gp)
				break;
			index[k] = gp->index;
			/* Everything above the guard page: guards survive, but there is nothing to give back. */
			v[k++] = (struct iovec){slot_base(gp->index) + PAGE_SIZE,
									stack_class_size(gp->size_class) - PAGE_SIZE};
		}
		unlock(&sc->lock);
		advise_all(v, k, MADV_DONTNEED);
		lock(&sc->lock);
		for (uint32_t j = 0; j < k; j++)
			free_list_put(&sc->clean, index[j]);
		pages += k;
	}
	stack_count_returned(pages * PAGE_SIZE); /* at least so many: deep stacks had more */
	return pages * PAGE_SIZE;
}

/* Calls fn for each clean slot; those it returns true for stay on the list. */
static void filter_clean(struct stack_class *sc, bool (*fn)(struct chunk *c, uint32_t i))
{
	struct free_list keep = {0};

	while (sc->clean.n > 0) {
		uint32_t index = free_list_get(&sc->clean);

		if (fn(chunk_of(index), index & CHUNK_MASK))
			free_list_put(&keep, index);
	}
	sc->clean = keep;
}

/* rlx, here and below: a clean slot's flags are ours, under the class's lock; the others' are theirs, and
 * never SLOT_CLEAN. */
static bool mark(struct chunk *c, uint32_t i)
{
	atm_store_rlx(&c->slot[i].flags, atm_load_rlx(&c->slot[i].flags) | SLOT_CLEAN);
	return true;
}

static bool unmark_kept(struct chunk *c, uint32_t i)
{
	atm_store_rlx(&c->slot[i].flags, atm_load_rlx(&c->slot[i].flags) & ~SLOT_CLEAN);
	return i < c->keep;
}

/* Slots [keep, carved) are mapped anew in place, so that nobody who still looks there meets a hole: page
 * tables and guards go back. */
static bool remap_tail(struct chunk *c)
{
	char *from = chunk_slot(c, c->keep);
	size_t bytes = (size_t)(c->carved - c->keep) * c->slot_size;

	if (mmap(from, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false; /* out of mappings */
	madvise(from, bytes, MADV_NOHUGEPAGE);
	return true;
}

/* As if they had never been carved; the pages of the side table go back, too. */
static void forget_tail(struct chunk *c)
{
	char *table = (char *)(((uintptr_t)&c->slot[c->keep] + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1));
	char *end = (char *)&c->slot[c->nslots];

	if (end > table)
		madvise(table, (size_t)(end - table), MADV_DONTNEED);
	memset(&c->slot[c->keep], 0,
		   (size_t)((table < end ? table : end) - (char *)&c->slot[c->keep]));
	c->carved = c->keep;
}

/* The free slots at the end of each chunk, be it the whole chunk, are given up. Class lock held. */
static void uncarve_tails(struct stack_class *sc, int cls)
{
	filter_clean(sc, mark);
	for (uint32_t k = 1; k < chunk_count(); k++) {
		struct chunk *c = chunk_at(k);

		if (!c || c->cls != cls)
			continue;
		c->keep = c->carved;
		while (c->keep > 0 && atm_load_rlx(&c->slot[c->keep - 1].flags) & SLOT_CLEAN)
			c->keep--;
		if (c->keep < c->carved && !remap_tail(c))
			c->keep = c->carved;
	}
	filter_clean(sc, unmark_kept);
	for (uint32_t k = 1; k < chunk_count(); k++) {
		struct chunk *c = chunk_at(k);

		if (c && c->cls == cls && c->keep < c->carved)
			forget_tail(c);
	}
}

size_t stack_release_all(void)
{
	size_t bytes = 0;

	for (int cls = 0; cls < STACK_CLASSES; cls++) {
		struct stack_class *sc = &wend__stack_classes[cls];

		lock(&sc->lock);
		if (sc->warm) {
			bytes += release_pages(sc, sc->nwarm);
			uncarve_tails(sc, cls);
		}
		unlock(&sc->lock);
	}
	return bytes;
}
