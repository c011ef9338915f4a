"""Models by version: which decided or were promoted, and what scores by one."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from respredict.audit.promotions import promotions
from respredict.audit.summaries import Used
from respredict.audit.tally import Tally
from respredict.bundle import load_bundle
from respredict.errors import BundleError, RegistryError
from respredict.scoring import Scorer
from serving.pages.desk import versions
from serving.problems import RefusedError

__all__ = ["Version", "every_version", "named", "scorer_of"]

_HEX = re.compile(r"[0-9a-f]{64}")
_SHA = "sha256:"


@dataclass(frozen=True, slots=True)
class Version:
    """A model that was promoted or decided.

    Parameters
    ----------
    digest, name : str
        Of its bundle, and how it is called.
    promoted : datetime or None
        When last; None if that is not on record.
    used : Used or None
        What it decided.
    """

    digest: str
    name: str
    promoted: datetime.datetime | None
    used: Used | None

    @property
    def path(self) -> str:
        """Its page."""
        return f"/audit/models/{self.digest.removeprefix(_SHA)}"


def every_version(request: Request, tally: Tally) -> list[Version]:
    """Return every model that decided or was promoted.

    Parameters
    ----------
    request : Request
        Whose service's ledger is meant.
    tally : Tally
        Of that ledger.

    Returns
    -------
    list of Version
        The latest promoted first.
    """
    service = request.app.state.service
    named, decided = versions(service.reader), {u.digest: u for u in tally.used()}
    times = {told.digest: told.time for told in promotions(service.reader)}
    digests = dict.fromkeys((*decided, *named))
    made = [
        Version(d, named.get(d, f"{d[7:19]}, never promoted here"), times.get(d), decided.get(d))
        for d in digests
    ]
    oldest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return sorted(made, key=lambda v: v.promoted or oldest, reverse=True)


def named(every: Sequence[Version], text: str) -> Version:
    """Return the model of a digest, without its prefix.

    Parameters
    ----------
    every : sequence of Version
        As :func:`every_version` gives them.
    text : str
        64 hexadecimal digits.

    Returns
    -------
    Version
        Of that digest.

    Raises
    ------
    RefusedError
        ``not-found`` if there is none.
    """
    for version in every:
        if _HEX.fullmatch(text) and version.digest == f"{_SHA}{text}":
            return version
    raise RefusedError("not-found", "Name a model that decided or was promoted; see /audit/models.")


def scorer_of(home: Path, digest: str) -> tuple[Scorer | None, str]:
    """Return what scores by a model, or why nothing does.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    digest : str
        Of its bundle, whose bytes are checked.

    Returns
    -------
    tuple of Scorer or None and str
        One of them.
    """
    try:
        return Scorer(load_bundle(home, digest)), ""
    except (BundleError, RegistryError) as error:
        return None, str(error)
