"""Auditing: the same number again, who was champion when, and the ``audit`` command."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import shutil
import signal
import time
import uuid

import pytest

from respredict import registry
from respredict.audit.batches import root_of
from respredict.audit.environment import environment, environment_text
from respredict.audit.keys import record_key_event
from respredict.audit.notes import notes_about, record_note
from respredict.audit.promotions import (
    disagreements,
    live_on,
    promotions,
    record_promotion,
    reigns,
)
from respredict.audit.replaying import Replayer, replay
from respredict.audit.selecting import drawn, selected
from respredict.batch.outputs import Outputs
from respredict.bundle import champion, set_champion
from respredict.cli import main
from respredict.errors import (
    BundleError,
    InputError,
    LedgerDamageError,
    LedgerError,
    NoRecordError,
    RegistryError,
)
from respredict.ledger.creation import checkpoint_now, create_ledger
from respredict.ledger.entry import Entry, Text
from respredict.ledger.filtering import Filter
from respredict.ledger.merkle import is_proven, merkle_proof, merkle_root
from respredict.ledger.reading import Reader
from respredict.ledger.record import new_id
from respredict.ledger.verify import verify
from respredict.ledger.writer import open_ledger
from respredict.lifecycle.training import promote
from tests.conftest import PUBLISHED_MAN, ROOT


def men(n: int) -> list[dict]:
    """Return requests of men who differ, some without LH, some censored."""
    return [
        {
            **PUBLISHED_MAN,
            "age": 25 + i % 30,
            "lh": {"value": round(2 + i % 97 / 10, 1), "unit": "IU/L"},
            "reference": f"man-{i}",
        }
        for i in range(n)
    ]


def entry(request: dict, answer: dict, model: str) -> Entry:
    """Return a decision as the service records it."""
    name = new_id()
    return Entry(
        kind="decision",
        actor="key-1",
        model=model,
        request=json.dumps(request).encode(),
        answer=json.dumps({"decision_id": str(name), **answer}, ensure_ascii=False).encode(),
        id=name,
        pseudonym=request.get("reference", ""),
        risk=answer.get("improvement", {}).get("probability"),
        status=answer["status"],
        environment=environment_text(),
    )


@pytest.fixture(scope="module")
def promoted(trained, tmp_path_factory):
    """Promote version 1 once, in a home with a new ledger."""
    folder = tmp_path_factory.mktemp("promoted") / "home"
    shutil.copytree(trained["home"] / "bundles", folder / "bundles")
    promote("1", home=folder, actor="Ada", reason="first")
    return folder


@pytest.fixture
def home(in_trained, promoted, tmp_path, monkeypatch):
    """Return a home of its own: the model, promoted as version 1, and its ledger."""
    folder = shutil.copytree(promoted, tmp_path / "home")
    registry.set_alias("champion", registry.find_version("1"))
    monkeypatch.setenv("RESPREDICT_HOME", str(folder))
    return folder


@pytest.fixture
def decided(home, scorer):
    """Return the home with the decisions of six men, the last without LH."""
    requests = men(6)
    del requests[-1]["lh"]
    record(home, scorer, requests)
    return home


def record(home, scorer, requests, change=lambda _: None) -> list[int]:
    """Record answers, changed first; return their sequences."""
    answers = json.loads(json.dumps(scorer.score_many(requests)))
    for answer in answers:
        change(answer)
    digest = scorer.bundle.digest
    with open_ledger(home) as ledger:
        return [
            ledger.append(entry(r, a, digest)).sequence
            for r, a in zip(requests, answers, strict=True)
        ]


def decisions(home, which: str = "all") -> list:
    with Reader(home) as reader:
        pages = selected(reader, which, kind="decision", payloads=True)
        return [record for page in pages for record in page]


def run(capsys, *words) -> tuple[int, str]:
    code = main([str(word) for word in words])
    return code, capsys.readouterr().out


def run_json(capsys, *words) -> tuple[int, dict]:
    code, out = run(capsys, "audit", *words, "--json")
    return code, json.loads(out)


def test_decisions_replay_identically(decided):
    """What was answered is answered again to the last bit, with a probability or without."""
    told = replay(decided, decisions(decided), actor="Ada")

    assert [one.state for one in told] == ["identical"] * 6
    assert [one.sequence for one in told] == [r.sequence for r in decisions(decided)]


def test_a_contribution_changed_by_1e_12_is_told_apart(decided, scorer):
    """One record with one number off in the twelfth digit: it, and nothing else, differs."""

    def change(answer):
        answer["explanation"]["contributions"][0]["log_odds"] += 1e-12

    (odd,) = record(decided, scorer, [men(1)[0]], change)
    *others, told = replay(decided, decisions(decided), actor="Ada")
    (difference,) = told.differences

    assert {one.state for one in others} == {"identical"}
    assert (told.sequence, told.state, told.why) == (odd, "differs", ())
    assert difference.pointer == "/explanation/contributions/0/log_odds"
    assert difference.recorded - difference.now == pytest.approx(1e-12, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "pointer", "where"),
    [
        (lambda a: a["model"].update(version=7), "/model/version", "both"),
        (lambda a: a.update(status="caution"), "/status", "both"),
        (lambda a: a.pop("chance_only"), "/chance_only", "now"),
        (lambda a: a.update({"a/b~c": None}), "/a~1b~0c", "recorded"),
        (lambda a: a["improvement"]["interval"].append(1), "/improvement/interval/2", "recorded"),
        (lambda a: a["comparators"].update(t_lh_at_least_100=0), None, "both"),
    ],
    ids=["version", "status", "removed", "added", "longer", "zero-for-false"],
)
def test_each_difference_is_told_with_its_place(home, scorer, change, pointer, where):
    """A pointer, what was recorded, what is answered now, and which of them has it."""
    record(home, scorer, men(1), change)
    (told,) = replay(home, decisions(home), actor="Ada")
    (difference,) = told.differences

    assert difference.pointer == (pointer or "/comparators/t_lh_at_least_100")
    assert difference.where == where
    assert told.as_dict()["differences"][0]["pointer"] == difference.pointer


def test_a_decision_is_judged_by_its_own_day(home, scorer):
    """A sample that was fresh on the day of the answer is not old when it is replayed."""
    request = {**PUBLISHED_MAN, "sampled_on": "2026-01-05"}
    for day, old in ((datetime.date(2026, 2, 1), False), (datetime.date(2026, 9, 1), True)):
        answer = json.loads(json.dumps(scorer.score(request, today=day)))
        moment = datetime.datetime.combine(day, datetime.time(23, 59, 59), tzinfo=datetime.UTC)
        name = int(moment.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62
        made = entry(request, answer, scorer.bundle.digest)
        with open_ledger(home) as ledger:
            named = Entry(
                kind="decision", actor="key-1", model=made.model, request=made.request,
                answer=made.answer, id=uuid.UUID(int=name),
            )  # fmt: skip
            ledger.append(named)
        assert ("stale_labs" in json.dumps(answer["cautions"])) is old

    assert {one.state for one in replay(home, decisions(home), actor="Ada")} == {"identical"}


def test_what_computed_the_answer_is_told_where_it_changed(home, scorer):
    """The record says itself which packages and platform it came from, field by field."""
    former = {**environment(), "numpy": "1.0", "machine": "vax", "code": "sha256:00"}
    answer = {**json.loads(json.dumps(scorer.score(men(1)[0]))), "status": "caution"}
    made = entry(men(1)[0], answer, scorer.bundle.digest)
    for computed in (Text.of(json.dumps(former).encode()), environment_text(), None):
        with open_ledger(home) as ledger:
            ledger.append(dataclasses.replace(made, id=new_id(), environment=computed))
    changed, same, unknown = replay(home, decisions(home), actor="Ada")

    assert changed.why == (
        f"numpy was 1.0, now {environment()['numpy']}",
        f"machine was vax, now {environment()['machine']}",
        "the code of respredict was changed",
    )
    assert same.why == ()
    assert unknown.why == ("what computed it is not recorded",)
    assert {one.differences for one in (changed, same, unknown)} == {same.differences}


def test_a_replay_is_recorded_before_it_is_shown(decided, capsys):
    """Who replayed what stands in the ledger; without that, nothing is rescored."""
    first = decisions(decided)[0].sequence
    assert run_json(capsys, "replay", first, "--actor", "Ada")[0] == 0
    assert run_json(capsys, "replay", "--actor", "Bo")[0] == 0
    with Reader(decided) as reader:
        one, every = reader.find(Filter(kind="read"), payloads=True).records
    told = [json.loads(r.payload.answer) for r in (one, every)]
    (decided / "ledger.db").chmod(0o444)
    refused = run(capsys, "audit", "replay", first)
    (decided / "ledger.db").chmod(0o600)

    assert [(one.actor, one.about), (every.actor, every.about)] == [("Ada", first), ("Bo", 0)]
    assert told[0] == {"read": "replay", "sequences": [first]}
    assert told[1]["sequences"] == [r.sequence for r in decisions(decided)]
    assert refused == (2, "")


def test_a_request_that_is_refused_now_is_told_with_the_reason(home, scorer):
    """What cannot be rescored is no difference of numbers, and no crash."""
    answer = scorer.score(men(1)[0])
    with open_ledger(home) as ledger:
        ledger.append(entry({"age": 34, "lh": 3}, answer, scorer.bundle.digest))
    (told,) = replay(home, decisions(home), actor="Ada")

    assert told.state == "refused"
    assert "lh must be an object" in told.why[0]


def test_a_decision_that_is_no_json_is_damage(home, scorer):
    """A record that nobody can read as a decision says so."""
    with open_ledger(home) as ledger:
        ledger.append(Entry(kind="decision", actor="key-1", request=b"{}", answer=b"no"))
    with pytest.raises(LedgerDamageError, match="a decision must be JSON"):
        replay(home, decisions(home), actor="Ada")


def test_a_changed_bundle_is_refused(decided, capsys):
    """A model whose bytes are not those named is not used to vouch for anything."""
    digest = champion(decided)["digest"].removeprefix("sha256:")
    meta = decided / "bundles" / digest / "meta.json"
    meta.write_text(meta.read_text().replace("demonstration", "Demonstration"))

    with pytest.raises(BundleError, match="a file was changed"):
        replay(decided, decisions(decided), actor="Ada")
    assert run(capsys, "audit", "replay")[0] == 2


def test_a_model_is_loaded_once_for_all_pages(decided):
    """A Replayer keeps what it loaded."""
    replayer = Replayer(decided, "Ada")
    first, second = (replayer.replay(decisions(decided)) for _ in range(2))

    assert first == second
    assert len(replayer._scorers) == 1


def test_records_are_named_by_sequence_id_range_or_all(decided, capsys):
    """One, a range, all, or a sample that the same seed draws again."""
    every = decisions(decided)
    first, second = every[:2]
    with Reader(decided) as reader:
        samples = [
            [r.sequence for page in drawn(reader, "all", 3, seed=seed) for r in page]
            for seed in (1, 1, 2, 3)
        ]

    assert len(every) == 6
    assert decisions(decided, str(first.sequence)) == [first]
    assert decisions(decided, str(second.id)) == [second]
    assert decisions(decided, f"{first.sequence}-{second.sequence}") == [first, second]
    assert samples[0] == samples[1]
    assert len(set(map(tuple, samples))) > 1
    with pytest.raises(InputError, match="WHICH must be a decision, got a record of kind key"):
        decisions(decided, "1")
    with pytest.raises(InputError, match="WHICH must be a sequence, id"):
        decisions(decided, "yesterday")
    for which, rule in (("yesterday", "an id, got"), ("2-3", "an id here, not several"),
                        ("all", "an id here, not several")):  # fmt: skip
        assert main(["audit", "show", which]) == 2
        assert f"WHICH must be a sequence or {rule}" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"WHICH must rise, got 5-2. Write it as 2-5"):
        decisions(decided, "5-2")


def test_a_range_past_the_end_says_where_the_ledger_ends(decided, tmp_path, monkeypatch, capsys):
    """What is there is replayed and exported, and a note says from where on nothing stands."""
    monkeypatch.setenv("RESPREDICT_HOME", str(decided))
    with Reader(decided) as reader:
        end = reader.head()[0]
    assert main(["audit", "replay", "1-999999", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["identical"] == 6
    assert f"the ledger ends at record {end}: nothing stands at {end + 1} to 999999." in said.err
    assert main(["audit", "export", f"2-{end + 9}", "--out", str(tmp_path / "pack.zip")]) == 0
    assert f"nothing stands at {end + 2} to {end + 9}." in capsys.readouterr().err  # one was read
    assert main(["audit", "replay", "2-3"]) == 0
    assert "ends" not in capsys.readouterr().err


def test_a_promotion_says_who_why_what_and_what_before(home):
    """Each names the champion before it."""
    version = promote("1", home=home, actor="Bo", reason="again")
    with Reader(home) as reader:
        first, second = promotions(reader)
        records = reader.find(Filter(kind="promotion")).records

    assert (first.actor, first.reason, first.previous) == ("Ada", "first", None)
    assert (second.actor, second.reason, second.previous) == ("Bo", "again", first.digest)
    assert (second.version, second.run_id) == (1, version.run_id)
    assert second.environment == environment()
    assert [r.model for r in records] == [version.digest] * 2


def test_promotion_is_recorded_before_it_is_done(home, tmp_path):
    """If nothing can be recorded, neither the alias nor ``champion.json`` names a model."""
    import mlflow

    fresh = tmp_path / "fresh"
    shutil.copytree(home / "bundles", fresh / "bundles")
    create_ledger(fresh)
    mlflow.MlflowClient().delete_registered_model_alias("respredict", "champion")
    (fresh / "ledger.db").chmod(0o444)
    with pytest.raises(LedgerError, match="read-only"):
        promote("1", home=fresh)
    with pytest.raises(RegistryError):
        registry.find_version("champion")
    nothing = (fresh / "champion.json").exists()
    (fresh / "ledger.db").chmod(0o600)
    version = promote("1", home=fresh)

    assert not nothing
    assert disagreements(fresh, (1, version.digest)) == []


def test_a_home_older_than_its_ledger_names_its_former_champion(tmp_path):
    """The first promotion on record says which model it took the place of."""
    assert disagreements_of_new(tmp_path) == []
    set_champion(tmp_path, {"name": "respredict", "version": 1, "digest": "sha256:11"})
    (without,) = disagreements(tmp_path)
    record_promotion(
        tmp_path, name="respredict", version=2, digest="sha256:22", run_id="r", actor="Ada"
    )
    with Reader(tmp_path) as reader:
        (told,) = promotions(reader)

    assert without.startswith("champion.json names a model, but no promotion is recorded")
    assert told.previous == "sha256:11"


def disagreements_of_new(home) -> list[str]:
    create_ledger(home)
    return disagreements(home)


def test_a_champion_that_the_ledger_does_not_name_is_told_and_mended(home, capsys):
    """``audit verify`` says no for either pointer, and ``promote`` repairs it."""
    right = champion(home)
    set_champion(home, {**right, "version": 9})
    (sentence,) = disagreements(home)
    code, told = run_json(capsys, "verify")
    (both,) = [disagreements(home, alias=(0, ""))]
    main(["promote", "1", "--reason", "repair", "--actor", "Ada"])
    capsys.readouterr()
    mended = run_json(capsys, "verify")

    assert "champion.json must name version 1" in sentence
    assert "Run: respredict promote 1." in sentence
    assert (code, told["ok"], told["champion"]) == (1, False, [sentence])
    assert both[1].startswith("the alias champion must name version 1")
    assert both[1].endswith("got none. Run: respredict promote 1.")
    assert (mended[0], mended[1]["champion"]) == (0, [])
    assert champion(home) == right


def test_live_on_tells_the_champions_of_a_day(home, capsys):
    """Today's with its reason; before the first promotion nobody, and the answer is no."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    (reign,) = live_on(home, today)
    code, out = run(capsys, "audit", "live-on", today)

    assert (reign.promotion.version, reign.until) == (1, None)
    assert code == 0
    assert "to now, promoted by Ada (record 2): first." in out
    assert run_json(capsys, "live-on", "2026-03-01") == (1, {"day": "2026-03-01", "champions": []})
    assert run(capsys, "audit", "live-on", "2999-01-01")[0] == 2
    assert run(capsys, "audit", "live-on", "March")[0] == 2


