"""Replaying: each decision rescored by the model that gave it, and compared to the last bit."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from respredict.audit.decisions import day_of
from respredict.audit.environment import changes
from respredict.audit.promotions import promotions
from respredict.audit.selecting import note_replay
from respredict.bundle import load_bundle
from respredict.errors import ExplanationError, LedgerDamageError, RequestError
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record
from respredict.schema.request import Request, read_request
from respredict.scoring import Scorer

__all__ = ["Difference", "Replayed", "Replayer", "replay"]

#: Of an answer, what no rescoring gives: its name, and where it was recorded.
NOT_COMPARED = ("decision_id", "ledger")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where an answer is not what was recorded.

    Parameters
    ----------
    pointer : str
        JSON pointer (RFC 6901) into the answer.
    recorded, now : object
        What stands there; None where there is nothing, or a null.
    where : str
        ``both``, ``recorded`` or ``now``: which of them has this place.
    """

    pointer: str
    recorded: Any
    now: Any
    where: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What replaying one decision gave.

    Parameters
    ----------
    sequence : int
        Of the record.
    id : str
        Of the decision.
    model : str
        Digest of the model that gave it.
    state : str
        ``identical``, ``differs``, ``refused`` (the request is not accepted any more) or
        ``erased``.
    differences : tuple of Difference, default=()
        Field by field.
    why : tuple of str, default=()
        What is not as it was then, as far as it is recorded.
    """

    sequence: int
    id: str
    model: str
    state: str
    differences: tuple[Difference, ...] = ()
    why: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def replay(home: Path, records: Iterable[Record], *, actor: str) -> list[Replayed]:
    """Rescore decisions with the models that gave them, and record who did.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, with the ledger and the bundles.
    records : iterable of Record
        Of kind ``decision``, with payloads.
    actor : str
        Who replays.

    Returns
    -------
    list of Replayed
        In order.

    Raises
    ------
    BundleError
        If a model's files were changed.
    RegistryError
        If a model is not in the home.
    LedgerDamageError
        If a decision is not JSON.
    LedgerError
        If the replay cannot be recorded.
    """
    return Replayer(home, actor).replay(records)


class Replayer:
    """Replays page after page; each model is loaded once, its bytes checked.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, with the ledger and the bundles.
    actor : str
        Who replays; it is recorded before anything is shown.
    """

    def __init__(self, home: Path, actor: str) -> None:
        self.home, self.actor = home, actor
        self._scorers: dict[tuple[str, int | None], Scorer] = {}
        with Reader(home) as reader:
            self._promotions = promotions(reader)

    def replay(self, records: Iterable[Record]) -> list[Replayed]:
        """Rescore decisions with the models that gave them.

        Parameters
        ----------
        records : iterable of Record
            Of kind ``decision``, with payloads.

        Returns
        -------
        list of Replayed
            In order.

        Raises
        ------
        BundleError
            If a model's files were changed.
        RegistryError
            If a model is not in the home.
        LedgerDamageError
            If a decision is not JSON.
        LedgerError
            If the replay cannot be recorded.
        """
        wanted = list(records)
        note_replay(self.home, wanted, actor=self.actor)
        done: dict[int, Replayed] = {}
        groups: dict[tuple[str, int | None, datetime.date], list[_Asked]] = defaultdict(list)
        for record in wanted:
            if record.payload is None:
                done[record.sequence] = _told(record, "erased")
                continue
            try:
                asked = _Asked(record)
            except RequestError as error:
                done[record.sequence] = _told(record, "refused", why=(str(error), *_why(record)))
            else:
                groups[record.model, self._version(asked), _day(record)].append(asked)
        for (digest, version, day), group in groups.items():
            for asked, now in zip(group, self._again(digest, version, group, day), strict=True):
                done[asked.record.sequence] = self._compared(asked, now)
        return [done[record.sequence] for record in wanted]

    def _again(
        self, digest: str, version: int | None, group: list[_Asked], day: datetime.date
    ) -> list[dict[str, Any] | str]:
        """Return the answers of today's code, or why there is none."""
        key = (digest, version)
        if key not in self._scorers:
            self._scorers[key] = Scorer(load_bundle(self.home, digest), version)
        try:
            return list(self._scorers[key].score_many([a.request for a in group], today=day))
        except ExplanationError as error:
            if len(group) == 1:
                return [str(error)]
            return [self._again(digest, version, [asked], day)[0] for asked in group]

    def _compared(self, asked: _Asked, now: dict[str, Any] | str) -> Replayed:
        record = asked.record
        if isinstance(now, str):
            return _told(record, "refused", why=(now, *_why(record)))
        if _canonical(now) == _canonical(asked.answer):
            return _told(record, "identical")
        found = tuple(_differences(asked.answer, json.loads(_canonical(now)), ""))
        return _told(record, "differs", found, _why(record))

    def _version(self, asked: _Asked) -> int | None:
        """Return the number under which a model was champion before a decision.

        Where its promotion is not recorded, nothing but the answer tells it.
        """
        model = asked.answer.get("model")
        recorded = model.get("version") if isinstance(model, dict) else None
        record = asked.record
        before = [p for p in self._promotions if p.sequence < record.sequence]
        known = [p.version for p in before if p.digest == record.model]
        return recorded if not known or recorded in known else known[-1]


def _why(record: Record) -> tuple[str, ...]:
    """Return what is not as it was when a decision was made."""
    assert record.payload is not None
    if not record.payload.environment:
        return ("what computed it is not recorded",)
    return changes(json.loads(record.payload.environment))


class _Asked:
    """A decision's request and its answer, read."""

    def __init__(self, record: Record) -> None:
        assert record.payload is not None
        self.record = record
        try:
            answer, request = map(json.loads, (record.payload.answer, record.payload.request))
            self.answer = {k: v for k, v in answer.items() if k not in NOT_COMPARED}
        except (ValueError, AttributeError) as error:
            msg = f"a decision must be JSON, got {error} in {record.sequence}. Verify the ledger."
            raise LedgerDamageError(msg) from error
        self.request: Request = read_request(request)


def _day(record: Record) -> datetime.date:
    """Return the UTC date of a decision: its UUIDv7 says when it was made."""
    return day_of(record.id) if record.id.version == 7 else record.time.date()


def _told(
    record: Record, state: str, found: tuple[Difference, ...] = (), why: tuple[str, ...] = ()
) -> Replayed:
    return Replayed(record.sequence, str(record.id), record.model, state, found, why)


def _canonical(answer: Any) -> str:
    """Return JSON that is the same only for the same values: 1 is not 1.0, nor 0.0 -0.0."""
    return json.dumps(answer, sort_keys=True)


def _differences(recorded: Any, now: Any, pointer: str) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        for name in [*recorded, *(n for n in now if n not in recorded)]:
            at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            yield from _member(recorded, now, name, name in recorded, name in now, at)
    elif isinstance(recorded, list) and isinstance(now, list):
        for i in range(max(len(recorded), len(now))):
            yield from _member(recorded, now, i, i < len(recorded), i < len(now), f"{pointer}/{i}")
    elif _canonical(recorded) != _canonical(now):
        yield Difference(pointer, recorded, now, "both")


def _member(
    recorded: Any, now: Any, key: Any, was: bool, is_: bool, pointer: str  # noqa: FBT001
) -> Iterator[Difference]:  # fmt: skip
    if was and is_:
        yield from _differences(recorded[key], now[key], pointer)
    else:
        yield Difference(
            pointer,
            recorded[key] if was else None,
            now[key] if is_ else None,
            "recorded" if was else "now",
        )
