"""The bundle: one model, one digest, one folder; and nothing else is loaded."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from respredict.bundle import (
    Bundle,
    champion,
    digest_of,
    load_bundle,
    set_champion,
    write_bundle,
)
from respredict.cohort import read_cohort
from respredict.errors import BundleError, RegistryError
from respredict.files import write_atomically
from respredict.lifecycle.training import outcomes
from respredict.model.candidates import build_pipeline, matrix_columns
from tests.conftest import COHORT, ROOT

META = {"name": "respredict", "predictors": "hormones", "note": "µ ≥ 1", "trained_on": {"men": 150}}
FILES = ("meta.json", "model.skops")
IN_A_FRESH_PROCESS = """
import sys
from pathlib import Path
from tests.test_bundle import META, fit
from respredict.bundle import write_bundle
print(write_bundle(Path(sys.argv[1]), fit()[0], META).digest)
"""


def fit():
    """Fit the default model to 150 men of the shipped cohort; return it and its matrix."""
    cohort = read_cohort(COHORT, need=("outcome",))
    improved = outcomes(cohort, "concentration").improved
    known = np.flatnonzero(~np.isnan(improved))[:150]
    X = cohort.men.iloc[known][list(matrix_columns())].astype(float)
    return build_pipeline().fit(X, improved[known].astype(int)), X


@pytest.fixture(scope="module")
def model():
    """Fit once."""
    return fit()


@pytest.fixture
def bundle(tmp_path: Path, model) -> Bundle:
    """Write a bundle into a home of its own."""
    return write_bundle(tmp_path, model[0], META)


def renamed(bundle: Bundle) -> str:
    """Give a changed bundle's folder the name of its bytes; return that digest."""
    digest = digest_of(bundle.folder)
    bundle.folder.rename(bundle.folder.parent / digest.removeprefix("sha256:"))
    return digest


