"""What of a URL may go further: its address, and never a key or a man's pseudonym.

What follows the edge, the access log and the metrics of BentoML among it, sees the address
with its braces and no query. What stood in them is handed on beside the URL.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from respredict.errors import Problem, nearest
from serving.addresses import Address, find
from serving.problems import RefusedError

__all__ = ["looks_like_key", "seal_url"]

_KEY = re.compile(r"rp_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{8}")
_NAMES = {"access_token", "api-key", "api_key", "apikey", "authorization", "key", "token"}
_MOST_PARAMETERS = 32


def looks_like_key(text: str) -> bool:
    """Return whether a text holds what looks like an API key.

    Parameters
    ----------
    text : str
        Of a URL or a header.

    Returns
    -------
    bool
        Whether it is one is not asked.

    Examples
    --------
    >>> looks_like_key("/v1/score/rp_abcdefgh_0123456789")
    True
    """
    return "rp_" in text and _KEY.search(text) is not None


def seal_url(scope: MutableMapping[str, Any]) -> Address:
    """Take path and query out of a scope, and return the address they name.

    Parameters
    ----------
    scope : mapping
        Of ASGI. Gets ``respredict.named``, what stands in the braces, and
        ``respredict.query``, the parameters of the query.

    Returns
    -------
    Address
        Of the table.

    Raises
    ------
    RefusedError
        ``key-in-url``, ``not-found``, or ``invalid-request`` for an unknown parameter.
    """
    path, query = scope["path"], scope["query_string"]
    scope["query_string"] = b""
    found = find(path)
    named = found[1] if found else {}
    scope["path"] = found[0].path if found else "/-"
    scope["raw_path"] = scope["path"].encode()
    given = _pairs(query)
    _refuse_key(path, query, given)
    if found is None:
        raise RefusedError("not-found", "See /openapi.json for what there is.")
    address = found[0]
    scope["respredict.named"] = named
    scope["respredict.query"] = _checked(address, given) if given else {}
    return address


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        text = query.decode("latin-1")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        problem = Problem("query", f"hold at most {_MOST_PARAMETERS} parameters", "more", "Send it")
        raise RefusedError("invalid-request", "Send fewer parameters.", (problem,)) from error


def _refuse_key(path: str, query: bytes, given: list[tuple[str, str]]) -> None:
    # Twice: somebody may have encoded it twice.
    texts = [path] if "%" not in path else [path, _unquoted(path)]
    if query:
        once = _unquoted(query)
        texts += [once, _unquoted(once)]
    named = any(name.strip().lower().removeprefix("x-") in _NAMES for name, _ in given)
    if named or any(map(looks_like_key, texts)):
        detail = (
            "Send the key in the header X-API-Key. Have this one revoked (respredict keys "
            "revoke) and ask for another: URLs are kept in logs and histories."
        )
        raise RefusedError("key-in-url", detail)


def _unquoted(text: str | bytes) -> str:
    return unquote_to_bytes(text).decode("utf-8", errors="replace")


def _checked(address: Address, given: list[tuple[str, str]]) -> dict[str, str]:
    if address.query is None:
        return {}
    known = dict(given)
    problems = [
        Problem(
            name[:40] if name.isprintable() else "query",
            "be a known parameter",
            "an unknown one",
            f"{nearest(name[:40], address.query)}{_remedy(address)}",
        )
        for name in known
        if name not in address.query
    ]
    if len(known) != len(given):
        problems.append(
            Problem("query", "hold each parameter once", "one twice", "Send each parameter once")
        )
    if problems:
        raise RefusedError("invalid-request", "Mend each entry of errors.", tuple(problems))
    return known


def _remedy(address: Address) -> str:
    return f"Send only: {', '.join(address.query)}" if address.query else "Send none"
