"""The validation of a model as one frozen object, and as JSON.

The keys are documented below, each with what it holds. A number that was estimated is
``{"value", "low", "high"}``, or ``{"value": null, "reason"}``; a corrected metric is
``{"apparent", "optimism", "corrected"}``, with ``"spread"`` where no interval is known.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from respredict.errors import InputError, Problem

__all__ = ["FORMAT", "Report"]

FORMAT = "respredict-report/1"


@dataclass(frozen=True, slots=True)
class Report:
    """A validation: plain values, nothing that could change.

    Parameters
    ----------
    settings : mapping
        What was asked, by its dotted name; ``level`` is that of every interval.
    provenance : mapping
        ``cohort`` (kind, source, sha256, rows, date), ``use``, ``digest`` of the bundle,
        ``code_version``, ``versions`` of the packages, ``seed``, ``command``.
    cohort : mapping
        ``men``, ``events``, ``prevalence``, ``left_out`` (men by reason), ``sites`` (name,
        n, events), ``table_one``: per variable, of ``all``, ``improved`` and
        ``not_improved``: n, missing, censored, and quartiles or ``yes``.
    sample_size : mapping
        Before anything was fitted: ``men``, ``events``, ``needed``, ``events_needed``,
        ``criteria``, the assumed ``auc``, ``parameters``, ``prevalence``, what is
        ``achieved``, ``enough`` and the ``verdict`` in words.
    model : mapping
        ``candidate`` fitted, ``asked`` (a candidate, or ``select``), ``predictors``.
    selection : mapping
        ``folds`` (``site`` or ``outcome``), ``n_folds``, ``repeats``, ``candidates``:
        name, log_loss, difference from the best and its standard_error, chosen,
        chosen_in_folds and chosen_in_resamples (shares); ``nested``: log_loss and auc of
        the whole procedure on men left out.
    performance : mapping
        By name of candidate, comparator, or ``select`` (the whole procedure): by metric, the
        corrected number; of a published rule also ``rule``: n of whom it can be said, yes,
        sensitivity, specificity.
    calibration : mapping
        ``on`` whom, and ``points``: p, observed, low, high.
    risks : mapping
        Histogram of the model's probabilities: ``edges``, and ``improved`` and
        ``not_improved`` counts, null where too small to tell.
    decision : sequence of mapping
        Per ``threshold``: ``net_benefit`` corrected with its band, ``treat_all``,
        ``interventions_avoided`` of 100 men (its interval is that of the difference from
        treating all, on the same resamples), ``comparators`` by name.
    roc : sequence of mapping
        ``threshold``, ``sensitivity``, ``specificity``, of men left out.
    stability : mapping
        ``mape`` (mean, median, p90), ``half_width`` (median, p90), ``thresholds``
        (threshold, changes, unstable_men), ``points`` (p, low, high, mape, changes) and
        ``men_a_point``.
    learning : mapping
        ``points`` (men, log_loss, auc), ``more`` (men, log_loss, auc: the change they would
        bring) and ``extrapolated``; or ``reason``.
    contributions : mapping
        ``log_loss`` and ``auc`` with ``hormones``, ``covers`` (what the intervals cover) and
        ``sets``: predictors, question, log_loss, auc, differences, answer.
    subgroups : sequence of mapping
        ``by``, ``group``, ``n``, ``events``, metrics with intervals; or ``reason``.
    transport : mapping
        ``sites``: site, n, events, metrics when predicted by the others; ``pooled``: auc and
        calibration_intercept with ``expected`` of another site, ``tau2``, ``i2``.
    worsening : mapping
        ``basis`` (``model`` or ``base rate``), men, events, ``rate``, ``needed`` men, and
        ``performance`` where it is modelled.
    shrinkage : sequence of mapping
        name, unit, role, ``prior``, ``data_only``, ``posterior``; empty for a model
        without coefficients.
    notices : sequence of str
        What a reader should know.

    Examples
    --------
    >>> blank = {f.name: {} for f in dataclasses.fields(Report)}
    >>> blank |= {name: [] for name in ("decision", "roc", "subgroups", "shrinkage", "notices")}
    >>> report = Report.from_dict({"format": FORMAT, **blank, "notices": ["few men"]})
    >>> report.notices, Report.from_dict(report.as_dict()) == report
    (('few men',), True)
    """

    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    cohort: Mapping[str, Any]
    sample_size: Mapping[str, Any]
    model: Mapping[str, Any]
    selection: Mapping[str, Any]
    performance: Mapping[str, Any]
    calibration: Mapping[str, Any]
    risks: Mapping[str, Any]
    decision: tuple[Mapping[str, Any], ...]
    roc: tuple[Mapping[str, Any], ...]
    stability: Mapping[str, Any]
    learning: Mapping[str, Any]
    contributions: Mapping[str, Any]
    subgroups: tuple[Mapping[str, Any], ...]
    transport: Mapping[str, Any]
    worsening: Mapping[str, Any]
    shrinkage: tuple[Mapping[str, Any], ...]
    notices: tuple[str, ...]

    def __post_init__(self) -> None:
        for part in dataclasses.fields(self):
            object.__setattr__(self, part.name, _frozen(getattr(self, part.name)))

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Report:
        """Read what ``as_dict`` gave.

        Parameters
        ----------
        told : mapping
            Parsed JSON.

        Returns
        -------
        Report
            Equal to the one it came from.

        Raises
        ------
        InputError
            If it is of another format, or a part is missing or unknown.
        """
        form = told.get("format")
        if form != FORMAT:
            remedy = "Read it with the version of respredict that wrote it"
            raise InputError(Problem("format", f"be {FORMAT}", repr(form), remedy))
        names = {part.name for part in dataclasses.fields(cls)}
        wrong = names ^ (set(told) - {"format"})
        if wrong:
            got = f"{', '.join(sorted(wrong))} missing or unknown"
            raise InputError(Problem("a report", "hold its parts", got, "Validate again"))
        return cls(**{name: told[name] for name in names})

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, ``format`` first.

        Returns
        -------
        dict
            New lists and dicts.
        """
        parts = {part.name: _plain(getattr(self, part.name)) for part in dataclasses.fields(self)}
        return {"format": FORMAT, **parts}

    def to_json(self) -> str:
        """Return the JSON text: the same for the same validation."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def metrics(self) -> dict[str, float]:
        """Return every estimated number by a flat name, as a tracker logs it.

        Returns
        -------
        dict of str to float
            Such as ``validation.performance.published.auc.corrected.value``. What holds
            points of a figure is left out.
        """
        parts = ("cohort", "sample_size", "selection", "performance", "stability", "learning",
                 "contributions", "transport", "subgroups", "worsening", "shrinkage")  # fmt: skip
        told = {}
        for name in parts:
            for key, value in _numbers(getattr(self, name)):
                told[f"validation.{name}{key}"] = value
        return told


#: How a row of a list is named, and what is left to the figures.
_NAMED_BY = ("name", "by", "group", "site", "predictors", "threshold", "men", "variable")
_FIGURES = ("points", "table_one")


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({str(key): _frozen(one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(one) for one in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers below a value, each with the rest of its name."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, int | float):
        if math.isfinite(value):
            yield "", float(value)
        return
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key not in _FIGURES:
                for rest, number in _numbers(one):
                    yield f".{_slug(key)}{rest}", number
        return
    for i, row in enumerate(value):
        name = str(i)
        if isinstance(row, Mapping):
            name = ".".join(_slug(row[key]) for key in _NAMED_BY if key in row) or name
        for rest, number in _numbers(row):
            yield f".{name}{rest}", number


def _slug(word: Any) -> str:
    """Return a word with only the characters that a tracker takes in a name."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_and_" if c == "+" else "_"
                   for c in str(word)).replace(" ", "_")  # fmt: skip
