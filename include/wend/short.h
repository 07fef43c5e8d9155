/* SPDX-License-Identifier: MIT
 *
 * wend/short.h - opt-in short names; include it last. Function-like macros only, so that variables
 * and members with these names stay usable. */
#ifndef WEND_SHORT_H
#define WEND_SHORT_H

#include <wend/chan.h>
#include <wend/go.h>
#include <wend/panic.h>

#define go(...) WEND_GO(__VA_ARGS__)
#define goexit() wend_goexit()
#define chan_make(elem_size, cap) wend_chan_make((elem_size), (cap))
#define chan_send(c, elem) wend_chan_send((c), (elem))
#define chan_recv(c, elem) wend_chan_recv((c), (elem))
#define chan_try_send(c, elem) wend_chan_try_send((c), (elem))
#define chan_try_recv(c, elem, ok) wend_chan_try_recv((c), (elem), (ok))
#define chan_close(c) wend_chan_close(c)
#define panic(text) wend_panic(text)
#define recover() wend_recover()
#ifndef defer /* C2y's stddefer.h has its own */
#define defer(...) WEND_DEFER(__VA_ARGS__)
#endif

#endif
