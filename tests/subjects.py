"""Subjects of a validation, drawn and read as a clinic's table would be."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from respredict.cohort import read_cohort
from respredict.config import Settings, ValidationSettings
from respredict.lifecycle.training import outcomes
from respredict.synthetic import write_cohort
from respredict.validation.subjects import Subjects


def subjects_of(folder: Path, men: int, seed: int) -> tuple[Subjects, dict]:
    """Return simulated men of whom the outcome is known, and where they are from."""
    folder.mkdir(parents=True, exist_ok=True)
    write_cohort(folder / "men.csv", men, seed=seed)
    cohort = read_cohort(folder / "men.csv", need=("outcome",), scheme="concentration")
    moved = outcomes(cohort, "concentration")
    known = ~np.isnan(moved.improved)
    subjects = Subjects(
        cohort.men.loc[known].reset_index(drop=True),
        moved.improved[known].astype(int),
        moved.worsened[known],
        {"lost": int((~known).sum())},
    )
    return subjects, {"cohort": {"kind": cohort.provenance.kind}}


def settings_for(**asked) -> Settings:
    """Return settings with some of the validation's changed, in this process."""
    return dataclasses.replace(Settings(), validation=ValidationSettings(**{"jobs": 1, **asked}))
