"""``score``: one man, or a table of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respredict.cli.common import Add, add_mapping, print_told, read_mapped, say, user
from respredict.config import home
from respredict.errors import InputError, Problem, RequestError
from respredict.words.phrases import counted

if TYPE_CHECKING:
    from respredict.schema.request import Request

__all__ = ["add_score"]


def add_score(add: Add) -> None:
    """Add ``score``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    score = add("score", _score, "score one man (JSON) or a table (CSV, Parquet)")
    score.add_argument("file", help="a request as JSON, or a table")
    score.add_argument(
        "--out",
        help="write a table's scores here: .csv (default, beside the table), .parquet, or .jsonl"
        " for each man's whole answer, 50 to 100 times slower",
    )
    add_mapping(score, "a table")
    score.add_argument("--explain", action="store_true", help="add each input's log-odds")
    score.add_argument("--jobs", type=int, default=1, help="processes for a table (default: 1)")


def _score(given: argparse.Namespace) -> int:
    from respredict.audit.decisions import record_decision
    from respredict.scoring import load_scorer
    from respredict.statement import summary

    file = Path(given.file)
    if file.suffix.lower() != ".json":
        return _score_table(given, file)
    for option, given_here, remedy in (
        ("--out", given.out is not None, "Redirect the output instead"),
        ("--mapping", given.mapping is not None, "Leave it out"),
        ("--explain", given.explain, "Leave it out: --json explains every answer"),
        ("--jobs", given.jobs != 1, "Leave it out"),
    ):
        if given_here:
            raise InputError(Problem(option, "be given for a table", "a request", remedy))
    asked, request = _request(file)
    answer = record_decision(home(), load_scorer(home()), asked, request, actor=user())
    kept = f"Decision {answer['decision_id']}, record {answer['ledger']['sequence']}."
    return print_told(given, answer, f"{summary(answer)}\n{kept}")


def _score_table(given: argparse.Namespace, file: Path) -> int:
    from respredict.audit.batches import record_batch
    from respredict.batch import score_table
    from respredict.scoring import load_scorer

    scorer = load_scorer(home())

    def keep(told: dict[str, Any], parts: Mapping[Path, Path]) -> None:
        digest, version = scorer.bundle.digest, scorer.model_card()["version"]
        kept = record_batch(home(), file, told, parts, model=digest, version=version, actor=user())
        told["ledger"] = {"sequence": kept.sequence, "hash": kept.hash}

    with read_mapped(given, file):
        told = score_table(
            file, scorer, out=given.out, explain=given.explain, jobs=given.jobs, say=say, keep=keep
        )
    return print_told(given, told, _scored(told))


def _request(file: Path) -> tuple[bytes, Request]:
    """Return the exact bytes of a request, and what they say."""
    from respredict.schema.request import read_request

    try:
        asked = file.read_bytes()
        body = json.loads(asked)
    except OSError as error:
        raise RequestError(
            Problem(str(file), "be a readable file", error.strerror or "none", "Name a request")
        ) from error
    except ValueError as error:
        raise RequestError(
            Problem(str(file), "be JSON", str(error), "Compare with data/published_man.json")
        ) from error
    return asked, read_request(body)


def _scored(told: dict[str, Any]) -> str:
    counts = ", ".join(f"{n} {status}" for status, n in told["counts"].items()) or "none scored"
    text = f"{counted(told['rows'], 'man', 'men')}: {counts}. Scores in {told['out']}."
    if told["rejected"]:
        text += f" {told['rejected']} set apart, with the reasons in {told['rejected_file']}."
    return text
