"""What auditors are answered, and the problem body of every refusal."""

from __future__ import annotations

from typing import Any

from respredict.ledger.entry import KINDS
from serving.contract.answered import _DIGEST, _HASH, _HEX
from serving.contract.fields import Schema, array, flag, number, record, ref, text
from serving.problems import PROBLEMS

__all__ = ["audited_schemas"]

_TIME = "2026-10-02T08:15:30.123456+00:00"
_UUID = "0192f0c1-5f3e-7aaa-8bbb-0123456789ab"


def audited_schemas() -> dict[str, Schema]:
    """Return the schemas of what auditors are answered, of the model and of problems.

    Returns
    -------
    dict of str to dict
        By name.
    """
    return {
        "RecordHead": record("A record of the ledger, without what it says.", _head()),
        "Record": _whole(),
        "Records": record("A page of records, the newest first.", {
            "records": array("Those of the page.", ref("RecordHead"), maxItems=200),
            "before": number("Give it back for the next page; null if there is none.", 1742,
                             low=1, whole=True, null=True),
        }),
        "Note": _note(),
        "NoteReceipt": record("Where the note is recorded.", {
            "sequence": _sequence("Of the note's record."),
            "hash": text("Of the note's record.", _HEX, **_HASH),
            "about": _sequence("Of the decision."),
        }),
        "OutcomeReceipt": record("Where the outcome is recorded.", {
            "sequence": _sequence("Of the outcome's record."),
            "hash": text("Of the outcome's record.", _HEX, **_HASH),
            "day": number("Of the follow-up, counted from the start.", 92, low=1, whole=True),
            "replaces": number("Sequence of the outcome of the same decision that counted until "
                               "now.", 1840, low=1, whole=True, null=True),
            "note": text("What to know of it; null if nothing.", "day 300 of the follow-up lies "
                         "outside 60 to 270, for which improvement is defined", null=True),
        }),
        "Replayed": _replayed(), "Verdict": _verdict(), "ModelCard": _card(),
        "BrokenRule": _rule(), "Problem": _problem(),
        "Refused": record("A man of a batch who is refused; the others are answered.", {
            "status": text("Told from an answer by this.", "refused", const="refused"),
            "row": number("His place in the batch, from 0.", 3, low=0, high=999, whole=True),
            "errors": array("Every broken rule.", ref("BrokenRule"), minItems=1),
        }),
        "Answers": array("One a man, in order; who is refused stands in his place.",
                         {"oneOf": [ref("Answer"), ref("Refused")]}, minItems=1, maxItems=1000),
    }  # fmt: skip


def _sequence(meaning: str) -> Schema:
    return number(meaning, 1841, low=1, whole=True)


def _head() -> dict[str, Schema]:
    return {
        "sequence": _sequence("Position in the chain."),
        "id": text("Its name; of a decision, the decision_id.", _UUID, format="uuid"),
        "time": text("When it was written, UTC.", _TIME, format="date-time"),
        "kind": text("What it is about.", "decision", enum=list(KINDS)),
        "actor": text("Who caused it: the id of a key, or a command.", "a2b3c4d5"),
        "model": text("Digest of the model.", f"sha256:{_HEX}", null=True),
        "about": number("Sequence of the record it is about.", 1840, low=1, whole=True, null=True),
        "status": text("Served status; null if none, or erased.", "scored", null=True),
        "risk": number("Served probability; null if none, or erased.", 0.47, low=0, high=1,
                       null=True),
        "pseudonym": text("Whose it is; null if nobody's, or erased.", "a local pseudonym",
                          null=True),
        "erased": flag("Whether what it said was erased."),
        "hash": text("SHA-256 of its header.", _HEX, **_HASH),
    }  # fmt: skip


def _whole() -> Schema:
    anything = ["object", "array", "string", "null"]
    return record("A record with what it says.", {
        **_head(),
        "commitment": text("Salted SHA-256 of what it says.", _HEX, **_HASH),
        "previous": text("Hash of the record before.", _HEX, **_HASH),
        "notes": array("What was said of it.", ref("Note")),
        "request": {"type": anything, "description": "The bytes asked, verbatim.",
                    "examples": [{"age": 34}]},
        "answer": {"type": anything, "description": "The bytes answered, verbatim, without the "
                   "member ledger.", "examples": [{"status": "scored"}]},
    })  # fmt: skip


def _note() -> Schema:
    return record("What somebody said of a record.", {
        "sequence": _sequence("Of the note's record."),
        "time": text("When, UTC.", _TIME, format="date-time"),
        "actor": text("Who.", "a2b3c4d5"),
        "text": text("What; empty if it was erased.", "I disagree, because FSH is late."),
    })  # fmt: skip


