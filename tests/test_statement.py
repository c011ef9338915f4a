"""An answer in words: every branch read aloud once, then kept to the letter."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.statement import statement, summary
from respredict.words.phrases import number, percent, span

GOLDEN = tomllib.loads(
    (Path(__file__).parent / "golden" / "statements.toml").read_text(encoding="utf-8")
)
MEN = GOLDEN["man"]
PAGES = [man for man in MEN if "page" in man]
NOTHING = re.compile(r"(?<![\d.])0 %|(?<!\d)100 %")
JARGON = re.compile(r"log-odds|logit|imput|censor|Shapley|bootstrap|nan|None|\[IU\]|10\*6|_")
shares = st.floats(1e-12, 1 - 1e-12)


def answer_of(man: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of one man of the table."""
    answer = {**json.loads(GOLDEN["base"]), **json.loads(man.get("change", "{}"))}
    return {name: told for name, told in answer.items() if name not in man.get("drop", ())}


@pytest.mark.parametrize("man", MEN, ids=lambda man: man["name"])
def test_a_man_is_told_these_sentences(man):
    """The paragraph is these sentences and no other."""
    assert statement(answer_of(man)) == " ".join(man["says"])


@pytest.mark.parametrize("man", PAGES, ids=lambda man: man["name"])
def test_a_man_fills_this_page(man):
    """The summary is this page and no other."""
    assert summary(answer_of(man)) == man["page"].rstrip("\n")


@pytest.mark.parametrize("man", MEN, ids=lambda man: man["name"])
def test_both_are_plain(man):
    """Neither says 0 % or a word of the trade, and the page is 88 columns wide at most."""
    paragraph, page = statement(answer_of(man)), summary(answer_of(man))

    assert "\n" not in paragraph
    assert "  " not in paragraph
    assert not NOTHING.search(paragraph)
    assert not NOTHING.search(page)
    assert not JARGON.search(paragraph)
    assert all(len(line) <= 88 for line in page.splitlines())
    assert paragraph.endswith("This software is not a medical device.")


def test_the_table_has_every_branch():
    """Thirty men and more; scored, cautioned and without a probability, for every reason."""
    answers = [answer_of(man) for man in MEN]

    assert len(answers) >= 30
    assert {answer["status"] for answer in answers} == {"scored", "caution", "indeterminate"}
    assert {reason["code"] for answer in answers for reason in answer.get("reasons", ())} == {
        "testosterone_missing", "lh_missing", "unit_in_doubt", "top_category", "on_testosterone",
        "on_treatment",
    }  # fmt: skip


@pytest.mark.parametrize("man", MEN, ids=lambda man: man["name"])
def test_a_demonstration_says_so(man):
    """Both say that a model of synthetic men must not guide care, and only of such a model."""
    answer = answer_of(man)
    synthetic = answer["model"]["use"] == "demonstration"

    assert ("must not guide care" in statement(answer)) is synthetic
    assert ("must not guide care" in summary(answer)) is synthetic


def test_without_a_probability_no_number_of_one_is_told():
    """An indeterminate answer tells no probability of his, even where one is left in it."""
    answer = {**answer_of(MEN[0]), "status": "indeterminate", "reasons": [{"text": "no LH"}]}

    assert "47 %" not in statement(answer)
    assert "47 %" not in summary(answer)


def test_a_long_caution_is_wrapped():
    """A caution of the page keeps to its columns and to the last word."""
    text = "He is unlike the men the model learnt from in more than one of his values. " * 3
    page = summary({**answer_of(MEN[0]), "cautions": [{"code": "outside_support", "text": text}]})

    assert all(len(line) <= 88 for line in page.splitlines())
    assert " ".join(text.split()) in " ".join(page.split())


def test_bars_keep_to_the_page():
    """A contribution of any size has a bar of one sign to twenty-four."""
    told = [
        {"input": name, "value": "1 [IU]/L", "log_odds": size}
        for name, size in (("lh", 99.0), ("fsh", -0.06), ("age", 0.0))
    ]
    page = summary({**answer_of(MEN[0]), "explanation": {"contributions": told}})
    ends = {
        line.split()[0]: line.split()[-1] for line in page.splitlines() if line.startswith("  ")
    }

    assert (ends["LH"], ends["FSH"], ends["age"]) == ("+" * 24, "-", ".")


def test_a_recorded_answer_names_its_decision():
    """The page of a recorded answer carries its number."""
    assert "Decision: 0192" in summary({**answer_of(MEN[0]), "decision_id": "0192"})


@given(shares)
def test_a_probability_is_never_nothing_nor_all(share):
    """No probability inside (0, 1) reads as 0 % or 100 %, and a whole one is off by half."""
    text = percent(share)

    assert not NOTHING.fullmatch(text)
    if text[0].isdigit():
        assert abs(int(text.removesuffix(" %")) - 100 * share) <= 0.5 + 1e-9


@given(shares, shares)
def test_an_interval_is_told_by_its_ends(one, other):
    """An interval names both of its ends, or the one that is not at the edge."""
    low, high = sorted((one, other))
    text = span([low, high])

    ends = [int(part) for part in re.findall(r"\d+", text)]
    assert ends == sorted(ends)
    assert text.count("%") == (2 if text.startswith("less") and "more" in text else 1)


@given(st.floats(1e-3, 1e5), st.sampled_from([10.0, 100.0]))
def test_a_ratio_is_told_on_its_side_of_the_rule(value, threshold):
    """Rounding never moves a ratio across the threshold it is held against."""
    assert (float(number(value, threshold)) >= threshold) == (value >= threshold)
