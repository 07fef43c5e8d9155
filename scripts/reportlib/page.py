# SPDX-License-Identifier: MIT
"""The page: one file, no script, no network, nothing of today's date that is not in the data."""
import json
import os
import re

from benchlib import fingerprint

from . import curves, gate_view, machine_box, plots, rungs, theme, verdicts
from .view import esc, plural, section

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
    body = '<div class="split"><div><ul class="plain" style="margin-top:0">%s</ul></div><div><h3 style="margin-top:0">What it cannot tell</h3>' \
        '<ul class="plain">%s</ul></div></div><h3>Reproduce it</h3><pre>git checkout %s\n%s\nmake report</pre>' % (
            "".join("<li>%s</li>" % m for m in METHOD), "".join("<li>%s</li>" % esc(b) for b in BLIND),
            esc(re.sub(r"-dirty$", "", view.rec["commit"] or "HEAD")), how)
    return section("method", "Method and blind spots", "", body)


def every_row(view):
    """What was not measured, by reason."""
    reasons = {}
    for row in view.rows.values():
        if row.status != "ok":
            key = {"skip": "skipped", "fail": "failed"}.get(row.status, "not reached")
            reasons.setdefault((key, row.reason or "the time was over"), []).append(row.name)
    if not reasons:
        return ""
    lines = "".join("<li>%s (%s): %s</li>" % (esc(k[0].upper() + k[1:]), esc(why), esc(", ".join(names)))
                    for (k, why), names in sorted(reasons.items()))
    total = sum(len(n) for n in reasons.values())
    return '<details class="group"><summary>%s without a figure</summary><ul class="plain">%s</ul></details>' % (
        plural(total, "row"), lines)


NAV = (("claims", "Claims"), ("check", "Base against head"), ("machine", "Machine"), ("ladder", "Cost ladder"),
       ("peers", "Peers"), ("scaling", "Throughput"), ("latency", "Latency"), ("memory", "Memory"), ("bars", "Bars"),
       ("trend", "Trend"), ("gate", "Gate"), ("method", "Method"))


def build(view):
    """The page as text."""
    pyplot = plots.start()
    rec = view.rec
    sections = [verdicts.claims(view), gate_view.check(view), machine_box.box(view),
                rungs.section_of(view).replace("</section>", every_row(view) + "</section>"),
                rungs.peers(view), curves.scaling(view, pyplot), curves.latency(view, pyplot),
                curves.memory(view, pyplot), verdicts.bars(view), curves.trend(view, pyplot),
                gate_view.calibration(view), method(view)]
    body = "".join(sections)
    nav = "".join('<a href="#%s">%s</a>' % (a, t) for a, t in NAV if 'id="%s"' % a in body)
    ran = sum(r.status == "ok" for r in view.rows.values())
    meta = "%s. %s, %d rounds or fewer, %.0f s of measuring, started %s UTC, commit %s." % (
        esc(fingerprint.title(rec["hard"])), plural(ran, "row"), rec["rounds"], rec["seconds"],
        esc(rec["started"][:16].replace("T", " ")), esc(rec["commit"] or "unknown"))
    if rec["interrupted"]:
        meta += " <b>Interrupted: fewer rounds than planned.</b>"
    bars = verdicts.bars_line(view)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>wend: %s</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">'
        '<link rel="icon" href="data:,"><style>%s</style></head><body>%s<main><header><p class="eyebrow">wend, benchmark report</p>'
        '<h1>%s</h1><p class="meta">%s</p>%s%s<nav>%s</nav></header>%s'
        '<footer>Made by <code>make report</code> from the run below, which is in this file as JSON (element <code>run</code>). '
        'Numbers are data of one machine, not properties of a program.</footer></main>'
        '<script type="application/json" id="run">%s</script></body></html>\n' % (
            esc(verdicts.headline(view)), theme.css(), theme.shapes(), esc(verdicts.headline(view)), meta,
            verdicts.tiles(view), '<p class="meta" style="margin-top:14px">%s.</p>' % bars if bars else "", nav, body,
            json.dumps(rec, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")))


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)
