"""``conformance``: whether a model answers here as it did where it was registered."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from respredict.bundle import Bundle, champion, load_bundle, open_bundle
from respredict.cli.common import NO, Add, print_told
from respredict.config import home
from respredict.errors import InputError, Problem, RegistryError, RequestError
from respredict.words.phrases import counted

__all__ = ["add_conformance"]

_SECONDS = 10
_SHOWN = 20
_KEY = "RESPREDICT_KEY"
#: The pseudonym of every man of a pack, by which a service's ledger tells them from patients.
REFERENCE = "conformance"


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
    where.add_argument(
        "--digest",
        help="a bundle here, by its first digits (default: the champion's)",
    )
    where.add_argument("--bundle", help="a bundle's folder, in a Bento say")
    where.add_argument(
        "--url", help=f"a service, which records its answers; a clinician's key is read from {_KEY}"
    )
    command.add_argument("--pack", help="a pack to ask (default: the bundle's own)")


def _conformance(given: argparse.Namespace) -> int:
    from respredict.lifecycle.conformance import compare_answers
    from respredict.scoring import Scorer

    pack = None if given.pack is None else _read(given.pack)
    if given.url:
        service = _Service(given.url)
        digest = service.digest()
        pack = pack or _own(load_bundle(home(), digest))
        departures, recorded = compare_answers(pack, service), service.answered
    else:
        bundle = _bundle(given)
        pack, digest = pack or _own(bundle), bundle.digest
        departures, recorded = compare_answers(pack, Scorer(bundle).score), 0
    told = {
        "digest": digest,
        "cases": len(pack["cases"]),
        "conforms": not departures,
        "recorded": recorded,
        "departures": [d.as_dict() for d in departures],
    }
    code = print_told(given, told, _text(told))
    return NO if departures else code


def _bundle(given: argparse.Namespace) -> Bundle:
    """Return the bundle that is asked here."""
    from respredict.lifecycle.versions import whole_digest

    if given.bundle:
        return open_bundle(Path(given.bundle))
    if given.digest:
        return load_bundle(home(), whole_digest(home(), given.digest))
    return load_bundle(home(), champion(home())["digest"])


def _own(bundle: Bundle) -> dict[str, Any]:
    """Return the pack that a bundle was made with."""
    from respredict.lifecycle.conformance import check_pack
    from respredict.lifecycle.registering import PACK

    pack = bundle.document(PACK)
    if pack is None:
        msg = (
            f"{bundle.digest[:19]}… must have a conformance pack, got none. Train it again, or "
            "name one with --pack."
        )
        raise RegistryError(msg)
    return check_pack(pack, PACK)


def _read(file: str) -> dict[str, Any]:
    """Return the pack that a file holds."""
    from respredict.lifecycle.conformance import check_pack

    try:
        pack = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            Problem("--pack", "be a conformance pack", str(error), "Name a conformance.json")
        ) from error
    return check_pack(pack, "--pack")


class _Service:
    """Asks a service over HTTP; each answer is a decision in its ledger."""

    def __init__(self, url: str) -> None:
        self.url, self.answered = url.rstrip("/"), 0

    def __call__(self, body: dict[str, Any]) -> Mapping[str, Any]:
        status, told = _ask(f"{self.url}/v1/score", {**body, "reference": REFERENCE})
        if status == http.client.UNPROCESSABLE_ENTITY:
            raise RequestError([_problem(one) for one in told["errors"]])
        if status != http.client.OK:
            raise _refused(self.url, f"{status} {told.get('title', '')}")
        self.answered += 1
        return told

    def digest(self) -> str:
        """Return the digest of the model it serves."""
        status, told = _ask(f"{self.url}/v1/model", None)
        if status != http.client.OK:
            raise _refused(self.url, f"{status} {told.get('title', '')}")
        return str(told["digest"])


def _problem(told: Mapping[str, str]) -> Problem:
    """Return a problem as it was before a service told it, whose rule begins with "must"."""
    return Problem(told["field"], told["rule"].removeprefix("must "), told["got"], told["remedy"])


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


def _text(told: dict[str, Any]) -> str:
    digest, cases, departures = told["digest"][:19], told["cases"], told["departures"]
    lines = [f"{digest} conforms: {cases} of {cases} answers."]
    if departures:
        places = counted(len(departures), "place", "places")
        lines = [f"{digest} departs from its pack in {places}:"]
    lines += [
        f"  {d['case']}: {d['where']} must be {d['expected']}, got {d['got']}"
        for d in departures[:_SHOWN]
    ]
    if len(departures) > _SHOWN:
        lines.append(f"  and {len(departures) - _SHOWN} more; --json tells all")
    if told["recorded"]:
        lines.append(
            f"The service recorded {told['recorded']} of its answers as decisions, as it does all; "
            f"their reference is {REFERENCE!r}."
        )
    return "\n".join(lines)
