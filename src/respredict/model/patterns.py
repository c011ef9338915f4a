"""Men sorted by what they have: measured, missing or known to one side of a limit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["CENSORED", "MEASURED", "MISSING", "by_kind", "regress"]

Floats = NDArray[np.float64]

MEASURED, MISSING, CENSORED = 0, 1, 2
_LEAST = 1e-10  # residual variance kept, as a fraction of the value's own
_EVERYONE = slice(None)


def by_kind(
    Z: Floats, censor: NDArray[np.int64]
) -> Iterator[tuple[bytes, slice | NDArray[np.int64]]]:
    """Sort men by what they have.

    Parameters
    ----------
    Z : ndarray of shape (n_patients, n_values)
        NaN where missing or censored.
    censor : ndarray of int of shape (n_patients, n_values)
        -1, 0 or 1.

    Yields
    ------
    kind : bytes of length n_values
        ``MEASURED``, ``MISSING`` or ``CENSORED`` for each value.
    rows : slice or ndarray of int
        The men of whom it is true.

    Examples
    --------
    >>> Z = np.array([[1.0, 2.0], [1.0, np.nan], [3.0, 4.0]])
    >>> [(list(kind), rows.tolist()) for kind, rows in by_kind(Z, np.zeros((3, 2), int))]
    [([0, 0], [0, 2]), ([0, 1], [1])]
    """
    kind = np.isnan(Z).view(np.int8)
    if censor.any():
        kind = np.where(censor != 0, np.int8(CENSORED), kind)
    if len(kind) == 1 or not kind.any():
        if len(kind):
            yield kind[0].tobytes(), _EVERYONE
        return
    code = np.zeros(len(kind), dtype=np.int64)
    for j in range(kind.shape[1]):
        code = 3 * code + kind[:, j]
    order = np.argsort(code, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        yield kind[rows[0]].tobytes(), rows


def regress(covariance: Floats, given: NDArray[np.int64], on: NDArray[np.int64]) -> tuple[
    Floats, Floats
]:  # fmt: skip
    """Regress some values on others, under one covariance or many.

    Parameters
    ----------
    covariance : ndarray of shape (..., n_values, n_values)
        Positive definite.
    given : ndarray of int
        Positions of the values that are known.
    on : ndarray of int
        Positions of the values that follow.

    Returns
    -------
    slopes : ndarray of shape (..., n_given, n_on)
        Of each value that follows, on each that is known.
    residual : ndarray of shape (..., n_on, n_on)
        Covariance left.

    Examples
    --------
    >>> S = np.array([[4.0, 2.0], [2.0, 3.0]])
    >>> slopes, residual = regress(S, np.array([0]), np.array([1]))
    >>> slopes.item(), residual.item()
    (0.5, 2.0)
    """
    across: Floats = covariance[..., given[:, None], on]
    known: Floats = covariance[..., given[:, None], given]
    own: Floats = covariance[..., on[:, None], on]
    slopes = np.asarray(np.linalg.solve(known, across), dtype=np.float64)
    residual = own - np.swapaxes(across, -1, -2) @ slopes
    at = np.arange(len(on))
    residual[..., at, at] = np.maximum(residual[..., at, at], _LEAST * own[..., at, at])
    return slopes, residual
