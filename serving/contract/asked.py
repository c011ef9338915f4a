"""What may be asked: drawn from the analytes and the rules of a request, never by hand."""

from __future__ import annotations

from typing import Any

from respredict.schema import request as rules
from respredict.schema.analytes import ANALYTES, Analyte, Unit
from respredict.schema.record import AGE, BMI
from serving.contract.fields import Schema, array, flag, number, record, ref, text
from serving.parsing import MOST_MEN

__all__ = ["EXAMPLE", "asked_schemas"]

_BELOW, _ABOVE, _EXACT = ["<", "<=", "≤"], [">", ">=", "≥"], ["", "="]
_DAY = "2026-10-02"

#: The documented request, and with every value the example of its field.
EXAMPLE: dict[str, Any] = {
    "age": 34,
    "bmi": 28.7,
    "testosterone": {"value": 270.6, "unit": "ng/dL"},
    "estradiol": {"value": 20, "unit": "pg/mL", "comparator": "<"},
    "lh": {"value": 3.4, "unit": "[IU]/L"},
    "fsh": {"value": 4.8, "unit": "[IU]/L"},
    "shbg": {"value": 31, "unit": "nmol/L"},
    "prolactin": {"value": 8.1, "unit": "ng/mL"},
    "inhibin_b": {"value": 140, "unit": "pg/mL"},
    "sperm_concentration": {"value": 7.8, "unit": "10*6/mL"},
    "semen_volume": {"value": 2.6, "unit": "mL"},
    "motility": {"value": 31, "unit": "%"},
    "sampled_on": _DAY,
    "semen_sampled_on": _DAY,
    "treatment": {
        "testosterone": "never",
        "stopped_on": None,
        "anastrozole_mg_week": 0,
        "anastrozole_since": None,
        "clomiphene": False,
        "tamoxifen": False,
        "gonadotropin_or_gnrh": False,
    },
    "reference": "a local pseudonym",
}


def asked_schemas() -> dict[str, Schema]:
    """Return the schemas of what may be asked.

    Returns
    -------
    dict of str to dict
        By name.
    """
    quantities = {f"Asked_{a.name}": _quantity(a) for a in ANALYTES}
    named = {a.name: ref(f"Asked_{a.name}", _told(a)) for a in ANALYTES}
    treatment = EXAMPLE["treatment"]
    always = {"age": _limited(AGE.meaning, EXAMPLE["age"], AGE.low, AGE.high, "a")}
    sometimes: dict[str, Schema] = {
        "bmi": _nullable(_limited(BMI.meaning, EXAMPLE["bmi"], BMI.low, BMI.high, BMI.unit)),
        **{name: {"anyOf": [schema, {"type": "null"}], "description": schema["description"]}
           for name, schema in named.items()},
        "sampled_on": _date("Day of the blood sample; older than 180 days is a caution."),
        "semen_sampled_on": _date("Day of the semen sample; older than 180 days is a caution."),
        "treatment": _treatment(treatment),
        "reference": text(
            "The caller's own pseudonym, echoed and kept erasable. Never a name.",
            EXAMPLE["reference"], null=True, maxLength=100, pattern=r"^[^\x00-\x1f\x7f-\xa0]*$",
        ),
    }  # fmt: skip
    assert {*always, *sometimes} == set(rules.REQUEST_FIELDS)
    man = record(
        "One man. Only age is required; testosterone and LH are needed for a probability. "
        "What is left out or null is unknown, and the answer says so.",
        always, sometimes, examples=[EXAMPLE],
    )  # fmt: skip
    men = array(f"1 to {MOST_MEN:,} men, each of at most 64 kB.", ref("Man"),
                minItems=1, maxItems=MOST_MEN, examples=[[EXAMPLE, {"age": 41}]])  # fmt: skip
    said = text("What you say of the decision.", "I disagree, because his FSH was drawn late.",
                minLength=1, maxLength=2000, pattern=r"[!-~]")  # fmt: skip
    note = record("A note on a decision.", {"text": said})
    outcome = record("Whether a man who was scored improved.", {
        "decision": text("decision_id of his answer.", "0192f0c1-5f3e-7aaa-8bbb-0123456789ab",
                         format="uuid"),
        "improved": flag("Whether he improved, as the model defines it.", example=True),
        "on": {**_date("Day of the follow-up sample, later than the start."), "type": "string"},
    })  # fmt: skip
    return {**quantities, "Man": man, "Men": men, "NewNote": note, "NewOutcome": outcome}


