"""A table of men, of any size, into a file of scores, in bounded memory.

Chunks are read in order, judged one by one (in other processes where there are jobs)
and written in order. The outputs take their names at the end, once they are recorded;
whatever happens before, nothing is left behind and earlier outputs stay.
"""

from __future__ import annotations

import hashlib
import json
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from respredict.batch.outputs import Outputs
from respredict.batch.requests import requests_of
from respredict.batch.verdicts import STATUSES, Judge
from respredict.batch.writing import csv_lines, rejected_lines
from respredict.bundle import load_bundle
from respredict.errors import CohortError, InputError, Problem
from respredict.progress import Progress
from respredict.scoring import Scorer
from respredict.tables.chunks import Chunk, TableStream
from respredict.tables.files import Table, empty_rows
from respredict.tables.mapped import stream_mapped
from respredict.tables.naming import Names, read_names
from respredict.tables.rows import RowReader, read_men, wanted
from respredict.tables.sidecar import SIDECAR, read_sidecar

__all__ = ["score_table"]

#: Men at once; a whole answer takes some ten thousand bytes, a line a hundred.
_AT_ONCE = {".csv": 25_000, ".parquet": 25_000, ".jsonl": 1_000}
_AHEAD = 2  # chunks in flight for each job


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a chunk is read and judged by."""

    names: Names
    confirmed: frozenset[str]
    form: str
    explain: bool
    only: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class _Done:
    """One chunk, judged and ready to be written."""

    content: Any
    rejected: bytes
    rows: int
    apart: int
    counts: Any


def score_table(
    file: Path,
    scorer: Scorer,
    *,
    out: str | None = None,
    explain: bool = False,
    jobs: int = 1,
    say: Callable[[str], None] = lambda _: None,
    keep: Callable[[dict[str, Any], Mapping[Path, Path]], None] = lambda *_: None,
    confirmed: frozenset[str] | None = None,
    only: frozenset[int] | None = None,
) -> dict[str, Any]:
    """Score every man of a table; who cannot be read is set apart with the reasons.

    Parameters
    ----------
    file : Path
        CSV or Parquet, of any size. Site and outcome are not read. ``cohort.toml``
        beside it counts for its ``units_confirmed``.
    scorer : Scorer
        Of the champion.
    out : str or None, default=None
        ``.csv`` or ``.parquet`` for a line a man, ``.jsonl`` for his whole answer;
        ``.scores.csv`` beside the table if None. Rows set apart go to
        ``.rejected.csv`` beside it, one line a problem.
    explain : bool, default=False
        Add the contribution of each input, in log-odds.
    jobs : int, default=1
        Processes; what is written does not depend on them.
    say : callable, default: silent
        Told the notices and the progress.
    keep : callable, default: nothing
        Records what is returned before the outputs take their names; given it, and from
        the name of each to the one under which it waits. If it raises, none appears.
    confirmed : frozenset of str or None, default=None
        Analytes whose unit is confirmed; as the sidecar says if None.
    only : frozenset of int or None, default=None
        Rows to score, counted from 1; all if None.

    Returns
    -------
    dict
        ``rows``, ``counts`` by status, ``rejected`` men, ``out``, ``rejected_file`` or
        None, ``explain``, ``units_confirmed``, ``seconds``, and ``mapping``, the digest of
        the mapping it was read through, with its ``mapping_file``, or None.

    Raises
    ------
    CohortError
        If the file is no table of men; nothing is written then.
    InputError
        If ``out`` is of another kind or would replace the table, or ``jobs`` is below 1.
    ExplanationError
        If contributions miss the probability; nothing is written then.
    """
    target, apart = _targets(file, out, jobs)
    stream = stream_mapped(file)
    names = _names(stream, say)
    sure = _confirmed(file, say) if confirmed is None else confirmed
    plan = _Plan(names, sure, target.suffix, explain, only)
    progress = Progress(say)
    chunks = stream.chunks(_AT_ONCE[target.suffix], wanted(names))
    with Outputs(target, apart) as outputs, _judged(chunks, plan, scorer, jobs) as judged:
        rows, rejected, counts = 0, 0, np.zeros(len(STATUSES), np.int64)
        for done in judged:
            outputs.write(done.content)
            outputs.reject(done.rejected)
            rows, rejected, counts = rows + done.rows, rejected + done.apart, counts + done.counts
            progress.tell(rows, stream.fraction)
        seconds = round(progress.seconds, 3)
        told: dict[str, Any] = {
            "rows": rows,
            "counts": {name: int(n) for name, n in zip(STATUSES, counts, strict=True) if n},
            "rejected": rejected,
            "out": str(target),
            "rejected_file": str(apart) if rejected else None,
            "explain": explain,
            "units_confirmed": sorted(sure),
            "seconds": seconds,
            **_mapping(stream),
        }
        if stream.left_out:
            say(f"note: {empty_rows(stream.left_out)}")
        keep(told, outputs.finish())
        outputs.appear()
    also = f", {rejected} set apart" if rejected else ""
    say(f"{rows - rejected} of {rows} men scored{also}, {rows / max(seconds, 1e-9):,.0f} men/s")
    return told


def _mapping(stream: TableStream) -> dict[str, str | None]:
    of = stream.mapping
    if of is None:
        return {"mapping": None, "mapping_file": None}
    return {"mapping": f"sha256:{of.sha256}", "mapping_file": str(of.file and of.file.resolve())}


def _targets(file: Path, out: str | None, jobs: int) -> tuple[Path, Path]:
    target = Path(out) if out else file.with_suffix(".scores.csv")
    apart = target.with_suffix(".rejected.csv")
    problems = []
    if target.suffix not in _AT_ONCE:
        rule, remedy = "end in .csv, .jsonl or .parquet", "Rename it"
        problems.append(Problem("--out", rule, str(target), remedy))
    if file.resolve() in (target.resolve(), apart.resolve()):
        got = f"{target}, with {apart.name} beside it"
        problems.append(Problem("--out", "leave the table alone", got, "Name another file"))
    if not target.parent.is_dir():
        problems.append(Problem("--out", "lie in a folder", str(target), "Make the folder first"))
    if jobs < 1:
        problems.append(Problem("--jobs", "be at least 1", str(jobs), "Give a number of processes"))
    if problems:
        raise InputError(problems)
    return target, apart


def _names(stream: TableStream, say: Callable[[str], None]) -> Names:
    """Read the names of the columns; what is wrong with the table itself ends here."""
    names = read_names(stream.empty.cells | stream.empty.refused, stream.empty.nameless)
    reader = RowReader(stream.empty, names, frozenset())
    reader.read()
    if names.problems or reader.problems:
        raise CohortError([*names.problems, *reader.problems])
    for notice in (*names.notices, *reader.notices):
        say(f"note: {notice}")
    return names


def _confirmed(file: Path, say: Callable[[str], None]) -> frozenset[str]:
    """Return the columns whose unit the sidecar confirms; whatever else it says is no matter."""
    if not (file.parent / SIDECAR).is_file():
        return frozenset()
    sidecar = read_sidecar(file, Table({}, 0, ""))
    compared = (f"{SIDECAR} sha256", f"{SIDECAR} rows")
    odd = [str(problem) for problem in sidecar.problems if problem.field not in compared]
    digest = str(sidecar.told.get("sha256", "")).lower().removeprefix("sha256:")
    if digest:
        with file.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                odd.append(f"{SIDECAR} is of an earlier {file.name}: it was changed since.")
    for told in odd:
        say(f"note: {told}")
    if sidecar.confirmed:
        say(f"note: units confirmed in {SIDECAR}: {', '.join(sorted(sidecar.confirmed))}.")
    return sidecar.confirmed


class _Worker:
    """Reads and judges chunks, in this process or another."""

    def __init__(self, plan: _Plan, scorer: Scorer) -> None:
        self.plan = plan
        self.scorer = scorer
        self.judge = Judge(scorer, explain=plan.explain)

    def __call__(self, chunk: Chunk) -> _Done:
        plan = self.plan
        men, apart = read_men(chunk, plan.names, plan.confirmed)
        if plan.only is not None:
            men = men.take([int(row) in plan.only for row in men.rows])
        table, counts = self.judge.judge(men)
        content: Any = table
        if plan.form == ".csv":
            head = ",".join(table.schema.names) + "\n" if chunk.first else ""
            content = head.encode() + csv_lines(table)
        elif plan.form == ".jsonl":
            content = self.answers(men)
        rows = len({problem.rows for _, problem in apart})
        return _Done(content, rejected_lines(apart), len(men) + rows, rows, counts)

    def answers(self, men: Any) -> bytes:
        """Return each man's whole answer, a line each."""
        who = zip(men.rows.tolist(), men.columns["patient_id"], strict=True)
        answers = self.scorer.score_many(requests_of(men))
        lines = [
            json.dumps({"row": row, "patient_id": patient, **answer}, allow_nan=False)
            for (row, patient), answer in zip(who, answers, strict=True)
        ]
        return "".join(f"{line}\n" for line in lines).encode()


