"""Every address there is: its methods, who may use it, what body and query it takes.

The edge lets in what stands here and nothing else; the OpenAPI document is drawn from it.
To add an address, add a row, its handler, and its operation in ``serving.contract``. What
only browsers ask for stands in ``serving.pages``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from respredict.access.identity import ROLES
from serving.pages import PAGES

__all__ = ["ADDRESSES", "MAX_BATCH_BYTES", "MAX_BODY_BYTES", "Address", "find"]

#: One man; all that a hospital knows of him; and a batch of at most 1,000.
MAX_BODY_BYTES = 64 * 1024
MAX_FHIR_BYTES = 1024 * 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024

Body = Literal["", "man", "men", "json", "fhir", "form"]

_MOST = {"men": MAX_BATCH_BYTES, "fhir": MAX_FHIR_BYTES}


@dataclass(frozen=True, slots=True)
class Address:
    """One address.

    Parameters
    ----------
    path : str
        A segment in braces stands for any one segment.
    methods : tuple of str
        What it takes.
    roles : tuple of str, default=()
        Who may use it, any of them; empty if no key is asked for.
    body : {"", "man", "men", "json", "fhir", "form"}, default=""
        What it takes by POST; ``json``, and ``fhir`` with resources in it, is read by its
        handler.
    query : tuple of str or None, default=()
        Parameters of the query; None if they are not looked at.
    slow : bool, default=False
        Whether an answer may take longer than that for one man.
    """

    path: str
    methods: tuple[str, ...]
    roles: tuple[str, ...] = ()
    body: Body = ""
    query: tuple[str, ...] | None = ()
    slow: bool = False

    @property
    def most_bytes(self) -> int:
        """Bytes of the largest body."""
        return _MOST.get(self.body, MAX_BODY_BYTES)


_CLINICIAN, _AUDITOR, _OPERATOR = ROLES
_LISTED = (
    "from", "to", "model", "status", "pseudonym", "risk_min", "risk_max", "kind", "before", "limit",
)  # fmt: skip

ADDRESSES: tuple[Address, ...] = (
    Address("/v1/score", ("POST",), (_CLINICIAN,), "man"),
    Address("/v1/score/batch", ("POST",), (_CLINICIAN,), "men", slow=True),
    Address("/v1/model", ("GET",), ROLES),
    Address("/v1/decisions", ("GET",), (_AUDITOR,), query=_LISTED, slow=True),
    Address("/v1/decisions/{id}", ("GET",), (_AUDITOR,), slow=True),
    Address("/v1/decisions/{id}/replay", ("GET", "POST"), (_AUDITOR,), slow=True),
    Address("/v1/decisions/{id}/notes", ("POST",), (_CLINICIAN, _AUDITOR), "json", slow=True),
    Address("/v1/outcomes", ("POST",), (_CLINICIAN,), "json", slow=True),
    Address("/v1/audit/verify", ("GET", "POST"), (_AUDITOR, _OPERATOR), slow=True),
    Address("/fhir/metadata", ("GET",), query=None),
    Address("/fhir/OperationDefinition/RiskAssessment-evaluate", ("GET",), query=None),
    Address("/fhir/RiskAssessment/$evaluate", ("POST",), (_CLINICIAN,), "fhir"),
    Address("/cds-services", ("GET",), query=None),
    Address("/cds-services/{id}", ("POST",), (_CLINICIAN,), "fhir"),
    Address("/cds-services/{id}/feedback", ("POST",), (_CLINICIAN,), "json", slow=True),
    Address("/openapi.json", ("GET",), query=None),
    Address("/sign-in/{token}", ("GET",), query=None, slow=True),
    Address("/sign-out", ("POST",), ROLES, query=None, slow=True),
    Address("/livez", ("GET",), query=None),
    Address("/readyz", ("GET",), query=None),
    Address("/healthz", ("GET",), query=None),
    Address("/metrics", ("GET",), (_OPERATOR,), query=None),
)

_EVERY = (*ADDRESSES, *(Address(*page.row) for page in PAGES))
_PLAIN = {address.path: address for address in _EVERY if "{" not in address.path}
_PATTERNS = [(address.path.split("/"), address) for address in _EVERY if "{" in address.path]


def find(path: str) -> tuple[Address, dict[str, str]] | None:
    """Return the address that a path names, with what stands in its braces.

    Parameters
    ----------
    path : str
        Percent-decoded.

    Returns
    -------
    tuple of Address and dict, or None
        None if there is nothing.

    Examples
    --------
    >>> address, named = find("/v1/decisions/1841/replay")
    >>> address.path, named
    ('/v1/decisions/{id}/replay', {'id': '1841'})
    >>> find("/docs.json") is None
    True
    """
    address = _PLAIN.get(path)
    if address is not None:
        return address, {}
    segments = path.split("/")
    for pattern, found in _PATTERNS:
        if len(pattern) == len(segments):
            named: dict[str, str] = {}
            for word, segment in zip(pattern, segments, strict=True):
                if word.startswith("{") and segment:
                    named[word[1:-1]] = segment
                elif word != segment:
                    break
            else:
                return found, named
    return None
