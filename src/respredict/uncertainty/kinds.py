"""The intervals of a model of any kind: one door for straight and for curved ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from respredict.model.affine import affine
from respredict.uncertainty.curved import CurvedRefits, fit_curved_refits
from respredict.uncertainty.curved_redraw import CurvedRedraw
from respredict.uncertainty.curves import KINDS
from respredict.uncertainty.redraw import Redraw, blood_noise
from respredict.uncertainty.refits import Refits, fit_refits

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
        ``build()`` fitted to all men.
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
    """
    again = fit_curved_refits if affine(fitted) is None else fit_refits
    return again(build, X, y, seed=seed, fitted=fitted, n_refits=n_refits, say=say)


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
