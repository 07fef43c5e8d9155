# SPDX-License-Identifier: MIT
"""The machine: its facts, hwloc's topology as nested boxes, the floor it sets, what to be wary of."""
import re

from benchlib import fingerprint, store

from .view import bullets, esc, folded, section, show

MOST = 32  # CPUs drawn one by one; of a larger machine, what is alike is drawn once and counted


def parse(text, at=0):
    """((count, label, children), end) of a collapsed topology: 2*Core(PU)."""
    m = re.compile(r"(?:(\d+)\*)?([^(),]+)").match(text, at)
    count, label, at, children = int(m.group(1) or 1), m.group(2), m.end(), []
    if at < len(text) and text[at] == "(":
        while text[at] != ")":
            child, at = parse(text, at + 1)
            children.append(child)
        at += 1
    return (count, label, children), at


def _name(label):
    kind, _, size = label.partition(":")
    if not size:
        return {"NUMANode": "NUMA node"}.get(kind, kind)
    return "%s %s" % (re.sub(r"([di])$", "", kind), show(int(size), "bytes").replace(".0 ", " "))


def cpus(node):
    count, label, children = node
    return count * (1 if label == "PU" else sum(map(cpus, children)))


def _boxes(children, depth, each):
    """Each of them, or one for all that are alike."""
    return '<div class="row">%s</div>' % "".join(
        _box(node, depth, each) for node in children for _ in range(node[0] if each else 1))


def _box(node, depth, each):
    count, label, children = node
    times = "" if each or count == 1 else "%d \u00d7 " % count
    if label == "PU":
        return '<span class="pu">%sCPU</span>' % times
    names = [_name(label)]
    # A chain of only children is one box.
    while len(children) == 1 and children[0][0] == 1 and children[0][1] != "PU":
        names.append(_name(children[0][1]))
        children = children[0][2]
    names = [n for i, n in enumerate(names) if n not in names[:i]]
    return '<div class="box%s">%s%s</div>' % (
        " deep" if depth % 2 else "", esc(times + " \u00b7 ".join(names)),
        _boxes(children, depth + 1, each) if children else "")


def picture(topology):
    node, _ = parse(topology)
    return '<div class="topo" role="img" aria-label="%s">%s</div>' % (
        topology, _box(node, 0, cpus(node) <= MOST))


def _facts(pairs):
    return '<dl class="facts">%s</dl>' % "".join(
        "<dt>%s</dt><dd>%s</dd>" % (k, esc(v)) for k, v in pairs if v is not None)


def box(view):
    rec = view.rec
    hard, soft, build = rec["hard"], rec["soft"], rec["build"]
    switch = {"on": "on", "off": "off", "notsupported": "none", None: None}
    facts = _facts([
        ("fingerprint", rec["fingerprint"]), ("CPU", hard["cpu"]),
        ("CPUs", "%d allowed%s" % (hard["cpus"], ", quota %.3g" % hard["quota"] if hard["quota"] else "")),
        ("virtual", hard["virtualisation"]), ("SMT", switch.get(hard["smt"], hard["smt"])),
        ("memory", "%g GiB" % soft["memory_gib"] if soft["memory_gib"] else None),
        ("kernel", "Linux " + soft["kernel"] if soft["kernel"] else None),
        ("governor", soft["governor"]), ("turbo", soft["turbo"]), ("huge pages", soft["thp"]),
        ("clock", soft["clocksource"]), ("load", "%.2f before the run" % rec["load"]),
        ("compiler", "%s %s" % (build["compiler"], build["flags"])),
        ("build", "%s, atomics %s, fence %s, guards %s" % (
            build["build_type"], build["wend_atomics"], build["wend_fence"], build["wend_guard"]))])
    floor = "".join('<tr><td>%s</td><td class="n">%s</td></tr>' % (
        esc(f["says"][0].upper() + f["says"][1:]), show(float(f["ns"]))) for f in store.floor(rec))
    left = right = ""
    if hard["topology"]:
        left = '<div class="card" style="margin-top:14px"><h3 style="margin-top:0">Topology</h3>%s</div>' % picture(
            hard["topology"])
    if floor:
        right = ('<div class="card"><h3 style="margin-top:0">The floor it sets</h3>'
                  '<p class="note">Nothing measured here can be better than this.</p>'
                  '<table><tbody>%s</tbody></table></div>' % floor)
    body = '<div class="split"><div><div class="card">%s</div>%s</div><div>%s</div></div>' % (
        facts, left, right)
    if rec["warnings"]:
        body += "<h3>To be wary of</h3>" + bullets(esc(w[0].upper() + w[1:] + ".") for w in rec["warnings"])
    if rec["missing"]:
        body += folded("What this run did without", bullets(esc(w) for w in rec["missing"]))
    return section("machine", "Machine", esc(fingerprint.title(hard)) + ".", body)
