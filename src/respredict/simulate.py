"""The synthetic cohort: men drawn to meet the published numbers, and no one's data.

No table of men treated with anastrozole is public. This module draws one from
published medians, spreads, correlations and rates, so that the software and its
arithmetic can be tried. The associations in it are put there: a model that finds
them has recovered the recipe, not learned anything about the drug.

``respredict simulate data/cohorts/synthetic.csv`` writes the cohort that ships
(``respredict.synthetic``). To change the recipe, change its fields, its version and the proofs in
``tests/benchmarks/test_simulator.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from respredict.chance import parent
from respredict.outcome import movement, scheme
from respredict.recipe import (
    AGES,
    ASSUMED_NOISE,
    BELOW_LIMIT,
    CORRELATIONS,
    DOSES,
    ESTRADIOL_LIMIT,
    MARGINALS,
    MISSED,
    MOST_SITES,
    MOTILITY_LOGIT_MEAN,
    MOTILITY_LOGIT_SD,
    MOTILITY_NOISE,
    NAMES,
    READINGS_BELOW,
    SHARES,
    SITES_OF_THREE,
    VOLUME_LN_MEAN,
    VOLUME_LN_SD,
    VOLUME_NOISE,
    Recipe,
)
from respredict.schema.analytes import analyte

__all__ = ["Recipe", "Simulated", "draw", "simulate"]

Floats = NDArray[np.float64]
Table = dict[str, NDArray]

_PARENTS_AT_A_TIME = 16_384


@dataclass(frozen=True, slots=True)
class Simulated:
    """Drawn men as a clinic would record them, and what only the simulator knows.

    Parameters
    ----------
    men : DataFrame of shape (n_patients, n_columns)
        The record: canonical columns, values rounded as laboratories print them.
        Estradiol is text, ``<20`` below 20 pg/mL. Empty cells are NaN.
    latent : DataFrame of shape (n_patients, n_columns)
        ``true_<name>``, ``measured_<name>`` and ``redrawn_<name>`` (a second blood or
        semen sample on another day, no drug) of age, and of the natural log of BMI,
        the hormones and, never zero, concentration; ``structural`` azoospermia;
        ``shift`` of ln concentration on the drug; ``baseline``, ``followup`` and
        ``no_drug`` readings, million/mL; ``improved``, ``worsened``,
        ``no_drug_improved`` and ``no_drug_worsened`` in the scheme ``concentration``,
        of every man, also of those lost to follow-up; ``true_risk`` of improving given
        the true values and the baseline category.
    """

    men: pd.DataFrame
    latent: pd.DataFrame


def simulate(n: int, *, seed: int, sites: int = 3, recipe: Recipe | None = None) -> pd.DataFrame:
    """Draw synthetic men in the form of a clinic's table.

    Parameters
    ----------
    n : int
        Men, at least 1.
    seed : int
        The same seed draws the same men.
    sites : int, default=3
        Clinics, 1 to 26; they differ in whom they see how often, not in outcome.
    recipe : Recipe or None, default=None
        What the drug does; None is ``Recipe()``.

    Returns
    -------
    DataFrame of shape (n, n_columns)
        ``Simulated.men``.

    Raises
    ------
    ValueError
        If ``n`` or ``sites`` is out of range.

    Examples
    --------
    >>> men = simulate(3, seed=1)
    >>> list(men["patient_id"])
    ['SYN-0001', 'SYN-0002', 'SYN-0003']
    """
    return draw(n, seed=seed, sites=sites, recipe=recipe).men


def draw(n: int, *, seed: int, sites: int = 3, recipe: Recipe | None = None) -> Simulated:
    """Draw synthetic men together with their latent truth, for proofs.

    Parameters
    ----------
    n : int
        Men, at least 1.
    seed : int
        The same seed draws the same men.
    sites : int, default=3
        Clinics, 1 to 26.
    recipe : Recipe or None, default=None
        What the drug does; None is ``Recipe()``.

    Returns
    -------
    Simulated
        ``n`` men.

    Raises
    ------
    ValueError
        If ``n`` or ``sites`` is out of range.

    Notes
    -----
    An unselected parent population is drawn; men of 20 to 60 whose baseline reads
    below 15 million/mL are kept. Treatment changes no outcome in it.

    Examples
    --------
    >>> drawn = draw(50, seed=1)
    >>> bool(drawn.latent["true_risk"].between(0, 1).all())
    True
    """
    if n < 1:
        msg = f"n must be at least 1, got {n}. Ask for one man or more."
        raise ValueError(msg)
    if not 1 <= sites <= MOST_SITES:
        msg = f"sites must be 1 to {MOST_SITES}, got {sites}. Ask for fewer clinics."
        raise ValueError(msg)
    recipe = recipe or Recipe()
    of_men, of_clinics = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    chunks: list[pd.DataFrame] = []
    while sum(len(chunk) for chunk in chunks) < n:
        chunks.append(pd.DataFrame(_parents(of_men, recipe)))
    latent = pd.concat(chunks, ignore_index=True).iloc[:n].copy()
    return Simulated(_record(latent, of_clinics, sites, recipe), latent)


def _parents(rng: np.random.Generator, recipe: Recipe) -> Table:
    """Draw a chunk of parents, treat them, and keep who would be treated."""
    n, whole = _PARENTS_AT_A_TIME, parent("concentration")
    true, spread, noise = _true_values(rng, n)
    apart = {k: true[k] - centre for k, centre in zip(NAMES, _centres(), strict=True)}
    measured = {k: v + noise[k] * rng.standard_normal(n) for k, v in true.items()}
    redrawn = {k: v + noise[k] * rng.standard_normal(n) for k, v in true.items()}
    threshold = ndtri(whole.structural) * math.sqrt(1 + recipe.structural_fsh**2)
    z_fsh = apart["fsh"] / spread["fsh"]
    structural = rng.random(n) < ndtr(threshold + recipe.structural_fsh * z_fsh)

    table: Table = {f"true_{k}": v for k, v in true.items()}
    table |= {f"measured_{k}": v for k, v in measured.items()}
    table |= {f"redrawn_{k}": v for k, v in redrawn.items()}
    table["structural"] = structural
    for name, sample in (("baseline", measured), ("no_drug", redrawn)):
        table[name] = _count(np.where(structural, -np.inf, sample["sperm_concentration"]))
    table |= _treat(table, apart, rng, recipe)
    table |= _moves(table)
    age = np.round(measured["age"])
    kept = (table["baseline"] < READINGS_BELOW) & (age >= AGES[0]) & (age <= AGES[1])
    return {k: v[kept] for k, v in table.items()}


def _treat(table: Table, apart: Table, rng: np.random.Generator, recipe: Recipe) -> Table:
    """Follow-up readings on the drug, and the risk of improving given the true values."""
    structural, true = table["structural"], table["true_sperm_concentration"]
    n, noise = len(true), _noise("sperm_concentration")
    t_lh = apart["testosterone"] - apart["lh"]
    expected = recipe.shift_mean + recipe.shift_t_lh * t_lh + recipe.shift_fsh * apart["fsh"]
    expected += recipe.shift_bmi * apart["bmi"] + recipe.shift_estradiol * apart["estradiol"]
    shift = expected + recipe.shift_sd * rng.standard_normal(n)
    sampled = true + shift + noise * rng.standard_normal(n)
    appears = expit(logit(recipe.appear) + recipe.appear_t_lh * t_lh)
    appearing = recipe.appear_ln_mean + recipe.appear_ln_sd * rng.standard_normal(n)
    appearing = np.where(rng.random(n) < appears, appearing, -np.inf)

    edge = _ln_edge_above(table["baseline"])
    of_structural = appears * ndtr((recipe.appear_ln_mean - edge) / recipe.appear_ln_sd)
    of_others = ndtr((true + expected - edge) / math.hypot(recipe.shift_sd, noise))
    return {
        "shift": shift,
        "followup": _count(np.where(structural, appearing, sampled)),
        "true_risk": np.where(structural, of_structural, of_others),
    }


def _true_values(
    rng: np.random.Generator, n: int
) -> tuple[Table, dict[str, float], dict[str, float]]:
    """Draw true values; tell their SDs and the noise of one sample about them."""
    noise = {k: _noise(k) for k in NAMES}
    sd = [sd for _, sd in MARGINALS.values()]
    sd.append(math.hypot(parent("concentration").ln_sd, noise["sperm_concentration"]))
    correlation = np.eye(len(NAMES))
    for (one, other), r in CORRELATIONS.items():
        i, j = NAMES.index(one), NAMES.index(other)
        correlation[i, j] = correlation[j, i] = r
    covariance = correlation * np.outer(sd, sd) - np.diag([noise[k] ** 2 for k in NAMES])
    root = np.linalg.cholesky(covariance)
    z = rng.standard_normal((len(NAMES), n))
    true: Table = {}
    for i, (name, centre) in enumerate(zip(NAMES, _centres(), strict=True)):
        value = np.full(n, centre)
        for j in range(i + 1):  # no BLAS: the sum has one order everywhere
            value += root[i, j] * z[j]
        true[name] = value
    return true, dict(zip(NAMES, np.sqrt(np.diag(covariance)), strict=True)), noise


def _centres() -> list[float]:
    logs = [median if k == "age" else math.log(median) for k, (median, _) in MARGINALS.items()]
    return [*logs, parent("concentration").ln_mean]


def _noise(name: str) -> float:
    if name in ("age", "bmi"):
        return 0.0
    return ASSUMED_NOISE.get(name) or analyte(name).log_noise


def _count(ln_concentration: Floats) -> Floats:
    """Print readings: 0 below the limit, two decimals below 1 million/mL, else one."""
    reading = np.exp(np.minimum(ln_concentration, math.log(analyte("sperm_concentration").high)))
    printed = np.where(reading < 1, np.round(reading, 2), np.round(reading, 1))
    return np.where(reading < parent("concentration").detection_limit, 0.0, printed)


def _ln_edge_above(baseline: Floats) -> Floats:
    """Log of the least concentration that prints in a higher category than the baseline's."""
    cuts = scheme("concentration").cuts
    edges = [parent("concentration").detection_limit]
    edges += [cut - (0.005 if cut <= 1 else 0.05) for cut in cuts] + [math.inf]
    at = np.where(baseline > 0, np.searchsorted(cuts, baseline, side="right") + 1, 0)
    return np.log(np.array(edges))[at]


