/* SPDX-License-Identifier: MIT
 *
 * atomics/atomic_builtin.h - backend on the compiler's __atomic operations, which ThreadSanitizer
 * understands and which give ldar and stlr on arm64. */
#ifndef ATOMICS_ATOMIC_BUILTIN_H
#define ATOMICS_ATOMIC_BUILTIN_H

#define ATM_BACKEND "builtin"

#define ATM__CC(T, word, ctype)                                                                   \
	static force_inline ctype atm__##T##_load_rlx(const word *p)                                 \
	{                                                                                             \
		return __atomic_load_n(&p->wend__v, __ATOMIC_RELAXED);                                    \
	}                                                                                             \
	static force_inline ctype atm__##T##_load_acq(const word *p)                                 \
	{                                                                                             \
		return __atomic_load_n(&p->wend__v, __ATOMIC_ACQUIRE);                                    \
	}                                                                                             \
	static force_inline void atm__##T##_store_rlx(word *p, ctype v)                              \
	{                                                                                             \
		__atomic_store_n(&p->wend__v, v, __ATOMIC_RELAXED);                                       \
	}                                                                                             \
	static force_inline void atm__##T##_store_rel(word *p, ctype v)                              \
	{                                                                                             \
		__atomic_store_n(&p->wend__v, v, __ATOMIC_RELEASE);                                       \
	}                                                                                             \
	static force_inline ctype atm__##T##_xchg_sc(word *p, ctype v)                               \
	{                                                                                             \
		return __atomic_exchange_n(&p->wend__v, v, __ATOMIC_SEQ_CST);                             \
	}                                                                                             \
	static force_inline bool atm__##T##_cas_sc(word *p, ctype old, ctype new)                    \
	{                                                                                             \
		return __atomic_compare_exchange_n(&p->wend__v, &old, new, false, __ATOMIC_SEQ_CST,       \
										   __ATOMIC_RELAXED);                                     \
	}

ATM__CC(u32, atm_u32, uint32_t)
ATM__CC(u64, atm_u64, uint64_t)
ATM__CC(ptr, atm_ptr, void *)

#define ATM__CC_INT(T, word, ctype)                                                               \
	static force_inline ctype atm__##T##_add_sc(word *p, ctype n)                                \
	{                                                                                             \
		return __atomic_fetch_add(&p->wend__v, n, __ATOMIC_SEQ_CST);                              \
	}                                                                                             \
	static force_inline ctype atm__##T##_or_sc(word *p, ctype bits)                              \
	{                                                                                             \
		return __atomic_fetch_or(&p->wend__v, bits, __ATOMIC_SEQ_CST);                            \
	}                                                                                             \
	static force_inline ctype atm__##T##_and_sc(word *p, ctype bits)                             \
	{                                                                                             \
		return __atomic_fetch_and(&p->wend__v, bits, __ATOMIC_SEQ_CST);                           \
	}                                                                                             \
	static force_inline bool atm__##T##_bts_sc(word *p, unsigned bit)                            \
	{                                                                                             \
		return atm__##T##_or_sc(p, (ctype)1 << bit) & (ctype)1 << bit;                            \
	}

ATM__CC_INT(u32, atm_u32, uint32_t)
ATM__CC_INT(u64, atm_u64, uint64_t)

static force_inline void atm_fence_sc(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static force_inline void atm_pause(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield" : : : "memory");
#endif
}

#endif
