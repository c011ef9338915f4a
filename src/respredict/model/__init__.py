"""The model: censored values completed, features, a shrunken logistic, its candidates.

To add a class that a fitted pipeline holds, add it to ``TRUSTED_TYPES``: a bundle
with any other type is refused, and a test holds the two equal.
"""

from __future__ import annotations

__all__ = ["TRUSTED_TYPES"]

#: The types of a saved pipeline that skops does not trust by itself, sorted.
TRUSTED_TYPES: tuple[str, ...] = (
    "respredict.model.censoring.CensoredGaussianImputer",
    "respredict.model.features.RatioFeatures",
    "respredict.model.logistic.ShrunkenLogistic",
)
