"""The pages: a clinician's form and its answer, the model, and the way in.

To add a page, add a row to :data:`PAGES`, its handler, and a template that extends
``base.html``. The table is light: the edge reads it before anything that scores is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from starlette.routing import Route

from respredict.access.identity import ROLES

__all__ = ["PAGES", "Page", "page_routes", "wants_page"]


@dataclass(frozen=True, slots=True)
class Page:
    """An address that a browser asks for.

    Parameters
    ----------
    path : str
        A segment in braces stands for any one segment.
    methods : tuple of str
        What it takes.
    handler : str
        Module of this package and function, as ``visit:form``.
    roles : tuple of str, default=()
        Who may use it, any of them; empty if nobody needs to be signed in.
    body : {"", "form"}, default=""
        What it takes by POST.
    query : tuple of str or None, default=()
        Parameters of the query; None if they are not looked at.
    slow : bool, default=True
        Whether an answer may take longer than that for one man.
    """

    path: str
    methods: tuple[str, ...]
    handler: str
    roles: tuple[str, ...] = ()
    body: Literal["", "form"] = ""
    query: tuple[str, ...] | None = ()
    slow: bool = True

    @property
    def row(
        self,
    ) -> tuple[
        str, tuple[str, ...], tuple[str, ...], Literal["", "form"], tuple[str, ...] | None, bool
    ]:
        """Return it as a row of the edge's table: all but who answers."""
        return self.path, self.methods, self.roles, self.body, self.query, self.slow


_CLINICIAN, _AUDITOR = ROLES[:1], ROLES[1:2]
_SPAN = ("from", "to", "model")
_READ, _SENT = ("GET",), ("POST",)

#: Every page there is; the edge lets in what stands here.
PAGES: tuple[Page, ...] = (
    Page("/", ("GET", "POST"), "visit:form", ROLES, "form"),
    Page("/decisions/{id}/notes", _SENT, "visit:note", _CLINICIAN, "form"),
    Page("/model", _READ, "model:shown", ROLES),
    Page("/model/{name}", _READ, "model:document", ROLES),
    Page(
        "/audit",
        ("GET", "POST"),
        "desk:decisions",
        _AUDITOR,
        "form",
        query=(*_SPAN, "status", "risk_min", "risk_max", "before"),
    ),
    Page("/audit/decisions/{id}", _READ, "desk_decision:shown", _AUDITOR),
    Page("/audit/decisions/{id}/replay", _SENT, "desk_decision:replayed", _AUDITOR, "form"),
    Page("/audit/decisions/{id}/pack", _SENT, "desk_decision:packed", _AUDITOR, "form"),
    Page("/audit/pack", _SENT, "desk_decision:packed_many", _AUDITOR, "form"),
    Page(
        "/audit/verify",
        ("GET", "POST"),
        "desk_verify:verified",
        _AUDITOR,
        "form",
        query=("reading", "about"),
    ),
    Page("/audit/models", _READ, "desk_models:models", _AUDITOR),
    Page("/audit/models/{digest}", _READ, "desk_models:model", _AUDITOR),
    Page("/audit/compare", _READ, "desk_compare:compared", _AUDITOR, query=("first", "second")),
    Page("/audit/over-time", _READ, "desk_time:shown", _AUDITOR, query=_SPAN),
    Page("/static/{name}", _READ, "layout:static", query=None, slow=False),
)


def page_routes() -> list[Route]:
    """Return the routes of every page, for the application of plain routes.

    Returns
    -------
    list of Route
        One a row of :data:`PAGES`, in order.
    """
    routes = []
    for page in PAGES:
        module, _, name = page.handler.partition(":")
        handler = getattr(import_module(f"{__name__}.{module}"), name)
        routes.append(Route(page.path, handler, methods=list(page.methods)))
    return routes


def wants_page(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a request comes from a browser that shows what is answered.

    Parameters
    ----------
    headers : mapping of bytes to bytes
        Of the request.

    Returns
    -------
    bool
        Programs that name no HTML get a problem body.

    Examples
    --------
    >>> wants_page({b"accept": b"text/html,*/*;q=0.8"}), wants_page({b"accept": b"*/*"})
    (True, False)
    """
    return b"text/html" in headers.get(b"accept", b"")
