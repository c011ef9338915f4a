"""Tests of the published rules."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from respredict.model.rules import RULES, apply_rule, ratio_reaches
from respredict.schema.quantities import Quantity, rule_at_least

SIDES = {-1: "<", 0: "", 1: ">"}


@pytest.mark.parametrize(("up", "down"), list(product(SIDES, SIDES)))
@pytest.mark.parametrize("numerator", [10.0, 100.0, 250.0])
def test_ratios_are_judged_as_single_quantities_are(numerator: float, up: int, down: int) -> None:
    """Arrays agree with the rule for one man, open cases included."""
    ratio = Quantity(numerator, "", SIDES[up]).divided_by(Quantity(1.0, "", SIDES[down]))  # type: ignore[arg-type]
    said = rule_at_least(ratio, 100.0)
    got = ratio_reaches([numerator], [1.0], 100.0, numerator_censor=[up], denominator_censor=[down])
    assert (None if np.isnan(got[0]) else bool(got[0])) is said


def test_a_missing_value_or_a_zero_leaves_the_rule_open() -> None:
    """No ratio, no answer."""
    assert np.isnan(ratio_reaches([np.nan, 300.0, 300.0], [1.0, np.nan, 0.0], 100.0)).all()


@pytest.mark.parametrize("name", RULES)
def test_rules_read_the_model_matrix(clinic, name: str) -> None:
    """Each rule says yes, no and open somewhere in a clinic."""
    said = apply_rule(name, clinic(300, 0)[0])
    assert {0.0, 1.0} <= set(said[~np.isnan(said)])
    assert np.isnan(said).any()
