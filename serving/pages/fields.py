"""What the form asks, drawn from the schema: names, units, limits, reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from respredict.schema.analytes import ANALYTES, Analyte, analyte
from respredict.schema.record import AGE, BMI, SEMEN, Column, column
from respredict.words.phrases import clinical, number, opening
from serving.pages.doubts import doubts

__all__ = ["Field", "Section", "sections"]

Kind = Literal["quantity", "number", "date", "choice", "text"]

_HORMONES = ("testosterone", "estradiol", "lh", "fsh")
_FLAGS = ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh")
_UNKNOWN = ("", "not known")
_YES_NO = (_UNKNOWN, ("no", "no"), ("yes", "yes"))
_USE = (_UNKNOWN, ("never", "never"), ("past", "in the past"), ("current", "now"))


@dataclass(frozen=True, slots=True)
class Field:
    """One question.

    Parameters
    ----------
    name : str
        Dotted path into the request.
    kind : {"quantity", "number", "date", "choice", "text"}
        How it is answered.
    words : str
        As a clinician reads it.
    why : str, default=""
        Why it is asked, and what its absence means.
    need : {"", "required", "probability"}, default=""
        Whether there is an answer or a probability without it.
    unit, span : str, default=""
        Unit and range as they are read.
    choices : tuple of (str, str), default=()
        Value and words of each choice.
    units : tuple of (str, str, str), default=()
        Code, words and range of each unit.
    rules : dict or None, default=None
        What the script looks up: limits, factors, doubted ranges.
    """

    name: str
    kind: Kind
    words: str
    why: str = ""
    need: Literal["", "required", "probability"] = ""
    unit: str = ""
    span: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    units: tuple[tuple[str, str, str], ...] = ()
    rules: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Questions that belong together.

    Parameters
    ----------
    title : str
        Of the group.
    fields : tuple of Field
        In order.
    optional : tuple of Field, default=()
        Behind a fold: read and recorded, not used.
    """

    title: str
    fields: tuple[Field, ...]
    optional: tuple[Field, ...] = ()


@cache
def sections(inputs: Sequence[str]) -> tuple[Section, ...]:
    """Return the form of a model.

    Parameters
    ----------
    inputs : tuple of str
        What the model uses.

    Returns
    -------
    tuple of Section
        Each field of a request stands in one of them.
    """
    more = [a.name for a in ANALYTES if a.name not in (*_HORMONES, *SEMEN)]
    return (
        Section("The man", (_age(), _bmi(inputs))),
        Section(
            "Hormones before treatment",
            (
                *(_quantity(analyte(name), inputs) for name in _HORMONES),
                Field("sampled_on", "date", "Day of the blood sample", "Says whether it is old."),
            ),
            tuple(_quantity(analyte(name), inputs) for name in more),
        ),
        Section(
            "Semen before treatment",
            (
                *(_quantity(analyte(name), inputs) for name in SEMEN),
                Field("semen_sampled_on", "date", "Day of the semen sample"),
            ),
        ),
        Section("Treatment", _treatment()),
        Section("Reference", (_reference(),)),
    )


def _age() -> Field:
    return Field(
        "age", "number", "Age", "At the blood sample.", "required", "years", _span(AGE, "years"),
        rules={"name": "age", "low": AGE.low, "high": AGE.high},
    )  # fmt: skip


def _bmi(inputs: Sequence[str]) -> Field:
    why = f"Body mass index. {_absent('bmi', inputs)}"
    rules = {"name": "bmi", "low": BMI.low, "high": BMI.high}
    return Field("bmi", "number", "BMI", why, "", "kg/m²", _span(BMI, "kg/m²"), rules=rules)


def _quantity(of: Analyte, inputs: Sequence[str]) -> Field:
    needed = of.name in ("testosterone", "lh") and of.name in inputs
    units = tuple(
        (
            unit.code,
            clinical(f" {unit.code}").strip().replace("m[IU]", "mIU"),
            f"{number(of.low / unit.factor)} to {number(of.high / unit.factor)}",
        )
        for unit in of.units
    )
    # Where one unit stands for another one to one, nothing can be mistaken.
    single = len({unit.factor for unit in of.units}) == 1
    units = units[:1] if single else units
    ranges = [f"{span} {words}" for _, words, span in units]
    return Field(
        of.name,
        "quantity",
        opening(of.label),
        f"{of.meaning} {'' if needed else _absent(of.name, inputs)}".strip(),
        "probability" if needed else "",
        unit=units[0][1] if single else "",
        span=" or ".join(ranges),
        units=units,
        rules=_rules(of),
    )


def _rules(of: Analyte) -> dict[str, Any]:
    return {
        "name": of.name,
        "units": {
            unit.code: {
                "words": clinical(f" {unit.code}").strip(),
                "factor": unit.factor,
                "low": of.low / unit.factor,
                "high": of.high / unit.factor,
                "doubts": [doubt.as_dict() for doubt in doubts(of, unit)],
            }
            for unit in of.units
        },
    }


def _treatment() -> tuple[Field, ...]:
    dose = column("anastrozole_mg_week")
    flags = [column(name) for name in _FLAGS]
    words = {"gonadotropin_or_gnrh": "Gonadotropin or GnRH"}
    return (
        Field(
            "treatment.testosterone", "choice", "Testosterone or anabolic steroids",
            "They suppress LH and FSH: while he takes them no probability can be given.",
            choices=_USE,
        ),
        Field("treatment.stopped_on", "date", "Day testosterone was stopped", "If in the past."),
        Field(
            "treatment.anastrozole_mg_week", "number", "Anastrozole, weekly dose",
            "Planned or taken; recorded, not a predictor.", "", "mg a week", _span(dose, "mg"),
            rules={"name": "treatment.anastrozole_mg_week", "low": dose.low, "high": dose.high},
        ),
        Field(
            "treatment.anastrozole_since", "date", "Anastrozole since",
            "Only if it has begun: blood drawn on it is no baseline.",
        ),
        *(
            Field(f"treatment.{c.name}", "choice", words.get(c.name, opening(c.name)), c.meaning,
                  choices=_YES_NO)
            for c in flags
        ),
    )  # fmt: skip


def _reference() -> Field:
    why = "A pseudonym of yours, to find this answer again. Never a name or a record number."
    return Field("reference", "text", "Your reference", why)


def _absent(name: str, inputs: Sequence[str]) -> str:
    return "Left empty, it is estimated from the others." if name in inputs else ""


def _span(of: Column, unit: str) -> str:
    return f"{of.low:g} to {of.high:g} {unit}"