class TestWriting:
    """A model becomes a folder."""

    def test_the_folder_is_named_by_the_digest_of_its_files(self, bundle: Bundle):
        """The digest is SHA-256 over the sorted names and SHA-256s of the files."""
        lines = [
            f"{name} {hashlib.sha256((bundle.folder / name).read_bytes()).hexdigest()}\n"
            for name in FILES
        ]
        expected = hashlib.sha256("".join(lines).encode()).hexdigest()

        assert sorted(file.name for file in bundle.folder.iterdir()) == list(FILES)
        assert bundle.digest == digest_of(bundle.folder) == f"sha256:{expected}"
        assert bundle.folder.name == expected

    def test_the_same_model_again_is_the_same_folder(self, tmp_path: Path, bundle: Bundle, model):
        """Fitted again and written again, a model has one digest and one folder."""
        for pipeline in (model[0], fit()[0]):
            again = write_bundle(tmp_path, pipeline, dict(reversed(META.items())))
            assert (again.digest, again.folder) == (bundle.digest, bundle.folder)
        assert [entry.name for entry in (tmp_path / "bundles").iterdir()] == [bundle.folder.name]

    def test_fresh_processes_write_the_same_bytes(self, tmp_path: Path, bundle: Bundle):
        """Two other processes, with other hash seeds, arrive at the same digest."""
        started = [
            subprocess.Popen(
                [sys.executable, "-c", IN_A_FRESH_PROCESS, str(tmp_path / seed)],
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": seed},
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in ("1", "2")
        ]
        told = [process.communicate(timeout=120)[0].strip() for process in started]
        assert told == [bundle.digest] * 2

    def test_another_model_or_description_is_another_bundle(self, tmp_path, bundle, model):
        """A changed word of the description changes the digest; both bundles stay."""
        other = write_bundle(tmp_path, model[0], {**META, "name": "other"})
        assert other.digest != bundle.digest
        assert load_bundle(tmp_path, bundle.digest).meta["name"] == "respredict"

    def test_members_carry_a_fixed_date_and_no_address(self, bundle: Bundle):
        """The archive of the model says neither when nor where in memory it was made."""
        with zipfile.ZipFile(bundle.folder / "model.skops") as archive:
            assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            numbers = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
        assert numbers
        assert all(len(number) < 5 for number in numbers)

    def test_a_description_that_is_not_json_leaves_nothing(self, tmp_path: Path, model):
        """A NaN in the description is refused, and no half-written folder stays."""
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_bundle(tmp_path, model[0], {"auc": float("nan")})
        assert list((tmp_path / "bundles").iterdir()) == []

    def test_what_a_killed_process_left_is_swept_after_an_hour(self, tmp_path, bundle, model):
        """And what another process is at now is left alone."""
        old, new = (tmp_path / "bundles" / name for name in (".writing-old", ".fetching-new"))
        for part in (old, new):
            part.mkdir()
        os.utime(old, (0, 0))
        write_bundle(tmp_path, model[0], META)
        assert (old.exists(), new.exists()) == (False, True)

    @pytest.mark.parametrize("name", FILES)
    def test_a_damaged_bundle_is_mended_by_writing_it_again(self, tmp_path, bundle, model, name):
        """Registering the model again replaces what was changed, as the refusal advises."""
        (bundle.folder / name).write_bytes(b"damaged")
        assert write_bundle(tmp_path, model[0], META).digest == bundle.digest
        (bundle.folder / name).unlink()
        assert write_bundle(tmp_path, model[0], META).digest == bundle.digest


class TestLoading:
    """A folder becomes the model again, or is refused."""

    def test_the_model_is_the_one_written_to_the_bit(self, tmp_path, bundle, model):
        """A reloaded model predicts the same bits, and says what was said of it."""
        pipeline, X = model
        loaded = load_bundle(tmp_path, bundle.digest)

        assert loaded.pipeline is not pipeline
        assert loaded.pipeline.predict_proba(X).tobytes() == pipeline.predict_proba(X).tobytes()
        assert loaded.meta == {"format": 1, **META}
        assert (loaded.digest, loaded.folder) == (bundle.digest, bundle.folder)

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("where", [0.0, 0.5, 0.999])
    def test_a_changed_byte_is_refused(self, tmp_path, bundle, name, where):
        """One bit anywhere in a file makes it another model than the one named."""
        data = bytearray((bundle.folder / name).read_bytes())
        data[int(where * len(data))] ^= 1
        (bundle.folder / name).write_bytes(data)
        with pytest.raises(BundleError, match=r"must hold the bytes it is named by, got sha256:"):
            load_bundle(tmp_path, bundle.digest)

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file_is_refused(self, tmp_path, bundle, name):
        """A bundle without one of its files is no bundle."""
        (bundle.folder / name).unlink()
        left = FILES[1 - FILES.index(name)]
        with pytest.raises(BundleError, match=f"must hold meta.json, model.skops, got {left} in"):
            load_bundle(tmp_path, bundle.digest)

    def test_an_extra_file_is_refused(self, tmp_path, bundle):
        """A file that nobody listed is refused by its name."""
        (bundle.folder / "model.pkl").write_bytes(b"")
        with pytest.raises(BundleError, match=r"got meta\.json, model\.pkl, model\.skops in"):
            load_bundle(tmp_path, bundle.digest)

    def test_an_empty_folder_is_refused(self, tmp_path):
        """A folder without files holds nothing to load."""
        (tmp_path / "bundles" / "empty").mkdir(parents=True)
        with pytest.raises(BundleError, match="got nothing in empty"):
            load_bundle(tmp_path, "sha256:empty")

    @pytest.mark.parametrize("told", [{"format": 2}, {"format": "1"}, {}])
    def test_another_format_is_refused(self, tmp_path, bundle, told):
        """A description of another format is not read, though its digest is right."""
        (bundle.folder / "meta.json").write_text(json.dumps(told), encoding="utf-8")
        digest = renamed(bundle)
        with pytest.raises(BundleError, match="a bundle must have format 1, got"):
            load_bundle(tmp_path, digest)

    def test_a_type_that_is_not_trusted_is_refused(self, tmp_path, bundle):
        """A model that asks for another type is refused by the type, before it is looked for."""
        model = bundle.folder / "model.skops"
        skops.io.dump(Pipeline([("scale", StandardScaler().fit([[0.0], [1.0]]))]), model)
        with zipfile.ZipFile(model) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        schema = members["schema.json"].decode()
        assert "sklearn.preprocessing._data" in schema
        members["schema.json"] = schema.replace(
            "sklearn.preprocessing._data", "nowhere.at_all"
        ).encode()
        with zipfile.ZipFile(model, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        digest = renamed(bundle)
        with pytest.raises(BundleError, match=r"trusted types only, .*nowhere\.at_all.* Do not"):
            load_bundle(tmp_path, digest)

    def test_an_unknown_digest_is_named(self, tmp_path, bundle):
        """A digest without a folder says where it was looked for."""
        with pytest.raises(
            RegistryError, match=r"must be in .*bundles, got no sha256:000000000000"
        ):
            load_bundle(tmp_path, f"sha256:{'0' * 64}")


class TestChampion:
    """The file that says which model is served."""

    def test_is_what_was_set_last(self, tmp_path: Path):
        """The champion is read as it was written, and the next replaces it."""
        home = tmp_path / "new" / "home"
        for version in (1, 2):
            told = {"name": "respredict", "version": version, "digest": "sha256:…"}
            set_champion(home, told)
            assert champion(home) == told
        assert [file.name for file in home.iterdir()] == ["champion.json"]

    def test_none_says_how_to_make_one(self, tmp_path: Path):
        """Without a champion the message names the folder and the command."""
        with pytest.raises(RegistryError, match=r"got none in .*\. Run: respredict promote\."):
            champion(tmp_path)

    @pytest.mark.parametrize("content", ["", "{", "3", "[1, 2]", "\udcff"])
    def test_a_file_that_is_no_object_is_named(self, tmp_path: Path, content: str):
        """A champion file that somebody broke is refused with the command that mends it."""
        data = content.encode("utf-8", "surrogateescape")
        (tmp_path / "champion.json").write_bytes(data)
        with pytest.raises(RegistryError, match=r"champion\.json must be a JSON object"):
            champion(tmp_path)

    def test_a_folder_in_its_place_is_named(self, tmp_path: Path):
        """What cannot be read is refused as what says nothing is."""
        (tmp_path / "champion.json").mkdir()
        rule = r"champion\.json must be a file that can be read, got Is a directory\. Move it away"
        with pytest.raises(RegistryError, match=rule):
            champion(tmp_path)

    def test_a_home_that_is_made_is_its_owners_alone(self, tmp_path: Path):
        """Whatever the umask; one that is there stays as it is."""
        before = os.umask(0)
        try:
            set_champion(tmp_path / "new", {"version": 1})
            (tmp_path / "there").mkdir(0o755)
            set_champion(tmp_path / "there", {"version": 1})
        finally:
            os.umask(before)
        modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "there")]
        assert modes == [0o700, 0o755]


