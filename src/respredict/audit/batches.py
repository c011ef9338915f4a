"""A file of men in the ledger: one record, digests of both files, a root over the scores.

The root is that of RFC 6962 over the output's lines without their line ends, the header
among them, so that each line can be proven without showing the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from respredict.audit.environment import environment
from respredict.errors import LedgerError
from respredict.ledger.chain import seal
from respredict.ledger.creation import create_ledger, writing
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.merkle import leaf_hash

__all__ = ["record_batch", "root_of"]


def record_batch(
    home: Path, file: Path, told: Mapping[str, Any], *, model: str, actor: str
) -> Receipt:
    """Record a file that was scored; if it cannot be, its scores are removed again.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``; its ledger is made if there is none.
    file : Path
        The table.
    told : mapping
        As :func:`respredict.batch.score_table` gives it.
    model : str
        Digest of the model.
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
    apart = told["rejected_file"]
    answer = {
        "input": _digest(file),
        "output": _digest(out),
        "rejected_output": _digest(Path(apart)) if apart else None,
        **{name: told[name] for name in ("rows", "counts", "rejected")},
        **_lines(out),
        "environment": environment(),
    }
    entry = Entry(kind="batch", actor=actor, model=model, answer=json.dumps(answer).encode())
    try:
        create_ledger(home)
        with writing(home) as appending:
            return appending.add(seal(entry))
    except LedgerError:
        for made in (out, *([Path(apart)] if apart else [])):
            made.unlink(missing_ok=True)
        raise


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _lines(out: Path) -> dict[str, Any]:
    """Return how many lines there are, and the root over them; Parquet has none."""
    if out.suffix == ".parquet":
        return {"lines": None, "merkle_root": None}
    with out.open("rb") as stream:
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
