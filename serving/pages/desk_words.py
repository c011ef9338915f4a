"""What the desk's tables say: rows of texts, made of records, periods and comparisons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from respredict.audit.replaying import Replayed
from respredict.audit.summaries import Period
from respredict.ledger.record import Record
from respredict.words.phrases import clinical, label, number, opening, percent
from serving.metrics import BATCH, Refusals
from serving.problems import PROBLEMS

__all__ = [
    "difference_rows",
    "fifth_rows",
    "period_rows",
    "record_rows",
    "refusal_rows",
    "share_rows",
]

_LONGEST = 120


def difference_rows(again: Replayed | None) -> list[list[str]]:
    """Return where a replay differs: place, what was recorded, what stands there now.

    Parameters
    ----------
    again : Replayed or None
        None if nothing was replayed.

    Returns
    -------
    list of list of str
        Long texts cut.
    """
    if again is None:
        return []
    return [
        [d.pointer, _cut(d.recorded, d.where != "now"), _cut(d.now, d.where != "recorded")]
        for d in again.differences
    ]


def _cut(told: Any, there: bool) -> str:  # noqa: FBT001
    text = json.dumps(told, ensure_ascii=False) if there else "(nothing)"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def record_rows(records: Iterable[Record]) -> tuple[list[list[str]], str]:
    """Return the records about another one, and how many there are of each kind.

    Parameters
    ----------
    records : iterable of Record
        The newest first.

    Returns
    -------
    tuple of list of list of str and str
        Sequence, time, kind and actor of each; and their kinds in words.
    """
    every = list(records)
    kinds = Counter(record.kind for record in every)
    rows = [[f"{r.sequence:,}", f"{r.time:%Y-%m-%d %H:%M:%S}", r.kind, r.actor] for r in every]
    return rows, ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def fifth_rows(inputs: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return how contributions follow values, a row a fifth.

    Parameters
    ----------
    inputs : iterable of mapping
        ``name``, ``unit`` and ``fifths`` of each.

    Returns
    -------
    list of list of str
        Input, values, decisions, mean contribution.
    """
    return [
        [
            opening(label(told["name"])),
            clinical(f"{number(low)} to {number(high)} {told['unit']}"),
            str(count),
            f"{mean:+.2f}".replace("-", "−"),
        ]
        for told in inputs
        for low, high, mean, count in told["fifths"]
    ]


def period_rows(periods: Sequence[Period], statuses: Sequence[str]) -> list[list[str]]:
    """Return the counts and scores of periods.

    Parameters
    ----------
    periods : sequence of Period
        In the order of the rows.
    statuses : sequence of str
        A column each.

    Returns
    -------
    list of list of str
        First day, decisions, each status, median and middle half of the scores.
    """
    return [
        [
            f"{period.start:%Y-%m-%d}",
            f"{period.decisions:,}",
            *(f"{period.statuses.get(status, 0):,}" for status in statuses),
            *_scores(period),
        ]
        for period in periods
    ]


def _scores(period: Period) -> tuple[str, str]:
    low, middle, high = (period.quantile(share) for share in (0.25, 0.5, 0.75))
    if low is None or middle is None or high is None:
        return "–", "–"
    return percent(middle), f"{round(100 * low)} to {round(100 * high)} %"


def share_rows(rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """Return shares of decisions in whole percent.

    Parameters
    ----------
    rows : iterable of sequence
        Words, then shares in [0, 1].

    Returns
    -------
    list of list of str
        The words with a capital; 0 % and 100 % only where they are exact.

    Examples
    --------
    >>> share_rows([("an old blood sample", 0.0, 0.004, 0.5)])
    [['An old blood sample', '0 %', 'less than 1 %', '50 %']]
    """
    return [[opening(words), *(_share(share) for share in shares)] for words, *shares in rows]


def _share(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if share in (0, 1) else percent(share)


def refusal_rows(told: Iterable[Refusals]) -> list[list[str]]:
    """Return what was refused, why, and how often.

    Parameters
    ----------
    told : iterable of Refusals
        In the order of the rows.

    Returns
    -------
    list of list of str
        What the problem is called, the rule in words, a count.

    Examples
    --------
    >>> refusal_rows([Refusals("invalid-request", "lh: be inside the limits", 1200)])
    [['The request breaks a rule', 'LH must be inside the limits', '1,200']]
    >>> refusal_rows([Refusals("unauthenticated", "key-unknown", 3)])
    [['The request carries no key that counts', 'key unknown', '3']]
    """
    return [[_refused(one.code), _broken(one.rule), f"{one.times:,}"] for one in told]


def _refused(code: str) -> str:
    return "A man of a batch breaks a rule" if code == BATCH else PROBLEMS[code][1]


def _broken(rule: str) -> str:
    field, colon, must = rule.partition(": ")
    if not colon:
        return rule.replace("-", " ") or "–"
    if must == "be a known field":
        return "No field may be unknown"
    named = {"another": "another field", "request": "the request"}.get(field, label(field))
    return f"{opening(named)} must {clinical(must)}"
