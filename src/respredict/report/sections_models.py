"""The sections that compare: models, groups of predictors, groups of men, and clinics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.blocks import Page, paragraph, table
from respredict.report.intervals import forest_figure
from respredict.report.markup import Html, fixed, join, told
from respredict.report.sentences import corrected, estimate, phrase
from respredict.report.sources import Sources
from respredict.report.terms import MODELS, RULES
from respredict.report.words import group_of

__all__ = ["add_contributions", "add_models", "add_sites", "add_subgroups", "add_worsening"]

Told = Mapping[str, Any]

_SUBGROUP = ("auc", "brier", "calibration_intercept", "calibration_slope")


def add_models(page: Page, sources: Sources) -> None:
    """Add the candidates and the comparators, and how the choice fell.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    report = sources.report
    performance, chosen = report["performance"], report["selection"]
    rows = [
        (_label(MODELS[name]), corrected(of["auc"], "index"), corrected(of["log_loss"], "index"),
         corrected(of["scaled_brier"], "index"))
        for name, of in performance.items()
    ]  # fmt: skip
    order = [
        (_label(MODELS[one["name"]]), Amount(one["log_loss"], "index"),
         phrase("{d} (standard error {se})", d=Amount(one["difference"], "signed"),
                se=Amount(one["standard_error"], "index")),
         Amount(one["chosen_in_folds"], "share"), Amount(one["chosen_in_resamples"], "share"),
         "served" if one["is_model"] else "candidate")
        for one in chosen["candidates"]
    ]  # fmt: skip
    nested = phrase("Chosen: {rule}. The whole procedure has a log-loss of {loss} and an AUC of "
                    "{auc} on men left out.", rule=chosen["rule"],
                    loss=Amount(chosen["nested"]["log_loss"], "index"),
                    auc=Amount(chosen["nested"]["auc"], "index"))  # fmt: skip
    lines = [(MODELS[name].replace("{", "").replace("}", ""), of["auc"]["corrected"])
             for name, of in performance.items()]  # fmt: skip
    page.add(
        "models", "Against other models and rules",
        table("Every model, corrected for optimism",
              ("Model", "AUC", "Log-loss", "Scaled Brier score"), rows),
        forest_figure("models-auc", "AUC of every model", lines, label="AUC, corrected",
                      reference=0.5, alternative=phrase(
                          "Each line is a model, its circle the corrected AUC, the line its "
                          "interval; further right tells men apart better.")),
        table("How the candidates compare on men left out",
              ("Candidate", "Log-loss", "Worse than the best by", "Chosen in folds",
               "Chosen in resamples", "Role"), order),
        paragraph(*nested),
        *_at_odds(performance, chosen["candidates"]),
        *_rules(performance),
        terms=("candidate",),
    )  # fmt: skip


def _label(name: str) -> Html:
    start, *rest = name.split("{")
    return join((start, *(piece for part in rest for piece in _number(part))))


def _number(part: str) -> tuple[Any, ...]:
    number, end = part.split("}")
    return fixed(number), end


def _rules(performance: Told) -> Iterator[Html]:
    rows = []
    for name, label in RULES.items():
        rule = performance[name]["rule"]
        share = [Amount(rule[k], "share") if rule[k] is not None else "cannot be told"
                 for k in ("sensitivity", "specificity")]  # fmt: skip
        rows.append((_label(label), Amount(rule["n"], "count"), Amount(rule["yes"], "count"),
                     *share))  # fmt: skip
    header = ("Rule", "Men of whom it can be said", "Yes", "Sensitivity", "Specificity")
    yield table("The usual rules as they are used, on all men", header, rows)
    yield paragraph(
        "As used, a rule says yes or no. Refitted on it, in the tables above, a model "
        "tells each man how often those with his answer improved here: it turns round "
        "a rule that points the wrong way, and so may look better than the rule is."
    )


def _at_odds(performance: Told, candidates: Sequence[Told]) -> Iterator[Html]:
    """Say which candidates look better corrected and worse left out, or the other way round."""
    served = next(i for i, one in enumerate(candidates) if one["is_model"])
    for i, one in enumerate(candidates):
        ours, its = (performance[c["name"]]["log_loss"]["corrected"]["value"]
                     for c in (candidates[served], one))  # fmt: skip
        apart = one["log_loss"] - candidates[served]["log_loss"]
        if ours is None or its is None or (its - ours) * apart >= 0:
            continue
        said = phrase(
            "Corrected for optimism, {name} has a log-loss of {its}, the model served {ours}; on "
            "men left out it is the other way round, {left} against {served}. ",
            name=MODELS[one["name"]], its=Amount(its, "index"), ours=Amount(ours, "index"),
            left=Amount(one["log_loss"], "index"),
            served=Amount(candidates[served]["log_loss"], "index"),
        )  # fmt: skip
        yield paragraph(*said, _WHY if (its < ours) == (i > served) else "", _DECIDES)


#: Of the more flexible of two, when it looks better corrected; candidates come simplest first.
_WHY = (
    "The correction takes too little off what is flexible: a fit to a resample is judged on men of "
    "whom nearly two in three were in it, and has learnt some of them by heart. "
)
_DECIDES = "Nobody who was left out was learnt from, so that the men left out decide."


