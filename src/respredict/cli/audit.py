"""The ``audit`` command: thin. Each function asks the ledger or the audit one thing.

Exit codes: 0 all is well, 1 the answer is no, 2 bad input. What a man's records say is
shown only once the reading of it is recorded.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from respredict.cli.common import add_actor, plain, read_day, say, say_where_it_ends
from respredict.cli.listing import add_list
from respredict.cli.replays import add_replay
from respredict.config import home
from respredict.errors import (
    InputError,
    NoRecordError,
    Problem,
    RegistryError,
    RespredictError,
)
from respredict.words.phrases import counted

__all__ = ["add_audit"]

_OK, _NO = 0, 1

_WHICH = "sequence, id, range as 10-20, or all"

Run = Callable[[argparse.Namespace], int]


def add_audit(commands: Any) -> None:
    """Add the ``audit`` command and its subcommands.

    Parameters
    ----------
    commands : subparsers action
        Of the command line.
    """
    said = "verify, replay, show and keep the record of every answer"
    audit = commands.add_parser("audit", help=said, description=f"{said[0].upper()}{said[1:]}.")
    asked = audit.add_subparsers(required=True, metavar="WHAT")

    def add(name: str, run: Run, said: str, *, writes: bool = True) -> argparse.ArgumentParser:
        command = asked.add_parser(name, help=said, description=f"{said[0].upper()}{said[1:]}.")
        command.add_argument("--json", action="store_true", help="print JSON")
        if writes:
            add_actor(command)
        command.set_defaults(run=run)
        return command

    verify = add("verify", _verify, "check every record, key and the champion", writes=False)
    verify.add_argument("--against", type=Path, help="checkpoints.jsonl kept elsewhere")
    verify.add_argument("--public-key", type=Path, help="checkpoint.pub kept elsewhere")

    add_replay(add)

    add_list(add)

    show = add("show", _show, "print one record, and record that it was read")
    show.add_argument("which", help="sequence or id")

    export = add("export", _export, "write an evidence pack that verifies offline")
    export.add_argument("which", nargs="+", help=_WHICH)
    export.add_argument("--out", type=Path, required=True, help="ZIP archive to write")

    live = add("live-on", _live_on, "say which model was champion on a day", writes=False)
    live.add_argument("day", help="as 2026-03-31, in UTC")
    _add_keeping(add)


def _add_keeping(add: Callable[..., argparse.ArgumentParser]) -> None:
    erase = add("erase", _erase, "erase what a man's records say; the chain stays")
    erase.add_argument("whose", help="his pseudonym, or the id of one decision")
    erase.add_argument("--reason", required=True, help="it stays: write nothing about him")

    add("checkpoint", _checkpoint, "sign the chain as it stands")

    backup = add("backup", _backup, "copy the ledger while it is in use", writes=False)
    backup.add_argument("file", type=Path, help="must not exist")

    restore = add("restore", _restore, "put a backup in place, and record that it was done")
    restore.add_argument("file", type=Path, help="the backup")
    restore.add_argument("--reason", default="", help="why; needed to force")
    restore.add_argument("--force", action="store_true", help="drop what the backup lacks")


def _verify(given: argparse.Namespace) -> int:
    from respredict.audit.verifying import as_told
    from respredict.ledger.verify import verify
    from respredict.progress import Progress

    for option, kept, what in (
        ("--against", given.against, "checkpoints.jsonl"),
        ("--public-key", given.public_key, "checkpoint.pub"),
    ):
        if kept is not None and (kept.is_dir() or not kept.exists()):
            got = "a folder" if kept.is_dir() else f"no file {kept}"
            remedy = f"Name the {what} that you keep elsewhere"
            raise InputError(Problem(option, "be a file", got, remedy))
    progress = Progress(say, of="records")
    verdict = verify(
        home(), against=given.against, public_key=given.public_key,
        tell=lambda at: progress.tell(at, 0.0),
    )  # fmt: skip
    told = as_told(home(), verdict, _alias())
    hold = counted(verdict.records, "record holds", "records hold")
    lines = [f"{hold}, signed to {verdict.signed_to}."]
    if not verdict.ok:
        bad = "" if verdict.first_bad is None else f"First bad record {verdict.first_bad}: "
        lines += [f"{bad}{verdict.kind}. {verdict.detail.rstrip('.')}."]
    lines += [f"The champion: {sentence}" for sentence in told["champion"]]
    lines += [f"Not known: {sentence}" for sentence in told["cannot_know"]]
    return _tell(given, told, "\n".join(lines), ok=told["ok"])


def _alias() -> tuple[int, str] | None:
    """Return what the registry's champion is; None if there is no registry to ask.

    MLflow would make a store where there is none, so it is asked only where one is.
    """
    here = any(Path(name).exists() for name in ("mlflow.db", "mlruns"))
    named = "MLFLOW_TRACKING_URI" in os.environ
    if not (here or named) or importlib.util.find_spec("mlflow") is None:
        return None
    from respredict import registry

    try:
        found = registry.find_version(registry.CHAMPION)
    except RegistryError:
        return 0, ""
    return found.number, found.digest


def _show(given: argparse.Namespace) -> int:
    from respredict.audit.selecting import note_reads, one
    from respredict.ledger.reading import Reader

    with Reader(home()) as reader:
        record = reader.get(one(given.which))
    note_reads(home(), [record], actor=given.actor, how="show")
    told: dict[str, Any] = {
        "sequence": record.sequence,
        "id": str(record.id),
        "time": record.time.isoformat(),
        "kind": record.kind,
        "actor": record.actor,
        "model": record.model,
        "about": record.about or None,
        "hash": record.hash.hex(),
        "erased": record.erased,
        "request": _parsed(record.payload.request) if record.payload else None,
        "answer": _parsed(record.payload.answer) if record.payload else None,
    }
    return _tell(given, told, _shown(told), ok=not record.erased)


def _parsed(content: bytes) -> Any:
    """Return JSON as what it says, anything else as text."""
    text = content.decode(errors="replace")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _shown(told: dict[str, Any]) -> str:
    from respredict.statement import summary

    head = ("id", "time", "actor", "model", "about", "hash")
    lines = [f"Record {told['sequence']}: {told['kind']}"]
    lines += [f"  {name:6s} {plain(str(told[name]))}" for name in head if told[name]]
    if told["erased"]:
        return "\n".join([*lines, "What it said was erased."])
    if told["request"] is not None:
        lines += ["", "Asked:", json.dumps(told["request"], indent=1, ensure_ascii=False)]
    if told["kind"] == "decision":
        return "\n".join([*lines, "", "Answered:", summary(told["answer"])])
    return "\n".join([*lines, "", json.dumps(told["answer"], indent=1, ensure_ascii=False)])


def _export(given: argparse.Namespace) -> int:
    from respredict.audit.selecting import note_reads, selected
    from respredict.ledger.pack import check_target, write_pack
    from respredict.ledger.reading import Reader

    with Reader(home()) as reader:
        for which in given.which:
            say_where_it_ends(reader, which)
        asked = [page for which in given.which for page in selected(reader, which)]
    records = list({record.sequence: record for page in asked for record in page}.values())
    if not records:
        rule = "an evidence pack must hold a record, got none in that range"
        msg = f"{rule}. `respredict audit list` lists them."
        raise NoRecordError(msg)
    check_target(given.out, where="--out")
    if given.out.exists():
        raise InputError(Problem("--out", "not exist yet", str(given.out), "Name another file"))
    note_reads(home(), records, actor=given.actor, how="export")
    pack = write_pack(home(), [r.sequence for r in records], given.out, actor=given.actor)
    told = {**asdict(pack), "file": str(pack.file), "sequences": list(pack.sequences)}
    packed = counted(len(pack.sequences), "record", "records")
    text = (
        f"{packed} in {pack.file}. It holds what they say: guard it. Verify "
        "it with the verify_pack.py and the checkpoint.pub that you keep elsewhere."
    )
    if len(pack.keys) > 1:
        text += (
            " No former key signed every key in it: verify it with --public-key once for each of "
            f"{', '.join(pack.keys)}."
        )
    return _tell(given, told, text)


def _live_on(given: argparse.Namespace) -> int:
    from respredict.audit.promotions import live_on

    today, day = datetime.datetime.now(tz=datetime.UTC).date(), read_day("DAY", given.day)
    if day > today:
        raise InputError(Problem("DAY", "be past or today", given.day, f"Today is {today}"))
    reigns = [reign.as_dict() for reign in live_on(home(), day)]
    lines = [
        f"Version {r['version']} ({r['digest'][:19]}) from {r['since'][:19]} to "
        f"{(r['until'] or 'now')[:19]}, promoted by {r['actor']}"
        f" (record {r['sequence']}): {r['reason'] or 'no reason given'}."
        for r in reigns
    ]
    text = "\n".join(lines) or f"No model was champion on {day}."
    return _tell(given, {"day": str(day), "champions": reigns}, text, ok=bool(reigns))


def _erase(given: argparse.Namespace) -> int:
    from respredict.ledger.erasure import erase

    if not given.whose.isprintable():
        remedy = "Name a decision or a pseudonym"
        raise InputError(Problem("WHOSE", "be printable text", "other characters", remedy))
    whose = _whose(given.whose.strip())
    try:
        erased = erase(home(), actor=given.actor, reason=given.reason, **whose)
    except RespredictError:
        raise
    except ValueError as error:
        # A pseudonym cannot be wrong but for being empty; a decision, but for its kind.
        got = "a record that is about no man" if given.whose.strip() else "nothing"
        raise InputError(
            Problem("WHOSE", "be a man's", got, "Name a decision or a pseudonym")
        ) from error
    told = {
        "erased": list(erased.sequences),
        "record": erased.receipt and erased.receipt.sequence,
        "pending": erased.pending,
    }
    gone = counted(len(erased.sequences), "record", "records")
    text = f"{gone} erased. Erase what backups and packs hold of it too."
    if erased.pending:
        text += " Somebody is reading: the last copy goes when he ends."
    return _tell(given, told, text)


def _whose(given: str) -> dict[str, Any]:
    """Return a decision by its id, where there is one, or else a pseudonym."""
    from respredict.ledger.reading import Reader

    try:
        decision = uuid.UUID(given)
        with Reader(home()) as reader:
            reader.get(decision)
    except (ValueError, NoRecordError):
        return {"pseudonym": given}
    return {"decision": decision}


def _checkpoint(given: argparse.Namespace) -> int:
    from respredict.ledger.creation import checkpoint_now

    receipt = checkpoint_now(home(), actor=given.actor)
    text = f"Signed at {receipt.sequence}." if receipt else "Nothing new since the last one."
    return _tell(given, {"sequence": receipt and receipt.sequence}, text)


def _backup(given: argparse.Namespace) -> int:
    from respredict.ledger.backup import backup

    made = backup(home(), given.file)
    told = {**asdict(made), "file": str(made.file)}
    text = f"Copied to {made.file}, up to record {made.sequence} ({made.hash[:12]})."
    return _tell(given, told, text)


def _restore(given: argparse.Namespace) -> int:
    from respredict.ledger.backup import restore
    from respredict.ledger.reading import Reader

    receipt = restore(given.file, home(), actor=given.actor, reason=given.reason, force=given.force)
    with Reader(home()) as reader:
        payload = reader.get(receipt.sequence).payload
    said = json.loads(payload.answer) if payload else {}
    kept, left = said["restored_sequence"], said["left_sequence"]
    unknown = bool(said.get("erasures_unknown"))
    told = {"sequence": receipt.sequence, "hash": receipt.hash, "restored_sequence": kept,
            "left_sequence": left, "erasures_unknown": unknown}  # fmt: skip
    text = f"Restored up to record {kept}, as record {receipt.sequence} says."
    if left is not None and left > kept:
        text += f" {counted(left - kept, 'record', 'records')} behind it were dropped."
    if unknown:
        text += f" Erasures after record {kept} are not known here: erase those men again."
    return _tell(given, told, text)


def _tell(given: argparse.Namespace, told: Any, text: str, *, ok: bool = True) -> int:
    print(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) if given.json else text)
    return _OK if ok else _NO
