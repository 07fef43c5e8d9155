/* SPDX-License-Identifier: MIT
 *
 * Objects from slabs: nobody's memory is another's, whoever lets go of it and wherever, and it goes back to the kernel. */
#include "harness/fault.h"
#include "harness/test.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "sched/sched.h"

#include <wend/wend.h>

enum { MANY = 20000, SLAB_BYTES = 64 << 10 };

static uint64_t *object[MANY];
static void *slab[MANY];

static void *slab_start(const void *at)
{
	return (void *)((uintptr_t)at & ~(uintptr_t)(SLAB_BYTES - 1));
}

/* Each word of it says whose it is. */
static void mark(int i, enum slab_kind kind)
{
	for (uint32_t k = 0; k < slab_object(kind) / 8; k++)
		object[i][k] = (uint64_t)i << 32 | k;
}

static void check(int i, enum slab_kind kind)
{
	for (uint32_t k = 0; k < slab_object(kind) / 8; k++)
		CHECK_EQ(object[i][k], (uint64_t)i << 32 | k);
}

static void get(struct m *mp, int i, enum slab_kind kind)
{
	object[i] = slab_get(mp, kind);
	CHECK(object[i] != NULL);
	CHECK_EQ((uintptr_t)object[i] % slab_object(kind), 0);
	mark(i, kind);
}

static void put(struct m *mp, int i, enum slab_kind kind)
{
	check(i, kind);
	slab_put(mp, kind, object[i]);
	object[i] = NULL;
}

/* Come and go in any order, now with a P, now as for a foreign thread. */
static void come_and_go(struct m *mp, enum slab_kind kind, uint64_t *rng)
{
	for (int n = 0; n < 10 * MANY; n++) {
		uint64_t r = test_rand(rng);
		int i = (int)(r % MANY);
		struct m *as = r >> 32 & 1 ? mp : NULL;

		if (object[i])
			put(as, i, kind);
		else
			get(as, i, kind);
	}
}

static int mapped(void)
{
	int n = 0;

	for (int i = 0; i < MANY; i++) {
		unsigned char in[SLAB_BYTES / PAGE_SIZE];

		if (i > 0 && slab[i] == slab[i - 1])
			continue;
		n += mincore(slab[i], SLAB_BYTES, in) == 0;
	}
	return n;
}

static int by_address(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return (x > y) - (x < y);
}

static void remember_slabs(void)
{
	for (int i = 0; i < MANY; i++)
		slab[i] = slab_start(object[i]);
	qsort(slab, MANY, sizeof slab[0], by_address);
}

static void all_come(struct m *mp, enum slab_kind kind)
{
	for (int i = 0; i < MANY; i++)
		if (!object[i])
			get(mp, i, kind);
}

static void all_go(struct m *mp, enum slab_kind kind)
{
	for (int i = 0; i < MANY; i++)
		put(mp, i, kind);
}

CO_TEST(objects_do_not_overlap_and_memory_comes_back)
{
	uint64_t rng = test_seed();
	struct m *mp = enter();

	for (int kind = 0; kind < SLAB_KINDS_N; kind++) {
		come_and_go(mp, (enum slab_kind)kind, &rng);
		all_come(mp, (enum slab_kind)kind);
		remember_slabs();
		all_go(mp, (enum slab_kind)kind);
		slab_flush(mp->p);
		if (!SLAB_PLAIN)
			CHECK_LE(mapped(), 1); /* one is kept */
	}
	leave(mp);
}

/* What cannot be unmapped, as that would make two mappings of one, is used again. */
CO_TEST(a_slab_that_cannot_go_is_kept)
{
	struct m *mp = enter();

	all_come(mp, SLAB_FUNC_TIMER);
	remember_slabs();
	fault_all("munmap", ENOMEM);
	all_go(mp, SLAB_FUNC_TIMER);
	slab_flush(mp->p);
	fault_clear();
	fault_all("mmap", ENOMEM);
	all_come(mp, SLAB_FUNC_TIMER);
	fault_clear();
	all_go(mp, SLAB_FUNC_TIMER);
	slab_flush(mp->p);
	if (!SLAB_PLAIN)
		CHECK_LE(mapped(), 1);
	leave(mp);
}

CO_TEST(without_memory_there_is_no_object)
{
	struct m *mp = enter();
	int n = 0;

	slab_put(mp, SLAB_CHAN_TIMER, slab_get(mp, SLAB_CHAN_TIMER)); /* the first slab is there */
	fault_all("mmap", ENOMEM);
	while (!SLAB_PLAIN && n < MANY && (object[n] = slab_get(mp, SLAB_CHAN_TIMER)))
		mark(n++, SLAB_CHAN_TIMER);
	if (!SLAB_PLAIN) {
		CHECK_EQ(n, SLAB_BYTES / (int)slab_object(SLAB_CHAN_TIMER) - 1); /* and its head */
		CHECK(slab_get(NULL, SLAB_CHAN_TIMER) == NULL);
	}
	fault_clear();
	while (n > 0)
		put(mp, --n, SLAB_CHAN_TIMER);
	leave(mp);
}

/* ---- Of two P's ---------------------------------------------------------------------------------- */

static wend_waitgroup over;

/* Gets some, lets go of those of the other. */
static void exchange(void *arg)
{
	wend_chan *to = ((wend_chan **)arg)[0], *from = ((wend_chan **)arg)[1];

	for (uint64_t n = 1; n <= 20000; n++) {
		struct m *mp = enter();
		uint64_t *mine = slab_get(mp, SLAB_FUNC_TIMER), *other;

		CHECK(mine != NULL);
		for (int k = 0; k < 8; k++)
			mine[k] = n;
		leave(mp);
		wend_chan_send(to, &mine);
		wend_chan_recv(from, &other);
		for (int k = 0; k < 8; k++)
			CHECK_EQ(other[k], n);
		mp = enter();
		slab_put(mp, SLAB_FUNC_TIMER, other);
		leave(mp);
	}
	wend_waitgroup_done(&over);
}

CO_TEST(what_one_gets_another_may_let_go_of)
{
	wend_chan *a = wend_chan_make(sizeof(void *), 100), *b = wend_chan_make(sizeof(void *), 100);
	wend_chan *there[] = {a, b}, *back[] = {b, a};

	wend_waitgroup_add(&over, 2);
	CHECK_EQ(wend_go(exchange, there), 0);
	CHECK_EQ(wend_go(exchange, back), 0);
	wend_waitgroup_wait(&over);
	wend_chan_release(a);
	wend_chan_release(b);
}
