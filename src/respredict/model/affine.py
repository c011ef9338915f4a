"""Read a fitted pipeline as one weighted sum of its completed values, where it is one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.model.features import RatioFeatures
from respredict.model.logistic import ShrunkenLogistic

__all__ = ["affine"]


def affine(pipeline: Any) -> tuple[float, NDArray[np.float64]] | None:
    """Return intercept and slopes in the completed values, None for a curved model.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Imputer, features and classifier, fitted.

    Returns
    -------
    tuple of (float, ndarray of shape (n_values,)) or None
        Log-odds where every completed value is 0, and per unit of each; a log ratio
        counts with the two logs it is made of.

    Examples
    --------
    >>> import pandas as pd
    >>> from respredict.model.candidates import build_pipeline, matrix_columns
    >>> men = pd.DataFrame(
    ...     [[300, 4.0, 0, 0], [450, 3.0, 0, 0], [250, 9.0, 0, 0], [280, 7.0, 0, 0]],
    ...     columns=matrix_columns("t_lh"), dtype=float)
    >>> intercept, slopes = affine(build_pipeline("t_lh").fit(men, [0, 1, 0, 1]))
    >>> slopes.round(2)
    array([ 1.13, -1.11])
    """
    features, *between, classifier = (step for _, step in pipeline.steps[1:])
    straight = isinstance(features, RatioFeatures) and isinstance(classifier, ShrunkenLogistic)
    if between or not straight:
        return None
    width = len(pipeline[0].mean_)
    coefficients = classifier.coef_[0]
    slopes = coefficients[:width].copy()
    for ratio, (over, under) in enumerate(
        zip(features.numerators_, features.denominators_, strict=True)
    ):
        slopes[over] += coefficients[width + ratio]
        slopes[under] -= coefficients[width + ratio]
    return float(classifier.intercept_[0]), slopes