@pytest.mark.parametrize(
    ("day", "versions"), [(1, []), (2, [1]), (4, [1]), (5, [1, 2]), (6, [2]), (31, [2])]
)
def test_a_reign_ends_with_the_next_promotion(home, day, versions):
    """Before the first none, on a day of change both, afterwards the last."""
    with Reader(home) as reader:
        (first,) = promotions(reader)
    every = [
        dataclasses.replace(
            first, version=i + 1, time=datetime.datetime(2026, 3, d, 12, tzinfo=datetime.UTC)
        )
        for i, d in enumerate((2, 5))
    ]
    found = reigns(every, datetime.date(2026, 3, day))

    assert [r.promotion.version for r in found] == versions
    assert reigns([], datetime.date(2026, 3, day)) == []
    assert all(r.as_dict()["until"] == "2026-03-05T12:00:00+00:00" for r in found[:-1])


def test_verify_says_yes_no_and_what_it_cannot_know(decided, capsys, tmp_path):
    """Exit code 0 for a good chain, 1 for a bad one, 2 where there is none."""
    checkpoint_now(decided)
    kept = shutil.copy(decided / "checkpoints.jsonl", tmp_path / "kept.jsonl")
    key = shutil.copy(decided / "checkpoint.pub", tmp_path / "kept.pub")
    good = run_json(capsys, "verify", "--against", kept, "--public-key", key)
    text = run(capsys, "audit", "verify")
    (decided / "checkpoints.jsonl").write_text("{}\n")
    bad = run_json(capsys, "verify")

    assert (good[0], good[1]["ok"], good[1]["champion"]) == (0, True, [])
    assert text[0] == 0
    assert "records hold" in text[1]
    assert "Not known: Without a checkpoint kept outside" in text[1]
    assert (bad[0], bad[1]["ok"]) == (1, False)
    shutil.rmtree(decided)
    assert main(["audit", "verify"]) == 2


