# SPDX-License-Identifier: MIT
"""Sections of plots: throughput over P's, latency, memory, trend. Each plot has its size from the
beginning; the page sets as many side by side as fit."""
import re

from benchlib import fingerprint, ladder, record, stats

from . import plots, strip, theme
from .view import digits, esc, section, show


def _figure(title, small, svg, kind=""):
    return '<figure class="card%s"><figcaption>%s<small>%s</small></figcaption>%s</figure>' % (
        kind, esc(title), esc(small), svg)


def _grid(figures):
    return '<div class="plots">%s</div>' % "".join(figures) if figures else ""


# ---- Throughput over P's -------------------------------------------------------------------------

# title, row on one P, the peers' rows on one P; _p2 and _pn go behind the first part of each name.
SCALING = (
    ("1000 coroutines that yield", "yield/1000", ("go/yield/1000",)),
    ("Spawn and join, batches of 1000", "spawn/join_batch", ("go/spawn_join_batch", "tbb/spawn_join_batch")),
    ("fib(25), fork and join", "fib/25", ("go/fib/25", "tbb/fib")),
    ("Skynet", "skynet/*", ("go/skynet/*",)),
    ("Channel, four to four", "chan/mpmc/128/4/4", ("go/chan_mpmc/128/4/4",)),
    ("Read lock", "rwmutex/read", ("go/rwmutex_read", "thread/rwlock_read")),
    ("Map load, 1000 keys", "map/hit/1000", ("go/map_hit/1000", "urcu_lfht/hit/1000", "tbb_map/hit/1000")),
    ("Pool, get and put", "pool/get_put", ("go/pool_get_put",)),
)


def on(name, suffix):
    """yield/1000 with _p2 is yield_p2/1000; go/yield/1000 is go/yield_p2/1000; fib is fib_p2."""
    parts = name.split("/")
    i = max(i for i, p in enumerate(parts) if not re.fullmatch(r"\d+|\*", p))
    # The operation is the last word; a group without one carries the suffix itself.
    parts[i] += suffix
    return "/".join(parts)


def _points(view, name):
    out = {}
    cpus = view.rec["settings"]["procs"] or view.rec["hard"]["cpus"]
    for suffix, procs in (("", 1), ("_p2", 2), ("_pn", cpus)):
        row = view.row(on(name, suffix))
        rates = list(row.values("ops_per_s").values()) if row else []
        if rates:
            out[procs] = (stats.median(rates), stats.interval(rates))
    return out


def scaling(view, pyplot):
    figures = []
    for n, (title, ours, others) in enumerate(SCALING):
        series = []
        for name in (ours,) + others:
            points = _points(view, name)
            if len(points) > 1:
                series.append((theme.system(name), points))
        if not series or series[0][0] != "wend":
            continue
        told = []
        for system, points in series:
            least, most = min(points), max(points)
            told.append("%s %s\u00d7" % (theme.SYSTEMS[system][0], digits(points[most][0] / points[least][0])))
        most = max(series[0][1])
        figures.append(_figure(title, "Speed-up at %d P's: %s" % (most, ", ".join(told)),
                               plots.scaling(pyplot, "sc%d-" % n, series)))
    if not figures:
        return ""
    systems = {"wend"} | {theme.system(n) for _, _, others in SCALING for n in others if view.row(n)}
    return section("scaling", "Throughput over P's",
                   "Operations a second of all threads together. The dashed line is what a perfect speed-up would "
                   "be. P's beyond the CPUs of the machine would only take turns and are not shown.",
                   strip.legend(systems) + _grid(figures))


# ---- Latency -------------------------------------------------------------------------------------

# title, curves: (what the caption calls it, row, system, dashed)
def _pair(title, ours, theirs):
    return title, (("wend", ours, "wend", False), ("thread", theirs, "thread", False))


LATENCY = (
    ("Requests over a channel, 40 a ms", (("open loop", "latency/open/0", "wend", False),
                                          ("closed loop (dashed)", "latency/closed/0", "wend", True))),
    ("The same, two P's", (("open loop", "latency/open_p2/0", "wend", False),)),
    ("With a stall of 10 ms", (("open loop", "latency/open/10", "wend", False),
                               ("closed loop (dashed)", "latency/closed/10", "wend", True))),
    _pair("Hand over on one core", "handover/same_core", "thread/handover_same_core"),
    _pair("Hand over between two cores", "handover/two_cores", "thread/handover_two_cores"),
    _pair("A turn among four a CPU", "oversub/coroutines", "oversub/threads"),
    _pair("A turn among four a CPU, two P's", "oversub/coroutines_p2", "oversub/threads_p2"),
    _pair("A light one beside a hog", "claims/hog", "claims/hog_thread"),
)


def _hist(view, name):
    """The histogram of a row with samples enough for a curve."""
    row = view.row(name)
    lat = (row.data.get("lat") or {}) if row else {}
    return lat.get("hist") if lat.get("n", 0) >= 100 else None


