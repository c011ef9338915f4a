"""What an answer to an item of a reporting form is."""

from __future__ import annotations

from respredict.report.sentences import Parts

__all__ = ["NONE", "PART", "RUN", "Answer", "Answers"]

#: Status, text, and the section of the report where it stands.
Answer = tuple[str, Parts, str]
Answers = dict[str, Answer]

RUN, PART, NONE = "from the run", "in part", "not applicable"
