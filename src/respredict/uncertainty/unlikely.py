"""How unlikely a man's values are together, and whether one was typed in another unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtr, ndtri, stdtr

from respredict.model.compiled import Known
from respredict.model.patterns import CENSORED, MEASURED, by_kind, regress

__all__ = ["Glance", "Look", "Unlikely"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Beside an unlikely combination, a value too far to the side on which another unit
# would put it, and an unlikely side of a limit, may flag a man: so much of the share.
_LOG_UNIT_WEIGHT, _LOG_SIDE_WEIGHT = math.log(0.5), math.log(0.2)
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


class Glance(NamedTuple):
    """What is seen of one man, as in ``Look``.

    Parameters
    ----------
    score : float
        Minus log of the least p-value, weighted.
    off : list of float of length n_values
        How many standard deviations each value lies from its place given the others.
    unit : int
        Which value another unit would make likelier, where that is the score; or -1.
    doubt : bool
        Whether that value was likelier than not typed in the other unit.
    """

    score: float
    off: list[float]
    unit: int
    doubt: bool


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
    each: _Each


class _Each(NamedTuple):
    """The same in plain numbers, for one man."""

    center: list[float]
    precision: list[list[float]]
    sd: list[float]
    scale: list[float]
    in_units: list[int]
    place: list[float]
    to: list[list[float]]  # one line a censored value
    side_sd: list[float]


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

    def glance(self, known: Known, to_other: Sequence[float]) -> Glance:
        """Measure one man.

        Parameters
        ----------
        known : Known
            What is known of him.
        to_other : sequence of float of length n_values
            As in :meth:`look`.

        Returns
        -------
        Glance
            The same bits as of :meth:`look`.
        """
        return _glance(self._plan(known.kind), known, to_other)

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
        center, scale = self.mean[o], 1.0 / own
        place, side_sd = self.mean[c] - self.mean[o] @ to, np.sqrt(np.diagonal(residual))
        told = (center, precision, sd, scale, in_units, place, to.T, side_sd)
        plain: list[Any] = [part.tolist() for part in told]
        return _Plan(
            o.tolist(), slice(None) if k == len(state) else o, center, precision, sd,
            scale, n - k, to_f, in_units, o[in_units], c.tolist(),
            place, to, side_sd, _Each(*plain),
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
        score = np.maximum(score, _LOG_SIDE_WEIGHT - np.log(p + _TINY))
        off[:, c] = np.maximum(-ndtri(p + _TINY), 0.0)
    z, step = z[:, plan.in_units], to_other[:, plan.units] / plan.sd[plan.in_units]
    nearer = np.abs(z + step) < np.abs(z)  # the other reading is nearer to its place
    if nearer.any():
        odds = _log_t(z + step) - _log_t(z) - _LOG_ODDS_OF_TYPING_RIGHT
        p = np.where(nearer, stdtr(plan.freedom, -np.abs(z)), 1.0)
        tails = _LOG_UNIT_WEIGHT - np.log(p + _TINY)
        for i, j in enumerate(plan.units):
            tail, sure = tails[:, i], odds[:, i] > 0
            unit = np.where(sure | ((tail > score) & ~doubt), j, unit)
            score, doubt = np.maximum(score, tail), doubt | sure
    return Look(score, off, unit, doubt)


def _glance(plan: _Plan, known: Known, to_other: Sequence[float]) -> Glance:
    """Measure one man: what :func:`_look` does, in plain numbers."""
    each, z, measured = plan.each, known.z, plan.measured
    off = [0.0] * len(z)
    away = [z[j] - at for j, at in zip(measured, each.center, strict=True)]
    turned, total = [0.0] * len(away), 0.0
    for a, line in zip(away, each.precision, strict=True):
        turned = [t + a * weight for t, weight in zip(turned, line, strict=True)]
    for a, t in zip(away, turned, strict=True):
        total += a * t
    apart = [t * scale / sd for t, scale, sd in zip(turned, each.scale, each.sd, strict=True)]
    for j, distance in zip(measured, apart, strict=True):
        off[j] = abs(distance)
    p = float(fdtrc(len(measured), plan.freedom, total * plan.to_f)) if measured else 1.0
    score = -_log_p(p)
    for i, c in enumerate(plan.censored):
        place = each.place[i]
        for j, weight in zip(measured, each.to[i], strict=True):
            place += weight * z[j]
        p = float(ndtr(-known.sides[c] * (z[c] - place) / each.side_sd[i]))
        score = max(score, _LOG_SIDE_WEIGHT - _log_p(p))
        off[c] = max(float(-ndtri(p + _TINY)), 0.0)
    unit, doubt = -1, False
    for i in each.in_units:
        distance, j = apart[i], measured[i]
        moved = distance + to_other[j] / each.sd[i]
        if abs(moved) < abs(distance):  # the other reading is nearer to its place
            odds = float(_log_t(moved) - _log_t(distance)) - _LOG_ODDS_OF_TYPING_RIGHT
            p = float(stdtr(plan.freedom, -abs(distance)))
            tail, sure = _LOG_UNIT_WEIGHT - _log_p(p), odds > 0
            unit = j if sure or (tail > score and not doubt) else unit
            score, doubt = max(score, tail), doubt or sure
    return Glance(score, off, unit, doubt)


def _log_p(p: float) -> float:
    return float(np.log(p + _TINY))


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


def _log_t(z: Any) -> Any:
    """Log density of a Student t, up to a constant."""
    return -(_DEGREES_OF_FREEDOM + 1) / 2 * np.log1p(z * z / _DEGREES_OF_FREEDOM)
