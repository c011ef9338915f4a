r"""Exact Shapley values of the served log-odds in the values a clinician measured.

The players are the inputs a man has, as a value or as a side of a limit. An absent
player takes the value of the reference man, the imputer's means; inputs that he lacks
stay lacking in every coalition and are imputed from whoever is present. So the base is
the same for every man, and

.. math:: \text{base} + \sum_j \phi_j = \operatorname{logit} p .

Source of the values: Shapley, in Contributions to the Theory of Games II (1953),
307-317. For a linear model they have a closed form where nothing is censored, and are
found by enumeration of every coalition otherwise: no sampling, no approximation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from respredict.errors import ExplanationError
from respredict.model.joint_normal import conditional_mean, regressions
from respredict.model.truncated import truncated_mean

__all__ = ["TOLERANCE", "Explained", "Explainer"]

Floats = NDArray[np.float64]

#: Greatest allowed difference between base plus contributions and the served log-odds.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Explained:
    """Log-odds, probability and contributions of some men.

    Parameters
    ----------
    base : float
        Log-odds of the reference man.
    log_odds, probability : ndarray of shape (n_patients,)
        As served.
    contributions : ndarray of shape (n_patients, n_inputs)
        In log-odds; 0 for an input that a man lacks.
    completed : ndarray of shape (n_patients, n_values)
        The values the model used, on its own scale.
    """

    base: float
    log_odds: Floats
    probability: Floats
    contributions: Floats
    completed: Floats

    def take(self, row: int) -> Explained:
        """Return the part of one man."""
        one = slice(row, row + 1)
        return Explained(
            self.base,
            self.log_odds[one],
            self.probability[one],
            self.contributions[one],
            self.completed[one],
        )

    def check(self) -> float:
        """Return the greatest error of the sums over these men.

        Raises
        ------
        ExplanationError
            If it exceeds ``TOLERANCE``: such an answer must not leave.
        """
        total = np.full(len(self.log_odds), self.base)
        for j in range(self.contributions.shape[1]):
            total = total + self.contributions[:, j]
        with np.errstate(divide="ignore"):
            served = np.log(self.probability) - np.log1p(-self.probability)
        error = float(np.max(np.abs(total - served), initial=0.0))
        if not error <= TOLERANCE:
            msg = (
                f"base and contributions must sum to the served log-odds within {TOLERANCE:g}, "
                f"got an error of {error:.3g}. Do not serve this model; register it again."
            )
            raise ExplanationError(msg)
        return error


class Explainer:
    """Explains a fitted pipeline; reads it once.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Imputer, features and classifier, fitted.
    inputs : tuple of str
        Name of each measurement, in the order the imputer serves them.

    Attributes
    ----------
    base : float
        Log-odds of the reference man.
    mean : ndarray of shape (n_values,)
        The reference man, on the model's own scale.
    """

    def __init__(self, pipeline: Any, inputs: tuple[str, ...]) -> None:
        self.inputs = inputs
        self._imputer = pipeline[0]
        self._rest = pipeline[1:]
        self.mean: Floats = self._imputer.mean_
        self._covariance: Floats = self._imputer.covariance_
        # The state of zero (azoospermia) is one more value of the same input.
        states = np.flatnonzero(self._imputer.zero_state_)
        self._owner = np.concatenate([np.arange(len(inputs)), states]).astype(np.int64)
        self._affine = _affine(pipeline)
        self.base = float(self._log_odds(self.mean[None, :])[0])

    def explain(self, X: Any) -> Explained:
        """Score and explain men, whatever they lack.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_columns)
            As the pipeline takes it.

        Returns
        -------
        Explained
            The same bits for a man whoever is with him.
        """
        Z, limits, censor = self._imputer.split(np.asarray(X, dtype=np.float64))
        completed = conditional_mean(Z, limits, censor, self.mean, self._covariance)
        log_odds = self._log_odds(completed)
        contributions = np.zeros((len(Z), len(self.inputs)))
        state = np.where(censor != 0, 2, np.isnan(Z).astype(np.int64))
        kinds, which = np.unique(state, axis=0, return_inverse=True)
        for k, kind in enumerate(kinds):
            rows = np.flatnonzero(which.ravel() == k)
            part = (Z[rows], limits[rows], censor[rows])
            contributions[rows] = self._contributions(kind, *part)
        return Explained(self.base, log_odds, expit(log_odds), contributions, completed)

    def _contributions(
        self, kind: NDArray[np.int64], Z: Floats, limits: Floats, censor: NDArray[np.int64]
    ) -> Floats:
        """Contributions of men who have, lack and half-know the same inputs."""
        if self._affine is not None:
            censored = np.flatnonzero(kind == 2)
            if not len(censored):
                return self._by_input(_closed(Z, self.mean, self._covariance, self._affine[1]))
            alone = np.count_nonzero(self._owner == self._owner[censored[0]]) == 1
            if len(censored) == 1 and alone:
                shape = (self._owner, self.mean, self._covariance, self._affine[1])
                return _OneCensored(kind, *shape).values(Z, limits, censor)
        return self._enumerate(kind, Z, limits, censor)

    def _by_input(self, values: Floats) -> Floats:
        """Add up the values that belong to one input."""
        total = values[:, : len(self.inputs)].copy()
        for extra in range(len(self.inputs), values.shape[1]):
            total[:, self._owner[extra]] += values[:, extra]
        return total

    def _enumerate(
        self, kind: NDArray[np.int64], Z: Floats, limits: Floats, censor: NDArray[np.int64]
    ) -> Floats:
        """Every coalition of the inputs that these men have, by the definition."""
        players = sorted({int(self._owner[j]) for j in np.flatnonzero(kind != 1)})
        worth: dict[frozenset[int], Floats] = {}
        for size in range(len(players) + 1):
            for present in combinations(players, size):
                worth[frozenset(present)] = self._worth(set(present), kind, Z, limits, censor)
        values = np.zeros((len(Z), len(self.inputs)))
        for player in players:
            for coalition, without in worth.items():
                if player not in coalition:
                    weight = _weight(len(coalition), len(players))
                    values[:, player] += weight * (worth[coalition | {player}] - without)
        return values

    def _worth(
        self,
        present: set[int],
        kind: NDArray[np.int64],
        Z: Floats,
        limits: Floats,
        censor: NDArray[np.int64],
    ) -> Floats:
        """Log-odds with the absent inputs at the reference man's values."""
        Z, censor = Z.copy(), censor.copy()
        for j, owner in enumerate(self._owner):
            if kind[j] != 1 and int(owner) not in present:
                Z[:, j], censor[:, j] = self.mean[j], 0
        return self._log_odds(conditional_mean(Z, limits, censor, self.mean, self._covariance))

    def _log_odds(self, completed: Floats) -> Floats:
        if self._affine is None:
            return np.asarray(self._rest.decision_function(completed), dtype=np.float64)
        intercept, slopes = self._affine
        total = np.full(len(completed), intercept)
        for j, slope in enumerate(slopes):
            total = total + slope * completed[:, j]
        return total


