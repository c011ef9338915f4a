"""One man's baseline in plain numbers: the bits that arrays of men give."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from respredict.baseline import baseline_count, chance_of, motile_count
from respredict.chance import chance_for, chance_only
from respredict.outcome import SCHEMES, total_motile_count
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request

SEMEN = ("semen_volume", "sperm_concentration", "motility")


@pytest.mark.parametrize("of", SCHEMES.values(), ids=SCHEMES)
def test_chance_has_the_bits_of_many(of):
    """At zero, at the cuts, beside them and far out."""
    edges = [math.nextafter(cut, side) for cut in of.cuts for side in (0.0, math.inf)]
    readings = [0.0, 0.01, 1e-6, 7.8, 900.0, *of.cuts, *edges, *np.geomspace(1e-3, 500, 200)]
    up, down = chance_only(of, readings)
    for i, reading in enumerate(map(float, readings)):
        alone = chance_of(of, Quantity(reading))

        assert alone == chance_for(of, Quantity(reading))
        assert (alone.up, alone.down) == (up[i], down[i])


@pytest.mark.parametrize("baseline", [None, Quantity(5.0, "", "<"), Quantity(5.0, "", ">")])
def test_where_chance_cannot_be_told_the_reason_is_the_same(baseline):
    """Nothing measured, or a side of a limit."""
    of = SCHEMES["concentration"]

    assert chance_of(of, baseline) == chance_for(of, baseline)


def test_the_count_is_that_of_many():
    """Every mixture of values, zeros, sides and gaps."""
    sided = (Quantity(v, "", c) for v in (3.7, 41.0) for c in ("", "<", ">"))
    each = (None, Quantity(0.0), *sided)
    told = set()
    for parts in itertools.product(each, repeat=3):
        given = {name: part for name, part in zip(SEMEN, parts, strict=True) if part is not None}
        if given.get("sperm_concentration") is None:
            assert motile_count(Request(quantities=given)) is None
            continue
        values = [math.nan if part is None else part.value for part in parts]
        sides = [0 if part is None else part.censor for part in parts]
        count, side = total_motile_count(
            *values, volume_censor=sides[0], concentration_censor=sides[1], motility_censor=sides[2]
        )  # fmt: skip
        found = motile_count(Request(quantities=given))
        lacking = None in parts and given["sperm_concentration"].value != 0
        if lacking or math.isnan(count[0]):
            assert found is None
        else:
            assert (found.value, found.censor, found.unit) == (count[0], side[0], "10*6")
        told.add(None if found is None else found.comparator)
    assert told == {None, "", "<", ">"}


def test_the_baseline_is_in_the_measure_of_the_scheme():
    """Concentration, or the count it makes."""
    given = dict(zip(SEMEN, (Quantity(2.0), Quantity(10.0), Quantity(50.0)), strict=True))
    man = Request(quantities=given)

    assert baseline_count(man, SCHEMES["who"]).value == 10.0
    assert baseline_count(man, SCHEMES["tmsc"]).value == 10.0 * 2.0 * 50.0 / 100.0
