"""An answer on a terminal; import it from :mod:`respredict.statement`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from respredict.words.phrases import (
    DEMONSTRATION,
    HARDLY,
    clinical,
    label,
    level_of,
    men_of,
    number,
    percent,
    quantity,
    sentence,
    span,
)

__all__ = ["summary"]

Answer = Mapping[str, Any]

_WIDTH = 88
_NAMES, _VALUES, _USED = 38, 18, 14
_BAR_STEP, _BAR_LENGTH = 0.1, 24
_DIGEST = len("sha256:") + 12
_RULES = (
    ("t_lh_at_least_100", "t_lh", "T/LH of 100 or more", 100.0),
    ("t_e2_below_10", "t_e2", "T/E2 below 10", 10.0),
)
_OF_A_PROBABILITY = ("improvement", "worsening", "explanation")
_VERDICTS = {True: "yes", False: "no", None: "cannot be told"}


def summary(answer: Answer) -> str:
    """Return an answer as lines for a terminal, at most 88 columns wide.

    Parameters
    ----------
    answer : mapping
        As the Scorer gives it, with a probability or with the reasons for none.

    Returns
    -------
    str
        Headline, intervals, inputs with what each did, comparators, cautions, model.

    Examples
    --------
    >>> told = summary({
    ...     "status": "indeterminate",
    ...     "reasons": [{"code": "lh_missing", "text": "LH is missing.", "remedy": "Send LH."}],
    ... })
    >>> print(told)
    No probability of improving on anastrozole
    <BLANKLINE>
    Reason: LH is missing. Send LH.
    <BLANKLINE>
    This software is not a medical device.
    """
    if answer["status"] == "indeterminate":
        answer = {name: told for name, told in answer.items() if name not in _OF_A_PROBABILITY}
    blocks = (
        list(_head(answer)),
        list(_inputs(answer)),
        list(_against(answer)),
        list(_notes(answer)),
        list(_model(answer)),
    )
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _head(answer: Answer) -> Iterator[str]:
    improvement = answer.get("improvement")
    if improvement is None:
        yield "No probability of improving on anastrozole"
        return
    yield f"{percent(improvement['probability'])} probability of improving on anastrozole"
    level = level_of(improvement)
    for key, words in (
        ("interval", "refitted on other men"),
        ("redraw_interval", "blood drawn again"),
    ):
        if improvement.get(key):
            yield _line(f"{words} ({level} interval)", span(improvement[key]))
    worse = answer.get("worsening") or {}
    if worse.get("probability") is not None:
        more = [span(worse["interval"])] if worse.get("interval") else []
        more += [worse["basis"]] if worse.get("basis") else []
        told = f" ({', '.join(more)})" if more else ""
        yield _line("moving down a category", f"{percent(worse['probability'])}{told}")


def _inputs(answer: Answer) -> Iterator[str]:
    """Yield the model's inputs, or those received where nothing was reckoned."""
    contributions = {c["input"]: c for c in answer.get("explanation", {}).get("contributions", ())}
    inputs = answer.get("inputs", {})
    shown = [name for name, told in inputs.items() if "used" in told] or [
        name for name, told in inputs.items() if "received" in told
    ]
    if not shown:
        return
    reckoned = "used" in inputs[shown[0]]
    last = "raised (+), lowered (-)" if contributions else ""
    yield _row("input", "his value", "model uses" if reckoned else "", last)
    for name in shown:
        told, moved = inputs[name], contributions.get(name)
        value = clinical(moved["value"]) if moved else "missing"
        if "received" in told and not moved:
            value = quantity(told["received"])
        text = _used(told) if "used" in told else ""
        yield _row(label(name), value, text, _bar(moved["log_odds"]) if moved else "")


def _used(told: Mapping[str, Any]) -> str:
    """Return what the model took: a measured value as it is, an estimate in three digits."""
    used = told["used"]
    if told.get("state") == "measured":
        return quantity(used)
    return clinical(f"{number(used['value'])} {used['unit']}")


def _against(answer: Answer) -> Iterator[str]:
    """Yield what his probability is compared with."""
    chance = answer.get("chance_only")
    if chance:
        known = chance.get("up") is not None
        moves = f"{percent(chance['up'])} up, {percent(chance['down'])} down" if known else ""
        yield _line("chance alone, without any drug", moves or "not known")
    usual = answer.get("comparators", {})
    if usual.get("prevalence") is not None:
        yield _line("improved in the cohort", percent(usual["prevalence"]))
    for rule, name, words, threshold in _RULES:
        if rule in usual:
            told = (answer.get("derived") or {}).get(name)
            own = f"{told.get('comparator', '')}{number(told['value'], threshold)}" if told else ""
            yield _line(words, _VERDICTS[usual[rule]] + (f" ({own})" if own else ""))


def _notes(answer: Answer) -> Iterator[str]:
    for reason in answer.get("reasons", ()):
        remedy = reason.get("remedy", "")
        advice = "" if remedy.rstrip(".") in ("", "None") else f" {sentence(remedy)}"
        yield from _wrapped("Reason: ", f"{sentence(reason['text'])}{advice}")
    for caution in answer.get("cautions", ()):
        yield from _wrapped("Caution: ", sentence(caution.get("text", caution["code"])))


def _model(answer: Answer) -> Iterator[str]:
    model = answer.get("model")
    if model:
        if model.get("use") == "demonstration":
            yield from _wrapped("DEMONSTRATION: ", DEMONSTRATION)
        version = f" version {model['version']}" if model.get("version") is not None else ""
        identity = f"{model['name']}{version}, {model['digest'][:_DIGEST]}, from {men_of(model)}"
        yield from _wrapped("Model: ", identity)
    if answer.get("decision_id"):
        yield f"Decision: {answer['decision_id']}"
    yield "This software is not a medical device."


def _line(name: str, value: str) -> str:
    return f"  {name:<{_NAMES}}  {value}"


def _row(name: str, value: str, used: str, last: str) -> str:
    return f"  {name:<20}  {value:<{_VALUES}}  {used:<{_USED}}  {last}".rstrip()


def _bar(log_odds: float) -> str:
    """Return one sign for each tenth of log-odds, at least one where it moved at all."""
    if abs(log_odds) < HARDLY:
        return "."
    steps = max(1, min(_BAR_LENGTH, round(abs(log_odds) / _BAR_STEP)))
    return ("+" if log_odds > 0 else "-") * steps


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(start + text, _WIDTH, subsequent_indent="  ", break_long_words=False)