def test_verify_where_no_store_is_says_so(decided, capsys, monkeypatch, tmp_path):
    """An auditor without MLflow's store gets no store made for him."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(tmp_path)
    code, told = run_json(capsys, "verify")

    assert code == 0
    assert "Whether the alias champion agrees" in told["cannot_know"][-1]
    assert [f.name for f in tmp_path.iterdir()] == ["home"]


def test_replay_counts_and_tells_what_differs(decided, scorer, capsys):
    """Exit code 1 as soon as one differs; a sample names its seed."""
    good = run_json(capsys, "replay")
    sampled = run_json(capsys, "replay", "--sample", 2)
    record(decided, scorer, men(1), lambda a: a.update(status="caution"))
    code, out = run(capsys, "audit", "replay")

    assert (good[0], good[1]["asked"], good[1]["identical"]) == (0, 6, 6)
    assert (sampled[0], sampled[1]["asked"]) == (0, 2)
    assert sampled[1]["seed"] is not None
    assert code == 1
    assert "6 of 7 identical, 1 differ" in out
    assert '/status: "caution" recorded, "scored" now' in out
    assert run(capsys, "audit", "replay", "--sample", 0)[0] == 2
    assert run(capsys, "audit", "replay", "1-2") == (0, "No decision is among them.\n")
    assert run(capsys, "audit", "replay", 2)[0] == 2


def test_list_tells_which_records_there_are_and_not_what_they_say(decided, capsys):
    """Newest first, of a kind and of days; nobody's reading is recorded."""
    every, shown = run_json(capsys, "list")[1]["records"], run(capsys, "audit", "list")[1]
    some = run_json(capsys, "list", "--kind", "decision", "--most", 2)[1]["records"]
    today = decisions(decided)[0].time.date()
    with Reader(decided) as reader:
        last = reader.head()[0]

    assert [r["sequence"] for r in every] == list(range(last, 0, -1))
    assert [r["sequence"] for r in some] == [d.sequence for d in decisions(decided)[:-3:-1]]
    assert not {"request", "answer", "risk", "pseudonym"} & set(every[0])
    assert "man-0" not in shown
    assert len(run_json(capsys, "list", "--since", today, "--until", today)[1]["records"]) == last
    assert "No such record." in run(capsys, "audit", "list", "--until", "2020-01-01")[1]
    assert "raise --most" in run(capsys, "audit", "list", "--most", 2)[1]
    assert run(capsys, "audit", "list", "--since", "tomorrow")[0] == 2
    assert run(capsys, "audit", "list", "--most", 0)[0] == 2


