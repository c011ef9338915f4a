"""What accompanies a score: what to watch, what was published of such men, what to mind.

Everything said here is a row of the evidence tables and carries its source; nothing is
advice of this project. Rows are read once and shared between answers: read them, never
change them. To say something new, add a row to a table; a test tells where each appears.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cache, lru_cache

from respredict.evidence import Rule, fact, load
from respredict.schema.analytes import analyte
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request
from respredict.words.cautions import (
    Row,
    azoospermia_caution,
    azoospermic,
    caution_frames,
    cautions,
    every_notice,
    listed,
    notices,
    on_treatment,
    own_notices,
    reading,
)

__all__ = [
    "azoospermia_caution",
    "before_after",
    "candidate_criteria",
    "caution_frames",
    "cautions",
    "every_notice",
    "monitoring",
    "notices",
    "on_treatment",
    "own_notices",
    "protocols",
    "published_groups",
    "safety",
    "settled_criteria",
    "settled_groups",
]

#: Bone density is repeated after one to two years: from one year on, use is called long.
_LONG_TERM_DAYS = 365
_DAYS_PER_MONTH = 30.4375
_RATIOS = {"t_e2": ("testosterone", "estradiol"), "t_lh": ("testosterone", "lh")}
_LABELS = {"bmi": "BMI", "t_e2": "T/E2", "t_lh": "T/LH"}


def monitoring(request: Request) -> list[Row]:
    """Return what is checked in a man on anastrozole, when and why.

    Parameters
    ----------
    request : Request
        Where it shows a year on the drug or more, the row of long-term use says so.

    Returns
    -------
    list of dict
        ``{what, when, why, source}``, every row of the table in its order.

    Examples
    --------
    >>> [row["what"] for row in monitoring(Request(age=34))][:2]
    ['testosterone, estradiol, LH and FSH', 'semen analysis']
    """
    return _with_long_use(_told("monitoring", ("when", "why")), request, "monitoring", "when")


def safety(request: Request) -> list[Row]:
    """Return the risks of anastrozole, why they arise and what is done about them.

    Parameters
    ----------
    request : Request
        Where it shows a year on the drug or more, the row of long-term use says so.

    Returns
    -------
    list of dict
        ``{risk, mechanism, action, source}``, every row of the table in its order.

    Examples
    --------
    >>> safety(Request(age=34))[0]["action"]
    'DEXA at baseline and on long-term use; calcium and vitamin D'
    """
    rows = _told("safety", ("mechanism", "action"), "risk")
    return _with_long_use(rows, request, "safety", "action")


def published_groups(request: Request, t_e2: Quantity | None, t_lh: Quantity | None) -> list[Row]:
    """Say to which of the four published groups a man belongs, and what was seen in them.

    Parameters
    ----------
    request : Request
        In canonical units.
    t_e2, t_lh : Quantity or None
        Ratios, ng/dL over pg/mL and over IU/L, with the side they inherit.

    Returns
    -------
    list of dict
        ``{group, belongs, observed, source}``; ``belongs`` is None, with a ``reason``,
        where a value is missing or its censoring leaves both sides possible.

    Examples
    --------
    >>> groups = published_groups(Request(age=34, bmi=31.0), None, Quantity(120.0))
    >>> [group["belongs"] for group in groups]
    [True, None, None, True]
    >>> groups[1]["reason"]
    'total testosterone and estradiol are missing'
    """
    told = [_judge(entry, request, t_e2, t_lh) for entry in _groups()]
    if azoospermic(request):
        at, row = _azoospermic_group()
        told[at] = row
    return told


def candidate_criteria(request: Request, t_e2: Quantity | None, t_lh: Quantity | None) -> list[Row]:
    """Say which of the common criteria for treatment a man meets, and what they are worth.

    Parameters
    ----------
    request : Request
        In canonical units.
    t_e2, t_lh : Quantity or None
        As in :func:`published_groups`.

    Returns
    -------
    list of dict
        ``{criterion, met, evidence, source}``; ``met`` is None, with a ``reason``, where
        a value is missing or its censoring leaves both sides possible.

    Examples
    --------
    >>> criteria = candidate_criteria(Request(age=34, bmi=31.0), Quantity(13.5, "", ">"), None)
    >>> [(row["criterion"], row["met"]) for row in criteria][2:4]
    [('BMI of 25 or more', True), ('T/E2 below 10', False)]
    """
    return [_judge(entry, request, t_e2, t_lh) for entry in _criteria()]


def settled_groups() -> tuple[tuple[Row, ...], ...]:
    """Return the forms in which each published group is told where nothing is open.

    Returns
    -------
    tuple of tuple of dict
        One tuple a group: the rows that :func:`published_groups` shares between
        answers, and last the one without its reason, where it stays open.
    """
    forms = [list(entry[2:]) for entry in _groups()]
    at, row = _azoospermic_group()
    forms[at].insert(0, row)
    return tuple(map(tuple, forms))


def settled_criteria() -> tuple[tuple[Row, ...], ...]:
    """Return the forms in which each criterion is told, as :func:`settled_groups` does.

    Returns
    -------
    tuple of tuple of dict
        One tuple a criterion.
    """
    return tuple(entry[2:] for entry in _criteria())


def _groups() -> tuple[_Entry, ...]:
    return _judged("patient_groups", "group", "belongs", "observed")


def _criteria() -> tuple[_Entry, ...]:
    return _judged("candidates", "criterion", "met", "evidence")


def protocols() -> list[Row]:
    """Return how anastrozole has been given: facts on record, not dosing advice.

    Returns
    -------
    list of dict
        ``{what, kind, ..., source}`` with the doses and hormones that a row has.

    Examples
    --------
    >>> protocols()[0]["what"], protocols()[0]["mg_week_high"]
    ('1 mg once a day or every other day', 7.0)
    """
    return list(_whole("protocols"))


def before_after() -> list[Row]:
    """Return what thirty published men showed before and on anastrozole.

    Returns
    -------
    list of dict
        ``{what, quantity, unit, baseline, ..., source}``; a change on the drug, not by it.

    Examples
    --------
    >>> row = before_after()[1]
    >>> row["what"], row["baseline"], row["after"]
    ('FSH', 4.8, 7.6)
    """
    return list(_whole("before_after"))


@cache
def _told(table: str, names: tuple[str, ...], subject: str = "what") -> tuple[Row, ...]:
    return tuple(
        {subject: row.what, **{name: row[name] for name in names}, "source": row.source}
        for row in load(table)
    )


@cache
def _whole(table: str) -> tuple[Row, ...]:
    """Return the rows of a table with all their fields, and the note where there is one."""
    return tuple(
        {
            "what": row.what,
            **row.fields,
            **({"note": row.note} if row.note else {}),
            "source": row.source,
        }
        for row in load(table)
    )


@cache
def _long_term_rows(table: str) -> tuple[int, ...]:
    return tuple(at for at, row in enumerate(load(table)) if row.get("long_term"))


def _with_long_use(rows: Sequence[Row], request: Request, table: str, name: str) -> list[Row]:
    """Say in the rows of long-term use for how long this man has taken the drug, if long."""
    told = list(rows)
    since: datetime.date | None = getattr(request.treatment, "anastrozole_since", None)
    days = [d for d in (request.sampled_on, request.semen_sampled_on) if d is not None]
    if since is None or not days or request.treatment.anastrozole_mg_week == 0:
        return told
    taken = (max(days) - since).days
    if taken >= _LONG_TERM_DAYS:
        months = int(taken / _DAYS_PER_MONTH)
        for at in _long_term_rows(table):
            text = f"{told[at][name]}; he has taken it for {months} months"
            told[at] = {**told[at], name: text}
    return told


_Entry = tuple[tuple[Rule, ...], str, Row, Row, Row]


@cache
def _judged(table: str, subject: str, verdict: str, said: str) -> tuple[_Entry, ...]:
    """Return each row's rules, and the row as it is told if they hold, fail or stay open."""
    entries = []
    for row in load(table):
        met, unmet, unsettled = (
            {subject: row.what, verdict: holds, said: row[said], "source": row.source}
            for holds in (True, False, None)
        )
        entries.append((row.rules, row.rules[0].quantity, met, unmet, unsettled))
    return tuple(entries)


