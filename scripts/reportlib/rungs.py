# SPDX-License-Identifier: MIT
"""The cost ladder: in one picture, then rung by rung with every peer; and each peer over all rungs."""
import math

from benchlib import ladder, report, stats

from . import strip, theme
from .view import digits, esc, figure, folded, plural, section, show, system_name, table, units

# The rungs of the picture, by the row of the coroutine's side.
PICTURE = ("switch/inline_cross", "once/done", "counter/add_shared", "mutex/alone", "map/hit/1000", "yield/2",
           "handover/same_core", "chan/hop", "chan/stream/128/1/1", "spawn/join_one", "select/block/8",
           "map/hit/1000000", "create/parked/*", "handover/two_cores")
TIME = ("ns", "s")
# Sections whose neighbours are for scale and do not do the same thing.
FOR_SCALE = ("Run queue and deque, per item", "Counters and atomics", "The machine itself")


def _marks(view, rung, axis):
    """[svg] of a rung, ours last so that it lies on top."""
    factor = 1e9 if rung.unit == "s" else 1
    found = []
    sides = [(rung.coroutine, rung.metric, "wend", "coroutine")] + \
        ([(rung.thread, rung.thread_metric, "thread", "thread")] if rung.thread else []) + \
        [(name, rung.metric, theme.system(name, True), label) for label, name in rung.beside]
    for name, metric, system, label in sides:
        row = view.row(name)
        values = list(row.values(metric).values()) if row else []
        if not values:
            continue
        value = stats.median(values) * factor
        ci = stats.interval(values)
        ci = tuple(x * factor for x in ci) if ci else None
        if value > 0:
            found.append((system, value, ci, label))
    if axis is None:
        return found
    return [strip.mark(axis, s, v, ci, "%s: %s" % (label, strip.ns(float("%.3g" % v)) if rung.unit in TIME
                                                   else show(v, rung.unit)))
            for s, v, ci, label in reversed(found)]


def _axis(view, rungs):
    kinds = {"bytes": strip.size, "count": strip.count}
    units = {r.unit for r in rungs}
    values = [v for r in rungs for _, v, _, _ in _marks(view, r, None)]
    if not values:
        return None
    unit = next(iter(units)) if len(units) == 1 else "ns"
    return strip.Axis(min(values), max(values), kinds.get(unit, strip.ns))


def _head(axis, thread=True):
    return _top(axis, "coroutine", "thread" if thread else "", "ratio" if thread else "")


def _top(axis, *heads):
    return ('<div class="rung top"><span class="name"></span>%s<span class="n">%s</span><span class="n">%s</span>'
            '<span class="r">%s</span></div>' % (axis.svg(), *heads))


def _bar(view, rung):
    b = view.bars.get((rung.coroutine, rung.metric))
    if not b:
        return ""
    kind = {"met": "good", "missed": "bad", "open": "open"}[b["word"]]
    bound = show(b["bar"]) if b["unit"] == "ns" else digits(b["bar"]) + (
        "\u00d7" + b["unit"][1:] if b["unit"].startswith("x") else " " + b["unit"])
    return '<i class="t-%s">bar %s, %s</i>' % (kind, esc(bound), b["word"])


def _line(view, rung, axis, under=True):
    co, th = view.row(rung.coroutine), view.row(rung.thread) if rung.thread else None
    r = view.ratio(rung.thread, rung.coroutine, rung.thread_metric, rung.metric) \
        if rung.thread and rung.unit != "count" else None
    ratio = "%s\u00d7" % digits(r[0]) if r else ""
    title = rung.title.strip()
    sub = " sub" if rung.title.startswith(" ") else ""
    interval = "95 % interval " + report.bracket(r[1]) if r else ""
    text = ('<div class="rung%s"><span class="name%s">%s</span>%s<span class="n co">%s</span>'
            '<span class="n th">%s</span><span class="r" title="%s">%s</span>' % (
                "" if th else " two", sub, esc(title), strip.strip(axis, _marks(view, rung, axis), title),
                figure(co, rung.metric, rung.unit) if co else "",
                figure(th, rung.thread_metric, rung.unit) if th else "", interval, ratio))
    if under:
        text += _under(view, rung)
    return text + "</div>"


