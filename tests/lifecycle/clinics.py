"""Clinics drawn by the simulator, as their tables would be, and models of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from respredict.bundle import Extras
from respredict.config import Settings
from respredict.lifecycle.fitted import fitted_men
from respredict.lifecycle.provenance import meta_of, tags_of
from respredict.lifecycle.recipes import left_out, measured
from respredict.lifecycle.registering import Fitted, register
from respredict.lifecycle.subjects import read_subjects
from respredict.model.candidates import build_candidate, matrix_columns
from respredict.synthetic import write_cohort
from respredict.uncertainty.kinds import refit


def clinic(folder: Path, men: int, seed: int, *, gone: float = 0.0) -> Path:
    """Write a clinical table; of the men who improved, a share comes back unchanged."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "men.csv"
    write_cohort(file, men, seed=seed)
    table = pd.read_csv(file, dtype=str)
    table["patient_id"] = [f"C{seed}-{i}" for i in range(men)]
    rows = table.sample(frac=gone, random_state=seed).index
    before, after = "sperm_concentration_m_ml", "followup_sperm_concentration_m_ml"
    table.loc[rows, after] = table.loc[rows, before]
    table.to_csv(file, index=False)
    (folder / "cohort.toml").write_text('file = "men.csv"\nkind = "clinical"\nsource = "A"\n')
    return file


def registered(table: Path, home: Path, *, candidate="published", predictors="hormones", refits=20):
    """Fit a model with few refits to a table, and register it; return version and bundle."""
    settings = Settings().with_cohort(table)
    model = dataclasses.replace(settings.model, candidate=candidate, predictors=predictors)
    settings = dataclasses.replace(settings, model=model)
    cohort, subjects = read_subjects(settings)
    X = subjects.men[list(matrix_columns(predictors))].astype(float)
    y = subjects.improved

    def build():
        return build_candidate(candidate, predictors, random_state=1)

    pipeline = build().fit(X, y)
    metrics = measured(y, pipeline.predict_proba(X)[:, 1], left_out(build, X, y, seed=1))
    again = refit(build, X, y, seed=1, fitted=pipeline, n_refits=refits) if refits else None
    made = Fitted(
        pipeline, meta_of(settings, candidate, cohort, subjects, metrics), Extras(again), X,
        fitted_men(subjects.men), settings.flat(), tags_of(cohort, settings), metrics,
    )  # fmt: skip
    return register(made, home=home)
