"""Every measured quantity, stated once: unit, accepted units, limits, variability, source.

The reader of tables, the request model, the data dictionary and the form follow
from ``ANALYTES``. To add one, add a row here; to accept a unit, add a ``Unit``.
Nothing else converts.

Hard limits say what no man's sample shows, so that a typing error stops at the
door; they were set by this project, wide enough for every one of 3,646 men of
NHANES 2013-2016, and are not reference ranges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from respredict.schema.quantities import Quantity

__all__ = ["ANALYTES", "Analyte", "Unit", "analyte", "likelier_unit"]

# By molar mass: testosterone 288.42 g/mol, estradiol 272.38 g/mol.
NG_DL_PER_NMOL_L = 28.842
PG_ML_PER_PMOL_L = 0.27238

# One value in fifty is taken to be typed in another unit; readings spread as a
# Student t of 8 degrees of freedom on the log scale, whose tails hold the extreme
# men of NHANES. With these, 1 of those 3,646 estradiol values and 3 testosterone
# values are doubted.
_PRIOR_ODDS_OF_MISTYPING = 1 / 49
_DEGREES_OF_FREEDOM = 8.0


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit an analyte may be given in.

    Parameters
    ----------
    code : str
        UCUM code.
    factor : float
        Canonical units to one of these.
    suffix : str
        Ending of a table column in this unit.
    aliases : tuple of str
        What people write for it.
    """

    code: str
    factor: float
    suffix: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Analyte:
    """One measured quantity.

    Parameters
    ----------
    name : str
        Field of a request, and stem of the table's columns.
    label : str
        As a clinician reads it.
    units : tuple of Unit
        The canonical unit first.
    low, high : float
        Hard limits in the canonical unit, both included.
    loinc : str
        Code of the measurement in the canonical unit.
    meaning : str
        Why it is asked.
    within_man_cv : float or None
        Coefficient of variation of repeated samples of one man, a fraction.
    cv_source : str
        Key of the citation, or what the number rests on.
    median, log_sd : float or None
        Of readings in infertile men, canonical unit and natural log: what a
        likely value is. None where a unit cannot be mistaken.
    spread_source : str
        Key of the citation of ``median`` and ``log_sd``.
    """

    name: str
    label: str
    units: tuple[Unit, ...]
    low: float
    high: float
    loinc: str
    meaning: str
    within_man_cv: float | None = None
    cv_source: str = ""
    median: float | None = None
    log_sd: float | None = None
    spread_source: str = ""

    @property
    def unit(self) -> str:
        """Canonical UCUM code."""
        return self.units[0].code

    @property
    def column(self) -> str:
        """Canonical table column."""
        return self.column_in(self.units[0])

    @property
    def censor_column(self) -> str:
        """Column of a model matrix that holds -1 (below), 0 or 1 (above)."""
        return f"{self.name}_censor"

    @property
    def log_noise(self) -> float:
        """Standard deviation of one reading about a man's own mean, natural log.

        Notes
        -----
        ``sqrt(ln(1 + CV^2))``, the log-normal identity.
        """
        return 0.0 if self.within_man_cv is None else math.sqrt(math.log1p(self.within_man_cv**2))

    def column_in(self, unit: Unit) -> str:
        """Return the table column that carries this analyte in ``unit``."""
        return f"{self.name}_{unit.suffix}"

    def find_unit(self, written: str) -> Unit | None:
        """Return the unit meant by a UCUM code or an alias, or None."""
        for unit in self.units:
            if written == unit.code or written in unit.aliases:
                return unit
        return None

    def canonical(self, value: float, unit: Unit, comparator: str = "") -> Quantity:
        """Return a reading in the canonical unit, its side kept."""
        return Quantity(value * unit.factor, self.unit, comparator)  # type: ignore[arg-type]


_IU = (
    Unit("[IU]/L", 1.0, "iu_l", ("IU/L", "U/L")),
    Unit("m[IU]/mL", 1.0, "miu_ml", ("mIU/mL", "mU/mL")),
)

