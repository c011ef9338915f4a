"""``keys``: API keys made, listed and revoked, and one-time sign-in links.

A key or link is shown only once the ledger holds that it was made. A key is revoked even
if the ledger cannot be written: then the command fails, and says to run it again.
"""

from __future__ import annotations

import argparse
import datetime
from typing import Any
from urllib.parse import urlsplit

from respredict.cli.common import add_actor, adder, print_told, say
from respredict.config import home
from respredict.errors import InputError, Problem, RespredictError

__all__ = ["add_keys"]

_ROLES = ("clinician", "auditor", "operator")  # loading them would load the store


def add_keys(commands: Any) -> None:
    """Add ``keys`` and its subcommands.

    Parameters
    ----------
    commands : subparsers action
        Of the command line.
    """
    said = "make, list and revoke API keys, and make one-time sign-in links"
    keys = commands.add_parser("keys", help=said, description=f"{said[0].upper()}{said[1:]}.")
    add = adder(keys.add_subparsers(required=True, metavar="WHAT"))

    create = add("create", _create, "make an API key, and show it this once")
    create.add_argument(
        "--role", required=True, action="append", choices=_ROLES, help="what it may do; one a key"
    )
    create.add_argument("--name", default="", help="to tell it from others")
    create.add_argument("--days", type=int, default=365, help="how long it lasts (default: 365)")
    _add_actor(create)

    add("list", _list, "list the keys, without their secrets")

    revoke = add("revoke", _revoke, "revoke a key; the sessions begun with it end")
    revoke.add_argument("id", help="its 8 characters, as listed")
    revoke.add_argument("--reason", default="", help="why; it stays in the ledger")
    _add_actor(revoke)

    link = add("link", _link, "make a sign-in link for 10 minutes and one use")
    link.add_argument(
        "--role",
        action="append",
        choices=_ROLES,
        help="what the session may do; may be repeated (default: clinician and auditor)",
    )
    link.add_argument("--owner", help="who signs in (default: the actor)")
    link.add_argument("--url", default="http://127.0.0.1:3000", help="where the service is")
    _add_actor(link)


def _add_actor(command: argparse.ArgumentParser) -> None:
    add_actor(command)


def _create(given: argparse.Namespace) -> int:
    from respredict.access import Key, create_key
    from respredict.audit.keys import record_key_event

    def record(key: Key) -> None:
        record_key_event(home(), event="created", key_id=key.id, role=key.role, actor=given.actor)

    role, *more = given.role
    if more:  # the last would win in silence
        remedy = "Make a key for each role; a sign-in link (keys link) takes several"
        raise InputError(Problem("--role", "be given once", " and ".join(given.role), remedy))
    key, text = create_key(home(), role, name=given.name, days=given.days, record=record)
    assert key.expires is not None
    told = {"id": key.id, "key": text, "role": key.role, "expires": key.expires.isoformat()}
    say(f"keep it now: it is shown this once. It lasts until {key.expires:%Y-%m-%d}.")
    return print_told(given, told, text)


def _list(given: argparse.Namespace) -> int:
    from respredict.access import list_keys

    now = datetime.datetime.now(tz=datetime.UTC)
    told = [{**key.as_dict(), "state": key.state(now)} for key in list_keys(home())]
    lines = [
        f"{key['id']}  {key['role']:9}  {key['state']:8}  expires {_day(key['expires'])}  "
        f"used {_day(key['last_used'])}  {key['name']}".rstrip()
        for key in told
    ]
    return print_told(given, {"keys": told}, "\n".join(lines) or "No key was made yet.")


def _day(moment: str | None) -> str:
    return "never     " if moment is None else moment[:10]


def _revoke(given: argparse.Namespace) -> int:
    from respredict.access import revoke_key
    from respredict.audit.keys import record_key_event

    key = revoke_key(home(), given.id)
    try:
        record_key_event(
            home(), event="revoked", key_id=key.id, role=key.role, actor=given.actor,
            reason=given.reason,
        )  # fmt: skip
    except RespredictError:
        say(f"{key.id} is revoked, but the ledger does not say so yet. Run this again.")
        raise
    told = {"id": key.id, "role": key.role, "revoked": key.as_dict()["revoked"]}
    return print_told(given, told, f"{key.id} is revoked, in every worker within a second.")


def _link(given: argparse.Namespace) -> int:
    from respredict.access import create_link
    from respredict.audit.keys import record_key_event

    url = _base(given.url)
    roles = sorted(set(given.role or ("clinician", "auditor")))
    owner = given.actor if given.owner is None else given.owner

    def record() -> None:
        record_key_event(
            home(), event="linked", key_id=owner, role=" ".join(roles), actor=given.actor
        )

    path = f"/sign-in/{create_link(home(), roles, owner=owner, record=record)}"
    told = {"path": path, "url": f"{url}{path}", "roles": roles, "owner": owner}
    say("open it within 10 minutes; it signs in once.")
    return print_told(given, told, told["url"])


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:  # of a broken IPv6 address
        known = None
    if not known or parts.query or parts.fragment:
        remedy = "Write it as http://127.0.0.1:3000"
        raise InputError(Problem("--url", "be the service's address", repr(url), remedy))
    return url.rstrip("/")
