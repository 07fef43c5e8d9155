# SPDX-License-Identifier: MIT
"""What the report is about: a run's record, the runs of its machine before it, how good the gate is on
it, the last comparison of two builds; and how numbers are written."""
import html
import re

from benchlib import ladder, record, report, stats

from . import theme


class View:
    def __init__(self, rec, history=(), calibration=None, check=None):
        """history: records of the same machine, oldest first; check: what scripts/bench-check wrote."""
        self.rec, self.check = rec, check
        self.rows = record.rows_of(rec)
        self.history = [r for r in history if r["started"] < rec["started"]] + [rec]
        self.calibration = calibration or {}
        self.sections, self.others, self.absent = ladder.layout(self.rows)
        self.bars = {(b["says"], b.get("number", "ns_per_op")): b for b in rec["bars"]}
        self.titles = ladder.titles(self.rows)

    def row(self, name):
        """The row if it was measured, else None."""
        row = self.rows.get(ladder.resolve(name, self.rows))
        return row if row is not None and row.status == "ok" else None

    def value(self, name, metric="ns_per_op"):
        row = self.row(name)
        values = list(row.values(metric).values()) if row else []
        return stats.median(values)

    def ratio(self, top, bottom, metric="ns_per_op", bottom_metric=None):
        return ladder.ratio(self.row(top), self.row(bottom), metric, bottom_metric)


def esc(text):
    return html.escape(str(text), quote=False)


def units(text):
    """Text that was written for a terminal with its units as a page writes them."""
    text = re.sub(r"(\d) us\b", "\\1 \u00b5s", text)
    return re.sub(r"\b0\.000 ", "0 ", re.sub(r"(\d)x\b", "\\1\u00d7", text))


def show(v, unit="ns"):
    return units(report.show(v, unit))


def digits(v):
    return report.digits(v)


def figure(row, metric, unit):
    return units(report.figure(row, metric, unit))


def section(anchor, title, lead, body):
    return '<section id="%s"><h2>%s</h2>%s%s</section>' % (
        anchor, title, '<p class="lead">%s</p>' % lead if lead else "", body)


def table(head, lines, left=False):
    """lines: lists of cells. All but the first stand at the right, unless left; on a narrow page the head is
    gone and each cell names itself."""
    kind = "" if left else ' class="n"'
    names = "<th>%s</th>" % head[0] + "".join("<th%s>%s</th>" % (kind, h) for h in head[1:])
    body = "".join("<tr><td>%s</td>%s</tr>" % (cells[0], "".join(
        "<td%s%s>%s</td>" % (kind, ' data-h="%s"' % h if h and not left else "", c)
        for h, c in zip(head[1:], cells[1:]))) for cells in lines)
    return '<table class="stack"><thead><tr>%s</tr></thead><tbody>%s</tbody></table>' % (names, body)


def folded(summary, inside, group=False):
    return "<details%s><summary>%s</summary>%s</details>" % (' class="group"' if group else "", summary, inside)


def bullets(items):
    return '<ul class="plain">%s</ul>' % "".join("<li>%s</li>" % i for i in items)


def chip(kind, text):
    return '<span class="chip %s">%s</span>' % (kind, text)


def system_name(system):
    return theme.SYSTEMS[system][0]


def plural(n, word, many=None):
    return "%d %s" % (n, word if n == 1 else many or word + "s")
