/* SPDX-License-Identifier: MIT
 *
 * tests/harness/fault.h - makes library calls fail on purpose. Test programs that use it are linked
 * statically against the library and with --wrap for each call below (see wend_test in
 * tests/CMakeLists.txt), so that calls of the library and of the test both come through here.
 *
 *     fault_set("mmap", 3, ENOMEM);      the third mmap from now on fails, once
 *     fault_all("membarrier", ENOSYS);   every one fails
 *
 * Counters live in shared memory: a parent reads what happened in its children.
 */
#ifndef TESTS_HARNESS_FAULT_H
#define TESTS_HARNESS_FAULT_H

/* Known names: mmap, munmap, mprotect, madvise, guard (madvise with MADV_GUARD_INSTALL or _REMOVE),
 * pthread_create, malloc, calloc, realloc, aligned_alloc, posix_memalign, open, membarrier,
 * process_madvise, futex, sigaltstack, sched_setaffinity. */
void fault_set(const char *call, int nth, int error);
void fault_all(const char *call, int error);
void fault_clear(void);

int fault_calls(const char *call); /* calls seen since it was set */
int fault_hits(const char *call);  /* calls made to fail since it was set */

#endif
