"""The champion in a Bento: ``python -m serving.bento`` builds one, offline.

The bundle goes in whole, as a BentoML model named by its digest, so a Bento answers with the
bytes that were promoted, and its decisions replay by digest. Where a Bento starts in a home
without a champion, its model becomes the champion, and the ledger says so. A home that has
one keeps it: what is served changes by promotion only.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from respredict.audit.promotions import record_promotion
from respredict.bundle import champion, digest_of, load_bundle, set_champion
from respredict.config import home
from respredict.errors import BundleError, RegistryError

__all__ = ["bring_champion", "build", "keep_champion"]

#: As ``[tool.bentoml.build]`` in ``pyproject.toml`` names it.
_MODEL = "respredict-champion"
_VERSION_CHARACTERS = 32
_ROOT = Path(__file__).resolve().parents[1]
_LOG = logging.getLogger("respredict.bento")


def keep_champion(home: Path) -> str:
    """Put the champion of a home into BentoML's model store, as its newest.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    str
        Its tag.

    Raises
    ------
    RegistryError
        If there is no champion.
    BundleError
        If its files were changed.
    """
    import bentoml

    told = champion(home)
    bundle = load_bundle(home, told["digest"])
    tag = f"{_MODEL}:{bundle.digest.removeprefix('sha256:')[:_VERSION_CHARACTERS]}"
    if any(str(kept.tag) == tag for kept in bentoml.models.list()):
        bentoml.models.delete(tag)
    with bentoml.models.create(tag, labels={"digest": bundle.digest[:63]}) as model:
        folder = Path(model.path)
        shutil.copytree(bundle.folder, folder / "bundle")
        (folder / "champion.json").write_text(json.dumps(told), encoding="utf-8")
    return tag


def bring_champion(bento: Any, home: Path) -> None:
    """Put the model of a Bento where the service looks for it.

    Parameters
    ----------
    bento : bentoml.Bento or None
        That is being served; None in a checkout.
    home : Path
        ``RESPREDICT_HOME``.

    Raises
    ------
    BundleError
        If the model's files were changed.
    """
    if bento is None:
        return
    for info in bento.info.all_models:
        if info.tag.name != _MODEL:
            continue
        folder = Path(info.to_model().resolve().path)
        told = json.loads((folder / "champion.json").read_text(encoding="utf-8"))
        _copy_bundle(folder / "bundle", home, told["digest"])
        _promote(home, told, f"bento {bento.tag}")


def _copy_bundle(source: Path, home: Path, digest: str) -> None:
    target = home / "bundles" / digest.removeprefix("sha256:")
    if target.is_dir() and digest_of(target) == digest:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    writing = Path(tempfile.mkdtemp(prefix=".writing-", dir=target.parent))
    shutil.copytree(source, writing, dirs_exist_ok=True)
    found = digest_of(writing)
    if found != digest:
        shutil.rmtree(writing)
        msg = f"the Bento's model must be {digest[:19]}…, got {found[:19]}…. Build it again."
        raise BundleError(msg)
    writing.rename(target)


def _promote(home: Path, told: dict[str, Any], actor: str) -> None:
    """Make the Bento's model the champion of a home that has none."""
    try:
        there = champion(home)
    except RegistryError:
        record_promotion(
            home, name=told["name"], version=told["version"], digest=told["digest"],
            run_id="", actor=actor, reason="the home had no champion",
        )  # fmt: skip
        set_champion(home, told)
        return
    if there["digest"] != told["digest"]:
        _LOG.warning("the home's champion %s is served, not the Bento's", there["digest"])


def build() -> int:
    """Build the Bento of the champion, without asking any other machine.

    Returns
    -------
    int
        Exit code of ``bentoml build``.
    """
    tag = keep_champion(home())
    print(f"respredict: {tag} goes in", file=sys.stderr)
    command = [sys.executable, "-m", "bentoml", "build", str(_ROOT)]
    # Its newer form of image is the same without a lock to make, but fetches a tool for that.
    environment = {**os.environ, "BENTOML_ENABLE_FEATURES": "no_image"}
    return subprocess.run(command, check=False, env=environment).returncode  # noqa: S603 - fixed words


if __name__ == "__main__":
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("BENTOML_HOME", str(home() / "bentoml"))
    sys.exit(build())
