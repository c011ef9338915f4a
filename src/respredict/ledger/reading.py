"""Reading the ledger: one record, a page of them, a repeated request's answer.

A reader keeps no transaction open, so it holds up no erasure for longer than a query.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respredict.errors import LedgerDamageError, NoRecordError
from respredict.ledger.chain import without_beginning
from respredict.ledger.entry import Idempotency
from respredict.ledger.filtering import Filter
from respredict.ledger.payload import decode_body, is_erased
from respredict.ledger.record import Record
from respredict.ledger.repeating import find_repeated, now
from respredict.ledger.store import ledger_file, read_only, unavailable

__all__ = ["Page", "Reader"]

MOST = 1_000
_FIELDS = (
    "sequence", "id", "moment", "kind", "actor", "model", "about", "commitment", "previous", "hash",
    "status", "risk", "pseudonym", "body",
)  # fmt: skip
_COLUMNS = "r." + ", ".join(_FIELDS[:-1])
_SALT = "substr(body, 1, 32)"
_JOINED = "filter f USING (sequence) LEFT JOIN payload p USING (sequence)"


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where to go on.

    Parameters
    ----------
    records : tuple of Record
        Without payloads unless asked for.
    after : int or None
        Give it back for the next page; None if there is none.
    """

    records: tuple[Record, ...]
    after: int | None


