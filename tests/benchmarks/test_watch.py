"""What the watch finds, 20 men a month, and how often it is alarmed for nothing."""

import numpy as np
import pytest

from tests.validation.test_watch import simulated

pytestmark = pytest.mark.prove


@pytest.mark.parametrize("men", [600, 90])
def test_the_watch_finds_what_it_says(men):
    told = {}
    for points, shift, months in ((0, 0.0, 12), (-10, -0.45, 36), (-20, -0.95, 36)):
        when = simulated(shift, men=men, streams=1000, months=months, seed=points % 97)
        quarters = np.percentile(when, [25, 50, 75])
        told[points] = (when <= 12).mean(), quarters[1]
        print(f"champion of {men:3d}, {points:+d} points: within a year {told[points][0]:.3f}, "
              f"months {quarters}")  # fmt: skip
    assert told[0][0] <= 0.10
    assert told[-20][1] <= 4
    if men == 600:
        assert told[-10][1] <= 12
    else:
        assert told[-10][0] < 0.5
