"""What a model version went by, read from the explanations of its own decisions.

Everything comes from the recorded bytes: contributions in log-odds of the served number,
values in the unit a clinician measures, and the error of each sum, reckoned again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from respredict.audit.sums import scored_answer, sum_error
from respredict.ledger.record import Record

__all__ = ["Explanations", "gather"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Explanations:
    """Explanations of some decisions of one model version.

    Parameters
    ----------
    inputs : tuple of str
        What the decisions give contributions of.
    units : tuple of str
        UCUM code of each.
    sequences : ndarray of int of shape (n_decisions,)
        Of the records, in the order given.
    values : ndarray of shape (n_decisions, n_inputs)
        As the model used them, in their unit; NaN where nothing was sent.
    contributions : ndarray of shape (n_decisions, n_inputs)
        Log-odds; NaN where nothing was sent.
    errors : ndarray of shape (n_decisions,)
        Distance of base plus contributions from the served log-odds.
    """

    inputs: tuple[str, ...]
    units: tuple[str, ...]
    sequences: NDArray[np.int64]
    values: Floats
    contributions: Floats
    errors: Floats

    def importance(self) -> dict[str, float]:
        """Return the mean absolute contribution of each input, the greatest first.

        Returns
        -------
        dict of str to float
            Log-odds, over all of the decisions: an input that was not sent gave nothing.
        """
        if not len(self.sequences):
            return {}
        means = np.nan_to_num(np.abs(self.contributions)).mean(axis=0)
        order = np.argsort(-means, kind="stable")
        return {self.inputs[j]: float(means[j]) for j in order}

    def points(self, name: str) -> tuple[Floats, Floats]:
        """Return value and contribution of one input, of the decisions that have it.

        Parameters
        ----------
        name : str
            One of ``inputs``.

        Returns
        -------
        tuple of ndarray of shape (n_having,)
            Values in the input's unit, and log-odds.
        """
        j = self.inputs.index(name)
        has = np.isfinite(self.values[:, j]) & np.isfinite(self.contributions[:, j])
        return self.values[has, j], self.contributions[has, j]

    def fifths(self, name: str) -> list[tuple[float, float, float, int]]:
        """Return how contributions follow the value of one input.

        Parameters
        ----------
        name : str
            One of ``inputs``.

        Returns
        -------
        list of (float, float, float, int)
            Of each fifth of the decisions by value, fewer where values repeat: lowest and
            highest value, mean contribution, decisions.
        """
        values, contributions = self.points(name)
        if not len(values):
            return []
        edges = np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
        part = np.searchsorted(edges, values, side="left")
        told = []
        for number in np.unique(part):
            at = part == number
            low, high = values[at].min(), values[at].max()
            told.append((float(low), float(high), float(contributions[at].mean()), int(at.sum())))
        return told


def gather(records: Iterable[Record]) -> Explanations:
    """Read the explanations of some decisions.

    Parameters
    ----------
    records : iterable of Record
        Decisions with payloads; those erased, unreadable or without a probability are left
        out.

    Returns
    -------
    Explanations
        Inputs in the order in which they are first met.
    """
    rows: list[tuple[int, dict[str, tuple[float, float]], float]] = []
    units: dict[str, str] = {}
    for record in records:
        answer = scored_answer(record)
        if answer is None:
            continue
        row = {}
        for part in answer["explanation"]["contributions"]:
            used = answer["inputs"][part["input"]]["used"]
            units.setdefault(part["input"], used["unit"])
            row[part["input"]] = (float(used["value"]), float(part["log_odds"]))
        rows.append((record.sequence, row, sum_error(answer)))
    values = np.full((len(rows), len(units)), np.nan)
    contributions = values.copy()
    for i, (_, row, _) in enumerate(rows):
        for j, name in enumerate(units):
            if name in row:
                values[i, j], contributions[i, j] = row[name]
    return Explanations(
        tuple(units), tuple(units.values()), np.array([r[0] for r in rows], dtype=np.int64),
        values, contributions, np.array([r[2] for r in rows]),
    )  # fmt: skip
