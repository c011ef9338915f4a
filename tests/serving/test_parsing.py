"""From bytes to men: strict JSON, exact bytes, and one bad man who sinks nobody."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respredict.schema.request import Request
from serving.addresses import MAX_BODY_BYTES
from serving.parsing import parse, parse_man, parse_men
from serving.problems import RefusedError

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def refusal(read, body):
    with pytest.raises(RefusedError) as caught:
        read(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "line 1, column 1"),
        (b'{"age": 34', "line 1, column 11"),
        (b'{"age": 34} x', "line 1, column 13"),
        (b'{\n"age": 34,}', "line 2, column"),
        (b'{"age": NaN}', "NaN is not JSON"),
        (b'{"age": -Infinity}', "-Infinity is not JSON"),
        (b'{"age": 34, "age": 35}', "twice in one object"),
        (b'{"lh": {"value": 1, "value": 2}}', "twice in one object"),
        (b'{"age": "\xe9"}', "UTF-8"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"age": ' + b"9" * 20_000 + b"}", "normal length"),
        (b"[" * 60_000, "a few levels"),
        (b'{"a":' * 12_000, "a few levels"),
    ],
)
def test_what_is_no_strict_json_is_refused(body, detail):
    """With the place or the rule, and never with what stood there."""
    refused = refusal(parse_man, body)

    assert refused.code == "not-json"
    assert detail in refused.detail


@settings(max_examples=60)
@given(JSON_VALUES)
def test_every_json_value_is_read_as_python_reads_it(value):
    """Strictness takes nothing away from JSON."""
    body = json.dumps(value, ensure_ascii=False).encode(errors="ignore")
    assert parse(body) == json.loads(body)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(['{"age":34}', '{ "age" : 41.50 }', "[1]", '"{],"', "3"]),
                min_size=1, max_size=6),
       st.sampled_from(["", " ", "\n\t "]))  # fmt: skip
def test_men_keep_their_exact_bytes(men, space):
    """Each is cut out of the array as he stood in it."""
    body = f"{space}[{space}{f'{space},{space}'.join(men)}{space}]{space}".encode()
    found = parse_men(body)

    assert [exact.decode() for _, exact in found] == men
    assert [isinstance(man, Request) for man, _ in found] == [man.startswith("{") for man in men]


def test_one_bad_man_sinks_nobody():
    """NaN, a key twice, a broken rule and a man too large are told in their places."""
    large = json.dumps({"age": 34, "reference": "é" * 40_000}, ensure_ascii=False)
    body = f'[{{"age": 34}}, {{"age": NaN}}, {{"age": 1, "age": 2}}, {{"age": 7}}, {large}, 5]'
    found = parse_men(body.encode())

    assert isinstance(found[0][0], Request)
    rules = [problems[0].rule for problems, _ in found[1:]]
    assert rules == [
        "hold JSON values only", "hold each key once", "be 18 to 70 years", "be at most 64 kB",
        "be a JSON object",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"[]", "invalid-request", "none"),
        (b'{"age": 34}', "invalid-request", "another value"),
        (b"[" + b",".join([b'{"age":34}'] * 1001) + b"]", "invalid-request", "more"),
        (b'[{"age": 34}', "not-json", "column 13"),
        (b'[{"age": 34},]', "not-json", "column 14"),
        (b'[{"age": 34}] 1', "not-json", "column 15"),
        (b"[{},\n {]", "not-json", "line 2, column 3"),
        (b"[" + b"[" * 100_000, "not-json", "a few levels"),
        (b'[{"age": 34}, "' + b"x" * 70_000 + b'"]', "too-large", "64 kB a man"),
        (b"[{" + b'"a": [' + b"1," * 40_000 + b"1]}]", "too-large", "64 kB a man"),
    ],
)
def test_what_is_no_batch_is_refused_whole(body, code, told):
    """An array that cannot be cut into men gets one refusal."""
    refused = refusal(parse_men, body)

    assert refused.code == code
    assert told in refused.detail + "".join(problem.got for problem in refused.errors)


def test_a_batch_of_many_small_values_takes_bounded_memory():
    """4 MB of empty objects in one man are not built before they are refused."""
    body = b'[{"a": [' + b"{}," * 1_390_000 + b"{}]}]"
    tracemalloc.start()
    assert refusal(parse_men, body).code == "too-large"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(body) > 60 * MAX_BODY_BYTES
    assert peak < 20 * 2**20
