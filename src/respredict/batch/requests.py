"""Rows of a table as the requests they make: the whole answer of each man follows."""

from __future__ import annotations

import math
from typing import Any

from respredict.schema.analytes import ANALYTES
from respredict.schema.quantities import Comparator, Quantity
from respredict.schema.record import AGE, BMI
from respredict.schema.request import Request, Treatment
from respredict.tables.rows import Men

__all__ = ["requests_of"]

_SIDES: dict[int, Comparator] = {-1: "<", 0: "", 1: ">"}


def requests_of(men: Men) -> list[Request]:
    """Return the request that each man makes.

    Parameters
    ----------
    men : Men
        As read from a table.

    Returns
    -------
    list of Request
        One a man; his readings received as the table gives them.
    """
    names = list(men.columns)
    columns = [men.columns[name].tolist() for name in names]
    typed = {name: values.tolist() for name, (values, _) in men.received.items()}
    requests = []
    for i, cells in enumerate(zip(*columns, strict=True)):
        row = dict(zip(names, cells, strict=True))
        quantities = {
            a.name: Quantity(row[a.column], a.unit, _SIDES[row[a.censor_column]])
            for a in ANALYTES
            if not math.isnan(row[a.column])
        }
        received = {
            name: Quantity(typed[name][i], men.received[name][1].code, given.comparator)
            if name in typed
            else given
            for name, given in quantities.items()
        }
        requests.append(_request(row, quantities, received, men.confirmed))
    return requests


def _request(
    row: dict[str, Any],
    quantities: dict[str, Quantity],
    received: dict[str, Quantity],
    confirmed: frozenset[str],
) -> Request:
    used = row["prior_testosterone"]
    return Request(
        age=_known(row[AGE.name]),
        bmi=_known(row[BMI.name]),
        quantities=quantities,
        received=received,
        confirmed=confirmed,
        treatment=Treatment(
            testosterone=None if math.isnan(used) else "past" if used else "never",
            anastrozole_mg_week=_known(row["anastrozole_mg_week"]),
            clomiphene=_flag(row["clomiphene"]),
            tamoxifen=_flag(row["tamoxifen"]),
            gonadotropin_or_gnrh=_flag(row["gonadotropin_or_gnrh"]),
        ),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _flag(value: float) -> bool | None:
    return None if math.isnan(value) else bool(value)
