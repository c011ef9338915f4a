"""A fitted model into a bundle with its conformance pack, and into the registry.

Nothing is registered that does not answer as its pipeline does, nor explain what it
answers. A run cut off anywhere leaves the champion as it was: the bundle takes its name
in one step, and a version is made only once all of its run is logged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict import registry
from respredict.bundle import Bundle, Extras, write_bundle
from respredict.errors import BundleError
from respredict.explain import Explainer
from respredict.lifecycle.conformance import make_pack
from respredict.lifecycle.fitted import FITTED, FittedMen
from respredict.model.candidates import PREDICTORS
from respredict.report.explanations import (
    POINTS,
    beeswarm,
    explanation_points,
    importance_table,
)
from respredict.schema.analytes import analyte
from respredict.schema.request import read_request
from respredict.scoring import Scorer

__all__ = ["PACK", "Fitted", "register", "tested_pack"]

#: Name of the conformance pack, in a bundle and among the artifacts of its run.
PACK = "conformance.json"

_CLOSE = 1e-12
_NO_DIGEST = f"sha256:{'0' * 64}"

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model and what is said of it.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted.
    meta : mapping
        Of the bundle, without the importance of the inputs.
    extras : Extras
        Refits, support, and the model of worsening.
    X : DataFrame of shape (n_patients, n_columns)
        The men it is explained on, as the pipeline takes them.
    men : FittedMen
        Whom it was fitted to.
    settings, tags, metrics : mapping
        As :class:`respredict.registry.Run` has them.
    """

    pipeline: Any
    meta: Mapping[str, Any]
    extras: Extras
    X: pd.DataFrame
    men: FittedMen
    settings: Mapping[str, Any]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def register(
    fitted: Fitted, *, home: Path, say: Say = lambda _: None
) -> tuple[registry.Version, Bundle]:
    """Explain a model, test it, write its bundle and make it the challenger.

    Parameters
    ----------
    fitted : Fitted
        The model.
    home : Path
        ``RESPREDICT_HOME``.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    version : Version
        As registered.
    bundle : Bundle
        What would be served.

    Raises
    ------
    ExplanationError
        If contributions miss a probability.
    BundleError
        If it does not answer as its pipeline does.
    """
    say("explaining")
    inputs = PREDICTORS[fitted.meta["predictors"]]
    explained = Explainer(fitted.pipeline, inputs).explain(fitted.X)
    explained.check()
    importance = importance_table(explained, inputs)
    told = importance["mean_absolute_log_odds"].astype(float)
    meta = {**fitted.meta, "importance": dict(zip(importance["input"], told, strict=True))}
    pack = tested_pack(fitted.pipeline, meta, fitted.extras)
    extras = replace(fitted.extras, documents={PACK: pack})
    bundle = write_bundle(home, fitted.pipeline, meta, extras)
    say("logging and registering in MLflow")
    natural, labels = _clinical(fitted.X, inputs)
    coarse = meta["trained_on"]["kind"] != "synthetic"
    points = explanation_points(explained, natural, inputs, coarse=coarse)
    version = registry.log_run(
        registry.Run(
            bundle=bundle,
            matrix=fitted.X,
            settings=fitted.settings,
            tags=fitted.tags,
            metrics=fitted.metrics,
            texts={
                "explanation/importance.csv": importance.to_csv(index=False),
                POINTS: json.dumps(points, allow_nan=False) + "\n",
                FITTED: fitted.men.text(),
            },
            files={
                "explanation/beeswarm.png": beeswarm(explained, natural, labels),
                PACK: (bundle.folder / PACK).read_bytes(),
            },
        )
    )
    return version, bundle


def tested_pack(pipeline: Any, meta: Mapping[str, Any], extras: Extras) -> dict[str, Any]:
    """Make the conformance pack of a model, its probabilities checked against the pipeline.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted.
    meta : mapping
        Of the bundle.
    extras : Extras
        Of the bundle.

    Returns
    -------
    dict
        As :func:`respredict.lifecycle.conformance.make_pack` gives it.

    Raises
    ------
    BundleError
        If a probability differs by more than 1e-12.
    """
    scorer = Scorer(Bundle(_NO_DIGEST, pipeline, meta, Path(), extras))
    pack = make_pack(scorer.score)
    scored = [case for case in pack["cases"] if "improvement" in case["expected"]]
    X = scorer.calculator.matrix([read_request(case["request"]) for case in scored])
    p = pipeline.predict_proba(pd.DataFrame(X, columns=list(meta["columns"])))[:, 1]
    told = np.array([case["expected"]["improvement"]["probability"] for case in scored])
    worst = float(np.abs(told - p).max())
    if not worst <= _CLOSE:
        msg = (
            f"a model must answer as its pipeline does within {_CLOSE:g}, got a difference of "
            f"{worst:.3g}. Do not serve it."
        )
        raise BundleError(msg)
    return pack


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