def _place(co, th):
    """Where it ran, told twice where the two sides differ."""
    texts = [report.place(r) + (", CPU time" if r.fact("clock") == "cpu" else "") if r else "" for r in (co, th)]
    if not th or texts[0] == texts[1]:
        return texts[0]
    return texts[1] if not co else "coroutine: %s, thread: %s" % tuple(texts)


def _under(view, rung):
    items = [_bar(view, rung)]
    for label, name in rung.beside:
        row = view.row(name)
        if not row or not row.values(rung.metric):
            continue
        r = view.ratio(name, rung.coroutine, rung.metric)
        items.append("<i>%s %s%s</i>" % (esc(label), figure(row, rung.metric, rung.unit),
                                         " (%s\u00d7)" % digits(r[0]) if r else ""))
    if rung.notes:
        for side, name in (("coroutine", rung.coroutine), ("thread", rung.thread)):
            row = view.row(name) if name else None
            items += ['<i class="wrap">%s</i>' % esc(units(n))
                      for n in report.notes(row, side if rung.thread else "")]
    thread = view.row(rung.thread) if rung.thread else None
    items.append("<i>%s</i>" % esc(_place(view.row(rung.coroutine), thread)))
    return '<div class="under">%s</div>' % "".join(items)


def _systems(view, rungs):
    return {s for r in rungs for s, _, _, _ in _marks(view, r, None)}


def picture(view):
    by_row = {r.coroutine: r for _, rungs in view.sections for r in rungs if r.unit == "ns"
              and r.metric == "ns_per_op"}
    names = [ladder.resolve(n, view.rows) for n in PICTURE]
    chosen = [by_row[n] for n in names if n in by_row and view.row(n)]
    chosen.sort(key=lambda r: view.value(r.coroutine))
    if not chosen:
        return ""
    axis = _axis(view, chosen)
    lines = []
    for r in chosen:
        title = view.titles.get((r.coroutine, r.metric), r.title.strip())
        full = ladder.Rung(title, r.coroutine, r.thread, r.beside, r.metric, r.unit, r.thread_metric)
        lines.append(_line(view, full, axis, under=False))
    return strip.legend(_systems(view, chosen)) + _head(axis) + "".join(lines)


def groups(view):
    out = []
    for heading, rungs in view.sections:
        rungs = [r for r in rungs if _marks(view, r, None)]
        for unit_rungs, suffix in _by_unit(rungs):
            axis = _axis(view, unit_rungs)
            thread = any(r.thread and view.row(r.thread) for r in unit_rungs)
            summary = "%s<small>%s</small>" % (esc(heading + suffix), plural(len(unit_rungs), "rung"))
            out.append(folded(summary, strip.legend(_systems(view, unit_rungs)) + _head(axis, thread) +
                              "".join(_line(view, r, axis) for r in unit_rungs), group=True))
    return "".join(out)


def _by_unit(rungs):
    """Times and bytes and counts have axes of their own."""
    kinds = {}
    for r in rungs:
        kinds.setdefault("time" if r.unit in TIME else r.unit, []).append(r)
    many = len(kinds) > 1
    names = {"time": ": time", "bytes": ": bytes", "count": ": how many"}
    return [(v, names.get(k, "") if many else "") for k, v in kinds.items() if v]


def section_of(view):
    lead = ("Time for one operation, median of the rounds, on a logarithmic axis; the line behind a mark is "
            "its 95 % interval. Further right is dearer: each step of the axis is a factor.")
    return section("ladder", "Cost ladder", lead, picture(view) +
                   '<h3>Rung by rung</h3><p class="note">Every row with its peers; the factor in brackets is '
                   "over the coroutine's figure. ~: the rounds differ by more than 10 %.</p>" + groups(view))


# ---- Peers ---------------------------------------------------------------------------------------

