# SPDX-License-Identifier: MIT
"""The cost ladder as data: which rows make a rung, and in which order people read them.

A row that no rung names is listed after the ladder, so a new benchmark needs no entry here."""
import re

from . import stats

REF = "atomics/xadd_private"


class Rung:
    """coroutine and thread are rows of the two sides; beside are (label, row) of what else does the
    same. metric says which number of the rows is the figure, unit how it is shown."""

    def __init__(self, title, coroutine, thread=None, beside=(), metric="ns_per_op", unit="ns",
                 thread_metric=None, notes=True, if_there=False):
        self.title, self.coroutine, self.thread = title, coroutine, thread
        self.beside = list(beside)
        self.metric, self.unit = metric, unit
        self.thread_metric = thread_metric or metric
        self.notes = notes          # show the rows' labels and tails under the line
        self.if_there = if_there    # not missed where the machine has no use for the row

    def rows(self):
        return [r for r in [self.coroutine, self.thread] + [b[1] for b in self.beside] if r]


def _memory(title, metric, **kw):
    return Rung(title, "create/parked/*", "thread/create_parked/*",
                [("Go", "go/create_parked/*")], "counters." + metric, notes=False, **kw)


def _maps(size, name):
    """The rungs of maps with so many keys; those of the long run are not missed in the short one."""
    def beside(op):
        rows = [("liburcu lfht", "urcu_lfht/"), ("TBB", "tbb_map/"), ("libck ck_ht", "ck_ht/"), ("libck ck_rhs", "ck_rhs/"),
                ("Go sync.Map", "go/map_"), ("Go map, RWMutex", "go/rwmap_")]
        return [(label, "%s%s/%s" % (group, op, size)) for label, group in rows]

    def rung(title, op, usual=True):
        return Rung(title, "map/%s/%s" % (op, size), None, beside(op), if_there=not usual or size == "65536")

    mixes = (("mix50", "50/50"), ("mix90", "90/10"), ("mix99", "99/1"), ("mix999", "99.9 % reads"))
    alone = (("hit", "load"), ("miss", "load, absent"), ("store", "store"), ("churn", "delete or insert"),
             ("insert", "insert, growing"), ("range", "range, per entry")) + mixes
    short = size == "1000"
    bars = ("hit", "store", "churn", "range")
    rungs = []
    for op, what in alone:
        rungs.append(rung("map %s %s" % (what, name), op, op in bars or short and op in ("insert", "mix90")))
        rungs.append(rung("  string keys", op + "_text", short and op == "hit"))
    if size != "65536":
        for op, what in (("hit", "load"), ("churn", "churn"), *mixes[:3], ("mix999", "99.9 %")):
            rungs.append(rung("map %s %s, two P's" % (what, name), op + "_p2", short and op in ("hit", "mix90")))
            rungs.append(rung("map %s %s, 4 a P" % (what, name), op + "_over", False))
    return rungs


