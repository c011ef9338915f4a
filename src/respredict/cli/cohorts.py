"""``simulate`` and ``check``: a table is made, or looked at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from respredict.cli.common import Add, add_mapping, print_told, read_mapped, say
from respredict.config import Settings
from respredict.errors import CohortError, InputError, Problem
from respredict.words.phrases import counted

__all__ = ["add_cohorts"]


def add_cohorts(add: Add) -> None:
    """Add ``simulate`` and ``check``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    simulate = add("simulate", _simulate, "write a synthetic cohort and its sidecar")
    shipped = Settings().cohort.path
    simulate.add_argument("out", nargs="?", default=shipped, help="CSV to write")
    simulate.add_argument("--men", type=int, help="how many (default: as shipped, 600)")
    simulate.add_argument("--seed", type=int, help="default: as shipped")

    check = add("check", _check, "read a table, tell every problem, say what is in it")
    check.add_argument("table", help="CSV or Parquet")
    check.add_argument("--outcome", action="store_true", help="ask for the follow-up columns too")
    check.add_argument("--scheme", help="category scheme (default: the sidecar's)")
    add_mapping(check)
    check.add_argument(
        "--suggest-mapping", action="store_true", help="write a first mapping.toml beside it"
    )


def _simulate(given: argparse.Namespace) -> int:
    from respredict.synthetic import SHIPPED_MEN, SHIPPED_SEED, write_cohort

    men = SHIPPED_MEN if given.men is None else given.men
    seed = SHIPPED_SEED if given.seed is None else given.seed
    if men < 1:
        raise InputError(Problem("--men", "be at least 1", str(men), "Give a number of men"))
    sidecar = write_cohort(given.out, men, seed=seed)
    told = {"file": given.out, "sidecar": str(sidecar), "men": men, "seed": seed}
    return print_told(given, told, f"Wrote {men} synthetic men to {given.out} and {sidecar}.")


def _check(given: argparse.Namespace) -> int:
    from respredict.cohort import describe, read_cohort
    from respredict.tables.suggesting import wrongly_named

    if given.suggest_mapping:
        return _suggest(given)
    need = ("outcome",) if given.outcome else ()
    with read_mapped(given, given.table):
        try:
            cohort = read_cohort(given.table, need=need, scheme=given.scheme)
        except CohortError as error:
            if unread := wrongly_named(given.table, error.problems):
                say(
                    f"Not known: {', '.join(map(repr, unread))}. If they are ours under other"
                    " names or units, write which: respredict check TABLE --suggest-mapping"
                )
            raise
    told = describe(cohort)
    if given.outcome:
        from respredict.lifecycle.measurable import unmeasured_in

        told["notices"] += [str(one) for one in unmeasured_in(cohort, told["scheme"])]
    return print_told(given, told, _described(told))


def _suggest(given: argparse.Namespace) -> int:
    from respredict.files import write_atomically
    from respredict.tables.files import dialect_of, read_table
    from respredict.tables.mapping import MAPPING
    from respredict.tables.suggesting import suggest_mapping

    table = Path(given.table)
    file = Path(given.mapping) if given.mapping else table.parent / MAPPING
    if file.exists():
        remedy = "Remove it, or name another with --mapping"
        raise InputError(Problem(str(file), "not be there yet", "a mapping", remedy))
    dialect = dialect_of(table)
    found = suggest_mapping(table, read_table(table, dialect), dialect)
    write_atomically(file, found.text)
    told = {"file": str(file), "guessed": found.guessed, "unknown": found.unknown}
    lines = [f"Wrote {file}: {len(found.guessed)} guesses, each to be confirmed in it."]
    lines += [f"  {name:28s} {of}" for name, of in found.guessed.items()]
    lines += [f"  {'not read':28s} {name}" for name in found.unknown]
    return print_told(given, told, "\n".join(lines))


def _described(told: dict[str, Any]) -> str:
    lines = [f"{counted(told['rows'], 'man', 'men')}, {told['kind']}, sha256 {told['sha256'][:12]}"]
    for name, column in told["measurements"].items():
        parts = [f"{column['present']} present", f"{column['missing']} missing"]
        parts += [
            f"{column[side]} known only to lie {side} a limit"
            for side in ("below", "above")
            if column[side]
        ]
        lines.append(f"  {name:36s} {', '.join(parts)}")
    lines += [f"note: {notice}" for notice in told["notices"]]
    return "\n".join(lines)
