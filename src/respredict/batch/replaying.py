"""A recorded table scored again: the same scores to the last byte, or which rows differ."""

from __future__ import annotations

import itertools
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from respredict.audit.batches import file_digest, read_batch, root_of
from respredict.audit.environment import changes
from respredict.audit.selecting import note_replay
from respredict.batch.run import score_table
from respredict.bundle import load_bundle
from respredict.errors import InputError, Problem
from respredict.ledger.record import Record
from respredict.scoring import Scorer
from respredict.tables.mapping import read_mapping
from respredict.tables.mapping_named import named_for, read_through

__all__ = ["BatchReplayed", "replay_batch"]

_SHOWN = 20  # differing rows that are told


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReplayed:
    """What replaying a file batch gave.

    Parameters
    ----------
    sequence : int
        Of the record.
    model : str
        Digest of the model that scored it.
    state : str
        ``identical``, ``differs`` or ``refused`` (the input is not the one recorded).
    input, output : str
        ``as recorded``, ``changed`` or ``missing``; an output may be ``none`` as well.
    compared : int
        Men scored again.
    recorded, now : dict
        Counts, men set apart, digests and Merkle root; ``now`` is empty for a sample.
    differing : tuple of dict, default=()
        The first rows that differ: ``row``, and what stands in the file and what now.
    why : tuple of str, default=()
        What is not as it was then.
    seed : int or None, default=None
        Of the sample, to draw the same rows again.
    """

    sequence: int
    model: str
    state: str
    input: str
    output: str
    compared: int
    recorded: dict[str, Any]
    now: dict[str, Any]
    differing: tuple[dict[str, Any], ...] = ()
    why: tuple[str, ...] = ()
    seed: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def replay_batch(
    home: Path,
    record: Record,
    *,
    actor: str,
    table: Path | None = None,
    output: Path | None = None,
    rows: int | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> BatchReplayed:
    """Score a recorded table again with the model that scored it, and record who did.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, with the ledger and the bundles.
    record : Record
        Of kind ``batch``, with its payload.
    actor : str
        Who replays.
    table, output : Path or None, default=None
        Where input and scores are now; where they were if None.
    rows : int or None, default=None
        Score only that many rows, drawn at random; their scores are compared with the
        output's own.
    seed : int, default=0
        Of the draw.
    say : callable, default: silent
        Told the progress.

    Returns
    -------
    BatchReplayed
        Without the output a whole replay still compares digests and root.

    Raises
    ------
    InputError
        If a sample is asked for and the output is not there, or the mapping is not the one
        recorded.
    BundleError
        If the model's files were changed.
    RegistryError
        If the model is not in the home.
    LedgerError
        If the replay cannot be recorded.
    """
    told = read_batch(record)
    table = table or Path(told["input_file"])
    output = output or Path(told["output_file"])
    states = (_state(table, told["input"]), _state(output, told["output"]))
    if rows is not None and (rows < 1 or states[1] in ("missing", "none")):
        got = str(rows) if rows < 1 else f"no output at {output}"
        rule, remedy = "be at least 1, of scores that are there", "Name them with --output"
        raise InputError(Problem("--rows", rule, got, remedy))
    mapping = _mapping(told, table)
    note_replay(home, [record], actor=actor)
    found: dict[str, Any] = {"compared": 0, "now": {}, "state": "refused"}
    found["why"] = (f"the input must be the one recorded, {told['input']}",)
    if states[0] == "as recorded":
        scorer = Scorer(load_bundle(home, record.model), told["version"])
        only = None if rows is None else _drawn(told["rows"], rows, seed)
        with read_through(table, mapping):
            found = _again(told, table, output, scorer, only, say)
        if found["state"] == "differs":
            found["why"] = _why(record)
    return BatchReplayed(
        sequence=record.sequence,
        model=record.model,
        input=states[0],
        output=states[1],
        recorded=_recorded(told),
        seed=None if rows is None else seed,
        **found,
    )


def _mapping(told: dict[str, Any], table: Path) -> Path | None:
    """Return the mapping through which a table is read again, if it does not lie beside it.

    Records of before the mapping was kept say nothing of it, and are read as the table is.
    """
    if "mapping" not in told:
        return None
    kept = None if told["mapping_file"] is None else Path(told["mapping_file"])
    file = kept if kept is not None and kept.is_file() and named_for(table) is None else None
    found = read_mapping(table, file)
    now = None if found is None else f"sha256:{found.sha256}"
    if now == told["mapping"]:
        return file
    got = "none" if found is None else f"{found.file}, {now}"
    if told["mapping"] is None:
        remedy = "Leave it out, or copy the table where none lies beside it and give --input"
        raise InputError(Problem("the mapping", "be none, as is recorded", got, remedy))
    rule = f"be the one recorded, {kept}, {told['mapping']}"
    remedy = "Give the one of that digest with --mapping"
    raise InputError(Problem("the mapping", rule, got, remedy))


def _again(
    told: dict[str, Any],
    table: Path,
    output: Path,
    scorer: Scorer,
    only: frozenset[int] | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Score a table again, and compare it with its record and with the scores on disk."""
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        made = Path(folder) / Path(told["output_file"]).name
        again = score_table(
            table, scorer, out=str(made), explain=told["explain"], say=say, only=only,
            confirmed=frozenset(told["units_confirmed"]),
        )  # fmt: skip
        now = _now(again, made) if only is None else {}
        differing: tuple[dict[str, Any], ...] = ()
        if output.is_file() and made.exists():
            differing = tuple(itertools.islice(_differing(output, made, only), _SHOWN))
    same = now == _recorded(told) if only is None else not differing
    return {
        "state": "identical" if same else "differs",
        "compared": again["rows"] - again["rejected"] if only is None else len(only),
        "now": now,
        "differing": differing,
    }


def _recorded(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in _COMPARED}


#: Of a record, what scoring again gives.
_COMPARED = (
    "output", "rejected_output", "rows", "counts", "rejected", "lines", "merkle_root",
)  # fmt: skip


def _state(file: Path, digest: str | None) -> str:
    if digest is None:
        return "none"
    if not file.is_file():
        return "missing"
    return "as recorded" if file_digest(file) == digest else "changed"


def _drawn(rows: int, size: int, seed: int) -> frozenset[int]:
    chance = random.Random(seed)  # noqa: S311 - to be drawn again
    return frozenset(chance.sample(range(1, rows + 1), min(size, rows)))


def _now(again: dict[str, Any], made: Path) -> dict[str, Any]:
    """Return of a table scored again what its record holds."""
    apart = again["rejected_file"]
    lines: int | None = None
    root: bytes | None = None
    if made.exists() and made.suffix != ".parquet":
        with made.open("rb") as stream:
            lines, root = root_of(line.removesuffix(b"\n") for line in stream)
    return {
        "output": file_digest(made) if made.exists() else None,
        "rejected_output": None if apart is None else file_digest(Path(apart)),
        **{name: again[name] for name in ("rows", "counts", "rejected")},
        "lines": lines,
        "merkle_root": None if root is None else root.hex(),
    }


def _differing(output: Path, made: Path, only: frozenset[int] | None) -> Iterator[dict[str, Any]]:
    """Yield the rows that do not say the same, in the order of both files."""
    old, new = _rows(output, only), _rows(made, None)
    was, now = next(old, None), next(new, None)
    while was is not None or now is not None:
        if now is None or (was is not None and was[0] < now[0]):
            yield {"row": was and was[0], "in_file": was and was[1], "now": None}
            was = next(old, None)
        elif was is None or now[0] < was[0]:
            yield {"row": now[0], "in_file": None, "now": now[1]}
            now = next(new, None)
        else:
            if was[1] != now[1]:
                yield {"row": now[0], "in_file": was[1], "now": now[1]}
            was, now = next(old, None), next(new, None)


def _rows(file: Path, only: frozenset[int] | None) -> Iterator[tuple[int, str]]:
    """Yield each man's row number and what is said of him; the header is row 0."""
    read = _parquet_rows if file.suffix == ".parquet" else _text_rows
    for row, said in read(file):
        if only is None or row in only or row == 0:
            yield row, said


def _text_rows(file: Path) -> Iterator[tuple[int, str]]:
    with file.open(encoding="utf-8", errors="replace", newline="\n") as stream:
        for number, line in enumerate(stream):
            told = line.rstrip("\n")
            if file.suffix == ".jsonl":
                yield _number(told.partition('"row": ')[2].partition(",")[0], number + 1), told
            else:
                yield _number(told.partition(",")[0], number if number else 0), told


def _number(word: str, otherwise: int) -> int:
    return int(word) if word.isascii() and word.isdigit() else otherwise


def _parquet_rows(file: Path) -> Iterator[tuple[int, str]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches():
            for told in batch.to_pylist():
                yield told["row"], json.dumps(told, ensure_ascii=False, default=str)


def _why(record: Record) -> tuple[str, ...]:
    assert record.payload is not None
    return changes(json.loads(record.payload.environment or b"{}"))
