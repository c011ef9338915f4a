"""A first mapping for a clinic's table: guesses, each with what it rests on, to be confirmed.

Names are matched by words and by what people write for them; a unit comes from the name,
or else from the values. Nothing is taken for sure: every guess is marked, and the table is
refused until somebody has looked at each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.schema.analytes import ANALYTES, Analyte, likelier_unit
from respredict.schema.quantities import parse_measurement
from respredict.schema.record import COLUMNS, alternatives, body_columns
from respredict.tables.files import Table
from respredict.tables.targets import TARGETS

__all__ = ["Suggestion", "suggest_mapping"]

_WORDS: dict[str, tuple[str, ...]] = {
    "patient_id": ("patient id", "record id", "study id", "subject", "pseudonym", "id"),
    "site": ("site", "centre", "center", "clinic", "hospital"),
    "age": ("age", "age years"),
    "bmi": ("bmi", "body mass index"),
    "weight": ("weight", "body weight"),
    "height": ("height", "body height"),
    "testosterone": ("testosterone", "total testosterone", "tt", "total t", "testo", "t total"),
    "estradiol": ("estradiol", "oestradiol", "e2", "estrogen"),
    "lh": ("lh", "luteinising hormone", "luteinizing hormone"),
    "fsh": ("fsh", "follicle stimulating hormone"),
    "shbg": ("shbg", "sex hormone binding globulin"),
    "prolactin": ("prolactin", "prl"),
    "inhibin_b": ("inhibin b", "inhibin"),
    "sperm_concentration": (
        "sperm concentration", "concentration", "sperm conc", "conc", "sperm count", "density",
    ),
    "semen_volume": ("semen volume", "volume", "vol", "ejaculate volume"),
    "motility": ("motility", "total motility", "motile", "mot"),
    "anastrozole": ("anastrozole", "anastrozole dose", "arimidex", "dose"),
    "clomiphene": ("clomiphene", "clomifene", "clomid"),
    "tamoxifen": ("tamoxifen", "nolvadex"),
    "gonadotropin_or_gnrh": ("gonadotropin", "gonadotropins", "hcg", "gonadorelin", "gnrh"),
    "prior_testosterone": (
        "prior testosterone", "previous testosterone", "trt", "steroids", "prior steroids",
    ),
    "followup_days": ("followup days", "days", "days to followup"),
}  # fmt: skip
_AFTER = ("followup", "follow up", "fu", "post", "after", "control", "m3", "3m", "v2")
_BEFORE = ("baseline", "bl", "pre", "before", "v1", "m0", "serum", "first")
_SEMEN = ("sperm_concentration", "semen_volume", "motility")
_CODES = {"yes": 1, "no": 0, "y": 1, "n": 0, "true": 1, "false": 0}
_CLOSE = 0.8  # of a name that is spelt otherwise
_FREE = ("free", "bioavailable")
_DATED = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4}")
_KNOWN = {c.name for c in (*COLUMNS, *body_columns())} | set(alternatives())
_DATES = {"-": "%Y-%m-%d", ".": "%d.%m.%Y", "/": "%d/%m/%Y"}


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


def suggest_mapping(path: Path, table: Table) -> Suggestion:
    """Guess what the columns of a table are.

    Parameters
    ----------
    path : Path
        Of the table.
    table : Table
        As read.

    Returns
    -------
    Suggestion
        Columns that already have a name of ours are left alone.

    Examples
    --------
    >>> cells = {"Total T (nmol/L)": np.array(["9.4", "14"], dtype=object)}
    >>> print(suggest_mapping(Path("clinic.csv"), Table(cells, 2, "")).text.split("[")[1])
    testosterone]
    column = "Total T (nmol/L)"
    unit = "nmol/L" # from the name; values 9.4 to 14, median 11.7
    confirmed = false
    <BLANKLINE>
    """
    found, blocks, missing = Suggestion(), [], set()
    dates: dict[bool, str] = {}
    for name, cells in table.cells.items():
        if name in _KNOWN:
            continue
        texts = _texts(cells)
        target, after = _target(name)
        if texts and all(_DATED.fullmatch(text) for text in texts):
            dates.setdefault(after, name)
        elif target is None or target in found.guessed:
            found.unknown.append(name)
        else:
            found.guessed[target] = name
            blocks.append(_block(target, name, texts))
            missing |= _codes_for_missing(target, texts)
    if len(dates) == 2 and "followup_days" not in found.guessed:
        found.guessed["followup_days"] = f"{dates[False]} to {dates[True]}"
        blocks.append(_dated(dates[False], dates[True], table))
    head = [
        f"# How {path.name} is read: each section is a column of ours. Look at each guess, then",
        "# write confirmed = true. Delete what is wrong. Nothing is read before that.",
        f"file = {_quoted(path.name)}",
    ]
    if missing:
        told = ", ".join(_quoted(code) for code in sorted(missing))
        head.append(f"missing = [{told}] # cells that say nothing: is that so?")
    if found.unknown:
        head.append(f"# not read: {', '.join(map(_quoted, found.unknown))}")
    found.text = "\n\n".join(["\n".join(head), *blocks]) + "\n"
    return found


def _target(name: str) -> tuple[str | None, bool]:
    """Return what a name means, and whether it is of the follow-up."""
    words = re.sub(r"[^a-z0-9/%*^]+", " ", name.lower().replace("follow-up", "followup")).split()
    text = " ".join(words)
    after = any(f" {mark} " in f" {text} " for mark in _AFTER)
    for mark in (*_AFTER, *_BEFORE):
        text = f" {text} ".replace(f" {mark} ", " ").strip()
    if any(word in text.split() for word in _FREE):
        return None, after
    bare = _without_unit(text)
    names = {said: target for target, every in _WORDS.items() for said in every}
    exact = names.get(bare) or names.get(text)
    if exact is None:
        close = get_close_matches(bare, [said for said in names if len(said) > 3], 1, _CLOSE)
        exact = names[close[0]] if close else None
    if after and exact in _SEMEN:
        return f"followup_{exact}", after
    return (None if after and exact != "followup_days" else exact), after


def _without_unit(text: str) -> str:
    units = {_bare(code) for of in TARGETS.values() for code in of if code}
    words = text.split()
    for size in (3, 2, 1):
        if len(words) > size and _bare("".join(words[-size:])) in units:
            return " ".join(words[:-size])
    return text


def _block(target: str, name: str, texts: list[str]) -> str:
    lines = [f"[{target}]", f"column = {_quoted(name)}"]
    units = TARGETS[target]
    numbers = _numbers(texts)
    told = ""
    if numbers.size:
        low, middle, high = np.quantile(numbers, [0.0, 0.5, 1.0])
        told = f"values {low:.4g} to {high:.4g}, median {middle:.4g}"
    if "" not in units:
        unit, why = _unit(target, name, numbers)
        lines.append(f"unit = {_quoted(unit)} # {why}{f'; {told}' if told else ''}")
    elif told and target not in ("patient_id", "site"):
        lines[-1] += f" # {told}"
    if codes := _values(target, texts):
        lines.append(codes)
    return "\n".join([*lines, "confirmed = false"])


def _unit(target: str, name: str, numbers: NDArray[np.float64]) -> tuple[str, str]:
    """Return the likeliest unit, and what says so."""
    stated, last = _bare(name), _bare(re.split(r"[\s(\[_]+", name.strip())[-1])
    for code in sorted(TARGETS[target], key=lambda code: (code not in name, -len(code))):
        bare = _bare(code)
        if last == bare or (len(bare) > 1 and stated.endswith(bare)):
            return code, "from the name"
    first = next(iter(TARGETS[target]))
    of: Analyte | None = next((a for a in ANALYTES if a.name == target), None)
    if of is None or not numbers.size:
        return first, "a guess: neither name nor values say it"
    other = likelier_unit(of, float(np.median(numbers)), of.units[0])
    return (other or of.units[0]).code, "from the values"


def _values(target: str, texts: list[str]) -> str:
    """Return the codes of a column of yes and no."""
    (column, _), *_ = TARGETS[target].values()
    if not any(c.name == column and c.kind == "flag" for c in COLUMNS):
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


def _dated(before: str, after: str, table: Table) -> str:
    text = _texts(table.cells[before])[0]
    mark = next(mark for mark in _DATES if mark in text)
    return "\n".join([
        "[followup_days]", f"from = {_quoted(before)}", f"to = {_quoted(after)}",
        f"dates = {_quoted(_DATES[mark])} # day, month and year in this order?",
        "confirmed = false",
    ])  # fmt: skip


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
        number = re.match(r"[<>≤≥=\s]*\d[\d.,]*", text)
        try:
            values.append(parse_measurement(number[0].replace(",", "."))[0] if number else np.nan)
        except ValueError:
            values.append(np.nan)
    told = np.array(values, dtype=np.float64)
    return told[~np.isnan(told)]


def _texts(cells: NDArray[Any]) -> list[str]:
    told = (f"{c:g}" if isinstance(c, float) else str(c).strip() for c in cells if c is not None)
    return [text for text in told if text and text != "nan"]


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9%]", "", text.lower())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
