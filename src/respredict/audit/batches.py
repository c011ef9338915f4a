"""A file of men in the ledger: one record, digests of both files, a root over the scores.

The root is that of RFC 6962 over the output's lines without their line ends, the header
among them, so that each line can be proven without showing the others. The record is
durable before the scores take their names: a crash between leaves a record without scores,
which is told, and never scores without a record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from respredict.audit.environment import environment_text
from respredict.errors import LedgerDamageError
from respredict.ledger.chain import seal
from respredict.ledger.creation import create_ledger, writing
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.filtering import Filter
from respredict.ledger.merkle import leaf_hash
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record

__all__ = ["absent_outputs", "file_digest", "read_batch", "record_batch", "root_of"]

#: Of what scoring a table tells, what its record holds.
_OPTIONS = ("rows", "counts", "rejected", "explain", "units_confirmed")


def record_batch(
    home: Path,
    file: Path,
    told: Mapping[str, Any],
    parts: Mapping[Path, Path],
    *,
    model: str,
    version: int | None,
    actor: str,
) -> Receipt:
    """Record a file that was scored, before the scores take their names.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``; its ledger is made if there is none.
    file : Path
        The table. Its name stays in the ledger: no man's may stand in it.
    told : mapping
        As :func:`respredict.batch.score_table` gives it.
    parts : mapping of Path to Path
        From the name of each output to the one under which it waits.
    model : str
        Digest of the model.
    version : int or None
        Its number in the registry.
    actor : str
        Who scored it.

    Returns
    -------
    Receipt
        Of the durable record.

    Raises
    ------
    LedgerError
        If it cannot be written.
    """
    out = Path(told["out"])
    apart = None if told["rejected_file"] is None else Path(told["rejected_file"])
    # A table without men has no scores to write.
    answer = {
        "input": file_digest(file),
        "input_file": str(file.resolve()),
        "mapping": told["mapping"],
        "mapping_file": told["mapping_file"],
        "output": file_digest(parts[out]) if out in parts else None,
        "output_file": str(out.resolve()),
        "rejected_output": None if apart is None else file_digest(parts[apart]),
        "rejected_file": None if apart is None else str(apart.resolve()),
        **{name: told[name] for name in _OPTIONS},
        "version": version,
        **(_lines(out, parts[out]) if out in parts else {"lines": None, "merkle_root": None}),
    }
    entry = Entry(
        kind="batch",
        actor=actor,
        model=model,
        answer=json.dumps(answer, ensure_ascii=False).encode(),
        environment=environment_text(),
    )
    create_ledger(home)
    with writing(home) as appending:
        return appending.add(seal(entry))


def read_batch(record: Record) -> dict[str, Any]:
    """Return what a record of kind ``batch`` says.

    Parameters
    ----------
    record : Record
        With its payload.

    Returns
    -------
    dict
        As :func:`record_batch` wrote it.

    Raises
    ------
    LedgerDamageError
        If it says something else.
    """
    try:
        assert record.payload is not None
        told: dict[str, Any] = json.loads(record.payload.answer)
        missing = [name for name in ("input", "output_file", "version", *_OPTIONS)
                   if name not in told]  # fmt: skip
        assert not missing, f"none of {', '.join(missing)}"
    except (AssertionError, ValueError, TypeError) as error:
        msg = f"record {record.sequence} must say what was scored, got {error}. Verify the ledger."
        raise LedgerDamageError(msg) from error
    return told


def absent_outputs(reader: Reader) -> list[str]:
    """Return which recorded scores are not where they should be.

    Parameters
    ----------
    reader : Reader
        Of the ledger.

    Returns
    -------
    list of str
        A sentence each, with the remedy.
    """
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page = reader.find(Filter(kind="batch"), after=after, limit=1000, payloads=True)
        for record in page.records:
            told = read_batch(record)
            if told["output"] is not None and not Path(told["output_file"]).exists():
                found.append(
                    f"Whether the scores of record {record.sequence} ever took their name: "
                    f"{told['output_file']} is not there, so the command was cut short, or they "
                    f"were moved. Run: respredict audit replay {record.sequence}."
                )
        after = page.after
    return found


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file as it stands in a record.

    Parameters
    ----------
    file : Path
        To read.

    Returns
    -------
    str
        ``sha256:`` and 64 hexadecimal digits.
    """
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _lines(out: Path, part: Path) -> dict[str, Any]:
    """Return how many lines there are, and the root over them; Parquet has none."""
    if out.suffix == ".parquet":
        return {"lines": None, "merkle_root": None}
    with part.open("rb") as stream:
        lines, root = root_of(line.removesuffix(b"\n") for line in stream)
    return {"lines": lines, "merkle_root": root.hex()}


def root_of(rows: Iterable[bytes]) -> tuple[int, bytes]:
    """Return how many rows there are and their Merkle root, one row in memory at a time.

    Parameters
    ----------
    rows : iterable of bytes
        The exact bytes of each, in order.

    Returns
    -------
    tuple of int and bytes
        The root is that of :func:`respredict.ledger.merkle.merkle_root`.

    Examples
    --------
    >>> from respredict.ledger.merkle import merkle_root
    >>> root_of([b"a", b"b", b"c"]) == (3, merkle_root([b"a", b"b", b"c"]))
    True
    """
    waiting: list[bytes] = []  # a whole tree for each bit of the count, the largest first
    count = 0
    for row in rows:
        node, full = leaf_hash(row), count
        while full & 1:
            node, full = _joined(waiting.pop(), node), full >> 1
        waiting.append(node)
        count += 1
    if not waiting:
        return 0, hashlib.sha256().digest()
    root = waiting.pop()
    while waiting:
        root = _joined(waiting.pop(), root)
    return count, root


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
