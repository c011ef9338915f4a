"""From a table to a registered challenger, and from a challenger to the champion."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict import registry
from respredict.audit.promotions import record_promotion
from respredict.bundle import Bundle, Extras, load_bundle, set_champion, write_bundle
from respredict.config import Settings
from respredict.explain import Explainer
from respredict.lifecycle.provenance import meta_of, tags_of
from respredict.lifecycle.subjects import outcomes, read_subjects, sample_size_of
from respredict.model.candidates import PREDICTORS, build_candidate, matrix_columns
from respredict.report.explanations import beeswarm, importance_table
from respredict.schema.analytes import analyte
from respredict.uncertainty.refits import fit_refits
from respredict.uncertainty.support import fit_support
from respredict.validation.running import Subjects, chosen_candidate
from respredict.validation.worsening import men_needed

__all__ = ["Trained", "outcomes", "promote", "read_subjects", "train"]

#: Fewer than these in either class cannot even be cross-validated.
FEWEST_OF_EACH = 10
_FOLDS = 5
_LEVEL_Z = 1.6448536269514722
_PACKAGES = ("respredict", "numpy", "scipy", "scikit-learn", "pandas", "skops")

Say = Callable[[str], None]
Build = Callable[[], Any]


@dataclass(frozen=True)
class Trained:
    """A registered challenger.

    Parameters
    ----------
    version : Version
        In the registry.
    bundle : Bundle
        What would be served.
    metrics : dict
        Named as what they are: apparent or cross-validated.
    notices : tuple of str
        What the reader of the table noticed.
    """

    version: registry.Version
    bundle: Bundle
    metrics: dict[str, float]
    notices: tuple[str, ...]


def train(settings: Settings, *, home: Path, say: Say = lambda _: None) -> Trained:
    """Fit, explain, log and register a model; it becomes the challenger.

    Parameters
    ----------
    settings : Settings
        Of the run.
    home : Path
        ``RESPREDICT_HOME``.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Trained
        The challenger.

    Raises
    ------
    CohortError
        If the table cannot be read or holds too few men of either outcome.
    """
    cohort, subjects = read_subjects(settings, say=say)
    X = subjects.men[list(matrix_columns(settings.model.predictors))].astype(float)
    y = subjects.improved
    say(sample_size_of(subjects, settings)["verdict"])
    name = chosen_candidate(subjects, settings, say=say)

    def build() -> Any:
        predictors, seed = settings.model.predictors, settings.model.seed
        return build_candidate(name, predictors, random_state=seed)

    say(f"fitting {name} to {len(y)} men, {y.sum()} of whom improved")
    pipeline = build().fit(X, y)
    metrics = _performance(settings, build, pipeline, X, y)
    say("explaining")
    inputs = PREDICTORS[settings.model.predictors]
    explained = Explainer(pipeline, inputs).explain(X)
    explained.check()
    importance = importance_table(explained, inputs)
    meta = meta_of(settings, name, cohort, subjects, metrics)
    meta["importance"] = dict(
        zip(importance["input"], importance["mean_absolute_log_odds"].astype(float), strict=True)
    )
    extras = _extras(settings, build, pipeline, X, subjects, say)
    bundle = write_bundle(home, pipeline, meta, extras)
    say("logging and registering in MLflow")
    natural, labels = _clinical(X, inputs)
    version = registry.log_run(
        registry.Run(
            bundle=bundle,
            matrix=X,
            settings=settings.flat(),
            tags=tags_of(cohort, settings),
            metrics=metrics,
            texts={"explanation/importance.csv": importance.to_csv(index=False)},
            files={"explanation/beeswarm.png": beeswarm(explained, natural, labels)},
        )
    )
    return Trained(version, bundle, metrics, cohort.notices)


def promote(
    which: str, *, home: Path, actor: str = "respredict promote", reason: str = ""
) -> registry.Version:
    """Make a registered version the champion: first the record, then alias, then file.

    Done again, it mends what a crash between the three left behind.

    Parameters
    ----------
    which : str
        A version's number or an alias.
    home : Path
        ``RESPREDICT_HOME``; its ledger is made if there is none.
    actor : str, default="respredict promote"
        Who promotes.
    reason : str, default=""
        Why.

    Returns
    -------
    Version
        The champion.

    Raises
    ------
    RegistryError
        If there is no such version.
    BundleError
        If its bundle is not what the registry says.
    LedgerError
        If the promotion cannot be recorded; nothing is promoted then.
    """
    version = registry.find_version(which)
    if not (home / "bundles" / version.digest.removeprefix("sha256:")).is_dir():
        _fetch(version, home)
    bundle = load_bundle(home, version.digest)
    told = {"name": bundle.meta["name"], "version": version.number, "digest": version.digest}
    record_promotion(home, **told, run_id=version.run_id, actor=actor, reason=reason)
    registry.set_alias(registry.CHAMPION, version)
    set_champion(home, told)
    return version


def _extras(
    settings: Settings,
    build: Build,
    pipeline: Any,
    X: pd.DataFrame,
    subjects: Subjects,
    say: Say,
) -> Extras:
    """Fit again for intervals, learn whom the model may be asked about, and model worsening."""
    seed, predictors = settings.model.seed, settings.model.predictors
    inputs = PREDICTORS[predictors]
    support = fit_support(pipeline[0], *pipeline[0].split(X.to_numpy()), inputs=inputs, seed=seed)
    refits = fit_refits(build, X, subjects.improved, seed=seed, fitted=pipeline, say=say)
    told = ~np.isnan(subjects.worsened)
    needed = men_needed(subjects.worsened, predictors)
    if needed is None or told.sum() < needed:
        return Extras(refits, support)
    say("fitting worsening, for which there are men enough")

    def of_worsening() -> Any:
        return build_candidate("zero", predictors, random_state=seed)

    X_told, y_told = X[told], subjects.worsened[told].astype(int)
    model = of_worsening().fit(X_told, y_told)
    again = fit_refits(of_worsening, X_told, y_told, seed=seed, fitted=model, say=say)
    return Extras(refits, support, model, again)


def _performance(
    settings: Settings, build: Build, pipeline: Any, X: pd.DataFrame, y: NDArray[np.int64]
) -> dict[str, float]:
    """Measure on the men fitted (apparent) and with each man left out (cross-validated)."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=settings.model.seed)
    left_out = cross_val_predict(build(), X, y, cv=folds, method="predict_proba")[:, 1]
    measured: dict[str, float] = {"men": float(len(y)), "events": float(y.sum())}
    for name, p in (("apparent", pipeline.predict_proba(X)[:, 1]), ("cross_validated", left_out)):
        measured[f"{name}_auc"] = float(roc_auc_score(y, p))
        measured[f"{name}_log_loss"] = float(log_loss(y, p))
        measured[f"{name}_brier"] = float(brier_score_loss(y, p))
    return measured


def _clinical(
    X: pd.DataFrame, inputs: tuple[str, ...]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the values in clinical units and their labels, for a figure."""
    labels = {"age": "age (years)", "bmi": "BMI (kg/m2)"}
    columns = [X.columns[j] for j in range(len(inputs))]
    told = tuple(
        labels.get(n) or f"{analyte(n).label} ({analyte(n).unit.replace('[IU]', 'IU')})"
        for n in inputs
    )
    return X[columns].to_numpy(dtype=float), told


def _fetch(version: registry.Version, home: Path) -> None:
    """Copy a bundle from the registry's store into ``home``, in one step."""
    bundles = home / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bundles, prefix=".fetching-") as folder:
        fetched = registry.fetch_bundle(version, Path(folder))
        fetched.replace(bundles / version.digest.removeprefix("sha256:"))