def latency(view, pyplot):
    jitter = _hist(view, "machine/jitter")
    figures = []
    for n, (title, lines) in enumerate(LATENCY):
        curves = [(system, _hist(view, name), "dash" if dashed else "solid") for _, name, system, dashed in lines
                  if _hist(view, name)]
        if not curves:
            continue
        told = []
        for label, name, _, _ in lines:
            p50, p99 = view.value(name, "lat.p50"), view.value(name, "lat.p99")
            if p50 is not None:
                told.append("%s p50 %s%s" % (label, show(p50), ", p99 %s" % show(p99) if p99 is not None else ""))
        if jitter:
            curves.append(("other", jitter, "faint"))
        figures.append(_figure(title, "; ".join(told), plots.tails(pyplot, "la%d-" % n, curves)))
    if not figures:
        return ""
    return section("latency", "Latency",
                   "Which share of waits took longer than the time below, all rounds together. The dashed "
                   "grey line is the machine's own: how late a thread that only spins is for what is due every "
                   "10 \u00b5s. "
                   "Where it lies to the right of a curve, the tail is the machine's. A share is shown "
                   "from ten samples on.",
                   strip.legend({"wend", "thread"}) + _grid(figures))


# ---- Memory --------------------------------------------------------------------------------------

def memory(view, pyplot):
    figures = []

    def bars(n, title, small, wanted, text, log=False):
        items = []
        for label, system, name, metric in wanted:
            v = view.value(name, metric)
            if v is not None:
                items.append((label, system, v))
        if len(items) > 1:
            figures.append(_figure(title, small, plots.bars(pyplot, "me%d-" % n, items, text, log), " bars"))

    each = "counters.rss_bytes_each"
    bars(0, "A parked one, resident", "many of them at once, bytes each",
         (("coroutine", "wend", "create/parked/*", each), ("Go", "go", "go/create_parked/*", each),
          ("thread", "thread", "thread/create_parked/*", each)), strip.size)
    bars(1, "Taken from the machine for it",
         "free memory before and with them, page tables and kernel's part included",
         (("coroutine", "wend", "create/parked/*", "counters.machine_bytes_each"),
          ("Go", "go", "go/create_parked/*", "counters.machine_bytes_each"),
          ("thread", "thread", "thread/create_parked/*", "counters.machine_bytes_each")), strip.size)
    bars(2, "How many there can be",
         "coroutines that existed at once, threads that the limits leave room for; logarithmic",
         (("coroutines", "wend", "claims/create_many/*", "counters.created"),
          ("threads", "thread", "claims/create_many_threads/*", "counters.room")),
         lambda v: "{:,.0f}".format(v), True)
    life = (("deep", "counters.rss_at_depth_bytes"), ("back", "counters.rss_returned_bytes"),
            ("ended", "counters.rss_ended_bytes"))
    wanted = [("%s, %s" % (who, when), system, row, metric) for when, metric in life
              for who, system, row in (("coroutine", "wend", "claims/stack_coroutine"),
                                       ("thread", "thread", "claims/stack_thread"))]
    bars(3, "A stack that was 4 MiB deep", "resident at the depth, come back and waiting, ended; logarithmic",
         wanted, strip.size, True)
    return section("memory", "Memory", "What one coroutine and one thread hold while they wait.", _grid(figures)) \
        if figures else ""


# ---- Trend ---------------------------------------------------------------------------------------

TREND = ("switch/inline_cross", "yield/2", "spawn/join_one", "chan/hop", "chan/stream/128/1/1", "select/block/8",
         "mutex/alone", "map/hit/1000", "handover/two_cores")


def trend(view, pyplot):
    if len(view.history) < 2:
        return ""
    figures = []
    rows = [record.rows_of(r) for r in view.history]
    for n, name in enumerate(TREND):
        points, builds = [], []
        for rec, every in zip(view.history, rows):
            row = every.get(ladder.resolve(name, every))
            values = list(row.values().values()) if row and row.status == "ok" else []
            if values:
                points.append((rec["commit"][:8], stats.median(values), stats.interval(values)))
                builds.append(rec["build"])
        if len(points) < 2:
            continue
        breaks = [i for i in range(1, len(builds)) if fingerprint.differences(builds[i - 1], builds[i])]
        title = view.titles.get((ladder.resolve(name, view.rows), "ns_per_op"), name)
        figures.append(_figure(title, "%s now, %s at first" % (show(points[-1][1]), show(points[0][1])),
                               plots.trend(pyplot, "tr%d-" % n, points, breaks)))
    return section("trend", "Trend",
                   "%d runs that were kept for this machine, oldest first, from zero. The band is the 95 %% "
                   "interval. Runs of different days differ by more than most changes do: this shows "
                   "direction and is no verdict. "
                   "A dashed line stands where compiler or flags changed." % len(view.history),
                   _grid(figures)) if figures else ""
