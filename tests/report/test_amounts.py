"""Numbers as they are printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.report.amounts import Amount, shown
from respredict.report.markup import element, told
from respredict.report.sentences import corrected, estimate, phrase, plain


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (533, "count", "533"),
        (0.47842, "share", "47.8 %"),
        (0.3, "percent", "30 %"),
        (0.0643, "points", "6.4 points"),
        (0.72107, "index", "0.721"),
        (0.0086, "signed", "+0.009"),
        (-0.0939, "signed", "\N{MINUS SIGN}0.094"),
        (-0.0001, "signed", "0.000"),
        (-8e-16, "index", "0.000"),
        (1.0196, "effect", "1.02"),
        (-2.4, "hundred", "\N{MINUS SIGN}2.4"),
        (0.0670780320076618, "exact", "0.0670780320076618"),
        (306.0, "natural", "306"),
        (26.94, "natural", "26.9"),
        (0.334, "natural", "0.334"),
        (1234.5, "natural", "1234"),
        (0.0, "natural", "0"),
        (1e-7, "natural", "1e\N{MINUS SIGN}07"),
    ],
)
def test_a_number_is_written_by_its_form(value, form, text):
    assert shown(Amount(value, form)) == text


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match=r"a form must be one of .*, got 'euro'\. Choose one\."):
        shown(Amount(1.0, "euro"))


@given(st.floats(-1e5, 1e5), st.sampled_from(["index", "signed", "effect", "natural"]))
def test_what_is_written_is_the_number_to_its_digits(value, form):
    written = float(shown(Amount(value, form)).replace("\N{MINUS SIGN}", "-"))
    assert written == pytest.approx(value, abs=0.006, rel=0.006)


@pytest.mark.parametrize(
    ("estimated", "text"),
    [
        ({"value": 0.7, "low": 0.6, "high": 0.8}, "0.700 (0.600 to 0.800)"),
        ({"value": 0.7, "low": None, "high": None, "reason": "one value"},
         "0.700 (no interval: one value)"),
        ({"value": None, "reason": "no event"}, "cannot be told: no event"),
    ],
)  # fmt: skip
def test_an_estimate_carries_its_interval_or_the_reason_for_none(estimated, text):
    assert plain(estimate(estimated, "index")) == text


def test_a_corrected_metric_without_an_interval_tells_its_spread():
    metric = {"corrected": {"value": 0.95, "low": None, "high": None, "reason": "none covers"},
              "spread": [0.81, 1.18]}  # fmt: skip
    assert plain(corrected(metric, "effect")) == "0.95 (spread 0.81 to 1.18)"


def test_a_sentence_keeps_its_numbers_apart_from_its_words():
    parts = phrase("{n} men, {share}.", n=Amount(5, "count"), share=(Amount(0.5, "share"),))
    assert parts == (Amount(5, "count"), " men, ", Amount(0.5, "share"), ".")


@pytest.mark.parametrize(
    ("made", "markup"),
    [
        (element("p", "<b> & co"), "<p>&lt;b&gt; &amp; co</p>"),
        (element("p", told("a"), title='say "x"'),
         '<p title="say &quot;x&quot;"><span class="told">a</span></p>'),
        (element("p", None, ("a", "b")), "<p>ab</p>"),
        (element("meta", charset="utf-8"), '<meta charset="utf-8">'),
    ],
)  # fmt: skip
def test_text_is_escaped_and_markup_is_not(made, markup):
    assert made == markup