def _affine(pipeline: Any) -> tuple[float, Floats] | None:
    """Return intercept and slopes in the completed values, None for a curved model."""
    from respredict.model.features import RatioFeatures
    from respredict.model.logistic import ShrunkenLogistic

    steps = [step for _, step in pipeline.steps[1:]]
    if [type(step) for step in steps] != [RatioFeatures, ShrunkenLogistic]:
        return None
    features, classifier = steps
    width = len(pipeline[0].mean_)
    coefficients = classifier.coef_[0]
    slopes = coefficients[:width].copy()
    for ratio, (over, under) in enumerate(
        zip(features.numerators_, features.denominators_, strict=True)
    ):
        slopes[over] += coefficients[width + ratio]
        slopes[under] -= coefficients[width + ratio]
    return float(classifier.intercept_[0]), slopes


def _weight(size: int, players: int) -> float:
    """Shapley's weight of a coalition of a size, among so many players."""
    return math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)


def _effective(observed: NDArray[np.bool_], covariance: Floats, slopes: Floats) -> Floats:
    """Slopes in the measured values once what is missing follows them.

    With o measured and m missing, ``g_o + S_oo^-1 S_om g_m``.
    """
    regression = regressions(observed[None, :], covariance)[0][0]
    gained = np.where(observed, slopes, 0.0)
    for m in np.flatnonzero(~observed):
        gained = gained + regression[:, m] * slopes[m]
    return gained


