"""The command line: thin. Each command parses, calls one thing and prints what it gave.

Exit codes: 0 done, 1 the answer is no, 2 bad input. ``--json`` prints one JSON document
on standard output; progress and notices go to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from respredict.cli_audit import add_audit, user
from respredict.config import Settings, home, read_settings
from respredict.errors import InputError, Problem, RequestError, RespredictError

__all__ = ["main"]

_PROG = "respredict"
_OK, _BAD_INPUT, _STOPPED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Words of the command line; those of the process if None.

    Returns
    -------
    int
        0 done, 1 the answer is no, 2 bad input, 130 stopped by Ctrl-C.
    """
    # Before any framework is imported, in this process and in those it starts.
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _OK
    except KeyboardInterrupt:
        _say("stopped")
        return _STOPPED
    except RespredictError as error:
        _tell_error(error, as_json=given.json)
        return _BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="How likely a subfertile man is to have a clinically significant semen "
        "improvement on anastrozole. Not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = _adder(commands)

    simulate = add("simulate", _simulate, "write a synthetic cohort and its sidecar")
    shipped = Settings().cohort.path
    simulate.add_argument("out", nargs="?", default=shipped, help="CSV to write")
    simulate.add_argument("--men", type=int, help="how many (default: as shipped, 600)")
    simulate.add_argument("--seed", type=int, help="default: as shipped")

    check = add("check", _check, "read a table, tell every problem, say what is in it")
    check.add_argument("table", help="CSV or Parquet")
    check.add_argument("--outcome", action="store_true", help="ask for the follow-up columns too")
    check.add_argument("--scheme", help="category scheme (default: the sidecar's)")

    train = add("train", _train, "fit, explain, log and register a model")
    train.add_argument("cohort", nargs="?", help="CSV or Parquet (default: the settings' table)")
    train.add_argument("--config", help="TOML settings (default: the built-in ones)")
    train.add_argument("--promote", action="store_true", help="make it the champion")

    promote = add("promote", _promote, "make a registered version the champion")
    promote.add_argument("version", nargs="?", default="challenger", help="number or alias")
    promote.add_argument("--reason", default="", help="why; it stays in the ledger")
    promote.add_argument("--actor", default=user(), help="who (default: you, as the system says)")

    _add_score(add)
    add_audit(commands)

    serve = add("serve", _serve, "serve the champion")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=3000)
    return parser


def _add_score(add: Callable[..., argparse.ArgumentParser]) -> None:
    score = add("score", _score, "score one man (JSON) or a table (CSV, Parquet)")
    score.add_argument("file", help="a request as JSON, or a table")
    score.add_argument(
        "--out",
        help="write a table's scores here: .csv (default, beside the table), .parquet, or .jsonl"
        " for each man's whole answer, 50 to 100 times slower",
    )
    score.add_argument("--explain", action="store_true", help="add each input's log-odds")
    score.add_argument("--jobs", type=int, default=1, help="processes for a table (default: 1)")


def _adder(commands: Any) -> Callable[..., argparse.ArgumentParser]:
    def add(name: str, run: Callable[[Any], int], said: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=said, description=f"{said[0].upper()}{said[1:]}.")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=run)
        return command

    return add


def _simulate(given: argparse.Namespace) -> int:
    from respredict.simulate import SHIPPED_MEN, SHIPPED_SEED, write_cohort

    men = SHIPPED_MEN if given.men is None else given.men
    seed = SHIPPED_SEED if given.seed is None else given.seed
    if men < 1:
        raise InputError(Problem("--men", "be at least 1", str(men), "Give a number of men"))
    sidecar = write_cohort(given.out, men, seed=seed)
    told = {"file": given.out, "sidecar": str(sidecar), "men": men, "seed": seed}
    return _print(given, told, f"Wrote {men} synthetic men to {given.out} and {sidecar}.")


def _check(given: argparse.Namespace) -> int:
    from respredict.cohort import describe, read_cohort

    need = ("outcome",) if given.outcome else ()
    told = describe(read_cohort(given.table, need=need, scheme=given.scheme))
    return _print(given, told, _described(told))


def _train(given: argparse.Namespace) -> int:
    from respredict.lifecycle.training import promote, train

    settings = read_settings(given.config) if given.config else Settings()
    if given.cohort:
        settings = settings.with_cohort(given.cohort)
    trained = train(settings, home=home(), say=_say)
    for notice in trained.notices:
        _say(f"note: {notice}")
    champion = None
    if given.promote:
        why = {"actor": user(), "reason": "train --promote"}
        champion = promote(str(trained.version.number), home=home(), **why)
    told = {
        "version": trained.version.number,
        "run_id": trained.version.run_id,
        "digest": trained.bundle.digest,
        "champion": champion is not None,
        "use": trained.bundle.meta["use"],
        "trained_on": trained.bundle.meta["trained_on"],
        "metrics": trained.metrics,
    }
    return _print(given, told, _trained(told))


