"""``report``: the validation of a version as a page, with its card, forms and equation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from respredict.cli.common import Add, print_told, say
from respredict.config import home
from respredict.errors import InputError, Problem
from respredict.files import write_atomically

__all__ = ["add_report"]


def add_report(add: Add) -> None:
    """Add ``report``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    report = add("report", _report, "write the report of a validated version")
    report.add_argument("version", nargs="?", default="champion",
                        help="number, alias or digest (default: champion)")  # fmt: skip
    report.add_argument("--out", default="report.html", help="the page (default: report.html)")
    report.add_argument("--card", help="the model card too, as .html or .json")
    report.add_argument("--forms", help="TRIPOD+AI and PROBAST+AI, filled, as .json")
    report.add_argument("--equation", help="the equation too, as .json")


def _report(given: argparse.Namespace) -> int:
    from respredict.lifecycle.reporting import gather, report_documents

    _check("--card", given.card, (".html", ".json"))
    _check("--forms", given.forms, (".json",))
    _check("--equation", given.equation, (".json",))
    say(f"gathering the validation of {given.version}")
    sources = gather(given.version, home())
    say("drawing")
    made = report_documents(sources)
    if given.equation and made["equation"] is None:
        remedy = "Report a logistic model, or leave the option out"
        raise InputError(Problem("--equation", "be of a weighted sum", "a curved model", remedy))
    files = {given.out: made["report"]}
    if given.card:
        html = given.card.endswith(".html")
        files[given.card] = made["card"] if html else _json(made["card_json"])
    for path, part in ((given.forms, "forms"), (given.equation, "equation")):
        if path:
            files[path] = _json(made[part])
    for path, text in files.items():
        write_atomically(Path(path), text)
    told = {
        "version": sources.version["number"],
        "digest": sources.report["provenance"]["digest"],
        "use": sources.report["provenance"]["use"],
        "files": {path: len(text.encode()) for path, text in files.items()},
        "verdict": made["verdict"],
    }
    return print_told(given, told, _said(told))


def _said(told: dict[str, Any]) -> str:
    lines = [told["verdict"]["bottom_line"]]
    found = told["verdict"]["findings"]
    lines += [f"  {one['verdict']:11s} {one['question']} {one['text']}" for one in found]
    lines += [f"{path}: {_size(size)}" for path, size in told["files"].items()]
    return "\n".join(lines)


def _size(octets: int) -> str:
    return f"{octets / 1e6:.1f} MB" if octets >= 1e6 else f"{octets / 1e3:.1f} kB"


def _json(told: Any) -> str:
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _check(option: str, path: str | None, endings: tuple[str, ...]) -> None:
    if path is not None and not path.endswith(endings):
        rule = f"end in {' or '.join(endings)}"
        raise InputError(Problem(option, rule, repr(path), "Name another file"))
