"""Recorded men scored again: by another version, and with their blood drawn again.

Both say how far an explanation can be relied on. Between two versions the same requests
are explained by each. For a redraw a second blood sample of each man is drawn from the
within-man variability, as the served redraw interval has it, and explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from respredict.explain import Explained, Explainer
from respredict.model.affine import affine
from respredict.schema.analytes import analyte
from respredict.schema.request import Request
from respredict.scoring import Scorer
from respredict.uncertainty.redraw import Redraw, blood_noise

__all__ = ["Comparison", "Stability", "compare", "stability"]

Floats = NDArray[np.float64]

_SEED = 20260101


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same men explained by two versions.

    Parameters
    ----------
    inputs : tuple of str
        Of either version.
    probabilities : ndarray of shape (n_patients, 2)
        By the first and by the second.
    contributions : ndarray of shape (n_patients, n_inputs, 2)
        Log-odds; 0 where a version does not use an input or he lacks it.
    bases : tuple of float and float
        Log-odds of the reference man of each.
    """

    inputs: tuple[str, ...]
    probabilities: Floats
    contributions: Floats
    bases: tuple[float, float]

    @property
    def moved(self) -> Floats:
        """How far each explanation moved: absolute changes summed over inputs, log-odds."""
        return np.asarray(np.abs(self._changes).sum(axis=1))

    @property
    def by_input(self) -> dict[str, tuple[float, float]]:
        """Mean and greatest absolute change of each input, log-odds, the greatest mean first."""
        if not len(self.probabilities):
            return {}
        size = np.abs(self._changes)
        means, most = size.mean(axis=0), size.max(axis=0)
        order = np.argsort(-means, kind="stable")
        return {self.inputs[j]: (float(means[j]), float(most[j])) for j in order}

    @property
    def same_first(self) -> float:
        """Share of men whose greatest contribution is of the same input in both, in [0, 1]."""
        first = np.abs(self.contributions).argmax(axis=1)
        return float((first[:, 0] == first[:, 1]).mean()) if len(first) else 1.0

    @property
    def _changes(self) -> Floats:
        return np.asarray(self.contributions[:, :, 1] - self.contributions[:, :, 0])

    def furthest(self, most: int) -> list[int]:
        """Return the rows whose explanation moved furthest.

        Parameters
        ----------
        most : int
            How many.

        Returns
        -------
        list of int
            The furthest first.
        """
        return [int(i) for i in np.argsort(-self.moved, kind="stable")[:most]]


@dataclass(frozen=True, slots=True)
class Stability:
    """How contributions change when the blood of the same men is drawn again.

    Parameters
    ----------
    inputs : tuple of str
        What the model uses.
    change : ndarray of shape (n_inputs,)
        Mean absolute change of each contribution, log-odds.
    tenth : ndarray of shape (n_inputs,)
        Exceeded by one redraw in ten, log-odds.
    same_first : float
        Share of redraws that leave the greatest contribution with the same input.
    men, draws : int
        How many, and how often each was drawn.
    """

    inputs: tuple[str, ...]
    change: Floats
    tenth: Floats
    same_first: float
    men: int
    draws: int


def compare(first: Scorer, second: Scorer, requests: Sequence[Request]) -> Comparison:
    """Explain the same men by two versions.

    Parameters
    ----------
    first, second : Scorer
        Of the versions.
    requests : sequence of Request
        Checked, one a man.

    Returns
    -------
    Comparison
        In order.
    """
    inputs = tuple(dict.fromkeys((*first.inputs, *second.inputs)))
    told = [_explained(scorer, requests) for scorer in (first, second)]
    contributions = np.zeros((len(requests), len(inputs), 2))
    for k, (scorer, one) in enumerate(zip((first, second), told, strict=True)):
        for j, name in enumerate(scorer.inputs):
            contributions[:, inputs.index(name), k] = one.contributions[:, j]
    return Comparison(
        inputs,
        np.column_stack([one.probability for one in told]),
        contributions,
        (told[0].base, told[1].base),
    )


def stability(
    scorer: Scorer, requests: Sequence[Request], *, draws: int = 20, seed: int = _SEED
) -> Stability:
    r"""Draw the blood of recorded men again, and say how their explanations change.

    Parameters
    ----------
    scorer : Scorer
        Of the version.
    requests : sequence of Request
        Checked, at least one.
    draws : int, default=20
        Second samples of each man, at least 1.
    seed : int, default=20260101
        The same seed draws the same samples.

    Returns
    -------
    Stability
        Over all men and draws.

    Notes
    -----
    Given measured values :math:`z` on the log scale, a second sample has mean
    :math:`\mu + K (z - \mu)` and covariance :math:`(S - W) - K (S - W) + W`, with
    :math:`K = (S - W) S^{-1}`, as in :class:`respredict.uncertainty.redraw.Redraw`. A value
    known only as a side of a limit stays as it is.
    """
    inputs = scorer.inputs
    pipeline = scorer.bundle.pipeline
    explainer = Explainer(pipeline, inputs)
    matrix = scorer.calculator.matrix(requests)
    before = explainer.explain(matrix)
    noise = blood_noise(inputs, len(pipeline[0].mean_))
    line = affine(pipeline) or (0.0, np.zeros(len(noise)))
    redraw = Redraw(pipeline[0].mean_, pipeline[0].covariance_, noise, *line)
    values, _, sides = explainer.split(matrix)
    columns = list(scorer.bundle.meta["columns"])
    rng = np.random.default_rng(seed)
    changes, same = [], []
    first = np.abs(before.contributions).argmax(axis=1)
    for _ in range(draws):
        again = matrix.copy()
        drawn = _second(redraw, values, sides, rng)
        for j, name in enumerate(inputs):
            if noise[j] > 0:
                at = np.isfinite(values[:, j]) & (sides[:, j] == 0)
                again[at, columns.index(analyte(name).column)] = np.exp(drawn[at, j])
        after = explainer.explain(again).contributions
        changes.append(np.abs(after - before.contributions))
        same.append(np.abs(after).argmax(axis=1) == first)
    told = np.concatenate(changes)
    return Stability(
        inputs, told.mean(axis=0), np.quantile(told, 0.9, axis=0), float(np.mean(same)),
        len(requests), draws,
    )  # fmt: skip


def _explained(scorer: Scorer, requests: Sequence[Request]) -> Explained:
    if not requests:
        none = np.zeros(0)
        return Explained(0.0, none, none, np.zeros((0, len(scorer.inputs))), np.zeros((0, 0)))
    matrix = scorer.calculator.matrix(requests)
    return Explainer(scorer.bundle.pipeline, scorer.inputs).explain(matrix)


def _second(
    redraw: Redraw, values: Floats, sides: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    """Draw a second sample of each man, given his measured values."""
    drawn = values.copy()
    known = np.isfinite(values) & (sides == 0)
    for pattern in np.unique(known, axis=0):
        rows = np.flatnonzero((known == pattern).all(axis=1))
        at = np.flatnonzero(pattern)
        total, signal = (of[np.ix_(at, at)] for of in (redraw.covariance, redraw.signal))
        keep = np.linalg.solve(total, signal).T
        spread = total - keep @ signal
        value, vector = np.linalg.eigh(0.5 * (spread + spread.T))
        root = vector * np.sqrt(np.maximum(value, 0.0))
        away = values[np.ix_(rows, at)] - redraw.mean[at]
        chance = rng.standard_normal(away.shape) @ root.T
        drawn[np.ix_(rows, at)] = redraw.mean[at] + away @ keep.T + chance
    return drawn
