"""Runs, versions and aliases in MLflow; the only importer of mlflow.

The tracking store is MLflow's own default in the working directory, or
``MLFLOW_TRACKING_URI``; nothing here sets another, so that a run begun by
``mlflow run`` is found in the store it was begun in.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from respredict.bundle import Bundle
from respredict.errors import RegistryError
from respredict.model import TRUSTED_TYPES

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "NAME",
    "Run",
    "Version",
    "attach",
    "find_version",
    "log_run",
    "set_alias",
]

NAME = "respredict"
CHAMPION = "champion"
CHALLENGER = "challenger"
_DIGEST_TAG = "bundle_digest"
_SQLITE = "sqlite:///"
_METRICS_AT_ONCE = 1000  # what MLflow takes in one call


@dataclass(frozen=True)
class Run:
    """All that one training run leaves in MLflow.

    Parameters
    ----------
    bundle : Bundle
        What would be served.
    matrix : DataFrame
        The model matrix it was fitted on; its first rows are the example.
    settings : mapping
        Flat settings, logged as parameters.
    tags : mapping
        Provenance: cohort digest and kind, code version, outcome scheme, use.
    metrics : mapping
        Named as what they are: apparent or cross-validated.
    texts, files : mapping
        Artifact name to text, and to bytes.
    """

    bundle: Bundle
    matrix: Any
    settings: Mapping[str, Any]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    texts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version.

    Parameters
    ----------
    number : int
        Counted by the registry.
    run_id : str
        Of the run that made it.
    digest : str
        Of its bundle.
    """

    number: int
    run_id: str
    digest: str


def log_run(run: Run) -> Version:
    """Log a run, register its model as a new version and make it the challenger.

    Parameters
    ----------
    run : Run
        What to log.

    Returns
    -------
    Version
        As registered.
    """
    with _mlflow() as mlflow:
        from mlflow.models import infer_signature

        with mlflow.start_run() as active:
            mlflow.log_params(dict(run.settings))
            mlflow.set_tags({**run.tags, _DIGEST_TAG: run.bundle.digest})
            mlflow.log_metrics(dict(run.metrics))
            for name, text in run.texts.items():
                mlflow.log_text(text, name)
            _log_files(mlflow, run.files)
            mlflow.log_artifacts(str(run.bundle.folder), artifact_path="bundle")
            probability = run.bundle.pipeline.predict_proba(run.matrix)
            info = mlflow.sklearn.log_model(
                run.bundle.pipeline,
                name="model",
                signature=infer_signature(run.matrix, probability),
                input_example=run.matrix.head(5),
                pyfunc_predict_fn="predict_proba",
                skops_trusted_types=list(TRUSTED_TYPES),
                pip_requirements=["respredict"],
            )
            client = mlflow.MlflowClient()
            with contextlib.suppress(mlflow.exceptions.MlflowException):
                client.create_registered_model(NAME)  # there already after the first run
            made = client.create_model_version(
                NAME,
                info.model_uri,
                run_id=active.info.run_id,
                tags={_DIGEST_TAG: run.bundle.digest},
            )
            client.set_registered_model_alias(NAME, CHALLENGER, made.version)
            return Version(int(made.version), active.info.run_id, run.bundle.digest)


def attach(version: Version, metrics: Mapping[str, float], texts: Mapping[str, str]) -> None:
    """Log more to the run that made a version.

    Parameters
    ----------
    version : Version
        As registered.
    metrics : mapping
        Name to number.
    texts : mapping
        Artifact name to text.
    """
    with _mlflow() as mlflow:
        from mlflow.entities import Metric

        client, now = mlflow.MlflowClient(), int(time.time() * 1000)
        told = [Metric(name, value, now, 0) for name, value in metrics.items()]
        for start in range(0, len(told), _METRICS_AT_ONCE):
            client.log_batch(version.run_id, metrics=told[start : start + _METRICS_AT_ONCE])
        for name, text in texts.items():
            client.log_text(version.run_id, text, name)


def find_version(which: str) -> Version:
    """Return a registered version by its number or alias.

    Parameters
    ----------
    which : str
        A number, or an alias.

    Returns
    -------
    Version
        As registered.

    Raises
    ------
    RegistryError
        If there is none.
    """
    with _mlflow() as mlflow:
        client = mlflow.MlflowClient()
        try:
            found = (
                client.get_model_version(NAME, which)
                if which.isdigit()
                else client.get_model_version_by_alias(NAME, which)
            )
        except mlflow.exceptions.MlflowException as error:
            msg = (
                f"a version must be registered, got no {which!r} of {NAME} in "
                f"{_where(mlflow)}. Run: respredict train."
            )
            raise RegistryError(msg) from error
        return Version(int(found.version), found.run_id, found.tags[_DIGEST_TAG])


def set_alias(alias: str, version: Version) -> None:
    """Point an alias at a version.

    Parameters
    ----------
    alias : str
        ``champion`` or ``challenger``.
    version : Version
        What it shall point at.
    """
    with _mlflow() as mlflow:
        mlflow.MlflowClient().set_registered_model_alias(NAME, alias, str(version.number))


def fetch_bundle(version: Version, target: Path) -> Path:
    """Download the bundle that a version's run logged, as a folder in ``target``."""
    with _mlflow() as mlflow:
        return Path(
            mlflow.artifacts.download_artifacts(
                run_id=version.run_id, artifact_path="bundle", dst_path=str(target)
            )
        )


def fetch_text(version: Version, name: str) -> str | None:
    """Return a text that a version's run logged, None where it has none of that name."""
    if not version.run_id:
        return None
    with _mlflow() as mlflow:
        folder = str(Path(name).parent) if "/" in name else None
        held = mlflow.MlflowClient().list_artifacts(version.run_id, folder)
        if name not in {artifact.path for artifact in held}:
            return None
        return str(mlflow.artifacts.load_text(f"runs:/{version.run_id}/{name}"))


@contextlib.contextmanager
def _mlflow() -> Iterator[Any]:
    """Import MLflow with its usage tracking off and its chatter kept to warnings."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    import mlflow.sklearn

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # MLflow's own deprecations are not ours to mend.
        warnings.filterwarnings("ignore", module="mlflow")
        _make_store(mlflow)
        yield mlflow


def _make_store(mlflow: Any) -> None:
    """Make the SQLite file of a new store in one step: MLflow cannot mend one cut off."""
    uri = str(mlflow.get_tracking_uri())
    file = Path(uri.removeprefix(_SQLITE).split("?")[0])
    if not uri.startswith(_SQLITE) or file.exists():
        return
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        mlflow.MlflowClient(f"{_SQLITE}{part}", f"{_SQLITE}{part}").search_experiments()
        with contextlib.suppress(FileExistsError):  # made by another process meanwhile
            file.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)


def _where(mlflow: Any) -> str:
    """Return the kind of store, without a password or a path in it."""
    return str(mlflow.get_tracking_uri()).split(":", 1)[0] + " store"


def _log_files(mlflow: Any, files: Mapping[str, bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            file = Path(folder) / Path(name).name
            file.write_bytes(data)
            mlflow.log_artifact(str(file), str(Path(name).parent) if "/" in name else None)
