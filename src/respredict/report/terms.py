"""The vocabulary of a report: metrics, models, and each term in a sentence."""

from __future__ import annotations

import tomllib
from importlib import resources

__all__ = ["METRICS", "MODELS", "RULES", "TERMS"]

#: Metrics by key: label, form of the number, and what the best value is.
METRICS: dict[str, tuple[str, str, str]] = {
    "auc": ("AUC", "index", "higher is better; one half is a coin toss"),
    "brier": ("Brier score", "index", "lower is better"),
    "scaled_brier": ("Scaled Brier score", "index", "higher is better; none is the prevalence"),
    "log_loss": ("Log-loss", "index", "lower is better"),
    "calibration_intercept": ("Calibration intercept (log-odds)", "signed", "best at zero"),
    "calibration_slope": ("Calibration slope", "effect", "best at one"),
    "ici": ("ICI (points of probability)", "points", "lower is better"),
    "e50": ("E50 (points of probability)", "points", "lower is better"),
    "e90": ("E90 (points of probability)", "points", "lower is better"),
    "emax": ("Emax (points of probability)", "points", "lower is better"),
}

#: Candidates and comparators by name, as a reader knows them.
MODELS = {
    "published": "logistic regression shrunk to the published effects",
    "zero": "logistic regression shrunk to no effect",
    "splines": "logistic regression with splines",
    "boosting": "gradient boosting with monotone constraints",
    "prevalence": "everybody gets the prevalence",
    "t_lh_at_least_100": "refitted on T/LH of {100} or more",
    "t_e2_below_10": "refitted on T/E2 below {10}",
    "lh+fsh": "LH and FSH only",
    "select": "the whole procedure, choice of candidate included",
}

#: The same comparators where they are judged as they are used: yes or no, nothing learnt.
RULES = {
    "t_lh_at_least_100": "rule: T/LH of {100} or more",
    "t_e2_below_10": "rule: T/E2 below {10}",
}

#: Each term by key: its label, and one sentence that says what it is.
TERMS: dict[str, tuple[str, str]] = {
    key: (row["label"], row["text"])
    for key, row in tomllib.loads(
        (resources.files("respredict.report") / "terms.toml").read_text(encoding="utf-8")
    ).items()
}
