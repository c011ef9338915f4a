"""The errors of respredict, and the one form in which a problem is told.

::

    RespredictError
    ├── InputError (ValueError)        somebody's input breaks a rule; carries every Problem
    │   ├── CohortError                a table
    │   ├── RequestError               a request for a score
    │   └── ConfigError                a settings file
    ├── BundleError (ValueError)       a model artefact is not what its digest or its meta says
    ├── RegistryError (LookupError)    no such model, version or champion
    ├── ExplanationError (ArithmeticError)   contributions miss the number that would be served
    ├── LedgerError (OSError)          the ledger cannot be written or read now; carries a reason
    ├── LedgerDamageError (ValueError) the ledger holds what its own hashes or signatures deny
    ├── LedgerConflictError (ValueError)     a repeated key or a restore that contradicts the record
    ├── NoRecordError (LookupError)    no such record
    ├── AccessDeniedError (PermissionError)  a key, session or link that lets nobody in; has a code
    └── KeyStoreError (OSError)        the keys cannot be read or written now

Every message reads ``<what> must <rule>, got <value>. <Remedy>.``
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "AccessDeniedError",
    "BundleError",
    "CohortError",
    "ConfigError",
    "ExplanationError",
    "InputError",
    "KeyStoreError",
    "LedgerConflictError",
    "LedgerDamageError",
    "LedgerError",
    "NoRecordError",
    "Problem",
    "RegistryError",
    "RequestError",
    "RespredictError",
]

_ROWS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: what, the rule, the value and the remedy.

    Parameters
    ----------
    field : str
        Column, request field (dotted path) or settings key.
    rule : str
        What must hold, worded to follow "must".
    got : str
        The value received, or how many of them; never a patient's whole row.
    remedy : str
        What to do about it, a sentence without its full stop.
    rows : tuple of int, default=()
        Positions in the table, counted from 1 below the header.

    Examples
    --------
    >>> print(Problem("lh_iu_l", "be a number", "'high'", "Write a number or leave it empty", (4,)))
    lh_iu_l must be a number, got 'high' in row 4. Write a number or leave it empty.
    """

    field: str
    rule: str
    got: str
    remedy: str
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.field} must {self.rule}, got {self.got}{self._where()}. {self.remedy}."

    def _where(self) -> str:
        if not self.rows:
            return ""
        shown = ", ".join(str(row) for row in self.rows[:_ROWS_SHOWN])
        more = len(self.rows) - _ROWS_SHOWN
        tail = f" and {more} more" if more > 0 else ""
        return f" in row{'s' if len(self.rows) > 1 else ''} {shown}{tail}"

    def as_dict(self) -> dict[str, object]:
        """Return the problem as the JSON object that the API and ``--json`` print."""
        told: dict[str, object] = {
            "field": self.field,
            "rule": f"must {self.rule}",
            "got": self.got,
            "remedy": self.remedy,
        }
        if self.rows:
            told["rows"] = list(self.rows)
        return told


class RespredictError(Exception):
    """Anything that respredict raises on purpose."""


class InputError(RespredictError, ValueError):
    """Input that breaks one or more rules, all of them told at once.

    Parameters
    ----------
    problems : sequence of Problem
        Every problem found, in the order of the input.
    """

    def __init__(self, problems: Sequence[Problem] | Problem) -> None:
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class CohortError(InputError):
    """A table that cannot be read as a cohort.

    Parameters
    ----------
    problems : sequence of Problem
        Every problem found.
    """


class RequestError(InputError):
    """A request for a score that cannot be answered as it stands.

    Parameters
    ----------
    problems : sequence of Problem
        Every problem found.
    """


class ConfigError(InputError):
    """A settings file with an unknown key or a value out of its range.

    Parameters
    ----------
    problems : sequence of Problem
        Every problem found.
    """


class BundleError(RespredictError, ValueError):
    """A model artefact that is not what its digest or its description says."""


class RegistryError(RespredictError, LookupError):
    """No such model, version or champion."""


class ExplanationError(RespredictError, ArithmeticError):
    """Contributions that do not sum to the number about to be served."""


class LedgerError(RespredictError, OSError):
    """The ledger cannot be written or read now, so no answer may leave.

    Parameters
    ----------
    message : str
        What must hold, what was found, and the remedy.
    reason : str
        One word or two for programs: ``full``, ``read-only``, ``locked``, ``missing``,
        ``overloaded``, ``closed``, ``damaged`` or ``failed``.
    """

    def __init__(self, message: str, reason: str) -> None:
        self.reason = reason
        super().__init__(message)

    def __reduce__(self) -> tuple[type[LedgerError], tuple[str, str]]:
        return type(self), (str(self), self.reason)


class LedgerDamageError(RespredictError, ValueError):
    """A ledger, backup or key that is not what its own hashes or signatures say."""


class LedgerConflictError(RespredictError, ValueError):
    """A repeated key with another request, or a restore that would drop records."""


class NoRecordError(RespredictError, LookupError):
    """No record with this sequence, identifier or pseudonym."""


class AccessDeniedError(RespredictError, PermissionError):
    """A key, session or sign-in link that lets nobody in; the message never quotes it.

    Parameters
    ----------
    message : str
        What must hold, what was found, and the remedy.
    code : str
        For programs: ``key-malformed``, ``key-unknown``, ``key-revoked``, ``key-expired``,
        ``session-unknown``, ``session-expired``, ``link-unknown``, ``link-used`` or
        ``link-expired``.
    """

    def __init__(self, message: str, code: str) -> None:
        self.code = code
        super().__init__(message)

    def __reduce__(self) -> tuple[type[AccessDeniedError], tuple[str, str]]:
        return type(self), (str(self), self.code)


class KeyStoreError(RespredictError, OSError):
    """The store of keys and sessions cannot be read or written now, so nobody is let in."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``, did you mean 'x'?``-style advice for an unknown name, or an empty string.

    Examples
    --------
    >>> nearest("shceme", ["scheme", "seed"])
    "Did you mean 'scheme'? "
    """
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}? " if close else ""