def _closed(Z: Floats, mean: Floats, covariance: Floats, slopes: Floats) -> Floats:
    """Return the values of men with nothing censored: each input by itself."""
    observed = ~np.isnan(Z[0])
    return np.where(observed, (Z - mean) * _effective(observed, covariance, slopes), 0.0)


class _OneCensored:
    """The game of men with one censored value, under a linear model.

    Whether the censored player c is in decides how the rest counts: out, c stands at
    the reference value and the missing values follow it; in, c takes its mean on its
    side of the limit, given whoever is present, and the missing values follow that.
    Only this second part is curved, so only it is enumerated.
    """

    def __init__(
        self,
        kind: NDArray[np.int64],
        owner: NDArray[np.int64],
        mean: Floats,
        covariance: Floats,
        slopes: Floats,
    ) -> None:
        self.c = int(np.flatnonzero(kind == 2)[0])
        self.mean = mean
        self.inputs = int(owner.max()) + 1
        observed = kind == 0
        # A count and its state of zero come and go together: one player.
        self.measured: dict[int, list[int]] = {}
        for j in np.flatnonzero(observed):
            self.measured.setdefault(int(owner[j]), []).append(int(j))
        regression, residual = regressions(observed[None, :], covariance)
        self.to_c: Floats = regression[0][:, self.c]
        self.sd = math.sqrt(residual[0][self.c, self.c])
        self.with_c_out = _effective(kind != 1, covariance, slopes)
        self.with_c_in = _effective(observed, covariance, slopes)
        # What a unit of c's shift moves: c itself and the missing values that follow it.
        follows = residual[0][self.c] / residual[0][self.c, self.c]
        missing = np.flatnonzero(kind == 1)
        self.pull = float(slopes[self.c] + sum(slopes[m] * follows[m] for m in missing))

    def values(self, Z: Floats, limits: Floats, censor: NDArray[np.int64]) -> Floats:
        """Return the exact values by input, by enumeration of the measured inputs."""
        c, players = self.c, len(self.measured) + 1
        away = Z - self.mean
        moves = self._by_player(away, self.to_c)
        c_in, c_out = (self._by_player(away, g) for g in (self.with_c_in, self.with_c_out))
        side = censor[:, c].astype(float)
        room = limits[:, c] - self.mean[c]
        curved = self._curved(moves, side, room)
        values = np.zeros((len(Z), self.inputs))
        for i, player in enumerate(self.measured):
            # The linear part: half of the coalitions have c in, half have c out.
            values[:, player] = 0.5 * (c_in[i] + c_out[i]) + self._marginal(curved, i, players)
        for coalition, shift in enumerate(curved):
            weight = _weight(coalition.bit_count(), players)
            linear = np.zeros(len(Z))
            for i in range(len(moves)):
                if coalition >> i & 1:
                    linear = linear + (c_in[i] - c_out[i])
            values[:, c] += weight * (linear + shift)
        return values

    def _by_player(self, away: Floats, slopes: Floats) -> list[Floats]:
        """Slopes times the differences from the reference man, summed over each input."""
        totals: list[Floats] = []
        for columns in self.measured.values():
            total = np.zeros(len(away))
            for j in columns:
                total = total + slopes[j] * away[:, j]
            totals.append(total)
        return totals

    def _curved(self, moves: list[Floats], side: Floats, room: Floats) -> list[Floats]:
        """Log-odds that c's mean on its side brings, for each coalition of the measured."""
        curved: list[Floats] = []
        for coalition in range(1 << len(moves)):
            expected = np.zeros(len(room))
            for i, move in enumerate(moves):
                if coalition >> i & 1:
                    expected = expected + move
            shift = -side * self.sd * truncated_mean(side * (expected - room) / self.sd)
            curved.append(self.pull * shift)
        return curved

    def _marginal(self, curved: list[Floats], i: int, players: int) -> Floats:
        """Shapley value of measured input i in the curved part, where c must be in."""
        total = np.zeros(len(curved[0]))
        for coalition, worth in enumerate(curved):
            if not coalition >> i & 1:
                weight = _weight(coalition.bit_count() + 1, players)
                total = total + weight * (curved[coalition | 1 << i] - worth)
        return total