ANALYTES: tuple[Analyte, ...] = (
    Analyte(
        name="testosterone",
        label="total testosterone",
        units=(
            Unit("ng/dL", 1.0, "ng_dl", ("ng/dl",)),
            Unit("nmol/L", NG_DL_PER_NMOL_L, "nmol_l", ("nmol/l",)),
        ),
        low=10.0,
        high=3000.0,
        loinc="2986-8",
        meaning="Total, never free, testosterone. Its ratio to LH carries most of the signal.",
        within_man_cv=0.12,
        cv_source="abbara2022",
        median=429.0,
        log_sd=0.40,
        spread_source="tradewell2022",
    ),
    Analyte(
        name="estradiol",
        label="estradiol",
        units=(
            Unit("pg/mL", 1.0, "pg_ml", ("pg/ml", "ng/L")),
            Unit("pmol/L", PG_ML_PER_PMOL_L, "pmol_l", ("pmol/l",)),
        ),
        low=1.0,
        high=150.0,
        loinc="2243-4",
        meaning="What anastrozole lowers. Often below the assay's limit: write <20.",
        within_man_cv=0.13,
        cv_source="abbara2022",
        median=26.0,
        log_sd=0.45,
        spread_source="recipe",
    ),
    Analyte(
        name="lh",
        label="LH",
        units=_IU,
        low=0.05,
        high=100.0,
        loinc="10501-5",
        meaning="Luteinising hormone. Lower in men who improved; high: a failing testis.",
        within_man_cv=0.28,
        cv_source="abbara2022",
        median=4.5,
        log_sd=0.51,
        spread_source="tradewell2022",
    ),
    Analyte(
        name="fsh",
        label="FSH",
        units=_IU,
        low=0.05,
        high=150.0,
        loinc="15067-2",
        meaning="Follicle-stimulating hormone. Lower in men who improved; high: a failing testis.",
        within_man_cv=0.09,
        cv_source="abbara2022",
        median=5.7,
        log_sd=0.84,
        spread_source="tradewell2022",
    ),
    Analyte(
        name="shbg",
        label="SHBG",
        units=(Unit("nmol/L", 1.0, "nmol_l", ("nmol/l",)),),
        low=2.0,
        high=400.0,
        loinc="13967-5",
        meaning="Sex hormone binding globulin; read and recorded, not a predictor.",
    ),
    Analyte(
        name="prolactin",
        label="prolactin",
        units=(Unit("ng/mL", 1.0, "ng_ml", ("ng/ml", "ug/L")),),
        low=0.2,
        high=3000.0,
        loinc="2842-3",
        meaning="Read and recorded, not a predictor. mIU/L depends on the assay and is refused.",
    ),
    Analyte(
        name="inhibin_b",
        label="inhibin B",
        units=(Unit("pg/mL", 1.0, "pg_ml", ("pg/ml", "ng/L")),),
        low=0.0,
        high=1500.0,
        loinc="34319-4",
        meaning="Read and recorded, not a predictor.",
    ),
    Analyte(
        name="sperm_concentration",
        label="sperm concentration",
        units=(
            Unit("10*6/mL", 1.0, "m_ml", ("10^6/mL", "million/mL", "M/mL", "x10E6/mL", "10*6/ml")),
        ),
        low=0.0,
        high=1000.0,
        loinc="9780-8",
        meaning="Baseline semen; 0 is azoospermia. Gives the chance-only movement.",
        within_man_cv=0.54,
        cv_source="keel2006",
    ),
    Analyte(
        name="semen_volume",
        label="semen volume",
        units=(Unit("mL", 1.0, "ml", ("ml",)),),
        low=0.0,
        high=20.0,
        loinc="3160-9",
        meaning="Baseline semen, for the total motile count.",
    ),
    Analyte(
        name="motility",
        label="total motility",
        units=(Unit("%", 1.0, "percent", ()),),
        low=0.0,
        high=100.0,
        loinc="6800-7",
        meaning="Baseline semen, for the total motile count.",
    ),
)

_BY_NAME = {a.name: a for a in ANALYTES}


def analyte(name: str) -> Analyte:
    """Return one analyte by its name.

    Parameters
    ----------
    name : str
        Field of a request.

    Returns
    -------
    Analyte
        The one of that name.

    Raises
    ------
    KeyError
        If there is none of that name.

    Examples
    --------
    >>> analyte("lh").column
    'lh_iu_l'
    """
    return _BY_NAME[name]


def likelier_unit(of: Analyte, value: float, unit: Unit) -> Unit | None:
    """Name the unit that a value was likelier typed in, None if the stated one.

    Parameters
    ----------
    of : Analyte
        What was measured.
    value : float
        As typed.
    unit : Unit
        As stated.

    Returns
    -------
    Unit or None
        Another accepted unit under which the value is at least 49 times as
        likely in an infertile man.

    Examples
    --------
    >>> testosterone = analyte("testosterone")
    >>> likelier_unit(testosterone, 12.0, testosterone.units[0]).code
    'nmol/L'
    >>> likelier_unit(testosterone, 270.6, testosterone.units[0]) is None
    True
    """
    if of.median is None or value <= 0:
        return None
    stated = _log_density(of, value * unit.factor)
    best, gain = None, -math.log(_PRIOR_ODDS_OF_MISTYPING)
    for other in of.units:
        reread = value * other.factor
        if other.factor == unit.factor or not of.low <= reread <= of.high:
            continue
        found = _log_density(of, reread) - stated
        if found > gain:
            best, gain = other, found
    return best


def _log_density(of: Analyte, canonical: float) -> float:
    """Log density of a reading on the log scale, up to a constant."""
    assert of.median is not None
    assert of.log_sd is not None
    z = (math.log(canonical) - math.log(of.median)) / of.log_sd
    return -(_DEGREES_OF_FREEDOM + 1) / 2 * math.log1p(z * z / _DEGREES_OF_FREEDOM)
