"""The global view of a model's explanations: a table, and shap's beeswarm."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.explain import Explained

__all__ = ["POINTS", "beeswarm", "explanation_points", "importance_table"]

#: Name of the artifact that the figures are drawn from.
POINTS = "explanation/points.json"
#: Of a clinic's men a point is the mean of so many neighbours.
_SMALLEST_CELL = 10
_DIGITS = 4

Floats = NDArray[np.float64]


def importance_table(explained: Explained, inputs: tuple[str, ...]) -> pd.DataFrame:
    """Summarise how far each input moves the log-odds, largest first.

    Parameters
    ----------
    explained : Explained
        Of the men to summarise.
    inputs : tuple of str
        Name of each column of the contributions.

    Returns
    -------
    DataFrame
        Columns ``input``, ``mean_absolute_log_odds``, ``lowest`` and ``highest``.
    """
    values = explained.contributions
    table = pd.DataFrame(
        {
            "input": inputs,
            "mean_absolute_log_odds": np.abs(values).mean(axis=0),
            "lowest": values.min(axis=0),
            "highest": values.max(axis=0),
        }
    )
    return table.sort_values("mean_absolute_log_odds", ascending=False, ignore_index=True)


def explanation_points(
    explained: Explained, natural: Floats, inputs: tuple[str, ...], *, coarse: bool
) -> dict[str, Any]:
    """Return what the figures of the explanations are drawn from, as plain values.

    Parameters
    ----------
    explained : Explained
        Of the men to draw.
    natural : ndarray of shape (n_patients, n_inputs)
        Values in canonical units; NaN where a man lacks one.
    inputs : tuple of str
        Name of each column.
    coarse : bool
        Whether a point must be the mean of ten men next to each other in the value.

    Returns
    -------
    dict
        ``base``, ``men_a_point``, and ``inputs``: name, ``mean_absolute`` log-odds, and
        ``points`` of ``value`` and ``log_odds``, ascending in the value; men who lack it are
        not among them.

    Examples
    --------
    >>> one = np.zeros(2)
    >>> men = Explained(0.1, one, one, np.array([[0.5], [-0.5]]), one[:, None])
    >>> told = explanation_points(men, np.array([[9.0], [2.0]]), ("lh",), coarse=False)
    >>> told["inputs"][0]["points"]
    [{'value': 2.0, 'log_odds': -0.5}, {'value': 9.0, 'log_odds': 0.5}]
    """
    rows = []
    for j, name in enumerate(inputs):
        moved, value = explained.contributions[:, j], natural[:, j]
        known = np.flatnonzero(~np.isnan(value))
        order = known[np.lexsort((moved[known], value[known]))]
        pair = np.vstack([value[order], moved[order]])
        if coarse:
            parts = np.array_split(pair, max(len(order) // _SMALLEST_CELL, 1), axis=1)
            kept = [part.mean(axis=1) for part in parts if part.shape[1] >= _SMALLEST_CELL]
            pair = np.array(kept).reshape(-1, 2).T
        rows.append({
            "input": name,
            "mean_absolute": float(np.abs(moved).mean()),
            "points": [{"value": _rounded(a), "log_odds": _rounded(b)} for a, b in pair.T],
        })  # fmt: skip
    each = _SMALLEST_CELL if coarse else 1
    return {"base": float(explained.base), "men_a_point": each, "inputs": rows}


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def beeswarm(explained: Explained, natural: Floats, labels: tuple[str, ...]) -> bytes:
    """Draw shap's beeswarm of the contributions, coloured by the values in their units.

    Parameters
    ----------
    explained : Explained
        Of the men to draw.
    natural : ndarray of shape (n_patients, n_inputs)
        Values in clinical units; NaN, drawn grey, where a man lacks one.
    labels : tuple of str
        Label with unit, one an input.

    Returns
    -------
    bytes
        A PNG picture.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    explanation: Any = shap.Explanation(
        values=explained.contributions,
        base_values=np.full(len(natural), explained.base),
        data=natural,
        feature_names=list(labels),
    )
    shap.plots.beeswarm(
        explanation,
        max_display=len(labels),
        show=False,
        plot_size=(9, 0.6 * len(labels) + 1.5),
    )
    figure = plt.gcf()
    figure.axes[0].set_xlabel("contribution to the log-odds of improvement")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, bbox_inches="tight")
    plt.close(figure)
    return picture.getvalue()
