"""The synthetic cohort as a file, with the sidecar that says what it is."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from respredict.errors import CohortError, Problem
from respredict.files import write_atomically
from respredict.recipe import DOUBTED, Recipe
from respredict.simulate import simulate

__all__ = ["SHIPPED_MEN", "SHIPPED_SEED", "write_cohort"]

SHIPPED_MEN = 600
SHIPPED_SEED = 20230901
#: Written into the sidecar; fixed, so that the same command gives the same bytes.
SHIPPED_DATE = "2026-11-21"
SOURCE = (
    "Synthetic: drawn by respredict.simulate from published aggregates, chiefly Naelitz et al. 2023"
    " (PMID 37392782) and Tradewell et al. 2022 (PMC9482862). No man in it exists."
)


def write_cohort(
    path: str | os.PathLike[str],
    n: int = SHIPPED_MEN,
    *,
    seed: int = SHIPPED_SEED,
    date: str = SHIPPED_DATE,
    sites: int = 3,
    recipe: Recipe | None = None,
) -> Path:
    """Write a synthetic cohort and the sidecar that says so.

    Parameters
    ----------
    path : path
        CSV to write; ``cohort.toml`` is written beside it.
    n : int, default=600
        Men, at least 1.
    seed : int, default=20230901
        The same seed draws the same men.
    date : str, default="2026-11-21"
        ISO 8601, written into the sidecar.
    sites : int, default=3
        Clinics, 1 to 26.
    recipe : Recipe or None, default=None
        What the drug does; None is ``Recipe()``.

    Returns
    -------
    Path
        Of the sidecar.

    Raises
    ------
    CohortError
        If the folder holds another cohort, or the file is no synthetic cohort;
        nothing is overwritten.

    Notes
    -----
    The same arguments give the same bytes. Both files are written whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_cohort(Path(folder) / "men.csv", 5, seed=1).name
    'cohort.toml'
    """
    target = Path(path)
    sidecar = target.parent / "cohort.toml"
    _refuse_to_overwrite(target, sidecar)
    recipe = recipe or Recipe()
    table = "".join(_lines(simulate(n, seed=seed, sites=sites, recipe=recipe))).encode()
    told = [
        f"file = {json.dumps(target.name)}",
        'kind = "synthetic"',
        f"source = {json.dumps(SOURCE)}",
        f'sha256 = "{hashlib.sha256(table).hexdigest()}"',
        f"rows = {n}",
        f"date = {json.dumps(date)}",
        'scheme = "concentration"',
        f"seed = {seed}",
        f"recipe = {json.dumps(recipe.version)}",
        f"units_confirmed = {json.dumps(DOUBTED)}",
    ]
    write_atomically(target, table)
    write_atomically(sidecar, "".join(f"{line}\n" for line in told).encode())
    return sidecar


def _refuse_to_overwrite(target: Path, sidecar: Path) -> None:
    remedy = "Write the synthetic cohort into a folder of its own"
    if sidecar.exists():
        told = tomllib.loads(sidecar.read_text(encoding="utf-8"))
        if told.get("file") != target.name or told.get("kind") != "synthetic":
            rule = f"describe {target.name} as synthetic before it is overwritten"
            got = f"file {told.get('file')!r} of kind {told.get('kind')!r}"
            raise CohortError(Problem(str(sidecar), rule, got, remedy))
    elif target.exists():
        rule = "be new or have a cohort.toml beside it"
        raise CohortError(Problem(str(target), rule, "a file without one", remedy))


def _lines(men: pd.DataFrame) -> Iterator[str]:
    """CSV lines whose text depends on the values alone."""
    yield ",".join(men.columns) + "\n"
    for row in men.itertuples(index=False):
        yield ",".join(_cell(value) for value in row) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    assert isinstance(value, (int, float))
    return "" if math.isnan(value) else format(value, ".10g")
