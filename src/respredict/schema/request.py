"""A request for a score: the JSON a clinician's system sends, checked to the last field.

``REQUEST_FIELDS`` follows from the analytes; nothing is read that is not listed, and
every broken rule is told at once as ``{field, rule, got, remedy}``.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from respredict.errors import Problem, RequestError
from respredict.schema.analytes import ANALYTES
from respredict.schema.quantities import Quantity
from respredict.schema.reader import TESTOSTERONE_USE, Reader, Treatment, is_object, shown
from respredict.schema.record import AGE, BMI

__all__ = ["REQUEST_FIELDS", "TESTOSTERONE_USE", "Request", "Treatment", "read_request"]

_BODY = {"age": AGE, "bmi": BMI}
_DATES = ("sampled_on", "semen_sampled_on")

REQUEST_FIELDS: tuple[str, ...] = (
    *_BODY,
    *(a.name for a in ANALYTES),
    *_DATES,
    "treatment",
    "reference",
)

_KNOWN = dict.fromkeys(REQUEST_FIELDS)


@dataclass(frozen=True, slots=True)
class Request:
    """A valid request: quantities in canonical units, absent ones absent.

    Parameters
    ----------
    age : float or None
        Years; None only for a row of a table.
    bmi : float or None
        kg/m2.
    quantities : mapping of str to Quantity
        By analyte name, in its canonical unit.
    received : mapping of str to Quantity
        The same as they came.
    sampled_on, semen_sampled_on : date or None
        Days of the blood and the semen sample.
    treatment : Treatment
        What he takes or took.
    reference : str or None
        The caller's own pseudonym.
    confirmed : frozenset of str
        Analytes whose unit is confirmed; only a table's sidecar says so.
    """

    age: float | None = None
    bmi: float | None = None
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    received: Mapping[str, Quantity] = field(default_factory=dict)
    sampled_on: datetime.date | None = None
    semen_sampled_on: datetime.date | None = None
    treatment: Treatment = field(default_factory=Treatment)
    reference: str | None = None
    confirmed: frozenset[str] = frozenset()


def read_request(body: object) -> Request:
    """Check a parsed JSON body and return the request it makes.

    Parameters
    ----------
    body : object
        What ``json.loads`` gave.

    Returns
    -------
    Request
        In canonical units.

    Raises
    ------
    RequestError
        With every problem found.

    Examples
    --------
    >>> request = read_request({"age": 34, "lh": {"value": 3.4, "unit": "mIU/mL"}})
    >>> request.quantities["lh"]
    Quantity(value=3.4, unit='[IU]/L', comparator='')
    """
    if not is_object(body):
        raise RequestError(
            Problem("request", "be a JSON object", shown(body), 'Send {"age": 34, ...}')
        )
    reader = Reader()
    reader.refuse_unknown(body, _KNOWN, "")
    if body.get("age") is None:
        reader.add("age", "be given", "nothing", "Send the man's age in years")
    age = reader.limited("age", body.get("age"), AGE)
    bmi = reader.limited("bmi", body.get("bmi"), BMI)
    quantities: dict[str, Quantity] = {}
    received: dict[str, Quantity] = {}
    for of in ANALYTES:
        value = body.get(of.name)
        pair = None if value is None else reader.quantity(of, value)
        if pair is not None:
            received[of.name], quantities[of.name] = pair
    request = Request(
        age=age,
        bmi=bmi,
        quantities=quantities,
        received=received,
        sampled_on=reader.date("sampled_on", body.get("sampled_on")),
        semen_sampled_on=reader.date("semen_sampled_on", body.get("semen_sampled_on")),
        treatment=reader.treatment(body.get("treatment")),
        reference=reader.text("reference", body.get("reference")),
    )
    if reader.problems:
        raise RequestError(reader.problems)
    return request
