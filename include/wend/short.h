/* SPDX-License-Identifier: MIT
 *
 * wend/short.h - opt-in short names; include it last. Function-like macros only, so that variables
 * and members with these names stay usable. */
#ifndef WEND_SHORT_H
#define WEND_SHORT_H

#include <wend/go.h>

#define go(...) WEND_GO(__VA_ARGS__)
#define goexit() wend_goexit()

#endif