def test_show_prints_a_decision_and_records_that_it_was_read(decided, capsys):
    """In words or as JSON; who read it stands in the ledger."""
    one, *_, without_lh = decisions(decided)
    code, out = run(capsys, "audit", "show", one.id, "--actor", "Ada")
    told = run_json(capsys, "show", one.sequence, "--actor", "Bo")
    with Reader(decided) as reader:
        reads = reader.find(Filter(kind="read")).records

    assert code == 0
    assert "%" in out
    assert '"reference": "man-0"' in out
    assert told[1]["answer"]["decision_id"] == str(one.id)
    assert told[1]["request"]["reference"] == "man-0"
    assert [(r.actor, r.about) for r in reads] == [("Ada", one.sequence), ("Bo", one.sequence)]
    assert run(capsys, "audit", "show", without_lh.sequence)[0] == 0
    assert "promotion" in run(capsys, "audit", "show", 2)[1]
    assert run(capsys, "audit", "show", 10**6)[0] == 2


def test_erase_takes_a_man_out_and_leaves_the_chain(decided, capsys):
    """By pseudonym or by id; reads of him go along, and replaying counts him as erased."""
    first, second = decisions(decided)[:2]
    run(capsys, "audit", "show", first.sequence)
    by_pseudonym = run_json(capsys, "erase", " man-0 ", "--reason", "asked for")
    by_id = run_json(capsys, "erase", second.id, "--reason", "asked for")
    replayed = run_json(capsys, "replay")

    assert by_pseudonym[0] == by_id[0] == 0
    assert by_pseudonym[1]["erased"][0] == first.sequence
    assert len(by_pseudonym[1]["erased"]) == 2
    assert by_id[1]["erased"] == [second.sequence]
    assert verify(decided).ok
    assert (replayed[0], replayed[1]["erased"], replayed[1]["identical"]) == (0, 2, 4)
    assert run_json(capsys, "replay", first.sequence)[0] == 1
    shown = run_json(capsys, "show", first.sequence)
    assert (shown[0], shown[1]["erased"], shown[1]["answer"]) == (1, True, None)
    assert run(capsys, "audit", "erase", "nobody", "--reason", "x")[0] == 2
    with Reader(decided) as reader:
        promotion = reader.get(2)
    assert run(capsys, "audit", "erase", promotion.id, "--reason", "x")[0] == 2


