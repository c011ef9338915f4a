"""What the numbers say, by rules: each sentence with its number, its interval and a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.sentences import Parts, corrected, estimate, phrase, plain
from respredict.report.sources import Sources
from respredict.report.words import group_of

__all__ = ["Finding", "bottom_line", "findings", "worth_at"]

Told = Mapping[str, Any]

MET, NOT_MET, OPEN = "met", "not met", "cannot tell"
#: Rules of this project: from where on a number is called good enough to go on with.
_FAIR, _STEEP, _FLAT, _SHIFT, _STEADY = 0.7, 1.25, 0.8, 0.2, 0.1


_DEMONSTRATION = (
    "A demonstration: the men are synthetic, so that nothing here says how the model does in real "
    "men. It must not guide anybody's care."
)
_READY = (
    "Ready for an evaluation at the clinic whose men these were, beside the clinician's own "
    "judgement; nothing is shown about other clinics, nor that the drug did it."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of the verdict.

    Parameters
    ----------
    question : str
        What is asked.
    verdict : str
        ``met``, ``not met`` or ``cannot tell``.
    parts : tuple of str or Amount
        The answer.
    section : str
        Where the number stands.
    """

    question: str
    verdict: str
    parts: Parts
    section: str

    def as_dict(self) -> dict[str, str]:
        """Return the JSON object, its numbers as printed."""
        return {"question": self.question, "verdict": self.verdict, "text": plain(self.parts),
                "section": self.section}  # fmt: skip


def findings(sources: Sources) -> tuple[Finding, ...]:
    """Judge a validation question by question.

    Parameters
    ----------
    sources : Sources
        Of the report.

    Returns
    -------
    tuple of Finding
        Always the same questions in the same order.
    """
    report, of = sources.report, sources.model
    return (
        _size(report["sample_size"]),
        _apart(of["auc"]["corrected"]),
        _over_prevalence(of["scaled_brier"]["corrected"]),
        _on_the_whole(of["calibration_intercept"]["corrected"]),
        _slope(of["calibration_slope"]),
        _groups(report["subgroups"]),
        _use(report),
        _steady(report["stability"]),
        _travels(report["transport"]),
    )


def bottom_line(sources: Sources, found: tuple[Finding, ...]) -> str:
    """Return the verdict in one sentence.

    Parameters
    ----------
    sources : Sources
        Of the report.
    found : tuple of Finding
        Of the same.

    Returns
    -------
    str
        Without a number.
    """
    if sources.demonstration:
        return _DEMONSTRATION
    failed = [f.question for f in found if f.verdict == NOT_MET]
    unclear = [f.question for f in found if f.verdict == OPEN]
    if failed:
        return f"Not ready to be used. It fails where it is asked: {_listed(failed)}"
    if unclear:
        return f"It cannot be said yet whether it may be used. Open is: {_listed(unclear)}"
    return _READY


def _listed(questions: list[str]) -> str:
    return " ".join(questions)


def _judged(one: Told, low: float | None = None, high: float | None = None) -> str:
    """Judge by the whole interval: beyond a bound, within it, or across."""
    if one["value"] is None or one.get("low") is None:
        return OPEN
    if (low is not None and one["high"] < low) or (high is not None and one["low"] > high):
        return NOT_MET
    inside = (low is None or one["low"] >= low) and (high is None or one["high"] <= high)
    return MET if inside else OPEN


def _size(size: Told) -> Finding:
    parts = phrase(
        "{men} men, {events} of whom improved; a model of {parameters} parameters takes {needed} "
        "men and {events_needed} who improved.", men=Amount(size["men"], "count"),
        events=Amount(size["events"], "count"), parameters=Amount(size["parameters"], "count"),
        needed=Amount(size["needed"], "count"),
        events_needed=Amount(size["events_needed"], "count"),
    )  # fmt: skip
    return Finding("Are the men enough?", MET if size["enough"] else NOT_MET, parts, "size")


def _apart(auc: Told) -> Finding:
    parts = phrase(
        "Of one man who improved and one who did not, the model gives the higher probability to "
        "the one who improved in {auc} of pairs.", auc=estimate(auc, "share"),
    )  # fmt: skip
    verdict = _judged(auc, low=_FAIR)
    if verdict == NOT_MET or auc["value"] is None or auc.get("low") is None:
        return Finding("Does it tell men apart?", verdict, parts, "performance")
    verdict = MET if auc["low"] > 0.5 and auc["value"] >= _FAIR else OPEN
    return Finding("Does it tell men apart?", verdict, parts, "performance")


def _over_prevalence(scaled: Told) -> Finding:
    parts = phrase("Against telling every man the same probability it takes {gain} off the mean "
                   "squared error.", gain=estimate(scaled, "share"))  # fmt: skip
    verdict = _judged(scaled, low=0.0)
    return Finding("Is it better than telling all men the same?", verdict, parts, "performance")


def _on_the_whole(shift: Told) -> Finding:
    parts = phrase("On the whole its probabilities are off by {shift} on the log-odds scale, where "
                   "zero is not at all.", shift=estimate(shift, "signed"))  # fmt: skip
    verdict = _judged(shift, low=-_SHIFT, high=_SHIFT)
    return Finding("Are the probabilities right on the whole?", verdict, parts, "calibration")


