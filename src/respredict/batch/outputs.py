"""The files of a scored table: whole under other names, recorded, and only then there."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from respredict.batch.writing import REJECTED, Sink

__all__ = ["Outputs"]


class Outputs:
    """Scores and rejected rows being written; use it in a ``with`` block.

    Parameters
    ----------
    target : Path
        The name that the scores take.
    apart : Path
        The name that rows set apart take, if there are any.
    """

    def __init__(self, target: Path, apart: Path) -> None:
        self.target, self.apart = target, apart
        self._sinks: dict[Path, Sink] = {}
        self._parts: dict[Path, Path] = {}

    def write(self, content: Any) -> None:
        """Add scores.

        Parameters
        ----------
        content : bytes or RecordBatch
            What follows.
        """
        schema = content.schema if self.target.suffix == ".parquet" else None
        self._sink(self.target, schema).write(content)

    def reject(self, lines: bytes) -> None:
        """Add rows set apart.

        Parameters
        ----------
        lines : bytes
            What follows; nothing makes no file.
        """
        if lines:
            new = self.apart not in self._sinks
            sink = self._sink(self.apart, None)
            if new:
                sink.write((",".join(REJECTED) + "\n").encode())
            sink.write(lines)

    def finish(self) -> dict[Path, Path]:
        """Bring the files to their end, on disk to the last byte.

        Returns
        -------
        dict of Path to Path
            From the name of each to the one under which it waits.
        """
        for name, sink in self._sinks.items():
            sink.commit()
            self._parts[name] = sink.target
        return dict(self._parts)

    def appear(self) -> None:
        """Let the finished files take their names; rejected rows of an earlier run go."""
        for name, part in self._parts.items():
            part.replace(name)
        if self.apart not in self._parts:
            self.apart.unlink(missing_ok=True)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sink in self._sinks.values():
            sink.discard()
        for part in self._parts.values():
            part.unlink(missing_ok=True)

    def _sink(self, name: Path, schema: Any) -> Sink:
        if name not in self._sinks:
            part = name.with_name(f".{name.name}.{os.getpid()}.part")
            self._sinks[name] = Sink(part, schema)
        return self._sinks[name]
