"""What a report is made of: a validation, the model it is of, and nothing computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respredict.candidate_settings import search_notice
from respredict.equation import Equation
from respredict.report.amounts import Amount
from respredict.report.sentences import Parts

__all__ = ["Sources"]

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sources:
    """All that the pages tell.

    Parameters
    ----------
    report : mapping
        ``Report.as_dict()`` of the validation.
    meta : mapping
        Of the bundle.
    version : mapping
        ``number`` and ``run_id`` in the registry; None for a model named by its digest.
    equation : Equation or None, default=None
        Of a model that is a weighted sum.
    explanation : mapping or None, default=None
        As ``explanation_points`` gives it, where training stored it.
    """

    report: Told
    meta: Told
    version: Told
    equation: Equation | None = None
    explanation: Told | None = None

    @property
    def model(self) -> Told:
        """The model's own part of the performance."""
        name = self.report["model"]["candidate"]
        asked = self.report["model"]["asked"]
        of: Told = self.report["performance"]["select" if asked == "select" else name]
        return of

    @property
    def demonstration(self) -> bool:
        """Whether the men are synthetic."""
        return bool(self.report["provenance"]["use"] == "demonstration")

    @property
    def name(self) -> Parts:
        """What the model is called on a page."""
        number = self.version["number"]
        return ("a model",) if number is None else ("version ", Amount(number, "count"))

    @property
    def searched(self) -> str:
        """What to know of a search for its parameters, empty where there was none."""
        return search_notice(self.report["settings"])

    @property
    def repeated(self) -> str:
        """What was done again in every resample."""
        return "everything but one search for parameters" if self.searched else "everything"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that every number on the pages is found in."""
        return {
            "report": self.report,
            "version": dict(self.version),
            "equation": None if self.equation is None else self.equation.as_dict(),
            "explanation": self.explanation,
        }

    def notices(self) -> tuple[str, ...]:
        """Return the notices, of a clinic's men without the value and the row of one of them."""
        told = tuple(self.report["notices"])
        if self.demonstration:
            return told
        return tuple(": ".join(n.split(": ")[:2]) if "in row" in n else n for n in told)