def _slope(slope: Told) -> Finding:
    parts = phrase("At one they are neither too extreme nor too timid; it is {slope}.",
                   slope=corrected(slope, "effect"))  # fmt: skip
    value = slope["corrected"]["value"]
    verdict = OPEN if value is None else MET if _FLAT <= value <= _STEEP else NOT_MET
    return Finding("Are high and low probabilities right?", verdict, parts, "calibration")


def _groups(subgroups: Sequence[Told]) -> Finding:
    question = "Are they right in every group of men?"
    told = [
        one for one in subgroups if one.get("calibration_intercept", {}).get("value") is not None
    ]
    off = [one for one in told if _judged(one["calibration_intercept"], -_SHIFT, _SHIFT) == NOT_MET]
    if not told:
        return Finding(question, OPEN, ("No group is large enough to tell.",), "subgroups")
    if not off:
        said = phrase("No group is off for sure, as far as so few men can tell.")
        return Finding(question, MET, said, "subgroups")
    parts: Parts = ()
    for one in off:
        way = "low" if one["calibration_intercept"]["value"] > 0 else "high"
        parts += phrase("Too {way} ({group}) by {shift} on the log-odds scale. ", way=way,
                        group=group_of(one),
                        shift=estimate(one["calibration_intercept"], "signed"))  # fmt: skip
    return Finding(question, NOT_MET, parts, "subgroups")


def _use(report: Told) -> Finding:
    asked = report["settings"]["validation.thresholds"]
    rows = [min(report["decision"], key=lambda row: abs(row["threshold"] - t)) for t in asked]
    found = [worth_at(row) for row in rows]
    verdict = NOT_MET if NOT_MET in found else OPEN if OPEN in found else MET
    parts: Parts = ()
    for one, words in _WORTH.items():
        at = [Amount(row["threshold"], "percent") for row, f in zip(rows, found, strict=True)
              if f == one]  # fmt: skip
        if at:
            parts += phrase("{words} {at}. ", words=words, at=_series(at))
    parts += tuple(part for row in rows for part in _at(row))
    question = "Is treating by it better than treating all or none?"
    return Finding(question, verdict, parts, "decision")


_WORTH = {MET: "Better at", NOT_MET: "Worse at", OPEN: "It cannot be told at"}


def worth_at(row: Told) -> str:
    """Judge treating by the model at one threshold.

    Parameters
    ----------
    row : mapping
        Of the report's ``decision``.

    Returns
    -------
    str
        ``met`` where it is better for sure than treating all and than treating none,
        ``not met`` where it is worse than either, else ``cannot tell``.
    """
    # Against treating none the net benefit is the difference; against all, what is avoided.
    both = (row["net_benefit"]["corrected"], row["interventions_avoided"])
    known = [one for one in both if one["value"] is not None and one.get("low") is not None]
    if any(one["high"] < 0 for one in known):
        return NOT_MET
    return MET if len(known) == len(both) and all(one["low"] > 0 for one in known) else OPEN


def _series(amounts: list[Amount]) -> Parts:
    parts: Parts = ()
    for i, one in enumerate(amounts):
        parts += ("" if i == 0 else " and " if i == len(amounts) - 1 else ", ", one)
    return parts


def _at(row: Told) -> Iterator[str | Amount]:
    yield from phrase(
        "Treating from a probability of {t} on gains {gain} of men, rightly treated less wrongly "
        "treated, where treating everybody gains {everyone}; against that it avoids {avoided} "
        "treatments among a hundred men. ",
        t=Amount(row["threshold"], "percent"),
        gain=estimate(row["net_benefit"]["corrected"], "share"),
        everyone=Amount(row["treat_all"], "share"),
        avoided=estimate(row["interventions_avoided"], "hundred"),
    )


def _steady(stability: Told) -> Finding:
    half = stability["half_width"]
    parts = phrase(
        "Fitted to other such men, it would tell half of the men a probability up to {median} "
        "higher or lower, one in ten more than {p90}.", median=Amount(half["median"], "points"),
        p90=Amount(half["p90"], "points"),
    )  # fmt: skip
    verdict = MET if half["median"] <= _STEADY else NOT_MET
    question = "Would other men have given the same probabilities?"
    return Finding(question, verdict, parts, "stability")


def _travels(transport: Told) -> Finding:
    question = "Would it do as well in another clinic?"
    pooled = transport["pooled"].get("auc")
    if pooled is None or pooled["value"] is None:
        why = "one clinic cannot tell" if pooled is None else pooled["reason"]
        return Finding(question, OPEN, ("It cannot be told: ", why, "."), "sites")
    low, high = pooled["expected"]["low"], pooled["expected"]["high"]
    parts = phrase(
        "Predicted by the other clinics' men, pairs are ranked rightly in {mean}; in another "
        "clinic anything from {low} to {high} is to be expected.", mean=estimate(pooled, "share"),
        low=Amount(low, "share"), high=Amount(high, "share"),
    )  # fmt: skip
    return Finding(question, MET if low > 0.5 else OPEN, parts, "sites")
