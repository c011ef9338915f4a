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

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from respredict.errors import ExplanationError
from respredict.model.affine import affine
from respredict.model.compiled import PLANS_KEPT, CompiledImputer, Known
from respredict.model.games import Game, game
from respredict.model.plans import Column

__all__ = ["TOLERANCE", "Explained", "Explainer", "One"]

Floats = NDArray[np.float64]

#: Greatest allowed difference between base plus contributions and the served log-odds.
TOLERANCE = 1e-9

_LOG_ODDS_TOLD = 15.0
_MEN_AT_ONCE = 4096  # their columns stay in the nearest caches


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

    Examples
    --------
    >>> one = np.zeros((1, 1))
    >>> Explained(0.0, one[0], one[0] + 0.5, one, one).check()
    0.0
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

    def one(self, row: int) -> One:
        """Return the part of one man, in plain numbers."""
        return One(
            self.base,
            float(self.log_odds[row]),
            float(self.probability[row]),
            self.contributions[row].tolist(),
            self.completed[row].tolist(),
        )

    def check(self) -> float:
        """Return the greatest error of the sums over these men.

        Raises
        ------
        ExplanationError
            If it exceeds ``TOLERANCE``: such an answer must not leave.
        """
        total: Column = self.base
        for part in self.contributions.T:
            total = total + part
        with np.errstate(divide="ignore"):
            served = np.log(self.probability) - np.log1p(-self.probability)
        # Beyond, the probability has not digits enough to tell its own log-odds.
        served = np.where(np.abs(self.log_odds) < _LOG_ODDS_TOLD, served, self.log_odds)
        return _allowed(float(np.abs(total - served).max(initial=0.0)))


class One(NamedTuple):
    """The same of one man, in plain numbers.

    Parameters
    ----------
    base : float
        Log-odds of the reference man.
    log_odds, probability : float
        As served.
    contributions : list of float of length n_inputs
        In log-odds; 0 for an input that he lacks.
    completed : list of float of length n_values
        The values the model used, on its own scale.

    Examples
    --------
    >>> One(0.0, 0.0, 0.5, [0.0], [0.0]).check()
    0.0
    """

    base: float
    log_odds: float
    probability: float
    contributions: list[float]
    completed: list[float]

    def check(self) -> float:
        """Return the error of the sum.

        Raises
        ------
        ExplanationError
            If it exceeds ``TOLERANCE``: such an answer must not leave.
        """
        total = self.base
        for part in self.contributions:
            total += part
        served, p = self.log_odds, self.probability
        if abs(served) < _LOG_ODDS_TOLD:
            served = float(np.log(p)) - float(np.log1p(-p))
        return _allowed(abs(total - served))


def _allowed(error: float) -> float:
    """Return the error of a sum, if it may be served."""
    if not error <= TOLERANCE:
        msg = (
            f"base and contributions must sum to the served log-odds within {TOLERANCE:g}, "
            f"got an error of {error:.3g}. Do not serve this model; register it again."
        )
        raise ExplanationError(msg)
    return error


