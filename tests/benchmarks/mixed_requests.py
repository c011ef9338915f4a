"""Good and bad requests, shuffled: what callers of every role ask, and what goes wrong."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.http_load import raw
from tests.drawn_requests import drawn_requests

#: What is wrong with a body, in JSON or before it is JSON, and the status due.
_BAD = (
    (b"{", 400), (b"", 400), (b'{"age": NaN}', 400), (b'{"age": 30, "age": 31}', 400),
    (b"[" * 5_000, 400), (b'{"age": "\xff"}', 400), (b'{"age": 7}', 422), (b"[1]", 422),
    (b'{"age": 30, "lh": 3}', 422), (b'{"age": 30, "lhh": {"value": 3, "unit": "IU/L"}}', 422),
    (b'{"age": 30, "lh": {"value": 3, "unit": "mg"}}', 422), (b'{"age": 1e999}', 422),
)  # fmt: skip
_MEN, _BATCHES, _OF_A_BATCH = 400, 20, 5
_LIMITED = 429  # a guess too many, or long work that is being done


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of the mix.

    Parameters
    ----------
    method, address : str
        As the OpenAPI document has them.
    due : tuple of int
        Statuses, any of them.
    over_the_wire : str
        All of it.
    """

    method: str
    address: str
    due: tuple[int, ...]
    over_the_wire: str


def mixed(keys: dict[str, str], decision: int, seed: int = 11) -> list[Sent]:
    """Return the requests, about six in ten of them good.

    Parameters
    ----------
    keys : dict of str to str
        By role.
    decision : int
        Sequence of a decision that there is.
    seed : int, default=11
        Of the order.
    """
    men = drawn_requests(_MEN)
    sent = [*_scores(keys["clinician"], men), *_batches(keys["clinician"], men)]
    sent += _audits(keys["auditor"], decision) * 4
    sent.append(_asked("GET", "/v1/decisions/{id}/replay", (200, _LIMITED), keys["auditor"],
                       at=f"/v1/decisions/{decision}/replay"))  # fmt: skip
    sent += [_asked("POST", "/v1/score", (due,), keys["clinician"], body)
             for body, due in _BAD * 14]  # fmt: skip
    sent += _strangers(keys) * 6
    random.Random(seed).shuffle(sent)
    return sent


def _bytes(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _asked(
    method: str, address: str, due: tuple[int, ...], key: str, body: bytes | None = None, *,
    at: str = "", **headers: str,
) -> Sent:  # fmt: skip
    headers = {**({"x_api_key": key} if key else {}), **headers}
    if body == b"":
        headers |= {"content_type": "application/json", "content_length": "0"}
    return Sent(method, address, due, raw(method, at or address, body or b"", **headers))


def _scores(key: str, men: list[dict[str, Any]]) -> list[Sent]:
    """Return each man once, and some under an Idempotency-Key, one of which is taken."""
    once = [_asked("POST", "/v1/score", (200,), key, _bytes(man)) for man in men]
    again = [
        _asked("POST", "/v1/score", (200,), key, _bytes(man), idempotency_key=f"visit {i}")
        for i, man in enumerate(men[:20])
    ]
    # Whichever of the two comes first is recorded: that is the caller's mistake.
    other = [
        _asked("POST", "/v1/score", (200, 422), key, _bytes(man), idempotency_key="one for two")
        for man in men[20:22]
    ]
    return [*once, *again, *other]


def _batches(key: str, men: list[dict[str, Any]]) -> list[Sent]:
    """Return some good ones, each with a man who breaks a rule, and some that are none."""
    good = []
    for i in range(_BATCHES):
        rows = men[i * _OF_A_BATCH : (i + 1) * _OF_A_BATCH]
        body = _bytes([*rows[:-1], {"age": 7}, rows[-1]])
        good.append(_asked("POST", "/v1/score/batch", (200,), key, body))
    bad = [_asked("POST", "/v1/score/batch", (due,), key, body)
           for body, due in ((b"[]", 422), (b"{}", 422), (b"[{]", 400))]  # fmt: skip
    return [*good, *bad * 2]


def _audits(key: str, decision: int) -> list[Sent]:
    one, said = f"/v1/decisions/{decision}", _bytes({"text": "I disagree."})
    return [
        _asked("GET", "/v1/model", (200,), key),
        _asked("GET", "/openapi.json", (200,), ""),
        _asked("GET", "/v1/decisions", (200,), key, at="/v1/decisions?limit=5"),
        _asked("GET", "/v1/decisions", (422,), key, at="/v1/decisions?limit=0"),
        _asked("GET", "/v1/decisions/{id}", (200,), key, at=one),
        _asked("GET", "/v1/decisions/{id}", (404,), key, at="/v1/decisions/999999999"),
        _asked("POST", "/v1/decisions/{id}/notes", (201,), key, said, at=f"{one}/notes"),
        _asked("POST", "/v1/decisions/{id}/notes", (422,), key, b"{}", at=f"{one}/notes"),
    ]


def _strangers(keys: dict[str, str]) -> list[Sent]:
    """Return what is refused for who sends it, where to, or in which form."""
    good, key = b'{"age": 34}', keys["clinician"]
    guess = f"rp_abcdefgh_{'0' * 43}"
    return [
        _asked("POST", "/v1/score", (401,), "", good),
        _asked("POST", "/v1/score", (401, _LIMITED), guess, good),
        _asked("POST", "/v1/score", (403,), keys["auditor"], good),
        _asked("POST", "/v1/score", (422,), key, good, at="/v1/score?x=1"),
        _asked("POST", "/v1/score", (400,), "", good, at=f"/v1/score?api_key={guess}"),
        _asked("POST", "/v1/score", (413,), key, None, content_type="application/json",
               content_length="70000"),
        _asked("POST", "/v1/score", (415,), key, good, content_type="text/plain"),
        _asked("POST", "/v1/score", (400,), key, good, idempotency_key="x" * 201),
        _asked("PUT", "/v1/score", (405,), key, good),
        _asked("GET", "/docs.json", (404,), key),
    ]  # fmt: skip
