"""A model as a folder named by its digest: what is served, replayed and compared.

``model.skops`` holds the fitted pipeline and no code; ``meta.json`` says what it is;
``support.json`` whom it may be asked about; ``refits.npz`` the model fitted again to
resamples of its men, where that is a weighted sum. ``worsening.skops`` and its refits are
there where events allowed a model of worsening; ``conformance.json`` holds what it must
answer wherever it is served. Its validation names its digest, and so lies beside it, as
``<digest>.report.json``. The digest is SHA-256 over the sorted
pairs of file name and file digest, so a changed byte anywhere is another model, and is
refused at load.

To add a file, add it to ``_OPTIONAL`` and to the reader; bundles without it stay readable
only if the reader says what its absence means.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respredict.errors import BundleError, RegistryError
from respredict.files import write_atomically
from respredict.reproducible import reproducible

if TYPE_CHECKING:
    from respredict.uncertainty.curved import CurvedRefits
    from respredict.uncertainty.refits import Refits
    from respredict.uncertainty.support import Support

__all__ = [
    "Bundle",
    "Extras",
    "champion",
    "digest_of",
    "load_bundle",
    "open_bundle",
    "report_file",
    "set_champion",
    "write_bundle",
]

FORMAT = 1
_REQUIRED = ("meta.json", "model.skops")
_OPTIONAL = (
    "refits.npz",
    "support.json",
    "worsening.skops",
    "worsening_refits.npz",
    "conformance.json",
)
_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True)
class Extras:
    """What goes beside a fitted pipeline; each may be absent.

    Parameters
    ----------
    refits : Refits, CurvedRefits or None, default=None
        The model fitted again, for intervals.
    support : Support or None, default=None
        Whom it may be asked about.
    worsening : sklearn.pipeline.Pipeline or None, default=None
        A model of worsening, where events allow one.
    worsening_refits : Refits, CurvedRefits or None, default=None
        Of that model.
    documents : mapping of str to mapping, default: none
        ``conformance.json``, to be written; :meth:`Bundle.document` reads it.
    """

    refits: Refits | CurvedRefits | None = None
    support: Support | None = None
    worsening: Any = None
    worsening_refits: Refits | CurvedRefits | None = None
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Bundle:
    """A loaded model.

    Parameters
    ----------
    digest : str
        ``sha256:`` and 64 hexadecimal digits.
    pipeline : sklearn.pipeline.Pipeline
        Fitted; its ``predict_proba`` is the truth that is served.
    meta : mapping
        Name, predictors, outcome scheme, what it was trained on, versions.
    folder : Path
        Where it lies.
    extras : Extras, default: none
        Refits, support, and the model of worsening.
    """

    digest: str
    pipeline: Any
    meta: Mapping[str, Any]
    folder: Path
    extras: Extras = field(default_factory=Extras)

    def document(self, name: str) -> dict[str, Any] | None:
        """Return a document of the bundle, None where it has none of that name.

        Parameters
        ----------
        name : str
            ``conformance.json``, or ``report.json``, which lies beside the folder.
        """
        file = report_file(self.folder) if name == "report.json" else self.folder / name
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def report_file(folder: Path) -> Path:
    """Return where the validation of a bundle lies, whether it was made or not.

    Parameters
    ----------
    folder : Path
        A bundle's.

    Returns
    -------
    Path
        Beside the folder.
    """
    return folder.with_name(f"{folder.name}.report.json")


def digest_of(folder: Path) -> str:
    """Return the digest of the files in a bundle's folder.

    Parameters
    ----------
    folder : Path
        A bundle's.

    Returns
    -------
    str
        ``sha256:`` and 64 hexadecimal digits.

    Raises
    ------
    BundleError
        If a file is missing or one too many.
    """
    names = tuple(sorted(entry.name for entry in folder.iterdir()))
    if not set(_REQUIRED) <= set(names) <= {*_REQUIRED, *_OPTIONAL}:
        msg = (
            f"a bundle must hold {', '.join(_REQUIRED)}, got {', '.join(names) or 'nothing'} "
            f"in {folder.name}. Register the model again."
        )
        raise BundleError(msg)
    whole = hashlib.sha256()
    for name in names:
        part = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        whole.update(f"{name} {part}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def write_bundle(
    home: Path, pipeline: Any, meta: Mapping[str, Any], extras: Extras | None = None
) -> Bundle:
    """Write a fitted pipeline as a bundle; the same model again is the same folder, mended.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    pipeline : sklearn.pipeline.Pipeline
        Fitted.
    meta : mapping
        Plain JSON values.
    extras : Extras or None, default=None
        Refits, support, and the model of worsening.

    Returns
    -------
    Bundle
        As :func:`load_bundle` reads it back.
    """
    import skops.io

    bundles = home / "bundles"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    bundles.mkdir(exist_ok=True)
    _sweep(bundles)
    folder = Path(tempfile.mkdtemp(prefix=".writing-", dir=bundles))
    try:
        (folder / "model.skops").write_bytes(reproducible(skops.io.dumps(pipeline)))
        text = json.dumps({"format": FORMAT, **meta}, indent=1, sort_keys=True, allow_nan=False)
        (folder / "meta.json").write_text(text + "\n", encoding="utf-8")
        for name, content in _contents(extras or Extras()):
            (folder / name).write_bytes(content)
        digest = digest_of(folder)
        target = bundles / digest.removeprefix("sha256:")
        if not _holds(target, digest):
            shutil.rmtree(target, ignore_errors=True)
            folder.chmod(0o755)
            folder.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return load_bundle(home, digest)


def _sweep(bundles: Path) -> None:
    """Remove what a process that was killed had begun, hours ago."""
    for part in bundles.glob(".*ing-*"):
        if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(part, ignore_errors=True)


def _holds(folder: Path, digest: str) -> bool:
    try:
        return folder.is_dir() and digest_of(folder) == digest
    except BundleError:
        return False


def load_bundle(home: Path, digest: str) -> Bundle:
    """Load a bundle by its digest, refusing one whose bytes are not those named.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    digest : str
        ``sha256:`` and 64 hexadecimal digits.

    Returns
    -------
    Bundle
        Its bytes checked against the digest.

    Raises
    ------
    BundleError
        If it was changed, is of another format, or asks for types that are not trusted.
    RegistryError
        If there is none.
    """
    folder = home / "bundles" / digest.removeprefix("sha256:")
    if not folder.is_dir():
        msg = (
            f"the model must be in {folder.parent}, got no {digest[:19]}…. Train or copy it there."
        )
        raise RegistryError(msg)
    found = digest_of(folder)
    if found != digest:
        msg = (
            f"the bundle {digest[:19]}… must hold the bytes it is named by, got {found[:19]}…: "
            "a file was changed. Restore it from a copy, or register the model again."
        )
        raise BundleError(msg)
    return _opened(folder, digest)


def open_bundle(folder: Path) -> Bundle:
    """Open a bundle wherever it lies; its digest is that of the bytes found.

    Parameters
    ----------
    folder : Path
        A bundle's folder.

    Returns
    -------
    Bundle
        Under the digest of its bytes.

    Raises
    ------
    BundleError
        If it is no bundle, of another format, or asks for types that are not trusted.
    """
    if not folder.is_dir():
        msg = f"a bundle must be a folder, got none at {folder}. Name one."
        raise BundleError(msg)
    return _opened(folder, digest_of(folder))


def _opened(folder: Path, digest: str) -> Bundle:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    if meta.get("format") != FORMAT:
        msg = f"a bundle must have format {FORMAT}, got {meta.get('format')!r}. Register it again."
        raise BundleError(msg)
    return Bundle(digest, _pipeline(folder / "model.skops"), meta, folder, _extras(folder))


def _contents(extras: Extras) -> Iterator[tuple[str, bytes]]:
    """Yield the files that the extras make."""
    import skops.io

    if extras.refits is not None:
        yield "refits.npz", extras.refits.to_bytes()
    if extras.support is not None:
        yield (
            "support.json",
            (json.dumps(extras.support.as_dict(), allow_nan=False) + "\n").encode(),
        )
    if extras.worsening is not None:
        yield "worsening.skops", reproducible(skops.io.dumps(extras.worsening))
    if extras.worsening_refits is not None:
        yield "worsening_refits.npz", extras.worsening_refits.to_bytes()
    for name, told in extras.documents.items():
        yield (
            name,
            (json.dumps(told, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode(),
        )


def _extras(folder: Path) -> Extras:
    from respredict.uncertainty.kinds import read_refits
    from respredict.uncertainty.support import Support

    def read(name: str, reader: Callable[[Path], Any]) -> Any:
        return reader(folder / name) if (folder / name).exists() else None

    return Extras(
        refits=read("refits.npz", lambda file: read_refits(file.read_bytes())),
        support=read("support.json", lambda file: Support.from_dict(json.loads(file.read_bytes()))),
        worsening=read("worsening.skops", _pipeline),
        worsening_refits=read("worsening_refits.npz", lambda file: read_refits(file.read_bytes())),
    )


def _pipeline(file: Path) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    from respredict.model import TRUSTED_TYPES

    try:
        return skops.io.load(file, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        msg = f"a model must hold trusted types only, got {error}. Do not use this file."
        raise BundleError(msg) from error


def champion(home: Path) -> dict[str, Any]:
    """Return what ``champion.json`` says: name, version, digest.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    dict
        ``name``, ``version`` and ``digest``.

    Raises
    ------
    RegistryError
        If no model was promoted yet, or the file cannot be read or is not what
        :func:`set_champion` wrote.
    """
    file = home / "champion.json"
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        msg = f"a champion must be promoted first, got none in {home}. Run: respredict promote."
        raise RegistryError(msg) from error
    except OSError as error:
        found = error.strerror or error
        msg = f"{file} must be a file that can be read, got {found}. Move it away, and promote."
        raise RegistryError(msg) from error
    except (ValueError, TypeError) as error:
        msg = f"{file} must be a JSON object, got something else. Run: respredict promote."
        raise RegistryError(msg) from error


def set_champion(home: Path, told: Mapping[str, Any]) -> None:
    """Write ``champion.json`` in one step; workers that poll it see the old or the new one.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    told : mapping
        ``name``, ``version`` and ``digest``.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(home / "champion.json", json.dumps(told, indent=1) + "\n")