class Explainer:
    """Scores and explains men by a fitted pipeline, which it reads once.

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

    Examples
    --------
    >>> import pandas as pd
    >>> from respredict.model.candidates import build_pipeline, matrix_columns
    >>> men = pd.DataFrame(
    ...     [[300, 4.0, 0, 0], [450, 3.0, 0, 0], [250, 9.0, 0, 0], [280, 7.0, 0, 0]],
    ...     columns=matrix_columns("t_lh"), dtype=float)
    >>> pipeline = build_pipeline("t_lh").fit(men, [0, 1, 0, 1])
    >>> told = Explainer(pipeline, ("testosterone", "lh")).explain(men)
    >>> told.contributions[1].round(2), told.check() < 1e-12
    (array([0.41, 0.62]), True)
    """

    def __init__(self, pipeline: Any, inputs: tuple[str, ...]) -> None:
        self.inputs = inputs
        self._pipeline = pipeline
        self._imputer = CompiledImputer(pipeline[0])
        self.mean: Floats = self._imputer.mean
        # A step between features and classifier may bend what it is given.
        line = affine(pipeline)
        self._line = None if line is None else (line[0], line[1].tolist())
        self._game = lru_cache(PLANS_KEPT)(self._make_game)
        self.base = float(np.ravel(self._log_odds(self.mean.tolist()))[0])

    def __reduce__(self) -> tuple[type[Explainer], tuple[Any, ...]]:
        return Explainer, (self._pipeline, self.inputs)

    def split(self, X: Any) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Split a matrix as the imputer does, one man sooner.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_columns)
            As the pipeline takes it.

        Returns
        -------
        tuple of ndarray of shape (n_patients, n_values)
            Values, limits and sides, as ``CensoredGaussianImputer.split`` gives them.
        """
        return self._imputer.split(np.asarray(X, dtype=np.float64))

    def probability(self, X: Any) -> Floats:
        """Score men, whatever they lack, without an explanation.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_columns)
            As the pipeline takes it.

        Returns
        -------
        ndarray of shape (n_patients,)
            Fractions in [0, 1], the same bits as of :meth:`explain`.
        """
        matrix = np.asarray(X, dtype=np.float64)
        if len(matrix) == 1:
            known = self._imputer.read_one(matrix[0].tolist())
            plan = self._imputer.plan(known.code)
            return expit(np.atleast_1d(self._log_odds(plan.complete(known.z, plan.away(known.z)))))
        found = np.empty(len(matrix))
        for code, rows, z in self._imputer.read(matrix, lambda _: _MEN_AT_ONCE):
            plan = self._imputer.plan(code)
            found[rows] = expit(self._log_odds(plan.complete(z, plan.away(z))))
        return found

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
        matrix = np.asarray(X, dtype=np.float64)
        if len(matrix) == 1:
            one = self.explain_one(self.read_one(matrix[0].tolist()))
            log_odds, probability, *lines = (np.array([part]) for part in one[1:])
            return Explained(one.base, log_odds, probability, *lines)
        n = len(matrix)
        log_odds, probability = np.empty(n), np.empty(n)
        contributions, completed = np.zeros((len(self.inputs), n)), np.empty((len(self.mean), n))
        for code, rows, z in self._imputer.read(matrix, lambda code: self._game(code).at_once):
            game = self._game(code)
            away = game.plan.away(z)
            done = game.plan.complete(z, away)
            eta = self._log_odds(done)
            log_odds[rows], probability[rows] = eta, expit(eta)
            for j, value in enumerate(done):
                completed[j][rows] = value
            for j, value in game.values(z, away):
                contributions[j][rows] = value
        return Explained(self.base, log_odds, probability, contributions.T, completed.T)

    def read_one(self, row: Sequence[float]) -> Known:
        """Return what is known of one man.

        Parameters
        ----------
        row : sequence of float of length n_columns
            As the pipeline takes it.

        Returns
        -------
        Known
            The same numbers as among others.
        """
        return self._imputer.read_one(row)

    def explain_one(self, known: Known) -> One:
        """Score and explain one man, in floats: an array a value is dear for one number.

        Parameters
        ----------
        known : Known
            As :meth:`read_one` gives it.

        Returns
        -------
        One
            The same bits as of :meth:`explain`.
        """
        game, z = self._game(known.code), known.z
        away = game.plan.away(z)
        done = game.plan.complete(z, away)
        contributions = [0.0] * len(self.inputs)
        for j, value in game.values(z, away):
            contributions[j] = float(value)
        # A curved model gives an array of one.
        log_odds = self._log_odds(done)
        served = log_odds if isinstance(log_odds, float) else float(log_odds[0])
        completed = [float(value) for value in done]
        return One(self.base, served, float(expit(served)), contributions, completed)

    def _log_odds(self, done: Sequence[Column]) -> Column:
        """Score completed values as the pipeline's other steps do."""
        if self._line is None:
            rows = np.column_stack(np.broadcast_arrays(*np.atleast_1d(*done)))
            return np.asarray(self._pipeline[1:].decision_function(rows), dtype=np.float64)
        total: Column = self._line[0]
        for slope, value in zip(self._line[1], done, strict=True):
            total += slope * value
        return total

    def _make_game(self, code: int) -> Game:
        slopes = None if self._line is None else self._line[1]
        return game(self._imputer.plan(code), self._imputer, slopes, self._log_odds)