def _told(of: Analyte) -> str:
    units = ", ".join(f"{of.low / u.factor:.4g} to {of.high / u.factor:.4g} {u.code}"
                      for u in of.units)  # fmt: skip
    return f"{of.label[0].upper()}{of.label[1:]}, {units}. {of.meaning}"


def _quantity(of: Analyte) -> Schema:
    """Return the schema of a reading: one alternative a unit and side."""
    alternatives = []
    for unit in of.units:
        # Read with an upper limit only, an assay may stop below what any man's sample shows.
        above = _EXACT if of.low == 0 else [*_EXACT, *_ABOVE]
        below = _BELOW if of.low > 0 else [*_BELOW, *_ABOVE]
        alternatives.append(_reading(of, unit, above, censored=False))
        alternatives.append(_reading(of, unit, below, censored=True))
    return {"description": _told(of), "anyOf": alternatives, "examples": [EXAMPLE[of.name]]}


def _reading(of: Analyte, unit: Unit, sides: list[str], *, censored: bool) -> Schema:
    example = float(f"{(of.median or of.high / 10) / unit.factor:.4g}")
    # Rounded inwards: a limit in another unit is no short number.
    low, high = _inward(of.low / unit.factor, 1), _inward(of.high / unit.factor, -1)
    value = number(f"As reported, in {unit.code}.", example, high=high, unit=unit.code)
    value["exclusiveMinimum" if censored else "minimum"] = 0 if censored else low
    meaning = "The value lies on that side of the number." if censored else "Exact if left out."
    side = text(meaning, sides[0], enum=sides)
    written = text("Unit of the report.", unit.code, enum=[unit.code, *unit.aliases])
    always: dict[str, Schema] = {"value": value, "unit": written}
    if censored:
        return record(f"Censored, in {unit.code}.", {**always, "comparator": side})
    side = text(meaning, sides[0], null=True, enum=sides)
    return record(f"In {unit.code}.", always, {"comparator": side})


def _inward(limit: float, towards: int) -> float:
    """Return a limit at six digits that lies inside the exact one."""
    if limit == 0 or float(f"{limit:.6g}") == limit:
        return limit
    step = 10.0 ** (len(str(int(limit))) - 6)
    return float(f"{limit + towards * step:.6g}")


def _limited(meaning: str, example: float, low: float, high: float, unit: str) -> Schema:
    return number(meaning, example, low=low, high=high, unit=unit)


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _date(meaning: str) -> Schema:
    return text(meaning, _DAY, null=True, format="date", pattern=r"^\d{4}-\d\d-\d\d$")


def _treatment(example: dict[str, Any]) -> Schema:
    low, high = 0.0, 70.0
    use = [*rules.TESTOSTERONE_USE, *(w for ws in rules.TESTOSTERONE_USE.values() for w in ws)]
    dose = number("Weekly dose of anastrozole.", 7, low=low, high=high, unit="mg/wk", null=True)
    meant = {
        "clomiphene": "Whether clomiphene is taken with it.",
        "tamoxifen": "Whether tamoxifen is taken with it.",
        "gonadotropin_or_gnrh": "Whether hCG, FSH or gonadorelin is taken with it.",
    }
    return record(
        "What he takes or took; what is left out is unknown.",
        {},
        {
            "testosterone": text("Use of testosterone or anabolic steroids.", "never", null=True,
                                 enum=use),
            "stopped_on": _date("Day on which testosterone was stopped."),
            "anastrozole_mg_week": dose,
            "anastrozole_since": _date("First day of anastrozole, where it has begun."),
            **{name: flag(meaning, null=True) for name, meaning in meant.items()},
        },
        null=True, examples=[example],
    )  # fmt: skip
