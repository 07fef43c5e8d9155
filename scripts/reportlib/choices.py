# SPDX-License-Identifier: MIT
"""What other values of the scheduler's knobs do on this machine, from what scripts/bench-calibrate choices kept."""
from .view import chip, esc, folded, plural, section, table

NAMES = {"cpu": "CPU time", "wall": "wall clock"}
KIND = {"better": ("good", "Cheaper"), "worse": ("bad", "Dearer"), "same": ("none", "Same"), "open": ("open", "Open")}


def _change(measure):
    if not measure:
        return ""
    text = "%+.1f %%" % (100 * measure["change"])
    if measure["interval"]:
        text += " [%+.1f, %+.1f]" % tuple(100 * x for x in measure["interval"])
    return esc(text)


def _line(choice):
    by = {m["metric"]: m for m in choice["measures"]}
    cells = [esc(choice["row"])]
    for metric in NAMES:
        cells += [_change(by.get(metric)), chip(*KIND[by[metric]["word"]]) if metric in by else ""]
    return cells


def _told(counts):
    """3 dearer, 1 open; what is nowhere is left out."""
    return ", ".join("%d %s" % (counts[w], KIND[w][1].lower()) for w in ("worse", "better", "same", "open") if counts.get(w))


def choices(view):
    """A group for each value, its rows inside."""
    data = view.calibration.get("choices")
    if not data or not data["summary"]:
        return ""
    body = ""
    for s in data["summary"]:
        summary = "<code>%s</code><small>%s; CPU time: %s; wall clock: %s</small>" % (
            esc(s["knob"]), plural(s["rows"], "row"), esc(_told(s["cpu"])), esc(_told(s["wall"])))
        head = ("row", NAMES["cpu"], "", NAMES["wall"], "")
        body += folded(summary, table(head, [_line(c) for c in data["choices"] if c["knob"] == s["knob"]]), group=True)
    return section("choices", "Scheduler choices",
                   "Each value of a knob against the default, in processes of the same program that take turns. Dearer and "
                   "cheaper: the change is beyond the floor, and its whole 99 % interval on that side; same: the interval "
                   "within the floor. Throughput that costs more CPU time is no gain, so both are told. Each was compared once, so one "
                   "interval in a hundred is wrong. <code>WENDDEBUG=help</code> explains the knobs.", body)
