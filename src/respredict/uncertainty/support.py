"""Whether a man is like the men the model learned from, all his values together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from respredict.errors import BundleError
from respredict.model.compiled import Known
from respredict.model.joint_normal import fit_joint_normal
from respredict.schema.analytes import ANALYTES
from respredict.uncertainty.reporting import Reporting
from respredict.uncertainty.unlikely import Unlikely

__all__ = ["Seen", "Support", "SupportResult", "fit_support"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FOLDS = 10
_TAIL, _END = 0.2, 0.025  # shares of the scores between which the limit is read
_TOLERANCE = 1e-4
_REPORTED_OTHERWISE = 2.0  # least score of a value that no training man's report could hold
_FEWEST = 3  # men for each value


class Seen(NamedTuple):
    """What the check says of one man, as in ``SupportResult``.

    Parameters
    ----------
    outside : bool
        Whether he is unlike the men the model learned from.
    score : float
        How unlike.
    least_expected, unit_analyte : int
        The least expected of his values, and the one likelier in another unit; or -1.
    in_doubt, reported_otherwise : bool
        Whether that one was likelier than not typed so, and whether a value lies where
        the training men's laboratories write none.
    """

    outside: bool
    score: float
    least_expected: int
    unit_analyte: int
    in_doubt: bool
    reported_otherwise: bool


@dataclass(frozen=True, slots=True)
class SupportResult:
    """What the check says of each man.

    Parameters
    ----------
    outside : ndarray of bool of shape (n_patients,)
        Whether he is unlike the men the model learned from.
    score : ndarray of shape (n_patients,)
        How unlike, not negative and above 1 where outside.
    least_expected : ndarray of int of shape (n_patients,)
        Which of his values is the least expected given the others, -1 where he is
        neither outside nor in doubt.
    unit_analyte : ndarray of int of shape (n_patients,)
        Which value would be likelier in another unit, where that is why he is
        outside or in doubt; else -1.
    in_doubt : ndarray of bool of shape (n_patients,)
        Whether that value, given his others, was likelier than not typed in the
        other unit, had one in fifty been.
    reported_otherwise : ndarray of bool of shape (n_patients,)
        Whether a value lies beyond where the training men's laboratories write
        numbers, or carries another limit: another assay, or another unit.

    Examples
    --------
    >>> nobody = np.zeros(0, dtype=int)
    >>> result = SupportResult(nobody > 0, nobody + 0.0, nobody, nobody, nobody > 0, nobody > 0)
    >>> result.score.shape
    (0,)
    """

    outside: NDArray[np.bool_]
    score: Floats
    least_expected: Ints
    unit_analyte: Ints
    in_doubt: NDArray[np.bool_]
    reported_otherwise: NDArray[np.bool_]

    def take(self, row: int) -> Seen:
        """Return what is said of one man."""
        return Seen(
            bool(self.outside[row]), float(self.score[row]), int(self.least_expected[row]),
            int(self.unit_analyte[row]), bool(self.in_doubt[row]),
            bool(self.reported_otherwise[row]),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Support:
    r"""The men a model learned from, as a check of whoever is scored.

    Parameters
    ----------
    inputs : tuple of str
        The input that each value belongs to, in the order the imputer serves them.
    mean : ndarray of shape (n_values,)
        Of the joint normal of the training men.
    covariance : ndarray of shape (n_values, n_values)
        Of the same, positive definite.
    men : int
        Men it was fitted to, more than there are values.
    limit : float
        Minus log p-value above which a man is outside, positive.
    share : float
        Of men of the same kind who lie above it, in (0, 1).
    reporting : Reporting
        How the training men's laboratories report what lies beyond a limit.

    Notes
    -----
    A man's score is the least of three p-values, weighted. Of the squared Mahalanobis
    distance :math:`D^2` of the :math:`k` values measured, for a man who is not among
    the :math:`n` fitted: :math:`n (n - k) D^2 / (k (n^2 - 1))` is :math:`F(k, n - k)`.
    Of a value that would be nearer to its place in another unit: the tail of its
    :math:`t` given the others. Of a censored value: the probability of its side given
    what is measured. The limit leaves ``share`` outside of men who were left out of
    the fit. Source of the distribution: Hotelling, Ann Math Stat 2:360-378 (1931).

    Besides, a number where the training men's laboratories would have written a side
    of a limit, or a limit unlike theirs, is outside.

    Examples
    --------
    >>> support = Support(("testosterone", "lh"), np.log([400.0, 5.0]), np.eye(2) * 0.16,
    ...                   500, 3.4, 0.05, Reporting.unlimited(2))
    >>> none = np.zeros((1, 2))
    >>> result = support.check(np.log([[12.0, 5.0]]), none, none)
    >>> bool(result.outside[0]), support.inputs[result.unit_analyte[0]], bool(result.in_doubt[0])
    (True, 'testosterone', True)
    """

    inputs: tuple[str, ...]
    mean: Floats
    covariance: Floats
    men: int
    limit: float
    share: float
    reporting: Reporting
    unlikely: Unlikely = field(init=False, repr=False)

    def __post_init__(self) -> None:
        p = len(self.inputs)
        got = (self.mean.shape, self.covariance.shape, self.reporting.numbers.shape)
        if got != ((p,), (p, p), (2, p)) or not self.limit > 0 or not self.men > p:
            msg = (f"the support must hold {p} means, {p} by {p} covariances, a positive limit and "
                   f"more men, got shapes {got}, limit {self.limit:g} and {self.men} men. Train "
                   "the model again.")  # fmt: skip
            raise BundleError(msg)
        made = Unlikely(self.mean, self.covariance, self.men, _log_factors(self.inputs))
        object.__setattr__(self, "unlikely", made)

    def __reduce__(self) -> tuple[Callable[..., Support], tuple[dict[str, Any]]]:
        return Support.from_dict, (self.as_dict(),)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON from which ``from_dict`` makes the same check."""
        return {
            "inputs": list(self.inputs),
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "men": self.men,
            "limit": self.limit,
            "share": self.share,
            "reporting": self.reporting.as_dict(),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Make the check that ``as_dict`` told.

        Parameters
        ----------
        told : mapping
            From JSON.

        Returns
        -------
        Support
            With the same bits.

        Raises
        ------
        BundleError
            If a key is missing, or an array is of another shape.
        """
        try:
            return cls(
                tuple(told["inputs"]), np.array(told["mean"], dtype=float),
                np.array(told["covariance"], dtype=float), int(told["men"]), float(told["limit"]),
                float(told["share"]), Reporting.from_dict(told["reporting"]),
            )  # fmt: skip
        except (KeyError, TypeError, IndexError, ValueError) as error:
            if isinstance(error, BundleError):
                raise
            msg = f"the support must be as it was written, got {error!r}. Train the model again."
            raise BundleError(msg) from error

    def check(
        self, Z: ArrayLike, limits: ArrayLike, censor: ArrayLike,
        stated_units: ArrayLike | None = None,
    ) -> SupportResult:  # fmt: skip
        """Say of each man whether he is like the men the model learned from.

        Parameters
        ----------
        Z, limits, censor : array-like of shape (n_patients, n_values)
            As ``CensoredGaussianImputer.split`` gives them.
        stated_units : array-like of int of shape (n_patients, n_values), default=None
            Which of ``Analyte.units`` each value was given in before it was
            converted, counted from 0; None is the canonical one for all.

        Returns
        -------
        SupportResult
            The same bits for a man whoever is with him.
        """
        values, bounds = np.asarray(Z, dtype=np.float64), np.asarray(limits, dtype=np.float64)
        sides = np.asarray(censor)
        to_other = np.empty(values.shape)
        to_other[:] = self.unlikely.log_factor
        if stated_units is not None:
            to_other = np.where(np.asarray(stated_units) == 0, to_other, -to_other)
        score, off, unit, doubt = self.unlikely.look(values, bounds, sides, to_other)
        score = np.maximum(score, 0.0) / self.limit
        wrong = self.reporting.broken(values, bounds, sides)
        odd: NDArray[np.bool_] = np.zeros(len(values), dtype=bool)
        if wrong is not None:
            odd = np.asarray(wrong.any(axis=1))
            score = np.where(odd, np.maximum(score, _REPORTED_OTHERWISE), score)
            off = np.where(wrong, np.inf, off)
            again = self.reporting.broken(values + to_other, bounds + to_other, sides)
            mended = wrong & (to_other != 0) & (True if again is None else ~again)
            unit = np.where(mended.any(axis=1) & ~doubt, np.argmax(mended, axis=1), unit)
        outside = score > 1.0
        told = outside | doubt
        unit = np.where(told, unit, -1)
        least = np.where(told, np.argmax(off, axis=1), -1) if told.any() else unit.copy()
        return SupportResult(outside, score, least, unit, doubt, odd)

    def look_at(self, known: Known, stated_units: Sequence[int]) -> Seen:
        """Say of one man whether he is like the men the model learned from.

        Parameters
        ----------
        known : Known
            What is known of him.
        stated_units : sequence of int of length n_values
            As in :meth:`check`.

        Returns
        -------
        Seen
            The same bits as of :meth:`check`.
        """
        z, sides = known.z, known.sides
        factors = self.unlikely.log_factor.tolist()
        to_other = [-f if unit else f for f, unit in zip(factors, stated_units, strict=True)]
        score, off, unit, doubt = self.unlikely.glance(known, to_other)
        score = max(score, 0.0) / self.limit
        wrong = self.reporting.broken_of(z, sides)
        if wrong is not None:
            score = max(score, _REPORTED_OTHERWISE)
            off = [math.inf if w else o for w, o in zip(wrong, off, strict=True)]
            other = [value + step for value, step in zip(z, to_other, strict=True)]
            again = self.reporting.broken_of(other, sides) or [False] * len(z)
            tried = zip(wrong, to_other, again, strict=True)
            mended = [bad and step != 0 and not still for bad, step, still in tried]
            if True in mended and not doubt:
                unit = mended.index(True)
        outside = score > 1.0
        if not (outside or doubt):
            return Seen(outside, score, -1, -1, doubt, wrong is not None)
        return Seen(outside, score, off.index(max(off)), unit, doubt, wrong is not None)


def fit_support(
    imputer: Any, Z: ArrayLike, limits: ArrayLike, censor: ArrayLike, *, inputs: Sequence[str],
    seed: int, share: float = 0.05,
) -> Support:  # fmt: skip
    """Learn from the training men whom the model may be asked about.

    Parameters
    ----------
    imputer : CensoredGaussianImputer
        Fitted to the men.
    Z, limits, censor : array-like of shape (n_patients, n_values)
        The same men, as its ``split`` gives them.
    inputs : sequence of str
        Name of each measurement, in the order the imputer serves them.
    seed : int
        Deals the men into folds.
    share : float, default=0.05
        Of the men, to be left outside; in (0, 0.2).

    Returns
    -------
    Support
        Calibrated on men left out of the fit.

    Raises
    ------
    ValueError
        If ``share`` is out of range or there are fewer than three men a value.

    Notes
    -----
    Scores are minus log p-values, so that their excesses over a high score are nearly
    exponential: the limit is the score that a fifth of the men exceed, plus the mean
    excess times ``log(0.2 / share)``, which is steadier than the quantile itself. The
    excesses of the highest 2.5 % count as at least the lowest of them, so that a few
    men far out do not move it.

    Examples
    --------
    >>> from respredict.model.censoring import CensoredGaussianImputer
    >>> X = np.exp(np.random.default_rng(0).normal([6.0, 1.5], 0.4, (200, 2)))
    >>> imputer = CensoredGaussianImputer(log=(0, 1)).fit(X)
    >>> support = fit_support(imputer, *imputer.split(X), inputs=("testosterone", "lh"), seed=0)
    >>> bool(0.02 < support.check(*imputer.split(X)).outside.mean() < 0.08)
    True
    """
    values, bounds = np.asarray(Z, dtype=np.float64), np.asarray(limits, dtype=np.float64)
    sides, (n, p) = np.asarray(censor), np.shape(Z)
    if not 0 < share < _TAIL:
        msg = f"share must lie in (0, {_TAIL}), got {share!r}. Use 0.05."
        raise ValueError(msg)
    if n < _FEWEST * p:
        msg = f"the men must be at least {_FEWEST} for each of {p} values, got {n}. Pool sites."
        raise ValueError(msg)
    names = (*inputs, *(inputs[int(j)] for j in np.flatnonzero(imputer.zero_state_)))
    factors = _log_factors(names)
    fold, score = np.random.default_rng(seed).permutation(n) % _FOLDS, np.empty(n)
    start = (imputer.mean_, imputer.covariance_)
    for k in range(_FOLDS):
        left, kept = fold == k, fold != k
        found = fit_joint_normal(
            values[kept], bounds[kept], sides[kept], start=start, ridge=imputer.ridge,
            tol=_TOLERANCE,
        )  # fmt: skip
        usual = Unlikely(found.mean, found.covariance, int(kept.sum()), factors)
        men = (values[left], bounds[left], sides[left])
        score[left] = usual.look(*men, np.broadcast_to(factors, men[0].shape)).score
    reporting = Reporting.of(values, bounds, sides)
    return Support(names, *start, n, _limit(score, share), share, reporting)


def _limit(score: Floats, share: float) -> float:
    """Return the score that ``share`` of men exceed."""
    start, end = np.quantile(score, [1 - _TAIL, 1 - min(_END, share / 2)])
    excess = np.minimum(score[score > start], end) - start
    mean = excess.sum() / np.count_nonzero(excess < end - start)
    return float(start + mean * math.log(_TAIL / share))


def _log_factors(names: Sequence[str]) -> Floats:
    """From each value in the canonical unit to the same number in another, natural log."""
    of = {a.name: [math.log(u.factor) for u in a.units if u.factor != 1.0] for a in ANALYTES}
    return np.array([(of.get(name) or [0.0])[0] for name in names])
