"""``audit list``: which records there are, without what they say."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable
from typing import Any

from respredict.cli.common import OK, plain, print_told, read_day
from respredict.config import home
from respredict.errors import InputError, Problem
from respredict.ledger.entry import KINDS

__all__ = ["add_list"]


def add_list(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add ``list``.

    Parameters
    ----------
    add : callable
        As in :mod:`respredict.cli.audit`.
    """
    listed = add("list", _list, "list records, newest first, without what they say", writes=False)
    listed.add_argument("--kind", choices=KINDS, help="only these")
    listed.add_argument("--since", metavar="DAY", help="as 2026-03-31, in UTC")
    listed.add_argument("--until", metavar="DAY", help="that day included")
    listed.add_argument("--most", type=int, default=50, help="how many (default: 50)")


def _list(given: argparse.Namespace) -> int:
    from respredict.ledger.filtering import Filter
    from respredict.ledger.reading import MOST, Reader

    if not 1 <= given.most <= MOST:
        raise InputError(Problem("--most", f"be 1 to {MOST}", str(given.most), "Narrow the days"))
    asked = Filter(
        kind=given.kind,
        since=_midnight("--since", given.since),
        until=_midnight("--until", given.until, after=True),
    )
    with Reader(home()) as reader:
        page = reader.find(asked, limit=given.most, newest_first=True)
    told: list[dict[str, Any]] = [
        {
            "sequence": r.sequence, "id": str(r.id), "time": r.time.isoformat(), "kind": r.kind,
            "actor": r.actor, "model": r.model, "about": r.about or None,
            "status": r.status or None, "erased": r.erased,
        }
        for r in page.records
    ]  # fmt: skip
    lines = [
        f"{r['sequence']:>8}  {r['time'][:19]}  {r['kind']:<10}  {r['id']}  {plain(r['actor'])}"
        f"{', erased' if r['erased'] else ''}"
        for r in told
    ]
    if page.after is not None:
        lines.append(f"Older than {page.after} are more: narrow the days, or raise --most.")
    print_told(given, {"records": told}, "\n".join(lines) or "No such record.")
    return OK


def _midnight(where: str, day: str | None, *, after: bool = False) -> datetime.datetime | None:
    """Return where a day begins, or ends; the last day of all has no end."""
    of = None if day is None else read_day(where, day)
    if of is None or (after and of == datetime.date.max):
        return None
    began = datetime.datetime.combine(of, datetime.time(), datetime.UTC)
    return began + datetime.timedelta(days=1) if after else began
