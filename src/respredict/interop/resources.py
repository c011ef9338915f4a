"""FHIR R4 resources where they stand: out of a Bundle, each with its place and its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from respredict.errors import RequestError
from respredict.interop.issues import Issue
from respredict.schema.reader import is_object, shown

__all__ = [
    "BUNDLES", "MOST", "Resource", "check_once", "check_understood", "entries", "is_patient",
    "refuse",
]  # fmt: skip

#: Kinds of Bundle that are read; a history holds what was taken back.
BUNDLES = ("collection", "searchset", "transaction", "batch", "document", "message")
#: Entries of a Bundle.
MOST = 1_000
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_URL = re.compile(r"(https?://|urn:(uuid|oid):)[!#-;=?-~]{1,400}", re.ASCII)
_PATIENT = re.compile(
    r"(https?://[!#-;=?-~]{1,300}/)?Patient/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?"
    r"|urn:(uuid|oid):[A-Za-z0-9\-.]{1,64}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource where it stands.

    Parameters
    ----------
    path : str
        FHIRPath expression.
    body : mapping
        Its JSON object.
    full_url : str, default=""
        By which the Bundle names it.
    """

    path: str
    body: Mapping[str, Any]
    full_url: str = ""

    @property
    def kind(self) -> str:
        """Its resource type."""
        return str(self.body["resourceType"])

    @property
    def relative(self) -> str:
        """Its type and id; empty if it has no id that FHIR takes."""
        named = self.body.get("id")
        sound = isinstance(named, str) and _ID.fullmatch(named)
        return f"{self.kind}/{named}" if sound else ""

    @property
    def reference(self) -> str:
        """How it is referred to; empty if it has no name."""
        return self.full_url if _URL.fullmatch(self.full_url) else self.relative


def is_patient(reference: object) -> bool:
    """Return whether something is a reference to a Patient.

    Parameters
    ----------
    reference : object
        As JSON has it.

    Returns
    -------
    bool
        Whether it is one, or a URN that may be.

    Examples
    --------
    >>> is_patient("Patient/17"), is_patient("Practitioner/1"), is_patient("Patient/a b")
    (True, False, False)
    """
    return isinstance(reference, str) and _PATIENT.fullmatch(reference) is not None


def refuse(*issues: Issue) -> NoReturn:
    """Refuse what cannot be read on.

    Parameters
    ----------
    *issues : Issue
        Why.

    Raises
    ------
    RequestError
        With them.
    """
    raise RequestError(issues)


def entries(bundle: Mapping[Any, Any], path: str, issues: list[Issue]) -> list[Resource]:
    """Return the resources of a Bundle, each with its place.

    Parameters
    ----------
    bundle : mapping
        Its JSON object.
    path : str
        FHIRPath expression.
    issues : list of Issue
        Takes what is wrong with the Bundle.

    Returns
    -------
    list of Resource
        In order.

    Raises
    ------
    RequestError
        If an entry holds none, or there are too many.
    """
    kind, listed = bundle.get("type"), bundle.get("entry", [])
    if kind not in BUNDLES:
        issues.append(Issue(f"{path}.type", f"be one of {', '.join(BUNDLES)}",
                            "nothing" if kind is None else shown(kind), "Send collection",
                            code="required" if kind is None else "code-invalid"))  # fmt: skip
    if not isinstance(listed, list) or len(listed) > MOST:
        got = f"{len(listed)} entries" if isinstance(listed, list) else shown(listed)
        refuse(Issue(f"{path}.entry", f"be an array of at most {MOST:,}", got,
                     "Send the resources of one man", code="structure"))  # fmt: skip
    found: list[Resource] = []
    for i, entry in enumerate(listed):
        at = f"{path}.entry[{i}]"
        inner = entry.get("resource") if is_object(entry) else None
        if inner is None and is_object(entry):
            continue  # a deletion of a transaction
        if not is_object(inner) or not isinstance(inner.get("resourceType"), str):
            refuse(Issue(f"{at}.resource", "be a resource", shown(inner),
                         "Send an object with its resourceType", code="structure"))  # fmt: skip
        url = entry.get("fullUrl")
        found.append(Resource(f"{at}.resource", inner, url if isinstance(url, str) else ""))
    check_understood([Resource(path, {"resourceType": "Bundle", **bundle})], issues)
    return found


def check_understood(found: Sequence[Resource], issues: list[Issue]) -> None:
    """Tell what must not be read by somebody who does not understand it.

    Parameters
    ----------
    found : sequence of Resource
        That would be read.
    issues : list of Issue
        Takes modifier extensions, implicit rules and failures.
    """
    for one in found:
        issues += [
            Issue(f"{one.path}.{name}", "be left out", "one",
                  "Send what needs no more to be understood", code="not-supported")
            for name in ("modifierExtension", "implicitRules") if one.body.get(name)
        ]  # fmt: skip
        if one.kind == "OperationOutcome" and _failed(one.body):
            issues.append(Issue(one.path, "be what was asked for", "an OperationOutcome",
                                "Ask for it again", code="incomplete"))  # fmt: skip


def _failed(outcome: Mapping[str, Any]) -> bool:
    told = outcome.get("issue")
    severities = [i.get("severity") for i in told if is_object(i)] if isinstance(told, list) else []
    return not severities or any(one in ("error", "fatal") for one in severities)


def check_once(found: Sequence[Resource], issues: list[Issue]) -> list[Resource]:
    """Return each resource once; the same name for two that differ is an issue.

    Parameters
    ----------
    found : sequence of Resource
        As they came, some perhaps included with several searches.
    issues : list of Issue
        Takes what stands there in two versions.

    Returns
    -------
    list of Resource
        In order.
    """
    once: dict[str, Resource] = {}
    kept = []
    for one in found:
        first = once.setdefault(one.reference or one.path, one)
        if first is one:
            kept.append(one)
        elif dict(first.body) != dict(one.body):
            got = f"another in {first.path}"
            issues.append(Issue(one.path, "be the only version of itself", got,
                                "Send the one that counts", code="business-rule"))  # fmt: skip
    return kept