class TestWritingAtomically:
    """A file is the old one or the new one, never a part."""

    @pytest.mark.parametrize("content", ["ä\n", b"\x00\xff", ""])
    def test_replaces_text_or_bytes(self, tmp_path: Path, content):
        """Text is written as UTF-8, bytes as they are, over what was there; all may read it."""
        file = tmp_path / "folder" / "file"
        write_atomically(file, "the old, and longer than the new")
        write_atomically(file, content)

        assert file.read_bytes() == (content.encode() if isinstance(content, str) else content)
        assert file.stat().st_mode & 0o777 == 0o644
        assert list(file.parent.iterdir()) == [file]

    @pytest.mark.parametrize(
        ("content", "error", "match"),
        [("\ud800", UnicodeEncodeError, "surrogates"), (5, TypeError, "bytes-like")],
    )
    def test_leaves_the_old_file_when_writing_fails(self, tmp_path: Path, content, error, match):
        """What cannot be written changes nothing and leaves nothing behind."""
        file = tmp_path / "file"
        write_atomically(file, "old")
        with pytest.raises(error, match=match):
            write_atomically(file, content)
        assert file.read_text(encoding="utf-8") == "old"
        assert list(tmp_path.iterdir()) == [file]

    def test_leaves_a_folder_of_that_name(self, tmp_path: Path):
        """A folder in the file's place stays, and the written part does not."""
        (tmp_path / "file").mkdir()
        with pytest.raises(OSError, match="directory"):
            write_atomically(tmp_path / "file", "new")
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