class Reader:
    """The ledger, open for reading; threads may share it.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, or a backup.

    Raises
    ------
    LedgerError
        If there is none.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._connection = read_only(home)
        self._file = _identity(home)
        self._texts: dict[bytes, bytes] = {}  # few, and each is what its digest says

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def head(self) -> tuple[int, str]:
        """Return the last record's sequence and hash.

        Returns
        -------
        tuple of int and str
            Sequence and 64 hexadecimal digits.

        Raises
        ------
        LedgerDamageError
            If there is no record at all.
        """
        query = "SELECT sequence, hash FROM record ORDER BY sequence DESC LIMIT 1"
        rows = self._all(query)
        if not rows:
            raise without_beginning()
        return rows[0][0], rows[0][1].hex()

    def get(self, which: int | uuid.UUID) -> Record:
        """Return one record with its payload.

        Parameters
        ----------
        which : int or uuid.UUID
            Sequence or id.

        Returns
        -------
        Record
            Without payload if it was erased.

        Raises
        ------
        NoRecordError
            If there is none.
        LedgerDamageError
            If it is not what ``format.md`` says.
        """
        column, value = (
            ("id", which.bytes) if isinstance(which, uuid.UUID) else ("r.sequence", which)
        )
        query = f"SELECT {_COLUMNS}, body FROM record r LEFT JOIN {_JOINED} WHERE {column} = ?"  # noqa: S608 - no value in it
        rows = self._all(query, value)
        if not rows:
            rule = f"a record must be in the ledger, got none with {column[-8:]} {which}"
            msg = f"{rule}. `respredict audit list` lists them."
            raise NoRecordError(msg)
        return self._record(rows[0])

    def find(
        self,
        asked: Filter | None = None,
        *,
        after: int | None = None,
        limit: int = 50,
        newest_first: bool = False,
        payloads: bool = False,
    ) -> Page:
        """Return a page of the records asked for, in the order of the chain.

        Parameters
        ----------
        asked : Filter or None, default=None
            Which; all if None.
        after : int or None, default=None
            As the page before gave it.
        limit : int, default=50
            Records a page, 1 to 1,000.
        newest_first : bool, default=False
            Whether to go backwards.
        payloads : bool, default=False
            Whether to read what they say.

        Returns
        -------
        Page
            The records, and where to go on.

        Raises
        ------
        ValueError
            If the limit is out of its range.
        LedgerDamageError
            If one of them is not what ``format.md`` says.
        """
        if not 1 <= limit <= MOST:
            msg = f"limit must be 1 to {MOST}, got {limit}. Turn pages."
            raise ValueError(msg)
        conditions = (asked or Filter()).conditions()
        if after is not None:
            conditions.append((f"r.sequence {'<' if newest_first else '>'} ?", after))
        where = " AND ".join(condition for condition, _ in conditions) or "1"
        filtered = any(condition.startswith(("status", "risk")) for condition, _ in conditions)
        if filtered and self._many_risks(conditions):
            where = where.replace("risk", "+risk")  # reading in order finds a page sooner
        # By the filter's own sequence its index gives the order, and nothing is sorted.
        join, order = ("JOIN", "f") if filtered else ("LEFT JOIN", "r")
        query = (
            f"SELECT {_COLUMNS}, {'body' if payloads else _SALT} FROM record r {join} {_JOINED} "  # noqa: S608 - no value in it
            f"WHERE {where} ORDER BY {order}.sequence {'DESC' if newest_first else ''} LIMIT ?"
        )
        rows = self._all(query, *(value for _, value in conditions), limit + 1)
        records = tuple(self._record(row, whole=payloads) for row in rows[:limit])
        return Page(records, records[-1].sequence if len(rows) > limit else None)

    def _many_risks(self, conditions: list[tuple[str, Any]]) -> bool:
        """Return whether more records lie in the range of risks than are worth sorting."""
        risks = [one for one in conditions if one[0].startswith("risk")]
        where = " AND ".join(condition for condition, _ in risks) or "0"
        query = f"SELECT count(*) FROM (SELECT 1 FROM filter WHERE {where} LIMIT {MOST})"  # noqa: S608 - no value in it
        return bool(self._all(query, *(value for _, value in risks))[0][0] == MOST)

    def lookup_idempotent(
        self, key: str, request_bytes: bytes, *, actor: str
    ) -> tuple[Record, ...] | None:
        """Return what was recorded for the same request under the same key in 24 hours.

        Parameters
        ----------
        key : str
            As the caller sent it.
        request_bytes : bytes
            The whole request as it came.
        actor : str
            Whose key it is; nobody gets another's answer.

        Returns
        -------
        tuple of Record or None
            With payloads, in order; None if the request is new.

        Raises
        ------
        LedgerConflictError
            If the key stands for another request.
        """
        asked = Idempotency(key, request_bytes)
        try:
            with self._lock:
                found = find_repeated(self._open(), actor, asked, now())
        except sqlite3.Error as error:
            raise unavailable(error) from error
        return None if found is None else tuple(map(self.get, found))

    def text(self, digest: bytes) -> bytes:
        """Return a static text by its SHA-256.

        Parameters
        ----------
        digest : bytes
            32 bytes.

        Returns
        -------
        bytes
            The exact bytes.

        Raises
        ------
        LedgerDamageError
            If it is not there.
        """
        if digest not in self._texts:
            rows = self._all("SELECT content FROM text WHERE digest = ?", digest)
            if not rows:
                msg = f"a quoted text must be in the ledger, got none {digest.hex()}. Verify it."
                raise LedgerDamageError(msg)
            self._texts[digest] = bytes(rows[0][0])
        return self._texts[digest]

    def _record(self, row: tuple[Any, ...], *, whole: bool = True) -> Record:
        fields: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
        body = fields.pop("body")
        gone = is_erased(body)
        fields |= {
            "id": _id(fields["sequence"], fields["id"]),
            "status": fields["status"] or "",
            "pseudonym": fields["pseudonym"] or "",
        }
        try:
            payload = decode_body(body, self.text) if whole and not gone else None
        except LedgerDamageError as error:
            msg = f"record {fields['sequence']}: {error}"
            raise LedgerDamageError(msg) from error
        return Record(**fields, erased=gone, payload=payload)

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._open().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def _open(self) -> sqlite3.Connection:
        """Return the connection; a file that was replaced is opened anew."""
        file = _identity(self.home)
        if file != self._file:
            self._connection.close()
            self._connection, self._file = read_only(self.home), file
        return self._connection


def _id(sequence: int, stored: bytes) -> uuid.UUID:
    if not isinstance(stored, bytes) or len(stored) != 16:
        found = len(stored) if isinstance(stored, bytes) else type(stored).__name__
        msg = f"the id of record {sequence} must be 16 bytes, got {found}. Verify the ledger."
        raise LedgerDamageError(msg)
    return uuid.UUID(bytes=stored)


def _identity(home: Path) -> tuple[int, int]:
    try:
        found = ledger_file(home).stat()
    except OSError as error:
        raise unavailable(error) from error
    return found.st_dev, found.st_ino
