"""Tests of how columns are found."""

from __future__ import annotations

import pytest

from respredict.model.columns import position


@pytest.mark.parametrize(("of", "at"), [("lh", 1), (0, 0), (1, 1)])
def test_a_column_is_found_by_name_or_position(of: str | int, at: int) -> None:
    """Both lead to the place in the matrix."""
    assert position(of, ["t", "lh"], 2) == at


@pytest.mark.parametrize(
    ("of", "names", "message"),
    [
        ("fsh", ["t", "lh"], "X must have a column 'fsh', got"),
        ("fsh", None, "got columns without names"),
        (2, None, "position must lie below 2, got 2"),
    ],
)
def test_a_column_that_is_not_there_is_named(of, names, message: str) -> None:
    """The message says which columns there are."""
    with pytest.raises(ValueError, match=message):
        position(of, names, 2)