def _replayed() -> Schema:
    anything = ["object", "array", "string", "number", "boolean", "null"]
    different = record("One place where the answer is not what was recorded.", {
        "pointer": text("JSON pointer into the answer.", "/improvement/probability"),
        "recorded": {"type": anything, "description": "What was recorded.", "examples": [0.47]},
        "now": {"type": anything, "description": "What is answered now.", "examples": [0.48]},
        "where": text("Which has this place.", "both", enum=["both", "recorded", "now"]),
    })  # fmt: skip
    return record("The decision rescored by the model that gave it.", {
        "sequence": _sequence("Of the record."),
        "id": text("Of the decision.", _UUID, format="uuid"),
        "model": text("Digest of the model that gave it.", f"sha256:{_HEX}", **_DIGEST),
        "state": text("Whether it is the same to the last bit.", "identical",
                      enum=["identical", "differs", "refused", "erased"]),
        "differences": array("Field by field.", different),
        "why": array("What is not as it was then.",
                     text("A phrase.", "numpy was 2.3.0, now 2.4.6")),
    })  # fmt: skip


def _verdict() -> Schema:
    return record("What reading the whole ledger found.", {
        "ok": flag("Whether everything holds that can be checked.", example=True),
        "records": number("Records read and found good.", 1841, low=0, whole=True),
        "first_bad": number("The first bad record.", 17, low=1, whole=True, null=True),
        "kind": text("What happened to it.", "changed", null=True),
        "detail": text("In a sentence.", "every record holds"),
        "signed_to": number("Last record that a believed checkpoint vouches for.", 1800, low=0,
                            whole=True),
        "checkpoints": number("Checkpoints read.", 3, low=0, whole=True),
        "erased": number("Records whose payload was erased.", 0, low=0, whole=True),
        "head": text("Hash of the last good record.", _HEX, pattern="^[0-9a-f]*$"),
        "cannot_know": array("What this reading cannot exclude.",
                             text("A sentence.", "Whether records were cut from the tail.")),
        "champion": array("Where champion.json disagrees with the recorded promotion.",
                          text("A sentence.", "champion.json must name version 3, got 2.")),
    })  # fmt: skip


def _card() -> Schema:
    """Return the schema of the model's card; what a trainer adds to its sections is shown."""

    def section(meaning: str, example: dict[str, Any]) -> Schema:
        return {"type": "object", "description": meaning, "examples": [example]}

    return {**record("What is served, and what it was made of.", {
        "name": text("Registered name.", "respredict"),
        "version": number("Its number in the registry.", 3, low=1, whole=True, null=True),
        "digest": text("SHA-256 of its bytes.", f"sha256:{_HEX}", **_DIGEST),
        "use": text("What it may be used for.", "demonstration"),
        "predictors": array("Inputs that it uses.", text("Name.", "lh")),
        "outcome": record("What an improvement is.", {
            "scheme": text("Category scheme.", "concentration"),
            "definition": text("In words.", "Sperm concentration up at least one category."),
        }),
        "trained_on": section("Cohort: kind, men, events, prevalence, source, digest.",
                              {"kind": "synthetic", "men": 533}),
        "performance": section("How well it does, each named as what it is.",
                               {"cross_validated_auc": 0.72}),
        "importance": section("Mean absolute contribution of each input, log-odds.", {"lh": 0.58}),
        "worsening": section("How worsening is told.", {"basis": "base rate"}),
        "settings": section("It was trained with.", {"model.seed": 20261121}),
        "versions": section("Packages that made it.", {"numpy": "2.4.6"}),
    }), "additionalProperties": True}  # fmt: skip


def _rule() -> Schema:
    return record("One broken rule.", {
        "field": text("What breaks it.", "lh.unit"),
        "rule": text("What must hold.", "must be [IU]/L or m[IU]/mL"),
        "got": text("What came.", "'mg'"),
        "remedy": text("What to do about it.", "Send the unit of the laboratory's report"),
    })  # fmt: skip


def _problem() -> Schema:
    kinds = [f"urn:respredict:problem:{code}" for code in PROBLEMS]
    return record("Why there is no answer (RFC 9457).", {
        "type": text("Which problem.", kinds[0], enum=kinds),
        "title": text("What it is.", "The request breaks a rule"),
        "status": number("Of HTTP.", 422, low=400, high=599, whole=True),
        "detail": text("This occurrence, and the remedy.", "Mend each entry of errors."),
        "request_id": text("Name it to the operator.", "5f3e7aaa01924bbb8ccc0123456789ab"),
    }, {
        "reason": text("Why, for programs.", "key-expired"),
        "errors": array("Every broken rule.", ref("BrokenRule"), minItems=1),
    })  # fmt: skip