def test_export_writes_a_pack_and_records_the_reading(decided, capsys, tmp_path):
    """The pack holds what was named, once, and is sealed."""
    first, second, *_ = (r.sequence for r in decisions(decided))
    words = ("export", first, f"{first}-{second}", "--out", tmp_path / "pack.zip")
    code, told = run_json(capsys, *words, "--actor", "Ada")
    with Reader(decided) as reader:
        reads = reader.find(Filter(kind="read")).records

    assert (code, told["sequences"], told["sealed"]) == (0, [first, second], True)
    assert [(r.actor, r.about) for r in reads] == [("Ada", first), ("Ada", second)]
    out = tmp_path / "none" / "pack.zip"
    assert run(capsys, "audit", "export", first, "--out", out)[0] == 2
    before = (tmp_path / "pack.zip").read_bytes()
    assert run(capsys, "audit", "export", second, "--out", tmp_path / "pack.zip")[0] == 2
    assert (tmp_path / "pack.zip").read_bytes() == before
    assert run(capsys, "audit", "export", "900-901", "--out", tmp_path / "p.zip")[0] == 2


def test_checkpoint_backup_and_restore(decided, scorer, capsys, tmp_path):
    """Signed once, copied, and put back only by force where records would be lost."""
    run(capsys, "audit", "checkpoint")
    again = run_json(capsys, "checkpoint")
    copied = run_json(capsys, "backup", tmp_path / "copy.db")
    record(decided, scorer, men(1))
    refused = run(capsys, "audit", "restore", tmp_path / "copy.db")
    words = ("restore", tmp_path / "copy.db", "--force", "--reason", "a test")
    forced = run_json(capsys, *words)

    assert again == (0, {"sequence": None})
    assert (copied[0], copied[1]["file"]) == (0, str(tmp_path / "copy.db"))
    assert refused[0] == 2
    assert forced[0] == 0
    assert len(decisions(decided)) == 6
    assert verify(decided).ok
    assert run(capsys, "audit", "backup", tmp_path / "copy.db")[0] == 2


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_is_one_record_with_its_digests_and_a_root(home, capsys, tmp_path, form):
    """Each line of the scores is proven by the root in the ledger; Parquet by its digest."""
    out = tmp_path / f"scores.{form}"
    table = tmp_path / "clinic.csv"
    table.write_text("patient_id,age_years,testosterone_ng_dl,lh_iu_l\nA,30,300,4\nB,31,high,5\n")
    assert main(["score", str(table), "--out", str(out), "--json"]) == 0
    ledger = json.loads(capsys.readouterr().out)["ledger"]
    with Reader(home) as reader:
        kept = reader.get(ledger["sequence"])
    told = json.loads(kept.payload.answer)
    lines = out.read_bytes().split(b"\n")[:-1]

    assert (kept.kind, kept.model) == ("batch", champion(home)["digest"])
    assert told["input"] == "sha256:" + hashlib.sha256(table.read_bytes()).hexdigest()
    assert told["output"] == "sha256:" + hashlib.sha256(out.read_bytes()).hexdigest()
    assert (told["rows"], told["rejected"]) == (2, 1)
    if form == "parquet":
        assert told["merkle_root"] is None
        return
    root = bytes.fromhex(told["merkle_root"])
    assert told["lines"] == len(lines)
    for i, line in enumerate(lines):
        assert is_proven(line, i, len(lines), merkle_proof(lines, i), root)


TABLE = (
    "patient_id,age_years,testosterone_ng_dl,lh_iu_l\n"
    "A,30,300,4\nB,31,high,5\nC,40,410,3\nD,35,280,6\n"
)


