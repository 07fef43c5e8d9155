# SPDX-License-Identifier: MIT
"""The cost ladder as data: which rows make a rung, and in which order people read them.

A row that no rung names is listed after the ladder, so a new benchmark needs no entry here."""
from . import stats

REF = "atomics/xadd_private"


class Rung:
    """coroutine and thread are rows of the two sides; beside are (label, row) of what else does the
    same. metric says which number of the rows is the figure, unit how it is shown."""

    def __init__(self, title, coroutine, thread=None, beside=(), metric="ns_per_op", unit="ns",
                 thread_metric=None):
        self.title, self.coroutine, self.thread = title, coroutine, thread
        self.beside = list(beside)
        self.metric, self.unit = metric, unit
        self.thread_metric = thread_metric or metric

    def rows(self):
        return [r for r in [self.coroutine, self.thread] + [b[1] for b in self.beside] if r]


LADDER = [
    ("Switch", [
        Rung("bare switch, inline", "switch/inline_cross", None,
             [("same call site", "switch/inline_same"), ("boost.context", "boost/context_switch"),
              ("swapcontext", "switch/swapcontext"), ("setjmp", "switch/setjmp"),
              ("builtin atomics", "builtin/switch/inline_cross")]),
        Rung("bare switch, out of line", "switch/full_cross"),
        Rung("yield, 2", "yield/2", "thread/yield",
             [("Go", "go/yield/2"), ("boost.fiber", "boost/fiber_yield/2")]),
        Rung("yield, 1000", "yield/1000", "thread/yield",
             [("Go", "go/yield/1000"), ("boost.fiber", "boost/fiber_yield/1000")]),
        Rung("yield, 2, on two P's", "yield_p2/2", None, [("Go", "go/yield_p2/2")]),
        Rung("yield, 1000, on two P's", "yield_p2/1000", None, [("Go", "go/yield_p2/1000")]),
    ]),
]


def layout(rows):
    """[(heading, [rung])] of what was measured or tried, the rows of no rung, and the titles of
    rungs without any row."""
    named, absent, sections = set(), [], []
    for heading, rungs in LADDER:
        here = []
        for rung in rungs:
            named.update(rung.rows())
            (here if any(r in rows for r in rung.rows()) else absent).append(rung)
        if here:
            sections.append((heading, here))
    return sections, [r for r in rows if r not in named], [r.title for r in absent]


def ratio(top, bottom, top_metric="ns_per_op", bottom_metric=None):
    """(median, interval, rounds) of top over bottom, round by round; None without a common round."""
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
    base = row.fact("baseline")
    if base:
        out["baseline"] = base
        r = ratio(row, rows.get(base), metric)
        if r:
            out["ratio"], out["ratio_interval"] = r[0], r[1]
    r = ratio(row, rows.get(REF)) if metric == "ns_per_op" else None
    if r:
        out["ref"] = r[0]
    return out