def add_contributions(page: Page, sources: Sources) -> None:
    """Add what each group of predictors adds.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    found = sources.report["contributions"]
    rows = [
        (told(one["question"]), one["answer"], estimate(one["log_loss_difference"], "signed"),
         estimate(one["auc_difference"], "signed"))
        for one in found["sets"]
    ]  # fmt: skip
    lines = [(one["question"], one["auc_difference"]) for one in found["sets"]]
    page.add(
        "contributions", "What each group of predictors adds",
        table("With and without, on men left out",
              ("Question", "Answer", "Change of log-loss", "Change of AUC"), rows),
        paragraph("A log-loss that falls, an AUC that rises is better. A change is with the "
                  "predictors asked about less without them. The intervals cover ",
                  told(found["covers"]), "."),
        forest_figure("contributions-auc", "Change of the AUC by set of predictors", lines,
                      label="change of the AUC", reference=0.0,
                      alternative=phrase(
                          "Each line is a question, its circle the change, the line its interval; "
                          "where the line crosses zero it cannot be told.")),
    )  # fmt: skip


def add_subgroups(page: Page, sources: Sources) -> None:
    """Add the subgroups; of one too small only the reason.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    subgroups = sources.report["subgroups"]
    rows = [(told(group_of(one)), *_numbers(one)) for one in subgroups]
    lines = [(group_of(one), one["auc"]) for one in subgroups if "auc" in one]
    header = ("Men", "n", "Improved", "AUC", "Brier score", "Calibration intercept",
              "Calibration slope")  # fmt: skip
    figure = forest_figure(
        "subgroups-auc", "AUC by subgroup", lines, label="AUC", reference=0.5,
        alternative=phrase("Each line is a group of men, its circle the AUC of men left out, the "
                           "line its interval. Groups are small, so that they differ by chance."),
    ) if lines else None  # fmt: skip
    page.add(
        "subgroups", "Groups of men",
        table("Performance by group, of men left out of the fit", header, rows),
        figure,
    )  # fmt: skip


def _numbers(one: Told) -> tuple[Any, ...]:
    if "reason" in one:
        known = [Amount(one[k], "count") if one.get(k) is not None else ""
                 for k in ("n", "events")]  # fmt: skip
        return (*known, told(one["reason"]), "", "", "")
    forms = ("index", "index", "signed", "effect")
    found = (estimate(one[key], form) for key, form in zip(_SUBGROUP, forms, strict=True))
    return (Amount(one["n"], "count"), Amount(one["events"], "count"), *found)


def add_sites(page: Page, sources: Sources) -> None:
    """Add how the model does in a clinic whose men it has not seen.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    transport = sources.report["transport"]
    rows = []
    for one in transport["sites"]:
        auc, shift, slope = (
            estimate(one[k], form) if k in one else "cannot be told"
            for k, form in (("auc", "index"), ("calibration_intercept", "signed"),
                            ("calibration_slope", "effect"))
        )  # fmt: skip
        rows.append((told(one["site"]), Amount(one["n"], "count"), Amount(one["events"], "count"),
                     auc, shift, slope))  # fmt: skip
    pooled = [_pooled(name, one) for name, one in transport["pooled"].items()]
    header = ("Clinic", "Men", "Improved", "AUC", "Calibration intercept", "Calibration slope")
    page.add(
        "sites", "Clinic by clinic",
        table("Each clinic predicted by the men of the others", header, rows) if rows
        else paragraph("One clinic alone cannot tell how the model does in another."),
        table("Over the clinics", ("Metric", "Mean", "To be expected in another clinic",
              "I\N{SUPERSCRIPT TWO}", "tau\N{SUPERSCRIPT TWO}"), pooled) if pooled else None,
        terms=("transport",),
    )  # fmt: skip


def _pooled(name: str, one: Told) -> tuple[Any, ...]:
    label, form = ("AUC", "index") if name == "auc" else ("Calibration intercept", "signed")
    if one["value"] is None:
        return label, ("cannot be told: ", told(one["reason"])), "", "", ""
    low, high = (Amount(one["expected"][k], form) for k in ("low", "high"))
    return (label, estimate(one, form), phrase("{a} to {b}", a=low, b=high),
            Amount(one["i2"], "share"), Amount(one["tau2"], "index"))  # fmt: skip


def add_worsening(page: Page, sources: Sources) -> None:
    """Add how many men moved down, and whether a model of that is possible.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    of = sources.report["worsening"]
    said = phrase("Of {men} men {events} moved down a category: {rate}.",
                  men=Amount(of["men"], "count"), events=Amount(of["events"], "count"),
                  rate=estimate(of["rate"], "share"))  # fmt: skip
    if of["basis"] == "model":
        auc = corrected(of["performance"]["auc"], "index")
        more = phrase("They are enough for a model of its own; its AUC is {auc}.", auc=auc)
    elif of["needed"] is None:
        more = phrase("Without men who did and men who did not there is no model of it.")
    else:
        more = phrase("A model of it would take {needed} men, so that every man is told this rate.",
                      needed=Amount(of["needed"], "count"))  # fmt: skip
    page.add("worsening", "Men who got worse", paragraph(*said), paragraph(*more))