@contextmanager
def _judged(
    chunks: Iterable[Chunk], plan: _Plan, scorer: Scorer, jobs: int
) -> Iterator[Iterator[_Done]]:
    """Give the chunks judged, in order."""
    if jobs == 1:
        yield map(_Worker(plan, scorer), chunks)
        return
    bundle, version = scorer.bundle, scorer.model_card()["version"]
    # A fresh interpreter each: no thread of this one is half copied into it.
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=_start,
        initargs=(plan, bundle.folder.parents[1], bundle.digest, version),
    )
    try:
        yield _in_order(pool, chunks, _AHEAD * jobs)
    finally:
        pool.shutdown(cancel_futures=True)


_worker: _Worker | None = None


def _start(plan: _Plan, home: Path, digest: str, version: int | None) -> None:
    global _worker  # one for each process of a pool
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that reads is the one to stop
    _worker = _Worker(plan, Scorer(load_bundle(home, digest), version))


def _work(chunk: Chunk) -> _Done:
    assert _worker is not None
    return _worker(chunk)


def _in_order(pool: ProcessPoolExecutor, chunks: Iterable[Chunk], ahead: int) -> Iterator[_Done]:
    waiting: deque[Any] = deque()
    for chunk in chunks:
        waiting.append(pool.submit(_work, chunk))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
