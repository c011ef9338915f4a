"""What a run answers of TRIPOD+AI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from respredict.outcome import SCHEMES
from respredict.report.amounts import Amount
from respredict.report.form_answers import NONE, PART, RUN, Answer, Answers
from respredict.report.sentences import estimate, phrase
from respredict.report.sources import Sources
from respredict.report.terms import MODELS

__all__ = ["tripod_answers"]


_UNSTATED = ("", "not stated")


def tripod_answers(sources: Sources) -> Mapping[str, Answer]:
    """Answer the items that a run can answer.

    Parameters
    ----------
    sources : Sources
        Of the report.

    Returns
    -------
    mapping of str to (status, parts, section)
        By number; an item that is not there is for a person.
    """
    answers: Answers = {}
    for told in (_front(sources), _data(sources), _analysis(sources), _results(sources)):
        answers |= told
    return answers


def _front(sources: Sources) -> Answers:
    report = sources.report
    measure = SCHEMES[report["settings"]["outcome.scheme"]].measure.replace("_", " ")
    resamples = Amount(report["settings"]["validation.resamples"], "count")
    return {
        "1": (RUN, phrase("Development and internal validation of a model for subfertile men about "
                          "to take anastrozole; outcome: up at least one category of {measure}.",
                          measure=measure), "question"),
        "3b": (PART, phrase("Subfertile men about to take anastrozole, before treatment; for "
                            "clinicians who counsel them, beside their own judgement."),
               "question"),
        "4": (RUN, phrase("To develop a model and to validate it internally, by {n} resamples"
                          "{clinics}.", n=resamples,
                          clinics=" and clinic by clinic" if _travelled(report) else ""),
              "question"),
    }  # fmt: skip


def _data(sources: Sources) -> Answers:
    report = sources.report
    origin = report["provenance"]["cohort"]
    size = report["sample_size"]
    treated = phrase("Table one tells what was taken beside anastrozole, the groups of men how the "
                     "model does with it; treatment is no predictor.")  # fmt: skip
    return {
        "5a": (PART, phrase("One table of {kind} men, for both; its source is {told}.",
                            kind=origin["kind"],
                            told="not stated" if origin["source"] in _UNSTATED else "told there"),
               "men"),
        "5b": (PART, phrase("The date of the table is {told}.",
                            told="told there" if origin["date"] else "not stated"),
               "reproduction"),
        "6a": (PART, phrase("The clinics are listed with their men."), "men"),
        "6b": (PART, phrase("Men with a count before and after, not in the top category before; "
                            "those left out are counted by reason."), "men"),
        "6c": (RUN, treated, "men"),
        "7": (RUN, phrase("Every value was read with its unit and its limits, alike in all men; "
                          "what is censored is kept so. What was noticed is listed."), "limits"),
        "8a": (PART, phrase("Up at least one category between two samples, by the cuts named, for "
                            "all men alike."), "question"),
        "8b": (PART, phrase("Computed from the counts."), "question"),
        "9a": (RUN, phrase("{set}; none was selected in these men.", set=_predictors(
                           report, "The hormones that publications name, their ratios, body mass "
                           "index and age")), "shrinkage"),
        "9b": (PART, phrase("Named with their units in Table one; measured before treatment."),
               "men"),
        "9c": (NONE, phrase("The predictors are laboratory values, age and body mass index."), ""),
        "10": (RUN, phrase("By Riley's criteria {needed} men are needed; there are {men}. The men "
                           "are those there were.", needed=Amount(size["needed"], "count"),
                           men=Amount(size["men"], "count")), "size"),
        "11": (RUN, phrase("Missing and censored predictors are estimated, inside every resample, "
                           "from a joint normal distribution of the logarithms fitted to all "
                           "men with the likelihood of what is censored. Men whose outcome is "
                           "unknown are left out, by reason."), "men"),
    }  # fmt: skip


def _analysis(sources: Sources) -> Answers:
    report = sources.report
    model, folds = MODELS[report["model"]["candidate"]], report["selection"]["n_folds"]
    none = phrase("The model was not updated.")
    searched = " Other parameters were searched for once, before." if sources.searched else ""
    return {
        "12a": (RUN, phrase("All men were used to develop; optimism was measured in {n} resamples, "
                            "models compared in {folds} folds of men left out. Nothing was split "
                            "off.", n=Amount(report["settings"]["validation.resamples"], "count"),
                            folds=Amount(folds, "count")), "performance"),
        "12b": (RUN, phrase("{set}.", set=_predictors(
                            report, "Hormones and body mass index as logarithms, with the "
                            "logarithms of two ratios; age as it is")), "equation"),
        "12c": (RUN, phrase("A {model}; how strongly, and which candidate where that was asked, "
                            "was chosen again in every resample.{searched}",
                            model=model.format(""), searched=searched), "models"),
        "12d": (RUN, phrase("Folds follow the {by}; {others}.",
                            by="clinics" if report["selection"]["folds"] == "site" else "outcome",
                            others="each clinic was predicted by the others and the results pooled"
                            if _travelled(report) else "no clinic was predicted by others"),
                "sites"),
        "12e": (RUN, phrase("Discrimination, calibration, overall error, net benefit and "
                            "stability, each with its curve; candidates by the paired difference "
                            "in log-loss."), "performance"),
        "12f": (NONE, none, ""),
        "12g": (RUN, phrase("By the fitted pipeline under the digest, through the service or the "
                            "command line{equation}.",
                            equation=", or by the equation" if sources.equation else ""),
                "equation"),
        "13": (NONE, phrase("No such method was used."), ""),
        "14": (PART, phrase("None was used; performance is told by age, body mass index, clinic, "
                            "sperm at baseline and treatment."), "subgroups"),
        "15": (RUN, phrase("A probability with intervals. Thresholds serve to judge it and "
                           "classify nobody."), "decision"),
        "16": (RUN, phrase("None: the same men, left out in turn."), "performance"),
        "24": (NONE, none, ""),
        "20c": (NONE, phrase("There are no other men than those of the development."), ""),
    }  # fmt: skip


def _results(sources: Sources) -> Answers:
    report = sources.report
    cohort: Any = report["cohort"]
    auc = estimate(sources.model["auc"]["corrected"], "index")
    shared = phrase("The table is synthetic and comes with the software.")
    answers: Answers = {
        "18f": (PART, phrase("The software is open; its version is told."), "reproduction"),
        "20a": (RUN, phrase("Of {rows} men {men} have a known outcome, and {events} improved; the "
                            "others are counted by reason.",
                            rows=Amount(report["provenance"]["cohort"]["rows"], "count"),
                            men=Amount(cohort["men"], "count"),
                            events=Amount(cohort["events"], "count")), "men"),
        "20b": (RUN, phrase("Table one, with what is missing and what is censored, and the men of "
                            "each clinic."), "men"),
        "21": (RUN, phrase("{men} men, {events} of whom improved, in every analysis.",
                           men=Amount(cohort["men"], "count"),
                           events=Amount(cohort["events"], "count")), "men"),
        "22": (RUN, phrase("The {equation}model under its digest.",
                           equation="equation with its units, a formula for a spreadsheet, and the "
                           if sources.equation else ""), "equation"),
        "23a": (RUN, phrase("Corrected AUC {auc}; every metric and subgroup with its interval.",
                            auc=auc), "performance"),
        "23b": (RUN, phrase("Clinic by clinic, with what another clinic may expect.")
                if _travelled(report) else phrase("No clinic was predicted by others."), "sites"),
        "25": (PART, phrase("The verdict says what the numbers say."), "verdict"),
        "26": (PART, phrase("Those that hold for every model of this kind, and this run's own."),
               "limits"),
        "27a": (RUN, phrase("A value without a unit, outside its limits or in doubt is refused or "
                            "gets no probability; a missing one is estimated and said so; without "
                            "testosterone or LH there is none."), "limits"),
        "27b": (PART, phrase("A clinician enters the values and reads the cautions; no statistics "
                             "are needed."), "question"),
        "27c": (PART, phrase("The learning curve says what more men would bring.")
                if report["learning"]["points"] else (), "learning"),
    }  # fmt: skip
    if sources.demonstration:
        answers["18e"] = (RUN, shared, "reproduction")
    return answers


def _travelled(report: Mapping[str, Any]) -> bool:
    """Say whether each clinic was predicted by the men of the others."""
    return bool(report["transport"]["sites"])


def _predictors(report: Mapping[str, Any], usual: str) -> str:
    name = report["model"]["predictors"]
    return usual if name == "hormones" else f"The predictor set {name}, as the software fixes it"
