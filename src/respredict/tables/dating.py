"""Columns of dates in a clinic's table: which two the follow-up lies between, and how written."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping

from respredict.tables.guessing import guess_name

__all__ = ["are_dates", "dated_block", "day_of_birth", "most_likely"]

_DATED = re.compile(r"\d{4}-\d\d?-\d\d?|\d{1,2}[./-]\d{1,2}[./-]\d{4}")
_FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y")
_BIRTH = re.compile(r"birth|born|bday|\bdob\b|\bgeb")
_SAMPLED = re.compile(r"visit|sampl|blood|semen|baseline|\bbl\b|draw|collect|blut|probe|\bsa\b")
_ROWS_SHOWN = 5


def are_dates(texts: list[str]) -> bool:
    """Say whether most cells of a column are dates.

    Parameters
    ----------
    texts : list of str
        Its cells that hold something.

    Returns
    -------
    bool
        False of a column without any.

    Examples
    --------
    >>> are_dates(["2025-03-01", "1.4.2025", "unknown"]), are_dates(["9.4", "14"])
    (True, False)
    """
    dates = sum(_DATED.fullmatch(text) is not None for text in texts)
    return 2 * dates > len(texts)


def day_of_birth(name: str) -> bool:
    """Say whether a name is that of a day of birth.

    Parameters
    ----------
    name : str
        Of a column of dates.

    Returns
    -------
    bool
        No follow-up is counted from it.

    Examples
    --------
    >>> day_of_birth("date_birth"), day_of_birth("Geb.-Datum"), day_of_birth("visit_date")
    (True, True, False)
    """
    return _BIRTH.search(re.sub(r"[\W_]+", " ", name.lower())) is not None


def most_likely(names: list[str]) -> tuple[str, str] | None:
    """Return the columns of dates that the follow-up likely lies between.

    Parameters
    ----------
    names : list of str
        Of the columns of dates.

    Returns
    -------
    tuple of str and str, or None
        From and to; None where one of them is not there.

    Examples
    --------
    >>> most_likely(["dob", "consented", "blood_date", "fu_date"])
    ('blood_date', 'fu_date')
    """
    usable = [name for name in names if not day_of_birth(name)]
    after = [name for name in usable if guess_name(name).after]
    before = [name for name in usable if name not in after]
    if not after or not before:
        return None
    sampled = [name for name in before if _SAMPLED.search(re.sub(r"[\W_]+", " ", name.lower()))]
    return (sampled or before)[0], after[0]


def dated_block(before: str, after: str, cells: Mapping[str, list[str]], others: list[str]) -> str:
    """Return the section that counts the days between two columns.

    Parameters
    ----------
    before, after : str
        Of the two.
    cells : mapping of str to list of str
        Every cell of both, empty where nothing is told.
    others : list of str
        Further columns of dates that could be meant.

    Returns
    -------
    str
        TOML, with the rows that are written in another way.
    """
    written = {
        form: sum(_fits(text, form) for of in cells.values() for text in of if text)
        for form in _FORMS
    }
    form = max(written, key=lambda one: written[one])
    tied = written["%d/%m/%Y"] == written["%m/%d/%Y"] > 0
    asked = "day or month first? nothing here tells" if tied else "are the days written so?"
    lines = [f"[followup_days]{f' # or from {_listed(others)}?' if others else ''}"]
    lines += [f"from = {_quoted(before)}", f"to = {_quoted(after)}"]
    lines.append(f"dates = {_quoted(form)} # {asked}")
    for name, of in cells.items():
        odd = [row for row, text in enumerate(of, 1) if text and not _fits(text, form)]
        if odd:
            shown = ", ".join(map(str, odd[:_ROWS_SHOWN]))
            more = f" and {len(odd) - _ROWS_SHOWN} more" if len(odd) > _ROWS_SHOWN else ""
            rows = "row" if len(odd) == 1 else "rows"
            lines.append(f"# {name}: {rows} {shown}{more} in another form; write them alike")
    return "\n".join([*lines, "confirmed = false"])


def _fits(text: str, form: str) -> bool:
    try:
        datetime.datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _listed(names: list[str]) -> str:
    return " or ".join(map(_quoted, names))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
