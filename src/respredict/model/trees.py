"""Trees of two levels, grown for many sets of men at once and summed.

A tree asks one question, then one of two, and has four leaves. Sums over men are exact:
gradients and leaves are multiples of a power of two, so neither the order of the men nor
their being repeated or counted changes a bit.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Questions", "Trees", "answers", "ask", "grow", "on_grid"]

Floats = NDArray[np.float64]

_GRID = 2.0**-36  # sums of 100,000 men stay below 2^53 steps
_DIGITS = 9  # of a feature, within which two values are one
_LEAST_GAIN = 1e-9
_NUMBERS_AT_ONCE = 65_536  # what is computed of them stays in the nearest caches


def on_grid(values: Floats) -> Floats:
    """Round to the grid on which sums are exact.

    Parameters
    ----------
    values : ndarray
        Of magnitude below 1000.

    Returns
    -------
    ndarray
        Multiples of 2^-36, within 1e-11.

    Examples
    --------
    >>> tenth = on_grid(np.full(10, 0.1))
    >>> bool(tenth.sum() == 10 * tenth[0]), bool(abs(tenth[0] - 0.1) < 1e-11)
    (True, True)
    """
    return np.rint(values / _GRID) * _GRID


class Questions(NamedTuple):
    """What a tree may ask: whether a feature lies at or below a threshold.

    Parameters
    ----------
    feature : ndarray of int of shape (n_questions,)
        Position of the feature.
    threshold : ndarray of shape (n_questions,)
        Midway between two values that men have.
    direction : ndarray of int of shape (n_questions,)
        1 if the risk may not fall with the feature, -1 if it may not rise, 0 free.
    """

    feature: NDArray[np.int64]
    threshold: Floats
    direction: NDArray[np.int64]


class Trees(NamedTuple):
    """Trees of two levels.

    Parameters
    ----------
    feature : ndarray of int of shape (n_trees, 3)
        Of the first question, of the second where the first says yes, and where no.
    threshold : ndarray of shape (n_trees, 3)
        Of each; infinite where there is nothing to ask.
    value : ndarray of shape (n_trees, 4)
        Of the leaves: yes and yes, yes and no, no and yes, no and no.
    """

    feature: NDArray[np.int64]
    threshold: Floats
    value: Floats

    def sums(self, columns: Floats, starts: NDArray[np.int64]) -> Floats:
        """Sum the leaves that rows fall into, one sum for each run of trees.

        Parameters
        ----------
        columns : ndarray of shape (n_features, n_rows)
            One a feature.
        starts : ndarray of int of shape (n_sums,)
            Where each run starts, rising from 0; no run is empty.

        Returns
        -------
        ndarray of shape (n_sums, n_rows)
            The same bits for a row whoever is with it.

        Examples
        --------
        >>> tree = Trees(np.array([[0, 0, 0]]), np.array([[0.0, np.inf, 1.0]]),
        ...              np.array([[-1.0, 0.0, 0.25, 0.5]]))
        >>> tree.sums(np.array([[-2.0, 0.5, 2.0]]), np.array([0]))
        array([[-1.  ,  0.25,  0.5 ]])
        """
        n = columns.shape[1]
        found = np.empty((len(starts), n))
        leaf = self.value.T[:, :, None]
        step = max(1, _NUMBERS_AT_ONCE // len(self.value))
        for start in range(0, n, step):
            some = np.ascontiguousarray(columns[:, start : start + step])
            first, low, high = (
                some[feature] > threshold[:, None]
                for feature, threshold in zip(self.feature.T, self.threshold.T, strict=True)
            )
            low_leaf = np.where(low, leaf[1], leaf[0])
            fallen = np.where(first, np.where(high, leaf[3], leaf[2]), low_leaf)
            np.add.reduceat(fallen, starts, axis=0, out=found[:, start : start + step])
        return found


def ask(X: Floats, weight: Floats, directions: NDArray[np.int64], most: int) -> Questions:
    """Choose what trees may ask: thresholds between equal shares of the men.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_features)
        Features.
    weight : ndarray of shape (n_patients,)
        How often each man counts, positive.
    directions : ndarray of int of shape (n_features,)
        As of ``Questions``.
    most : int
        Most shares of a feature.

    Returns
    -------
    Questions
        At most ``most - 1`` of each feature.

    Examples
    --------
    >>> ask(np.array([[1.0], [2.0], [4.0]]), np.ones(3), np.array([1]), 16).threshold
    array([1.5, 3. ])
    """
    feature, threshold = [], []
    for j, x in enumerate(X.T):
        different, man = np.unique(np.round(x, _DIGITS), return_inverse=True)
        reached = np.cumsum(np.bincount(man, weights=weight))
        wanted = reached[-1] * np.arange(1, most) / most
        at = np.unique(np.searchsorted(reached, wanted))
        at = at[at < len(different) - 1]
        threshold.append(0.5 * (different[at] + different[at + 1]))
        feature.append(np.full(len(at), j))
    which = np.concatenate(feature).astype(np.int64)
    return Questions(which, np.concatenate(threshold), directions[which])


class _Split(NamedTuple):
    """The best question of some nodes, and the values of its two sides."""

    question: NDArray[np.int64]
    gain: Floats
    low: Floats
    high: Floats


def grow(
    yes: NDArray[np.bool_], below: Floats, direction: NDArray[np.int64], slope: Floats,
    bend: Floats, *, penalty: float, least: float,
) -> tuple[NDArray[np.int64], Floats]:  # fmt: skip
    """Grow one tree for each set of men.

    Parameters
    ----------
    yes : ndarray of bool of shape (n_questions, n_patients)
        What each man answers.
    below : ndarray of shape (n_patients, n_questions)
        The same as numbers.
    direction : ndarray of int of shape (n_questions,)
        As of ``Questions``.
    slope, bend : ndarray of shape (n_sets, n_patients)
        First and second derivative of the loss in each man's log-odds, on the grid; 0
        of a man who is not in the set.
    penalty : float
        Added to the second derivative of a leaf.
    least : float
        Second derivative that a leaf must have.

    Returns
    -------
    question : ndarray of int of shape (n_sets, 3)
        Of each tree; -1 where there is none worth asking.
    value : ndarray of shape (n_sets, 4)
        Newton steps of the leaves.

    Notes
    -----
    A side of a question with a direction stays on its side of the midpoint of both.
    Gain and bounds are those of scikit-learn's ``HistGradientBoostingClassifier``.
    """
    n_sets = len(slope)
    both = np.concatenate([slope, bend])
    total = both.sum(axis=1)
    sums = both @ below
    anything = np.full(n_sets, np.inf)
    best = partial(_best, direction=direction, penalty=penalty, least=least)
    root = best(sums, total, -anything, anything)
    in_low = answers(yes, root.question)
    low = np.where(np.concatenate([in_low, in_low]), both, 0.0)
    low_sums, low_total = low @ below, low.sum(axis=1)
    middle = 0.5 * (root.low + root.high)
    way = np.append(direction, 0)[root.question]
    floor = np.concatenate([np.where(way < 0, middle, -np.inf), np.where(way > 0, middle, -np.inf)])
    roof = np.concatenate([np.where(way > 0, middle, np.inf), np.where(way < 0, middle, np.inf)])
    nodes = best(
        _by_node(low_sums, sums - low_sums), _by_node(low_total, total - low_total), floor, roof
    )
    question = np.column_stack([root.question, nodes.question[:n_sets], nodes.question[n_sets:]])
    leaves = [nodes.low[:n_sets], nodes.high[:n_sets], nodes.low[n_sets:], nodes.high[n_sets:]]
    return question, np.column_stack(leaves)


def answers(yes: NDArray[np.bool_], question: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return who says yes to a question of each set; to none, all do.

    Parameters
    ----------
    yes : ndarray of bool of shape (n_questions, n_patients)
        What each man answers.
    question : ndarray of int of shape (n_sets,)
        Of each set, -1 for none.

    Returns
    -------
    ndarray of bool of shape (n_sets, n_patients)
        True for yes.

    Examples
    --------
    >>> answers(np.array([[True, False]]), np.array([0, -1]))
    array([[ True, False],
           [ True,  True]])
    """
    said = np.ones((len(question), yes.shape[1]), dtype=bool)
    asked = question >= 0
    said[asked] = yes[question[asked]]
    return said