def against(view):
    """{system: [(ratio, interval, title)]} over all rungs measured in time; above 1 the peer takes longer."""
    out = {}
    for heading, rungs in view.sections:
        if heading in FOR_SCALE:
            continue
        for r, full in ladder.full_titles(heading, rungs):
            if r.unit != "ns" or r.coroutine not in view.rows or r.metric.startswith("counters."):
                continue
            sides = [(r.thread, r.thread_metric)] if r.thread else []
            sides += [(name, r.metric) for _, name in r.beside]
            best = {}
            for name, metric in sides:
                system = theme.system(name, True)
                ratio = view.ratio(name, r.coroutine, metric, r.metric)
                # Of several ways of one system, the cheapest is the one to beat.
                if system != "other" and ratio and ratio[0] > 0 and (
                        system not in best or ratio[0] < best[system][0]):
                    best[system] = ratio
            for system, ratio in best.items():
                out.setdefault(system, []).append((ratio[0], ratio[1], full))
    return out


def geomean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


def peers(view):
    found = against(view)
    if not found:
        return ""
    order = [s for s in theme.SYSTEMS if s in found]
    values = [r for s in order for r, _, _ in found[s]]
    axis = strip.Axis(min(values + [0.5]), max(values + [2]), strip.times)
    one = '<line class="one" x1="%.2f%%" x2="%.2f%%" y1="0" y2="22"/>' % ((axis.at(1),) * 2)
    lines, ahead, perhaps = [], [], 0
    for s in order:
        ratios = found[s]
        marks = [strip.mark(axis, s, r, None, "%s: %s\u00d7" % (title, digits(r))) for r, _, title in ratios]
        middle = geomean([r for r, _, _ in ratios])
        mean = '<line class="mean" x1="%.2f%%" x2="%.2f%%" y1="1" y2="21"/>' % ((axis.at(middle),) * 2)
        name = esc(system_name(s))
        lines.append(
            '<div class="rung"><span class="name"><b style="color:var(--%s)">%s</b></span>'
            '<svg class="strip" role="img" aria-label="%s">%s%s<g opacity=".6">%s</g>%s</svg>'
            '<span class="n co">%s\u00d7</span><span class="n">%d</span><span class="r">%d of %d</span></div>' % (
                s, name, name, axis.grid(), one, "".join(marks), mean, digits(middle), len(ratios),
                sum(r > 1 for r, _, _ in ratios), len(ratios)))
        ahead += [(r, ci, s, title) for r, ci, title in ratios if ci and ci[1] < 1]
        perhaps += sum(1 for r, ci, _ in ratios if r < 1 and not (ci and ci[1] < 1))
    head = _top(axis, "geomean", "rungs", "dearer in")
    lead = ("How many times as long each peer takes for the same thing, one mark a rung. Right of the dashed "
            "line the peer is dearer; the tick is its geometric mean. Of several ways that a peer has, "
            "the cheapest counts. "
            "TBB's tasks cannot wait, and libck's locks spin: they do less.")
    return section("peers", "Peers side by side", lead, head + "".join(lines) + _ahead(ahead, perhaps))


SHOWN = 12  # rungs where a peer is ahead; more of them are folded


def _ahead(ahead, perhaps):
    """Rungs where some peer is cheaper beyond doubt, the farthest ahead first, with all such peers of a rung."""
    if not ahead:
        return ""
    by_rung = {}
    for r, ci, s, title in sorted(ahead):
        by_rung.setdefault(title, []).append('<i><b style="color:var(--%s)">%s</b> %s\u00d7 %s</i>' % (
            s, esc(system_name(s)), digits(r), esc(report.bracket(ci))))
    head = ("rung", "peer over coroutine [95 %]")
    lines = [(esc(title), '<div class="under">%s</div>' % "".join(found)) for title, found in by_rung.items()]
    more = folded("%d more rungs" % (len(lines) - SHOWN), table(head, lines[SHOWN:], left=True)) \
        if len(lines) > SHOWN else ""
    note = "The whole interval of the ratio lies below 1."
    if perhaps:
        note += " In %s more it may be: too few rounds, or an interval astride." % plural(perhaps, "case")
    return '<h3>Where a peer is ahead</h3><p class="note">%s</p>%s%s' % (
        note, table(head, lines[:SHOWN], left=True), more)
