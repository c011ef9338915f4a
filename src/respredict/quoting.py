"""The texts that answers quote: what one model says of every man alike, made once.

An answer is written as pieces: bytes of his own, and texts that a record quotes by their
digest. Every text is made when the Scorer is, before any man is seen, so none can hold
anything of one; what depends on him chooses among them. To say something new of every man,
add it here; what is worth less than a digest is left in his own bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import orjson

from respredict import guidance
from respredict.judging import imputed
from respredict.ledger.entry import Text
from respredict.schema.request import Request
from respredict.statement import closing

__all__ = ["Piece", "Quotes", "joined", "members", "merged"]

Row = Mapping[str, Any]

#: Bytes of a man's own, or a text that many answers quote.
Piece = bytes | Text

_LEAST = 64  # a shorter text costs more as a digest and its frame


class Quotes:
    """The texts that the answers of one model quote.

    Parameters
    ----------
    inputs : tuple of str
        What the model uses.
    identity : mapping
        What the answer says of the model.
    improvement, worsening, comparators : mapping
        What these members of an answer hold for every man; ``worsening`` is empty where
        it is each man's own.
    """

    def __init__(
        self, inputs: tuple[str, ...], identity: Row, *,
        improvement: Row, worsening: Row, comparators: Row,
    ) -> None:  # fmt: skip
        demonstration = identity["use"] == "demonstration"
        nobody = Request()
        #: Begins the comparators, whose other members follow.
        self.comparators = b'"comparators":{%b,' % members(comparators)
        more = b'"worsening":%b,%b' % (orjson.dumps(worsening), self.comparators)
        #: Ends the improvement; with the worsening and the comparators, where all have one.
        self.improvement = Text.of(members(improvement) + b"}," + (more if worsening else b""))
        self._monitoring, self._safety = guidance.monitoring(nobody), guidance.safety(nobody)
        self._always = guidance.notices(nobody, demonstration=demonstration)
        model = b',"model":%b,"notices":%b' % (
            orjson.dumps(identity), orjson.dumps(self._always)[:-1],
        )  # fmt: skip
        watched = b',"monitoring":%b,"safety":%b' % (
            orjson.dumps(self._monitoring), orjson.dumps(self._safety),
        )  # fmt: skip
        ends = {
            scored: _inside(" " + closing(demonstration=demonstration, probability=scored))
            + (b'"}' if scored else b'"')
            for scored in (True, False)
        }
        self._ends = {scored: Text.of(end) for scored, end in ends.items()}
        self._usual = {scored: Text.of(end + watched + model) for scored, end in ends.items()}
        self._model = Text.of(model)
        self._watched = [
            _Table(f',"{name}":[', "]", [[row] for row in rows])
            for name, rows in (("monitoring", self._monitoring), ("safety", self._safety))
        ]
        self._notices = {
            id(row): Text.of(b"," + orjson.dumps(row)) for row in guidance.every_notice()
        }
        self._groups = _Table('],"published_groups":[', "]", guidance.settled_groups())
        self._criteria = _Table(',"candidate_criteria":[', "]}", guidance.settled_criteria())
        shared = [guidance.azoospermia_caution(), *map(imputed, inputs)]
        self._cautions = {id(row): Text.of(orjson.dumps(row)) for row in shared}
        self._frames = {code: _framed(code, f) for code, f in guidance.caution_frames().items()}

    def cautions(self, rows: Sequence[Row]) -> list[Piece]:
        """Return the cautions of a man as JSON.

        Parameters
        ----------
        rows : sequence of mapping
            As they are told.

        Returns
        -------
        list of bytes and Text
            Joined they are an array.
        """
        told: list[Piece] = [b"["]
        for i, row in enumerate(rows):
            if i:
                told.append(b",")
            shared = self._cautions.get(id(row))
            told += self._of_frame(row) if shared is None else (shared,)
        told.append(b"]")
        return told

    def rest(
        self, request: Request, groups: Sequence[Row], criteria: Sequence[Row], *, scored: bool
    ) -> list[Piece]:  # fmt: skip
        """Return the end of an answer, from the last sentences of its statement on.

        Parameters
        ----------
        request : Request
            In canonical units.
        groups, criteria : sequence of mapping
            As the guidance judges them.
        scored : bool
            Whether the statement stands in an explanation.

        Returns
        -------
        list of bytes and Text
            To follow the statement without its last sentences.
        """
        watched = guidance.monitoring(request), guidance.safety(request)
        told: list[Piece] = [self._usual[scored]]
        if watched != (self._monitoring, self._safety):
            tables = zip(self._watched, watched, strict=True)
            lines = [piece for table, rows in tables for piece in table.pieces(rows)]
            told = [self._ends[scored], *lines, self._model]
        told += [self._notices[id(row)] for row in guidance.own_notices(request)]
        return [*told, *self._groups.pieces(groups), *self._criteria.pieces(criteria)]

    def _of_frame(self, row: Row) -> list[Piece]:
        """Return a caution about his own words: before, those, and after."""
        told = orjson.dumps(row)
        if row["code"] not in self._frames:
            return [told]
        before, after = self._frames[row["code"]]
        own = told[len(_bytes(before)) : len(told) - len(_bytes(after))]
        return [before, own, after]


class _Table:
    """Rows of a table, each in one of the forms that all men share, or with a reason.

    The last form of a row is the open one, where there are several.
    """

    def __init__(self, head: str, tail: str, forms: Sequence[Sequence[Row]]) -> None:
        self._tail = tail.encode()
        first, many = head.encode(), len(forms[0]) > 1
        starts = [first, *[b","] * (len(forms) - 1)]
        told = [{id(row): orjson.dumps(row) for row in of} for of in forms]
        settled = [list(of)[:-1] if many else list(of) for of in told]
        self._whole = {
            ids: Text.of(
                first + b",".join(of[i] for of, i in zip(told, ids, strict=True)) + self._tail
            )
            for ids in product(*settled)
        }
        self._starts = starts
        self._single = {
            i: Text.of(start + of[i])
            for start, of, ids in zip(starts, told, settled, strict=True)
            for i in ids
        }
        self._open = [
            Text.of(start + orjson.dumps(of[-1])[:-1] + b',"reason":')
            for start, of in zip(starts, forms, strict=True)
        ]

    def pieces(self, rows: Sequence[Row]) -> list[Piece]:
        """Return some man's rows, one text where nothing is open."""
        whole = self._whole.get(tuple(map(id, rows)))
        if whole is not None:
            return [whole]
        told: list[Piece] = []
        for start, opened, row in zip(self._starts, self._open, rows, strict=True):
            single = self._single.get(id(row))
            if single is not None:
                told.append(single)
            elif "reason" in row:
                told += [opened, orjson.dumps(row["reason"]) + b"}"]
            else:
                told.append(start + orjson.dumps(row))
        return [*told, self._tail]