@pytest.fixture
def table(tmp_path):
    """Return a clinic's table, one row of which cannot be read."""
    file = tmp_path / "clinic.csv"
    file.write_text(TABLE)
    return file


def test_scores_that_cannot_be_recorded_never_appear(home, capsys, table, tmp_path):
    """No answer without its record, and those of an earlier run stay."""
    earlier = tmp_path / "clinic.scores.csv"
    earlier.write_text("earlier")
    (home / "ledger.db").chmod(0o444)
    code = main(["score", str(table)])
    (home / "ledger.db").chmod(0o600)

    assert code == 2
    assert "read-only" in capsys.readouterr().err
    assert sorted(f.name for f in tmp_path.iterdir()) == ["clinic.csv", earlier.name, "home"]
    assert earlier.read_text() == "earlier"


def test_scores_take_their_name_after_their_record(home, capsys, table, monkeypatch):
    """Killed between the two, the record stands, and verify and replay say what is missing."""
    out = table.with_suffix(".scores.csv")
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Outputs, "appear", lambda _: os.kill(os.getpid(), signal.SIGKILL))
        main(["score", str(table)])
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    code, told = run_json(capsys, "verify")
    with Reader(home) as reader:
        (kept,) = reader.find(Filter(kind="batch")).records
    again = run_json(capsys, "replay", kept.sequence)

    assert not out.exists()
    assert (code, told["ok"]) == (0, True)
    said = f"Whether the scores of record {kept.sequence} ever took their name: {out} is not there"
    assert told["cannot_know"][-1].startswith(said)
    assert (again[0], again[1]["state"], again[1]["output"]) == (0, "identical", "missing")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_table_replays_to_the_last_byte(home, capsys, table, form):
    """From the files as recorded or as named, whole or a sample; each replay is recorded."""
    out = table.with_suffix(f".scores.{form}")
    explain = ["--explain"] if form == "csv" else []
    assert main(["score", str(table), "--out", str(out), "--json", *explain]) == 0
    sequence = json.loads(capsys.readouterr().out)["ledger"]["sequence"]
    whole = run_json(capsys, "replay", sequence, "--actor", "Ada")
    moved = table.rename(table.with_name("moved.csv"))
    named = run_json(capsys, "replay", sequence, "--input", moved, "--output", out)
    sampled = run_json(capsys, "replay", sequence, "--input", moved, "--rows", 3, "--seed", 5)
    lost = run_json(capsys, "replay", sequence)
    with Reader(home) as reader:
        reads = reader.find(Filter(kind="read")).records

    assert (whole[0], whole[1]["state"], whole[1]["compared"]) == (0, "identical", 3)
    assert whole[1]["now"] == whole[1]["recorded"]
    assert whole[1]["recorded"]["rejected"] == 1
    assert (whole[1]["recorded"]["merkle_root"] is None) == (form == "parquet")
    assert named == whole
    assert (sampled[0], sampled[1]["state"], sampled[1]["seed"]) == (0, "identical", 5)
    assert (lost[0], lost[1]["state"], lost[1]["input"]) == (1, "refused", "missing")
    assert "the input must be the one recorded, sha256:" in lost[1]["why"][0]
    assert [(r.actor, r.about) for r in reads][:1] == [("Ada", sequence)]
    assert len(reads) == 4


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_changed_score_is_named_by_its_row(home, capsys, table, form):
    """The record still replays; the file on disk is not the one recorded, and where."""
    out = table.with_suffix(f".scores.{form}")
    assert main(["score", str(table), "--out", str(out), "--json"]) == 0
    sequence = json.loads(capsys.readouterr().out)["ledger"]["sequence"]
    lines = out.read_text().splitlines()
    changed = [*lines[:-2], lines[-2].replace("caution", "scored"), lines[-1], ""]
    out.write_text("\n".join(changed))
    code, told = run_json(capsys, "replay", sequence)
    sampled = run_json(capsys, "replay", sequence, "--rows", 4)
    out.write_text("\n".join([*lines[:-2], lines[-1]]) + "\n")
    dropped = run(capsys, "audit", "replay", sequence)

    assert (code, told["state"], told["output"]) == (1, "identical", "changed")
    (row,) = told["differing"]
    assert row["row"] == 3
    assert ("scored" in row["in_file"], "caution" in row["now"]) == (True, True)
    assert (sampled[0], sampled[1]["differing"]) == (1, [row])
    assert dropped[0] == 1
    assert "row 3 in the file: None" in dropped[1]


