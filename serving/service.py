"""The BentoML service: a valid request in, the served and explained score out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from respredict.bundle import champion
from respredict.config import home
from respredict.errors import RespredictError
from respredict.scoring import Scorer, load_scorer
from serving.edge import Edge

__all__ = ["ResponseService"]

_POLL_SECONDS = 0.5
_LOG = logging.getLogger("respredict.service")


async def _model(request: Request) -> Response:
    """Answer ``GET /v1/model``: what is served, and what it was made of."""
    return JSONResponse(request.app.state.service.scorer.model_card())


_plain = Starlette(routes=[Route("/v1/model", _model, methods=["GET"])])


@bentoml.service(
    name="respredict",
    workers=1,
    traffic={"timeout": 3},
    http={"cors": {"enabled": False}},
)
@bentoml.asgi_app(_plain, path="/")
class ResponseService:
    """Serves the champion, and follows it when another is promoted."""

    def __init__(self) -> None:
        self.scorer: Scorer = load_scorer(home())
        self._served = champion(home())
        _plain.state.service = self

    @bentoml.on_startup
    async def follow_champion(self) -> None:
        """Start to watch ``champion.json``."""
        self._following = asyncio.create_task(self._follow())

    @bentoml.on_shutdown
    async def stop_following(self) -> None:
        """Stop watching."""
        self._following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._following

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                named = champion(home())
                if named != self._served:
                    self.scorer = await asyncio.to_thread(load_scorer, home())
                    self._served = named
                    _LOG.info("now serving %s", named["digest"])
            except (RespredictError, OSError, ValueError) as error:
                # The model in service stays; the next look tries again.
                _LOG.warning("champion not reloaded: %s", error)

    @bentoml.api(route="/v1/score")
    async def score(self, ctx: bentoml.Context) -> dict[str, Any]:
        """Score one man: probability, explanation, what it was compared with."""
        answer = self.scorer.score(ctx.request.scope["respredict.request"])
        body = json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
        return Response(body, media_type="application/json")  # type: ignore[return-value]


ResponseService.add_asgi_middleware(Edge)  # type: ignore[attr-defined]
