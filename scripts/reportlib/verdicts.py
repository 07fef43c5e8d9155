# SPDX-License-Identifier: MIT
"""The report's beginning: headline, key figures, the claims with their checks."""
from benchlib import report

from .view import chip, digits, esc, folded, plural, section, show, table, units

KIND = {"CONFIRMED": ("good", "\u2713 Confirmed"), "REFUTED": ("bad", "\u2717 Refuted"),
        "INCONCLUSIVE": ("open", "? Open")}
WORDS = {"CONFIRMED": "confirmed", "REFUTED": "refuted", "INCONCLUSIVE": "open"}


def headline(view):
    claims = view.rec["claims"]
    if not claims:
        return "What it costs here"
    counts = [(sum(c["verdict"] == v for c in claims), WORDS[v]) for v in KIND]
    if counts[0][0] == len(claims):
        return "All %d claims confirmed" % len(claims)
    return "%d of %d claims %s" % (counts[0][0], len(claims), ", ".join(
        [counts[0][1]] + ["%d %s" % c for c in counts[1:] if c[0]]))


def bars_line(view):
    words = [b["word"] for b in view.rec["bars"]]
    if not words:
        return ""
    return "%d of %d bars met, %d missed, %d open" % (
        words.count("met"), len(words), words.count("missed"), words.count("open"))


# Key figures: title, the row, what it is compared with, the words for that.
TILES = (("give way to another coroutine", "yield/2", "thread/yield", "a thread"),
         ("start and end a coroutine", "spawn/join_one", "thread/create_join", "a thread"),
         ("hand a value over a channel", "chan/hop", "go/chan_handover", "Go"),
         ("lock and unlock a mutex", "mutex/alone", "thread/mutex", "a thread's"))


def tiles(view):
    out = []
    for title, name, other, who in TILES:
        if not view.row(name):
            continue
        r = view.ratio(other, name)
        text = "%s: %s, %s\u00d7" % (who, show(view.value(other)), digits(r[0])) if r else ""
        out.append('<div class="tile card"><b>%s</b>%s<br><span>%s</span></div>'
                   % (show(view.value(name)), esc(title), esc(text)))
    each = view.value("create/parked/*", "counters.rss_bytes_each")
    thread = view.value("thread/create_parked/*", "counters.rss_bytes_each")
    if each:
        out.append('<div class="tile card"><b>%s</b>resident for a parked coroutine<br><span>%s</span></div>' % (
            show(each, "bytes"), "a thread: %s" % show(thread, "bytes") if thread else ""))
    return '<div class="tiles">%s</div>' % "".join(out[:4] if len(out) > 4 and not each else
                                                   out[:3] + out[-1:]) if out else ""


def _check(c):
    named = c.get("names") is not None
    if named:
        word = report.about(c)
        kind = "good" if word == "about right" else "none" if c["value"] is None else "open"
    else:
        kind, word = KIND[c["verdict"]]
    value = ""
    if c["value"] is not None:
        value = show(c["value"], c["unit"])
        ends = [show(x, c["unit"]) for x in c["interval"] or ()]
        if len(set(ends)) == 2:
            value += " [%s, %s]" % tuple(ends)
        if not named:
            value += ", bound: %s" % report.bounds(c)
    reason = ' <span class="note">%s</span>' % esc(c["reason"]) \
        if c["reason"] and not (named and c["interval"]) else ""
    return '<li><span>%s%s</span><span>%s %s</span></li>' % (
        esc(c["says"][0].upper() + c["says"][1:]), reason, esc(units(value)), chip(kind, esc(word)))


def claims(view):
    out = []
    for c in view.rec["claims"]:
        kind, word = KIND[c["verdict"]]
        sentences = "".join("<p>%s</p>" % esc(units(s)) for s in c["sentences"])
        if c["caveat"]:
            sentences += "<p>%s</p>" % esc(c["caveat"])
        off = report.but(c).lstrip(", ")
        if c["verdict"] == "INCONCLUSIVE" and c["reason"]:
            off = c["reason"]
        note = '<span class="note">%s</span>' % esc(off[0].upper() + off[1:] + ".") if off else ""
        checks = folded("%s behind the verdict" % plural(len(c["checks"]), "check"),
                        '<ul class="checks">%s</ul>' % "".join(_check(k) for k in c["checks"]))
        out.append('<article class="card claim"><div class="head">%s%s</div><blockquote>%s</blockquote>%s%s</article>'
                   % (chip(kind, word), note, esc(c["claim"]), sentences, checks))
    lead = ("What people say of coroutines and threads, checked on this machine. A claim is confirmed when "
            "the 95 % interval of every check lies within its bound, refuted when one lies outside, "
            "and open when it lies astride or was not measured.")
    return section("claims", "Claims", lead, "".join(out)) if out else ""


def _with_unit(v, unit):
    if unit == "ns":
        return show(v)
    if unit.startswith("x"):
        return digits(v) + "\u00d7" + unit[1:]
    return "%s %s" % (digits(v), unit)


def bars(view):
    """Bars that are missed or open, told in full; those that are met, by name."""
    judged = view.rec["bars"]
    if not judged:
        return ""
    lines, met = {"missed": [], "open": []}, []
    order = {"missed": 0, "open": 1, "met": 2}
    for b in sorted(judged, key=lambda b: order[b["word"]]):
        key = (b["says"], b.get("number", "ns_per_op"))
        title = view.titles.get(key, key[0])
        bound = _with_unit(b["bar"], b["unit"])
        if b["word"] == "met":
            met.append("%s (%s)" % (esc(title), bound))
            continue
        value = b.get("reason", "not measured")
        if b.get("value") is not None:
            value = _with_unit(b["value"], b["unit"])
            # Times may differ in their unit; of all others once is enough.
            ends = [show(x) if b["unit"] == "ns" else digits(x) for x in b.get("interval") or ()]
            if len(set(ends)) == 2:
                value += " [%s, %s]" % tuple(ends)
        kind = "bad" if b["word"] == "missed" else "open"
        lines[b["word"]].append((esc(title), esc(value), esc(bound), chip(kind, b["word"].capitalize())))
    head = ("row", "measured [95 %]", "bar, at most", "")
    body = table(head, lines["missed"]) if lines["missed"] else ""
    if lines["open"]:
        summary = "%s open: the interval lies astride, or rounds are missing" % plural(len(lines["open"]), "bar")
        body += folded(summary, table(head, lines["open"]))
    if met:
        body += folded("%s met" % plural(len(met), "bar"), '<p class="note">%s</p>' % "; ".join(met))
    return section("bars", "Bars", "How good rows ought to be, set beforehand from what the best peers reach. "
                   + bars_line(view) + ".", body)
