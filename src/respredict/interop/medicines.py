"""Hormonal medicines that resources name: a score must know of them, and must not guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from respredict.interop.issues import Issue
from respredict.interop.resources import Resource
from respredict.schema.reader import is_object

__all__ = ["is_anastrozole", "named_medicines"]

_KINDS = ("MedicationRequest", "MedicationStatement", "MedicationAdministration",
          "MedicationDispense")  # fmt: skip
_NOT_TAKEN = ("entered-in-error", "cancelled", "draft", "not-taken", "not-done", "declined")
_HORMONAL = re.compile(
    r"testosteron|nandrolon|oxandrolon|stanozolol|anabolic|androgel|anastrozol|arimidex|letrozol"
    r"|exemestan|clomi(ph|f)en|tamoxifen|raloxifen|gonadotropin|\bhcg\b|follitropin|menotropin"
    r"|gonadorelin|leuprorelin|leuprolide|goserelin|triptorelin",
    re.IGNORECASE,
)
_ANASTROZOLE = re.compile(r"anastrozol|arimidex", re.IGNORECASE)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
#: Anastrozole, Arimidex and their products.
_RXNORM_CODES = frozenset({"84857", "199224", "151124", "315382", "564931", "1157703"})


def named_medicines(found: Iterable[Resource]) -> list[Issue]:
    """Return an issue for each hormonal medicine that is named.

    Parameters
    ----------
    found : iterable of Resource
        Those of other kinds are passed over.

    Returns
    -------
    list of Issue
        That his treatment must be told.
    """
    found = list(found)
    issues = []
    for one in found:
        if one.kind not in _KINDS or one.body.get("status") in _NOT_TAKEN:
            continue
        named = next(filter(None, map(_HORMONAL.search, _words(one.body, found))), None)
        if named or is_anastrozole(one.body, found):
            got = f"a medicine that names {named[0].lower()}" if named else "anastrozole"
            issues.append(Issue(one.path, "be told as his treatment", got,
                                "Send the parameter treatment, or use the form of the service",
                                code="business-rule"))  # fmt: skip
    return issues


def is_anastrozole(order: Mapping[Any, Any], found: Sequence[Resource] = ()) -> bool:
    """Return whether a medication resource is of anastrozole, by code or by name.

    Parameters
    ----------
    order : mapping
        A request, statement, administration or dispense.
    found : sequence of Resource, default=()
        Where a Medication that it refers to may stand.

    Returns
    -------
    bool
        Whether it is.

    Examples
    --------
    >>> is_anastrozole({"medicationCodeableConcept": {"text": "Arimidex 1 mg"}})
    True
    """
    codings = [
        coding for concept in _concepts(order, found)
        for coding in _list(concept.get("coding")) if is_object(coding)
    ]  # fmt: skip
    coded = any(c.get("system") == RXNORM and str(c.get("code")) in _RXNORM_CODES for c in codings)
    return coded or any(_ANASTROZOLE.search(word) for word in _words(order, found))


def _words(order: Mapping[Any, Any], found: Sequence[Resource]) -> Iterator[str]:
    reference = order.get("medicationReference")
    words = [reference.get("display")] if is_object(reference) else []
    for concept in _concepts(order, found):
        words.append(concept.get("text"))
        words += [c.get("display") for c in _list(concept.get("coding")) if is_object(c)]
    return (word for word in words if isinstance(word, str))


def _concepts(order: Mapping[Any, Any], found: Sequence[Resource]) -> Iterator[Mapping[Any, Any]]:
    """Yield what the medicine is called, there or in the Medication that is referred to."""
    told = order.get("medicationCodeableConcept")
    if is_object(told):
        yield told
    reference = order.get("medicationReference")
    name = reference.get("reference") if is_object(reference) else None
    contained = [
        (f"#{one.get('id')}", one) for one in _list(order.get("contained")) if is_object(one)
    ]
    beside = [(name_of, one.body) for one in found for name_of in (one.full_url, one.relative)]
    for of, medication in (*contained, *beside):
        if name and of == name and is_object(medication.get("code")):
            yield medication["code"]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
