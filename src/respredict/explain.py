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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from respredict.errors import ExplanationError
from respredict.model.affine import affine
from respredict.model.compiled import PLANS_KEPT, CompiledImputer
from respredict.model.games import Game, game
from respredict.model.plans import Column

__all__ = ["TOLERANCE", "Explained", "Explainer"]

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

    def check(self) -> float:
        """Return the greatest error of the sums over these men.

        Raises
        ------
        ExplanationError
            If it exceeds ``TOLERANCE``: such an answer must not leave.
        """
        one = len(self.log_odds) == 1
        total: Column = self.base
        for part in self.contributions[0].tolist() if one else self.contributions.T:
            total = total + part
        with np.errstate(divide="ignore"):
            served = np.log(self.probability) - np.log1p(-self.probability)
        # Beyond, the probability has not digits enough to tell its own log-odds.
        served = np.where(np.abs(self.log_odds) < _LOG_ODDS_TOLD, served, self.log_odds)
        error = float(np.abs(total - served).max(initial=0.0))
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
            code, z = self._imputer.read_one(matrix)
            plan = self._imputer.plan(code)
            return expit(np.atleast_1d(self._log_odds(plan.complete(z, plan.away(z)))))
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
            return self._explain_one(matrix)
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

    def _explain_one(self, X: Floats) -> Explained:
        """Do the same for one man, in floats: an array a value is dear for one number."""
        code, z = self._imputer.read_one(X)
        game = self._game(code)
        away = game.plan.away(z)
        done = game.plan.complete(z, away)
        contributions = np.zeros((1, len(self.inputs)))
        for j, value in game.values(z, away):
            contributions[0, j] = value
        log_odds = np.array([self._log_odds(done)], dtype=np.float64).reshape(1)
        return Explained(self.base, log_odds, expit(log_odds), contributions, np.array([done]))

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
