/* SPDX-License-Identifier: MIT
 *
 * wend/retire.h - free memory that others may still be reading (epoch-based reclamation: Fraser,
 * "Practical lock-freedom", 2004; with the asymmetric fence of liburcu-memb; the sections are per
 * thread of the runtime, and every call of the library is one already).
 *
 * Readers follow pointers between begin and end. A writer takes an object out of the structure, so that no new
 * reader can find it, and retires it: the callback runs when every section that was open then has ended.
 *
 *     struct config *c;                                 static wend_atomic_ptr current;
 *
 *     wend_section_begin();                             // writer
 *     c = wend_atomic_ptr_load(&current);               old = wend_atomic_ptr_swap(&current, fresh);
 *     use(c);                                           wend_retire(old, free);
 *     wend_section_end();
 *
 * All functions may be called from coroutines, from foreign threads, and before and after the runtime runs.
 */
#ifndef WEND_RETIRE_H
#define WEND_RETIRE_H

#include <wend/types.h>

WEND__BEGIN

/* A read section: what is reachable when it begins stays valid until it ends. Sections nest. A section belongs to
 * its thread, so inside it a coroutine may call whatever does not block, and no more: to park, yield or end
 * there is fatal: `fatal error: park inside a section`. A long section holds up all callbacks of the
 * process. Never blocks; two plain stores (foreign threads: two locked additions). */
WEND_API void wend_section_begin(void);

/* Fatal without begin: `fatal error: wend_section_end without wend_section_begin`. */
WEND_API void wend_section_end(void);

/* Calls fn(ptr) once, when all sections that are open now have ended. The object belongs to the library until then.
 * fn runs on a coroutine that retires, or on a thread of the runtime; it may retire and call
 * what does not block; parking there is fatal. Objects are retired in batches: expect milliseconds, and no order among
 * them; what is left runs when the runtime ends, but for what a foreign thread that stays in a section still holds up
 * 50 ms later.
 * Cannot fail. O(1), plus at most 126 callbacks. Blocks the thread only while 65,536 objects of the process wait
 * because somebody stays in a section (never inside a section or a callback), or when there is no memory for
 * a batch. */
WEND_API void wend_retire(void *ptr, void (*fn)(void *ptr));

/* Waits until all callbacks of objects that were retired before the call have run. Parks a coroutine, blocks a
 * foreign thread. Fatal inside a section and in a callback. */
WEND_API void wend_retire_barrier(void);

WEND__END
#endif
