"""``cohort.toml``: what a table is and where it is from, beside the table itself.

One cohort a folder: the file belongs to the table that its ``file`` names. A clinic
writes ``file`` and ``kind``, the rest as it likes; a synthetic cohort carries its
``sha256``, so that no other table passes for it.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respredict.errors import Problem, nearest
from respredict.outcome import SCHEMES
from respredict.schema.record import COLUMNS, alternatives
from respredict.tables.files import Table, shown

__all__ = ["SIDECAR", "Provenance", "Sidecar", "read_sidecar"]

SIDECAR = "cohort.toml"
KINDS = ("synthetic", "clinical")
_KEYS: dict[str, tuple[type, ...]] = {
    "file": (str,),
    "kind": (str,),
    "source": (str,),
    "sha256": (str,),
    "rows": (int,),
    "date": (str, datetime.date),
    "scheme": (str,),
    "seed": (int,),
    "recipe": (str, int, dict),
    "units_confirmed": (list,),
}
_WORDS = {
    str: "text", int: "a whole number", datetime.date: "a date", list: "a list", dict: "a table",
}  # fmt: skip
_CONFIRMABLE = (*(c.name for c in COLUMNS if c.kind == "measurement"), *alternatives())
_REWRITE = "Restore the table, or write its sidecar anew"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a table is from; follows the model to every answer.

    Parameters
    ----------
    kind : {"synthetic", "clinical"}
        Simulated or real men.
    source : str
        Who made or measured them.
    sha256 : str
        Hexadecimal digest of the table's bytes.
    rows : int
        Men.
    date : str
        Of the table, empty where not stated.
    scheme : str, default="concentration"
        Semen categories the table is meant for.
    file : str
        Name of the table, without its folder.

    Examples
    --------
    >>> Provenance("clinical", "not stated", "9f86d081", 90, "").scheme
    'concentration'
    """

    kind: str
    source: str
    sha256: str
    rows: int
    date: str
    scheme: str = "concentration"
    file: str = ""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar as far as it can be read.

    Parameters
    ----------
    told : mapping of str to object
        Keys of the right type; empty where the table has no sidecar.
    problems : tuple of Problem
        What is wrong with it.
    notices : tuple of str
        What its reader should know.
    """

    told: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def confirmed(self) -> frozenset[str]:
        """Columns whose unit the clinic has confirmed."""
        return frozenset(self.told.get("units_confirmed", ()))

    def provenance(self, path: Path, table: Table) -> Provenance:
        """Return where the table is from, as far as its sidecar says."""
        return Provenance(
            kind=self.told.get("kind", "clinical"),
            source=self.told.get("source", "not stated"),
            sha256=table.sha256,
            rows=table.rows,
            date=self.told.get("date", ""),
            scheme=self.told.get("scheme", "concentration"),
            file=path.name,
        )


def read_sidecar(path: Path, table: Table) -> Sidecar:
    """Read the sidecar of a table and compare the two.

    Parameters
    ----------
    path : Path
        Of the table.
    table : Table
        As read.

    Returns
    -------
    Sidecar
        Without keys where none belongs to this table.
    """
    file = path.parent / SIDECAR
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        notice = f"No {SIDECAR} beside {path.name}: taken as clinical, source not stated."
        return Sidecar({}, notices=(notice,))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        broken = Problem(
            SIDECAR, "be readable TOML in UTF-8", "something else", "Mend or remove it"
        )
        return Sidecar({}, (broken,))
    owner = written.get("file")
    if isinstance(owner, str) and owner != path.name:
        notice = (
            f"{SIDECAR} belongs to another table, {shown(owner)}: {path.name} is taken as clinical,"
            " source not stated."
        )
        return Sidecar({}, notices=(notice,))
    told, problems = _checked(written)
    return Sidecar(told, (*problems, *_compared(told, table)))


def _checked(written: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    told: dict[str, Any] = {}
    problems: list[Problem] = []

    def add(key: str, rule: str, got: str, remedy: str) -> None:
        problems.append(Problem(f"{SIDECAR} {key}", rule, got, remedy))

    for key, value in written.items():
        wanted = _KEYS.get(key)
        if wanted is None:
            add(
                key,
                "be a known key",
                "an unknown one",
                f"{nearest(key, _KEYS)}Use {_listed(_KEYS)}",
            )
        elif not isinstance(value, wanted) or isinstance(value, bool):
            add(key, f"be {' or '.join(_WORDS[kind] for kind in wanted)}", shown(value), "Mend it")
        elif key in _CHOICES and value not in _CHOICES[key]:
            remedy = f"{nearest(str(value), _CHOICES[key])}Use one of these"
            add(key, f"be {' or '.join(_CHOICES[key])}", shown(value), remedy)
        elif isinstance(value, list) and (unknown := _unconfirmable(value)):
            remedy = f"{nearest(unknown[0], _CONFIRMABLE)}Name columns as they stand in the table"
            add(key, "list measurement columns", ", ".join(map(shown, unknown)), remedy)
        else:
            told[key] = value.isoformat() if isinstance(value, datetime.date) else value
    required = ("file", "kind", "sha256") if told.get("kind") == "synthetic" else ("file", "kind")
    for key in required:
        if key not in written:
            add(key, "be given", "nothing", f"Write {key} = ...")
    return told, problems


_CHOICES: dict[str, tuple[str, ...]] = {"kind": KINDS, "scheme": tuple(SCHEMES)}


def _unconfirmable(value: list[Any]) -> list[str]:
    return [str(name) for name in value if name not in _CONFIRMABLE]


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names)


def _compared(told: Mapping[str, Any], table: Table) -> list[Problem]:
    """Return where the sidecar and its table disagree."""
    digest = str(told.get("sha256", table.sha256)).lower().removeprefix("sha256:")
    if digest != table.sha256:
        rule = "be the digest of the table"
        got = f"{shown(digest[:12])} for a table of {table.sha256[:12]!r}: it was changed since"
        return [Problem(f"{SIDECAR} sha256", rule, got, _REWRITE)]
    rows = told.get("rows", table.rows)
    if rows != table.rows:
        rule = f"be the table's {table.rows} rows"
        return [Problem(f"{SIDECAR} rows", rule, shown(rows), _REWRITE)]
    return []
