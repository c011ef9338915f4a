"""Who somebody is found to be, what roles there are, and why somebody is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NoReturn

from respredict.errors import AccessDeniedError, InputError, Problem, nearest

__all__ = ["ROLES", "Identity", "check_named", "check_roles", "deny"]

ROLES = ("clinician", "auditor", "operator")

_LONGEST_NAME = 100

_KEY, _LINK = "Ask the operator for another", "Sign in with a new link"
#: What must hold, what was found and the remedy, by code. None quotes what was presented.
_DENIALS = {
    "key-malformed": (
        "the API key must be rp_, its id, _ and its secret, got another form",
        "Send it whole, as it was printed",
    ),
    "key-unknown": ("the API key must be one of this service, got an unknown one", _KEY),
    "key-revoked": ("the API key must be in force, got a revoked one", _KEY),
    "key-expired": ("the API key must be in force, got an expired one", _KEY),
    "session-unknown": ("the session must be one of this service, got an unknown one", _LINK),
    "session-expired": (
        "the session must be in use hourly and begun within 12 hours, got an expired one",
        _LINK,
    ),
    "link-unknown": ("the sign-in link must be one of this service, got an unknown one", _LINK),
    "link-used": ("the sign-in link must be used once, got a used one", _LINK),
    "link-expired": (
        "the sign-in link must be used within 10 minutes, got an expired one",
        _LINK,
    ),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and what he may do.

    Parameters
    ----------
    id : str
        Id of the key, or the owner of the session; the actor in the ledger.
    roles : frozenset of str
        Of ``clinician``, ``auditor`` and ``operator``.
    via : str
        ``key`` or ``session``.
    """

    id: str
    roles: frozenset[str]
    via: Literal["key", "session"]


def deny(code: str) -> NoReturn:
    """Refuse somebody.

    Parameters
    ----------
    code : str
        As :class:`~respredict.errors.AccessDeniedError` lists them.

    Raises
    ------
    AccessDeniedError
        With the one sentence of that code.

    Examples
    --------
    >>> deny("link-used")
    Traceback (most recent call last):
    respredict.errors.AccessDeniedError: the sign-in link must be used once, got a used one. \
Sign in with a new link.
    """
    found, remedy = _DENIALS[code]
    msg = f"{found}. {remedy}."
    raise AccessDeniedError(msg, code)


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Return roles without repeats, in the order of ``ROLES``.

    Parameters
    ----------
    roles : iterable of str
        At least one.

    Returns
    -------
    tuple of str
        Of ``ROLES``.

    Raises
    ------
    InputError
        If there is none, or one that does not exist.

    Examples
    --------
    >>> check_roles(["auditor", "clinician", "auditor"])
    ('clinician', 'auditor')
    """
    given = tuple(roles)
    known = ", ".join(ROLES)
    wrong = next((role for role in given if role not in ROLES), None)
    if wrong is not None:
        remedy = f"{nearest(wrong, ROLES)}Use {known}"
        raise InputError(Problem("role", "be a known one", repr(wrong), remedy))
    if not given:
        raise InputError(Problem("role", "be given", "none", f"Use {known}"))
    return tuple(role for role in ROLES if role in given)


def check_named(field: str, name: str) -> str:
    """Return a name that fits on a line of a terminal and of the ledger.

    Parameters
    ----------
    field : str
        What is named, for the message.
    name : str
        At most 100 printable characters.

    Returns
    -------
    str
        The name.

    Raises
    ------
    InputError
        If it is longer, or holds a line end or another control character.
    """
    if len(name) > _LONGEST_NAME:
        got = f"{len(name)}"
        rule = f"be at most {_LONGEST_NAME} characters"
        raise InputError(Problem(field, rule, got, "Shorten it"))
    if not name.isprintable():
        rule = "be printable characters on one line"
        raise InputError(Problem(field, rule, repr(name), "Leave out what is not"))
    return name
