/* SPDX-License-Identifier: MIT
 *
 * base/namespace.h - the linker's name of everything that files of the library share. In the sources the
 * short names stand (deque_steal, park); in the archive each begins with wend__, so that none meets a
 * function of the user's. (jemalloc's private namespace is built the same way.) A check in the tests
 * fails when a symbol is missing here.
 */
#ifndef BASE_NAMESPACE_H
#define BASE_NAMESPACE_H

#define acquire_p wend__acquire_p
#define after_switch_slow wend__after_switch_slow
#define asym_heavy wend__asym_heavy
#define check_deadlock wend__check_deadlock
#define counter_cell_slow wend__counter_cell_slow
#define counter_cells_sum wend__counter_cells_sum
#define cpus_quota wend__cpus_quota
#define crash_init wend__crash_init
#define crash_thread_fini wend__crash_thread_fini
#define crash_thread_init wend__crash_thread_init
#define current_slow wend__current_slow
#define deque_destroy wend__deque_destroy
#define deque_init wend__deque_init
#define deque_pop_contended wend__deque_pop_contended
#define deque_push_slow wend__deque_push_slow
#define deque_steal wend__deque_steal
#define deque_trim wend__deque_trim
#define deque_take_contended wend__deque_take_contended
#define ec_inc wend__ec_inc
#define ec_value wend__ec_value
#define ec_wait wend__ec_wait
#define enter_slow wend__enter_slow
#define find_work wend__find_work
#define foreign_pending wend__foreign_pending
#define fresh_put wend__fresh_put
#define g_free wend__g_free
#define g_main wend__g_main
#define gcache_flush wend__gcache_flush
#define global_get wend__global_get
#define global_put wend__global_put
#define global_put_locked wend__global_put_locked
#define guard_slots wend__guard_slots
#define hand_off_p wend__hand_off_p
#define inbox_get wend__inbox_get
#define inbox_put wend__inbox_put
#define knobs_default wend__knobs_default
#define knobs_get wend__knobs_get
#define knobs_parse wend__knobs_parse
#define knobs_print_help wend__knobs_print_help
#define lock_slow wend__lock_slow
#define m_attach wend__m_attach
#define m_detach wend__m_detach
#define m_loop wend__m_loop
#define m_make wend__m_make
#define m_sleep wend__m_sleep
#define m_start wend__m_start
#define make_next wend__make_next
#define other_threads wend__other_threads
#define p_free wend__p_free
#define p_make wend__p_make
#define park wend__park
#define park_foreign wend__park_foreign
#define pick_fair wend__pick_fair
#define procs_resize wend__procs_resize
#define ready wend__ready
#define ready_elsewhere wend__ready_elsewhere
#define release_pages wend__release_pages
#define requeue wend__requeue
#define retire_p wend__retire_p
#define ring_put wend__ring_put
#define runq_len wend__runq_len
#define spawn_main wend__spawn_main
#define stack_by_index wend__stack_by_index
#define stack_class wend__stack_class
#define stack_class_size wend__stack_class_size
#define stack_each wend__stack_each
#define stack_fini wend__stack_fini
#define stack_get wend__stack_get
#define stack_guard_hit wend__stack_guard_hit
#define stack_guard_kind wend__stack_guard_kind
#define stack_index wend__stack_index
#define stack_init wend__stack_init
#define stack_intact wend__stack_intact
#define stack_overflow wend__stack_overflow
#define stack_put wend__stack_put
#define stack_release_all wend__stack_release_all
#define stack_stats_read wend__stack_stats_read
#define steal_from wend__steal_from
#define topo_bind wend__topo_bind
#define topo_choose wend__topo_choose
#define topo_fini wend__topo_fini
#define topo_forget wend__topo_forget
#define topo_init wend__topo_init
#define topo_nearness wend__topo_nearness
#define topo_place wend__topo_place
#define traceback_parked wend__traceback_parked
#define traceback_print wend__traceback_print
#define traceback_walk wend__traceback_walk
#define trim_parked wend__trim_parked
#define unlock_slow wend__unlock_slow
#define wait_reason_name wend__wait_reason_name
#define wait_for_trim wend__wait_for_trim
#define wake_after_foreign wend__wake_after_foreign
#define put_idle_p wend__put_idle_p
#define first_p wend__first_p
#define flush_idle_caches wend__flush_idle_caches
#define main_is_over wend__main_is_over
#define spawn_then wend__spawn_then
#define enter_foreign wend__enter_foreign
#define leave_foreign wend__leave_foreign
#define foreign_may wend__foreign_may
#define foreign_release_all wend__foreign_release_all
#define wake_one wend__wake_one
#define wake_p wend__wake_p
#define wake_slow wend__wake_slow

#endif
