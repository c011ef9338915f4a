"""The global view of a model's explanations: a table, and shap's beeswarm."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.explain import Explained

__all__ = ["beeswarm", "importance_table"]

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
