"""Where a model and a report come from, as plain values."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from respredict import registry
from respredict.cohort import Cohort
from respredict.config import Settings
from respredict.model.candidates import matrix_columns
from respredict.validation.subjects import Subjects

__all__ = ["base_rate", "meta_of", "provenance_of", "tags_of"]

_LEVEL_Z = 1.6448536269514722
_KEPT = ("model.", "outcome.", "candidates.")
_PACKAGES = ("respredict", "numpy", "scipy", "scikit-learn", "pandas", "skops")


def meta_of(
    settings: Settings, name: str, cohort: Cohort, subjects: Subjects, metrics: dict[str, float]
) -> dict[str, Any]:
    """Return what the bundle says of itself: plain JSON, the same for the same run.

    Parameters
    ----------
    settings : Settings
        Of the run.
    name : str
        Of the candidate fitted.
    cohort : Cohort
        All men.
    subjects : Subjects
        The men fitted.
    metrics : dict
        Of the fit.

    Returns
    -------
    dict
        The bundle's ``meta.json``, without the importance of the inputs.
    """
    told, y = cohort.provenance, subjects.improved
    worsened = subjects.worsened[~np.isnan(subjects.worsened)]
    asked = settings.flat().items()
    return {
        "name": registry.NAME,
        "predictors": settings.model.predictors,
        "candidate": name,
        "columns": list(matrix_columns(settings.model.predictors)),
        "scheme": settings.outcome.scheme,
        "use": _use(told.kind),
        "trained_on": {
            "kind": told.kind,
            "source": told.source,
            "sha256": told.sha256,
            "rows": told.rows,
            "date": told.date,
            "men": len(y),
            "events": int(y.sum()),
            "prevalence": float(y.mean()),
            "left_out": subjects.left_out,
        },
        "worsening": base_rate(int(worsened.sum()), len(worsened)),
        "performance": metrics,
        "settings": {k: v for k, v in asked if k.startswith(_KEPT)},
        "versions": _versions(),
    }


def provenance_of(settings: Settings, cohort: Cohort, digest: str) -> dict[str, Any]:
    """Return where a report comes from.

    Parameters
    ----------
    settings : Settings
        Of the run.
    cohort : Cohort
        All men.
    digest : str
        Of the bundle.

    Returns
    -------
    dict
        As ``Report.provenance`` documents it.
    """
    told = cohort.provenance
    return {
        "cohort": {"kind": told.kind, "source": told.source, "sha256": told.sha256,
                   "rows": told.rows, "date": told.date},
        "use": _use(told.kind),
        "digest": digest,
        "code_version": _code_version(),
        "versions": _versions(),
        "seed": settings.validation.seed,
        "command": _command(settings),
    }  # fmt: skip


def _command(settings: Settings) -> str:
    """Return what makes the report again; a path would say whose machine it was."""
    plain, path = Settings(), settings.cohort.path
    asked = dataclasses.replace(settings.with_jobs(plain.validation.jobs), cohort=plain.cohort)
    table = "" if Path(path) == Path(plain.cohort.path) else " TABLE"
    return f"respredict train{table}{'' if asked == plain else ' --config SETTINGS'} --validate"


def tags_of(cohort: Cohort, settings: Settings) -> dict[str, str]:
    """Return the tags of a run.

    Parameters
    ----------
    cohort : Cohort
        All men.
    settings : Settings
        Of the run.

    Returns
    -------
    dict of str to str
        Provenance.
    """
    told = cohort.provenance
    return {
        "cohort_sha256": told.sha256,
        "cohort_kind": told.kind,
        "cohort_source": told.source,
        "outcome_scheme": settings.outcome.scheme,
        "use": _use(told.kind),
        "code_version": _code_version(),
    }


def _versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that made the numbers."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **packages}


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


def base_rate(events: int, n: int) -> dict[str, Any]:
    """Return a share with its Wilson 90 % interval, as an answer tells it.

    Parameters
    ----------
    events, n : int
        Of so many men.

    Returns
    -------
    dict
        As ``worsening`` of a bundle's ``meta.json``.

    Notes
    -----
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


def _use(kind: str) -> str:
    return "demonstration" if kind == "synthetic" else "local evaluation"
