/* SPDX-License-Identifier: MIT
 *
 * tests/model/inline.h - the fast ways that public headers have inline (wend_once_do, wend_value_load) under the
 * checker: the compiler's atomic load that wend/atomic.h is made of becomes the engine's, as an acquire,
 * which is less than it promises. To be included before any public header. */
#ifndef TESTS_MODEL_INLINE_H
#define TESTS_MODEL_INLINE_H

#include "atomics/atomic.h"

#define __atomic_load_n(p, order)                                                                 \
	((__typeof__(*(p) + 0))wend__model_load((p), sizeof *(p), ((void)(order), MODEL_ACQ)))

#endif
