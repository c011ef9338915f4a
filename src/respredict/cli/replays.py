"""``audit replay``: decisions rescored, or a table scored again, and compared."""

from __future__ import annotations

import argparse
import json
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from respredict.cli.common import (
    NO,
    OK,
    add_mapping,
    print_told,
    read_mapped,
    say,
    say_where_it_ends,
)
from respredict.config import home
from respredict.errors import InputError, Problem

__all__ = ["add_replay"]

_SHOWN = 20  # differing decisions that are told field by field


def add_replay(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add ``replay``.

    Parameters
    ----------
    add : callable
        As in :mod:`respredict.cli.audit`.
    """
    said = "rescore decisions, or a table, and compare; that you did is recorded"
    replay = add("replay", _replay, said)
    which = "sequence, id, range as 10-20, or all (default)"
    replay.add_argument("which", nargs="?", default="all", help=which)
    replay.add_argument("--sample", type=int, help="that many of them, drawn at random")
    replay.add_argument("--seed", type=int, help="of the draw, to draw the same again")
    table = replay.add_argument_group("for the record of a table")
    table.add_argument("--input", type=Path, help="the table (default: where it was)")
    add_mapping(table)
    table.add_argument("--output", type=Path, help="its scores (default: where they were)")
    table.add_argument("--rows", type=int, help="that many rows, drawn at random")


def _replay(given: argparse.Namespace) -> int:
    from respredict.audit.replaying import Replayer
    from respredict.audit.selecting import drawn, selected
    from respredict.ledger.reading import Reader
    from respredict.progress import Progress

    counts = dict.fromkeys(("identical", "differs", "refused", "erased"), 0)
    shown: list[dict[str, Any]] = []
    if given.sample is not None and given.sample < 1:
        raise InputError(Problem("--sample", "be at least 1", str(given.sample), "Give a number"))
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    with Reader(home()) as reader:
        batch = _batch(reader, given)
        if batch is not None:
            return _replay_batch(given, batch, seed)
        first, last = say_where_it_ends(reader, given.which) or (0, 0)
        progress = Progress(say, of="decisions")
        replayer = Replayer(home(), given.actor)
        pages = (
            selected(reader, given.which, kind="decision", payloads=True)
            if given.sample is None
            else drawn(reader, given.which, given.sample, seed=seed, kind="decision")
        )
        for records in pages:
            for one in replayer.replay(records):
                counts[one.state] += 1
                if one.state in ("differs", "refused") and len(shown) < _SHOWN:
                    shown.append(one.as_dict())
            if records:
                asked = sum(counts.values())
                share = (records[-1].sequence - first + 1) / max(last - first + 1, 1)
                progress.tell(asked, asked / given.sample if given.sample else share)
    asked = sum(counts.values())
    ok = counts["identical"] + counts["erased"] == asked and (counts["identical"] > 0 or not asked)
    told = {
        "ok": ok,
        "asked": asked,
        **counts,
        "seed": seed if given.sample else None,
        "differing": shown,
    }
    print_told(given, told, _replayed(told))
    return OK if ok else NO


def _replayed(told: dict[str, Any]) -> str:
    counts = ", ".join(
        f"{told[s]} {word}"
        for s, word in (("differs", "differ"), ("refused", "refused"), ("erased", "erased"))
        if told[s]
    )
    if not told["asked"]:
        return "No decision is among them."
    lines = [f"{told['identical']} of {told['asked']} identical{counts and ', '}{counts}."]
    if told["seed"] is not None:
        lines[0] += f" Drawn with --seed {told['seed']}."
    for one in told["differing"]:
        lines.append(f"{one['sequence']} {one['id']}: {one['state']}")
        lines += [
            f"  {d['pointer']}: {json.dumps(d['recorded'])} recorded, {json.dumps(d['now'])} now"
            for d in one["differences"]
        ]
        lines += [f"  {why}" for why in one["why"]]
    return "\n".join(lines)


def _batch(reader: Any, given: argparse.Namespace) -> Any:
    """Return the record of a table, if one record is named and is such a one."""
    from respredict.audit.selecting import one

    many = re.fullmatch(r"all|[0-9]+-[0-9]+", given.which)
    record = None if many else reader.get(one(given.which))
    if record is not None and record.kind == "batch":
        return record
    for option in ("input", "output", "rows", "mapping"):
        if getattr(given, option) is not None:
            rule = "be given for the record of a table"
            raise InputError(Problem(f"--{option}", rule, given.which, "Name it by its sequence"))
    return None


def _replay_batch(given: argparse.Namespace, record: Any, seed: int) -> int:
    from respredict.audit.batches import read_batch
    from respredict.batch.replaying import replay_batch

    if given.output is not None and not given.output.is_file():
        raise InputError(Problem("--output", "be a file", str(given.output), "Name the scores"))
    with read_mapped(given, given.input or read_batch(record)["input_file"]):
        one = replay_batch(
            home(), record, actor=given.actor, table=given.input, output=given.output,
            rows=given.rows, seed=seed, say=say,
        )  # fmt: skip
    ok = one.state == "identical" and one.output != "changed"
    told = {"ok": ok, **one.as_dict()}
    summary = (
        f"Record {one.sequence}: {one.compared} men scored again, {one.state}. "
        f"Input {one.input}, scores on disk {one.output}."
    )
    lines = [summary if one.seed is None else f"{summary} Drawn with --seed {one.seed}."]
    lines += [
        f"  {name}: {json.dumps(was)} recorded, {json.dumps(one.now[name])} now"
        for name, was in one.recorded.items()
        if one.now and one.now[name] != was
    ]
    for row in one.differing:
        lines += [f"  row {row['row']} in the file: {row['in_file']}", f"  now: {row['now']}"]
    lines += [f"  {why}" for why in one.why]
    print_told(given, told, "\n".join(lines))
    return OK if ok else NO
