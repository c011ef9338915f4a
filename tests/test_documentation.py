"""The text is tested too: dictionary, README, settings and commands."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from respredict.cli.main import _parser
from respredict.config import Settings
from respredict.schema.record import COLUMNS, dictionary
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DATA = (ROOT / "data" / "README.md").read_text(encoding="utf-8")


def commands() -> dict:
    """Return the parsers of the commands, by name."""
    return _parser()._subparsers._group_actions[0].choices


def test_the_data_dictionary_is_the_one_the_record_gives():
    """``data/README.md`` holds exactly what the schema writes."""
    assert dictionary() in DATA
    for column in COLUMNS:
        assert f"`{column.name}`" in DATA


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_in_the_readme_with_help(name):
    """A command that nobody can find does not exist."""
    assert f"respredict {name}" in README
    assert commands()[name].description


def test_every_setting_is_explained_in_the_default_file():
    """``training/default.toml`` names every key."""
    text = (ROOT / "training" / "default.toml").read_text(encoding="utf-8")
    for key in Settings().flat():
        section, name = key.split(".")
        assert f"[{section}]" in text
        assert re.search(rf"^{name} = ", text, flags=re.MULTILINE)


def test_every_respredict_line_of_the_readme_parses():
    """What the README tells to type is accepted by the command line."""
    blocks = re.findall(r"```(?:sh|console|bash)\n(.*?)```", README, flags=re.DOTALL)
    lines = [
        line.removeprefix("$ ")
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
    ]
    typed = [line for line in lines if line.startswith("respredict ")]
    assert typed
    for line in typed:
        words = shlex.split(line, comments=True)[1:]
        words = words[: words.index(">")] if ">" in words else words
        _parser().parse_args(words)


@pytest.mark.parametrize("path", ["src", "serving", "training", "tests", "docs", "data"])
def test_no_address_of_an_index_and_no_path_of_a_machine_is_in_the_project(path):
    """Files name no registry and no machine."""
    forbidden = re.compile(r"--(extra-)?index.url|[/]simple[/]|(^|[\s'\"])[/](root|home)[/]")
    files = (f for f in (ROOT / path).rglob("*") if f.suffix in (".py", ".md", ".toml", ".json"))
    for file in files:
        assert not forbidden.search(file.read_text(encoding="utf-8")), file


def test_the_lock_has_a_hash_for_every_package_and_no_address():
    """The lock installs in hash mode and says nothing of where from."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,-]+\])?==", entry), entry
        assert "--hash=sha256:" in entry
    assert "://" not in lock


@pytest.mark.parametrize("path", ["requirements.lock", "serving/requirements.lock"])
def test_the_lock_names_the_extras_that_its_packages_ask_of_each_other(path):
    """A pin without them is no pin for older pip, which then takes the newest and refuses it."""
    lock = (ROOT / path).read_text(encoding="utf-8")
    named = re.findall(r"^([a-z0-9._-]+)(?:\[([a-z,-]+)\])?==", lock, re.MULTILINE)
    locked = {name: set(extras.split(",")) - {""} for name, extras in named}
    asked = 0
    for name, extras in locked.items():
        for line in installed_requirements(name):
            wanted = Requirement(line)
            on = extras | {""}
            if wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in on):
                continue
            of = locked[canonicalize_name(wanted.name)]
            assert wanted.extras <= of, f"{name} asks for {line}"
            asked += 1
    assert asked > 100


def installed_requirements(name: str) -> list[str]:
    """Return what an installed package asks for; nothing where it is not for this platform."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []
