# SPDX-License-Identifier: MIT
"""The report, on the terminal and as Markdown; both from the same cells."""
import textwrap

from . import bars, claims, ladder, stats

WIDTH = 100
UNSTEADY = 0.05     # half the range over the median: the rounds differ by more than 10 %
PLACES = {"same-cpu": "1 CPU", "two-cpus": "2 CPUs", "all-cpus": "n CPUs", "free": "free"}
SCALES = {
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (0, "ns")),
    "bytes": ((2 ** 30, "GiB"), (2 ** 20, "MiB"), (2 ** 10, "KiB"), (0, "B")),
}


def digits(v):
    """Three significant digits, no exponent."""
    a = abs(v)
    for scale, letter in ((1e6, "M"), (1e3, "k")):
        if a >= 9.995 * scale:
            return digits(v / scale) + letter
    if a >= 99.95:
        return "{:,.0f}".format(v)
    if a >= 9.995:
        return "%.1f" % v
    if a >= 0.9995:
        return "%.2f" % v
    if a >= 0.0995 or a == 0:
        return "%.3f" % v
    return "%.4f" % v if a >= 0.00095 else "<0.001" if v > 0 else "%.1g" % v


def show(v, unit="ns"):
    """A number with the unit that reads best."""
    if v is None:
        return "-"
    if unit == "x":
        return digits(v) + "x"
    if unit in SCALES:
        for scale, name in SCALES[unit]:
            if abs(v) >= scale * 0.9995:
                return "%s %s" % (digits(v / (scale or 1)), name)
    if unit == "count":
        return "{:,.0f}".format(v) if abs(v) >= 100 or v == int(v) else digits(v)
    if unit == "percent":
        return digits(v) + " %"
    return (digits(v) + " " + unit).strip()


def bracket(ci, unit="x"):
    return "[%s, %s]" % (digits(ci[0]), digits(ci[1])) if ci else "[one round]"


def show_ratio(r):
    return "-" if not r else "%sx %s" % (digits(r[0]), bracket(r[1]))


def place(row):
    if row is None:
        return ""
    text = PLACES.get(row.fact("placement"), row.fact("placement") or "?")
    pinned = row.fact("pinned", "")
    return text + "!" if pinned.startswith("failed") else text


def where(*rows):
    """Placement, told twice only where the two sides differ, and the clock unless it is the wall's."""
    seen = []
    for r in rows:
        if r:
            clock = r.fact("clock") or "wall"
            seen.append(place(r) + ("" if clock == "wall" else " " + clock))
    seen = list(dict.fromkeys(seen))
    return "|".join(s.replace(" CPUs", "").replace(" CPU", "") if len(seen) > 1 else s
                    for s in seen)


def figure(row, metric, unit):
    """A row's figure as a cell: the median, ~ where rounds differ by more than 10 %."""
    if row is None:
        return "-"
    if row.status == "skip":
        return "skipped"
    if row.status == "fail":
        return "FAILED"
    values = list(row.values(metric).values())
    if not values:
        return "not run" if row.status is None else "-"
    s = stats.spread(values)
    return ("~" if s is not None and s > UNSTEADY else "") + show(stats.median(values), unit)


def bar_cell(rung, judged):
    b = judged.get((rung.coroutine, rung.metric))
    return "%s %s" % (b["word"], bars.bound(b)) if b else ""


def bars_lines(judged, rows):
    """How many bars are met, and what the other rows have against theirs."""
    if not judged:
        return []
    words = [b["word"] for b in judged.values()]
    out = ["Bars: %d of %d met, %d missed, %d open (the interval lies astride, or rounds are missing)"
           % (words.count("met"), len(words), words.count("missed"), words.count("open"))]
    titles = ladder.titles(rows)
    for word in ("missed", "open"):
        for key, b in judged.items():
            if b["word"] == word:
                out.append("  %-6s  %-38s %s" % (word, titles.get(key, key[0]), against(b)))
    return out


def against(b):
    """A row's value, which may be a ratio, beside its bar."""
    if b["value"] is None:
        return b["reason"]
    def told(v):
        return show(v) if b["unit"] == "ns" else bars.with_unit(digits(v), b["unit"])

    text = told(b["value"])
    ends = [told(x) for x in b["interval"] or ()]
    if len(set(ends)) == 2:
        text += " [%s, %s]" % tuple(ends)
    return "%s, bar %s" % (text, bars.bound(b))


def cells(rung, rows, judged):
    """A rung's line and what stands under it."""
    co, th = rows.get(rung.coroutine), rows.get(rung.thread)
    r = None
    if rung.unit != "count":
        r = ladder.ratio(th, co, rung.thread_metric, rung.metric)
    ref = None
    if co and rung.unit == "ns":
        ref = ladder.ratio(co, rows.get(ladder.REF), rung.metric, "ns_per_op")
    main = [rung.title, figure(co, rung.metric, rung.unit),
            figure(th, rung.thread_metric, rung.unit),
            show_ratio(r), digits(ref[0]) if ref else "-", bar_cell(rung, judged),
            where(*[x for x in (co, th) if x and x.status == "ok"])]
    under = []
    for label, name in rung.beside:
        other = rows.get(name)
        if other is None or (other.status == "ok" and not other.values(rung.metric)):
            continue
        text = "%s %s" % (label, figure(other, rung.metric, rung.unit))
        if other.status == "ok":
            r = ladder.ratio(other, co, rung.metric)
            text += " (%s%s)" % (show_ratio(r) + ", " if r else "", where(other))
        under.append(text)
    if rung.notes:
        for side, row in (("coroutine", co), ("thread", th)):
            under += notes(row, side if co and th else "")
    return main, under


def notes(row, side=""):
    """Tails and labels of a row, which do not fit into a cell."""
    out = []
    if row is None or row.status != "ok":
        return out
    lat = {q: list(row.values("lat." + q).values()) for q in ("p50", "p99", "p99.9", "max")}
    # A quantile that few rounds had samples enough for would not go with the others.
    lat = {q: stats.median(v) if 2 * len(v) > len(row.rounds) else None for q, v in lat.items()}
    if any(v is not None for v in lat.values()):
        out.append((side + " waits " if side else "waits ") +
                   ", ".join("%s %s" % (q, show(v)) for q, v in lat.items() if v is not None) +
                   " (%s)" % (row.fact("model") or "closed"))
    if row.instructions is not None:
        out.append("%s%s instructions" % (side + ": " if side else "", digits(row.instructions)))
    label = row.fact("label")
    if label:
        out.append("%s%s" % (side + ": " if side else "", label))
    return out


def plain_line(row, rows):
    """A row that no rung names."""
    s = ladder.summary(row, rows)
    base = "-"
    if s["baseline"] and s["ratio"]:
        base = show_ratio((s["ratio"], s["ratio_interval"]))
    return [row.name, figure(row, "ns_per_op", "ns"), base,
            digits(s["ref"]) if s["ref"] else "-", where(row)]


def plain_notes(row):
    """Which row the ratio is to, unless the name says it, and what else there is to tell."""
    base = row.definition.get("baseline")
    if base and row.name.endswith("/" + base):
        return []
    return (["baseline " + base] if base else []) + notes(row)


# ---- Terminal ------------------------------------------------------------------------------------

LADDER_COLUMNS = ((26, "<"), (9, ">"), (9, ">"), (21, ">"), (6, ">"), (15, "<"), (8, "<"))
LADDER_HEAD = ["coroutine", "thread", "thread/coroutine", "x ref", "bar", "where"]
OTHER_COLUMNS = ((40, "<"), (11, ">"), (23, ">"), (6, ">"), (16, "<"))


def align(texts, columns):
    return " ".join("{:{}{}}".format(t, side, width)
                    for t, (width, side) in zip(texts, columns)).rstrip()


def wrapped(items, indent):
    """Items side by side, each kept whole where it fits on a line."""
    tied = [x.replace(" ", "\0") if len(x) < WIDTH - len(indent) else x for x in items]
    return [x.replace("\0", " ") for x in
            textwrap.wrap("\0· ".join(tied), WIDTH, initial_indent=indent,
                          subsequent_indent=indent, break_long_words=False,
                          break_on_hyphens=False)] if items else []


def heading(text):
    return "---- %s %s" % (text, "-" * max(0, WIDTH - 6 - len(text)))


def ladder_text(rows, whole=True, judged=None):
    judged = judged or {}
    sections, others, absent = ladder.layout(rows)
    out = []
    if sections:
        out += ["", heading("Cost ladder: per operation, median of the rounds"), ""]
        out.append(align([""] + LADDER_HEAD, LADDER_COLUMNS))
    for name, rungs in sections:
        out += ["", name]
        for rung in rungs:
            main, under = cells(rung, rows, judged)
            main[0] = "  " + main[0]
            out.append(align(main, LADDER_COLUMNS))
            out += wrapped(under, "      ")
    if others:
        out += ["", heading("Other rows"), ""]
        out.append(align(["", "figure", "to its baseline [95 %]", "x ref", "where"],
                         OTHER_COLUMNS))
        for name in others:
            if rows[name].status == "ok":
                out.append(align(plain_line(rows[name], rows), OTHER_COLUMNS))
                out += wrapped(plain_notes(rows[name]), "      ")
    out += ["", *wrapped(legend(rows), "")]
    if judged:
        out += ["", *bars_lines(judged, rows)]
    out += trouble(rows)
    if absent and whole:
        out += ["", *textwrap.wrap("Rungs without a row in this build: " + "; ".join(absent) + ".",
                                   WIDTH)]
    return out


def legend(rows):
    ref = rows.get(ladder.REF)
    out = ["~ the rounds differ by more than 10 %",
           "[95 %] interval of the ratio, taken round by round",
           "underneath: ratio to the coroutine's figure",
           "bar: how good it ought to be, at most; met or missed by the whole interval, else open",
           "1 CPU: all on one CPU, pinned",
           "2 CPUs: pinned to two",
           "free: not pinned",
           "1|free: coroutine on one CPU, thread free",
           "times are wall clock" + (" unless cpu stands there" if any(
               r.fact("clock") == "cpu" for r in rows.values()) else "")]
    if any(place(r).endswith("!") for r in rows.values()):
        out.append("1 CPU!: should be, but the binding was refused")
    if ref and ref.status == "ok":
        out.insert(1, "ref: a locked add on a private line, %s here" %
                   figure(ref, "ns_per_op", "ns"))
    return out


def trouble(rows):
    """What was not measured, by reason."""
    out = []
    for status, title in (("fail", "FAILED"), ("skip", "Skipped"), (None, "Not reached")):
        reasons = {}
        for r in rows.values():
            if r.status == status:
                reasons.setdefault(r.reason or "the time was over", []).append(r.name)
        for reason, names in reasons.items():
            out += ["", *textwrap.wrap("%s (%s): %s" % (title, reason, ", ".join(names)), WIDTH,
                                       subsequent_indent="    ", break_on_hyphens=False)]
    return out


COLOURS = {stats.CONFIRMED: "32", stats.REFUTED: "31", stats.INCONCLUSIVE: "33"}


def but(claim):
    """What goes with the verdict into the headline: the numbers that the claim names may be wrong even
    where what it says of coroutines and threads is right."""
    off, all_ = claim["numbers_off"], claim["numbers"]
    if not off:
        return ""
    which = "the number it names is" if all_ == 1 else \
        "%d of the %d numbers it names %s" % (off, all_, "is" if off == 1 else "are")
    return ", %s %s off by a factor of more than %d" % (
        "but" if claim["verdict"] == stats.CONFIRMED else "and", which, claims.ABOUT)


def claims_text(judged, colour=False):
    out = ["", heading("Verdict on the claims"), ""]
    for c in judged:
        verdict = "%-12s" % c["verdict"]
        if colour:
            verdict = "\x1b[1;%sm%s\x1b[0m" % (COLOURS[c["verdict"]], verdict)
        if not any(k["value"] is not None for k in c["checks"] if "[" in k["metric"]):
            out += ["%s  %s: no row of it was measured" % (verdict, c["id"]), ""]
            continue
        out.append("%s  %s%s" % (verdict, c["id"], but(c)))
        out += textwrap.wrap("\"%s\"" % c["claim"], WIDTH, initial_indent="    ",
                             subsequent_indent="    ")
        for text in c["sentences"]:
            out += textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
        for check in c["checks"]:
            out += textwrap.wrap(check_text(check), WIDTH, initial_indent="      - ",
                                 subsequent_indent="        ")
        if c["caveat"]:
            out += textwrap.wrap(c["caveat"], WIDTH, initial_indent="    ",
                                 subsequent_indent="    ")
        out.append("")
    return out[:-1]


