"""A refusal as a FHIR R4 OperationOutcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from respredict.errors import Problem

__all__ = ["operation_outcome"]


def operation_outcome(problems: Iterable[Problem], *, code: str, detail: str) -> dict[str, Any]:
    """Write a refusal as an OperationOutcome.

    Parameters
    ----------
    problems : iterable of Problem
        Every broken rule; an :class:`Issue` says of which kind it is.
    code : str
        Of FHIR's issue types, for the refusal as a whole and for what has none of its own.
    detail : str
        Of the refusal as a whole, told where there is no broken rule.

    Returns
    -------
    dict
        JSON values of FHIR R4.

    Examples
    --------
    >>> outcome = operation_outcome([], code="login", detail="Send a key.")
    >>> outcome["issue"]
    [{'severity': 'error', 'code': 'login', 'details': {'text': 'Send a key.'}}]
    """
    issues: list[dict[str, Any]] = [
        {
            "severity": "error",
            "code": getattr(problem, "code", code),
            "details": {"text": str(problem)},
            "expression": [problem.field],
        }
        for problem in problems
    ]
    whole = {"severity": "error", "code": code, "details": {"text": detail}}
    return {"resourceType": "OperationOutcome", "issue": issues or [whole]}
