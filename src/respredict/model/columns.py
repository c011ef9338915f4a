"""Columns of a matrix, named or counted."""

from __future__ import annotations

__all__ = ["position"]


def position(of: str | int, names, width: int) -> int:
    """Return where a column stands, given its name or its position.

    Parameters
    ----------
    of : str or int
        A name, or a position counted from 0.
    names : sequence of str or None
        The names, if the columns have any.
    width : int
        How many columns there are.

    Returns
    -------
    int
        Its position, counted from 0.

    Raises
    ------
    ValueError
        If there is no such column.

    Examples
    --------
    >>> position("lh_iu_l", ["age_years", "lh_iu_l"], 2)
    1
    """
    if isinstance(of, str):
        known = [] if names is None else list(names)
        if of in known:
            return known.index(of)
        msg = f"X must have a column {of!r}, got {known or 'columns without names'}. Add it."
        raise ValueError(msg)
    if not 0 <= of < width:
        msg = f"a column's position must lie below {width}, got {of}. Name a column of X."
        raise ValueError(msg)
    return int(of)
