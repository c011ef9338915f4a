"""A refusal as a page: for who asks with a browser, instead of a problem body."""

from __future__ import annotations

from starlette.responses import Response

from serving.pages.layout import render
from serving.problems import PROBLEMS, RefusedError

__all__ = ["refusal_page"]

#: Said of who brings nothing at all, which is how everybody begins.
_MISSING = "missing"


def refusal_page(refusal: RefusedError, request_id: str) -> Response:
    """Return a refusal as a page; who is not signed in is told how to.

    Parameters
    ----------
    refusal : RefusedError
        Why.
    request_id : str
        By which an operator finds the request.

    Returns
    -------
    Response
        With the status and headers of the refusal.
    """
    status, title = PROBLEMS[refusal.code]
    if refusal.code == "unauthenticated":
        why = "" if refusal.reason == _MISSING else refusal.detail
        answer = render("sign_in.html", status=status, why=why)
    else:
        answer = render(
            "refusal.html",
            status=status,
            title=title,
            detail=refusal.detail,
            errors=refusal.errors,
            request_id=request_id,
        )
    for name, value in refusal.headers:
        answer.headers[name.decode()] = value.decode()
    return answer