def test_a_table_that_scores_otherwise_now_says_what_changed(home, capsys, table):
    """Other numbers: the counts and the root differ, and so do packages and platform."""
    assert main(["score", str(table), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    former = {**environment(), "scipy": "0.1"}
    with Reader(home) as reader:
        kept = reader.get(told["ledger"]["sequence"])
    answer = json.loads(kept.payload.answer)
    wrong = {**answer, "merkle_root": "00" * 32, "counts": {"scored": 9}}
    made = Entry(
        kind="batch", actor="Ada", model=kept.model, answer=json.dumps(wrong).encode(),
        environment=Text.of(json.dumps(former).encode()),
    )  # fmt: skip
    with open_ledger(home) as ledger:
        sequence = ledger.append(made).sequence
    code, out = run(capsys, "audit", "replay", sequence)

    assert code == 1
    assert f"Record {sequence}: 3 men scored again, differs." in out
    assert 'counts: {"scored": 9} recorded' in out
    assert f"scipy was 0.1, now {environment()['scipy']}" in out


def test_what_is_for_tables_is_refused_for_decisions(decided, capsys, table):
    """Options that would be ignored are refused; so is a sample of scores that are gone."""
    first = decisions(decided)[0].sequence
    assert run(capsys, "audit", "replay", first, "--rows", 2)[0] == 2
    assert run(capsys, "audit", "replay", "all", "--input", table)[0] == 2
    assert main(["score", str(table), "--json"]) == 0
    sequence = json.loads(capsys.readouterr().out)["ledger"]["sequence"]
    assert run(capsys, "audit", "replay", sequence, "--rows", 0)[0] == 2
    table.with_suffix(".scores.csv").unlink()
    assert main(["audit", "replay", str(sequence), "--rows", "2"]) == 2
    assert "--rows must be at least 1, of scores that are there" in capsys.readouterr().err


def test_a_score_from_the_command_line_is_a_decision(home, capsys, tmp_path):
    """Recorded with its exact bytes before it is printed, and replayed like any other."""
    body = b'{ "age": 34, "reference": "m-7",\n "lh": {"value": 3.40, "unit": "IU/L"}}'
    (tmp_path / "man.json").write_bytes(body)
    code, out = run(capsys, "score", tmp_path / "man.json", "--json")
    answer = json.loads(out)
    text = run(capsys, "score", tmp_path / "man.json")[1]
    first, second = decisions(home)
    told = {k: v for k, v in answer.items() if k != "ledger"}

    assert code == 0
    assert (next(iter(answer)), list(answer)[-1]) == ("decision_id", "ledger")
    assert answer["ledger"] == {"sequence": first.sequence, "hash": first.hash.hex()}
    assert answer["decision_id"] == str(first.id)
    assert (first.payload.request, json.loads(first.payload.answer)) == (body, told)
    assert json.loads(first.payload.environment) == environment()
    assert (first.pseudonym, first.status, first.risk) == ("m-7", "indeterminate", None)
    assert f"Decision {second.id}, record {second.sequence}." in text
    assert [one.state for one in replay(home, [first, second], actor="Ada")] == ["identical"] * 2


def test_without_a_record_the_command_line_gives_no_score(home, capsys):
    """Fail closed; and where there is no ledger yet, one is made."""
    man = str(ROOT / "data" / "published_man.json")
    (home / "ledger.db").chmod(0o444)
    assert main(["score", man]) == 2
    refused = capsys.readouterr()
    (home / "ledger.db").unlink()
    assert main(["score", man, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)

    assert (refused.out, "read-only" in refused.err) == ("", True)
    assert answer["ledger"]["sequence"] == 2
    assert answer["improvement"]["probability"] == decisions(home)[0].risk


def test_what_is_done_with_keys_is_recorded(home):
    """Made, revoked or handed out: who, which, and why; nothing else is an event."""
    asked = {"key_id": "k-1", "role": "auditor", "actor": "Ada"}
    for event, reason in (("created", ""), ("revoked", "left"), ("linked", "")):
        record_key_event(home, event=event, reason=reason, **asked)
    with Reader(home) as reader:
        kept = reader.find(Filter(kind="key", actor="Ada"), payloads=True).records
    told = [json.loads(r.payload.answer) for r in kept]

    assert [(t["event"], t["key_id"], t["role"], t["reason"]) for t in told] == [
        ("created", "k-1", "auditor", ""),
        ("revoked", "k-1", "auditor", "left"),
        ("linked", "k-1", "auditor", ""),
    ]
    assert verify(home).ok
    with pytest.raises(ValueError, match=r"event must be one of .* Did you mean 'revoked'"):
        record_key_event(home, event="revoke", **asked)


def test_a_note_stands_beside_its_decision_and_goes_with_it(decided, capsys):
    """Who disagrees, because of what; gone when the man is erased."""
    first, second = decisions(decided)[:2]
    record_note(decided, about=first.sequence, text=" I disagree: azoospermia. ", actor="Ada")
    record_note(decided, about=first.sequence, text="ü" * 2000, actor="Bo")
    with Reader(decided) as reader:
        notes = notes_about(reader, first.sequence)
        assert notes_about(reader, second.sequence) == []
    run(capsys, "audit", "erase", first.id, "--reason", "asked for")
    with Reader(decided) as reader:
        gone = notes_about(reader, first.sequence)

    assert [(n.actor, n.text) for n in notes] == [
        ("Ada", "I disagree: azoospermia."), ("Bo", "ü" * 2000),
    ]  # fmt: skip
    assert notes[0].as_dict()["time"].endswith("+00:00")
    assert [n.text for n in gone] == ["", ""]
    assert verify(decided).ok
    for about, text, message in (
        (second.sequence, "  ", "text must have 1 to 2000 characters, got 0"),
        (second.sequence, "x" * 2001, "text must have 1 to 2000 characters, got 2001"),
        (1, "x", "about must be a decision on record, got a record of kind key"),
        (first.sequence, "x", "about must be a decision on record, got an erased one"),
    ):
        with pytest.raises(InputError, match=message):
            record_note(decided, about=about, text=text, actor="Ada")
    with pytest.raises(NoRecordError):
        record_note(decided, about=10**6, text="x", actor="Ada")


@pytest.mark.parametrize("rows", range(20))
def test_a_root_of_a_stream_is_that_of_the_whole(rows):
    """Row by row the same root comes out, for any number of rows."""
    lines = [b"%d" % i for i in range(rows)]
    assert root_of(lines) == (rows, merkle_root(lines))


@pytest.mark.prove
def test_ten_thousand_decisions_replay_in_little_more_than_their_scoring(home, scorer, capsys):
    """One process, from the command line, all identical, against scoring the same requests."""
    requests = men(10_000)
    record_all(home, scorer, requests)
    start = time.perf_counter()
    for i in range(0, len(requests), 500):
        json.dumps(scorer.score_many(requests[i : i + 500]))
    scored = time.perf_counter() - start
    start = time.perf_counter()
    code, told = run_json(capsys, "replay")
    seconds = time.perf_counter() - start
    with capsys.disabled():
        print(f"\n10,000 decisions replayed in {seconds:.1f} s, {told['identical']} identical; "
              f"scored in {scored:.1f} s")  # fmt: skip

    assert (code, told["identical"]) == (0, 10_000)
    assert seconds < 4 * scored


def record_all(home, scorer, requests) -> None:
    """Record many answers in large commits."""
    answers = scorer.score_many(requests)
    entries = [entry(r, a, scorer.bundle.digest) for r, a in zip(requests, answers, strict=True)]
    with open_ledger(home) as ledger:
        for i in range(0, len(entries), 1000):
            ledger.append_many(entries[i : i + 1000])


LONG = "a" * 300


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["list", "--most", "x"], "argument --most: invalid int value"),
        (["list", "--kind", "x"], "argument --kind: invalid choice"),
        (["replay", "--sample", "x"], "argument --sample: invalid int value"),
        (["show"], "the following arguments are required: which"),
        (["erase", "man-0"], "the following arguments are required: --reason"),
        (["show", "2", "--actor", ""], "--actor: must be 1 to 100 printable characters"),
        (["show", "2", "--actor", " "], "--actor: must be 1 to 100 printable characters"),
        (["show", "2", "--actor", "\udcff"], "--actor: must be 1 to 100 printable characters"),
        (["show", "2", "--actor", "a\nb"], "--actor: must be 1 to 100 printable characters"),
        (["checkpoint", "--actor", "x" * 101], "--actor: must be 1 to 100 printable characters"),
        (["list", "--since", "31.3.2026"], "must be a date"),
        (["erase", "man-0", "--reason", ""], "an erasure must have a reason, got none"),
        (["erase", "\udcff", "--reason", "x"], "WHOSE must be printable text"),
        (["erase", " ", "--reason", "x"], "WHOSE must be a man's, got nothing"),
        (["verify", "--against", ""], "--against must be a file, got a folder. Name the"),
        (["verify", "--against", "gone"], "--against must be a file, got no file gone"),
        (["verify", "--public-key", "gone"], "--public-key must be a file, got no file gone"),
        (["export", "2", "--out", LONG], "must"),
        (["backup", LONG], "must"),
        (["restore", LONG], "must"),
    ],
)
def test_words_that_are_wrong_get_one_clear_error_and_json(decided, capsys, words, told):
    """Exit code 2, one sentence on standard error and one document on standard output."""
    try:
        code = main(["audit", *words, "--json"])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    assert code == 2
    (error,) = json.loads(said.out)["errors"]
    assert told in said.err
    assert error
    assert "Traceback" not in said.err


