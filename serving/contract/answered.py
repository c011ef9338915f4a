"""What is answered for a man, member by member; nothing else is ever in it."""

from __future__ import annotations

from respredict.schema.analytes import ANALYTES
from serving.contract.fields import Schema, array, flag, number, record, ref, text

__all__ = ["answered_schemas"]

_DIGEST: Schema = {"pattern": "^sha256:[0-9a-f]{64}$"}
_HASH: Schema = {"pattern": "^[0-9a-f]{64}$"}
_HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_SOURCE = text("Where it was published.", "clinic web page, not a guideline")


def answered_schemas() -> dict[str, Schema]:
    """Return the schemas of the answers to one man and to many.

    Returns
    -------
    dict of str to dict
        By name.
    """
    return {
        "Quantity": _quantity(),
        "Probability": number("A probability, as a fraction.", 0.47, low=0, high=1),
        "Interval": array("Its lower and upper end, as fractions.",
                          ref("Probability"), minItems=2, maxItems=2, examples=[[0.40, 0.55]]),
        "Model": _model(), "Receipt": _receipt(), "Worsening": _worsening(),
        "Improvement": _improvement(), "Explanation": _explanation(), "Input": _input(),
        "Caution": _caution(), "Reason": _reason(), **_guidance(),
        "Scored": _answer(refused=False), "Indeterminate": _answer(refused=True),
        "Answer": {"description": "With a probability, or with the reasons for none.",
                   "oneOf": [ref("Scored"), ref("Indeterminate")]},
    }  # fmt: skip


def _quantity() -> Schema:
    return record(
        "A reading or a ratio.",
        {"value": number("In its unit.", 13.53)},
        {
            "unit": text("UCUM code; a pure number has none.", "ng/dL"),
            "comparator": text("On which side of the number it lies.", ">", enum=["<", ">"]),
        },
    )


def _model() -> Schema:
    return record("The model that answered.", {
        "name": text("Registered name.", "respredict"),
        "version": number("Its number in the registry.", 3, low=1, unit="1", whole=True, null=True),
        "digest": text("SHA-256 of its bytes.", f"sha256:{_HEX}", **_DIGEST),
        "trained_on": record("What it learnt from.", {
            "kind": text("Kind of men.", "synthetic"),
            "men": number("How many.", 533, low=1, unit="{men}", whole=True),
        }),
        "use": text("What it may be used for.", "demonstration"),
    })  # fmt: skip


def _receipt() -> Schema:
    return record("Where the decision is recorded.", {
        "sequence": number("Position in the chain.", 1841, low=1, whole=True),
        "hash": text("Hash of the record.", _HEX, **_HASH),
    })  # fmt: skip


def _worsening() -> Schema:
    return record("How likely he is to move down a category.", {
        "probability": ref("Probability"),
        "interval": ref("Interval"),
        "level": number("Level of the interval.", 0.9, low=0, high=1),
        "basis": text("A rate of all men, or a model of worsening.", "base rate",
                      enum=["base rate", "model"]),
    }, {
        "events": number("Men who moved down.", 52, low=0, unit="{men}", whole=True),
        "men": number("Of so many.", 533, low=1, unit="{men}", whole=True),
    })  # fmt: skip


def _improvement() -> Schema:
    meant = "With the model fitted to other men of the same kind"
    return record("How likely he is to move up a category.", {
        "probability": ref("Probability"),
        "level": number("Level of the intervals.", 0.9, low=0, high=1),
        "definition": text("What moving up means.", "Sperm concentration up a category."),
    }, {
        "interval": ref("Interval", f"{meant}; where the model has refits."),
        "redraw_interval": ref("Interval", "His own probability if blood were drawn again."),
    })  # fmt: skip


def _explanation() -> Schema:
    contribution = record("What one input moved.", {
        "input": text("Its name.", "lh"),
        "value": text("As received.", "3.4 [IU]/L"),
        "log_odds": number("Raised it if above 0.", 0.31, unit="log-odds"),
    })  # fmt: skip
    return record("Exact Shapley values: base plus contributions is the total.", {
        "scale": text("Of all numbers here.", "log-odds", const="log-odds"),
        "base": number("Of an average man.", -0.16, unit="log-odds"),
        "total": number("Logit of the probability.", -0.12, unit="log-odds"),
        "max_error": number("By which the sum misses the total.", 1e-15, low=0, high=1e-9),
        "contributions": array("One an input that he has.", contribution),
        "statement": text("A paragraph for the notes.", "His probability of improving is 47 %."),
    })  # fmt: skip


def _input() -> Schema:
    return record("One input, as received, converted and used.", {
        "state": text("What is known of it.", "measured",
                      enum=["measured", "censored", "imputed", "unknown"]),
    }, {
        "received": ref("Quantity", "As sent."),
        "converted": ref("Quantity", "In the canonical unit."),
        "used": ref("Quantity", "What the model took: completed where censored or imputed."),
    })  # fmt: skip


def _caution() -> Schema:
    return record("What to mind.", {
        "code": text("For programs.", "value_imputed", pattern="^[a-z_0-9]+$"),
        "text": text("For people.", "FSH is missing and was estimated from his other values."),
    }, {
        "input": text("Which input it is about.", "fsh"),
        "source": _SOURCE,
    })  # fmt: skip


