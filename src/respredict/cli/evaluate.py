"""``evaluate`` and ``sample-size``: predictions are judged, and how many men that takes."""

from __future__ import annotations

import argparse
from typing import Any

from respredict.cli.common import Add, add_mapping, print_told, read_mapped, say
from respredict.errors import InputError, Problem
from respredict.words.phrases import counted

__all__ = ["add_evaluate"]


def add_evaluate(add: Add) -> None:
    """Add ``evaluate`` and ``sample-size``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    judged = add("evaluate", _evaluate, "judge a table of anybody's predictions and outcomes")
    judged.add_argument("file", help="CSV or Parquet with columns y (0 or 1) and p (in [0, 1])")
    judged.add_argument(
        "--equation", help="judge this equation (JSON) on FILE, a cohort with its sidecar, instead"
    )
    add_mapping(judged, "that cohort")
    judged.add_argument("--y-column", default="y", help="column of the outcome (default: y)")
    judged.add_argument("--p-column", default="p", help="column of the probability (default: p)")
    judged.add_argument("--group-column", help="column of the group (default: group, if there)")
    judged.add_argument("--level", type=float, default=0.9, help="of the intervals (default: 0.9)")
    judged.add_argument("--thresholds", help="of net benefit, as 0.2,0.4 (default: 0.1 to 0.9)")
    judged.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    judged.add_argument(
        "--min-cell", type=int, default=10, help="suppress groups of fewer men (default: 10)"
    )
    judged.add_argument(
        "--min-events",
        type=int,
        default=5,
        help="suppress groups with fewer men with, or without, the outcome (default: 5)",
    )

    size = add("sample-size", _sample_size, "say how many men a model, or its validation, takes")
    strength = size.add_mutually_exclusive_group(required=True)
    strength.add_argument("--auc", type=float, help="expected AUC, in (0.5, 1)")
    strength.add_argument("--r2", type=float, help="expected Cox-Snell R2 instead, above 0")
    size.add_argument("--prevalence", type=float, required=True, help="of the outcome, in (0, 1)")
    size.add_argument("--params", type=int, help="parameters that may be fitted")
    size.add_argument("--men", type=int, help="men at hand: say what they are enough for")
    size.add_argument(
        "--validation", action="store_true", help="for the external validation of a model"
    )
    size.add_argument("--threshold", type=float, help="of net benefit, with --validation")


def _evaluate(given: argparse.Namespace) -> int:
    from respredict.tables.files import empty_rows
    from respredict.validation.evaluation import (
        THRESHOLDS,
        SmallCells,
        evaluate,
        evaluate_groups,
    )
    from respredict.validation.predictions import read_predictions

    at = THRESHOLDS if given.thresholds is None else _thresholds(given.thresholds)
    _least("--seed", given.seed, 0)
    small = SmallCells(_least("--min-cell", given.min_cell, 0),
                       _least("--min-events", given.min_events, 0))  # fmt: skip
    with read_mapped(given, given.file if given.equation else None, instead="--equation"):
        if given.equation:
            return _of_equation(given, at, small)
    men = read_predictions(given.file, y=given.y_column, p=given.p_column, group=given.group_column)
    how = {"level": given.level, "thresholds": at, "seed": given.seed}
    whole = evaluate(men.y, men.p, **how)
    groups = {}
    if men.group is not None:
        groups = evaluate_groups(men.y, men.p, men.group, **how, small=small, say=say)
    told = whole.as_dict()
    told["groups"] = {name: one.as_dict() for name, one in groups.items()}
    notices = [empty_rows(men.left_out)] if men.left_out else []
    told |= {"level": given.level, "seed": given.seed, "notices": notices}
    said = "\n".join([_judged(told), *(f"note: {notice}" for notice in notices)])
    return print_told(given, told, said)


def _of_equation(given: argparse.Namespace, at: tuple[float, ...], small: Any) -> int:
    from respredict.lifecycle.external import judge_equation

    told = judge_equation(given.equation, given.file, level=given.level, thresholds=at,
                          seed=given.seed, small=small, say=say)  # fmt: skip
    of, origin = told["equation"], told["cohort"]
    lines = [f"{of['name']} ({of['citation']}), judged on {origin['kind']} men", _judged(told)]
    lines += [f"left out: {counted(n, 'man', 'men')}, {why}" for why, n in told["left_out"].items()]
    return print_told(given, told, "\n".join(lines))


def _thresholds(text: str) -> tuple[float, ...]:
    try:
        at = tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        at = ()
    if not at or not all(0 < one < 1 for one in at):
        remedy = "Write them as 0.2,0.4"
        raise InputError(Problem("--thresholds", "be numbers in (0, 1)", repr(text), remedy))
    return tuple(sorted(set(at)))


def _least(option: str, value: int, least: int) -> int:
    if value < least:
        rule, remedy = f"be {least} or more", "Give a whole number"
        raise InputError(Problem(option, rule, str(value), remedy))
    return value


def _judged(told: dict[str, Any]) -> str:
    lines = [f"{_men(told)}; {told['level']:.0%} intervals"]
    lines += _lines(told)
    for name, one in told["groups"].items():
        if "suppressed" in one:
            lines.append(f"group {name}: {one['suppressed']}")
            continue
        lines.append(f"group {name}: {_men(one)}")
        lines += _lines(one)
    return "\n".join(lines)


def _men(told: dict[str, Any]) -> str:
    return f"{counted(told['n'], 'man', 'men')}, {told['events']} with the outcome"


def _lines(told: dict[str, Any]) -> list[str]:
    from respredict.validation.metrics import METRICS

    lines = [f"  {name:24s} {_shown(told[name])}" for name in METRICS]
    for one in told["net_benefit"]:
        name = f"net benefit at {one['threshold']:g}"
        lines.append(f"  {name:24s} {_shown(one)}; treating all {one['treat_all']:.3f}")
    return lines


def _shown(one: dict[str, Any]) -> str:
    if one["value"] is None:
        return f"none: {one['reason']}"
    if one["low"] is None:
        return f"{one['value']:.3f}, no interval: {one['reason']}"
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def _sample_size(given: argparse.Namespace) -> int:
    from respredict.validation.sample_size import achieved, development_size, verdict
    from respredict.validation.validation_size import validation_size

    _fits(given)
    what = "validating a model elsewhere" if given.validation else "developing a model"
    strength = {"auc": given.auc, "r2": given.r2, "prevalence": given.prevalence}
    if given.validation:
        size = validation_size(
            auc=given.auc, prevalence=given.prevalence, threshold=given.threshold
        )
    else:
        size = development_size(parameters=given.params, **strength)
    told: dict[str, Any] = {"n": size.n, "events": size.events, "criteria": size.criteria}
    lines = [f"{what.capitalize()} takes {size.n} men, {size.events} of them with the outcome."]
    lines += [f"  {name:24s} {asked}" for name, asked in size.criteria.items()]
    if given.men is not None:
        told |= {"men": given.men, "verdict": verdict(size, given.men, what=what)}
        lines.append(told["verdict"])
        if not given.validation:
            told["expected"] = achieved(given.men, parameters=given.params, **strength)
            lines.append(_EXPECTED.format(**told["expected"]))
    return print_told(given, told, "\n".join(lines))


_EXPECTED = (
    "Expect a shrinkage of {shrinkage:.2f} (0.90 is asked), an optimism of {optimism:.2f} in"
    " R2 (at most 0.05) and the mean risk within {mean_risk:.2f} (0.05)."
)


def _fits(given: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    wrong = []
    if given.validation:
        for option, value in (("--params", given.params), ("--r2", given.r2)):
            if value is not None:
                remedy = "Leave it out; validation asks for --auc"
                wrong.append(Problem(option, "be left out with --validation", str(value), remedy))
    else:
        if given.params is None:
            remedy = "Count the parameters that may be fitted"
            wrong.append(Problem("--params", "be given for development", "none", remedy))
        if given.threshold is not None:
            remedy = "Leave it out, or add --validation"
            got = str(given.threshold)
            wrong.append(Problem("--threshold", "stand with --validation", got, remedy))
    if wrong:
        raise InputError(wrong)
