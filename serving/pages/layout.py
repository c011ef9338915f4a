"""The frame of every page: templates, what a browser may load, who is signed in.

A page is rendered on the server and complete without a script. It loads two files, both
of this service; the policy it is sent with lets a browser load nothing else, run nothing
that stands in the page and send a form nowhere else.
"""

from __future__ import annotations

import hashlib
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from serving.pages.charts import Scale
from serving.pages.wording import FILTERS
from serving.problems import RefusedError

__all__ = ["HEADERS", "page", "render", "static"]

_FOLDER = Path(__file__).parent

#: Sent with every page. A form's ``Origin`` is told to this service only: by it the edge
#: knows that a form was sent from a page of its own.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
_MEDIA_TYPES = {"style.css": "text/css", "form.js": "text/javascript"}
#: Where each role may go, in the order it is shown.
_NAVIGATION = (
    ("/", "Score a man", {"clinician"}),
    ("/model", "Model", {"clinician", "auditor", "operator"}),
    ("/audit", "Audit", {"auditor"}),
)


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """Answer with a page in the frame that all share.

    Parameters
    ----------
    request : Request
        Let in by the edge: its scope says who asks.
    template : str
        Name of a file in ``templates/`` that extends ``base.html``.
    status : int, default=200
        Of HTTP.
    **context
        What the template names; ``here``, a path of the navigation, marks where one is.

    Returns
    -------
    Response
        HTML with the policy of every page.
    """
    identity = request.scope.get("respredict.identity")
    roles = identity.roles if identity else frozenset()
    context.setdefault("model", request.app.state.service.scorer.model_card())
    return render(
        template,
        status=status,
        identity=identity,
        navigation=[(path, words) for path, words, who in _NAVIGATION if who & roles],
        **context,
    )


def render(template: str, *, status: int = 200, **context: Any) -> Response:
    """Answer with a page that needs neither a model nor somebody signed in.

    Parameters
    ----------
    template : str
        As in :func:`page`.
    status : int, default=200
        Of HTTP.
    **context
        What the template names.

    Returns
    -------
    Response
        HTML with the policy of every page.
    """
    body = _environment().get_template(template).render(**context)
    return Response(body, status, HEADERS, "text/html")


async def static(request: Request) -> Response:
    """Answer ``GET /static/{name}``: the style sheet and the script, for good."""
    name = request.scope["respredict.named"]["name"]
    if name not in _MEDIA_TYPES:
        raise RefusedError("not-found", "See /openapi.json for what there is.")
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(_content(name), 200, headers, _MEDIA_TYPES[name])


@cache
def _content(name: str) -> bytes:
    return (_FOLDER / "static" / name).read_bytes()


@cache
def _address(name: str) -> str:
    """Return where a file is, which changes with what it says."""
    return f"/static/{name}?v={hashlib.sha256(_content(name)).hexdigest()[:12]}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= FILTERS
    made.globals |= {
        "Scale": Scale,
        "address": _address,
        "here": "",
        "identity": None,
        "model": None,
        "navigation": (),
        "new_token": lambda: uuid.uuid4().hex,
    }
    return made
