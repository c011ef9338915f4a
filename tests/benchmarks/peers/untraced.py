"""The empty endpoint without the spans that respredict leaves out too."""

from __future__ import annotations

from typing import Any

import bentoml
from starlette.responses import Response


@bentoml.service(name="empty", workers=1, tracing={"excluded_urls": ".*"})
class Empty:
    """Answers the same each time."""

    @bentoml.api(route="/v1/score")
    async def score(self, ctx: bentoml.Context) -> dict[str, Any]:
        """Answer."""
        return Response(b'{"ok": true}', media_type="application/json")  # type: ignore[return-value]
