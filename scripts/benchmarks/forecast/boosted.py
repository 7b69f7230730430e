"""LightGBM's quantile regression as a further row, installed for the run into an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Options
from benchmarks.forecast.accuracy import HORIZONS_H, QUANTILES, STEP_H, loss_of, origins
from benchmarks.forecast.developers import Developer
from benchmarks.forecast.peers import Floats
from benchmarks.forecast.told import Losses

SCRIPT = Path(__file__).with_name("boosted_alone.py")
NAME = "all: loss / LightGBM's, mean of the horizons"


def figure(found: Losses, everyone: Sequence[Developer], options: Options) -> Figure:
    """Trained anew each four weeks on the developer's own past. Not a number, with the reason, where it is left out."""
    if options.quick:
        return Figure(NAME, float("nan"), None, detail={"left out": "--quick"})
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        failed = _run(Path(scratch), everyone)
        if failed:
            return Figure(NAME, float("nan"), None, detail={"left out": failed})
        with np.load(Path(scratch) / "quantiles.npz") as answers:
            return _compared(found, everyone, dict(answers))


def _run(scratch: Path, everyone: Sequence[Developer]) -> str:
    """What went wrong, or nothing."""
    asked = [
        {"key": f"{one.name} {length}", "length": length, "origins": list(origins(one, length, STEP_H))}
        for one in everyone
        for length in HORIZONS_H
    ]
    use = {one.name: one.use.tolist() for one in everyone}
    told = {"quantiles": list(QUANTILES), "asked": asked, "use": use}
    (scratch / "asked.json").write_text(json.dumps(told))
    python = scratch / "venv" / "bin" / "python"
    steps = (
        [sys.executable, "-m", "venv", str(scratch / "venv")],
        [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "lightgbm>=4.5"],
        [str(python), str(SCRIPT), str(scratch)],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            return f"{' '.join(step[1:])}: {done.stderr.strip()[-300:]}"
    return ""


def _compared(found: Losses, everyone: Sequence[Developer], answers: dict[str, Floats]) -> Figure:
    ratios = {}
    for length in HORIZONS_H:
        ours, theirs = [], []
        for one in everyone:
            total = np.concatenate([[0.0], np.cumsum(one.use)])
            asked = np.array(origins(one, length, STEP_H))
            ours.append(found[one.name, length]["ours"].loss.mean())
            theirs.append(
                loss_of(answers[f"{one.name} {length}"], total[asked + length] - total[asked]).mean()
            )
        ratios[f"{length} h"] = round(float(np.mean(ours) / np.mean(theirs)), 3)
    return Figure(NAME, round(float(np.mean(list(ratios.values()))), 3), None, detail=ratios)
