/* SPDX-License-Identifier: MIT
 *
 * atomics/atomic_model.h - backend for the model checker (tests/model): each operation is a call into its
 * engine, which decides there which thread goes next and which value a load may see. The library's sources
 * are compiled unchanged; compiler barriers stay what they are, nothing.
 */
#ifndef ATOMICS_ATOMIC_MODEL_H
#define ATOMICS_ATOMIC_MODEL_H

#define ATM_BACKEND "model"
#define ATM_SIZE(shipped, model) (model)
#define ATM_TSO wend__model_tso

extern bool wend__model_tso; /* which memory is being explored */

enum { MODEL_RLX, MODEL_ACQ, MODEL_REL, MODEL_SC };
enum { MODEL_XCHG, MODEL_CAS, MODEL_ADD, MODEL_OR, MODEL_AND };

uint64_t wend__model_load(const void *p, unsigned size, int order);
void wend__model_store(void *p, unsigned size, int order, uint64_t v);
/* Returns the former value. CAS stores b if it was a. */
uint64_t wend__model_rmw(void *p, unsigned size, int op, uint64_t a, uint64_t b);
void wend__model_fence(void);
void wend__model_pause(void);

#define ATM__MODEL(T, word, ctype, uint)                                                          \
	static force_inline ctype atm__##T##_load_rlx(const word *p)                                  \
	{                                                                                             \
		return (ctype)(uint)wend__model_load(&p->wend__v, sizeof p->wend__v, MODEL_RLX);          \
	}                                                                                             \
	static force_inline ctype atm__##T##_load_acq(const word *p)                                  \
	{                                                                                             \
		return (ctype)(uint)wend__model_load(&p->wend__v, sizeof p->wend__v, MODEL_ACQ);          \
	}                                                                                             \
	static force_inline void atm__##T##_store_rlx(word *p, ctype v)                               \
	{                                                                                             \
		wend__model_store(&p->wend__v, sizeof p->wend__v, MODEL_RLX, (uint)v);                    \
	}                                                                                             \
	static force_inline void atm__##T##_store_rel(word *p, ctype v)                               \
	{                                                                                             \
		wend__model_store(&p->wend__v, sizeof p->wend__v, MODEL_REL, (uint)v);                    \
	}                                                                                             \
	static force_inline ctype atm__##T##_xchg_sc(word *p, ctype v)                                \
	{                                                                                             \
		return (ctype)(uint)wend__model_rmw(&p->wend__v, sizeof p->wend__v, MODEL_XCHG, (uint)v, 0); \
	}                                                                                             \
	static force_inline bool atm__##T##_cas_sc(word *p, ctype old, ctype new)                     \
	{                                                                                             \
		return wend__model_rmw(&p->wend__v, sizeof p->wend__v, MODEL_CAS, (uint)old, (uint)new) == \
			   (uint)old;                                                                         \
	}

ATM__MODEL(u32, atm_u32, uint32_t, uint32_t)
ATM__MODEL(u64, atm_u64, uint64_t, uint64_t)
ATM__MODEL(ptr, atm_ptr, void *, uintptr_t)

#define ATM__MODEL_INT(T, word, ctype)                                                            \
	static force_inline ctype atm__##T##_add_sc(word *p, ctype n)                                 \
	{                                                                                             \
		return (ctype)wend__model_rmw(&p->wend__v, sizeof p->wend__v, MODEL_ADD, n, 0);           \
	}                                                                                             \
	static force_inline ctype atm__##T##_or_sc(word *p, ctype bits)                               \
	{                                                                                             \
		return (ctype)wend__model_rmw(&p->wend__v, sizeof p->wend__v, MODEL_OR, bits, 0);         \
	}                                                                                             \
	static force_inline ctype atm__##T##_and_sc(word *p, ctype bits)                              \
	{                                                                                             \
		return (ctype)wend__model_rmw(&p->wend__v, sizeof p->wend__v, MODEL_AND, bits, 0);        \
	}                                                                                             \
	static force_inline bool atm__##T##_bts_sc(word *p, unsigned bit)                             \
	{                                                                                             \
		return atm__##T##_or_sc(p, (ctype)1 << bit) & (ctype)1 << bit;                            \
	}

ATM__MODEL_INT(u32, atm_u32, uint32_t)
ATM__MODEL_INT(u64, atm_u64, uint64_t)

static force_inline void atm_fence_sc(void)
{
	wend__model_fence();
}

static force_inline void atm_pause(void)
{
	wend__model_pause();
}

#endif