def _framed(code: str, frame: Row) -> tuple[Piece, Piece]:
    """Return what stands before and after his own words, as texts where they are long."""
    before = members({"code": code}) + b',"text":"' + _inside(frame["before"])
    after = _inside(frame["after"]) + b'",' + members({"source": frame["source"]}) + b"}"
    return _worth(b"{" + before), _worth(after)


def _worth(told: bytes) -> Piece:
    return Text.of(told) if len(told) >= _LEAST else told


def _inside(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]


def _bytes(piece: Piece) -> bytes:
    return piece if isinstance(piece, bytes) else piece.content


def members(of: Row) -> bytes:
    """Return the members of an object as JSON, without its braces.

    Parameters
    ----------
    of : mapping
        Plain JSON values, finite numbers among them.

    Returns
    -------
    bytes
        UTF-8, no space between.

    Examples
    --------
    >>> members({"up": 0.35, "down": 0.28})
    b'"up":0.35,"down":0.28'
    """
    return orjson.dumps(of)[1:-1]


def merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return pieces with those of a man's own that are neighbours as one.

    Parameters
    ----------
    pieces : iterable of bytes and Text
        In order.

    Returns
    -------
    tuple of bytes and Text
        The same when joined.

    Examples
    --------
    >>> merged([b"a", b"b", Text.of(b"c")])[0]
    b'ab'
    """
    found: list[Piece] = []
    own: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            own.append(piece)
            continue
        if own:
            found.append(b"".join(own))
            own = []
        found.append(piece)
    return (*found, b"".join(own)) if own else tuple(found)


def joined(pieces: Iterable[Piece]) -> bytes:
    """Return the bytes that pieces stand for.

    Parameters
    ----------
    pieces : iterable of bytes and Text
        In order.

    Returns
    -------
    bytes
        All of them.

    Examples
    --------
    >>> joined([b"a", Text.of(b"b")])
    b'ab'
    """
    return b"".join([p if isinstance(p, bytes) else p.content for p in pieces])
