"""``[candidates]``: what the candidates are held to, where their own defaults are not wanted.

A penalty that a candidate chooses from the men, again in every fit, is none of these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CANDIDATE_RANGES", "CandidateSettings", "search_notice"]

# Harrell, Regression Modeling Strategies, 2nd edition (2015), table 2.3.
_QUANTILES = {
    3: (0.1, 0.5, 0.9),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
}

#: Least and greatest value of each number.
CANDIDATE_RANGES: dict[str, tuple[float, float]] = {
    "prior_width": (0.1, 10.0),
    "knots": (3, 5),
    "learning_rate": (0.01, 1.0),
    "leaf_penalty": (0.01, 100.0),
    "leaf_information": (1.0, 50.0),
}


@dataclass(frozen=True, slots=True)
class CandidateSettings:
    """``[candidates]``: parameters of the candidates.

    Parameters
    ----------
    search : str
        What searched for the values below, told in card and report; empty if nobody did.
    prior_width : float
        Of ``published``: multiple of the standard deviations of the published prior.
    knots : int
        Of ``splines``: 3 to 5.
    learning_rate : float
        Of ``boosting``: share of each tree that is taken.
    leaf_penalty : float
        Of ``boosting``: added to the information of each leaf.
    leaf_information : float
        Of ``boosting``: what a leaf must hold, as a sum of p (1 - p).

    Examples
    --------
    >>> CandidateSettings(knots=4).parameters("splines")
    {'features__quantiles': (0.05, 0.35, 0.65, 0.95)}
    """

    search: str = ""
    prior_width: float = 1.0
    knots: int = 3
    learning_rate: float = 0.1
    leaf_penalty: float = 1.0
    leaf_information: float = 5.0

    def parameters(self, candidate: str) -> dict[str, Any]:
        """Return the parameters of a candidate, as its pipeline names them.

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        dict
            For ``set_params``.
        """
        named: dict[str, dict[str, Any]] = {
            "published": {"classifier__scales": (self.prior_width,)},
            "splines": {"features__quantiles": _QUANTILES[self.knots]},
            "boosting": {
                "classifier__learning_rate": self.learning_rate,
                "classifier__penalty": self.leaf_penalty,
                "classifier__least_information": self.leaf_information,
            },
        }
        return named.get(candidate, {})

    @classmethod
    def of(cls, flat: Mapping[str, Any]) -> CandidateSettings:
        """Return those of flat settings, as a bundle or a report keeps them.

        Parameters
        ----------
        flat : mapping
            By ``section.key``; a key that is not there has its default.

        Returns
        -------
        CandidateSettings
            Frozen.
        """
        names = (f.name for f in dataclasses.fields(cls))
        return cls(**{n: flat[f"candidates.{n}"] for n in names if f"candidates.{n}" in flat})


def search_notice(flat: Mapping[str, Any]) -> str:
    """Say of a model whose parameters were searched for what no resample repeated.

    Parameters
    ----------
    flat : mapping
        Its settings, by ``section.key``.

    Returns
    -------
    str
        Empty where nobody searched.

    Examples
    --------
    >>> search_notice({"candidates.search": "study 'spring', 40 trials"})[:58]
    "Parameters were searched for (study 'spring', 40 trials) o"
    """
    search = flat.get("candidates.search", "")
    if not search:
        return ""
    return (
        f"Parameters were searched for ({search}) on these men, and the search was not repeated "
        "in the resamples: what is told of performance is somewhat too good. Other men judge it."
    )
