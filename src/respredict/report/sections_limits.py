"""The sections on what the report cannot say, and on how to make it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.blocks import Page, bullets, paragraph, table
from respredict.report.markup import element, told
from respredict.report.sources import Sources

__all__ = ["add_limits", "add_reproduction"]

Told = Mapping[str, Any]

_SYNTHETIC = (
    "The men are synthetic. They were drawn to meet published averages, so that the model can "
    "only find again what was put in."
)
_ALWAYS = (
    "There is no control arm: whoever moved up may have done so without the drug.",
    "A category is taken from one sample before and one after; both vary from day to day.",
    "Intervals and corrections are of these men; those of another clinic may differ by more.",
    "Laboratory values belong to the assay they were measured with, estradiol above all.",
    "It is not a medical device, and no other study has tried it.",
)


def add_limits(page: Page, sources: Sources) -> None:
    """Add the limits, those of every report and those of this one.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    own: list[Any] = [_SYNTHETIC] if sources.demonstration else []
    if sources.searched:
        own.append((told(sources.searched),))
    if not sources.report["sample_size"]["enough"]:
        own.append((told(sources.report["sample_size"]["verdict"]),))
    if len(sources.report["cohort"]["sites"]) == 1:
        own.append("All men are of one clinic.")
    noticed = [notice for notice in sources.notices() if notice != sources.searched]
    notices = [(told(notice),) for notice in noticed]
    page.add(
        "limits", "What it cannot say",
        bullets([*own, *_ALWAYS]),
        paragraph("Noticed when the table was read:") if notices else None,
        bullets(notices) if notices else None,
    )  # fmt: skip


def add_reproduction(page: Page, sources: Sources) -> None:
    """Add what it takes to make the same report again.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    origin = sources.report["provenance"]
    page.add(
        "reproduction", "How to make it again",
        paragraph("With the same table, settings, seed and versions the same numbers come out, to "
                  "the last digit, on the same kind of machine. The command is ",
                  element("code", origin["command"]), *_placeholders(origin["command"]), "."),
        table("What it was made with", ("What", "Value"), list(_origin(sources))),
        table("Versions", ("Package", "Version"),
              [(name, told(version)) for name, version in origin["versions"].items()]),
    )  # fmt: skip


def _placeholders(command: str) -> Iterator[Any]:
    if "TABLE" in command:
        yield "; TABLE is the table with the digest below"
    if "SETTINGS" in command:
        yield from ("; SETTINGS is a file of the settings under ",
                    element("a", "What was asked", href="#question"))  # fmt: skip


def _origin(sources: Sources) -> Iterator[tuple[str, Any]]:
    origin = sources.report["provenance"]
    table_of = origin["cohort"]
    if sources.version["number"] is not None:
        yield "Version in the registry", Amount(sources.version["number"], "count")
        yield "Run in the registry", element("code", told(sources.version["run_id"]))
    yield "Model digest", element("code", told(origin["digest"]))
    yield "Table, digest", element("code", told(table_of["sha256"]))
    yield "Table, date", told(table_of["date"]) if table_of["date"] else "not stated"
    yield "Code", element("code", told(origin["code_version"]))
    yield "Seed", element("code", Amount(origin["seed"], "count"))
