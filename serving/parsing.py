"""From the bytes of a body to valid requests: strict JSON, then the schema's rules.

Strict is UTF-8, no NaN, no key twice in one object, no tower of brackets, no number of
thousands of digits. In a batch a man who breaks a rule is told so in his place.
"""

from __future__ import annotations

import json
import re
from typing import Any

from respredict.errors import Problem, RequestError
from respredict.schema.request import Request, read_request
from serving.addresses import MAX_BODY_BYTES
from serving.problems import RefusedError

__all__ = ["MOST_MEN", "parse", "parse_man", "parse_men"]

MOST_MEN = 1_000

#: A man of a batch: what he asks or which rules he breaks, and his exact bytes.
Man = tuple[Request | tuple[Problem, ...], bytes]

_SPACE = re.compile(r"[ \t\n\r]*")
#: Within so many characters of its end a text that breaks off may just have been cut there.
_CUT = 12
_MEND = "Mend each entry of errors and send the request again."


def parse(body: bytes) -> Any:
    """Parse strict JSON.

    Parameters
    ----------
    body : bytes
        As it came.

    Returns
    -------
    object
        Plain values.

    Raises
    ------
    RefusedError
        ``not-json``, with the place where it breaks off.
    """
    strict = _Strict()
    text = _decoded(body)
    parsed, end = _read(strict, text, _skip(text, 0))
    end = _skip(text, end)
    if end != len(text):
        raise _broken(text, end)
    if strict.problem:
        raise RefusedError("not-json", f"{strict.problem.got}. {strict.problem.remedy}.")
    return parsed


def parse_man(body: bytes) -> Request:
    """Read a request for one man.

    Parameters
    ----------
    body : bytes
        As it came.

    Returns
    -------
    Request
        Valid.

    Raises
    ------
    RefusedError
        ``not-json``, or ``invalid-request`` with every broken rule.
    """
    try:
        return read_request(parse(body))
    except RequestError as error:
        raise RefusedError("invalid-request", _MEND, error.problems) from error


def parse_men(body: bytes) -> list[Man]:
    """Read a batch: an array of 1 to 1,000 men.

    Parameters
    ----------
    body : bytes
        As it came.

    Returns
    -------
    list of tuple
        A man each, in order: his request or the rules it breaks, and his exact bytes.

    Raises
    ------
    RefusedError
        ``not-json``, ``too-large`` for one man, or ``invalid-request`` if it is no such
        array.
    """
    text = _decoded(body)
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        parse(body)
        raise _not_men("another value")
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        _check_end(text, at + 1)
        raise _not_men("none")
    men: list[Man] = []
    while True:
        man, at = _read_one(text, at)
        men.append(man)
        at = _skip(text, at)
        after = text[at : at + 1]
        if after == "]":
            _check_end(text, at + 1)
            return men
        if after != ",":
            raise _broken(text, at)
        if len(men) == MOST_MEN:
            raise _not_men("more")
        at = _skip(text, at + 1)


class _Strict:
    """Decodes, and notes the first thing that Python takes for JSON and is none."""

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self._decoder = json.JSONDecoder(
            parse_constant=self._constant, object_pairs_hook=self._pairs
        )
        self.read = self._decoder.raw_decode

    def _constant(self, name: str) -> None:
        self._note("hold JSON values only", f"{name} is not JSON", "Leave out what is not known")

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) != len(pairs):
            self._note(
                "hold each key once", "A key stands twice in one object", "Send each key once"
            )
        return read

    def _note(self, rule: str, got: str, remedy: str) -> None:
        self.problem = self.problem or Problem("request", rule, got, remedy)


def _read_one(text: str, at: int) -> tuple[Man, int]:
    """Read the man at a place, and say where he ends; no more than a man's bytes are parsed."""
    window = text[at : at + MAX_BODY_BYTES + 1]
    strict = _Strict()
    try:
        parsed, length = _read(strict, window, 0)
    except RefusedError as error:
        cut = len(window) > MAX_BODY_BYTES and _may_be_cut(error, len(window))
        if cut:
            detail = f"Send at most {MAX_BODY_BYTES // 1024} kB a man."
            raise RefusedError("too-large", detail) from error
        if isinstance(error.__cause__, json.JSONDecodeError):
            # Told at its place in the whole.
            raise _broken(text, at + error.__cause__.pos) from error
        raise
    exact = window[:length].encode()
    if len(exact) > MAX_BODY_BYTES:
        rule = f"be at most {MAX_BODY_BYTES // 1024} kB"
        problems = (Problem("request", rule, f"{len(exact)} bytes", "Send less"),)
        return (problems, exact), at + length
    if strict.problem:
        return ((strict.problem,), exact), at + length
    try:
        return (read_request(parsed), exact), at + length
    except RequestError as error:
        return (error.problems, exact), at + length


def _may_be_cut(error: RefusedError, length: int) -> bool:
    cause = error.__cause__
    if not isinstance(cause, json.JSONDecodeError):
        return False
    return cause.msg.startswith("Unterminated string") or cause.pos >= length - _CUT


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError("not-json", "Send JSON in UTF-8.") from error


def _read(strict: _Strict, text: str, at: int) -> tuple[Any, int]:
    try:
        return strict.read(text, at)
    except json.JSONDecodeError as error:
        raise _broken(text, error.pos) from error
    except RecursionError as error:
        raise RefusedError("not-json", "Nest a few levels only, as the example does.") from error
    except ValueError as error:
        # A number of thousands of digits.
        raise RefusedError("not-json", "Send numbers of a normal length.") from error


def _broken(text: str, at: int) -> RefusedError:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    detail = f"The JSON breaks off at line {line}, column {column}. Mend it there."
    return RefusedError("not-json", detail)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _check_end(text: str, at: int) -> None:
    end = _skip(text, at)
    if end != len(text):
        raise _broken(text, end)


def _not_men(got: str) -> RefusedError:
    problem = Problem("request", f"be an array of 1 to {MOST_MEN:,} men", got, 'Send [{"age": 34}]')
    return RefusedError("invalid-request", _MEND, (problem,))
