"""Deciding: one man, many men, a repeated request, and a ledger that does not answer."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from respredict.errors import LedgerConflictError, LedgerError, Problem
from respredict.ledger.reading import Reader
from respredict.ledger.remote import open_remote
from respredict.ledger.verify import verify
from respredict.schema.request import read_request
from serving.deciding import Asked, Decider
from tests.serving_process.running import MAN, own_home

YOUNG = b'{"age": 29, "reference": "r-2"}'


@pytest.fixture
def home(trained, tmp_path):
    """Record in a home of its own."""
    return own_home(trained["home"], tmp_path)


def checked(body: bytes):
    return read_request(json.loads(body))


def decided(home, work, seconds: float = 5.0):
    """Run some work with a Decider of the home."""

    async def run():
        ledger = await open_remote(home, seconds=seconds)
        try:
            with Reader(home) as reader:
                return await work(Decider(ledger, reader), reader)
        finally:
            await ledger.close()

    return asyncio.run(run())


def men():
    problem = Problem("age", "be 18 to 100", "7", "Check the value")
    return [(checked(MAN), MAN), ((problem,), b'{"age": 7}'), (checked(YOUNG), YOUNG)]


def test_a_batch_is_answered_in_order_and_recorded_in_one_commit(home, scorer):
    """A man who is refused stands in his place; the others are what they are alone."""
    asked = Asked("key-1", b"the batch")

    async def work(decider, reader):
        alone = json.loads(await decider.decide(scorer, checked(MAN), Asked("key-1", MAN)))
        many = json.loads(await decider.decide_many(scorer, men(), asked))
        rows = [many[0]["ledger"]["sequence"], many[2]["ledger"]["sequence"]]
        return alone, many, [reader.get(row) for row in rows]

    alone, (first, refused, last), records = decided(home, work)
    for told in (alone, first):
        del told["decision_id"], told["ledger"]
    assert first == alone
    assert (refused["status"], refused["row"], refused["errors"][0]["field"]) == (
        "refused", 1, "age",
    )  # fmt: skip
    assert last["reference"] == "r-2"
    assert [record.payload.request for record in records] == [MAN, YOUNG]
    assert [record.actor for record in records] == ["key-1", "key-1"]
    assert verify(home).ok


@pytest.mark.parametrize("many", [False, True])
def test_a_repeated_request_gets_the_recorded_bytes(home, scorer, many):
    """Nothing is recorded again; another body under the key is refused."""

    async def work(decider, reader):
        async def ask(body):
            asked = Asked("key-1", body, "visit 7")
            if many:
                return await decider.decide_many(scorer, men(), asked)
            return await decider.decide(scorer, checked(MAN), asked)

        first, head = await ask(b"one"), reader.head()
        assert await ask(b"one") == first
        assert reader.head() == head
        with pytest.raises(LedgerConflictError):
            await ask(b"another")

    decided(home, work)


def test_a_batch_of_refused_men_records_nothing(home, scorer):
    """There is no decision in it."""

    async def work(decider, reader):
        head = reader.head()
        told = await decider.decide_many(scorer, [men()[1]], Asked("key-1", b"x", "k"))
        assert reader.head() == head
        return json.loads(told)

    (row,) = decided(home, work)
    assert row["status"] == "refused"


def test_a_ledger_that_does_not_answer_is_given_up(home, scorer):
    """The caller is told in time, and the ledger goes on with what comes next."""
    holder = sqlite3.connect(home / "ledger.db", isolation_level=None)

    async def work(decider, reader):
        head = reader.head()
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError) as refused:
            await decider.decide(scorer, checked(MAN), Asked("key-1", MAN))
        assert refused.value.reason == "locked"
        assert reader.head() == head
        holder.close()
        assert json.loads(await decider.decide(scorer, checked(MAN), Asked("key-1", MAN)))["ledger"]

    decided(home, work, seconds=0.3)
