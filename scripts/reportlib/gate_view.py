# SPDX-License-Identifier: MIT
"""Base against head, from what scripts/bench-check wrote, and how good that gate is on this machine."""
from benchlib import report

from . import strip
from .view import bullets, chip, esc, folded, plural, section, table

KIND = {"PASS": ("good", "Pass"), "FAIL": ("bad", "Fail"), "INCONCLUSIVE": ("open", "Inconclusive"),
        "REFUSED": ("none", "Refused")}
ORDER = ("FAIL", "INCONCLUSIVE", "PASS")
TIMES = ("cpu", "wall")


def _linear(lo, hi):
    """Position in percent on an axis of changes that has 0 in it."""
    def at(v):
        return strip.EDGE + (100 - 2 * strip.EDGE) * min(1.0, max(0.0, (v - lo) / (hi - lo)))
    return at


def _percent(v):
    return "%+.1f %%" % (100 * v)


def _measure_of(row):
    """What the row is shown by: its CPU time, else its wall clock."""
    for metric in TIMES:
        for m in row["measures"]:
            if m["metric"] == metric and m["change"] is not None:
                return m
    return None


def _counts(row):
    """Counts that changed, in words; those that failed are in the row's reason."""
    def told(v):
        return report.digits(v) if v else "0"

    return ["%s %s \u2192 %s" % (m["metric"], told(m["base"]), told(m["head"]))
            for m in row["measures"] if m["metric"] not in TIMES and m["verdict"] != "FAIL" and
            abs(m["head"] - m["base"]) > m["floor"]]


def _line(row, at, ticks):
    m = _measure_of(row)
    kind, word = KIND[row["verdict"]]
    svg, text = "", ""
    grid = "".join('<line class="g" x1="%.2f%%" x2="%.2f%%" y1="0" y2="22"/>' % (at(t), at(t)) for t in ticks)
    if m:
        floor = '<rect x="%.2f%%" width="%.2f%%" y="2" height="18" style="fill:var(--band)"/>' % (
            at(-m["floor"]), at(m["floor"]) - at(-m["floor"])) if m["floor"] else ""
        ci = m["interval"]
        line = '<line x1="%.2f%%" x2="%.2f%%" y1="11" y2="11" style="stroke:var(--wend);stroke-width:2"/>' % (
            at(ci[0]), at(ci[1])) if ci else ""
        svg = floor + grid + line + '<use href="#m-wend" x="%.2f%%" y="11"/>' % at(m["change"])
        text = _percent(m["change"])
        if ci:
            text += " [%+.1f, %+.1f]" % (100 * ci[0], 100 * ci[1])
    else:
        svg = grid
    under = _counts(row) + row["flags"]
    if row["verdict"] != "PASS":
        under.insert(0, row["why"].replace("->", "\u2192"))
    if row.get("accepted"):
        under.append("accepted: " + "; ".join(dict.fromkeys(a["text"] for a in row["accepted"])))
    below = '<div class="under">%s</div>' % "".join('<i class="wrap">%s</i>' % esc(u) for u in under) if under else ""
    name = esc(row["name"])
    return ('<div class="rung gate"><span class="name">%s</span>'
            '<svg class="strip" role="img" aria-label="%s">%s</svg>'
            '<span class="n">%s</span><span class="r">%s</span>%s</div>' % (
                name, name, svg, esc(text), chip(kind, word), below))


def _rev(side):
    return "%s %s%s" % (side["sha"][:10], side["subject"], ", with changes" if side.get("dirty") else "")