def _moves(table: Table) -> Table:
    concentration = scheme("concentration")
    drug = movement(concentration, table["baseline"], table["followup"], 90.0)
    none = movement(concentration, table["baseline"], table["no_drug"], 90.0)
    return {
        "improved": drug.improved,
        "worsened": drug.worsened,
        "no_drug_improved": none.improved,
        "no_drug_worsened": none.worsened,
    }


def _printed(latent: pd.DataFrame, name: str, decimals: int) -> Floats:
    """Round as a laboratory prints, never to 0, within the hard limits."""
    of = analyte(name)
    least = max(of.low, 10.0**-decimals)
    value = np.exp(latent[f"measured_{name}"].to_numpy())
    return np.clip(np.round(value, decimals), least, of.high)


def _record(
    latent: pd.DataFrame, rng: np.random.Generator, sites: int, recipe: Recipe
) -> pd.DataFrame:
    """Write the record of each man: rounding, semen, treatment, and what clinics miss."""
    n = len(latent)
    shares = SITES_OF_THREE if sites == len(SITES_OF_THREE) else (1 / sites,) * sites
    site = np.minimum(np.searchsorted(np.cumsum(shares), rng.random(n), side="right"), sites - 1)
    estradiol = [f"{v:g}" for v in _printed(latent, "estradiol", 1)]
    columns: dict[str, object] = {
        "patient_id": [f"SYN-{i:04d}" for i in range(1, n + 1)],
        "site": [f"site-{chr(ord('a') + k)}" for k in site],
        "age_years": np.round(latent["measured_age"].to_numpy()).astype(int),
        "bmi_kg_m2": np.round(np.exp(latent["measured_bmi"].to_numpy()), 1),
        "testosterone_ng_dl": _printed(latent, "testosterone", 0),
        "estradiol_pg_ml": [v if float(v) >= ESTRADIOL_LIMIT else BELOW_LIMIT for v in estradiol],
    }
    for name in ("lh", "fsh", "shbg", "prolactin"):
        columns[analyte(name).column] = _printed(latent, name, 1)
    volumes, motilities = _semen(rng, n)
    columns |= _sample("", latent["baseline"], volumes[0], motilities[0])
    columns["anastrozole_mg_week"] = rng.choice(list(DOSES), n, p=list(DOSES.values()))
    columns |= {name: (rng.random(n) < share).astype(int) for name, share in SHARES.items()}
    columns["followup_days"] = _days(rng, n)
    columns |= _sample("followup_", latent["followup"], volumes[1], motilities[1])
    men = pd.DataFrame(columns)
    _lose(men, rng, (site == sites - 1) & (sites > 1), recipe.lost)
    return men


