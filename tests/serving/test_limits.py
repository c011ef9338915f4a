"""Token buckets: they let through what comes at their rate, and are few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.limits import Buckets


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=60), st.floats(1, 50), st.integers(1, 10))
def test_never_more_than_burst_and_rate_allow(pauses, rate, burst):
    """In any span: at most the burst and what came back in it; and a wait that is kept helps."""
    now = [0.0]
    buckets = Buckets(rate, burst, clock=lambda: now[0])
    granted = 0
    for pause in pauses:
        now[0] += pause
        wait = buckets.take("a")
        granted += wait == 0
        assert granted <= burst + now[0] * rate + 1e-6
        if wait:
            now[0] += wait + 1e-9
            assert buckets.take("a") == 0
            granted += 1


def test_the_longest_unused_name_is_forgotten():
    """However many names come, few are kept."""
    buckets = Buckets(1, 1, most=3, clock=lambda: 0.0)
    for name in "abcdef":
        assert buckets.take(name) == 0

    assert len(buckets) == 3
    assert buckets.take("f") > 0
    assert buckets.take("a") == 0
