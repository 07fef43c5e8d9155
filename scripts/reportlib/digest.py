# SPDX-License-Identifier: MIT
"""The summary in Markdown: at most thirty lines, for a terminal, a pull request or a job's page."""
from benchlib import fingerprint

from . import rungs, theme, verdicts
from .view import digits, show

RUNGS = (("yield", "yield/2", "thread/yield", "go/yield/2"),
         ("spawn + join", "spawn/join_one", "thread/create_join", "go/spawn_join_one"),
         ("channel, per hop", "chan/hop", "thread/handover_same_core", "go/chan_handover"),
         ("select, 8 cases", "select/block/8", None, "go/select_one_ready/8"),
         ("mutex", "mutex/alone", "thread/mutex", "go/mutex"),
         ("map load, 1000 keys", "map/hit/1000", None, "go/map_hit/1000"))


def text(view):
    rec = view.rec
    out = ["## %s" % verdicts.headline(view), "",
           "%s; commit %s, %s UTC, %d rounds." % (fingerprint.title(rec["hard"]), rec["commit"] or "unknown",
                                                  rec["started"][:16].replace("T", " "), rec["rounds"]), ""]
    for c in rec["claims"]:
        out.append("- %s **%s**: %s" % (verdicts.KIND[c["verdict"]][1], c["id"], c["claim"]))
    bars = verdicts.bars_line(view)
    if bars:
        out.append("- " + bars)
    if view.check:
        failed = [r["name"] for r in view.check["rows"] if r["verdict"] == "FAIL" and not r["accepted"]]
        out.append("- base against head: **%s**%s" % (view.check["verdict"],
                                                     " (%s)" % ", ".join(failed) if failed else ""))
    out += ["", "| | coroutine | thread | Go |", "|---|---|---|---|"]
    for title, name, thread, go in RUNGS:
        if view.row(name):
            out.append("| %s | %s | %s | %s |" % (
                title, show(view.value(name)), _beside(view, thread, name), _beside(view, go, name)))
    found = rungs.against(view)
    if found:
        out += ["", "Peer over coroutine, geometric mean: " + ", ".join(
            "%s %s\u00d7 (%d rungs)" % (theme.SYSTEMS[s][0], digits(rungs.geomean([r for r, _, _ in found[s]])),
                                       len(found[s])) for s in theme.SYSTEMS if s in found) + "."]
    return "\n".join(out) + "\n"


def _beside(view, name, ours):
    if not name or not view.row(name):
        return "\u2013"
    r = view.ratio(name, ours)
    return "%s (%s\u00d7)" % (show(view.value(name)), digits(r[0])) if r else show(view.value(name))
