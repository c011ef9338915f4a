"""A broken rule of a FHIR resource: where it stands, and of which kind it is."""

from __future__ import annotations

from dataclasses import dataclass

from respredict.errors import Problem

__all__ = ["Issue"]


@dataclass(frozen=True, slots=True)
class Issue(Problem):
    """One broken rule; its field is a FHIRPath expression.

    Parameters
    ----------
    field : str
        FHIRPath expression of the place.
    rule, got, remedy : str
        As of a :class:`Problem`.
    rows : tuple of int, default=()
        None here.
    code : str, default="value"
        Of FHIR's issue types: ``structure``, ``required``, ``code-invalid``, ``value`` or
        ``business-rule``.

    Examples
    --------
    >>> issue = Issue("Bundle.type", "be given", "nothing", "Send collection", code="required")
    >>> str(issue), issue.code
    ('Bundle.type must be given, got nothing. Send collection.', 'required')
    """

    code: str = "value"
