"""From a table to a registered challenger, and from a challenger to the champion."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
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
from respredict.cohort import Cohort, read_cohort
from respredict.config import Settings
from respredict.errors import CohortError, Problem
from respredict.explain import Explainer
from respredict.model.candidates import PREDICTORS, build_pipeline, matrix_columns
from respredict.outcome import Movement, movement, scheme, total_motile_count
from respredict.report.explanations import beeswarm, importance_table
from respredict.schema.analytes import analyte
from respredict.uncertainty.refits import fit_refits
from respredict.uncertainty.support import fit_support
from respredict.validation.sample_size import development_size

__all__ = ["Trained", "outcomes", "promote", "train"]

#: Fewer than these in either class cannot even be cross-validated.
FEWEST_OF_EACH = 10
_FOLDS = 5
_LEVEL_Z = 1.6448536269514722
_PACKAGES = ("respredict", "numpy", "scipy", "scikit-learn", "pandas", "skops")

Say = Callable[[str], None]


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
    say(f"reading {settings.cohort.path}")
    cohort = read_cohort(settings.cohort.path, need=("outcome",), scheme=settings.outcome.scheme)
    moved = outcomes(cohort, settings.outcome.scheme)
    known = ~np.isnan(moved.improved)
    X = cohort.men.loc[known, list(matrix_columns(settings.model.predictors))].astype(float)
    y = moved.improved[known].astype(int)
    _check_enough(y)
    say(f"fitting {len(y)} men, {y.sum()} of whom improved")
    pipeline = _build(settings).fit(X, y)
    metrics = _performance(settings, pipeline, X, y)
    say("explaining")
    inputs = PREDICTORS[settings.model.predictors]
    explained = Explainer(pipeline, inputs).explain(X)
    explained.check()
    importance = importance_table(explained, inputs)
    meta = _meta(settings, cohort, moved, known, metrics)
    meta["importance"] = dict(
        zip(importance["input"], importance["mean_absolute_log_odds"].astype(float), strict=True)
    )
    extras = _extras(settings, pipeline, X, y, moved.worsened[known], say)
    bundle = write_bundle(home, pipeline, meta, extras)
    say("logging and registering in MLflow")
    natural, labels = _clinical(X, inputs)
    version = registry.log_run(
        registry.Run(
            bundle=bundle,
            matrix=X,
            settings=settings.flat(),
            tags=_tags(cohort, settings),
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


def outcomes(cohort: Cohort, scheme_name: str) -> Movement:
    """Return the category change of each man of a cohort.

    Parameters
    ----------
    cohort : Cohort
        With its follow-up columns.
    scheme_name : str
        Of the category scheme.

    Returns
    -------
    Movement
        Of shape (n_patients,).
    """
    of = scheme(scheme_name)
    before, before_side = _reading(cohort.men, of.measure, "")
    after, after_side = _reading(cohort.men, of.measure, "followup_")
    days = cohort.men["followup_days"].to_numpy(dtype=float)
    return movement(
        of, before, after, days, baseline_censor=before_side, followup_censor=after_side
    )


def _reading(men: pd.DataFrame, measure: str, prefix: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the readings and their sides in the measure of a scheme."""

    def column(name: str) -> NDArray[Any]:
        return men[f"{prefix}{name}"].to_numpy(dtype=float)

    concentration = column("sperm_concentration_m_ml")
    side = column("sperm_concentration_censor")
    if measure == "concentration":
        return concentration, side
    return total_motile_count(
        column("semen_volume_ml"),
        concentration,
        column("motility_percent"),
        volume_censor=column("semen_volume_censor"),
        concentration_censor=side,
        motility_censor=column("motility_censor"),
    )


def _check_enough(y: NDArray[np.int64]) -> None:
    improved, others = int(y.sum()), int((1 - y).sum())
    if min(improved, others) < FEWEST_OF_EACH:
        raise CohortError(
            Problem(
                "a fit",
                f"have at least {FEWEST_OF_EACH} men who improved and {FEWEST_OF_EACH} who did not",
                f"{improved} and {others} with a known outcome",
                "Pool sites, or wait for more follow-up",
            )
        )


def _build(settings: Settings) -> Any:
    return build_pipeline(
        settings.model.predictors, settings.model.shrink_to, random_state=settings.model.seed
    )


