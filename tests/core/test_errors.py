"""The tree of exceptions."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from hilum import errors


def all_errors():
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.Error)]


def test_everything_in_the_module_is_one_of_ours():
    raised = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
    assert all_errors() == raised


def test_the_docstring_draws_every_error_below_its_parent():
    drawn = re.findall(r"^ {4}([│ ]*)[├└]── (\w+(?:, \w+)*)|^ {4}(Error)$", errors.__doc__, re.MULTILINE)
    last = {0: errors.Error}
    found = set()
    for indent, name, root in drawn:
        depth = 0 if root else 1 + len(indent) // 4
        kind = getattr(errors, root or name)
        if depth:
            assert kind.__bases__[0] is last[depth - 1]
        last[depth] = kind
        found.add(kind)
    assert found == set(all_errors())


@pytest.mark.parametrize("kind", [errors.ReadError, errors.NotAnImage, errors.UnsafeArchive, errors.WriteError])
def test_facts_are_attributes(kind):
    error = kind("Cannot read 'a.png'.", path=Path("a.png"))
    assert error.path == Path("a.png")
    assert str(error) == "Cannot read 'a.png'."
    assert kind("No path.").path is None


def test_a_refusal_carries_its_code():
    error = errors.Refused("No.", code="too-small", path="a.png")
    assert (error.code, error.path) == ("too-small", "a.png")
    assert isinstance(error, errors.ReadError)


def test_a_missing_extra_says_how_to_get_it():
    error = errors.MissingExtra("hilum train", "train")
    assert (
        str(error) == "hilum train needs packages that are not installed. Install them with: pip install 'hilum[train]'"
    )
    assert isinstance(error, ImportError)
    assert (error.feature, error.extra) == ("hilum train", "train")


def test_a_read_error_survives_the_way_from_a_worker():
    error = pickle.loads(pickle.dumps(errors.NotAnImage("It is empty.", path=Path("a.png"))))
    assert (type(error), str(error), error.path) == (errors.NotAnImage, "It is empty.", Path("a.png"))
