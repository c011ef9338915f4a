"""The model: censored values completed, features, classifiers, its candidates.

To add a class that a fitted pipeline holds, add it to ``TRUSTED_TYPES``: a bundle
with any other type is refused, and a test holds the two equal.
"""

from __future__ import annotations

__all__ = ["TRUSTED_TYPES"]

#: The types of saved pipelines that skops does not trust by itself, sorted.
TRUSTED_TYPES: tuple[str, ...] = (
    "respredict.model.boosting.MonotoneBoosting",
    "respredict.model.censoring.CensoredGaussianImputer",
    "respredict.model.features.RatioFeatures",
    "respredict.model.logistic.ShrunkenLogistic",
    "respredict.model.splines.RestrictedSplines",
)
