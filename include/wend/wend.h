/* SPDX-License-Identifier: MIT
 *
 * wend/wend.h - every public header. Short names (go) come with WEND_SHORT_NAMES. */
#ifndef WEND_WEND_H
#define WEND_WEND_H

#include <wend/atomic.h>
#include <wend/blocking.h>
#include <wend/chan.h>
#include <wend/cond.h>
#include <wend/config.h>
#include <wend/context.h>
#include <wend/counter.h>
#include <wend/debug.h>
#include <wend/deque.h>
#include <wend/errgroup.h>
#include <wend/go.h>
#include <wend/map.h>
#include <wend/mutex.h>
#include <wend/once.h>
#include <wend/panic.h>
#include <wend/plainmap.h>
#include <wend/pool.h>
#include <wend/retire.h>
#include <wend/rwmutex.h>
#include <wend/select.h>
#include <wend/sem.h>
#include <wend/singleflight.h>
#include <wend/time.h>
#include <wend/types.h>
#include <wend/value.h>
#include <wend/waitgroup.h>

#ifdef WEND_SHORT_NAMES
#include <wend/short.h>
#endif
#endif
