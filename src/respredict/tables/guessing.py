"""What a column's name likely means: one of ours, its unit, and whether of the follow-up.

Names are parted into words; what people write around them (``baseline``, ``sa_``, ``at
sample``, ``conc``) is taken away until a name that is known remains. A guess carries how
far it was fetched, so that of two columns the nearer name is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from respredict.schema.analytes import ANALYTES, likelier_unit
from respredict.tables.targets import TARGETS

__all__ = ["FROM_NAME", "Guess", "guess_name", "guess_unit"]

FROM_NAME = "from the name"
_FOLLOWED = ("sperm_concentration", "semen_volume", "motility")
_NAMES: dict[str, tuple[str, ...]] = {
    "patient_id": (
        "patient id", "record id", "study id", "subject", "subject id", "pseudonym", "id",
        "patienten id", "patientennummer", "fallnummer",
    ),
    "site": (
        "site", "centre", "center", "clinic", "hospital", "data access group", "dag", "klinik",
        "zentrum", "standort",
    ),
    "age": ("age", "alter", "patientenalter"),
    "bmi": ("bmi", "body mass index"),
    "weight": ("weight", "body weight", "gewicht", "koerpergewicht"),
    "height": ("height", "body height", "groesse", "koerpergroesse"),
    "testosterone": (
        "testosterone", "total testosterone", "tt", "total t", "testo", "t total", "testosteron",
        "gesamttestosteron", "t",
    ),
    "estradiol": ("estradiol", "oestradiol", "e2", "estrogen", "ostradiol"),
    "lh": ("lh", "luteinising hormone", "luteinizing hormone"),
    "fsh": ("fsh", "follicle stimulating hormone"),
    "shbg": ("shbg", "sex hormone binding globulin"),
    "prolactin": ("prolactin", "prl", "prolaktin"),
    "inhibin_b": ("inhibin b", "inhibin"),
    "sperm_concentration": (
        "sperm concentration", "concentration", "sperm conc", "conc", "sperm count", "density",
        "sperm density", "spermienkonzentration", "konzentration",
    ),
    "semen_volume": ("semen volume", "volume", "vol", "ejaculate volume", "volumen"),
    "motility": ("motility", "total motility", "motile", "mot", "motilitaet"),
    "anastrozole": ("anastrozole", "anastrozol", "anastrozole dose", "arimidex", "dose"),
    "clomiphene": ("clomiphene", "clomifene", "clomifen", "clomid"),
    "tamoxifen": ("tamoxifen", "nolvadex"),
    "gonadotropin_or_gnrh": ("gonadotropin", "gonadotropins", "hcg", "gonadorelin", "gnrh"),
    "prior_testosterone": (
        "prior testosterone", "previous testosterone", "trt", "steroids", "prior steroids",
    ),
    "followup_days": (
        "followup days", "days followup", "days to followup", "days", "tage", "followup tage",
        "tage bis followup", "followup interval", "time to followup", "followup time",
        "followup weeks", "weeks to followup", "followup wochen",
    ),
}  # fmt: skip
_BY_NAME = {said: target for target, every in _NAMES.items() for said in every}
_AFTER = ("followup", "follow up", "fu", "post", "after", "control", "kontrolle", "m3", "3m", "v2")
_BEFORE = ("baseline", "bl", "pre", "before", "v1", "m0", "serum", "first")
#: What stands before a name in tables whose columns are grouped.
_GROUPS = (
    "sa", "semen", "sem", "sperm", "sperma", "ejaculate", "ejak", "spermiogramm", "analysis",
    "lab", "labs", "labor", "hormone", "hormones", "horm", "blood", "plasma", "patient", "pat",
    "demo", "dem", "redcap", "med", "meds", "drug", "treatment", "tx",
)  # fmt: skip
_ASIDE = ("conc", "concentration", "level", "value", "result", "wert", "spiegel")
#: Of someone else, or something else.
_OTHERS = {"free", "bioavailable", "partner", "wife", "female", "spouse", "mother", "father"}
_UNITS = {
    "nmol": "nmol/L", "pmol": "pmol/L", "pg": "pg/mL", "iu": "IU/L", "miu": "mIU/mL",
    "ie l": "IU/L", "mie ml": "mIU/mL", "pct": "%", "perc": "%", "percent": "%", "prozent": "%",
    "cc": "mL", "lbs": "lb", "days": "d", "tage": "d", "weeks": "wk", "wochen": "wk",
    "million": "", "millions": "", "mio": "", "mill": "", "mio ml": "10*6/mL",
    "years": "", "yrs": "", "yr": "", "jahre": "", "ng": "", "mg": "",
}  # fmt: skip
_CODES = {code for of in TARGETS.values() for code in of if code}
_CLOSE = 0.8  # of a name that is spelt otherwise
_FAR = 9
_BEGINNING = 4  # letters that a name cut short must have


@dataclass(frozen=True, slots=True)
class Guess:
    """What a name likely means.

    Parameters
    ----------
    target : str or None
        Name of ours, None where none is likely.
    after : bool
        Whether it is of the follow-up.
    distance : int
        0 where the name is one that people write; more, the more was taken away.
    """

    target: str | None
    after: bool
    distance: int = 0


def guess_name(name: str) -> Guess:
    """Return what a name likely means.

    Parameters
    ----------
    name : str
        Of a column.

    Returns
    -------
    Guess
        Of it.

    Examples
    --------
    >>> guess_name("Total T (nmol/L)").target, guess_name("sa_fu_conc").target
    ('testosterone', 'followup_sperm_concentration')
    """
    text = " ".join(_words(name))
    bare = _without(text, (*_AFTER, *_BEFORE))
    after = _without(text, _AFTER) != text
    if _OTHERS & set(text.split()):
        return Guess(None, after)
    for distance, said in enumerate(_readings(text, bare)):
        target = _BY_NAME.get(said)
        if target == "followup_days":
            return Guess(target, after=True, distance=distance)
        if target is not None:
            whole = _FAR if "count" in said else 0  # a count may be that of the whole sample
            return _placed(target, distance + whole, after=after)
    target = _spelt_otherwise(_without_unit(bare))
    return Guess(None, after) if target is None else _placed(target, _FAR, after=after)


def _placed(target: str, distance: int, *, after: bool) -> Guess:
    if not after:
        return Guess(target, after, distance)
    # Of what was measured at the follow-up, the record takes the semen alone.
    return Guess(f"followup_{target}" if target in _FOLLOWED else None, after, distance)


def _readings(text: str, bare: str) -> Iterator[str]:
    """Give what a name may come down to, the nearest to it first."""
    yield text
    yield (plain := _without_unit(text))
    for said in (bare, _without_unit(bare)):
        yield said
    said = re.sub(r" (at|bei) .*| \d$", "", _without_unit(bare))
    yield said
    yield (said := _without_unit(said))
    if said.split() and said.split()[-1] in _ASIDE:
        rest = _without_unit(" ".join(said.split()[:-1]))
        yield rest
        yield _ungrouped(rest)
    yield _ungrouped(said)
    yield _ungrouped(plain)


def _words(name: str) -> list[str]:
    text = re.sub(r"([a-z])([A-Z][a-z])", r"\1 \2", name).lower()
    for umlaut, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(umlaut, plain)
    text = re.sub(r"follow[- _]up|follow[- _]?up", "followup", text)
    return re.sub(r"[^a-z0-9/%*^]+", " ", text).split()


def _without(text: str, marks: Iterable[str]) -> str:
    for mark in marks:
        text = f" {text} ".replace(f" {mark} ", " ").strip()
    return text


def _ungrouped(text: str) -> str:
    words = text.split()
    while len(words) > 1 and words[0] in _GROUPS:
        words = words[1:]
    return " ".join(words)


def _without_unit(text: str) -> str:
    units = {_bare(code) for code in (*_CODES, *_UNITS)}
    words = text.split()
    for size in (3, 2, 1):
        if len(words) > size and _bare("".join(words[-size:])) in units:
            return " ".join(words[:-size])
    return text


def _spelt_otherwise(text: str) -> str | None:
    said = [name for name in _BY_NAME if len(name) > 3]
    close = get_close_matches(text, said, 1, _CLOSE)
    if close:
        return _BY_NAME[close[0]]
    if len(text) < _BEGINNING:
        return None
    cut = {_BY_NAME[name] for name in said if " " not in name and name.startswith(text)}
    return cut.pop() if len(cut) == 1 else None


def guess_unit(target: str, name: str, numbers: NDArray[np.float64]) -> tuple[str, str]:
    """Return the likeliest unit of a column, and what says so.

    Parameters
    ----------
    target : str
        Name of ours.
    name : str
        Of the column.
    numbers : ndarray of shape (n_patients,)
        What it holds.

    Returns
    -------
    unit : str
        Of its units.
    why : str
        For a comment.

    Examples
    --------
    >>> guess_unit("testosterone", "tt_nmol", np.array([9.4]))
    ('nmol/L', 'from the name')
    """
    stated, last = _bare(name), _bare(re.split(r"[\s(\[_]+", name.strip())[-1])
    units = TARGETS[target]
    for code in sorted(units, key=lambda code: (code not in name, -len(code))):
        bare = _bare(code)
        if bare and (last == bare or (len(bare) > 1 and stated.endswith(bare))):
            return code, FROM_NAME
    meant = [_UNITS[word] for word in _words(name) if word in _UNITS]
    for code in meant:
        if code and code in units:
            return code, FROM_NAME
    first = next(iter(units))
    if target in ("sperm_concentration", "followup_sperm_concentration") and meant:
        return first, "a guess: million per mL, or in the whole sample?"
    of = next((a for a in ANALYTES if a.name == target), None)
    if of is None or not numbers.size:
        return first, "a guess: neither name nor values say it"
    other = likelier_unit(of, float(np.median(numbers)), of.units[0])
    return (other or of.units[0]).code, "from the values"


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9%]", "", text.lower())
