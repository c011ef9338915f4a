"""A first mapping for a clinic's table: guesses, each with what it rests on, to be confirmed.

Names are matched by words and by what people write for them; a unit comes from the name,
or else from the values. Nothing is taken for sure: every guess is marked, and the table is
refused until somebody has looked at each.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.errors import Problem
from respredict.schema.quantities import parse_measurement
from respredict.schema.record import COLUMNS, alternatives, body_columns
from respredict.tables.chunks import stream_table
from respredict.tables.dating import are_dates, dated_block, day_of_birth, most_likely
from respredict.tables.delimited import COMMA, PLAIN, UTF_8, Dialect
from respredict.tables.files import Table
from respredict.tables.guessing import FROM_NAME, guess_name, guess_unit
from respredict.tables.mapping import read_mapping
from respredict.tables.naming import NAMING_RULES, read_names
from respredict.tables.targets import TARGETS

__all__ = ["Suggestion", "suggest_mapping", "wrongly_named"]

_CODES = {"yes": 1, "no": 0, "y": 1, "n": 0, "true": 1, "false": 0, "ja": 1, "nein": 0, "j": 1}
_KNOWN = {c.name for c in (*COLUMNS, *body_columns())} | set(alternatives())
_NUMBER = re.compile(r"[<>≤≥=\s]*\d[\d.,]*")
_COMMA = re.compile(r"[<>≤≥=\s]*\d+,\d+")
_POINT = re.compile(r"[<>≤≥=\s]*\d+\.\d+")


@dataclass
class Suggestion:
    """A mapping to be looked at.

    Parameters
    ----------
    text : str
        TOML, with a comment on each guess.
    guessed : dict of str to str
        By the name of ours: the clinic's.
    unknown : list of str
        Columns of which nothing was made.
    """

    text: str = ""
    guessed: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def suggest_mapping(path: Path, table: Table, dialect: Dialect = PLAIN) -> Suggestion:
    """Guess what the columns of a table are.

    Parameters
    ----------
    path : Path
        Of the table.
    table : Table
        As read.
    dialect : Dialect, default=PLAIN
        In which it was read.

    Returns
    -------
    Suggestion
        Columns that already have a name of ours are left alone.

    Examples
    --------
    >>> cells = {"Total T (nmol/L)": np.array(["9.4", "14"], dtype=object)}
    >>> found = suggest_mapping(Path("clinic.csv"), Table(cells, 2, ""))
    >>> print(found.text[found.text.index("[testosterone]"):found.text.index("# What")])
    [testosterone]
    column = "Total T (nmol/L)"
    unit = "nmol/L" # from the name; values 9.4 to 14, median 11.7
    confirmed = false
    <BLANKLINE>
    <BLANKLINE>
    """
    texts = {name: _texts(cells) for name, cells in table.cells.items() if name not in _KNOWN}
    dates = [name for name, of in texts.items() if are_dates([text for text in of if text])]
    found = Suggestion(guessed=_guessed([name for name in texts if name not in dates]))
    blocks, missing = [], set()
    for target, name in found.guessed.items():
        told = [text for text in texts[name] if text]
        blocks.append(_block(target, name, told))
        missing |= _codes_for_missing(target, told)
    between = most_likely(dates) if _free("followup_days", table, found) else None
    if between is not None:
        found.guessed["followup_days"] = " to ".join(between)
        others = [n for n in dates if n not in between and not day_of_birth(n)]
        blocks.append(dated_block(*between, {n: texts[n] for n in between}, others))
    taken = {*found.guessed.values(), *(between or ())}
    found.unknown = [name for name in texts if name not in taken]
    found.text = "\n\n".join([
        _head(path, dialect, _decimal(table), missing, found.unknown), *blocks,
        *_absent(table, found),
    ]) + "\n"  # fmt: skip
    return found


def wrongly_named(path: str | os.PathLike[str], problems: Iterable[Problem]) -> list[str]:
    """Return the columns whose names a refused table may be refused for.

    Parameters
    ----------
    path : path-like
        Of the table.
    problems : iterable of Problem
        For which it was refused.

    Returns
    -------
    list of str
        None where it is read through a mapping, or was refused for something else.
    """
    file = Path(path)
    if not {p.rule for p in problems} & NAMING_RULES or read_mapping(file) is not None:
        return []
    names = stream_table(file).empty
    return read_names(names.cells | names.refused, names.nameless).unread


def _guessed(names: list[str]) -> dict[str, str]:
    """Return by the name of ours the column of the nearest name, in the order of the table."""
    guesses = {name: guess_name(name) for name in names}
    best: dict[str, str] = {}
    for name in sorted(names, key=lambda name: guesses[name].distance):
        target = guesses[name].target
        if target is not None:
            best.setdefault(target, name)
    return {target: name for name in names for target in best if best[target] == name}


def _head(
    path: Path, dialect: Dialect, decimal: str, missing: Iterable[str], unknown: list[str]
) -> str:
    head = [
        f"# How {path.name} is read: each section is a column of ours. Look at each guess, then",
        "# write confirmed = true. Delete what is wrong. Nothing is read before that.",
        f"file = {_quoted(path.name)}",
    ]
    if dialect.encoding != UTF_8:
        head.append(f"encoding = {_quoted(dialect.encoding)} # are names and words in it right?")
    if dialect.separator != COMMA:
        head.append(f"separator = {_quoted(dialect.separator)} # stands between the cells")
    if decimal:
        head.append(f'decimal = "," # as in {decimal}: decimals, not thousands?')
    if missing := sorted(missing):
        told = ", ".join(map(_quoted, missing))
        head.append(f"missing = [{told}] # cells that say nothing: is that so?")
    if unknown:
        head.append(f"# not read: {', '.join(map(_quoted, unknown))}")
    return "\n".join(head)


def _decimal(table: Table) -> str:
    """Return a cell with a decimal comma where more cells have one than a point."""
    every = [text for of in table.cells.values() for text in _texts(of)]
    commas = [text for text in every if _COMMA.fullmatch(text)]
    points = sum(_POINT.fullmatch(text) is not None for text in every)
    return commas[0] if len(commas) > points else ""


def _free(target: str, table: Table, found: Suggestion) -> bool:
    """Say whether nothing is one of ours yet."""
    ours = {column for column, _ in TARGETS[target].values()}
    return target not in found.guessed and not ours & set(table.cells)


def _absent(table: Table, found: Suggestion) -> list[str]:
    """Return a section for each of ours that was not found, commented out."""
    absent = [name for name in TARGETS if _free(name, table, found)]
    if "bmi" not in absent:
        absent = [name for name in absent if name not in ("weight", "height")]
    blocks = []
    for name in absent:
        units = _spellings(TARGETS[name])
        lines = [f"[{name}]", 'column = "…"']
        if "" not in TARGETS[name]:
            also = f" # or {', '.join(units[1:])}" if units[1:] else ""
            lines.append(f"unit = {_quoted(units[0])}{also}")
        if name == "followup_days":
            lines.append('# or, of dates: from = "…", to = "…", dates = "%Y-%m-%d", a line each')
        elif _is_flag(name):
            lines.append('values = {"yes" = 1, "no" = 0}')
        blocks.append("\n".join(f"# {line}" for line in lines))
    if blocks:
        said = (
            "# What was not found. Where the table has it, name its column and take off the marks."
        )
        blocks.insert(0, said)
    return blocks


def _spellings(units: Iterable[str]) -> list[str]:
    """Return units without those that differ in capitals alone."""
    told: dict[str, str] = {}
    for unit in units:
        told.setdefault(unit.casefold(), unit)
    return [unit for unit in told.values() if unit]


def _is_flag(target: str) -> bool:
    (column, _), *_ = TARGETS[target].values()
    return any(c.name == column and c.kind == "flag" for c in COLUMNS)


def _block(target: str, name: str, texts: list[str]) -> str:
    lines = [f"[{target}]", f"column = {_quoted(name)}"]
    units = TARGETS[target]
    numbers = _numbers(texts)
    told = ""
    if numbers.size:
        low, middle, high = np.quantile(numbers, [0.0, 0.5, 1.0])
        told = f"values {low:.4g} to {high:.4g}, median {middle:.4g}"
    unit, why = guess_unit(target, name, numbers)
    if "" not in units or (unit and why == FROM_NAME):
        lines.append(f"unit = {_quoted(unit)} # {why}{f'; {told}' if told else ''}")
    elif told and target not in ("patient_id", "site"):
        lines[-1] += f" # {told}"
    if codes := _values(target, texts):
        lines.append(codes)
    return "\n".join([*lines, "confirmed = false"])


def _values(target: str, texts: list[str]) -> str:
    """Return the codes of a column of yes and no."""
    if not _is_flag(target):
        return ""
    distinct = sorted({text.casefold() for text in texts})
    if set(distinct) <= {"0", "1"}:
        return ""
    if set(distinct) <= {"1", "2"}:
        return 'values = {"1" = 1, "2" = 0} # is 1 yes and 2 no?'
    told = [f"{_quoted(code)} = {_CODES[code]}" for code in distinct if code in _CODES]
    odd = [code for code in distinct if code not in _CODES]
    said = f" # and what of {', '.join(odd[:3])}?" if odd else ""
    return f"values = {{{', '.join(told)}}}{said}"


def _codes_for_missing(target: str, texts: Iterable[str]) -> set[str]:
    """Return words that stand in a column of numbers."""
    (column, _), *_ = TARGETS[target].values()
    if any(c.name == column and c.kind in ("text", "flag") for c in COLUMNS):
        return set()
    odd = set()
    for text in texts:
        if re.fullmatch(r"[A-Za-z][A-Za-z ./]*|-\d+", text):
            odd.add(text)
    return odd if len(odd) <= 5 else set()


def _numbers(texts: Iterable[str]) -> NDArray[np.float64]:
    values = []
    for text in texts:
        number = _NUMBER.match(text)
        try:
            values.append(parse_measurement(number[0].replace(",", "."))[0] if number else np.nan)
        except ValueError:
            values.append(np.nan)
    told = np.array(values, dtype=np.float64)
    return told[~np.isnan(told)]


def _texts(cells: NDArray[Any]) -> list[str]:
    """Return each cell as text, empty where it holds nothing."""
    told = (f"{c:g}" if isinstance(c, float) else str(c).strip() for c in cells)
    return ["" if text in ("nan", "None") else text for text in told]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