def bounds(check):
    lo, hi, unit = check["min"], check["max"], check["unit"]
    if lo is not None and hi is not None:
        return "%s to %s" % (show(lo, unit), show(hi, unit))
    return "at least " + show(lo, unit) if lo is not None else "at most " + show(hi, unit)


def about(check):
    """How a number that the claim names does: a wrong one alone refutes no claim."""
    if check["value"] is None or check["interval"] is None:
        return "open"
    if check["verdict"] == stats.CONFIRMED:
        return "about right"
    low = check["value"] < check["names"]
    factor = check["names"] / check["value"] if low and check["value"] else \
        check["value"] / check["names"]
    return "%s by a factor of %s, %s" % ("off" if check["verdict"] == stats.REFUTED else
                                         "about right or off", digits(factor),
                                         "less" if low else "more")


def check_text(check):
    named = check.get("names") is not None
    text = "%s: %s" % (check["says"], about(check) if named else check["verdict"])
    if check["value"] is not None:
        text += ", " + show(check["value"], check["unit"])
        ends = [show(x, check["unit"]) for x in check["interval"] or ()]
        if len(set(ends)) == 2:
            text += " [%s, %s]" % tuple(ends)
        if not named:
            text += " against " + bounds(check)
    if check["reason"] and not (named and check["interval"]):
        text += " (%s)" % check["reason"]
    return text


# ---- Markdown ------------------------------------------------------------------------------------

def table(head, lines):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return out + ["| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines]


def markdown(machine_lines, warnings, missing, rows, judged, judged_bars, run):
    out = ["# Cost ladder", "", *["    " + x for x in machine_lines], ""]
    if run["interrupted"]:
        out += ["**Interrupted: fewer rounds than planned.**", ""]
    out += ["- warning: " + w for w in warnings] + ["- missing: " + m for m in missing] + [""]
    sections, others, _ = ladder.layout(rows)
    for name, rungs in sections:
        lines = []
        for rung in rungs:
            main, under = cells(rung, rows, judged_bars)
            lines.append(main + ["; ".join(under)])
        out += ["## " + name, "", *table([""] + LADDER_HEAD + ["beside"], lines), ""]
    if others:
        lines = [plain_line(rows[n], rows) + ["; ".join(plain_notes(rows[n]))] for n in others]
        out += ["## Other rows", "", *table(["", "figure", "ratio to its baseline [95 %]", "x ref",
                                             "where", ""], lines), ""]
    out += ["; ".join(legend(rows)) + ".", ""] + ["    " + x for x in bars_lines(judged_bars, rows)] + [""]
    out += [t for t in trouble(rows)] + [""]
    out += ["## Claims", ""]
    for c in judged:
        out += ["**%s** %s%s: \"%s\"" % (c["verdict"], c["id"], but(c), c["claim"]), "", " ".join(c["sentences"]), ""]
        out += ["- " + check_text(k) for k in c["checks"]] + [""]
        out += [c["caveat"], ""] if c["caveat"] else []
    out += ["## Every row", ""]
    lines = []
    for r in rows.values():
        s = ladder.summary(r, rows)
        lines.append([r.name, figure(r, "ns_per_op", "ns"),
                      "[%s, %s]" % (show(s["interval"][0]), show(s["interval"][1]))
                      if s["interval"] else "-",
                      "%d" % s["rounds_measured"],
                      "%sx %s of %s" % (digits(s["ratio"]), bracket(s["ratio_interval"]),
                                        s["baseline"]) if s["ratio"] else "-",
                      digits(s["ref"]) if s["ref"] else "-", where(r),
                      r.reason or r.fact("label") or ""])
    out += table(["row", "figure", "[95 %]", "rounds", "ratio to its baseline [95 %]", "x ref",
                  "where", "note"], lines)
    return "\n".join(out) + "\n"