def _by_node(low: Floats, high: Floats) -> Floats:
    """Order sums as slopes of the low and the high nodes, then their bends."""
    half = len(low) // 2
    return np.concatenate([low[:half], high[:half], low[half:], high[half:]])


def _best(
    sums: Floats, total: Floats, floor: Floats, roof: Floats, *,
    direction: NDArray[np.int64], penalty: float, least: float,
) -> _Split:  # fmt: skip
    """Find the question that lowers the loss of each node most."""
    n = len(sums) // 2
    (g, h), (g_all, h_all) = (sums[:n], sums[n:]), (total[:n, None], total[n:, None])
    low, roof = floor[:, None], roof[:, None]
    g_high, h_high = g_all - g, h_all - h

    def step(g: Floats, h: Floats) -> tuple[Floats, Floats]:
        value = np.clip(-g / (h + penalty), low, roof)
        return value, -g * value

    (v_low, won_low), (v_high, won_high) = step(g, h), step(g_high, h_high)
    own, won = step(g_all, h_all)
    gain = won_low + won_high - won
    allowed = (h >= least) & (h_high >= least) & ((v_high - v_low) * direction >= 0)
    gain = np.where(allowed, gain, -np.inf)
    if not gain.shape[1]:
        return _Split(np.full(n, -1), np.zeros(n), own[:, 0], own[:, 0])
    best = gain.argmax(axis=1)
    at = np.arange(n)
    found = gain[at, best] > _LEAST_GAIN
    return _Split(
        np.where(found, best, -1), gain[at, best],
        np.where(found, v_low[at, best], own[:, 0]), np.where(found, v_high[at, best], own[:, 0]),
    )  # fmt: skip
