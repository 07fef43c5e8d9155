/* SPDX-License-Identifier: MIT
 *
 * atomics/atomic.h - the one door to atomic operations. The order is part of each name:
 *
 *   rlx  no ordering, only atomicity        acq  later accesses stay behind this load
 *   rel  earlier accesses stay before       sc   acquire, release and a full barrier for
 *        this store                              store-load (every read-modify-write below)
 *
 * Backends, chosen when the library is built:
 *   atomic_ck.h       Concurrency Kit's ck_pr (default on x86-64)
 *   atomic_builtin.h  the compiler's __atomic (sanitizers, other CPUs)
 *   atomic_model.h    calls of the model checker (docs/model.md)
 * A backend defines, for T in u32, u64 and ptr, atm__T_{load_rlx, load_acq, store_rlx, store_rel,
 * xchg_sc, cas_sc, add_sc} (or_sc, and_sc, bts_sc for the integers) and atm_fence_sc, atm_pause,
 * ATM_BACKEND; and ATM_SIZE if it wants capacities and patiences small, ATM_TSO if it is not the CPU that decides.
 *
 * The words are wrapped in structures, so that a plain access does not compile.
 */
#ifndef ATOMICS_ATOMIC_H
#define ATOMICS_ATOMIC_H

#include "base/compiler.h"
#include "wend/types.h"

typedef wend__u32 atm_u32;
typedef wend__u64 atm_u64;
typedef wend__ptr atm_ptr;

#if defined(WEND_ATOMICS_MODEL)
#include "atomics/atomic_model.h"
#elif defined(WEND_ATOMICS_BUILTIN)
#include "atomics/atomic_builtin.h"
#else
#include "atomics/atomic_ck.h"
#endif

/* Do the loads of one thread stay in order, and its stores, whatever they are called? (Total store order.) */
#ifndef ATM_TSO
#ifdef __x86_64__
#define ATM_TSO true
#else
#define ATM_TSO false
#endif
#endif

/* A capacity, or how often to try before giving up: as shipped, and what the model checker can exhaust. */
#ifndef ATM_SIZE
#define ATM_SIZE(shipped, model) (shipped)
#endif

#define ATM__PICK(p, op)                                                                          \
	_Generic((p),                                                                                 \
		atm_u32 *: atm__u32_##op, const atm_u32 *: atm__u32_##op,                                 \
		atm_u64 *: atm__u64_##op, const atm_u64 *: atm__u64_##op,                                 \
		atm_ptr *: atm__ptr_##op, const atm_ptr *: atm__ptr_##op)
#define ATM__PICK_INT(p, op) _Generic((p), atm_u32 *: atm__u32_##op, atm_u64 *: atm__u64_##op)

#define atm_load_rlx(p) ATM__PICK(p, load_rlx)(p)
#define atm_load_acq(p) ATM__PICK(p, load_acq)(p)
#define atm_store_rlx(p, v) ATM__PICK(p, store_rlx)((p), (v))
#define atm_store_rel(p, v) ATM__PICK(p, store_rel)((p), (v))

/* Returns the former value. */
#define atm_xchg_sc(p, v) ATM__PICK(p, xchg_sc)((p), (v))
#define atm_add_sc(p, n) ATM__PICK_INT(p, add_sc)((p), (n))
#define atm_or_sc(p, bits) ATM__PICK_INT(p, or_sc)((p), (bits))
#define atm_and_sc(p, bits) ATM__PICK_INT(p, and_sc)((p), (bits))

/* Sets bit number `bit`; was it set? One locked instruction, which a compare-and-swap needs a right guess for. */
#define atm_bts_sc(p, bit) ATM__PICK_INT(p, bts_sc)((p), (bit))

/* True when *p was `old` and is `new` now; strong. */
#define atm_cas_sc(p, old, new) ATM__PICK(p, cas_sc)((p), (old), (new))

/* Load and store by the one thread that writes the word: no locked instruction. */
#define atm_add_own(p, n) atm_store_rlx((p), atm_load_rlx(p) + (n))

#endif
