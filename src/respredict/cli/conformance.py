"""``conformance``: whether a model answers here as it did where it was registered."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from respredict.cli.common import NO, Add, print_told
from respredict.config import home
from respredict.errors import InputError, Problem, RegistryError, RequestError

__all__ = ["add_conformance"]

Ask = Callable[[dict[str, Any]], Mapping[str, Any]]

_SECONDS = 10
_SHOWN = 20
_KEY = "RESPREDICT_KEY"


def add_conformance(add: Add) -> None:
    """Add ``conformance``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    command = add(
        "conformance", _conformance, "ask a model the requests of its pack and compare the answers"
    )
    where = command.add_mutually_exclusive_group()
    where.add_argument("--digest", help="a bundle in RESPREDICT_HOME (default: the champion's)")
    where.add_argument("--bundle", help="a bundle's folder, in a Bento say")
    where.add_argument("--url", help=f"a service; its key is read from {_KEY}")
    command.add_argument("--pack", help="a pack to ask (default: the bundle's own)")


def _conformance(given: argparse.Namespace) -> int:
    from respredict.bundle import champion, load_bundle, open_bundle
    from respredict.lifecycle.conformance import compare_answers
    from respredict.scoring import Scorer

    ask: Ask
    if given.url:
        ask, digest = _Service(given.url), _model_of(given.url)
        bundle = None if given.pack else load_bundle(home(), digest)
    elif given.bundle:
        bundle = open_bundle(Path(given.bundle))
    else:
        bundle = load_bundle(home(), given.digest or champion(home())["digest"])
    if bundle is not None and not given.url:
        ask, digest = Scorer(bundle).score, bundle.digest
    pack = _read(given.pack) if given.pack else None
    if pack is None and bundle is not None:
        pack = bundle.document("conformance.json")
    if pack is None:
        msg = f"{digest[:19]}… must have a conformance pack, got none. Train it again, or --pack."
        raise RegistryError(msg)
    departures = compare_answers(pack, ask)
    told = {
        "digest": digest,
        "cases": len(pack["cases"]),
        "conforms": not departures,
        "departures": [d.as_dict() for d in departures],
    }
    code = print_told(given, told, _text(told))
    return NO if departures else code


class _Service:
    """Asks a service over HTTP; each answer is a decision in its ledger."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __call__(self, body: dict[str, Any]) -> Mapping[str, Any]:
        status, told = _ask(f"{self.url}/v1/score", {**body, "reference": "conformance"})
        if status == http.client.UNPROCESSABLE_ENTITY:
            raise RequestError(
                [Problem(e["field"], e["rule"], e["got"], e["remedy"]) for e in told["errors"]]
            )
        if status != http.client.OK:
            raise _refused(self.url, f"{status} {told.get('title', '')}")
        return told


def _model_of(url: str) -> str:
    status, told = _ask(f"{url.rstrip('/')}/v1/model", None)
    if status != http.client.OK:
        raise _refused(url, f"{status} {told.get('title', '')}")
    return str(told["digest"])


def _ask(url: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    if not url.startswith(("http://", "https://")):
        raise _refused(url, "another kind of address")
    headers = {"Content-Type": "application/json"}
    if os.environ.get(_KEY):
        headers["X-API-Key"] = os.environ[_KEY]
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(asked, timeout=_SECONDS) as answer:  # noqa: S310 - the same
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            return error.code, json.load(error)
        except ValueError:
            return error.code, {}
    except (OSError, ValueError) as error:
        raise _refused(url, str(error)) from error


def _refused(url: str, got: str) -> InputError:
    return InputError(
        Problem("--url", f"answer as respredict at {url}", got, f"Check it, and the key in {_KEY}")
    )


def _read(pack: str) -> dict[str, Any]:
    try:
        return dict(json.loads(Path(pack).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            Problem("--pack", "be a conformance pack", str(error), "Name a conformance.json")
        ) from error


def _text(told: dict[str, Any]) -> str:
    if told["conforms"]:
        return f"{told['digest'][:19]} conforms: {told['cases']} of {told['cases']} answers."
    lines = [f"{told['digest'][:19]} departs from its pack in {len(told['departures'])} places:"]
    lines += [
        f"  {d['case']}: {d['where']} must be {d['expected']}, got {d['got']}"
        for d in told["departures"][:_SHOWN]
    ]
    return "\n".join(lines)
