"""What may load what, and that nothing happens on import."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys

import pytest

import respredict
from tests.conftest import ROOT

FRAMEWORKS = ("mlflow", "shap", "matplotlib", "bentoml", "sklearn", "pandas")


def loaded_by(statement: str) -> set[str]:
    """Return the top packages that a fresh interpreter has loaded after a statement."""
    code = (
        f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    return set(told.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_no_framework():
    """``import respredict`` does no work."""
    assert not loaded_by("import respredict") & set(FRAMEWORKS)


def test_a_serving_worker_loads_neither_mlflow_shap_nor_matplotlib():
    """Neither does it load them indirectly."""
    assert not loaded_by("import serving.service") & {"mlflow", "shap", "matplotlib"}


def modules() -> list[str]:
    found = pkgutil.walk_packages(respredict.__path__, "respredict.")
    return sorted(m.name for m in found if not m.name.endswith("__main__"))


@pytest.mark.parametrize("name", modules())
def test_every_public_name_is_there_and_documented(name):
    """``__all__`` is sorted as ruff sorts it, resolves, and each name has a docstring."""
    module = importlib.import_module(name)
    assert module.__doc__, name
    for public in getattr(module, "__all__", ()):
        thing = getattr(module, public)
        if isinstance(thing, type) or inspect.isfunction(thing):
            assert thing.__doc__, f"{name}.{public}"


#: What numpydoc is asked: sections in its order, a summary, every parameter and return.
CHECKS = {
    "GL03", "GL05", "GL06", "GL07", "GL08", "SS02", "SS03", "SS05",
    "PR01", "PR02", "PR03", "PR04", "PR06", "PR10", "RT01", "RT03",
}  # fmt: skip


def public_names() -> list[str]:
    names = []
    for module in map(importlib.import_module, modules()):
        for public in getattr(module, "__all__", ()):
            thing = getattr(module, public)
            if isinstance(thing, type) or inspect.isfunction(thing):
                names.append(f"{thing.__module__}.{thing.__qualname__}")
    return sorted(set(names))


@pytest.mark.parametrize("name", public_names())
def test_every_public_docstring_is_numpydoc(name):
    """Parameters, returns and sections stand as numpydoc has them."""
    from numpydoc.validate import validate

    found = [(code, told) for code, told in validate(name)["errors"] if code in CHECKS]
    assert not found


def test_the_public_names_are_loaded_when_asked_for():
    """Every name of the package is that of its module, and an unknown one is an error."""
    for name in respredict.__all__:
        home = importlib.import_module(f"respredict.{respredict._HOMES[name]}")
        assert getattr(respredict, name) is getattr(home, name)
    assert set(respredict.__all__) == set(respredict._HOMES)
    assert respredict.__version__
    assert "train" in dir(respredict)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = respredict.nothing
