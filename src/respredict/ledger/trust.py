"""Whom to believe: keys, checkpoints in the chain, checkpoints kept outside."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from respredict.errors import LedgerDamageError
from respredict.ledger.checkpoints import Checkpoint, read_line
from respredict.ledger.keys import is_signed, named_key, signed_rotation
from respredict.ledger.store import unreadable

__all__ = ["Damage", "Trust", "check_outside"]


class Damage(NamedTuple):
    """What is wrong, and where first.

    Parameters
    ----------
    sequence : int or None
        First bad record; None if it is none in particular.
    kind : str
        In a few words, always the same ones.
    detail : str
        A sentence.
    """

    sequence: int | None
    kind: str
    detail: str


class Trust:
    """What the chain has said of its keys so far, and how far it is signed.

    Parameters
    ----------
    given : bytes or None
        Raw public key from outside.

    Attributes
    ----------
    signed_to : int
        Last record that a believed checkpoint vouches for.
    keys : list of bytes
        Every key that the chain names, in order.
    unsigned : list of int
        Where a key was named that the former did not sign.
    restores : list of tuple
        Sequence of each restore, and what it says.
    """

    def __init__(self, given: bytes | None) -> None:
        self.given = given
        self.signed_to = 0
        self.checkpoints = 0
        self.keys: list[bytes] = []
        self.unsigned: list[int] = []
        self.restores: list[tuple[int, dict[str, Any]]] = []
        self._believed = {given} if given else set()
        self._foreign: int | None = None

    def take_key(self, sequence: int, answer: bytes, ledger: bytes) -> Damage | None:
        """Take a ``key`` record into account.

        Parameters
        ----------
        sequence : int
            Of the record.
        answer : bytes
            What it says; ignored if it is about somebody's API key.
        ledger : bytes
            Hash of the first record.

        Returns
        -------
        Damage or None
            If the former key's signature is wrong.
        """
        named = named_key(answer)
        if named is None:
            return None
        new, former, signature = named
        if self.keys and not signature:
            self.unsigned.append(sequence)
        elif self.keys:
            message = signed_rotation(ledger, former, new)
            if former != self.keys[-1] or not is_signed(former, signature, message):
                told = "the former key did not sign the new one"
                return Damage(sequence, "bad signature", told)
            if former in self._believed:
                self._believed.add(new)
        if self.given is None:
            self._believed.add(new)
        self.keys.append(new)
        return None

    def take_checkpoint(
        self, sequence: int, answer: bytes, previous: bytes, ledger: bytes
    ) -> Damage | None:
        """Take a ``checkpoint`` record into account.

        Parameters
        ----------
        sequence : int
            Of the record.
        answer : bytes
            The checkpoint.
        previous : bytes
            Hash of the record before, as the chain has it now.
        ledger : bytes
            Hash of the first record, as the chain has it now.

        Returns
        -------
        Damage or None
            If it is not signed, or signs another chain.
        """
        try:
            found = read_line(answer)
        except LedgerDamageError as error:
            return Damage(sequence, "bad signature", str(error))
        key = self.keys[-1] if self.keys else b""
        if found.key != key or not is_signed(key, found.signature, found.signed):
            told = "the key that the chain names did not sign this checkpoint"
            return Damage(sequence, "bad signature", told)
        if (found.sequence, found.hash, found.ledger) != (sequence - 1, previous, ledger):
            return Damage(
                self.signed_to + 1,
                "rewritten chain",
                f"the checkpoint at {sequence} signs another record {found.sequence}, so records "
                f"between {self.signed_to + 1} and {sequence - 1} were written anew",
            )
        self.checkpoints += 1
        if found.key in self._believed:
            self.signed_to, self._foreign = sequence - 1, None
        elif self._foreign is None:
            self._foreign = sequence
        return None

    def judge_keys(self) -> Damage | None:
        """Return what is wrong with the keys, once the whole chain was read."""
        if self.given is None or (self.given in self.keys and self._foreign is None):
            return None
        if self.given in self.keys:
            told = "a checkpoint is signed with a key that the given one does not vouch for"
            return Damage(self._foreign, "unknown key", told)
        return Damage(1, "unknown key", "the chain never names the public key that was given")


def check_outside(
    connection: sqlite3.Connection, file: Path, trust: Trust, *, own: bool, size: int | None
) -> tuple[Damage | None, int]:
    """Compare the chain with the checkpoints of a file.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger, whose chain was found whole.
    file : Path
        One checkpoint a line.
    trust : Trust
        What the chain says.
    own : bool
        Whether it is the file beside the ledger, where a restore that the chain records
        explains what differs.
    size : int or None
        Bytes of the file before the chain was read: what a service signed since is not in
        what was read. None to take all.

    Returns
    -------
    tuple of Damage or None and int
        What differs, and the last record that the file vouches for.
    """
    agreed = 0
    try:
        content = file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from error
    if size is not None and len(content) > size:
        content = content[: content.rfind(b"\n", 0, size) + 1]
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            found = read_line(line)
        except LedgerDamageError as error:
            return Damage(None, "altered checkpoint file", f"line {number}: {error}"), agreed
        row = connection.execute(
            "SELECT hash FROM record WHERE sequence = ?", (found.sequence,)
        ).fetchone()
        damage = None
        if row is None or row[0] != found.hash:
            damage = _differs(connection, found, agreed, trust, cut=row is None)
        elif found.key not in trust.keys or not is_signed(found.key, found.signature, found.signed):
            told = f"line {number} of {file.name} is not signed by a key that the chain names"
            damage = Damage(found.sequence, "bad signature", told)
        else:
            damage = _followed(connection, found, agreed, trust)
            agreed = max(agreed, found.sequence)
        if damage and not (own and damage.kind == "fork"):
            return damage, agreed
    return None, agreed


def _followed(
    connection: sqlite3.Connection, found: Checkpoint, agreed: int, trust: Trust
) -> Damage | None:
    """Return what is wrong behind a record that was signed: the checkpoint stood there."""
    behind = found.sequence + 1
    row = connection.execute("SELECT kind FROM record WHERE sequence = ?", (behind,)).fetchone()
    if row == ("checkpoint",):
        return None
    told = f"record {behind}, the checkpoint that signs record {found.sequence}, is gone"
    return _fork(found, agreed, trust) or Damage(behind, "cut tail", told)


def _fork(found: Checkpoint, agreed: int, trust: Trust) -> Damage | None:
    """Return the restore that left the chain on which a checkpoint was signed, if one did.

    It stands before what was signed; or it says that it knew this checkpoint; or, since a
    line before vouches for the chain to beyond what was signed, somebody had gone back
    when it was, and the restore brought that chain again.
    """
    signed = found.sequence
    for sequence, restored in trust.restores:
        known = restored.get("other_checkpoints")
        if (isinstance(known, list) and found.hash.hex() in known) or (
            agreed < sequence and (sequence <= signed + 1 or signed <= agreed)
        ):
            return Damage(
                sequence,
                "fork",
                f"record {signed} was signed before the ledger was restored from a backup at "
                f"{sequence} by {restored.get('actor')}: {restored.get('reason')}",
            )
    return None


def _differs(
    connection: sqlite3.Connection, found: Checkpoint, agreed: int, trust: Trust, *, cut: bool
) -> Damage:
    """Return what a checkpoint that the chain does not hold tells."""
    signed = found.sequence
    fork = _fork(found, agreed, trust)
    if fork:
        return fork
    last = connection.execute("SELECT max(sequence) FROM record").fetchone()[0] or 0
    first = connection.execute("SELECT hash FROM record WHERE sequence = 1").fetchone()
    another = ""
    if first is not None and first[0] != found.ledger:
        another = "; the checkpoints are of a ledger that began otherwise: is it this one's file?"
    if cut:
        told = f"the chain ends at {last}, but record {signed} was signed{another}"
        return Damage(last + 1, "cut tail", told)
    if signed <= agreed:
        told = (
            f"record {signed} was signed twice, otherwise the second time: somebody went back to "
            f"an older ledger behind record {agreed}, and no restore says so{another}"
        )
        return Damage(signed, "rewritten chain", told)
    return Damage(
        agreed + 1,
        "rewritten chain",
        f"record {signed} is not the one that was signed, so records between {agreed + 1} and "
        f"{signed} were written anew{another}",
    )
