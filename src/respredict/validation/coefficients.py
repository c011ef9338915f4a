"""The prior, the men alone, and what the model makes of both: coefficient by coefficient."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.model.features import RatioFeatures
from respredict.model.logistic import ShrunkenLogistic
from respredict.model.posterior import Sample, climb
from respredict.validation.fitting import Men
from respredict.validation.measured import Measured, half_width

__all__ = ["Coefficient", "coefficients"]

Floats = NDArray[np.float64]

_WIDE = 1e3  # of a prior that tells nothing, per standard deviation of a column
_LARGEST = 12.0  # per standard deviation: beyond it the men are separated, not estimated
_SEPARATED = "the men alone separate the outcomes, so that no coefficient is the likeliest"
_TIED = "a ratio beside its two logs cannot be estimated from men alone"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient.

    Parameters
    ----------
    name : str
        Of the completed value or the ratio.
    unit : str
        Log-odds of improvement per what.
    role : {"net", "ratio"}
        ``net``: of a measured value, with what the ratios it is in bring to it.
    prior, data_only, posterior : Measured
        What was expected, what the men alone say, and what is served.
    """

    name: str
    unit: str
    role: str
    prior: Measured
    data_only: Measured
    posterior: Measured

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of a report."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: v.as_dict() if isinstance(v, Measured) else v for k, v in told.items()}


def coefficients(model: Any, men: Men, columns: list[str], *, level: float = 0.9) -> (
    tuple[Coefficient, ...] | str
):  # fmt: skip
    """Set the prior beside the men alone and what the model makes of both.

    Parameters
    ----------
    model : Pipeline
        Fitted.
    men : Men
        To whom it was fitted.
    columns : list of str
        Of the matrix that it takes.
    level : float, default=0.9
        Of the intervals, in (0, 1).

    Returns
    -------
    tuple of Coefficient, or str
        Each measured value, then each ratio; or why this model has none.

    Notes
    -----
    A log ratio beside its two logs is determined by them, so that men can only tell the net
    coefficient of each log; the prior says how it is shared out. Intervals are normal, with
    the curvature of the posterior.
    """
    features, classifier = model[1], model[-1]
    if not (isinstance(features, RatioFeatures) and isinstance(classifier, ShrunkenLogistic)):
        return "the model has no coefficient for each measured value"
    imputer, z = model[0], half_width(level)
    names = list(imputer.get_feature_names_out())
    ratios = [str(ratio[0]) for ratio in features.ratios]
    net = _net(len(names), features)
    mean, variance = classifier.prior_mean_, np.square(classifier.prior_sd_)
    prior = (net @ mean, np.sqrt(net**2 @ variance))
    covariance = classifier.covariance_[1:, 1:]
    served = (net @ classifier.coef_[0], np.sqrt(np.einsum("ij,jk,ik->i", net, covariance, net)))
    alone = _alone(imputer.transform(men.X[columns]), men.y)
    rows = []
    for i, name in enumerate([*names, *ratios]):
        measured = i < len(names)
        found = Measured(None, reason=_TIED if alone else _SEPARATED)
        if measured:
            found = Measured(None, reason=_SEPARATED)
            if alone is not None:
                found = _normal(alone[0][i], alone[1][i], z)
        rows.append(
            Coefficient(
                name, _unit(name), "net" if measured else "ratio",
                _normal(prior[0][i], prior[1][i], z), found, _normal(served[0][i], served[1][i], z),
            )
        )  # fmt: skip
    return tuple(rows)


def _net(width: int, features: RatioFeatures) -> Floats:
    """Return what takes coefficients to net ones of the values, then those of the ratios."""
    count = len(features.numerators_)
    net = np.eye(width + count)
    for i, (over, under) in enumerate(
        zip(features.numerators_, features.denominators_, strict=True)
    ):
        net[over, width + i] += 1.0
        net[under, width + i] -= 1.0
    return net


def _alone(Z: Floats, y: NDArray[np.int64]) -> tuple[Floats, Floats] | None:
    """Return coefficients of most likelihood and their errors; None where men are separated."""
    center, spread = Z.mean(axis=0), Z.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(Z)), (Z - center) / spread])
    width = Z.shape[1]
    sample = Sample(design, y.astype(float), np.ones(len(y)))
    peak = climb(sample, np.zeros(width), np.full(width, _WIDE), max_iter=100, tol=1e-10)
    if not peak.converged or np.abs(peak.b[1:]).max() > _LARGEST:
        return None
    error = np.sqrt(np.diag(np.linalg.inv(peak.curvature)))[1:]
    return peak.b[1:] / spread, error / spread


def _normal(value: float, error: float, z: float) -> Measured:
    return Measured(float(value), float(value - z * error), float(value + z * error))


def _unit(name: str) -> str:
    if name == "age_years":
        return "log-odds per year"
    return "log-odds, yes against no" if name == "azoospermia" else "log-odds per unit of the log"
