"""What a BentoML service usually is: a DataFrame made of the request, and ``predict_proba``."""

from __future__ import annotations

from typing import Any

import bentoml
import pandas as pd

from respredict.bundle import champion, load_bundle
from respredict.config import home


@bentoml.service(name="pandas", workers=1)
class PandasService:
    """Answers with the probability only."""

    def __init__(self) -> None:
        self.pipeline = load_bundle(home(), champion(home())["digest"]).pipeline

    @bentoml.api(route="/v1/score")
    async def score(self, columns: list[str], data: list[list[float]]) -> dict[str, Any]:
        """Answer."""
        table = pd.DataFrame(data, columns=columns)
        return {"probability": float(self.pipeline.predict_proba(table)[0, 1])}
