"""``simulate`` and ``check``: a table is made, or looked at."""

from __future__ import annotations

import argparse
from typing import Any

from respredict.cli.common import Add, print_told
from respredict.config import Settings
from respredict.errors import InputError, Problem

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


def _simulate(given: argparse.Namespace) -> int:
    from respredict.simulate import SHIPPED_MEN, SHIPPED_SEED, write_cohort

    men = SHIPPED_MEN if given.men is None else given.men
    seed = SHIPPED_SEED if given.seed is None else given.seed
    if men < 1:
        raise InputError(Problem("--men", "be at least 1", str(men), "Give a number of men"))
    sidecar = write_cohort(given.out, men, seed=seed)
    told = {"file": given.out, "sidecar": str(sidecar), "men": men, "seed": seed}
    return print_told(given, told, f"Wrote {men} synthetic men to {given.out} and {sidecar}.")


def _check(given: argparse.Namespace) -> int:
    from respredict.cohort import describe, read_cohort

    need = ("outcome",) if given.outcome else ()
    told = describe(read_cohort(given.table, need=need, scheme=given.scheme))
    return print_told(given, told, _described(told))


def _described(told: dict[str, Any]) -> str:
    lines = [f"{told['rows']} men, {told['kind']}, sha256 {told['sha256'][:12]}"]
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
