"""What a transaction knows of what it loaded: each message sees what those before it made of it, and nothing else."""

from typing import Final

import pytest

from contracts import uuid7
from messaging.loaded import Loaded

SQL: Final = "select one"
OTHER_SQL: Final = "select other"


@pytest.fixture
def loaded() -> Loaded:
    loaded = Loaded()
    loaded.learn(SQL, {"a": 1, "b": None}, for_good=True)
    return loaded


def test_what_is_not_there_is_known_and_not_asked_for_again(loaded: Loaded) -> None:
    loaded.mention(["a", "b", "c"])
    assert (loaded.knows(SQL, "b"), loaded.get(SQL, "b")) == (True, None)
    assert loaded.wanted(SQL, "d") == ["d", "c"]
    assert list(loaded.all_of(SQL)) == [1]


def test_each_statement_and_each_kind_of_key_is_asked_for_by_itself(loaded: Loaded) -> None:
    person = uuid7()
    loaded.mention(["a", person, "a"])
    assert not loaded.knows(OTHER_SQL, "a")
    assert loaded.wanted(OTHER_SQL, "b") == ["b", "a"]
    assert loaded.wanted(OTHER_SQL, person) == [person]


def test_what_is_mentioned_is_gone_through_when_it_is_asked_for(loaded: Loaded) -> None:
    loaded.mention(loaded.all_of(SQL))
    loaded.put(SQL, "a", 7)
    assert loaded.wanted(OTHER_SQL, 0) == [0, 7]


def test_what_a_message_has_put_is_seen_at_once_and_undone_with_it(loaded: Loaded) -> None:
    loaded.put(SQL, "a", 2)
    loaded.amend(SQL, "a", lambda known: known + 1)
    loaded.put(SQL, "c", None)
    assert (loaded.get(SQL, "a"), loaded.knows(SQL, "c")) == (3, True)
    loaded.undo()
    assert (loaded.get(SQL, "a"), loaded.knows(SQL, "c")) == (1, False)


def test_what_a_message_has_put_counts_for_those_after_it_once_it_is_kept(loaded: Loaded) -> None:
    loaded.put(SQL, "a", 2)
    loaded.keep()
    loaded.put(SQL, "a", 3)
    loaded.undo()
    assert loaded.get(SQL, "a") == 2


def test_what_nobody_has_asked_for_is_not_amended(loaded: Loaded) -> None:
    loaded.amend(SQL, "c", lambda known: "made up")
    assert not loaded.knows(SQL, "c")


def test_what_was_locked_for_one_message_alone_is_asked_for_again_once_that_is_undone(loaded: Loaded) -> None:
    loaded.learn(SQL, {"c": 3}, for_good=False)
    assert loaded.get(SQL, "c") == 3
    loaded.undo()
    assert not loaded.knows(SQL, "c")


def test_what_is_forgotten_is_asked_for_again(loaded: Loaded) -> None:
    loaded.put(SQL, "c", 3)
    loaded.forget(SQL)
    assert not any(loaded.knows(SQL, key) for key in "abc")