def _reason() -> Schema:
    return record("Why there is no probability.", {
        "code": text("For programs.", "lh_missing", pattern="^[a-z_0-9]+$"),
        "text": text("For people.", "LH is missing: it is part of the signal."),
        "remedy": text("What to do about it.", "Send LH."),
    })  # fmt: skip


def _guidance() -> dict[str, Schema]:
    why = text("Why it stays open.", "BMI is missing")
    return {
        "Monitored": record("What is checked on the drug.", {
            "what": text("What.", "semen analysis"),
            "when": text("When.", "every 3 to 6 months"),
            "why": text("Why.", "a spermatogenic cycle has to pass first"),
            "source": _SOURCE,
        }),
        "Risk": record("A risk of the drug.", {
            "risk": text("Which.", "bone loss"),
            "mechanism": text("Why it arises.", "estradiol holds bone in balance in men too"),
            "action": text("What is done about it.", "DEXA at baseline and on long-term use"),
            "source": _SOURCE,
        }),
        "Group": record("A published group of men.", {
            "group": text("Which.", "Oligozoospermic men"),
            "belongs": flag("Whether he belongs to it; null if that stays open.", null=True),
            "observed": text("What was seen in it.", "18 of the 21 gained concentration."),
            "source": _SOURCE,
        }, {"reason": why}),
        "Criterion": record("A common criterion for treatment.", {
            "criterion": text("Which.", "T/E2 below 10"),
            "met": flag("Whether he meets it; null if that stays open.", null=True),
            "evidence": text("What it is worth.", "T/E2 was not associated with moving up."),
            "source": _SOURCE,
        }, {"reason": why}),
        "Notice": record("What holds of every score, or of such men.", {
            "code": text("For programs.", "off_label", pattern="^[a-z_0-9]+$"),
            "text": text("For people.", "In male infertility its use is off-label."),
            "source": _SOURCE,
        }),
    }  # fmt: skip


def _answer(*, refused: bool) -> Schema:
    """Return the schema of an answer with a probability, or of one without."""
    status = ["indeterminate"] if refused else ["scored", "caution"]
    verdict: dict[str, Schema] = (
        {"reasons": array("Why there is no probability.", ref("Reason"), minItems=1),
         "statement": text("A paragraph for the notes.", "No probability of improving is given.")}
        if refused
        else {"improvement": ref("Improvement"), "worsening": ref("Worsening"),
              "explanation": ref("Explanation")}
    )  # fmt: skip
    always: dict[str, Schema] = {
        "decision_id": text("Name of the decision, a UUIDv7.",
                            "0192f0c1-5f3e-7aaa-8bbb-0123456789ab", format="uuid"),
        "status": text("Whether it is to be relied on.", status[0], enum=status),
        **verdict,
        "chance_only": _chance(), "comparators": _comparators(), "derived": _derived(),
        "inputs": _inputs(),
        "cautions": array("What to mind.", ref("Caution")),
        "monitoring": array("What is checked on the drug, when and why.", ref("Monitored")),
        "safety": array("Risks of the drug.", ref("Risk")),
        "published_groups": array("Published groups of men.", ref("Group")),
        "candidate_criteria": array("Common criteria for treatment.", ref("Criterion")),
        "notices": array("What holds of every score.", ref("Notice")),
        "model": ref("Model"),
        "ledger": ref("Receipt"),
    }  # fmt: skip
    sometimes = {"reference": text("As sent, without the spaces around it.", "a local pseudonym")}
    meaning = "No probability, and why." if refused else "A probability, explained."
    return record(meaning, always, sometimes)


def _chance() -> Schema:
    def side(way: str) -> Schema:
        return number(f"Probability that a second sample alone lies {way}.", 0.3, low=0, high=1,
                      null=True)  # fmt: skip

    return record("Movement by chance alone, on no drug.", {
        "up": side("in a higher category"), "down": side("in a lower category"),
    }, {"reason": text("Why it is not known.", "no baseline count")})  # fmt: skip


def _comparators() -> Schema:
    return record("What the probability stands beside.", {
        "prevalence": number("Share of the men learnt from who improved.", 0.46, low=0, high=1),
        "t_lh_at_least_100": flag("Whether T/LH reaches 100; null if open.", null=True),
        "t_e2_below_10": flag("Whether T/E2 is below 10; null if open.", null=True),
    }, {
        "reasons": record("Why a rule stays open.", {}, {
            "t_lh_at_least_100": text("Of that rule.", "LH is missing"),
            "t_e2_below_10": text("Of that rule.", "estradiol is missing"),
        }),
    })  # fmt: skip


def _derived() -> Schema:
    meant = {
        "t_e2": "Testosterone (ng/dL) over estradiol (pg/mL).",
        "t_lh": "Testosterone (ng/dL) over LH (IU/L).",
        "total_motile_count": "Volume by concentration by motility, in 10*6.",
    }
    return record("Computed from his values; null where it cannot be.", {
        name: {"anyOf": [ref("Quantity"), {"type": "null"}], "description": meaning}
        for name, meaning in meant.items()
    })  # fmt: skip


def _inputs() -> Schema:
    labels = {"age": "Age", "bmi": "Body mass index", **{a.name: a.label for a in ANALYTES}}
    return record("Each input as received, as converted and as used.", {
        name: ref("Input", f"{label[0].upper()}{label[1:]}.") for name, label in labels.items()
    })  # fmt: skip
