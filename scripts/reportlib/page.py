# SPDX-License-Identifier: MIT
"""The page: one file, no script, no network, nothing of today's date that is not in the data."""
import json
import re

from benchlib import fingerprint

from . import choices, curves, gate_view, machine_box, plots, rungs, theme, verdicts
from .view import bullets, esc, folded, plural, section

METHOD = (
    "A <b>round</b> runs each row once, in random order, each in a fresh process. The round is what is repeated: "
    "repetitions within a process would repeat one draw of addresses and placement.",
    "A <b>figure</b> is the median over rounds of the time that one thread of control spends on one operation. "
    "<b>Ratios</b> are taken round by round, so that what disturbs a whole round falls out.",
    "<b>Intervals</b> are 95 %: order statistics and bootstrap over rounds, Student's t with two to four rounds; "
    "none with one.",
    "<b>Placement</b> stands beside every figure: pinned to one CPU, to two, or free.",
    "A <b>quantile</b> of a latency is told only when ten samples or more lie beyond it. Open means that requests "
    "come at their own times and are timed from when they were due.")
BLIND = (
    "How fast another machine is. Compare the column of ratios, not nanoseconds.",
    "Tails below the machine's own noise: see the floor in the machine's box.",
    "Differences under about 3 % between two builds, which the order of functions in memory can make alone.",
    "Instruction counts do not see what an instruction costs: a locked prefix, a cache miss, a mispredicted jump.",
    "CPU time does not see waiting: a wake-up that comes too late costs nothing.",
    "Other packages' newest versions: peers are those that the distribution has.")


def method(view):
    settings = view.rec["settings"]
    how = "make bench" + (" BENCH=full" if settings["full"] else "") + (
        " PROCS=%d" % settings["procs"] if settings["procs"] else "")
    body = ('<div class="split"><div><h3>How it is measured</h3>%s</div>'
            '<div><h3>What it cannot tell</h3>%s</div></div>') % (
        bullets(METHOD), bullets(esc(b) for b in BLIND))
    missing = absent(view)
    if missing:
        body += "<h3>Not on this page</h3>" + bullets(missing)
    body += "<h3>Reproduce it</h3><pre>git checkout %s\n%s\nmake report</pre>" % (
        esc(re.sub(r"-dirty$", "", view.rec["commit"] or "HEAD")), how)
    return section("method", "Method and blind spots", "", body)


def absent(view):
    """Sections that there is nothing for, and what would fill them."""
    out = []
    if not view.check:
        out.append("Base against head: <code>make bench-check</code> was not run before the report.")
    if len(view.history) < 2:
        out.append("Trend: this is the first run of this machine; <code>make bench-save</code> keeps runs.")
    for kind, what, how in (("aa", "False alarms of the gate", "bench-aa"), ("power", "What the gate finds", "bench-power"),
                            ("choices", "Scheduler choices", "bench-choices")):
        if not view.calibration.get(kind):
            out.append("%s: not measured on this machine; <code>make %s</code> does." % (what, how))
    return out


def every_row(view):
    """What was not measured, by reason."""
    reasons = {}
    for row in view.rows.values():
        if row.status != "ok":
            key = {"skip": "skipped", "fail": "failed"}.get(row.status, "not reached")
            reasons.setdefault((key, row.reason or "the time was over"), []).append(row.name)
    if not reasons:
        return ""
    lines = ("%s (%s): %s" % (esc(k[0].upper() + k[1:]), esc(why), esc(", ".join(names)))
             for (k, why), names in sorted(reasons.items()))
    total = sum(len(n) for n in reasons.values())
    return folded("%s without a figure" % plural(total, "row"), bullets(lines), group=True)


NAV = (("claims", "Claims"), ("check", "Base against head"), ("machine", "Machine"),
       ("ladder", "Cost ladder"), ("peers", "Peers"), ("scaling", "Throughput"),
       ("latency", "Latency"), ("memory", "Memory"), ("choices", "Scheduler"), ("bars", "Bars"),
       ("trend", "Trend"), ("gate", "Gate"), ("method", "Method"))


def build(view):
    """The page as text."""
    pyplot = plots.start()
    rec = view.rec
    sections = [verdicts.claims(view), gate_view.check(view), machine_box.box(view),
                rungs.section_of(view).replace("</section>", every_row(view) + "</section>"),
                rungs.peers(view), curves.scaling(view, pyplot), curves.latency(view, pyplot),
                curves.memory(view, pyplot), choices.choices(view), verdicts.bars(view), curves.trend(view, pyplot),
                gate_view.calibration(view), method(view)]
    body = "".join(sections)
    nav = "".join('<a href="#%s">%s</a>' % (a, t) for a, t in NAV if 'id="%s"' % a in body)
    ran = sum(r.status == "ok" for r in view.rows.values())
    meta = "%s. %s, %d rounds or fewer, %.0f s of measuring, started %s UTC, commit %s." % (
        esc(fingerprint.title(rec["hard"])), plural(ran, "row"), rec["rounds"], rec["seconds"],
        esc(rec["started"][:16].replace("T", " ")), esc(rec["commit"] or "unknown"))
    if rec["interrupted"]:
        meta += " <b>Interrupted: fewer rounds than planned.</b>"
    if rec["settings"]["filter"]:
        meta += " Rows that match %s only." % esc(rec["settings"]["filter"])
    bars = verdicts.bars_line(view)
    if bars:
        bars = '<p class="meta" style="margin-top:14px">%s.</p>' % bars
    title = esc(verdicts.headline(view))
    data = json.dumps(rec, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return PAGE % {"title": title, "css": theme.css(), "shapes": theme.shapes(), "meta": meta,
                   "tiles": verdicts.tiles(view), "bars": bars, "nav": nav, "body": body, "data": data}


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>wend: %(title)s</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<style>%(css)s</style></head><body>%(shapes)s<main>
<header><p class="eyebrow">wend, benchmark report</p><h1>%(title)s</h1><p class="meta">%(meta)s</p>%(tiles)s%(bars)s
<nav>%(nav)s</nav></header>
%(body)s
<footer>Made by <code>make report</code> from the run that is in this file as JSON (element <code>run</code>).
Numbers are data of one machine, not properties of a program.</footer></main>
<script type="application/json" id="run">%(data)s</script></body></html>
"""
