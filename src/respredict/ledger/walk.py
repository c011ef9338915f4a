"""One reading of the chain, record by record, at a hundred thousand a second."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from typing import Any

from respredict.errors import LedgerDamageError
from respredict.ledger.diagnosis import UNENCODABLE, diagnose_link, diagnose_payload, find_inserted
from respredict.ledger.payload import (
    PAYLOAD_TAG,
    SALT,
    decode_body,
    encode_filters,
    is_left_erased,
    split_body,
)
from respredict.ledger.record import ZERO, encode_header
from respredict.ledger.repeating import read_repeat
from respredict.ledger.stray import are_gone, find_stray
from respredict.ledger.trust import Damage, Trust

__all__ = ["Walk"]

_ROWS = (
    "SELECT r.sequence, id, moment, kind, actor, model, about, commitment, previous, hash, "
    "body, f.sequence, pseudonym, risk, status FROM record r "
    "LEFT JOIN payload p ON p.sequence = r.sequence "
    "LEFT JOIN filter f ON f.sequence = r.sequence "
    "WHERE r.sequence BETWEEN ? AND ? ORDER BY r.sequence"
)
_LEAST, _MOST = -(2**63), 2**63 - 1
_NO_FILTERS = encode_filters("", None, "")
_TOLD = 2_000  # records from one word about the progress to the next
_READ = frozenset({"key", "checkpoint", "erasure", "restore"})


class Walk:
    """One reading of the chain.

    Parameters
    ----------
    trust : Trust or None
        Takes the keys and checkpoints that are met; None in a segment, where they are left
        to who reads the whole.
    tell : callable or None, default=None
        Told now and then up to which record all is read.

    Attributes
    ----------
    good : int
        Last record found good.
    head : bytes
        Its hash.
    erased : set of int
        Records that an erasure names.
    """

    def __init__(self, trust: Trust | None, tell: Callable[[int], None] | None = None) -> None:
        self.trust = trust or Trust(None)
        self.tell = tell or (lambda _: None)
        self._alone = trust is not None
        self.good = 0
        self.head = ZERO
        self.erased: set[int] = set()
        self._first = ZERO
        self._texts: set[bytes] = set()
        self._quoted: set[bytes] = {b""}
        self._repeats: dict[int, tuple[Any, ...]] = {}

    def run(self, connection: sqlite3.Connection) -> Damage | None:
        """Read every record in order.

        Parameters
        ----------
        connection : sqlite3.Connection
            In a transaction.

        Returns
        -------
        Damage or None
            The first.
        """
        altered = self._prepare(connection)
        damage = self._guarded(connection, _LEAST, _MOST)
        stray = damage or find_stray(connection, self.good, self._repeats)
        return stray or altered or self._unquoted()

    def resume(self, connection: sqlite3.Connection) -> bool:
        """Read what was appended since the chain was found good, and what was erased.

        Parameters
        ----------
        connection : sqlite3.Connection
            In a transaction.

        Returns
        -------
        bool
            Whether it holds; if not, only :meth:`run` of another one says what does not.
        """
        former = set(self.erased)
        self._texts.clear()
        self._repeats.clear()
        if self._prepare(connection):
            return False
        last = connection.execute("SELECT hash FROM record WHERE sequence = ?", (self.good,))
        if last.fetchone() != (self.head,) or not self._texts.issuperset(self.quoted):
            return False
        if not are_gone(connection, self.erased - former):
            return False
        self._repeats = {s: row for s, row in self._repeats.items() if s > self.good}
        damage = self._guarded(connection, self.good + 1, _MOST)
        return damage is None and not self._stray(connection)

    def run_segment(
        self, connection: sqlite3.Connection, first: int, last: int, previous: bytes
    ) -> bool:
        """Read a part of the chain, without what keys and checkpoints say.

        Parameters
        ----------
        connection : sqlite3.Connection
            In a transaction.
        first, last : int
            Sequences, both included.
        previous : bytes
            Hash of the record before the first.

        Returns
        -------
        bool
            Whether every one of them holds; if not, :meth:`run` says which does not.
        """
        self.good, self.head = first - 1, previous
        if self._prepare(connection) or self._guarded(connection, first, last):
            return False
        return self.good == last and not any(first <= s <= last for s in self._repeats)

    def run_with(
        self, connection: sqlite3.Connection, own: int, last: int, others: Callable[[], bool]
    ) -> bool:
        """Read the beginning while others read the rest, then what keys and checkpoints say.

        Parameters
        ----------
        connection : sqlite3.Connection
            In a transaction.
        own, last : int
            Last sequence read here, and last of all.
        others : callable
            Waits for the others; whether all they read holds and links up.

        Returns
        -------
        bool
            Whether everything holds; if not, :meth:`run` says what does not.
        """
        if self._prepare(connection) or self._guarded(connection, _LEAST, own):
            return False
        if self.good != own or not others():
            return False
        query = (
            f"SELECT sequence, kind, previous, body FROM record JOIN payload USING (sequence) "  # noqa: S608 - constants
            f"WHERE kind IN ({', '.join('?' * len(_READ))}) AND sequence > ? ORDER BY sequence"
        )
        for sequence, kind, previous, body in connection.execute(query, (*_READ, own)):
            if self._listen(sequence, kind, body, previous):
                return False
        self._repeats = {s: row for s, row in self._repeats.items() if not own < s <= last}
        (self.head,) = connection.execute(
            "SELECT hash FROM record WHERE sequence = ?", (last,)
        ).fetchone()
        self.good = last
        beyond = connection.execute("SELECT max(sequence) FROM record").fetchone()[0]
        return beyond == last and not self._stray(connection)

    @property
    def quoted(self) -> set[bytes]:
        """Digests of the static texts that were met in records."""
        return set(_digests(b"".join(self._quoted)))

    def take_quoted(self, digest: bytes) -> None:
        """Take into account that a record read elsewhere quotes a text."""
        self._quoted.add(digest)

    def _stray(self, connection: sqlite3.Connection) -> bool:
        found = find_stray(connection, self.good, self._repeats) or self._unquoted()
        return found is not None

    def _unquoted(self) -> Damage | None:
        """Judge texts that no record quotes; an erased one may have, so then nothing is said."""
        stray = set() if self.erased else self._texts - self.quoted
        if not stray:
            return None
        told = f"no record quotes the static text {min(stray).hex()[:12]}"
        return Damage(None, "inserted text", told)

    def _guarded(self, connection: sqlite3.Connection, first: int, last: int) -> Damage | None:
        try:
            return self._stream(connection, first, last)
        except UNENCODABLE:
            return diagnose_link(connection, self.good + 1, self.head)

    def _prepare(self, connection: sqlite3.Connection) -> Damage | None:
        """Read what the stream needs to know beforehand."""
        altered = None
        for digest, content in connection.execute("SELECT digest, content FROM text"):
            if hashlib.sha256(content).digest() == digest:
                self._texts.add(digest)
            else:
                altered = Damage(None, "altered text", "a static text is not what its digest says")
        for row in connection.execute(
            "SELECT first, key, request, records, expires FROM idempotency"
        ):
            self._repeats[row[0]] = row[1:]
        erasures = connection.execute(
            "SELECT body FROM record JOIN payload USING (sequence) WHERE kind = 'erasure'"
        )
        for (body,) in erasures:
            self.erased.update(_listed(body))
        return altered

    def _stream(self, connection: sqlite3.Connection, first: int, final: int) -> Damage | None:
        sha256, header, last = hashlib.sha256, encode_header, self.head
        erased, quoted, repeats, none = self.erased, self._quoted, self._repeats, _NO_FILTERS
        for expected, (
            sequence, identifier, moment, kind, actor, model, about, commitment, previous, digest,
            body, filtered, pseudonym, risk, status,
        ) in enumerate(connection.execute(_ROWS, (first, final)), start=self.good + 1):  # fmt: skip
            found = header(
                sequence, identifier, moment, kind, actor, model, about, commitment, previous
            )
            if sequence != expected or previous != last or sha256(found).digest() != digest:
                return diagnose_link(connection, expected, last, sequence)
            damage = None
            if body is None or expected in erased or body.startswith(ZERO):
                damage = self._gone(connection, expected, kind, commitment, body, filtered)
            elif sha256(PAYLOAD_TAG + body).digest() != commitment:
                damage = diagnose_payload(connection, expected, commitment)
            else:
                at = SALT + 4 + int.from_bytes(body[SALT : SALT + 4], "big")
                told = none if filtered is None else encode_filters(pseudonym, risk, status)
                if not body.startswith(told, at):
                    damage = Damage(expected, "altered payload", "its filters are not what it says")
                elif told == none and filtered is not None:
                    damage = Damage(expected, "altered payload", "a filter stands there, all empty")
                elif kind in _READ or expected in repeats or body[SALT + 4 : at] not in quoted:
                    damage = self._look_into(expected, kind, body, body[SALT + 4 : at], last)
            if damage:
                return find_inserted(connection, expected, last) or damage
            if expected == 1:
                self._first = digest
            self.good = expected
            self.head = last = digest
            if not expected % _TOLD:
                self.tell(expected)
        return None

    def _gone(
        self,
        connection: sqlite3.Connection,
        sequence: int,
        kind: str,
        commitment: bytes,
        body: bytes | None,
        filtered: int | None,
    ) -> Damage | None:
        """Judge a payload that is gone, or should be."""
        if sequence not in self.erased or kind in _READ:
            if body is None or not any(body):
                damage = diagnose_payload(connection, sequence, commitment)
                if damage.kind == "altered payload":
                    told = "its payload was overwritten, and no erasure names it"
                    damage = Damage(sequence, "missing payload", told)
                return damage
            return diagnose_payload(connection, sequence, commitment)
        if (body is not None and any(body)) or filtered is not None:
            return Damage(
                sequence, "erased payload present", "an erasure names it, yet it is there"
            )
        if not is_left_erased(body):
            told = "its erased payload is shorter than any payload was"
            return Damage(sequence, "altered payload", told)
        return None

    def _look_into(
        self, sequence: int, kind: str, body: bytes, quoted: bytes, last: bytes
    ) -> Damage | None:
        """Judge what a good payload says: texts quoted, a repetition, keys, checkpoints."""
        if not self._texts.issuperset(_digests(quoted)):
            return Damage(sequence, "altered text", "a text it quotes is missing or changed")
        self._quoted.add(quoted)
        if sequence in self._repeats:
            row, told = self._repeats.pop(sequence), split_body(body)[4]
            if not told or read_repeat(told) != row:
                detail = "its idempotency key is not what it says"
                return Damage(sequence, "altered payload", detail)
        if kind in _READ and self._alone:
            return self._listen(sequence, kind, body, last)
        return None

    def _listen(self, sequence: int, kind: str, body: bytes, last: bytes) -> Damage | None:
        """Judge what the ledger says of itself."""
        answer = decode_body(body, lambda _: b"").answer
        if kind == "key":
            return self.trust.take_key(sequence, answer, self._first)
        if kind == "checkpoint":
            return self.trust.take_checkpoint(sequence, answer, last, self._first)
        if kind == "restore":
            self.trust.restores.append((sequence, dict(json.loads(answer))))
        return None


def _digests(quoted: bytes) -> list[bytes]:
    return [quoted[i : i + 32] for i in range(0, len(quoted), 32)]


def _listed(body: bytes) -> list[int]:
    try:
        told = json.loads(decode_body(body, lambda _: b"").answer)
        return [s for s in told["erased"] if isinstance(s, int)]
    except (LedgerDamageError, ValueError, KeyError, TypeError):
        return []  # altered: the stream will say so
