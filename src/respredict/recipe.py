"""The recipe of the synthetic cohort: every number that goes into it, with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

__all__ = ["Recipe"]

# Measured values of the unselected parent population: median and SD of the natural log; of age,
# mean and SD.
MARGINALS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "age": (35.5, 6.0),  # Tradewell et al. 2022
        "bmi": (26.9, 0.15),  # Bieniek et al. 2016, Fertil Steril 106:1070
        "testosterone": (303.0, 0.40),  # Naelitz et al. 2023; spread Tradewell et al. 2022
        "estradiol": (26.0, 0.45),  # 28 % below 20 pg/mL, Naelitz et al. 2023
        "lh": (6.1, 0.70),  # the men kept have 6.4, between 4.7 and 8.3, Naelitz et al. 2023
        "fsh": (5.0, 0.87),  # the men kept have 5.7 / .84, Tradewell et al. 2022
        "shbg": (29.4, 0.45),  # Clin Chem Lab Med 2018;56(7), 1,043 men
        # The same; 189 mIU/L at an assumed 21.2 mIU/L to one ng/mL, which depends on the assay.
        "prolactin": (189.0 / 21.2, 0.42),
    }
)
# Of the measured logs. FSH, LH, concentration: 210 subfertile men; BMI: Bieniek et al. 2016; SHBG:
# Boeri et al. 2020; age: 1,191 healthy men, shrunk; T-E2 and T-SHBG: customary values (assumption).
CORRELATIONS: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("bmi", "testosterone"): -0.27,
        ("bmi", "estradiol"): 0.13,
        ("bmi", "shbg"): -0.30,
        ("bmi", "sperm_concentration"): -0.08,
        ("testosterone", "estradiol"): 0.25,
        ("testosterone", "shbg"): 0.45,
        ("lh", "fsh"): 0.41,
        ("fsh", "sperm_concentration"): -0.44,
        ("lh", "sperm_concentration"): -0.18,
        ("shbg", "sperm_concentration"): -0.10,
        ("shbg", "lh"): 0.10,
        ("age", "shbg"): 0.15,
        ("age", "fsh"): 0.12,
        ("age", "lh"): 0.08,
        ("age", "testosterone"): -0.08,
    }
)
NAMES = (*MARGINALS, "sperm_concentration")
# Within-man log-SD where the analytes state none (assumptions).
ASSUMED_NOISE: Mapping[str, float] = MappingProxyType({"shbg": 0.08, "prolactin": 0.20})

# Volume as in respredict.chance; within-man CV .27 of 436 men with five samples each. Motility is
# logit-normal with mean 55 % and SD 19 %; of its variance .42 lies within a man (Leushuis 2010).
VOLUME_LN_MEAN, VOLUME_LN_SD, VOLUME_NOISE = 1.0389, 0.4986, 0.2652
MOTILITY_LOGIT_MEAN, MOTILITY_LOGIT_SD, MOTILITY_NOISE = 0.2351, 0.8927, 0.5785

AGES = (20, 60)
READINGS_BELOW = 15.0
ESTRADIOL_LIMIT, BELOW_LIMIT = 20.0, "<20"
SITES_OF_THREE = (0.45, 0.35, 0.20)
MOST_SITES = 26
DOSES = {2.0: 0.15, 3.0: 0.50, 3.5: 0.15, 7.0: 0.20}  # mg/week, median 3, Naelitz et al. 2023
# 21 of 90 took clomiphene, Osadchiy et al. 2024 (Transl Androl Urol); the others are assumptions.
SHARES = {
    "clomiphene": 21 / 90,
    "tamoxifen": 0.02,
    "gonadotropin_or_gnrh": 0.03,
    "prior_testosterone": 0.04,
}
# Completely at random (assumption); at the last site the first four are missed twice as often.
MISSED = {
    "testosterone_ng_dl": 0.01,
    "estradiol_pg_ml": 0.08,
    "lh_iu_l": 0.02,
    "fsh_iu_l": 0.03,
    "bmi_kg_m2": 0.05,
    "shbg_nmol_l": 0.40,
    "prolactin_ng_ml": 0.30,
    "semen_volume_ml": 0.05,
    "motility_percent": 0.05,
}
# A rare drawn value looks typed in another unit; here the unit is known.
DOUBTED = ["testosterone_ng_dl", "estradiol_pg_ml"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the drug does in the drawn men, in place of what nobody has published.

    Parameters
    ----------
    version : str
        Written into the sidecar.
    shift_mean, shift_sd : float
        Mean, at the median T/LH, and SD between men of the shift of ln concentration.
    shift_t_lh : float
        Shift per unit of true ln(T/LH).
    shift_fsh, shift_bmi, shift_estradiol : float
        Shift per unit of the true log. Naelitz et al. 2023 found no association of BMI
        or estradiol; the one of FSH follows from its correlations with LH and count.
    structural_fsh : float
        Probit of structural azoospermia per SD of true ln FSH.
    appear : float
        Probability, at the median T/LH, that sperm appear in such a man.
    appear_t_lh : float
        Its logit per unit of true ln(T/LH).
    appear_ln_mean, appear_ln_sd : float
        Of ln concentration where sperm appear.
    lost : float
        Share lost to follow-up, unrelated to anything (assumption).

    Notes
    -----
    Source: chosen together, so that 46 % move up and 12 % down a category and every
    published median is usual in cohorts of 90, Naelitz et al. 2023, Fertil Steril
    120:746-754, PMID 37392782. None of these numbers was published.

    Examples
    --------
    >>> Recipe().with_t_lh(0.5).shift_t_lh
    0.85
    """

    version: str = "1"
    shift_mean: float = 1.0
    shift_sd: float = 1.35
    shift_t_lh: float = 1.7
    shift_fsh: float = 0.0
    shift_bmi: float = 0.0
    shift_estradiol: float = 0.0
    structural_fsh: float = 0.2
    appear: float = 0.10
    appear_t_lh: float = 1.0
    appear_ln_mean: float = -1.0
    appear_ln_sd: float = 1.2
    lost: float = 0.05

    def with_t_lh(self, factor: float) -> Recipe:
        """Return the recipe with the T/LH effects times ``factor``: 0 none, -1 reversed."""
        return replace(
            self, shift_t_lh=self.shift_t_lh * factor, appear_t_lh=self.appear_t_lh * factor
        )
