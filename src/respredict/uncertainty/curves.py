"""Many curved models as plain arrays, all of which score what they are given.

To add a kind, add its class to ``KINDS`` and to ``curves_of``; its ``kind`` and the names of
its arrays are the names in the file, and stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from respredict.errors import BundleError
from respredict.model.boosting import MonotoneBoosting
from respredict.model.splines import RestrictedSplines, bends
from respredict.model.trees import Trees

__all__ = ["KINDS", "SplineCurves", "TreeCurves", "curves_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SplineCurves:
    """Restricted cubic splines.

    Parameters
    ----------
    intercept : ndarray of shape (n_models,)
        Log-odds where every value and bend is 0.
    slopes : ndarray of shape (n_models, n_values)
        Per unit of each value.
    knots : ndarray of shape (n_models, n_values, n_knots)
        Rising; any where a value has no bends.
    weights : ndarray of shape (n_models, n_values, n_knots - 2)
        Per unit of each bend; 0 where a value has none.

    Examples
    --------
    >>> knots = np.array([[[0.0, 1.0, 2.0]]])
    >>> line = SplineCurves(np.ones(1), np.ones((1, 1)), knots, np.ones((1, 1, 1)))
    >>> line.score([np.array([[-1.0], [3.0]])])
    array([[0.],
           [7.]])
    """

    intercept: Floats
    slopes: Floats
    knots: Floats
    weights: Floats

    kind: ClassVar[str] = "splines"

    @property
    def n_models(self) -> int:
        """How many there are."""
        return self.intercept.size

    @classmethod
    def of(cls, pipelines: Sequence[Any]) -> Self:
        """Read them from fitted pipelines."""
        arrays: list[tuple[Floats, Floats, Floats, Floats]] = []
        for pipeline in pipelines:
            features, classifier = pipeline[1], pipeline[2]
            knots = features.knots_.copy()
            straight, (p, n_knots) = np.isnan(knots[:, 0]), knots.shape
            knots[straight] = np.arange(n_knots)
            weights = np.zeros((p, n_knots - 2))
            weights[~straight] = classifier.coef_[0, p:].reshape(-1, n_knots - 2)
            arrays.append((classifier.intercept_[0], classifier.coef_[0, :p], knots, weights))
        return cls(*(np.stack(of) for of in zip(*arrays, strict=True)))

    def check(self, n_values: int) -> None:
        """Raise BundleError unless these models take so many values."""
        n, k = self.n_models, (0, *self.knots.shape)[-1]
        shapes = {"slopes": (n, n_values), "knots": (n, n_values, k),
                  "weights": (n, n_values, k - 2)}  # fmt: skip
        _check_shapes(self, {"intercept": (n,), **shapes})
        if not (np.diff(self.knots, axis=2) > 0).all():
            msg = "knots of the refits must rise, got others. Train the model again."
            raise BundleError(msg)

    def score(self, values: Sequence[Floats]) -> Floats:
        """Return log-odds of shape (n_patients, n_models)."""
        total = np.tile(self.intercept, (len(values[0]), 1))
        for j, value in enumerate(values):
            total += self.slopes[:, j] * value
            for bend, weight in zip(bends(value, self.knots[:, j].T), self.weights[:, j].T,
                                    strict=True):  # fmt: skip
                total += weight * bend
        return total


@dataclass(frozen=True, eq=False)
class TreeCurves:
    """Boosted trees.

    Parameters
    ----------
    intercept : ndarray of shape (n_models,)
        Log-odds before any tree.
    starts : ndarray of int of shape (n_models,)
        First tree of each model, rising from 0.
    feature : ndarray of int of shape (n_trees, 3)
        As of ``Trees``: the values, then the ratios.
    threshold : ndarray of shape (n_trees, 3)
        As of ``Trees``.
    value : ndarray of shape (n_trees, 4)
        As of ``Trees``.
    ratios : ndarray of int of shape (n_ratios, 2)
        Values of each log ratio, numerator and denominator.

    Examples
    --------
    >>> one = TreeCurves(np.zeros(1), np.array([0]), np.array([[1, 0, 0]]),
    ...                  np.array([[0.5, np.inf, np.inf]]), np.array([[-1.0, 0, 2.0, 0]]),
    ...                  np.array([[0, 0]]))
    >>> one.score([np.array([[3.0]])])
    array([[-1.]])
    """

    intercept: Floats
    starts: Ints
    feature: Ints
    threshold: Floats
    value: Floats
    ratios: Ints

    kind: ClassVar[str] = "trees"

    @property
    def n_models(self) -> int:
        """How many there are."""
        return self.intercept.size

    @classmethod
    def of(cls, pipelines: Sequence[Any]) -> Self:
        """Read them from fitted pipelines; one without trees gets one that does nothing."""
        nothing = (np.zeros((1, 3), np.int64), np.full((1, 3), np.inf), np.zeros((1, 4)))
        grown = [
            (c.features_, c.thresholds_, c.values_) if c.n_trees_ else nothing
            for c in (pipeline[2] for pipeline in pipelines)
        ]
        feature, threshold, value = (np.concatenate(of) for of in zip(*grown, strict=True))
        ends = np.cumsum([len(trees[0]) for trees in grown])
        base = np.array([pipeline[2].base_ for pipeline in pipelines])
        features = pipelines[0][1]
        ratios = np.column_stack([features.numerators_, features.denominators_])
        return cls(base, np.append(0, ends[:-1]), feature, threshold, value, ratios)

    def check(self, n_values: int) -> None:
        """Raise BundleError unless these models take so many values."""
        n, n_ratios = self.value.size // 4, self.ratios.size // 2
        one = (self.n_models,)
        shapes = {"intercept": one, "starts": one, "feature": (n, 3), "threshold": (n, 3),
                  "value": (n, 4), "ratios": (n_ratios, 2)}  # fmt: skip
        _check_shapes(self, shapes, infinite=("threshold",))
        steps = np.diff(np.append(self.starts, n))
        known = n_values + n_ratios
        for at, below in ((self.feature, known), (self.ratios, n_values)):
            if at.size and not 0 <= at.min() <= at.max() < below:
                msg = f"trees must ask about {below} values, got others. Train the model again."
                raise BundleError(msg)
        if self.starts[0] != 0 or steps.min() < 1:
            msg = "each refit must have its trees, got others. Train the model again."
            raise BundleError(msg)

    def score(self, values: Sequence[Floats]) -> Floats:
        """Return log-odds of shape (n_patients, n_models)."""
        every = [*values, *(values[over] - values[under] for over, under in self.ratios.tolist())]
        widths = np.array([value.shape[1] for value in every])
        first = np.concatenate([[0], np.cumsum(widths)[:-1]])
        model = np.searchsorted(self.starts, np.arange(len(self.value)), side="right") - 1
        column = first[self.feature] + (widths > 1)[self.feature] * model[:, None]
        trees = Trees(column, self.threshold, self.value)
        sums = trees.sums(np.hstack(every).T, self.starts)
        return (self.intercept[:, None] + sums).T


#: Models of each kind, by the word it is stored under.
KINDS: Mapping[str, type[SplineCurves | TreeCurves]] = {
    of.kind: of for of in (SplineCurves, TreeCurves)
}


def curves_of(pipelines: Sequence[Any]) -> SplineCurves | TreeCurves | None:
    """Read fitted pipelines of one kind into arrays.

    Parameters
    ----------
    pipelines : sequence of sklearn.pipeline.Pipeline
        At least one, all built alike.

    Returns
    -------
    SplineCurves, TreeCurves or None
        None for a kind that has no arrays.
    """
    if len(pipelines[0]) != 3:
        return None
    features, classifier = pipelines[0][1], pipelines[0][2]
    if isinstance(classifier, MonotoneBoosting):
        return TreeCurves.of(pipelines)
    if isinstance(features, RestrictedSplines) and hasattr(classifier, "coef_"):
        return SplineCurves.of(pipelines)
    return None


def _check_shapes(
    curves: SplineCurves | TreeCurves, shapes: Mapping[str, tuple[int, ...]],
    infinite: Sequence[str] = (),
) -> None:  # fmt: skip
    for field in fields(curves):
        value, shape = getattr(curves, field.name), shapes[field.name]
        finite = field.name in infinite or np.isfinite(value).all()
        if value.shape != shape or not finite or np.isnan(value).any():
            msg = (f"{field.name} of the refits must be finite numbers of shape {shape}, got shape "
                   f"{value.shape}. Train the model again.")  # fmt: skip
            raise BundleError(msg)
