"""What a row of evidence is: a fact, its rules and its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from respredict.schema.quantities import Quantity, rule_at_least

__all__ = ["Citation", "Fact", "Rule"]


@dataclass(frozen=True, slots=True)
class Citation:
    """One source, as it is printed.

    Parameters
    ----------
    key : str
        What rows name it by.
    text : str
        The citation, without identifiers.
    pmid, doi, address : str, default=""
        Identifiers, empty where none was found.
    corrects : str, default=""
        What another source printed wrongly, and what is right.

    Examples
    --------
    >>> print(Citation("keel2006", "Keel, 2006", pmid="16412742"))
    Keel, 2006. PMID 16412742
    """

    key: str
    text: str
    pmid: str = ""
    doi: str = ""
    address: str = ""
    corrects: str = ""

    def __str__(self) -> str:
        pmid = f". PMID {self.pmid}" if self.pmid else ""
        doi = f". doi:{self.doi}" if self.doi else ""
        return f"{self.text}{pmid}{doi}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A quantity on one side of a threshold.

    Parameters
    ----------
    quantity : str
        Name of an analyte, or ``age``, ``bmi``, ``t_e2`` (ng/dL over pg/mL) or
        ``t_lh`` (ng/dL over IU/L).
    op : {">=", ">", "<"}
        Which side.
    threshold : float
        In ``unit``.
    unit : str
        Canonical UCUM code; empty for a ratio.

    Examples
    --------
    >>> str(Rule("bmi", ">=", 25.0, "kg/m2"))
    'bmi >= 25 kg/m2'
    """

    quantity: str
    op: str
    threshold: float
    unit: str

    def __str__(self) -> str:
        return f"{self.quantity} {self.op} {self.threshold:g} {self.unit}".rstrip()

    def holds(self, measured: Quantity | None) -> bool | None:
        """Say whether a measurement satisfies the rule, None where that stays open.

        Parameters
        ----------
        measured : Quantity or None
            In the rule's unit; None if not measured.

        Returns
        -------
        bool or None
            None if it was not measured or its censoring leaves both sides possible.

        Examples
        --------
        >>> below_ten = Rule("t_e2", "<", 10.0, "")
        >>> below_ten.holds(Quantity(13.5, "", ">")), below_ten.holds(Quantity(8.0, "", ">"))
        (False, None)
        """
        reached = rule_at_least(measured, self.threshold)
        if reached is None or measured is None:
            return None
        if self.op == "<":
            return not reached
        touches = not measured.comparator and measured.value == self.threshold
        return reached and not (self.op == ">" and touches)


@dataclass(frozen=True, slots=True)
class Fact:
    """One row: what was found, the numbers, and where they are from.

    Parameters
    ----------
    table, id : str
        Where it stands; an id occurs once in all tables.
    what : str
        The subject of the row.
    status : {"V", "V-abs", "V-tab", "V-2nd", "D"}
        How far the number was checked; see the module.
    citations : tuple of Citation
        The sources; may be empty for a derived row only.
    derivation : str
        How a derived number, or a row's derived part, came about.
    note : str
        What limits it.
    rules : tuple of Rule
        All must hold for a man to belong; empty where the row sets no rule.
    fields : mapping
        The columns that only this table has, read as ``fact["value"]``.

    Examples
    --------
    >>> from respredict.evidence import fact
    >>> upgrade = fact("index_upgrade")
    >>> upgrade["events"], upgrade["n"], upgrade.status
    (41, 90, 'V-abs')
    """

    table: str
    id: str
    what: str
    status: str
    citations: tuple[Citation, ...]
    derivation: str
    note: str
    rules: tuple[Rule, ...]
    fields: Mapping[str, Any] = field(hash=False)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column of the row, or ``default`` where the row has none of that name."""
        return self.fields.get(name, default)

    @property
    def source(self) -> str:
        """Where the row is from, as an answer prints it."""
        cited = "; ".join(map(str, self.citations))
        if self.status == "D":
            return f"derived here from: {cited}" if cited else "set or derived by this project"
        return f"{cited} (as stated by a secondary page)" if self.status == "V-2nd" else cited
