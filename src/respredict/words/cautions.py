"""What a clinician should mind in a man's values, and what is said with every score.

The part of :mod:`respredict.guidance` that makes sentences; import it from there.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cache
from typing import Any

from respredict.evidence import Rule, fact, load
from respredict.schema.analytes import analyte
from respredict.schema.request import Request

__all__ = [
    "azoospermia_caution",
    "caution_frames",
    "cautions",
    "every_notice",
    "notices",
    "on_treatment",
    "own_notices",
]

Row = dict[str, Any]

_ALWAYS = ("off_label", "consent", "tapering", "no_control", "not_a_device")
_CO_TREATMENT = {
    "clomiphene": "clomiphene",
    "tamoxifen": "tamoxifen",
    "gonadotropin_or_gnrh": "a gonadotropin or GnRH",
}


def notices(request: Request, *, demonstration: bool = False) -> list[Row]:
    """Return what holds of every score, and the guideline sentences that match the man.

    Parameters
    ----------
    request : Request
        In canonical units.
    demonstration : bool, default=False
        Whether the model was trained on synthetic men.

    Returns
    -------
    list of dict
        ``{code, text, source}``.

    Examples
    --------
    >>> [notice["code"] for notice in notices(Request(age=34))][:3]
    ['off_label', 'consent', 'tapering']
    """
    rows = _notice_rows()
    found = [rows[name] for name in _ALWAYS]
    if demonstration:
        found.append(rows["demonstration"])
    return found + own_notices(request)


def own_notices(request: Request) -> list[Row]:
    """Return the guideline sentences that match a man.

    Parameters
    ----------
    request : Request
        In canonical units.

    Returns
    -------
    list of dict
        ``{code, text, source}``, shared between answers.

    Examples
    --------
    >>> own_notices(Request(age=34))
    []
    """
    rows, found = _notice_rows(), []
    for name, needed in _notice_rules():
        if all(rule.holds(request.quantities.get(rule.quantity)) for rule in needed):
            found.append(rows[name])
    if azoospermic(request):
        found.append(rows["aua_azoospermia"])
    if request.treatment.testosterone in ("current", "past"):
        found.append(rows["aua_testosterone"])
    return found


def every_notice() -> list[Row]:
    """Return every notice that some man may be given, shared between answers.

    Returns
    -------
    list of dict
        ``{code, text, source}``.

    Examples
    --------
    >>> len(every_notice()) > len(notices(Request(age=34), demonstration=True))
    True
    """
    return list(_notice_rows().values())


def cautions(request: Request) -> list[Row]:
    """Return what a clinician should mind in reading this man's values.

    Parameters
    ----------
    request : Request
        In canonical units.

    Returns
    -------
    list of dict
        ``{code, text, source}`` of ``primary_testicular_failure``, ``over_suppression``
        or ``over_suppression_possible``, and ``cotreatment``, where they apply.

    Examples
    --------
    >>> from respredict.schema.quantities import Quantity
    >>> high = {"lh": Quantity(14.2, "[IU]/L"), "fsh": Quantity(22.0, "[IU]/L")}
    >>> [caution["code"] for caution in cautions(Request(age=34, quantities=high))]
    ['primary_testicular_failure']
    """
    found = []
    values = request.quantities
    if all(rule.holds(values.get(rule.quantity)) for rule in _failing()):
        own = f"{reading(request, 'lh')}, {reading(request, 'fsh')}"
        found.append(_framed("primary_testicular_failure", own))
    if "estradiol" in values and on_treatment(request):
        below = _suppressed().holds(values["estradiol"])
        if below is not False:
            own = reading(request, "estradiol")
            code = "over_suppression" if below else "over_suppression_possible"
            found.append(_framed(code, own[0].upper() + own[1:]))
    taken = [word for name, word in _CO_TREATMENT.items() if getattr(request.treatment, name)]
    if taken:
        found.append(_framed("cotreatment", listed(taken)))
    return found


@cache
def caution_frames() -> dict[str, Row]:
    """Return what each of these cautions says of every man alike.

    Returns
    -------
    dict of str to dict
        By code: ``{before, after, source}``, the texts about his own words; shared
        between answers.

    Examples
    --------
    >>> caution_frames()["cotreatment"]["before"]
    'He also takes '
    """
    failure, mixed = fact("statement_primary_failure"), fact("statement_co_treatment")
    published, harm = fact("range_estradiol"), fact("safety_spermatogenesis")
    limits = (
        f"the published range of men ({published['low']:g} to {published['high']:g} "
        f"{published['unit']}, by mass spectrometry)"
    )
    why = f"{harm['mechanism'][0].upper()}{harm['mechanism'][1:]}."
    drawn, rows = ", measured on anastrozole, ", (published.id, harm.id)
    told = {
        "primary_testicular_failure": (f"{failure['text']} His: ", ".", (failure.id,)),
        "over_suppression": ("", f"{drawn}lies below {limits}. {why}", rows),
        "over_suppression_possible": (
            "", f"{drawn}may lie below {limits}: the assay does not tell. {why}", rows,
        ),
        "cotreatment": (
            "He also takes ", f", which the model does not see. {mixed['text']}", (mixed.id,),
        ),
    }  # fmt: skip
    return {
        code: {"before": before, "after": after, "source": _source(of)}
        for code, (before, after, of) in told.items()
    }


def on_treatment(request: Request) -> bool | None:
    """Say whether the blood was drawn on anastrozole, None where nobody said.

    Parameters
    ----------
    request : Request
        With the day of the blood sample and the day since which he takes the drug.

    Returns
    -------
    bool or None
        True from the first day on; False before it, or where the weekly dose is 0.

    Examples
    --------
    >>> on_treatment(Request(age=34)) is None
    True
    """
    since: datetime.date | None = getattr(request.treatment, "anastrozole_since", None)
    if request.treatment.anastrozole_mg_week == 0:
        return False
    if since is None or request.sampled_on is None:
        return None
    return request.sampled_on >= since


@cache
def azoospermia_caution() -> Row:
    """Return what was published of azoospermic men, for a model that does not see semen.

    Returns
    -------
    dict
        ``{code, text, source}``; both reports, which disagree.

    Examples
    --------
    >>> azoospermia_caution()["code"]
    'azoospermia_not_in_model'
    """
    text = (
        "He is azoospermic, which this model does not see. Published reports disagree: no "
        "azoospermic man improved in Shoshany et al. 2017, and some azoospermic or "
        "cryptozoospermic men improved in Yang et al. 2022."
    )
    return _caution("azoospermia_not_in_model", text, "shoshany_azoospermia", "yang_azoospermia")


def azoospermic(request: Request) -> bool:
    """Say whether his baseline count is exactly 0."""
    count = request.quantities.get("sperm_concentration")
    return count is not None and not count.comparator and count.value == 0


@cache
def _notice_rows() -> dict[str, Row]:
    return {
        (code := row.id.removeprefix("statement_")): _caution(code, row["text"], row.id)
        for row in load("statements")
    }


@cache
def _notice_rules() -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    """Return which guideline sentence goes with which measured values."""
    not_low = tuple(
        Rule(band["quantity"], ">=", band["low"], band["unit"])
        for band in (fact("band_lh"), fact("band_fsh"))
    )
    return (
        ("aua_low_testosterone", fact("candidate_low_testosterone").rules),
        ("hypergonadotropic", not_low),
    )


@cache
def _failing() -> tuple[Rule, ...]:
    return fact("statement_primary_failure").rules


@cache
def _suppressed() -> Rule:
    """Return the rule of an estradiol below the published range."""
    published = fact("range_estradiol")
    return Rule("estradiol", "<", published["low"], published["unit"])


def _framed(code: str, own: str) -> Row:
    frame = caution_frames()[code]
    text = f"{frame['before']}{own}{frame['after']}"
    return {"code": code, "text": text, "source": frame["source"]}


def _caution(code: str, text: str, *rows: str) -> Row:
    return {"code": code, "text": text, "source": _source(rows)}


@cache
def _source(rows: tuple[str, ...]) -> str:
    return "; ".join(fact(row).source for row in rows)


def reading(request: Request, name: str) -> str:
    """Return a reading as the laboratory gave it, its unit as clinicians write it."""
    value = str(request.received.get(name) or request.quantities[name])
    return f"{analyte(name).label} {value.replace('[IU]', 'IU').replace('10*6', 'million')}"


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them."""
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
