"""What a run shows on each signalling question of PROBAST+AI, for an assessor to judge."""

from __future__ import annotations

from collections.abc import Mapping

from respredict.report.amounts import Amount
from respredict.report.form_answers import NONE, PART, RUN, Answer, Answers
from respredict.report.sentences import Parts, estimate, phrase
from respredict.report.sources import Sources

__all__ = ["probast_answers"]


def probast_answers(sources: Sources) -> Mapping[str, Answer]:
    """Say what a run shows on the questions it can show something on.

    Parameters
    ----------
    sources : Sources
        Of the report.

    Returns
    -------
    mapping of str to (status, parts, section)
        By number; a question that is not there is for a person.
    """
    shared = _shared(sources)
    both = {f"{part}{number}": answer for part in "DE" for number, answer in shared.items()}
    return both | _development(sources) | _evaluation(sources)


def _shared(sources: Sources) -> Answers:
    report = sources.report
    cohort, rows = report["cohort"], report["provenance"]["cohort"]["rows"]
    answers: Answers = {
        "1.3": (PART, phrase("Of {rows} men {men} are in the analysis; the others are counted by "
                             "reason.", rows=Amount(rows, "count"),
                             men=Amount(cohort["men"], "count")), "men"),
        "2.2": (RUN, phrase("The same units, limits and logarithms for every man."), "limits"),
        "2.4": (RUN, phrase("All are measured before treatment, when the model is asked."), "men"),
        "3.1": (PART, phrase("A move between categories whose cuts were fixed beforehand."),
                "question"),
        "3.2": (RUN, phrase("The same cuts and the same days for every man."), "question"),
        "3.4": (PART, phrase("A second sample within the days named."), "question"),
    }  # fmt: skip
    if sources.demonstration:
        answers["1.1"] = (RUN, phrase("No men: the table is synthetic."), "men")
    return answers


def _development(sources: Sources) -> Answers:
    size, shrunk = sources.report["sample_size"], {}
    if sources.report["model"]["candidate"] == "published":
        said = phrase("Coefficients are drawn to what was expected, by as much as the men ask for.")
        shrunk = {"D4.5": (RUN, said, "shrinkage")}
    return {
        "D4.1": (RUN, phrase("Riley's criteria ask for {needed} men; there are {men}.",
                             needed=Amount(size["needed"], "count"),
                             men=Amount(size["men"], "count")), "size"),
        "D4.2": (RUN, phrase("Every measured value stays a number; none is cut into classes."),
                 "equation"),
        "D4.3": (RUN, _missing(), "men"),
        "D4.4": (NONE, phrase("Nothing was done about imbalance."), ""),
    } | shrunk  # fmt: skip


def _evaluation(sources: Sources) -> Answers:
    report = sources.report
    by = "clinics" if report["selection"]["folds"] == "site" else "outcome"
    auc = estimate(sources.model["auc"]["corrected"], "index")
    resamples = Amount(report["settings"]["validation.resamples"], "count")
    return {
        "E4.1": (RUN, phrase("Apparent and corrected performance stand side by side."),
                 "performance"),
        "E4.2": (PART, phrase("{events} men improved; the AUC is {auc}.",
                              events=Amount(report["cohort"]["events"], "count"), auc=auc),
                 "performance"),
        "E4.3": (RUN, _missing(), "men"),
        "E4.4": (NONE, phrase("Nothing was done about imbalance."), ""),
        "E4.5": (RUN, phrase("Of men left out, nothing that is learnt saw a man it is judged on; "
                             "folds follow the {by}.", by=by), "models"),
        "E4.6": (PART if sources.searched else RUN,
                 phrase("In each of {n} resamples {all} was chosen and fitted again.",
                        n=resamples, all=sources.repeated), "performance"),
        "E4.7": (RUN, phrase("Discrimination, calibration with its curve, net benefit and "
                             "stability."), "performance"),
    }  # fmt: skip


def _missing() -> Parts:
    return phrase("Estimated from a joint normal distribution of the logarithms, with the "
                  "likelihood of what is censored; only men of unknown outcome are left "
                  "out.")  # fmt: skip
