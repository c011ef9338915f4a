"""One visual language for every figure: vector, readable in grey and without colour."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from respredict.report.markup import Html, element
from respredict.report.sentences import Parts

__all__ = ["COLORS", "GREY", "Drawing", "figure_of", "svg_of"]

#: Okabe and Ito's colours, in an order whose greys differ; never the only sign of a thing.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#6B6B6B"
_RC: dict[Any, Any] = {
    "svg.fonttype": "path",  # the same drawing wherever it is read
    "svg.hashsalt": "respredict",
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "path.simplify": True,
}
_PIXELS = 1.7  # a point of a drawing on the widest screen
_META = {"Date": None, "Creator": None, "Format": None, "Type": None}
_IDS = (r'id="([^"]+)"', r"url\(#([^)]+)\)", r'xlink:href="#([^"]+)"')


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with what a reader without eyes for it needs.

    Parameters
    ----------
    name : str
        Its identity on the page, and the name of its data.
    title : str
        What it shows.
    alternative : tuple of str or Amount
        What is to be seen in it, in words.
    svg : str
        The drawing.
    columns : tuple of str
        Header of its data.
    rows : sequence of sequence
        Its data, from the report.
    """

    name: str
    title: str
    alternative: Parts
    svg: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]

    def csv(self) -> str:
        """Return the data drawn, as CSV with a header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()


def svg_of(draw: Callable[[Any], None], *, width: float = 6.4, height: float = 4.2) -> str:
    """Draw on a new figure and return it as SVG, the same bytes for the same data.

    Parameters
    ----------
    draw : callable
        Takes a matplotlib Figure.
    width, height : float
        In inches.

    Returns
    -------
    str
        One ``svg`` element.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_RC):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=_META, transparent=True)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", svg).strip()


def figure_of(drawing: Drawing) -> Html:
    """Return a drawing as an element of a page, with its alternative and its data.

    Parameters
    ----------
    drawing : Drawing
        Of a section.

    Returns
    -------
    Html
        A ``figure``; nothing in it needs a network or a script.
    """
    name = drawing.name
    svg = drawing.svg
    for pattern in _IDS:
        svg = re.sub(pattern, lambda m: m[0].replace(m[1], f"{name}-{m[1]}"), svg)
    label = f'role="img" aria-labelledby="{name}-title" aria-describedby="{name}-told"'
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', rf"<svg {label} \1", svg, count=1)
    svg = re.sub(r'height="[^"]*"', "", svg, count=1)
    width = drawing.svg.split('width="', 1)[1].split("pt", 1)[0]
    data = base64.b64encode(drawing.csv().encode()).decode()
    link = element("a", f"Data of this figure ({name}.csv)", download=f"{name}.csv",
                   href=f"data:text/csv;base64,{data}", class_="data")  # fmt: skip
    return element(
        "figure",
        element("figcaption", drawing.title, id=f"{name}-title"),
        element(
            "div", Html(svg), class_="drawing", style=f"max-width:{float(width) * _PIXELS:.0f}px"
        ),
        element("p", drawing.alternative, id=f"{name}-told", class_="alternative"),
        element("p", link, class_="screen"),
        id=f"figure-{name}",
    )