def check(view):
    c = view.check
    if not c:
        return ""
    kind, word = KIND[c["verdict"]]
    elsewhere = c["machine"]["fingerprint"]
    elsewhere = "" if elsewhere == view.rec["fingerprint"] else \
        "<dt>machine</dt><dd>%s, another than that of the run on this page</dd>" % esc(elsewhere)
    head = '<p>%s</p><dl class="facts"><dt>head</dt><dd>%s</dd><dt>base</dt><dd>%s</dd>%s</dl>' % (
        chip(kind, word), esc(_rev(c["head"])), esc(_rev(c["base"])), elsewhere)
    if c["refused"]:
        keys = [(esc(k["key"]), esc(k["base"]), esc(k["head"])) for k in c["refused"]]
        return section("check", "Base against head", "The two are not alike, so no figure is judged.",
                       head + table(("differs", "base", "head"), keys))
    rows = sorted(c["rows"], key=lambda r: (ORDER.index(r["verdict"]) if r["verdict"] in ORDER else 3,
                                            -abs((_measure_of(r) or {"change": 0})["change"])))
    changes = [v for r in rows for m in [_measure_of(r)] if m
               for v in [m["change"], *(m["interval"] or ())]] + [-0.05, 0.05]
    lo, hi = max(-0.5, min(changes)), min(1.0, max(changes))
    at = _linear(lo, hi)
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.5) if (hi - lo) / s <= 7)
    ticks = [k * step for k in range(int(lo / step) - 1, int(hi / step) + 2) if lo <= k * step <= hi]
    axis = '<svg class="axis" role="img" aria-label="axis">%s</svg>' % "".join(
        '<text x="%.2f%%" y="11" text-anchor="middle">%s</text>' % (
            at(t), "0" if abs(t) < 1e-9 else "%+.0f %%" % (100 * t)) for t in ticks)
    top = ('<div class="rung gate top"><span class="name"></span>%s<span class="n">CPU time [99 %%]</span>'
           '<span class="r"></span></div>' % axis)
    shown = [r for r in rows if r["verdict"] != "PASS" or r["flags"]]
    calm = [r for r in rows if r not in shown]
    body = head
    if shown:
        body += top + "".join(_line(r, at, ticks) for r in shown)
    if calm:
        body += folded("%s without a change worth the name" % plural(len(calm), "row"),
                       top + "".join(_line(r, at, ticks) for r in calm), group=True)
    for key, title in (("new_rows", "New rows"), ("removed_rows", "Rows that are gone")):
        if c[key]:
            body += '<p class="note">%s: %s.</p>' % (title, esc(", ".join(c[key])))
    notes = [n for n in c["notes"] if n not in view.rec["warnings"]]
    if notes:
        body += bullets(esc(n) for n in notes)
    return section("check", "Base against head",
                   "Both builds alive at once, taking turns of a few milliseconds. A mark is the change of the "
                   "median, with its 99 % interval; the shaded band is what is too small to be called a "
                   "change.", body)


CLASSES = {"one": "on one P", "two": "on two P's"}


def calibration(view):
    """False alarms and power, as the stored calibration says."""
    aa, power = view.calibration.get("aa"), view.calibration.get("power")
    if not aa and not power:
        return ""
    body = ""
    if aa and aa["summary"]:
        lines = [(CLASSES.get(s["class"], esc(s["class"])), s["blocks"], s["undecided"], s["alarms"], s["confirmed"],
                  "%.1f %%" % (100 * s["rate_at_most"])) for s in aa["summary"]]
        body += ('<h3>False alarms</h3><p class="note">One build compared with itself. An alarm counts when a '
                 "second, independent series confirms it. At most: what the true rate stays below with 95 % certainty.</p>")
        body += table(("rows", "comparisons", "undecided", "first series", "false alarms", "at most"), lines)
    if power and power["summary"]:
        lines = [("%s, %s" % (esc(s["row"]), esc(s["injected"])), esc(s["metric"]),
                  _percent(s["change"]) if s["metric"] in TIMES else "%+.3g" % s["change"],
                  "%d of %d" % (s["found"], s["trials"]), "%.0f %%" % (100 * s["rate_at_least"]))
                 for s in power["summary"]]
        body += ('<h3>What it finds</h3><p class="note">Faults of known size, really built in, and the measure that '
                 "should show them. At least: what the true rate stays above with 95 % certainty.</p>")
        body += table(("row and fault", "by", "measured", "found", "at least"), lines)
    if not body:
        return ""
    return section("gate", "How good the gate is here",
                   "A gate that never failed proves nothing, and one that cries wolf is switched off.", body)
