"""How numbers, units and codes are put into words, for the statement and the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from respredict.schema.analytes import ANALYTES

__all__: list[str] = []

#: Below this a contribution hardly moves the probability: about one percent at even odds.
HARDLY = 0.05

#: Said of every answer of a model that was trained on synthetic men.
DEMONSTRATION = "the model learnt from synthetic men and must not guide care."

_LABELS = {"age": "age", "bmi": "BMI", **{a.name: a.label for a in ANALYTES}}
_UNITS = (
    ("[IU]", "IU"),
    *((code, "million/mL") for code in ("x10E6/mL", "10*6/mL", "10^6/mL", "10*6/ml", "M/mL")),
    ("10*6", "million"),
)
_SHORT = 24  # a value and its unit
_PERCENT = tuple(f"{n} %" for n in range(101))
_CAUTIONS = {
    "azoospermia_not_in_model": "azoospermia, which the model does not see",
    "cotreatment": "other hormonal drugs taken with it, which the model does not see",
    "date_in_future": "a sample dated in the future",
    "outside_support": "he is unlike the men the model learnt from",
    "over_suppression": "estradiol below the published range on anastrozole",
    "over_suppression_possible": "estradiol possibly below the published range on anastrozole",
    "primary_testicular_failure": "LH and FSH both high, which reads as primary testicular failure",
    "recent_testosterone": "testosterone stopped only lately",
    "stale_labs": "an old blood sample",
    "stale_semen": "an old semen sample",
}


def percent(share: float) -> str:
    """Return a probability in whole percent, never 0 % or 100 %.

    Examples
    --------
    >>> percent(0.474), percent(0.004), percent(0.999)
    ('47 %', 'less than 1 %', 'more than 99 %')
    """
    if share < 0.01:
        return "less than 1 %"
    return "more than 99 %" if share > 0.99 else _PERCENT[round(100 * share)]


def span(interval: Sequence[float]) -> str:
    """Return an interval of probabilities.

    Examples
    --------
    >>> span([0.4, 0.55]), span([0.468, 0.472]), span([0.001, 0.07]), span([0.91, 0.999])
    ('40 to 55 %', '47 %', 'up to 7 %', '91 % or more')
    """
    least, most = interval
    if least >= 0.01 and most <= 0.99 and round(100 * least) != round(100 * most):
        return f"{round(100 * least)} to {round(100 * most)} %"
    low, high = percent(least), percent(most)
    if low == high:
        return low
    if low[0].isdigit():
        return f"{low.removesuffix(' %')} to {high}" if high[0].isdigit() else f"{low} or more"
    return f"up to {high}" if high[0].isdigit() else f"{low} to {high}"


def number(value: float, threshold: float | None = None) -> str:
    """Return three digits, or as many more as keep the number on its side of a threshold.

    Examples
    --------
    >>> number(79.588), number(99.96, 100.0), number(1234.5)
    ('79.6', '99.96', '1230')
    """
    text = f"{float(f'{value:.3g}'):.6g}"
    if threshold is None or (float(text) >= threshold) == (value >= threshold):
        return text
    for digits in range(4, 17):
        text = f"{float(f'{value:.{digits}g}'):.{max(digits, 6)}g}"
        if (float(text) >= threshold) == (value >= threshold):
            break
    return text


def clinical(text: str) -> str:
    """Return a text with its units as clinicians write them.

    Examples
    --------
    >>> clinical("3.4 [IU]/L"), clinical("0 10*6/mL"), clinical("34 a")
    ('3.4 IU/L', '0 million/mL', '34 years')
    """
    if len(text) > _SHORT:
        return _written(text)
    value, space, unit = text.partition(" ")
    return f"{_written(value)} {_unit(unit)}" if space else _written(value)


def _written(text: str) -> str:
    if "*" in text or "[" in text or "/" in text or "^" in text:
        for code, written in _UNITS:
            text = text.replace(code, written)
    return f"{text[:-2]} years" if text.endswith(" a") else text


@lru_cache(maxsize=256)
def _unit(text: str) -> str:
    return _written(f" {text}")[1:]


def quantity(told: Mapping[str, Any]) -> str:
    """Return a quantity of an answer.

    Examples
    --------
    >>> quantity({"value": 20, "unit": "pg/mL", "comparator": "<"})
    '<20 pg/mL'
    """
    text = f"{told.get('comparator', '')}{told['value']:.4g} {told.get('unit', '')}"
    return clinical(text.rstrip())


def label(name: str) -> str:
    """Return what a clinician calls an input.

    Examples
    --------
    >>> label("bmi"), label("testosterone")
    ('BMI', 'total testosterone')
    """
    return _LABELS.get(name, name.replace("_", " "))


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["LH", "FSH", "age"])
    'LH, FSH and age'
    """
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def opening(text: str) -> str:
    """Return a text with a capital first letter.

    Examples
    --------
    >>> opening("age 34 years")
    'Age 34 years'
    """
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Return a text as one sentence: capital, units as written, full stop.

    Examples
    --------
    >>> sentence("total testosterone is missing")
    'Total testosterone is missing.'
    """
    text = opening(clinical(text.strip()))
    return text if text.endswith((".", "!", "?")) else f"{text}."


def short_cautions(answer: Mapping[str, Any]) -> list[str]:
    """Return the short name of each caution of an answer, each once.

    Examples
    --------
    >>> short_cautions({"cautions": [{"code": "stale_labs"}, {"code": "value_imputed"}]})
    ['an old blood sample', 'one value estimated']
    """
    codes = [caution["code"] for caution in answer.get("cautions", ())]
    if not codes:
        return []
    imputed = codes.count("value_imputed")
    estimated = f"{imputed} values estimated" if imputed > 1 else "one value estimated"
    names = {**_CAUTIONS, "value_imputed": estimated}
    return list(dict.fromkeys(names.get(code, code.replace("_", " ")) for code in codes))


def remedies(reasons: Sequence[Mapping[str, str]]) -> str:
    """Return what would settle why no probability is given, or an empty text.

    Examples
    --------
    >>> remedies([{"remedy": "Send LH."}, {"remedy": "None."}])
    'To settle this: send LH.'
    """
    told = [reason.get("remedy", "").strip().rstrip(".") for reason in reasons]
    useful = dict.fromkeys(text for text in told if text and text != "None")
    if not useful:
        return ""
    return f"To settle this: {'; '.join(text[0].lower() + text[1:] for text in useful)}."


def level_of(told: Mapping[str, Any]) -> str:
    """Return the level of an interval; 90 % where none is told.

    Examples
    --------
    >>> level_of({"level": 0.95})
    '95 %'
    """
    return f"{round(100 * (told.get('level') or 0.9))} %"


def men_of(model: Mapping[str, Any]) -> str:
    """Return how many men of which kind a model learnt from.

    Examples
    --------
    >>> men_of({"trained_on": {"kind": "synthetic", "men": 600}})
    '600 synthetic men'
    """
    told = model.get("trained_on", {})
    kind = "synthetic men" if told.get("kind") == "synthetic" else "men"
    return f"{told['men']} {kind}" if told.get("men") else kind


def counted(number: int, one: str, many: str) -> str:
    """Return how many there are, in words that agree.

    Examples
    --------
    >>> counted(1, "man", "men"), counted(2, "man", "men")
    ('1 man', '2 men')
    """
    return f"{number} {one if number == 1 else many}"
