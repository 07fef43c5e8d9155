/* SPDX-License-Identifier: MIT
 *
 * wend/blocking.h - calls that block the thread: reading a file or a terminal, getaddrinfo, waiting for a process, a
 * library with locks of its own, or a long computation that others should not wait for.
 *
 *     static int64_t read_key(void *key)
 *     {
 *             ssize_t n = read(0, key, 1);
 *
 *             return n < 0 ? -errno : n;
 *     }
 *
 *     int64_t n = wend_blocking(read_key, &key);
 *
 * Without it such a call holds the coroutine's P, and what is queued there waits as well. With it the P goes to another
 * thread before the function begins, as for Go's system calls (cgo calls likewise).
 */
#ifndef WEND_BLOCKING_H
#define WEND_BLOCKING_H

#include <wend/types.h>

WEND__BEGIN

/* Runs fn(arg) on the calling coroutine's own stack and thread, without a P, and returns what fn returned. How to tell
 * an error is up to fn: errno is worth nothing afterwards, as the coroutine may go on on another thread; let fn return
 * -errno.
 *
 * The P goes to another thread if it has coroutines to run, else it becomes idle. Afterwards the coroutine goes on at
 * once, on the same thread, if its former P is idle or any other one is; else it queues with the others.
 *
 * While fn runs its thread counts as a foreign one: fn may call whatever foreign threads may, and such a call blocks the
 * thread; what needs a coroutine (wend_yield, wend_goexit) is fatal; wend_coroutine_id gives 0. fn stays on one
 * thread, so errno and thread-local variables are its own. The coroutine is listed as "syscall". A panic in fn,
 * deferred calls of its own included, takes a P first and then goes on as anywhere: fn's caller may recover it. If fn does
 * so itself, it is no longer off its P and may be on another thread.
 *
 * Stack: the coroutine's, 64 KiB by default. Resolvers and other deep functions of the C library want some 100 KiB or more:
 * start a coroutine with a stack_size of 256 KiB for them (only touched pages take memory).
 *
 * Threads: as many as there are calls at a time, plus one for each P. Those no longer needed sleep and serve the next
 * calls; sleeping ones beyond the number of P's plus 8 end after ten seconds (knob thread_ms). When no thread can be
 * had, or the knob `threads` (10000) is reached, coroutines wait until a call is over; the first time a line on stderr
 * says so. To bound the calls themselves use a wend_sem.
 *
 * The runtime's end waits for fn as for a coroutine on a CPU: wend_run up to the knob stop_ms, WEND_MAIN not at all. While
 * somebody is in such a call there is no report of a deadlock.
 *
 * Called from a foreign thread, and so within fn, too, it just runs fn. Costs a few system calls: 1 us when nobody else
 * wants to run, 5 to 10 us when P's are pinned, and waking a thread when others do. Not for calls that never block.
 * Fatal: `wend_blocking with a nil function`; inside a section (wend/retire.h). */
WEND_API int64_t wend_blocking(int64_t (*fn)(void *), void *arg);

WEND__END
#endif
