"""Published facts as tables: each number with its citation and how far it was checked.

The tables are ``tables/*.toml``. To state another number, add a row there; one
that was neither read in a source nor derived from what was read has no place.
"""

from respredict.evidence.facts import TABLES, citation, fact, load, working_correlations
from respredict.evidence.reading import read_citations, read_table
from respredict.evidence.records import Citation, Fact, Rule

__all__ = [
    "TABLES",
    "Citation",
    "Fact",
    "Rule",
    "citation",
    "fact",
    "load",
    "read_citations",
    "read_table",
    "working_correlations",
]
