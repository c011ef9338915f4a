"""The intervals of a model of any kind: one door for straight and for curved ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from respredict.model.affine import affine
from respredict.model.candidates import fit_counted
from respredict.uncertainty.curved import CurvedRefits
from respredict.uncertainty.curved_redraw import CurvedRedraw
from respredict.uncertainty.curves import KINDS, curves_of
from respredict.uncertainty.redraw import Redraw, blood_noise
from respredict.uncertainty.refits import Refits
from respredict.uncertainty.resampling import resamples

__all__ = ["build_redraw", "read_refits", "refit"]


def refit(
    build: Callable[[], Any], X: Any, y: ArrayLike, *, seed: int, fitted: Any,
    n_refits: int = 200, say: Callable[[str], None] = lambda _: None,
) -> Refits | CurvedRefits | None:  # fmt: skip
    """Fit a model again to resamples of its men, choosing everything anew.

    Parameters
    ----------
    build : callable
        Returns the unfitted pipeline.
    X : DataFrame of shape (n_patients, n_columns)
        One row a man, as the pipeline takes it.
    y : array-like of shape (n_patients,)
        Two classes.
    seed : int
        The same seed draws the same resamples.
    fitted : sklearn.pipeline.Pipeline
        ``build()`` fitted to all men: the imputers start from its own.
    n_refits : int, default=200
        At least 1.
    say : callable, default: silent
        Told what is done.

    Returns
    -------
    Refits, CurvedRefits or None
        After what the model is; None, and said, for one that is neither.

    Raises
    ------
    ValueError
        If ``n_refits`` is below 1, or a class has too few men to be resampled.

    Notes
    -----
    A man drawn twice counts twice, in one fold. A resample with fewer than 5 different
    men of either class, or no measured value in a column, is drawn again.

    Examples
    --------
    >>> import pandas as pd
    >>> from respredict.model.candidates import build_pipeline, matrix_columns
    >>> men = pd.DataFrame([[200.0 + 10 * i, 2.0 + i % 7, 0, 0] for i in range(40)],
    ...                    columns=matrix_columns("t_lh"))
    >>> build, improved = lambda: build_pipeline("t_lh"), men["lh_iu_l"] < 5
    >>> fitted = build().fit(men, improved)
    >>> refit(build, men, improved, n_refits=5, seed=1, fitted=fitted).slopes.shape
    (5, 2)
    """
    straight = affine(fitted) is not None
    if not straight and curves_of([fitted]) is None:
        say("no refits: this kind of model has no interval yet")
        return None
    say(f"refitting to {n_refits} resamples")
    measured = fitted[0].split(np.asarray(X, dtype=np.float64))[0]
    known = ~np.isnan(measured[:, : len(fitted[0].columns_)])
    classes, outcome = np.unique(np.asarray(y), return_inverse=True)
    again = [
        fit_counted(build(), X, classes[outcome], counts, start=fitted)
        for counts in resamples(outcome, known, seed=seed, n_resamples=n_refits)
    ]
    return Refits.of(again) if straight else CurvedRefits.of(again)


def read_refits(content: bytes) -> Refits | CurvedRefits:
    """Read refits of either kind, told apart by the names of their arrays.

    Parameters
    ----------
    content : bytes
        Of the file.

    Returns
    -------
    Refits or CurvedRefits
        With the same bits as were written.

    Raises
    ------
    BundleError
        If it is no such file, or holds other arrays or shapes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as held:
            names = held.namelist()
    except zipfile.BadZipFile:
        names = []  # the reader below says what is wrong
    curved = any(name.startswith(f"{kind}_") for name in names for kind in KINDS)
    return CurvedRefits.from_bytes(content) if curved else Refits.from_bytes(content)


def build_redraw(pipeline: Any, inputs: Sequence[str]) -> Redraw | CurvedRedraw:
    """Return what bounds a second blood sample of a man.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Imputer, features and classifier, fitted.
    inputs : sequence of str
        Name of each measurement, in the order the imputer serves them.

    Returns
    -------
    Redraw or CurvedRedraw
        After what the model is.
    """
    imputer, line = pipeline[0], affine(pipeline)
    known = (imputer.mean_, imputer.covariance_, blood_noise(inputs, len(imputer.mean_)))
    if line is not None:
        return Redraw(*known, *line)
    return CurvedRedraw(*known, pipeline[1:].decision_function)
