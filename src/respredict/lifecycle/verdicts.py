"""What the gate says of a version, against the champion that is served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from respredict import registry
from respredict.bundle import Bundle
from respredict.errors import BundleError, RegistryError
from respredict.lifecycle.gate import Side, Verdict, compare_sides, conforms
from respredict.lifecycle.subjects import read_known
from respredict.lifecycle.versions import champion_of, fitted_to

__all__ = ["judge"]

_SETTLES = "about 350 men whom neither was fitted to settle whether two models are equal"

Say = Callable[[str], None]


def judge(
    version: registry.Version, bundle: Bundle, *, home: Path, data: str | None = None,
    say: Say = lambda _: None,
) -> Verdict:  # fmt: skip
    """Ask the gate about a version.

    Parameters
    ----------
    version : Version
        The challenger.
    bundle : Bundle
        Its own.
    home : Path
        ``RESPREDICT_HOME``, where the champion is.
    data : str or None, default=None
        A table of men to compare on.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Verdict
        A first champion, a clinic's own model after a demonstration, and a demonstration
        after another are exempt from being compared.

    Raises
    ------
    CohortError
        If the table cannot be read.
    InputError
        If it cannot judge the two.
    """
    try:
        found, why_not = champion_of(home), ""
    except (BundleError, RegistryError) as error:
        found, why_not = None, f"The champion cannot be asked: {error}"
    if found is not None and found[1].digest == bundle.digest:
        return Verdict("not worse", ("It is the champion's own model, to the byte.",))
    say("asking the challenger its conformance pack")
    departs = conforms(bundle)
    if departs:
        return Verdict("worse", (departs,), sound=False)
    if found is None:
        said = why_not or "There is no champion to compare with."
        return Verdict("cannot tell", (said,), exempt=not why_not)
    before, served = found
    why = _exemption(served, bundle, data)
    if data is None:
        said = why or f"No men were named to compare on; {_SETTLES}."
        return Verdict("cannot tell", (said,), exempt=bool(why))
    cohort, subjects = read_known(data, bundle.meta["scheme"], say=say)
    sides = (
        Side("champion", served, fitted_to(before)),
        Side("challenger", bundle, fitted_to(version)),
    )
    verdict = compare_sides(*sides, cohort, subjects, say=say)
    return replace(verdict, exempt=bool(why), why=(*verdict.why, why)) if why else verdict


def _exemption(served: Bundle, bundle: Bundle, data: str | None) -> str:
    """Return why the two need not be compared, an empty string if they do."""
    kinds = tuple(b.meta["trained_on"]["kind"] for b in (served, bundle))
    if kinds == ("synthetic", "clinical"):
        return "The champion learnt from synthetic men: it bars no model of a clinic's own."
    if kinds == ("synthetic", "synthetic") and data is None:
        return "Both learnt from synthetic men: a demonstration takes a demonstration's place."
    return ""