def _promote(given: argparse.Namespace) -> int:
    from respredict.lifecycle.training import promote

    version = promote(given.version, home=home(), actor=given.actor, reason=given.reason)
    told = {"version": version.number, "digest": version.digest, "run_id": version.run_id}
    return _print(given, told, f"Version {version.number} is the champion ({version.digest[:19]}).")


def _score(given: argparse.Namespace) -> int:
    from respredict.scoring import load_scorer
    from respredict.statement import summary

    file = Path(given.file)
    if file.suffix.lower() != ".json":
        return _score_table(given, file)
    for option, given_here, remedy in (
        ("--out", given.out is not None, "Redirect the output instead"),
        ("--explain", given.explain, "Leave it out: --json explains every answer"),
        ("--jobs", given.jobs != 1, "Leave it out"),
    ):
        if given_here:
            raise InputError(Problem(option, "be given for a table", "a request", remedy))
    answer = load_scorer(home()).score(_request(file))
    return _print(given, answer, summary(answer))


def _score_table(given: argparse.Namespace, file: Path) -> int:
    from respredict.audit.batches import record_batch
    from respredict.batch import score_table
    from respredict.scoring import load_scorer

    scorer = load_scorer(home())
    told = score_table(
        file, scorer, out=given.out, explain=given.explain, jobs=given.jobs, say=_say
    )
    kept = record_batch(home(), file, told, model=scorer.bundle.digest, actor=user())
    told["ledger"] = {"sequence": kept.sequence, "hash": kept.hash}
    return _print(given, told, _scored(told))


def _request(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(
            Problem(str(file), "be a readable file", error.strerror or "none", "Name a request")
        ) from error
    except ValueError as error:
        raise RequestError(
            Problem(str(file), "be JSON", str(error), "Compare with data/published_man.json")
        ) from error


def _serve(given: argparse.Namespace) -> int:
    from respredict.bundle import champion
    from respredict.ledger.creation import create_ledger

    champion(home())  # refuses early, with the remedy
    root = _checkout()
    create_ledger(home())  # once: two workers that make it would race
    environment = {
        **os.environ,
        "RESPREDICT_HOME": str(home()),
        "BENTOML_HOME": os.environ.get("BENTOML_HOME", str(home() / "bentoml")),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
    }
    command = [
        sys.executable, "-m", "bentoml", "serve", "serving.service:ResponseService",
        "--host", given.host, "--port", str(given.port),
        "--timeout-graceful-shutdown", "10", "--working-dir", str(root),
    ]  # fmt: skip
    _say(f"serving on http://{given.host}:{given.port}/v1/score (Ctrl-C ends it)")
    sys.stderr.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - fixed words


def _checkout() -> Path:
    """Return the folder that holds ``serving/``."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "serving" / "service.py").is_file():
            return folder
    raise InputError(
        Problem(
            "serve",
            "be run in a checkout, where serving/ is",
            str(Path.cwd()),
            "Change into a checkout, or build and serve a Bento",
        )
    )


def _print(given: argparse.Namespace, told: Any, text: str) -> int:
    print(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) if given.json else text)
    return _OK


def _say(text: str) -> None:
    print(f"{_PROG}: {text}", file=sys.stderr)


def _tell_error(error: RespredictError, *, as_json: bool) -> None:
    if as_json and isinstance(error, InputError):
        print(json.dumps({"errors": [p.as_dict() for p in error.problems]}, indent=1))
    elif as_json:
        print(json.dumps({"errors": [{"detail": str(error)}]}, indent=1))
    for line in str(error).splitlines():
        _say(line)


def _described(told: dict[str, Any]) -> str:
    lines = [f"{told['rows']} men, {told['kind']}, sha256 {told['sha256'][:12]}"]
    for name, column in told["measurements"].items():
        parts = [f"{column['present']} present", f"{column['missing']} missing"]
        parts += [
            f"{column[side]} known only to lie {side} a limit"
            for side in ("below", "above")
            if column[side]
        ]
        lines.append(f"  {name:36s} {', '.join(parts)}")
    lines += [f"note: {notice}" for notice in told["notices"]]
    return "\n".join(lines)


def _trained(told: dict[str, Any]) -> str:
    metrics, role = told["metrics"], "champion" if told["champion"] else "challenger"
    men = f"{metrics['men']:.0f} men, {metrics['events']:.0f} of whom improved"
    auc, left_out = metrics["apparent_auc"], metrics["cross_validated_auc"]
    lines = [
        f"Version {told['version']} ({told['digest'][:19]}), now the {role}.",
        f"Fitted on {men} ({told['trained_on']['kind']}).",
        f"AUC {auc:.3f} on the men fitted, {left_out:.3f} cross-validated.",
    ]
    if told["use"] == "demonstration":
        lines.append("Trained on synthetic men: a demonstration, not for anybody's care.")
    return "\n".join(lines)


def _scored(told: dict[str, Any]) -> str:
    counts = ", ".join(f"{n} {status}" for status, n in told["counts"].items()) or "none scored"
    text = f"{told['rows']} men: {counts}. Scores in {told['out']}."
    if told["rejected"]:
        text += f" {told['rejected']} set apart, with the reasons in {told['rejected_file']}."
    return text


if __name__ == "__main__":
    sys.exit(main())
