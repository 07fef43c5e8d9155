/* SPDX-License-Identifier: MIT
 *
 * sched/slab.h - memory for small objects of a few kinds that are made and let go of by the million. A P keeps two
 * chains of free ones; the rest lie in slabs under the kind's lock, and a slab that nobody uses goes back to the kernel.
 * docs/time.md says what malloc would cost.
 */
#ifndef SCHED_SLAB_H
#define SCHED_SLAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* And the bytes of one, a power of two of which each is aligned to. */
#define SLAB_KINDS(X) X(SLAB_FUNC_TIMER, 64) X(SLAB_CHAN_TIMER, 256)

enum slab_kind {
#define X(id, bytes) id,
	SLAB_KINDS(X)
#undef X
		SLAB_KINDS_N
};

static inline uint32_t slab_object(enum slab_kind kind)
{
	static const uint32_t bytes[SLAB_KINDS_N] = {
#define X(id, bytes) bytes,
		SLAB_KINDS(X)
#undef X
	};

	return bytes[kind];
}

/* Memory checkers are to see each object come and go. */
#if defined(WEND_ASAN) || defined(WEND_ATOMICS_MODEL)
#define SLAB_PLAIN true
#else
#define SLAB_PLAIN false
#endif

#define SHELF_CHAIN 32 /* objects that go to and fro together */

struct slab_item {
	struct slab_item *next;
};

/* What a P keeps of a kind; owner. */
struct shelf {
	struct slab_item *chain; /* n of them, at most SHELF_CHAIN */
	struct slab_item *spare; /* SHELF_CHAIN of them, or NULL */
	uint32_t n;
};

/* Owner: all that pp keeps goes to the slabs. */
struct p;
void slab_flush(struct p *pp);

#endif
