"""What classifiers of two outcomes share: classes, probabilities from log-odds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    validate_data,
)

__all__ = ["BinaryClassifier"]

Floats = NDArray[np.float64]


class BinaryClassifier(ClassifierMixin, BaseEstimator, ABC):
    """A classifier of two classes that gives log-odds of the second.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The classes, sorted; probabilities are of the second.

    Examples
    --------
    >>> class Even(BinaryClassifier):
    ...     def decision_function(self, X):
    ...         return np.zeros(len(X))
    >>> Even().predict_proba([[1.0], [2.0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    @abstractmethod
    def decision_function(self, X) -> Floats:
        """Log-odds of the second class."""

    def predict_proba(self, X) -> Floats:
        """Probabilities of the two classes.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_features)
            Finite features.

        Returns
        -------
        ndarray of shape (n_patients, 2)
            Fractions in [0, 1], of the first class and of the second.
        """
        eta = self.decision_function(X)
        return np.column_stack([expit(-eta), expit(eta)])

    def predict(self, X) -> NDArray[Any]:
        """Return the likelier class, the first where they tie."""
        likelier = self.decision_function(X) > 0
        return self.classes_[likelier.astype(int)]

    def _men(
        self, X, y, sample_weight, groups
    ) -> tuple[Floats, Floats, Floats, NDArray[Any]]:  # fmt: skip
        """Return features, outcome as 0 or 1, count and name of the men who count."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        who = np.arange(len(y)) if groups is None else np.asarray(groups)
        check_consistent_length(X, who)
        drawn = weight > 0
        self._set_classes(y[drawn])
        outcome = (y == self.classes_[1]).astype(np.float64)
        return X[drawn], outcome[drawn], weight[drawn], who[drawn]

    def _set_classes(self, y: NDArray[Any]) -> None:
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) > 2:
            msg = (
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(y)}."
            )
            raise ValueError(msg)
        if len(self.classes_) < 2:
            msg = "y must hold two classes, got one class. Fit on men with either outcome."
            raise ValueError(msg)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