# A name that ends in /* is the row of that name with the greatest number behind it: sizes differ
# between the short and the full run.
LADDER = [
    ("Switch", [
        Rung("bare switch, inline", "switch/inline_cross", None,
             [("from one call site", "switch/inline_same"),
              ("boost.context", "boost/context_switch"), ("swapcontext", "switch/swapcontext"),
              ("setjmp", "switch/setjmp")]),
        Rung("bare switch, out of line", "switch/full_cross"),
        Rung("yield, 2", "yield/2", "thread/yield",
             [("Go", "go/yield/2"), ("boost.fiber", "boost/fiber_yield/2")]),
        Rung("yield, 1000", "yield/1000", "thread/yield/1000",
             [("Go", "go/yield/1000"), ("boost.fiber", "boost/fiber_yield/1000")]),
        Rung("yield, 2, two P's", "yield_p2/2", None, [("Go", "go/yield_p2/2")]),
        Rung("yield, 1000, two P's", "yield_p2/1000", None, [("Go", "go/yield_p2/1000")]),
        Rung("yield, 1000, all P's", "yield_pn/1000", None, [("Go", "go/yield_pn/1000")],
             if_there=True),
    ]),
    ("Hand over a token, per hop", [
        Rung("same core, pinned", "handover/same_core", "thread/handover_same_core",
             [("threads, condition variable", "thread/condvar_same_core"),
              ("Go channel", "go/chan_handover")]),
        Rung("same P, free", "handover/same_core_free", "thread/handover_same_core"),
        Rung("two cores, pinned", "handover/two_cores", "thread/handover_two_cores",
             [("threads, condition variable", "thread/condvar_two_cores")]),
        Rung("two P's, free", "handover/two_cores_free", "thread/handover_free",
             [("threads, condition variable", "thread/condvar_free")]),
        Rung("two P's, may share one", "handover/untied_p2", "thread/handover_free",
             [("Go channel", "go/chan_handover_p2")]),
        Rung("ring", "ring/*", "thread/ring/*", [("Go channels", "go/ring/*")]),
        Rung("ring, two P's", "ring_p2/*", None, [("Go channels", "go/ring_p2/*")]),
    ]),
    ("Start and end, per coroutine or thread", [
        Rung("spawn + join, one", "spawn/join_one", "thread/create_join",
             [("WEND_GO, 2 arguments", "spawn/go_macro"), ("Go", "go/spawn_join_one"),
              ("boost.fiber", "boost/fiber_spawn_join_one"),
              ("task to a pool of threads", "thread/pool_submit")]),
        Rung("  two P's", "spawn/join_one_p2", "thread/create_join_free",
             [("WEND_GO, 2 arguments", "spawn/go_macro_p2"), ("Go", "go/spawn_join_one_p2")]),
        Rung("spawn + join, 1000", "spawn/join_batch", "thread/create_join_batch",
             [("Go", "go/spawn_join_batch"), ("boost.fiber", "boost/fiber_spawn_join_batch"),
              ("TBB tasks", "tbb/spawn_join_batch")]),
        Rung("  two P's", "spawn/join_batch_p2", "thread/create_join_batch_free",
             [("Go", "go/spawn_join_batch_p2"), ("TBB tasks", "tbb/spawn_join_batch_p2")]),
        Rung("  all P's", "spawn/join_batch_pn", None, [("Go", "go/spawn_join_batch_pn")],
             if_there=True),
        Rung("create until all parked", "create/parked/*", "thread/create_parked/*",
             [("Go", "go/create_parked/*")]),
        Rung("  two P's", "create/parked_p2/*", "thread/create_parked/*",
             [("Go", "go/create_parked_p2/*")]),
        Rung("  two P's, each creating", "create/parked_each_p2/*", "thread/create_parked/*"),
        Rung("  a million", "claims/create_many/*", "claims/create_many_threads/*",
             [("Go", "go/create_many/*")]),
        Rung("first touch of a page", "create/first_touch"),
        _memory("wake and end all", "wake_and_end_ns_each"),
    ]),
    ("Memory, per parked coroutine or thread", [
        _memory("resident", "rss_bytes_each", unit="bytes"),
        _memory("page tables", "pte_bytes_each", unit="bytes"),
        _memory("taken from the machine", "machine_bytes_each", unit="bytes"),
        Rung("resident + page tables", "claims/create_many/*", "claims/create_many_threads/*", (),
             "counters.rss_bytes_each + counters.pte_bytes_each", "bytes", notes=False),
        Rung("left after a million", "claims/create_many/*", None, (), "counters.rss_left_bytes",
             "bytes", notes=False),
        Rung("address space", "claims/stack_coroutine", "claims/stack_thread", (),
             "counters.virtual_bytes_each", "bytes", notes=False),
        Rung("resident, 4 MiB deep", "claims/stack_coroutine", "claims/stack_thread", (),
             "counters.rss_at_depth_bytes", "bytes", notes=False),
        Rung("  come back, waiting", "claims/stack_coroutine", "claims/stack_thread", (),
             "counters.rss_returned_bytes", "bytes", notes=False),
        Rung("  ended", "claims/stack_coroutine", "claims/stack_thread", (),
             "counters.rss_ended_bytes", "bytes", notes=False),
        Rung("how many, in all", "claims/create_many/*", "claims/create_many_threads/*", (),
             "counters.created", "count"),
    ]),
    ("Many at work", [
        Rung("fork-join fib, per call", "fib/25", None,
             [("serial", "fib/25_serial"), ("TBB tasks", "tbb/fib"), ("Go", "go/fib/25")]),
        Rung("  two P's", "fib_p2/25", None,
             [("TBB tasks", "tbb/fib_p2"), ("Go", "go/fib_p2/25")]),
        Rung("  all P's", "fib_pn/25", None, [("Go", "go/fib_pn/25")], if_there=True),
        Rung("skynet, per coroutine", "skynet/*", None, [("Go", "go/skynet/*")]),
        Rung("  two P's", "skynet_p2/*", None, [("Go", "go/skynet_p2/*")]),
        Rung("  all P's", "skynet_pn/*", None, [("Go", "go/skynet_pn/*")], if_there=True),
        Rung("skynet, seconds in all", "skynet/*", None, [("Go", "go/skynet/*")],
             "counters.seconds", "s", notes=False),
        Rung("request waits, p50", "latency/open/0", None, [("closed loop", "latency/closed/0")], "lat.p50"),
        Rung("  two P's", "latency/open_p2/0", None, (), "lat.p50"),
        Rung("turn among 4 a CPU, mean", "oversub/coroutines", "oversub/threads", (), "lat.mean"),
        Rung("  two P's", "oversub/coroutines_p2", "oversub/threads_p2", (), "lat.mean"),
        Rung("beside a ping-pong, max", "yield/beside_pair", None, [("Go", "go/yield_beside_pair")],
             "lat.max"),
        Rung("light beside hog, mean", "claims/hog", "claims/hog_thread", (), "lat.mean"),
        Rung("next beside a block, p50", "blocking/next_runs", None,
             [("Go", "go/blocking_next_runs"), ("pinned", "blocking/next_runs_pinned")], "lat.p50"),
        Rung("blocking call, no wait", "blocking/alone", None, [("pinned", "blocking/alone_pinned")]),
        Rung("lost beside a blocker", "blocking/compute_beside", None, [("Go", "go/blocking_compute_beside")],
             "counters.lost_percent", "%"),
    ]),
    ("Channels, per value or hop", [
        Rung("unbuffered, per hop", "chan/hop", "thread/handover_same_core",
             [("Go", "go/chan_handover"), ("boost.fiber", "boost/chan_hop")]),
        Rung("  two P's", "chan/hop_p2", "thread/handover_free", [("Go", "go/chan_handover_p2")]),
        Rung("one to one, room 128", "chan/stream/128/1/1", None,
             [("Go", "go/chan_stream/128/1/1"), ("boost.fiber", "boost/chan_stream/128")]),
        Rung("  two P's", "chan/stream_p2/128/1/1", "thread/queue/128", [("Go", "go/chan_stream_p2/128/1/1")]),
        Rung("send + receive, alone", "chan/pair", None, [("Go", "go/chan_pair")]),
        Rung("four to four, room 128", "chan/mpmc/128/4/4", None, [("Go", "go/chan_mpmc/128/4/4")]),
        Rung("  two P's", "chan/mpmc_p2/128/4/4", "thread/queue_mpmc/128", [("Go", "go/chan_mpmc_p2/128/4/4")]),
        Rung("  P's to P's", "chan/mpmc_per_p_p2/1", None, [("Go", "go/chan_mpmc_per_p_p2/1")]),
        Rung("  4 P's to 4 P's", "chan/mpmc_per_p_p2/4", None, [("Go", "go/chan_mpmc_per_p_p2/4")]),
        Rung("  all P's", "chan/mpmc_per_p_pn/4", if_there=True),
        Rung("try, empty channel", "chan/try_empty", None, [("Go", "go/chan_try_empty")]),
        Rung("receive, closed channel", "chan/recv_closed", None, [("Go", "go/chan_recv_closed")]),
        Rung("make + release", "chan/make/0", None, [("Go", "go/chan_make/0")]),
        Rung("prime sieve, per prime", "sieve/0", None, [("Go", "go/sieve/0")]),
    ]),
    ("Select", [
        Rung("8 cases, one ready", "select/block/8", None,
             [("by an array", "select/one_ready/8"), ("Go", "go/select_one_ready/8")]),
        Rung("8 cases, default", "select/default/8", None, [("Go", "go/select_default/8")]),
        Rung("waiting, 2 cases, trip", "select/wait/2", None, [("Go", "go/select_wait/2")]),
        Rung("waiting, 8 cases, trip", "select/wait/8", None, [("Go", "go/select_wait/8")]),
        Rung("two selects meet", "select/meet", None, [("Go", "go/select_meet")]),
    ]),
    ("Run queue and deque, per item", [
        Rung("run queue put + get", "runq/put_get", None,
             [("Go's algorithm", "runq/go_algorithm"), ("its stores alone", "runq/bare_stores")]),
        Rung("  newest first", "runq/put_get_newest"),
        Rung("deque push + pop", "deque/push_pop_asym", None,
             [("libck ring, one to one", "ck/ring_spsc"),
              ("libck ring, many to many", "ck/ring_mpmc"),
              ("libck stack", "ck/stack_upmc"), ("its stores alone", "deque/bare_stores"),
              ("an empty call", "runtime/empty_call")]),
        Rung("  full fences", "deque/push_pop_full", None,
             [("on libck with mfence", "ck/deque_mfence")]),
        Rung("  the last item", "deque/push_pop_last_asym", None,
             [("full fences", "deque/push_pop_last_full")]),
        Rung("  taken from the old end", "deque/push_take_asym", None,
             [("full fences", "deque/push_take_full")]),
        Rung("steal one", "deque/steal", None, [("full fences", "deque/steal_full")]),
        Rung("steal half, per item", "deque/steal_half_per_item", None,
             [("full fences", "deque/steal_half_per_item_full")]),
    ]),
    ("Locks, per pair", [
        Rung("mutex alone", "mutex/alone", "thread/mutex",
             [("nsync", "nsync/mutex"), ("libck spinlock", "ck/spinlock_fas"), ("Go", "go/mutex")]),
        Rung("  1 a CPU, two P's", "mutex/contended_p2/1", "thread/mutex_p2/1",
             [("nsync", "nsync/mutex_p2/1"), ("Go", "go/mutex_contended_p2/1")]),
        Rung("  50 a CPU, two P's", "mutex/contended_p2/50", "thread/mutex_p2/50",
             [("nsync", "nsync/mutex_p2/50"), ("Go", "go/mutex_contended_p2/50")]),
        Rung("  all P's", "mutex/contended_pn/50", None, [("Go", "go/mutex_contended_pn/50")],
             if_there=True),
        Rung("  work, 1 a CPU, 2 P's", "mutex/work_p2/1", "thread/mutex_work_p2/1",
             [("nsync", "nsync/mutex_work_p2/1"), ("Go", "go/mutex_work_p2/1")]),
        Rung("  work, 50 a CPU, 2 P's", "mutex/work_p2/50", "thread/mutex_work_p2/50",
             [("nsync", "nsync/mutex_work_p2/50"), ("Go", "go/mutex_work_p2/50")]),
        Rung("rwmutex read", "rwmutex/read", "thread/rwlock_read",
             [("libck brlock", "ck/brlock_read"), ("libck rwlock", "ck/rwlock_read"),
              ("libck pflock", "ck/pflock_read"), ("nsync", "nsync/rwlock_read"),
              ("Go", "go/rwmutex_read")]),
        Rung("  two P's at once", "rwmutex/read_p2", "thread/rwlock_read_p2",
             [("libck brlock", "ck/brlock_read_p2"), ("libck rwlock", "ck/rwlock_read_p2"),
              ("libck pflock", "ck/pflock_read_p2"), ("nsync", "nsync/rwlock_read_p2"),
              ("Go", "go/rwmutex_read_p2")]),
        Rung("  all P's at once", "rwmutex/read_pn", None, [("Go", "go/rwmutex_read_pn")],
             if_there=True),
        Rung("rwmutex write", "rwmutex/write", "thread/rwlock_write",
             [("libck brlock", "ck/brlock_write"), ("libck rwlock", "ck/rwlock_write"),
              ("libck pflock", "ck/pflock_write"), ("nsync", "nsync/rwlock_write"),
              ("Go", "go/rwmutex_write")]),
        Rung("  first after readers", "rwmutex/revoke"),
        Rung("  same beside a reader", "rwmutex/revoke_p2"),
    ] + [
        Rung("%s %% reads, %d a CPU" % (share / 10 if share % 10 else share // 10, each),
             "rwmutex/mix_p2/%d/%d" % (each, share), "thread/rwlock_mix_p2/%d/%d" % (each, share),
             ([("libck brlock", "ck/brlock_mix_p2/1/%d" % share),
               ("libck rwlock", "ck/rwlock_mix_p2/1/%d" % share),
               ("libck pflock", "ck/pflock_mix_p2/1/%d" % share)] if each == 1 else []) +
             [("nsync", "nsync/rwlock_mix_p2/%d/%d" % (each, share)),
              ("Go", "go/rwmutex_mix_p2/%d/%d" % (each, share))],
             if_there=share not in (900, 999))
        for each in (1, 50) for share in (500, 900, 990, 999, 1000)
    ] + [
        Rung("semaphore alone", "sem/alone", "thread/sem"),
        Rung("  50 a CPU, two P's", "sem/contended_p2/50", "thread/sem_p2/50"),
        Rung("cond, per turn", "cond/turns", "thread/condvar_same_core", [("Go", "go/cond_turns")]),
        Rung("  two P's", "cond/turns_p2", "thread/condvar_free", [("Go", "go/cond_turns_p2")]),
    ]),
    ("Contexts", [
        Rung("with_cancel, cancel", "context/cancel", None, [("Go", "go/context_cancel")]),
        Rung("  child of a live one", "context/cancel_child", None, [("Go", "go/context_cancel_child")]),
        Rung("  two P's", "context/cancel_child_p2", None, [("Go", "go/context_cancel_child_p2")]),
        Rung("with_timeout, cancel", "context/timeout", None, [("Go", "go/context_timeout")]),
        Rung("err", "context/err", None, [("Go", "go/context_err")]),
        Rung("value, tenth above", "context/value/10", None, [("Go", "go/context_value/10")]),
        Rung("cancel 1000, per child", "context/children/1000", None, [("Go", "go/context_children/1000")]),
        Rung("wake 1000, per waiter", "context/wake/1000", None, [("Go", "go/context_wake/1000")]),
        Rung("  two P's", "context/wake_p2/1000", None, [("Go", "go/context_wake_p2/1000")]),
    ]),
    ("Timers", [
        Rung("create + stop", "time/create_stop", None, [("Go", "go/timer_create_stop")]),
        Rung("  two P's", "time/create_stop_all_p2", None, [("Go", "go/timer_create_stop_all_p2")]),
        Rung("  beside a million", "time/create_stop_among/1000000", None,
             [("Go", "go/timer_create_stop_among/1000000")]),
        Rung("  a million, at random", "time/create_stop_random/1000000", None,
             [("Go", "go/timer_create_stop_random/1000000")]),
        Rung("after_func + stop", "time/after_func_stop", None, [("Go", "go/after_func_stop")]),
        Rung("reset", "time/reset", None, [("Go", "go/timer_reset")]),
        Rung("a million due together", "time/due_together/1000000", None, [("Go", "go/timer_storm/1000000")],
             "counters.seconds", "s", notes=False),
        Rung("  two P's", "time/due_together_p2/1000000", None, [("Go", "go/timer_storm_p2/1000000")],
             "counters.seconds", "s", notes=False),
        Rung("yield with a timer set", "time/yield_beside_timer", None, [("without", "yield/2")]),
    ] + [
        Rung(title % text, "time/sleep%s/%d" % (p, ns), "thread/sleep/%d" % ns,
             [("Go", "go/sleep%s/%d" % (p, ns))], "lat.p50")
        for p, title in (("", "sleep %s late, p50"), ("_p2", "  %s, two P's"))
        for ns, text in ((1000, "1 us"), (100000, "100 us"), (1000000, "1 ms"), (10000000, "10 ms"))
    ] + [
        Rung("ticks of 1 ms lost", "time/ticker", None, [("Go", "go/ticker")], "counters.lost_percent", "%"),
        Rung("  two P's", "time/ticker_p2", None, [("Go", "go/ticker_p2")], "counters.lost_percent", "%"),
    ]),
    ("Deferred calls and panics", [
        Rung("call that defers one", "defer/one", None,
             [("a plain call", "defer/plain_call"), ("C++ destructor", "cxx/destructor"), ("Go", "go/defer_one")]),
        Rung("  with typed arguments", "defer/typed"),
        Rung("  ten in a loop", "defer/ten_in_a_loop", None, [("Go", "go/defer_ten")]),
        Rung("panic + recover", "panic/recover", None,
             [("C++ throw, catch", "cxx/throw_catch"), ("setjmp, longjmp", "panic/setjmp_longjmp"), ("Go", "go/panic_recover")]),
        Rung("  with a formatted text", "panic/formatted"),
        Rung("  through 20 frames", "panic/through_20_frames", None,
             [("C++ throw, catch", "cxx/throw_through_20_frames"), ("Go", "go/panic_deep")]),
    ]),
    ("Once, pool, values", [
        Rung("once that is done", "once/done", None,
             [("pthread_once", "pthread/once_done"), ("Go", "go/once_done")]),
        Rung("  two P's", "once/done_p2", None, [("Go", "go/once_done_p2")]),
        Rung("  the first time", "once/first"),
        Rung("pool get + put", "pool/get_put", None,
             [("malloc + free", "malloc/free"), ("Go", "go/pool_get_put")]),
        Rung("  two P's", "pool/get_put_p2", None, [("Go", "go/pool_get_put_p2")]),
        Rung("  sixteen at a time", "pool/get_put_16", None, [("Go", "go/pool_get_put_16")]),
        Rung("  from another P", "pool/get_from_other_p"),
        Rung("value load", "value/load", None, [("Go", "go/value_load")]),
        Rung("value store", "value/store", None, [("Go", "go/value_store")]),
        Rung("atomic load", "user/load", None,
             [("behind a call", "user/load_called"), ("libck", "ck/load"), ("Go", "go/atomic_load")]),
        Rung("atomic store", "user/store", None,
             [("libck with mfence", "ck/store_fence"), ("Go", "go/atomic_store")]),
        Rung("atomic add", "user/add", None,
             [("behind a call", "user/add_called"), ("libck", "ck/faa"), ("Go", "go/atomic_add")]),
        Rung("  two threads, one word", "user/add_shared", None,
             [("locked add", "atomics/xadd_shared/threads:2")]),
        Rung("atomic swap", "user/swap", None, [("libck", "ck/fas")]),
        Rung("atomic compare and swap", "user/compare_and_swap", None,
             [("libck", "ck/cas"), ("Go", "go/atomic_cas")]),
        Rung("atomic or", "user/or", None,
             [("behind a call", "user/or_called"), ("with its result", "user/or_result"),
              ("libck", "ck/or")]),
    ]),
    ("Concurrent map", [
        rung for size, name in (("1000", "1k"), ("65536", "64k"), ("1000000", "1M")) for rung in _maps(size, name)
    ]),
    ("Counters and atomics", [
        Rung("locked add, alone (ref)", "atomics/xadd_private", None,
             [("xchg", "atomics/xchg"),
              ("cas", "atomics/cas"), ("fence", "atomics/fence"),
              ("load", "atomics/load_acq"), ("store", "atomics/store_rel"),
              ("libck spinlock", "ck/spinlock_fas"), ("libck epoch", "ck/epoch")]),
        Rung("locked add, by two", "atomics/xadd_shared/threads:2", None,
             [("alone", "atomics/xadd_shared/threads:1")]),
        Rung("counter add", "counter/add", None,
             [("an empty call", "runtime/empty_call"), ("read the sum", "counter/load")]),
        Rung("counter add, two P's", "counter/add_shared", None,
             [("Go atomic add", "go/counter_shared"),
              ("locked add", "atomics/xadd_shared/threads:2")]),
        Rung("  all P's", "counter/add_shared_pn", if_there=True),
        Rung("enter + leave runtime", "runtime/enter_leave"),
        Rung("wend_coroutine_id", "runtime/coroutine_id"),
        Rung("library's read section", "retire/border_section", None,
             [("border alone", "retire/border_without"), ("libck epoch", "ck/epoch"),
              ("libck hazard pointer", "ck/hazard"), ("liburcu", "urcu/section")]),
        Rung("user's read section", "retire/section"),
        Rung("malloc, retire, free", "retire/malloc_retire", None,
             [("malloc + free", "malloc/free"), ("liburcu", "urcu/retire")]),
        Rung("  two P's", "retire/malloc_retire_p2"),
        Rung("asymmetric fence, light", "atomics/asym_light", None,
             [("heavy", "atomics/asym_heavy"),
              ("heavy, another CPU busy", "atomics/asym_heavy_peer")]),
    ]),
    ("The machine itself", [
        Rung("reading the clock", "machine/clock"),
        Rung("entering the kernel", "machine/syscall"),
        Rung("a spinner is late, p99", "machine/jitter", None, (), "lat.p99"),
    ]),
]


def resolve(name, rows):
    """The row that a rung means; see LADDER about /*."""
    if not name or not name.endswith("/*"):
        return name
    found = [n for n in rows if n.startswith(name[:-1]) and n[len(name) - 1:].isdigit()]
    # One that was measured rather than a greater one that was not.
    return max(found, key=lambda n: (rows[n].status == "ok", int(n[len(name) - 1:])), default=name)


def resolved(rung, rows):
    """The rung with the names of rows that are there, and the same on the other atomics backend."""
    coroutine = resolve(rung.coroutine, rows)
    beside = [(label, resolve(n, rows)) for label, n in rung.beside]
    if "builtin/" + coroutine in rows:
        beside.append(("on builtin atomics", "builtin/" + coroutine))
    return Rung(rung.title, coroutine, resolve(rung.thread, rows), beside, rung.metric, rung.unit,
                rung.thread_metric, rung.notes, rung.if_there)


def layout(rows):
    """[(heading, [rung])] of what was measured or tried, the rows of no rung, and the titles of
    rungs without any row."""
    named, absent, sections = set(), [], []
    for heading, rungs in LADDER:
        here, above = [], ""
        for rung in rungs:
            rung = resolved(rung, rows)
            above = above if rung.title.startswith(" ") else rung.title
            if rung.coroutine in rows or rung.thread in rows:
                here.append(rung)
                named.update(rung.rows())
            elif not rung.if_there:
                absent.append(rung.title if rung.title == above
                              else "%s, %s" % (above, rung.title.strip()))
        if here:
            sections.append((heading, here))
    return sections, [r for r in rows if r not in named], absent


def all_rows(rows):
    """The names of all rows that stand in the ladder."""
    return {name for _, rungs in LADDER for rung in rungs for name in resolved(rung, rows).rows()}


def titles(rows):
    """{(row, metric): the rung's title in full}."""
    out = {}
    for heading, rungs in LADDER:
        for rung, title in full_titles(heading, rungs):
            out[(resolve(rung.coroutine, rows), rung.metric)] = title
    return out


# What the titles of a section leave to its heading.
SHORT = {"Channels, per value or hop": "channel, ", "Select": "select, ",
         "Hand over a token, per hop": "hand-over, "}


def full_titles(heading, rungs):
    """[(rung, title that needs neither heading nor the line above)]"""
    out, above = [], ""
    for rung in rungs:
        title = rung.title.strip()
        if rung.title.startswith(" "):
            title = "%s, %s" % (above, title)
        else:
            # What is not alone any more on the lines below.
            above = re.sub(r" alone$", "", title)
        if "% reads" in title:
            title = "rwmutex, " + title
        out.append((rung, SHORT.get(heading, "") + title))
    return out


def ratio(top, bottom, top_metric="ns_per_op", bottom_metric=None):
    """(median, interval, rounds) of top over bottom, round by round; None if none has both."""
    if top is None or bottom is None:
        return None
    pairs = stats.paired(top.values(top_metric), bottom.values(bottom_metric or top_metric))
    if not pairs:
        return None
    return stats.median(pairs), stats.interval(pairs), len(pairs)


def summary(row, rows, metric="ns_per_op"):
    """What the report says of one row by itself."""
    values = list(row.values(metric).values())
    out = {"figure": stats.median(values), "interval": stats.interval(values),
           "spread": stats.spread(values), "rounds_measured": len(values), "baseline": None,
           "ratio": None, "ratio_interval": None, "ref": None}
    base = row.definition.get("baseline")
    if base:
        out["baseline"] = base
        r = ratio(row, rows.get(base), metric)
        if r:
            out["ratio"], out["ratio_interval"] = r[0], r[1]
    r = ratio(row, rows.get(REF)) if metric == "ns_per_op" else None
    if r:
        out["ref"] = r[0]
    return out
