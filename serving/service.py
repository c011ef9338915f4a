"""The BentoML service: a valid request in, the served, explained and recorded score out.

The edge lets in nothing else; :mod:`serving.deciding` scores and records. If nothing can be
recorded there is no answer, and the caller is told why. What scores is imported in the
workers only: their parent starts a second sooner without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bentoml
from starlette.responses import Response

from respredict.access import create_access
from respredict.bundle import champion
from respredict.config import home
from respredict.errors import LedgerConflictError, LedgerError, RespredictError
from respredict.ledger.creation import create_ledger
from respredict.ledger.reading import Reader
from respredict.ledger.remote import RemoteLedger, open_remote
from respredict.serving_settings import serving_settings
from serving import metrics
from serving.edge import Edge
from serving.problems import MEDIA_TYPE, problem_body
from serving.process import Janitor, die_with_parent, in_parent, is_worker

if TYPE_CHECKING:
    from respredict.scoring import Scorer
    from serving.deciding import Asked

__all__ = ["ResponseService"]

_LOOK_SECONDS = 0.25
_LOG = logging.getLogger("respredict.service")
_SETTINGS = serving_settings()

if is_worker():
    die_with_parent()
    metrics.reserve()


class _Read(bentoml.IODescriptor):
    """What the edge has read and checked: BentoML parses no body again."""

    __root_input__ = True

    @classmethod
    async def from_http_request(cls, request: Any, serde: Any) -> None:
        """Leave the body, which stands in the scope."""


async def _plain(scope: Any, receive: Any, send: Any) -> None:
    """Hand on to the plain routes."""
    from serving.routes import plain

    await plain(scope, receive, send)


@bentoml.service(
    name="respredict",
    workers=_SETTINGS.workers,
    traffic={"timeout": _SETTINGS.timeout_seconds},
    http={"host": _SETTINGS.host, "port": _SETTINGS.port, "cors": {"enabled": False}},
    # Spans nobody collects cost as much as all the rest of an empty request.
    tracing={"excluded_urls": ".*"},
)
@bentoml.asgi_app(_plain, path="/")
class ResponseService:
    """Serves the champion, follows it when another is promoted, records every answer."""

    def __init__(self) -> None:
        from respredict.scoring import load_scorer
        from serving.routes import plain

        self.home = home()
        self._champion = _stamp(self.home)
        self._told = ""
        self.scorer: Scorer = load_scorer(self.home)
        plain.state.service = self

    @bentoml.on_deployment  # which makes it static
    def deploy() -> None:
        """Do once, before any worker starts, what workers would race for."""
        from serving.bento import bring_champion

        in_parent()
        create_ledger(home())
        create_access(home())
        bring_champion(ResponseService.bento, home())  # type: ignore[attr-defined]

    @bentoml.on_startup
    async def start(self) -> None:
        """Open the ledger, warm up, and start to watch ``champion.json``."""
        from serving.deciding import Decider, warm_up

        self.ledger, self.reader = await _open_ledger(self.home)
        self.decider = Decider(self.ledger, self.reader)
        await asyncio.to_thread(warm_up, self.scorer)
        self._tell_model()
        self._janitor = Janitor() if is_worker() else None
        # BentoML makes a bound method, with its signature, anew for each request.
        self.__dict__.update(score=self.score, score_batch=self.score_batch)
        self._looking = asyncio.create_task(self._look())
        self._looking.add_done_callback(_tell_end)

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Stop watching, and record what still waits."""
        self._looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._looking
        await self.ledger.close()
        self.reader.close()

    async def __is_ready__(self) -> bool:
        """Return whether answers can be recorded, as BentoML's ``/readyz`` asks."""
        return self.ledger.ready

    @bentoml.api(route="/v1/score", input_spec=_Read)
    async def score(self, _read: None, ctx: bentoml.Context) -> dict[str, Any]:
        """Score one man: probability, explanation, what it was compared with."""
        scope = ctx.request.scope
        man = scope["respredict.request"]
        return await self._answer(ctx, lambda asked: self.decider.decide(self.scorer, man, asked))

    @bentoml.api(route="/v1/score/batch", input_spec=_Read)
    async def score_batch(self, _read: None, ctx: bentoml.Context) -> dict[str, Any]:
        """Score up to 1,000 men; one that breaks a rule is refused in his place."""
        men = ctx.request.scope["respredict.batch"]
        return await self._answer(
            ctx, lambda asked: self.decider.decide_many(self.scorer, men, asked)
        )

    async def _answer(
        self, ctx: bentoml.Context, decide: Callable[[Asked], Awaitable[bytes]]
    ) -> dict[str, Any]:
        from serving.deciding import Asked

        scope = ctx.request.scope
        asked = Asked(
            scope["respredict.identity"].id,
            scope["respredict.body"],
            scope["respredict.idempotency_key"],
        )
        try:
            body, media_type = await decide(asked), "application/json"
        except (LedgerError, LedgerConflictError) as error:
            # BentoML takes the status from here, not from the response.
            ctx.response.status_code, body = _refusal(error, scope["respredict.request_id"])
            media_type = MEDIA_TYPE
        return Response(body, media_type=media_type)  # type: ignore[return-value]

    async def _look(self) -> None:
        """Follow the champion, tell how the ledger does, collect garbage."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            metrics.ledger_lag(*self.ledger.lag())
            await self._follow()
            if self._janitor is not None:
                self._janitor.look(self.decider.asked)

    async def _follow(self) -> None:
        try:
            stamp = _stamp(self.home)
            if stamp != self._champion:
                told = champion(self.home)
                scorer = await asyncio.to_thread(_warm_scorer, self.home)
                self.scorer, self._champion = scorer, stamp
                self._tell_model()
                if self._janitor is not None:
                    self._janitor.reloaded()
                _LOG.warning("now serving %s", told["digest"])
        except (RespredictError, OSError, ValueError) as error:
            # The model in service stays; the next look tries again, and says the same once.
            if str(error) != self._told:
                _LOG.warning("champion not reloaded: %s", error)
            self._told = str(error)
        else:
            self._told = ""

    def _tell_model(self) -> None:
        card = self.scorer.model_card()
        metrics.now_serving(card["digest"], card["version"], card["use"])


def _tell_end(looking: asyncio.Task[None]) -> None:
    """Say that nobody follows the champion any more, where that was not asked for."""
    if not looking.cancelled() and (error := looking.exception()) is not None:
        _LOG.error("the champion is not followed any more: %s", type(error).__name__)


def _warm_scorer(home: Path) -> Scorer:
    from respredict.scoring import load_scorer
    from serving.deciding import warm_up

    scorer = load_scorer(home)
    warm_up(scorer)
    return scorer


def _stamp(home: Path) -> tuple[int, int, int]:
    """Return what changes when ``champion.json`` is replaced."""
    found = (home / "champion.json").stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


async def _open_ledger(home: Path) -> tuple[RemoteLedger, Reader]:
    """Open the ledger to read and to append; refuse to serve without one."""
    try:
        reader = Reader(home)
        ledger = await open_remote(
            home,
            seconds=max(0.25, _SETTINGS.timeout_seconds - 0.5),  # less than a caller waits
            max_bytes=_SETTINGS.max_ledger_bytes or None,
        )
    except LedgerError as error:
        msg = f"{error} Start the service with `respredict serve`, which creates the ledger."
        raise LedgerError(msg, error.reason) from error
    return ledger, reader


def _refusal(error: LedgerError | LedgerConflictError, request_id: str) -> tuple[int, bytes]:
    code, reason = "idempotency-conflict", ""
    if isinstance(error, LedgerError):
        code, reason = "ledger-unavailable", error.reason
    metrics.refused(code, reason)
    return problem_body(code, str(error), request_id=request_id, reason=reason)


ResponseService.add_asgi_middleware(Edge)  # type: ignore[attr-defined]
