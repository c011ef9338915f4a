"""The errors: their tree, the one form of a message, and that they travel between processes."""

from __future__ import annotations

import pickle

import pytest

from respredict import errors
from respredict.errors import (
    BundleError,
    CohortError,
    ConfigError,
    ExplanationError,
    InputError,
    Problem,
    RegistryError,
    RequestError,
    RespredictError,
    nearest,
)

HIGH = Problem("lh_iu_l", "be a number", "'high'", "Write a number or leave it empty", (4,))
NO_AGE = Problem("age", "be given", "nothing", "Send the man's age in years")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InputError, ValueError),
        (CohortError, InputError),
        (RequestError, InputError),
        (ConfigError, InputError),
        (BundleError, ValueError),
        (RegistryError, LookupError),
        (ExplanationError, ArithmeticError),
    ],
)
def test_the_tree_is_the_one_drawn(kind, builtin):
    """Each error is one of respredict's and the builtin that the module's drawing gives it."""
    assert issubclass(kind, RespredictError)
    assert issubclass(kind, builtin)
    assert kind.__name__ in errors.__doc__


def test_every_error_is_drawn_and_exported():
    """No error class is left out of the drawing or of ``__all__``."""
    kinds = {n for n, k in vars(errors).items() if isinstance(k, type) and issubclass(k, Exception)}
    assert kinds | {"Problem"} == set(errors.__all__)
    assert all(name in errors.__doc__ for name in kinds)


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ((), ""),
        ((4,), " in row 4"),
        ((4, 9), " in rows 4, 9"),
        ((1, 2, 3, 4, 5), " in rows 1, 2, 3, 4, 5"),
        (tuple(range(1, 13)), " in rows 1, 2, 3, 4, 5 and 7 more"),
    ],
)
def test_a_message_says_what_rule_value_rows_and_remedy(rows, where):
    """A problem is one sentence and its remedy, with the first five rows and how many more."""
    problem = Problem("lh_iu_l", "be a number", "'high'", "Write a number", rows)
    assert str(problem) == f"lh_iu_l must be a number, got 'high'{where}. Write a number."


def test_a_problem_is_a_json_object():
    """The object carries the message's parts, and every row where there are rows."""
    assert HIGH.as_dict() == {
        "field": "lh_iu_l",
        "rule": "must be a number",
        "got": "'high'",
        "remedy": "Write a number or leave it empty",
        "rows": [4],
    }
    assert "rows" not in NO_AGE.as_dict()
    assert Problem("x", "be", "y", "z", tuple(range(9))).as_dict()["rows"] == list(range(9))


def test_all_problems_are_told_a_line_each():
    """An error of several problems tells them in order, one line each."""
    error = CohortError([HIGH, NO_AGE])
    assert error.problems == (HIGH, NO_AGE)
    assert str(error).splitlines() == [str(HIGH), str(NO_AGE)]


def test_one_problem_may_stand_alone():
    """A single problem needs no list about it."""
    assert RequestError(NO_AGE).problems == (NO_AGE,)


@pytest.mark.parametrize("kind", [InputError, CohortError, RequestError, ConfigError])
def test_input_errors_survive_pickling(kind):
    """An error raised in a worker process arrives whole, message and problems."""
    error = kind([HIGH, NO_AGE])
    back = pickle.loads(pickle.dumps(error))

    assert type(back) is kind
    assert back.problems == error.problems
    assert str(back) == str(error)


@pytest.mark.parametrize("kind", [BundleError, RegistryError, ExplanationError])
def test_other_errors_survive_pickling(kind):
    """An error that is one sentence arrives as it was."""
    back = pickle.loads(pickle.dumps(kind("one sentence.")))
    assert (type(back), str(back)) == (kind, "one sentence.")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("estradoil", "Did you mean 'estradiol'? "),
        ("LH", ""),
        ("", ""),
        ("x" * 100_000, ""),
    ],
)
def test_the_nearest_name_is_advised_where_one_is_near(name, advice):
    """A near name is offered as the start of a sentence; without one there is no advice."""
    assert nearest(name, ("estradiol", "testosterone", "lh")) == advice
