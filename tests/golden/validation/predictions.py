"""Write the predictions that every outside implementation is asked about: predictions.json.

Run as ``python tests/golden/validation/predictions.py``; then run ``metrics.R``, ``optimism.R``
and ``others.py`` beside it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

#: Men, mean and spread of the log-odds, and intercept and slope of the truth on them.
SETS = {
    "calibrated_100": (100, -0.2, 1.0, 0.0, 1.0),
    "extreme_90": (90, -0.2, 1.6, 0.3, 0.5),
    "tied_60": (60, 0.0, 1.0, 0.0, 1.0),
    "eight": (8, 0.0, 1.0, 0.0, 1.0),
    "rare_600": (600, -2.0, 0.9, -0.2, 1.2),
}


def main() -> None:
    """Draw the sets and write them."""
    random = np.random.default_rng(20240229)
    told = {}
    for name, (men, mean, spread, intercept, slope) in SETS.items():
        score = random.normal(mean, spread, men)
        p = 1 / (1 + np.exp(-score))
        y = (random.random(men) < 1 / (1 + np.exp(-intercept - slope * score))).astype(int)
        if name.startswith("tied"):
            p = p.round(1).clip(0.1, 0.9)
        if name == "eight":
            y = np.array([0, 1, 0, 1, 1, 0, 1, 0])
        told[name] = {"y": y.tolist(), "p": p.round(6).tolist()}
    path = Path(__file__).with_name("predictions.json")
    path.write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
