# SPDX-License-Identifier: MIT
"""Strips: a row of marks on a logarithmic axis, one for each line of a table. They are cells of the
table, so they stretch with it: positions are percentages, and marks and text keep their size, which a
plotting library's picture of fixed width cannot do. Plots with two axes are matplotlib's (plots.py)."""
import html
import math

from . import theme

EDGE = 3.0  # percent kept free at each end for marks and labels


class Axis:
    """From low to high, widened to whole decades or, for a short range, to 1-2-5 steps."""

    def __init__(self, low, high, unit):
        self.unit = unit
        self.low, self.high = _floor(low), _ceiling(high)
        if self.high <= self.low:
            self.high = self.low * 10

    def at(self, v):
        """Position in percent; what lies outside stands at the edge."""
        span = math.log(self.high / self.low)
        share = math.log(max(v, self.low * 1e-9) / self.low) / span
        return EDGE + (100 - 2 * EDGE) * min(1.0, max(0.0, share))

    def ticks(self):
        """[(value, text)]: decades, thinned to at most six; 1-2-5 steps where the range is short."""
        if self.unit is size:
            powers = [2.0 ** e for e in range(0, 60, 5) if self.low <= 2.0 ** e <= self.high]
            if len(powers) > 1:
                return [(v, size(v)) for v in powers[::-(-len(powers) // 5)]]
        decades = [10.0 ** e for e in range(math.ceil(round(math.log10(self.low), 9)),
                                            math.floor(round(math.log10(self.high), 9)) + 1)]
        if len(decades) < 3:
            out, e = [], math.floor(math.log10(self.low)) - 1
            while 10.0 ** e <= self.high:
                out += [m * 10.0 ** e for m in (1, 2, 5)
                        if self.low * 0.999 <= m * 10.0 ** e <= self.high * 1.001]
                e += 1
            return [(v, self.unit(v)) for v in out]
        step = -(-len(decades) // 6)
        return [(v, self.unit(v)) for v in decades[::step]]

    def svg(self):
        marks = "".join('<text x="%.2f%%" y="11" text-anchor="middle">%s</text>'
                        % (self.at(v), html.escape(text)) for v, text in self.ticks())
        return '<svg class="axis" role="img" aria-label="axis">%s</svg>' % marks

    def grid(self, height=22):
        return "".join('<line class="g" x1="%.2f%%" x2="%.2f%%" y1="0" y2="%d"/>'
                       % (self.at(v), self.at(v), height) for v, _ in self.ticks())


def _floor(v):
    e = math.floor(math.log10(v))
    return max(m * 10.0 ** e for m in (1, 2, 5) if m * 10.0 ** e <= v * 1.0001)


def _ceiling(v):
    e = math.floor(math.log10(v))
    return min(m * 10.0 ** e for m in (1, 2, 5, 10) if m * 10.0 ** e >= v * 0.9999)


def ns(v):
    for scale, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "\u00b5s")):
        if v >= scale * 0.999:
            return "%g %s" % (round(v / scale, 3), unit)
    return "%g ns" % round(v, 3)


def size(v):
    for scale, unit in ((2 ** 30, "GiB"), (2 ** 20, "MiB"), (2 ** 10, "KiB")):
        if v >= scale * 0.999:
            return "%.3g %s" % (v / scale, unit)
    return "%.3g B" % v


def count(v):
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if v >= scale * 0.999:
            return "%g%s" % (round(v / scale, 2), letter)
    return "%g" % round(v, 2)


def times(v):
    return "%g\u00d7" % round(v, 4)


def mark(axis, system, value, ci=None, title=""):
    """A mark with its interval behind it."""
    out = ""
    if ci and ci[1] > ci[0] > 0:
        out += '<line class="w s-%s" x1="%.2f%%" x2="%.2f%%" y1="11" y2="11"/>' % (
            system, axis.at(ci[0]), axis.at(ci[1]))
    return out + '<use href="#m-%s" x="%.2f%%" y="11"><title>%s</title></use>' % (
        system, axis.at(value), html.escape(title))


def strip(axis, marks, label, extra=""):
    """marks: later ones lie above earlier ones."""
    return '<svg class="strip" role="img" aria-label="%s">%s%s%s</svg>' % (
        html.escape(label, quote=True), axis.grid(), extra, "".join(marks))


def legend(systems):
    return '<p class="legend">%s</p>' % "".join(
        '<span><svg><use href="#m-%s" x="6" y="6"/></svg>%s</span>' % (s, theme.SYSTEMS[s][0])
        for s in theme.SYSTEMS if s in systems)