def _judge(entry: _Entry, request: Request, t_e2: Quantity | None, t_lh: Quantity | None) -> Row:
    rules, name, met, unmet, unsettled = entry
    if name == "bmi":
        measured = None if request.bmi is None else _bmi(request.bmi)
    elif name in _RATIOS:
        measured = t_e2 if name == "t_e2" else t_lh
    else:
        measured = request.quantities.get(name)
    if measured is None:
        return {**unsettled, "reason": _why_open(request, name)}
    verdicts = [rule.holds(measured) for rule in rules]
    if False in verdicts:
        return unmet
    return {**unsettled, "reason": _why_open(request, name)} if None in verdicts else met


@lru_cache(maxsize=64)
def _bmi(value: float) -> Quantity:
    return Quantity(value, "kg/m2")


def _why_open(request: Request, name: str) -> str:
    """Return what leaves a rule on a quantity open: what is missing, else what is censored."""
    if name == "bmi":
        return "BMI is missing"
    parts = _RATIOS.get(name, (name,))
    missing = [analyte(part).label for part in parts if part not in request.quantities]
    if missing:
        return f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    censored = [reading(request, part) for part in parts if request.quantities[part].comparator]
    if not censored:
        return f"{_LABELS[name]} is not known"
    return f"{listed(censored)} {'leaves' if len(censored) == 1 else 'leave'} it open"


@cache
def _azoospermic_group() -> tuple[int, Row]:
    """Return the oligozoospermic group as an azoospermic man reads it: with both reports."""
    at = next(i for i, row in enumerate(load("patient_groups")) if len(row.rules) > 1)
    unmet = _groups()[at][3]
    also = " Another report saw some azoospermic or cryptozoospermic men improve."
    source = f"{unmet['source']}; {fact('yang_azoospermia').source}"
    return at, {**unmet, "observed": unmet["observed"] + also, "source": source}
