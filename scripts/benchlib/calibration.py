# SPDX-License-Identifier: MIT
"""What is known of the gate on a machine: results/machines/FINGERPRINT/calibration/. Written by
scripts/bench-calibrate, read by the gate for its floors."""
import json
import os

from . import gate

SCHEMA = "wend-calibration-1"
ENOUGH = 30  # comparisons of a build with itself before they may raise a floor


def load(folder, kind):
    """The file of that kind, or a fresh object."""
    try:
        with open(os.path.join(folder, "calibration", kind + ".json"), encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return {"schema": SCHEMA, "kind": kind, "summary": [], "blocks" if kind == "aa" else "trials": []}


def floors(folder):
    """{(class, metric): floor} that this machine's noise asks for: what 19 of 20 comparisons of a build with
    itself stay below."""
    seen = {}
    for b in load(folder, "aa")["blocks"]:
        seen.setdefault((b["class"], b["metric"]), []).append(abs(b["change"]))
    return {key: sorted(v)[int(0.95 * len(v))] for key, v in seen.items()
            if len(v) >= ENOUGH and key[1] in gate.FLOORS.get(key[0], {})}
