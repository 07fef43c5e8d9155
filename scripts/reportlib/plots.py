# SPDX-License-Identifier: MIT
"""Plots with two axes, drawn by matplotlib at the size at which they are shown, and its SVG made small
and made to follow the page: colours become the page's variables, text the page's font."""
import io
import re
import xml.etree.ElementTree as tree

from . import strip, theme

WIDTH, HEIGHT = 310, 200
# Colours that stand for the page's, put in place of them afterwards.
INK, MUTED, GRID, FAINT = "#010101", "#020202", "#030303", "#040404"
_STAND_IN = {INK: "ink", MUTED: "muted", GRID: "grid", FAINT: "faint"}
_STAND_IN.update({"#0500%02x" % n: key for n, key in enumerate(theme.SYSTEMS)})
COLOUR = {key: stand for stand, key in _STAND_IN.items() if key in theme.SYSTEMS}
_MARKER = {"circle": "o", "square": "s", "diamond": "D", "up": "^", "down": "v", "ring": "o"}
_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"


def start():
    """matplotlib, with our defaults; raises ImportError where it is missing."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({
        "svg.fonttype": "none", "svg.hashsalt": "wend", "font.size": 11.5, "axes.edgecolor": GRID,
        "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED, "text.color": INK,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
        "grid.linewidth": 1, "axes.axisbelow": True, "axes.facecolor": "none",
        "figure.facecolor": "none", "xtick.major.size": 0, "ytick.major.size": 0,
        "xtick.minor.size": 0, "ytick.minor.size": 0, "axes.linewidth": 1, "lines.linewidth": 2,
        "lines.solid_capstyle": "round", "legend.frameon": False, "path.simplify": True,
        "xtick.labelsize": 11.5, "ytick.labelsize": 11.5, "axes.labelsize": 11.5,
        "xtick.major.pad": 7, "ytick.major.pad": 6})
    from matplotlib import pyplot
    return pyplot


def axes(pyplot, height=HEIGHT):
    figure, ax = pyplot.subplots(figsize=(WIDTH / 72, height / 72))
    return figure, ax


def marker(system):
    return _MARKER[theme.SYSTEMS[system][3]]


def finish(pyplot, figure, name, label):
    """The figure as a small <svg> of the page. name makes its ids its own."""
    figure.tight_layout(pad=0.4)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return compact(out.getvalue(), name, label)


def compact(svg, name, label):
    root = tree.fromstring(svg)
    width, height = (float(x) for x in root.get("viewBox").split()[2:])
    used = set(re.findall(rb'(?:href="#|url\(#)([^")]+)', svg))
    body = "".join(_element(child, name, used) for child in root)
    body = _flatten(body)
    return ('<svg class="plot" viewBox="0 0 %g %g" role="img" aria-label="%s">%s</svg>'
            % (width, height, label.replace('"', ""), body))


def _style(text):
    """matplotlib's style without what is the default, in the page's colours."""
    keep = []
    for part in text.split(";"):
        key, _, value = (x.strip() for x in part.partition(":"))
        if not key or (key, value) in (("stroke-linejoin", "miter"), ("stroke-linecap", "butt"),
                                       ("opacity", "1"), ("stroke-linejoin", "round")):
            continue
        if key == "font":
            size = re.search(r"([\d.]+)px", value)
            keep.append("font-size:%gpx" % float(size.group(1)))
            if re.match(r"(bold|[6-9]00)\b", value):
                keep.append("font-weight:600")
            continue
        if value in _STAND_IN:
            value = theme.var(_STAND_IN[value])
        keep.append("%s:%s" % (key, _short(value)))
    return ";".join(keep)


def _short(text):
    return re.sub(r"-?\d+\.\d{2,}", lambda m: "%g" % round(float(m.group(0)), 1), text)


def _element(e, name, used):
    tag = e.tag.replace(_SVG, "")
    if tag in ("metadata", "style", "title") or not isinstance(e.tag, str):
        return ""
    attributes = ""
    for key, value in e.attrib.items():
        if key == "id":
            if value.encode() not in used:
                continue
            value = name + value
        elif key == _LINK:
            key, value = "href", "#" + name + value[1:]
        elif key == "style":
            value = _style(value)
            if not value:
                continue
        elif key == "clip-path":
            value = value.replace("#", "#" + name)
        elif key == "transform":
            value = re.sub(r"rotate\(-0 [^)]*\)", "", value).strip()
            if not value:
                continue
            value = _short(value)
        elif key in ("d", "x", "y", "width", "height"):
            value = re.sub(r"\s+", " ", _short(value)).strip()
        attributes += ' %s="%s"' % (key, value)
    inner = "".join(_element(c, name, used) for c in e)
    text = (e.text or "").strip()
    if text:
        inner = text.replace("&", "&amp;").replace("<", "&lt;") + inner
    return "<%s%s>%s</%s>" % (tag, attributes, inner, tag) if inner else "<%s%s/>" % (tag, attributes)


def _flatten(body):
    """Without groups that say nothing."""
    while True:
        less = re.sub(r"<g>((?:(?!</?g[ >/]).)*)</g>", r"\1", body)
        less = less.replace("<g/>", "").replace("<defs/>", "")
        if less == body:
            return body
        body = less


def _no_minor(axis):
    from matplotlib.ticker import NullLocator
    axis.set_minor_locator(NullLocator())


def _log_ticks(ax, which, low, high, text):
    axis = strip.Axis(low, high, text)
    ticks = axis.ticks()
    decades = [t for t in ticks if ("%e" % t[0]).startswith("1.000000")]
    if len(ticks) > 5 and len(decades) > 1:
        ticks = decades
    if len(ticks) > 5:
        ticks = ticks[::2]
    getattr(ax, "set_%sticks" % which)([v for v, _ in ticks])
    getattr(ax, "set_%sticklabels" % which)([t for _, t in ticks])
    _no_minor(getattr(ax, which + "axis"))
    getattr(ax, "set_%slim" % which)(axis.low, axis.high)


def scaling(pyplot, name, series):
    """Throughput over the number of P's. series: [(system, {P: (rate, interval)})], the first of
    which gets the line that a perfect speed-up would be."""
    figure, ax = axes(pyplot)
    values = [r for _, points in series for r, _ in points.values()]
    every = sorted({p for _, points in series for p in points})
    first = series[0][1]
    least = min(first)
    ideal = [first[least][0] * p / least for p in every]
    ax.plot(every, ideal, color=FAINT, linewidth=1, dashes=(3, 3))
    for system, points in reversed(series):
        ps = sorted(points)
        colour = COLOUR[system]
        ax.plot(ps, [points[p][0] for p in ps], color=colour, marker=marker(system), markersize=6)
        for p in ps:
            ci = points[p][1]
            if ci:
                ax.plot([p, p], ci, color=colour, linewidth=2, alpha=0.45)
    ax.set_yscale("log")
    low, high = min(values + ideal), max(values + ideal)
    _log_ticks(ax, "y", low * 0.8, high * 1.2, strip.count)
    ax.set_xticks(every)
    ax.set_xlim(every[0] - 0.12 * (every[-1] - every[0]), every[-1] + 0.12 * (every[-1] - every[0]))
    ax.set_xlabel("P's")
    ax.set_ylabel("operations a second")
    ax.grid(axis="x", visible=False)
    return finish(pyplot, figure, name, "throughput over the number of P's")


def beyond(histogram):
    """[(ns, share of samples that waited longer)] of [[ns, samples]]."""
    total = sum(n for _, n in histogram)
    out, left = [], total
    for value, n in histogram:
        out.append((max(value, 1), left / total))
        left -= n
    return out


def tails(pyplot, name, curves):
    """How many waited longer than that. curves: [(system, histogram, solid, dash or faint)]."""
    figure, ax = axes(pyplot, 230)
    low, high, floor = 1e18, 1, 1.0
    for system, histogram, style in curves:
        points = beyond(histogram)
        xs, ys = [x for x, _ in points], [y for _, y in points]
        ax.step(xs, ys, where="post", color=FAINT if style == "faint" else COLOUR[system],
                linewidth=1.3 if style == "faint" else 2, dashes=(None, None) if style == "solid" else (3, 2))
        low, high = min(low, xs[0]), max(high, xs[-1])
        # Fewer than ten samples make no share.
        enough = 10 / sum(n for _, n in histogram)
        floor = min(floor, enough)
    ax.set_xscale("log")
    ax.set_yscale("log")
    _log_ticks(ax, "x", max(low, 10), high * 1.3, strip.ns)
    shares = [(1, "all"), (0.1, "1 in 10"), (0.01, "1 in 100"), (0.001, "1 in 1000")]
    shares = [s for s in shares if s[0] >= floor]
    ax.set_yticks([s[0] for s in shares])
    ax.set_yticklabels([s[1] for s in shares])
    _no_minor(ax.yaxis)
    ax.set_ylim(max(floor, 5e-4), 1.15)
    ax.set_xlabel("waits longer than")
    return finish(pyplot, figure, name, "share of waits longer than a time")


def bars(pyplot, name, items, text, log=False):
    """Horizontal bars: [(label, system, value)], with the value at each end."""
    figure, ax = axes(pyplot, 34 + 30 * len(items))
    values = [v for _, _, v in items]
    start_at = strip.Axis(min(v for v in values if v), max(values), text).low / 2 if log else 0
    for i, (_, system, v) in enumerate(items):
        ax.barh(i, max(0, v - start_at), left=start_at, color=COLOUR[system], height=0.56)
        ax.annotate(text(v), (max(v, start_at), i), xytext=(5, 0), textcoords="offset points", va="center",
                    color=INK, fontsize=11.5)
    ax.set_yticks(range(len(items)))
    ax.set_yticklabels([label for label, _, _ in items])
    ax.invert_yaxis()
    if log:
        ax.set_xscale("log")
        ax.set_xlim(start_at, (max(values) / start_at) ** 1.35 * start_at)
    else:
        ax.set_xlim(0, max(values) * 1.32)
    ax.set_xticks([])
    _no_minor(ax.xaxis)
    ax.grid(axis="y", visible=False)
    ax.spines["bottom"].set_visible(False)
    return finish(pyplot, figure, name, "bars")


def trend(pyplot, name, points, breaks):
    """A row's cost over runs. points: [(label, value, interval)]; breaks: where the build changed."""
    figure, ax = axes(pyplot, 170)
    xs = list(range(len(points)))
    lows = [(ci or (v, v))[0] for _, v, ci in points]
    highs = [(ci or (v, v))[1] for _, v, ci in points]
    colour = COLOUR["wend"]
    start_at = 0
    for end in breaks + [len(points)]:
        part = slice(start_at, end)
        ax.fill_between(xs[part], lows[part], highs[part], color=colour, alpha=0.18, linewidth=0)
        ax.plot(xs[part], [v for _, v, _ in points[part]], color=colour, marker="o", markersize=4.5)
        start_at = end
    for b in breaks:
        ax.axvline(b - 0.5, color=FAINT, linewidth=1, dashes=(2, 2))
    top = max(highs)
    ax.set_ylim(0, top * 1.15)
    scale, unit = next((s, u) for s, u in ((1e9, "s"), (1e6, "ms"), (1e3, "\u00b5s"), (1, "ns"))
                       if top >= s or s == 1)
    ax.yaxis.set_major_locator(pyplot.MaxNLocator(4))
    ax.yaxis.set_major_formatter(lambda v, _: "%g %s" % (round(v / scale, 3), unit))
    shown = sorted({0, len(points) - 1})
    ax.set_xticks(shown)
    ax.set_xticklabels([points[i][0] for i in shown])
    for tick, side in zip(ax.get_xticklabels(), ("left", "right")):
        tick.set_ha(side if len(shown) > 1 else "center")
    if len(points) == 1:
        ax.set_xlim(-1, 1)
    ax.grid(axis="x", visible=False)
    return finish(pyplot, figure, name, "cost over saved runs")
