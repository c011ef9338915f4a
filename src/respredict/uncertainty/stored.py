"""Refits as a file: arrays of numbers, the same bytes for the same numbers."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.errors import BundleError

__all__ = ["moments", "read_arrays", "write_arrays"]

_DATE = (1980, 1, 1, 0, 0, 0)
_NOT_READ = (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error)
_STORED = {"f": "<f8", "i": "<i8"}


def write_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write arrays as an ``.npz`` file.

    Parameters
    ----------
    arrays : mapping of str to ndarray of float or int
        By name, written in this order.

    Returns
    -------
    bytes
        Without a date, so the same for the same arrays.

    Examples
    --------
    >>> read_arrays(write_arrays({"ones": np.ones(2)}))
    {'ones': array([1., 1.])}
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():
            member = io.BytesIO()
            np.save(member, np.asarray(value, _STORED[value.dtype.kind], "C"), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _DATE), member.getvalue())
    return content.getvalue()


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Read what :func:`write_arrays` wrote.

    Parameters
    ----------
    content : bytes
        Of the file.

    Returns
    -------
    dict of str to ndarray
        By name.

    Raises
    ------
    BundleError
        If it is no such file.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except _NOT_READ as error:
        msg = f"the refits must be an .npz file of numbers, got {error}. Train the model again."
        raise BundleError(msg) from error


def moments(pipelines: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the imputers of fitted pipelines have learnt.

    Parameters
    ----------
    pipelines : sequence of sklearn.pipeline.Pipeline
        At least one, of as many values.

    Returns
    -------
    mean : ndarray of shape (n_pipelines, n_values)
        Of each.
    covariance : ndarray of shape (n_pipelines, n_values, n_values)
        Of each.
    """
    imputers = [pipeline[0] for pipeline in pipelines]
    return np.stack([of.mean_ for of in imputers]), np.stack([of.covariance_ for of in imputers])
