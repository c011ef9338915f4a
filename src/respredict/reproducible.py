"""One model, one digest: the file of a model without what differs from dump to dump."""

from __future__ import annotations

import io
import re
import zipfile

__all__ = ["reproducible"]

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<="file": ")\d+(?=\.npy")|^\d+(?=\.npy$)')


def reproducible(archive: bytes) -> bytes:
    """Return a skops archive without dates and memory addresses.

    Parameters
    ----------
    archive : bytes
        As ``skops.io.dumps`` gives it.

    Returns
    -------
    bytes
        The same for the same model. skops names nodes and array files by the address they
        had; they are numbered in the order they appear instead.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    schema = members.pop("schema.json").decode()
    number = {old: str(i) for i, old in enumerate(dict.fromkeys(_ADDRESS.findall(schema)), start=1)}
    schema = _ADDRESS.sub(lambda match: number[match[0]], schema)
    renamed = {_ADDRESS.sub(lambda match: number[match[0]], n): d for n, d in members.items()}
    fixed = io.BytesIO()
    with zipfile.ZipFile(fixed, "w") as target:
        for name, data in [("schema.json", schema.encode()), *sorted(renamed.items())]:
            member = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(member, data)
    return fixed.getvalue()
