"""A version's bundle, its validation and the men it was fitted to, fetched where need be."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from respredict import registry
from respredict.bundle import Bundle, champion, load_bundle, report_file
from respredict.errors import BundleError, InputError, Problem, RegistryError
from respredict.files import write_atomically
from respredict.lifecycle.fitted import FITTED, FittedMen, read_fitted

__all__ = ["REPORT", "bundle_of", "champion_of", "fitted_to", "report_digest", "whole_digest"]

#: Name of the validation among the artifacts of a run.
REPORT = "report.json"


def bundle_of(version: registry.Version, home: Path) -> Bundle:
    """Load the bundle of a version, fetched from the registry's store where it is not here.

    Parameters
    ----------
    version : Version
        As registered.
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    Bundle
        Its bytes checked against the digest.

    Raises
    ------
    BundleError
        If it was changed.
    RegistryError
        If it is nowhere.
    """
    folder = home / "bundles" / version.digest.removeprefix("sha256:")
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as part:
            registry.fetch_bundle(version, Path(part)).replace(folder)
    return load_bundle(home, version.digest)


def whole_digest(home: Path, digest: str) -> str:
    """Return the digest of the one bundle that is meant, which may be named by its first digits.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    digest : str
        At least 4 hexadecimal digits, with or without ``sha256:``.

    Returns
    -------
    str
        ``sha256:`` and 64 hexadecimal digits.

    Raises
    ------
    InputError
        If it is no digest.
    RegistryError
        If no bundle here, or more than one, begins so.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as home:
    ...     (Path(home) / "bundles" / ("92ec8294" * 8)).mkdir(parents=True)
    ...     whole_digest(Path(home), "92ec82")[:19]
    'sha256:92ec829492ec'
    """
    digits = digest.strip().removesuffix("…").removeprefix("sha256:").lower()
    if not re.fullmatch(r"[0-9a-f]{4,64}", digits):
        rule, remedy = "be 4 to 64 hexadecimal digits", "Copy it as a command printed it"
        raise InputError(Problem("a digest", rule, repr(digest[:80]), remedy))
    bundles = home / "bundles"
    found = sorted(f"sha256:{one.name}" for one in bundles.glob(f"{digits}*") if one.is_dir())
    if len(found) != 1:
        got = f"{len(found)} of them" if found else "none"
        remedy = "Give more digits" if found else "Train or copy it there"
        msg = f"one model in {bundles} must begin with {digits[:12]}, got {got}. {remedy}."
        raise RegistryError(msg)
    return found[0]


def fitted_to(version: registry.Version) -> FittedMen | None:
    """Return the men that a version was fitted to.

    Parameters
    ----------
    version : Version
        As registered.

    Returns
    -------
    FittedMen or None
        None where its run does not say.
    """
    text = registry.fetch_text(version, FITTED)
    return None if text is None else read_fitted(text)


def champion_of(home: Path) -> tuple[registry.Version, Bundle] | None:
    """Return the champion that is served, with its bundle.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    tuple of (Version, Bundle) or None
        None where there is none. A version that the registry does not know has no run.

    Raises
    ------
    BundleError
        If the bundle was changed.
    RegistryError
        If it cannot be found.
    """
    try:
        served = champion(home)
    except RegistryError:
        return None
    digest, number = str(served["digest"]), str(served["version"])
    try:
        version = registry.find_version(number)
    except RegistryError:
        version = registry.Version(int(number), "", digest)
    if version.digest != digest:
        version = replace(version, digest=digest, run_id="")
    return version, bundle_of(version, home)


def report_digest(version: registry.Version, bundle: Bundle) -> str | None:
    """Return the digest of a version's validation, fetched where it is not here.

    Parameters
    ----------
    version : Version
        As registered.
    bundle : Bundle
        Its own.

    Returns
    -------
    str or None
        Hexadecimal SHA-256; None where it was not validated.

    Raises
    ------
    BundleError
        If what lies beside the bundle is not what the run holds.
    """
    file = report_file(bundle.folder)
    text = registry.fetch_text(version, REPORT)
    if text is not None and not file.exists():
        write_atomically(file, text)
    if not file.exists():
        return None
    if text is not None and file.read_text(encoding="utf-8") != text:
        msg = (
            f"{file.name} must be the validation that the run of version {version.number} holds, "
            "got another. Remove it; it is fetched again."
        )
        raise BundleError(msg)
    return hashlib.sha256(file.read_bytes()).hexdigest()
