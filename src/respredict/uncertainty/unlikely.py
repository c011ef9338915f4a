"""How unlikely a man's values are together, and whether one was typed in another unit."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtr, ndtri, stdtr

from respredict.model.patterns import CENSORED, MEASURED, by_kind, regress

__all__ = ["Look", "Unlikely"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Beside an unlikely combination, a value too far to the side on which another unit
# would put it, and an unlikely side of a limit, may flag a man: so much of the share.
_UNIT_WEIGHT, _SIDE_WEIGHT = 0.5, 0.2
# One value in fifty is taken to be typed in another unit; readings spread as a
# Student t of 8 degrees of freedom, as in respredict.schema.analytes.
_LOG_ODDS_OF_TYPING_RIGHT = math.log(49.0)
_DEGREES_OF_FREEDOM = 8.0
_TINY = 1e-300
_PATTERNS_KEPT = 256


class Look(NamedTuple):
    """What is seen of each man.

    Parameters
    ----------
    score : ndarray of shape (n_patients,)
        Minus log of the least p-value, weighted.
    off : ndarray of shape (n_patients, n_values)
        How many standard deviations each value lies from its place given the others.
    unit : ndarray of int of shape (n_patients,)
        Which value another unit would make likelier, where that is the score; -1 else.
    doubt : ndarray of bool of shape (n_patients,)
        Whether that value was likelier than not typed in the other unit.
    """

    score: Floats
    off: Floats
    unit: Ints
    doubt: NDArray[np.bool_]


class _Plan(NamedTuple):
    """What holds for all men who have the same values."""

    measured: list[int]
    columns: slice | Ints  # the same
    center: Floats
    precision: Floats
    sd: Floats  # of each measured value given the others, for a man not fitted
    scale: Floats  # from the precision's product to a distance from its place
    freedom: int
    to_f: float  # from the squared distance
    in_units: Ints  # places among the measured of those with another unit
    units: Ints  # their positions
    censored: list[int]
    place: Floats
    to: Floats
    side_sd: Floats


class Unlikely:
    """The joint normal of some men, as a measure of others.

    Parameters
    ----------
    mean : ndarray of shape (n_values,)
        Fitted to the men.
    covariance : ndarray of shape (n_values, n_values)
        Fitted to the men, positive definite.
    men : int
        How many, more than there are values.
    log_factor : ndarray of shape (n_values,)
        From a value read in the canonical unit to the same read in another, natural
        log; 0 where there is no other.

    Examples
    --------
    >>> usual = Unlikely(np.zeros(2), np.eye(2), 1000, np.array([0.0, 3.0]))
    >>> none = np.zeros((2, 2))
    >>> look = usual.look(np.array([[0.0, 0.0], [0.0, -4.0]]), none, none, none + [0.0, 3.0])
    >>> look.score.round(1).tolist(), look.unit.tolist(), look.doubt.tolist()
    ([-0.0, 9.6], [-1, 1], [False, True])
    """

    def __init__(self, mean: Floats, covariance: Floats, men: int, log_factor: Floats) -> None:
        self.mean = mean
        self.covariance = covariance
        self.men = men
        self.log_factor = log_factor
        self._plan = lru_cache(_PATTERNS_KEPT)(self._make_plan)

    def look(self, Z: Floats, limits: Floats, censor: Ints, to_other: Floats) -> Look:
        """Measure men.

        Parameters
        ----------
        Z, limits, censor : ndarray of shape (n_patients, n_values)
            As ``CensoredGaussianImputer.split`` gives them.
        to_other : ndarray of shape (n_patients, n_values)
            Natural log of the factor from each value as read to the same in the
            other unit; 0 where there is none.

        Returns
        -------
        Look
            The same bits for a man whoever is with him.
        """
        n = len(Z)
        seen = Look(np.empty(n), np.zeros(Z.shape), np.full(n, -1), np.zeros(n, dtype=bool))
        for kind, rows in by_kind(Z, censor):
            men = (Z[rows], limits[rows], censor[rows], to_other[rows])
            look = _look(self._plan(kind), *men)
            if isinstance(rows, slice):
                return look
            for whole, part in zip(seen, look, strict=True):
                whole[rows] = part
        return seen

    def _make_plan(self, kind: bytes) -> _Plan:
        state = np.frombuffer(kind, dtype=np.int8)
        o, c = np.flatnonzero(state == MEASURED), np.flatnonzero(state == CENSORED)
        n, k = self.men, len(o)
        known: Floats = self.covariance[np.ix_(o, o)]
        precision = np.asarray(np.linalg.inv(known), dtype=np.float64)
        own = np.diagonal(precision)
        sd = np.sqrt((1.0 + k / n) / own)
        to, residual = regress(self.covariance, o, c)
        to_f = n * (n - k) / (k * (n * n - 1.0)) if k else 0.0
        in_units = np.flatnonzero(self.log_factor[o])
        return _Plan(
            o.tolist(), slice(None) if k == len(state) else o, self.mean[o], precision, sd,
            1.0 / own, n - k, to_f, in_units, o[in_units], c.tolist(),
            self.mean[c] - self.mean[o] @ to, to, np.sqrt(np.diagonal(residual)),
        )  # fmt: skip


def _look(plan: _Plan, Z: Floats, limits: Floats, censor: Ints, to_other: Floats) -> Look:
    """Measure men who have the same values."""
    off = np.zeros(Z.shape)
    distance, apart = _distance(plan, Z)
    z = apart / plan.sd
    off[:, plan.columns] = np.abs(z)
    p = fdtrc(len(plan.measured), plan.freedom, distance) if plan.measured else np.ones(len(Z))
    score = -np.log(p + _TINY)
    unit, doubt = np.full(len(Z), -1), np.zeros(len(Z), dtype=bool)
    for i, c in enumerate(plan.censored):
        p = _side(plan, i, Z, limits[:, c], censor[:, c])
        score = np.maximum(score, math.log(_SIDE_WEIGHT) - np.log(p + _TINY))
        off[:, c] = np.maximum(-ndtri(p + _TINY), 0.0)
    z, step = z[:, plan.in_units], to_other[:, plan.units] / plan.sd[plan.in_units]
    nearer = np.abs(z + step) < np.abs(z)  # the other reading is nearer to its place
    if nearer.any():
        odds = _log_t(z + step) - _log_t(z) - _LOG_ODDS_OF_TYPING_RIGHT
        p = np.where(nearer, stdtr(plan.freedom, -np.abs(z)), 1.0)
        tails = math.log(_UNIT_WEIGHT) - np.log(p + _TINY)
        for i, j in enumerate(plan.units):
            tail, sure = tails[:, i], odds[:, i] > 0
            unit = np.where(sure | ((tail > score) & ~doubt), j, unit)
            score, doubt = np.maximum(score, tail), doubt | sure
    return Look(score, off, unit, doubt)


def _distance(plan: _Plan, Z: Floats) -> tuple[Floats, Floats]:
    """Squared distance as an F, and each value's distance from its place given the others."""
    away = Z[:, plan.columns] - plan.center
    turned = np.zeros(away.shape)
    for j, line in enumerate(plan.precision):
        turned += away[:, j, None] * line
    total = np.zeros(len(Z))
    for part in (away * turned).T:
        total += part
    return total * plan.to_f, turned * plan.scale


def _side(plan: _Plan, i: int, Z: Floats, limit: Floats, censor: Ints) -> Floats:
    """Probability that a censored value lies on its side, given what is measured."""
    place = np.full(len(Z), plan.place[i])
    for j, weight in zip(plan.measured, plan.to[:, i], strict=True):
        place += weight * Z[:, j]
    return ndtr(-censor * (limit - place) / plan.side_sd[i])


def _log_t(z: Floats) -> Floats:
    """Log density of a Student t, up to a constant."""
    return -(_DEGREES_OF_FREEDOM + 1) / 2 * np.log1p(z * z / _DEGREES_OF_FREEDOM)
