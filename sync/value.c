/* SPDX-License-Identifier: MIT
 *
 * sync/value.c - two words: the type's name, written once, then the pointer. A pointer is stored only by
 * who has seen the type settled, so a reader who sees a pointer finds the type, too.
 *
 * Ordering. Every change is a full barrier.
 *   V1  data exchange or CAS   -> load: data           what data points to, and the type
 *   V2  type CAS               -> settle: type load    the text
 */
#include "wend/value.h"

#include <string.h>

#include "atomics/atomic.h"
#include "base/race.h"
#include "sched/panic.h"

/* Settles the type, or finds it settled and the same. `what` is the word for the message. */
static void settle(wend_value *v, const char *type, const void *data, const char *what)
{
	if (!data)
		wend__panic("sync/atomic: %s of nil value into Value", what);

	/* mutant: acq here and below is for the text, which strcmp reads unseen by the checker. */
	const char *have = atm_load_acq(&v->wend__type); /* acq V2 */

	if (!have) {
		race_release(&v->wend__type);
		if (atm_cas_sc(&v->wend__type, NULL, (void *)type)) /* V2 */
			return;
		have = atm_load_acq(&v->wend__type); /* acq V2; mutant: as above */
	}
	race_acquire(&v->wend__type);
	if (have != type && strcmp(have, type) != 0)
		wend__panic("sync/atomic: %s of inconsistently typed value into Value", what);
}

static force_inline void *replace(wend_value *v, void *data)
{
	race_release(v);
	data = atm_xchg_sc(&v->wend__data, data); /* V1 */
	race_acquire(v);
	return data;
}

void wend_value_store(wend_value *v, const char *type, void *data)
{
	settle(v, type, data, "store");
	replace(v, data);
}

void *wend_value_swap(wend_value *v, const char *type, void *data)
{
	settle(v, type, data, "swap");
	return replace(v, data);
}

bool wend_value_compare_and_swap(wend_value *v, const char *type, void *old, void *data)
{
	/* A comparison that fails does not settle the type; a load that sees nothing may be relaxed. */
	if (data && old && !atm_load_rlx(&v->wend__data))
		return false;
	settle(v, type, data, "compare and swap");
	race_release(v);

	bool won = atm_cas_sc(&v->wend__data, old, data); /* V1 */

	race_acquire(v);
	return won;
}

void wend__value_check(const wend_value *v, const char *type)
{
	const char *have = atm_load_rlx(&v->wend__type); /* rlx: came with the pointer, V1 */

	if (strcmp(have, type) != 0)
		wend__panic("interface conversion: interface {} is %s, not %s", have, type);
}