def _semen(rng: np.random.Generator, n: int) -> tuple[list[Floats], list[Floats]]:
    """Volume and motility of two samples of each man; the drug changes neither (assumption)."""
    volume = math.sqrt(VOLUME_LN_SD**2 - VOLUME_NOISE**2) * rng.standard_normal(n)
    motility = math.sqrt(MOTILITY_LOGIT_SD**2 - MOTILITY_NOISE**2) * rng.standard_normal(n)
    volumes: list[Floats] = []
    motilities: list[Floats] = []
    for _ in range(2):
        ml = np.exp(VOLUME_LN_MEAN + volume + VOLUME_NOISE * rng.standard_normal(n))
        percent = expit(MOTILITY_LOGIT_MEAN + motility + MOTILITY_NOISE * rng.standard_normal(n))
        volumes.append(np.clip(np.round(ml, 1), 0.1, analyte("semen_volume").high))
        motilities.append(np.round(100 * percent))
    return volumes, motilities


def _sample(prefix: str, count: pd.Series, volume: Floats, motility: Floats) -> Table:
    """Columns of one semen sample; without sperm there is no motility."""
    counted = count.to_numpy()
    return {
        f"{prefix}sperm_concentration_m_ml": counted,
        f"{prefix}semen_volume_ml": volume,
        f"{prefix}motility_percent": np.where(counted > 0, motility, np.nan),
    }


def _days(rng: np.random.Generator, n: int) -> Floats:
    """Median 91 days; 3 % come before day 60 and 1 % after day 270.

    Osadchiy et al. 2024 print 91 (64 to 117); their lower quartile cannot hold
    where nearly everybody lies in the window.
    """
    usual = np.round(60 + rng.exponential(45.0, n))
    early = np.round(rng.uniform(30, 59, n))
    return np.minimum(np.where(rng.random(n) < 0.03, early, usual), 400.0)


def _lose(men: pd.DataFrame, rng: np.random.Generator, scant: NDArray, lost: float) -> None:
    """Empty what clinics miss, completely at random, and the follow-up of who was lost."""
    doubled = list(MISSED)[:4]
    for column, share in MISSED.items():
        p = np.where(scant & (column in doubled), 2 * share, share)
        men.loc[rng.random(len(men)) < p, column] = np.nan
    gone = rng.random(len(men)) < lost
    men.loc[gone, [column for column in men if column.startswith("followup_")]] = np.nan