def test_the_last_day_of_all_has_no_end(decided, capsys):
    """``--until 9999-12-31`` leaves nothing out."""
    every = run_json(capsys, "list")[1]["records"]
    assert run_json(capsys, "list", "--until", "9999-12-31")[1]["records"] == every


def test_verify_says_where_what_comes_next_cannot_be_signed(decided, capsys):
    """The key is gone, or is no key: the chain holds, and that is told."""
    key = decided / "checkpoint.key"
    told = run_json(capsys, "verify")[1]["cannot_know"]
    assert not any("can be signed" in sentence for sentence in told)
    key.rename(decided / "kept.key")
    code, without = run_json(capsys, "verify")
    assert (code, without["ok"]) == (0, True)
    said = "Whether what comes next can be signed: the key that the chain names is not here."
    assert said in without["cannot_know"]
    key.write_text("no key")
    told = run_json(capsys, "verify")[1]["cannot_know"]
    assert any("checkpoint.key must hold a private key" in sentence for sentence in told)


def test_scores_that_are_not_there_are_not_compared(decided, tmp_path, capsys, monkeypatch):
    """Who names the scores to check is told where there are none."""
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "men.csv"
    table.write_text("age_years,testosterone_ng_dl,lh_iu_l\n34,270.6,3.4\n", encoding="utf-8")
    assert main(["score", str(table), "--out", str(tmp_path / "scores.csv")]) == 0
    capsys.readouterr()
    with Reader(decided) as reader:
        (record,) = reader.find(Filter(kind="batch")).records
    which = str(record.sequence)
    assert run(capsys, "audit", "replay", which, "--output", str(tmp_path))[0] == 2
    assert run(capsys, "audit", "replay", which, "--output", str(tmp_path / "scores.csv"))[0] == 0


def test_an_actor_cannot_move_the_cursor(decided, capsys):
    """What somebody wrote as a name is shown without what a terminal obeys."""
    with open_ledger(decided) as ledger:
        ledger.append(Entry(kind="read", actor="ops\x1b[2K\rroot", answer=b'{"read":"x"}'))
    told = run(capsys, "audit", "list")[1]
    assert "ops?[2K?root" in told
    assert "\x1b" not in told