def _extras(
    settings: Settings,
    pipeline: Any,
    X: pd.DataFrame,
    y: NDArray[np.int64],
    worsened: NDArray[np.float64],
    say: Say,
) -> Extras:
    """Fit again for intervals, learn whom the model may be asked about, and model worsening."""
    seed = settings.model.seed
    inputs = PREDICTORS[settings.model.predictors]
    support = fit_support(pipeline[0], *pipeline[0].split(X.to_numpy()), inputs=inputs, seed=seed)
    refits = fit_refits(lambda: _build(settings), X, y, seed=seed, fitted=pipeline, say=say)
    if not _worsening_may_be_modelled(worsened, len(inputs)):
        return Extras(refits, support)
    say("fitting worsening, for which there are men enough")
    told = ~np.isnan(worsened)

    def build() -> Any:
        return build_pipeline(settings.model.predictors, "zero", random_state=seed)

    X_told, y_told = X[told], worsened[told].astype(int)
    model = build().fit(X_told, y_told)
    again = fit_refits(build, X_told, y_told, seed=seed, fitted=model, say=say)
    return Extras(refits, support, model, again)


def _worsening_may_be_modelled(worsened: NDArray[np.float64], inputs: int) -> bool:
    """Say whether Riley's criteria allow a model of an outcome this rare.

    An AUC of .65 is assumed: no predictor of worsening has been found.
    """
    men = int((~np.isnan(worsened)).sum())
    rate = float(np.nanmean(worsened)) if men else 0.0
    if not 0 < rate < 1:
        return False
    return men >= development_size(auc=0.65, parameters=inputs + 1, prevalence=rate).n


def _performance(
    settings: Settings, pipeline: Any, X: pd.DataFrame, y: NDArray[np.int64]
) -> dict[str, float]:
    """Measure on the men fitted (apparent) and with each man left out (cross-validated)."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=settings.model.seed)
    left_out = cross_val_predict(_build(settings), X, y, cv=folds, method="predict_proba")[:, 1]
    measured: dict[str, float] = {"men": float(len(y)), "events": float(y.sum())}
    for name, p in (("apparent", pipeline.predict_proba(X)[:, 1]), ("cross_validated", left_out)):
        measured[f"{name}_auc"] = float(roc_auc_score(y, p))
        measured[f"{name}_log_loss"] = float(log_loss(y, p))
        measured[f"{name}_brier"] = float(brier_score_loss(y, p))
    return measured


def _meta(
    settings: Settings,
    cohort: Cohort,
    moved: Movement,
    known: NDArray[np.bool_],
    metrics: dict[str, float],
) -> dict[str, Any]:
    """Return what the bundle says of itself: plain JSON, the same for the same run."""
    told = cohort.provenance
    why, count = np.unique(moved.reason[~known].astype(str), return_counts=True)
    worsened = moved.worsened[known & ~np.isnan(moved.worsened)]
    return {
        "name": registry.NAME,
        "predictors": settings.model.predictors,
        "columns": list(matrix_columns(settings.model.predictors)),
        "scheme": settings.outcome.scheme,
        "use": "demonstration" if told.kind == "synthetic" else "local evaluation",
        "trained_on": {
            "kind": told.kind,
            "source": told.source,
            "sha256": told.sha256,
            "rows": told.rows,
            "date": told.date,
            "men": int(known.sum()),
            "events": int(np.nansum(moved.improved)),
            "prevalence": float(np.nanmean(moved.improved)),
            "left_out": {str(w): int(c) for w, c in zip(why, count, strict=True)},
        },
        "worsening": _base_rate(int(worsened.sum()), len(worsened)),
        "performance": metrics,
        "settings": {k: v for k, v in settings.flat().items() if k != "cohort.path"},
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
    }


def _base_rate(events: int, n: int) -> dict[str, Any]:
    """Return a share with its Wilson 90 % interval, as an answer tells it.

    Source: Wilson, J Am Stat Assoc 22:209-212 (1927).
    """
    share, z2 = events / n, _LEVEL_Z**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _LEVEL_Z / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
    return {
        "probability": share,
        "interval": [center - half, center + half],
        "level": 0.9,
        "basis": "base rate",
        "events": events,
        "men": n,
    }


def _tags(cohort: Cohort, settings: Settings) -> dict[str, str]:
    told = cohort.provenance
    return {
        "cohort_sha256": told.sha256,
        "cohort_kind": told.kind,
        "cohort_source": told.source,
        "outcome_scheme": settings.outcome.scheme,
        "use": "demonstration" if told.kind == "synthetic" else "local evaluation",
        "code_version": _code_version(),
    }


def _code_version() -> str:
    """Return the package's version, with the commit where this is a checkout."""
    version = importlib.metadata.version("respredict")
    told = subprocess.run(  # noqa: S603 - fixed words
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{version}+{told.stdout.strip()}" if told.returncode == 0 else version


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
