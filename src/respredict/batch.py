"""A table of men into a file of scores."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from respredict.bundle import write_atomically
from respredict.cohort import Cohort, read_cohort
from respredict.errors import InputError, Problem
from respredict.schema.analytes import ANALYTES
from respredict.schema.quantities import Quantity
from respredict.schema.record import AGE, BMI
from respredict.schema.request import Request, Treatment
from respredict.scoring import Scorer

__all__ = ["requests_of", "score_table"]

_AT_ONCE = 2_000
_SIDES = {-1: "<", 0: "", 1: ">"}
_FIELDS = (
    "row", "patient_id", "status", "probability", "reasons", "cautions",
    "chance_up", "chance_down", "t_e2", "t_lh", "model_digest", "use",
)  # fmt: skip


def score_table(
    file: Path, scorer: Scorer, *, out: str | None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Score every man of a table.

    Parameters
    ----------
    file : Path
        CSV or Parquet, as :func:`respredict.cohort.read_cohort` takes it.
    scorer : Scorer
        Of the champion.
    out : str or None
        ``.csv`` for a line a man, ``.jsonl`` for his whole answer; beside the table if None.
    say : callable, default: silent
        Told the progress.

    Returns
    -------
    dict
        Rows, counts by status, and where the scores are.

    Raises
    ------
    CohortError
        If the table breaks a rule.
    InputError
        If ``out`` is of another kind.
    """
    target = Path(out) if out else file.with_suffix(".scores.csv")
    if target.suffix not in (".csv", ".jsonl") or target.resolve() == file.resolve():
        raise InputError(
            Problem("--out", "end in .csv or .jsonl and be another file", str(target), "Rename it")
        )
    cohort = read_cohort(file)
    for notice in cohort.notices:
        say(f"note: {notice}")
    counts: Counter[str] = Counter()
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    if target.suffix == ".csv":
        writer.writerow(_FIELDS)
    for row, patient, answer in _answers(cohort, scorer, say):
        counts[answer["status"]] += 1
        if target.suffix == ".csv":
            writer.writerow(_line(row, patient, answer))
        else:
            lines.write(json.dumps({"row": row, "patient_id": patient, **answer}) + "\n")
    write_atomically(target, lines.getvalue())
    return {"rows": len(cohort.men), "counts": dict(sorted(counts.items())), "out": str(target)}


def requests_of(men: pd.DataFrame) -> list[Request]:
    """Return the request that each row of a cohort makes.

    Parameters
    ----------
    men : DataFrame
        A cohort's frame.

    Returns
    -------
    list of Request
        One a row.
    """
    return [_request(row) for row in men.to_dict("records")]


def _request(row: dict[str, Any]) -> Request:
    quantities = {
        a.name: Quantity(row[a.column], a.unit, _SIDES[int(row[a.censor_column])])  # type: ignore[arg-type]
        for a in ANALYTES
        if not math.isnan(row[a.column])
    }
    used = row["prior_testosterone"]
    return Request(
        age=_known(row[AGE.name]),
        bmi=_known(row[BMI.name]),
        quantities=quantities,
        received=quantities,
        treatment=Treatment(
            testosterone=None if math.isnan(used) else "past" if used else "never",
            anastrozole_mg_week=_known(row["anastrozole_mg_week"]),
            clomiphene=_flag(row["clomiphene"]),
            tamoxifen=_flag(row["tamoxifen"]),
            gonadotropin_or_gnrh=_flag(row["gonadotropin_or_gnrh"]),
        ),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _flag(value: float) -> bool | None:
    return None if math.isnan(value) else bool(value)


def _answers(
    cohort: Cohort, scorer: Scorer, say: Callable[[str], None]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    men = cohort.men
    for start in range(0, len(men), _AT_ONCE):
        chunk = men.iloc[start : start + _AT_ONCE]
        answers = scorer.score_many(requests_of(chunk))
        patients = chunk["patient_id"].tolist()
        for i, (patient, answer) in enumerate(zip(patients, answers, strict=True)):
            yield start + i + 1, patient, answer
        say(f"{min(start + _AT_ONCE, len(men))} of {len(men)} men scored")


def _line(row: int, patient: str, answer: dict[str, Any]) -> list[Any]:
    ratios = [answer["derived"][name] for name in ("t_e2", "t_lh")]
    return [
        row,
        patient,
        answer["status"],
        answer.get("improvement", {}).get("probability", ""),
        " ".join(reason["code"] for reason in answer.get("reasons", ())),
        " ".join(caution["code"] for caution in answer["cautions"]),
        answer["chance_only"]["up"],
        answer["chance_only"]["down"],
        *("" if r is None else f"{r.get('comparator', '')}{r['value']:.6g}" for r in ratios),
        answer["model"]["digest"],
        answer["model"]["use"],
    ]
