"""An answer in words: a paragraph for the notes, and a page for the terminal.

Both are generated from the numbers of the answer and from nothing else. To word a new
caution, name its code in ``respredict.words.phrases``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from respredict.words.page import summary
from respredict.words.phrases import (
    DEMONSTRATION,
    HARDLY,
    clinical,
    label,
    level_of,
    listed,
    men_of,
    number,
    opening,
    percent,
    quantity,
    remedies,
    sentence,
    short_cautions,
    span,
)

__all__ = ["closing", "statement", "summary"]

Answer = Mapping[str, Any]

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven")
_NAMED = 3
_RULES = (
    ("t_lh_at_least_100", "t_lh", "T/LH", 100.0, "reaches 100", "does not reach 100"),
    ("t_e2_below_10", "t_e2", "T/E2", 10.0, "is below 10", "is not below 10"),
)
_OPEN = "it cannot be told "
_BOUND = {"<": "less than ", ">": "more than "}


def statement(answer: Answer) -> str:
    """Return a paragraph that a clinician can paste into the notes.

    Parameters
    ----------
    answer : mapping
        As the Scorer gives it, with a probability or with the reasons for none.

    Returns
    -------
    str
        One paragraph of plain sentences.

    Examples
    --------
    >>> told = statement({
    ...     "status": "scored",
    ...     "improvement": {"probability": 0.47, "interval": [0.40, 0.55], "level": 0.9,
    ...                     "definition": "Motile count up at least one category."},
    ...     "chance_only": {"up": 0.35, "down": 0.28},
    ... })
    >>> print(*told.split(". ")[:2], sep=chr(10))
    His probability of improving on anastrozole is 47 %
    With the model refitted on other men it is 40 to 55 % (90 % interval)
    """
    without = answer["status"] == "indeterminate"
    sentences = _without(answer) if without else _with(answer)
    demonstration = answer.get("model", {}).get("use") == "demonstration"
    last = closing(demonstration=demonstration, probability=not without)
    return " ".join([*filter(None, sentences), last])


@cache
def closing(*, demonstration: bool, probability: bool) -> str:
    """Return the sentences that end every statement alike.

    Parameters
    ----------
    demonstration : bool
        Whether the model learnt from synthetic men.
    probability : bool
        Whether the answer has one.

    Returns
    -------
    str
        What the number is not, and what the software is not.

    Examples
    --------
    >>> closing(demonstration=False, probability=False)
    'This software is not a medical device.'
    """
    told = "This is the probability of a change of category, not proof that the drug did it."
    limits = [told] if probability else []
    if demonstration:
        limits.append(f"Demonstration only: {DEMONSTRATION}")
    return " ".join([*limits, "This software is not a medical device."])


def _with(answer: Answer) -> Iterator[str]:
    """Yield the sentences of an answer that has a probability."""
    improvement = answer["improvement"]
    yield f"His probability of improving on anastrozole is {percent(improvement['probability'])}."
    yield _intervals(improvement)
    yield _meaning(improvement.get("definition", ""))
    yield _chance(answer)
    yield from _usual(answer)
    yield _moved(answer.get("explanation", {}).get("contributions", ()))
    yield from _incomplete(answer.get("inputs", {}))
    yield _worsening(answer)
    yield _cautions(answer)


def _without(answer: Answer) -> Iterator[str]:
    """Yield the sentences of an answer that has none."""
    reasons = answer["reasons"]
    many = len(reasons)
    why = f", for {_COUNTS[many] if many < len(_COUNTS) else many} reasons" if many > 1 else ""
    yield f"No probability of improving on anastrozole is given{why}."
    yield from (sentence(reason["text"]) for reason in reasons)
    yield remedies(reasons)
    if answer.get("chance_only", {}).get("up") is not None:
        yield _chance(answer)
    yield _cautions(answer)


def _intervals(improvement: Mapping[str, Any]) -> str:
    refitted, redrawn = improvement.get("interval"), improvement.get("redraw_interval")
    said = []
    if refitted:
        said.append(f"with the model refitted on other men it is {span(refitted)}")
    if redrawn:
        it_is = "" if refitted else "it is "
        said.append(f"with his blood drawn again {it_is}{span(redrawn)}")
    kind = f"{level_of(improvement)} interval{'s' if len(said) > 1 else ''}"
    return f"{opening(', and '.join(said))} ({kind})." if said else ""


@lru_cache(maxsize=16)
def _meaning(definition: str) -> str:
    """Return the first sentence of the definition, without what it has in brackets."""
    first = re.sub(r"\s*\([^)]*\)", "", definition).split(". ")[0]
    return f"Improving means {first[0].lower()}{first[1:].rstrip('.')}." if first else ""


def _chance(answer: Answer) -> str:
    chance = answer.get("chance_only")
    if chance is None:
        return ""
    if chance.get("up") is None:
        reason = f" ({chance['reason']})" if chance.get("reason") else ""
        return f"What chance alone would do is not known{reason}."
    return (
        f"Without any drug, chance alone moves {percent(chance['up'])} of men with his baseline "
        f"count up a category and {percent(chance['down'])} down."
    )


def _usual(answer: Answer) -> Iterator[str]:
    """Yield the share that improved in the cohort, and what the usual rules say."""
    usual = answer.get("comparators", {})
    if usual.get("prevalence") is not None:
        yield _improved(men_of(answer.get("model", {})), usual["prevalence"])
    if usual.keys() & {rule[0] for rule in _RULES}:
        first, second = (_rule(answer, *rule) for rule in _RULES)
        if first.startswith(_OPEN) and second.startswith(_OPEN):
            yield f"As for the usual rules, {first}, nor {second.removeprefix(_OPEN)}."
        else:
            yield f"As for the usual rules, {first}, and {second}."


@lru_cache(maxsize=16)
def _improved(who: str, prevalence: float) -> str:
    return f"Of the {who} the model learnt from, {percent(prevalence)} improved."


def _rule(
    answer: Answer, rule: str, name: str, ratio: str, threshold: float, yes: str, no: str
) -> str:
    usual = answer["comparators"]
    holds = usual.get(rule)
    if holds is None:
        why = clinical(usual.get("reasons", {}).get(rule, "")).removeprefix("open: ")
        return f"{_OPEN}whether his {ratio} {yes}{f' ({why})' if why else ''}"
    told = (answer.get("derived") or {}).get(name)
    own = ""
    if told:
        own = f" of {_BOUND.get(told.get('comparator', ''), '')}{number(told['value'], threshold)}"
    return f"his {ratio}{own} {yes if holds else no}"


def _moved(contributions: Any) -> str:
    """Say what raised and what lowered his probability most, in his own values."""
    if not contributions:
        return ""
    strongest = sorted(contributions, key=lambda c: -abs(c["log_odds"]))
    up = [c for c in strongest if c["log_odds"] >= HARDLY]
    down = [c for c in strongest if c["log_odds"] <= -HARDLY]
    if not up and not down:
        values = listed([_own(c) for c in contributions])
        return f"Compared with an average man, his values hardly moved it: {values}."
    said = [_ranked(values, verb) for values, verb in ((up, "raised"), (down, "lowered")) if values]
    if len(said) == 1:
        said.append(f"nothing {'lowered' if up else 'raised'} it noticeably")
    return f"Compared with an average man, {'; '.join(said)}."


def _ranked(contributions: Sequence[Mapping[str, Any]], verb: str) -> str:
    first, *others = [_own(c) for c in contributions[:_NAMED]]
    if not others:
        return f"{first} {verb} it"
    return f"{first} {verb} it most, followed by {listed(others)}"


def _own(contribution: Mapping[str, Any]) -> str:
    return f"{label(contribution['input'])} {clinical(contribution['value'])}"


def _incomplete(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was missing or censored, and what the model used in its place."""
    states = ("imputed", "censored")
    estimated = [(name, told) for name, told in inputs.items() if told.get("state") in states]
    missing = [name for name, told in estimated if told["state"] == "imputed"]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        used = listed([_used(inputs[name]) for name in missing])
        yield (
            f"{opening(listed([label(name) for name in missing]))} {verb} missing; the model uses "
            f"{used}, estimated from his other values."
        )
    for name, told in estimated:
        if told["state"] == "censored" and "used" in told:
            known = quantity(told["received"])
            yield f"{opening(label(name))} is known only as {known}; the model uses {_used(told)}."


def _used(told: Mapping[str, Any]) -> str:
    used = told["used"]
    return clinical(f"{number(used['value'])} {used['unit']}")


def _worsening(answer: Answer) -> str:
    worse = answer.get("worsening") or {}
    if worse.get("probability") is None:
        return ""
    ends = tuple(worse.get("interval") or ())
    return _worse(worse["probability"], ends, level_of(worse), worse.get("basis", ""))


@lru_cache(maxsize=16)
def _worse(probability: float, ends: tuple[float, ...], level: str, basis: str) -> str:
    """Say it; the rate of all men is said of each."""
    kind = f" ({level} interval {span(ends)})" if ends else ""
    whose = {
        "base rate": ", the rate of all men the model learnt from rather than his own",
        "model": ", by a model of its own",
    }.get(basis, "")
    return f"The probability of moving down a category is {percent(probability)}{kind}{whose}."


def _cautions(answer: Answer) -> str:
    names = short_cautions(answer)
    return f"Caution{'s' if len(names) > 1 else ''}: {'; '.join(names)}." if names else ""
