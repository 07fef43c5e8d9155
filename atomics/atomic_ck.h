/* SPDX-License-Identifier: MIT
 *
 * atomics/atomic_ck.h - backend on Concurrency Kit's ck_pr. CK loads and stores are relaxed and
 * compiler barriers; its fences compile to nothing on TSO where the model allows. The full fence is
 * an exchange on the own stack: ck_pr_fence_memory is mfence, three to seven times as dear.
 */
#ifndef ATOMICS_ATOMIC_CK_H
#define ATOMICS_ATOMIC_CK_H

#include <ck_pr.h>

#define ATM_BACKEND "ck_pr"

#define ATM__CK(T, word, ctype, S)                                                                \
	static force_inline ctype atm__##T##_load_rlx(const word *p)                                 \
	{                                                                                             \
		return ck_pr_load_##S(&p->wend__v);                                                       \
	}                                                                                             \
	static force_inline ctype atm__##T##_load_acq(const word *p)                                 \
	{                                                                                             \
		ctype v = ck_pr_load_##S(&p->wend__v);                                                    \
		ck_pr_fence_acquire();                                                                    \
		return v;                                                                                 \
	}                                                                                             \
	static force_inline void atm__##T##_store_rlx(word *p, ctype v)                              \
	{                                                                                             \
		ck_pr_store_##S(&p->wend__v, v);                                                          \
	}                                                                                             \
	static force_inline void atm__##T##_store_rel(word *p, ctype v)                              \
	{                                                                                             \
		ck_pr_fence_release();                                                                    \
		ck_pr_store_##S(&p->wend__v, v);                                                          \
	}                                                                                             \
	static force_inline ctype atm__##T##_xchg_sc(word *p, ctype v)                               \
	{                                                                                             \
		ck_pr_fence_release();                                                                    \
		v = ck_pr_fas_##S(&p->wend__v, v);                                                        \
		ck_pr_fence_acquire();                                                                    \
		return v;                                                                                 \
	}                                                                                             \
	static force_inline bool atm__##T##_cas_sc(word *p, ctype old, ctype new)                    \
	{                                                                                             \
		ck_pr_fence_release();                                                                    \
		bool won = ck_pr_cas_##S(&p->wend__v, old, new);                                          \
		ck_pr_fence_acquire();                                                                    \
		return won;                                                                               \
	}

ATM__CK(u32, atm_u32, uint32_t, 32)
ATM__CK(u64, atm_u64, uint64_t, 64)
ATM__CK(ptr, atm_ptr, void *, ptr)

#define ATM__CK_INT(T, word, ctype, S)                                                            \
	static force_inline ctype atm__##T##_add_sc(word *p, ctype n)                                \
	{                                                                                             \
		ck_pr_fence_release();                                                                    \
		n = ck_pr_faa_##S(&p->wend__v, n);                                                        \
		ck_pr_fence_acquire();                                                                    \
		return n;                                                                                 \
	}                                                                                             \
	static force_inline ctype atm__##T##_or_sc(word *p, ctype bits)                              \
	{                                                                                             \
		ctype old;                                                                                \
		do                                                                                        \
			old = ck_pr_load_##S(&p->wend__v);                                                    \
		while (!atm__##T##_cas_sc(p, old, old | bits));                                           \
		return old;                                                                               \
	}                                                                                             \
	static force_inline ctype atm__##T##_and_sc(word *p, ctype bits)                             \
	{                                                                                             \
		ctype old;                                                                                \
		do                                                                                        \
			old = ck_pr_load_##S(&p->wend__v);                                                    \
		while (!atm__##T##_cas_sc(p, old, old & bits));                                           \
		return old;                                                                               \
	}                                                                                             \
	static force_inline bool atm__##T##_bts_sc(word *p, unsigned bit)                            \
	{                                                                                             \
		ck_pr_fence_release();                                                                    \
		bool was = ck_pr_bts_##S(&p->wend__v, bit);                                               \
		ck_pr_fence_acquire();                                                                    \
		return was;                                                                               \
	}

ATM__CK_INT(u32, atm_u32, uint32_t, 32)
ATM__CK_INT(u64, atm_u64, uint64_t, 64)

static force_inline void atm_fence_sc(void)
{
#ifdef __x86_64__
	uint64_t own = 0;

	(void)ck_pr_fas_64(&own, 1);
#else
	ck_pr_fence_memory();
#endif
}

static force_inline void atm_pause(void)
{
	ck_pr_stall();
}

#endif
