"""The audit's chain, without a database: whatever is changed in it later is found and named, and nothing else is."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.gateway.audit import chain, keys, words
from hub.gateway.audit.chain import BEFORE_THE_FIRST, DATABASE, Checkpoint, Entry, Problem, find, hash_of, to_sign

always_the_same = settings(derandomize=True, deadline=None)  # no run fails by chance, or for a slow machine

COPY = "a copy"
KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CODES: tuple[chain.Code, ...] = get_args(chain.Code)
CANONICAL = ("2026-11-27 10:00:00.25+00", "operator:0", "refused", "redcross", "{}")
CONTENT = st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS)


@dataclass
class Written:
    """A chain as it was written, with a checkpoint at each of some numbers, the last one included."""

    entries: list[Entry]
    checkpoints: list[Checkpoint]

    def problems(self, copy: Sequence[Checkpoint] | None = None, check: Any = None) -> list[Problem]:
        sources = {DATABASE: self.checkpoints, **({COPY: copy} if copy is not None else {})}
        return list(find(self.entries, sources, check or signed_by(KEY)))


def signed_by(key: Ed25519PrivateKey) -> Callable[[Checkpoint], bool]:
    def check(one: Checkpoint) -> bool:
        try:
            key.public_key().verify(one.signature, to_sign(one.number, one.hash, one.at))
        except (InvalidSignature, TypeError):  # who tampers may have written anything in its place
            return False
        return True

    return check


def checkpoint(entry: Entry, key: Ed25519PrivateKey = KEY) -> Checkpoint:
    return Checkpoint(entry.number, entry.hash, entry.at, key.sign(to_sign(entry.number, entry.hash, entry.at)))


def linked(
    contents: Sequence[Sequence[str]], before: Entry | None = None, hashed: Callable[..., bytes] = hash_of
) -> list[Entry]:
    """Entries with these contents, behind `before`."""
    number, previous = (before.number, before.hash) if before else (0, BEFORE_THE_FIRST)
    entries = []
    for content in contents:
        number += 1
        at, actor, act, subject, details = content
        hash = hashed(number, at, actor, act, subject, details, previous)
        entries.append(Entry(number, at, actor, act, subject, details, previous, hash))
        previous = hash
    return entries


def write(contents: Sequence[Sequence[str]], signed: Callable[[int], bool] = lambda number: number % 3 == 0) -> Written:
    entries = linked(contents)
    last = len(entries)
    return Written(entries, [checkpoint(one) for one in entries if signed(one.number) or one.number == last])


def some(many: int) -> Written:
    return write([(f"2026-11-27 10:00:{n:02}+00", "operator:0", "refused", "redcross", "{}") for n in range(many)])


def numbers(problems: Sequence[Problem]) -> set[int]:
    return {one.number for one in problems}


@always_the_same
@given(st.lists(CONTENT, max_size=30), st.sets(st.integers(1, 30)))
def test_what_was_not_touched_is_right_whatever_its_length_and_wherever_it_is_signed(
    contents: list[tuple[str, ...]], signed: set[int]
) -> None:
    written = write(contents, signed.__contains__)
    assert written.problems() == written.problems(written.checkpoints) == written.problems([]) == []


def changed_somewhere(value: Any, draw: Any) -> Any:
    """The same with one bit, one character or one unit otherwise."""
    if isinstance(value, int):
        return value ^ (1 << draw(st.integers(0, 40)))
    if isinstance(value, bytes):
        at = draw(st.integers(0, len(value) - 1))
        return value[:at] + bytes([value[at] ^ (1 << draw(st.integers(0, 7)))]) + value[at + 1 :]
    at = draw(st.integers(0, len(value)))
    other = draw(WORDS.filter(lambda text: text != value[at : at + 1]))
    return value[:at] + other + value[at + 1 :] if other or at < len(value) else value + "x"


@always_the_same
@given(st.lists(CONTENT, min_size=1, max_size=12), st.sampled_from([one.name for one in fields(Entry)]), st.data())
def test_one_change_in_any_column_of_any_row_is_found_and_that_row_named(
    contents: list[tuple[str, ...]], column: str, data: st.DataObject
) -> None:
    written = write(contents)
    at = data.draw(st.integers(0, len(contents) - 1))
    before = written.entries[at]
    after = replace(before, **{column: changed_somewhere(getattr(before, column), data.draw)})
    # A table's rows come by their numbers: one whose number was changed stands elsewhere now.
    written.entries[at] = after
    written.entries.sort(key=lambda one: one.number)

    problems = written.problems()

    assert problems[0].number in {before.number, after.number}
    if column != "number":
        assert [(one.code, one.number) for one in problems] == [("changed", before.number)]


@pytest.mark.parametrize("column", [one.name for one in fields(Entry) if one.name != "number"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_column_that_was_emptied_is_found(column: str, nothing: Any) -> None:
    written = some(5)
    written.entries[2] = replace(written.entries[2], **{column: nothing})
    assert [(one.code, one.number) for one in written.problems()] == [("changed", 3)]


@always_the_same
@given(st.integers(1, 12), st.sampled_from([one.name for one in fields(Checkpoint)]), st.data())
def test_one_change_in_any_checkpoint_is_found_and_it_is_named(many: int, column: str, data: st.DataObject) -> None:
    written = some(many)
    at = data.draw(st.integers(0, len(written.checkpoints) - 1))
    before = written.checkpoints[at]
    after = replace(before, **{column: changed_somewhere(getattr(before, column), data.draw)})
    written.checkpoints[at] = after
    written.checkpoints.sort(key=lambda one: one.number)

    problems = written.problems()

    assert ("checkpoint_forged", after.number) in [(one.code, one.number) for one in problems]
    assert {one.code for one in problems} <= {"checkpoint_forged", "not_signed"}


@always_the_same
@given(st.integers(2, 12), st.data())
def test_a_row_that_was_removed_is_named(many: int, data: st.DataObject) -> None:
    written = some(many)
    first = data.draw(st.integers(1, many))
    last = data.draw(st.integers(first, many))
    del written.entries[first - 1 : last]

    (problem, *more) = written.problems(written.checkpoints)

    cut = last == many
    assert (problem.code, problem.number, problem.until) == ("tail_cut" if cut else "missing", first, last)
    assert [(one.code, one.source) for one in more] == ([("tail_cut", COPY)] if cut else [])


@always_the_same
@given(st.integers(2, 12), st.data())
def test_a_tail_that_was_cut_with_its_checkpoints_is_found_by_the_copy(many: int, data: st.DataObject) -> None:
    written = some(many)
    copy = list(written.checkpoints)
    keeps = data.draw(st.sampled_from([0, *(one.number for one in copy[:-1])]))
    written.entries = written.entries[:keeps]
    written.checkpoints = [one for one in copy if one.number <= keeps]

    assert written.problems() == []  # nobody could know
    assert written.problems(copy) == [Problem("tail_cut", keeps + 1, many, COPY)]


@always_the_same
@given(st.integers(2, 12), st.data())
def test_two_rows_that_were_exchanged_are_named(many: int, data: st.DataObject) -> None:
    written = some(many)
    one, other = sorted(data.draw(st.sets(st.integers(1, many), min_size=2, max_size=2)))
    first, second = written.entries[one - 1], written.entries[other - 1]
    written.entries[one - 1], written.entries[other - 1] = replace(second, number=one), replace(first, number=other)

    assert {one, other} <= numbers(written.problems())


@always_the_same
@given(st.integers(1, 12), st.data())
def test_a_row_that_stands_twice_is_named(many: int, data: st.DataObject) -> None:
    written = some(many)
    which, where = data.draw(st.integers(1, many)), data.draw(st.integers(1, many))
    twice = written.entries[which - 1]
    written.entries.insert(max(which, where), twice)

    assert written.problems() == [Problem("out_of_order", which)]


@always_the_same
@given(st.integers(1, 9), st.data())
def test_a_row_that_was_inserted_is_found_however_well_it_is_made(many: int, data: st.DataObject) -> None:
    written = some(many)
    place = data.draw(st.integers(1, many + 1))
    before = written.entries[place - 2] if place > 1 else None
    (inserted,) = linked([("2026-11-27 11:00:00+00", "operator:0", "key_revoked", "iom", "{}")], before)
    behind = [replace(one, number=one.number + 1) for one in written.entries[place - 1 :]]
    written.entries[place - 1 :] = [inserted, *behind]

    problem = written.problems()[0]

    if place > many:
        assert problem == Problem("not_signed", place, place)
    else:
        assert problem in (
            Problem("moved", place + 1, place),  # what stood there once
            Problem("rewritten", place, place // 3 * 3 - (3 if place % 3 == 0 else 0)),  # the checkpoint of its number
        )


@pytest.mark.parametrize("number", [0, -1, -(2**63)])
def test_a_row_with_a_number_before_the_first_is_named(number: int) -> None:
    written = some(4)
    written.entries.insert(0, replace(written.entries[2], number=number))
    assert written.problems() == [Problem("out_of_order", number)]


@always_the_same
@given(st.integers(1, 12), st.data())
def test_a_chain_that_was_written_anew_without_the_key_is_found_and_since_when(many: int, data: st.DataObject) -> None:
    written = some(many)
    copy = list(written.checkpoints)
    place = data.draw(st.integers(1, many))
    contents = [(one.at, one.actor, one.act, "iom", one.details) for one in written.entries[place - 1 :]]
    before = written.entries[place - 2] if place > 1 else None
    written.entries[place - 1 :] = linked(contents, before)
    last_right = max((one.number for one in copy if one.number < place), default=0)
    first_wrong = min(one.number for one in copy if one.number >= place)

    assert written.problems()[0] == Problem("rewritten", first_wrong, last_right)

    # With checkpoints of somebody else's key, or none any more, or with the copy beside them.
    written.checkpoints = [checkpoint(one, OTHER_KEY) for one in written.entries]
    assert Problem("checkpoint_forged", first_wrong) in written.problems()
    written.checkpoints = [one for one in copy if one.number < place]
    assert written.problems() == [Problem("not_signed", last_right + 1, many)]
    assert Problem("rewritten", first_wrong, last_right, COPY) in written.problems(copy)


def test_what_is_written_anew_with_the_key_is_found_by_a_copy_that_was_kept_elsewhere() -> None:
    written = some(9)
    kept = list(written.checkpoints)
    again = write([(one.at, one.actor, one.act, "iom", one.details) for one in written.entries])
    assert again.problems() == []
    assert Problem("rewritten", 3, 0, COPY) in again.problems(kept)


def test_an_entry_that_was_changed_with_a_hash_that_fits_is_found_by_the_next_one() -> None:
    written = some(5)
    one = replace(written.entries[3], subject="iom")
    written.entries[3] = replace(
        one, hash=hash_of(one.number, one.at, one.actor, one.act, one.subject, one.details, one.previous)
    )
    assert [(one.code, one.number) for one in written.problems()] == [("unlinked", 5)]


def test_a_checkpoint_that_was_removed_in_the_database_is_missed_by_the_copy() -> None:
    written = some(9)
    copy = list(written.checkpoints)
    del written.checkpoints[1]
    assert written.problems(copy) == [Problem("checkpoint_missing", 6)]


def test_the_last_checkpoint_is_missed_without_a_copy() -> None:
    written = some(8)
    del written.checkpoints[-1]
    assert written.problems() == [Problem("not_signed", 7, 8)]


def test_a_copy_may_have_begun_later_and_lack_the_last() -> None:
    written = some(12)
    assert written.problems(written.checkpoints[1:-1]) == []


def test_no_field_can_pass_for_a_part_of_its_neighbour() -> None:
    assert hash_of(1, "a", "b", "c", "d", "e", b"") != hash_of(1, "a", "bc", "", "d", "e", b"")
    assert hash_of(1, "a", 'b","c', "", "d", "e", b"") != hash_of(1, "a", "b", "c", "d", "e", b"")


# -- the copy's lines --------------------------------------------------------------------------------------------------


@always_the_same
@given(st.data())
def test_a_line_of_the_copy_with_anything_otherwise_is_no_line_or_not_signed(data: st.DataObject) -> None:
    (one,) = some(1).checkpoints
    line = one.as_line()
    assert chain.read_line(line) == one
    read = chain.read_line(changed_somewhere(line, data.draw))
    assert read is None or not signed_by(KEY)(read)


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", "null", "{", '{"number": 1}', '{"number": "x", "hash": 1, "at": "", "signature": ""}']
)
def test_what_is_no_line_is_none(line: str) -> None:
    assert chain.read_line(line) is None


# -- the key -----------------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_for_its_owner_alone_and_its_public_part_checks_what_it_signs(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    keys.make(directory)
    private, public = directory / keys.PRIVATE, directory / keys.PUBLIC
    made = private.read_bytes()
    public.unlink()
    keys.make(directory)

    assert private.read_bytes() == made
    assert private.stat().st_mode & 0o777 == 0o600
    sign, is_signed = keys.signer(directory), keys.checker(public)
    hash = bytes(32)
    assert is_signed(Checkpoint(7, hash, "now", sign(to_sign(7, hash, "now"))))
    assert not is_signed(Checkpoint(8, hash, "now", sign(to_sign(7, hash, "now"))))
    assert not is_signed(Checkpoint(7, hash, "now", None))  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"secret", b"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"])
def test_a_key_that_cannot_be_used_is_named_and_nothing_of_it_told(tmp_path: Path, content: bytes) -> None:
    for name in (keys.PRIVATE, keys.PUBLIC):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    for use in (lambda: keys.signer(tmp_path), lambda: keys.checker(tmp_path / keys.PUBLIC)):
        with pytest.raises(keys.UnusableKey) as error:
            use()
        assert "pem" in str(error.value)
        assert "secret" not in str(error.value)


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    keys.make(tmp_path)
    (tmp_path / keys.PRIVATE).chmod(0o640)
    with pytest.raises(keys.UnusableKey, match="open to others"):
        keys.signer(tmp_path)


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("until", [0, 9])
def test_each_problem_is_one_sentence_in_both_languages_that_names_its_number(code: chain.Code, until: int) -> None:
    languages: tuple[words.Language, ...] = ("en", "es")
    said = [words.problem(Problem(code, 7, until, COPY), language) for language in languages]
    assert said[0] != said[1]
    for sentence in said:
        assert "{" not in sentence
        assert "7" in sentence or code == "no_copy"
        assert sentence.endswith(".")


def test_no_word_is_left_over_or_lacks_its_translation() -> None:
    assert words.PROBLEMS["en"].keys() == words.PROBLEMS["es"].keys()
    assert {name.partition(" ")[0] for name in words.PROBLEMS["en"]} == set(CODES)
    assert words.OTHERS["en"].keys() == words.OTHERS["es"].keys()


def test_an_entry_cannot_write_to_the_terminal() -> None:
    one = replace(some(1).entries[0], subject="\x1b[2J\nredcross\u202e", details=json.dumps({"a": 1}))
    line = words.entry(one, "en")
    assert line.isprintable()
    assert "\\u001b[2J\\nredcross\\u202e" in line


# -- planted faults: verifications that would overlook something -------------------------------------------------------


@pytest.mark.parametrize("column", ["at", "actor", "act", "subject", "details"])
def test_a_column_that_the_hash_left_out_would_be_noticed(monkeypatch: pytest.MonkeyPatch, column: str) -> None:
    def forgetful(*values: Any) -> bytes:
        named = dict(zip(("number", "at", "actor", "act", "subject", "details", "previous"), values, strict=True))
        return hash_of(**named | {column: ""})

    monkeypatch.setattr(chain, "hash_of", forgetful)
    written = Written(linked([CANONICAL] * 4, hashed=forgetful), [])
    written.checkpoints = [checkpoint(written.entries[-1])]
    written.entries[1] = replace(written.entries[1], **cast(Any, {column: "other"}))
    assert written.problems() == []  # which is what the properties above would have failed for


def test_a_check_that_takes_any_signature_would_be_noticed() -> None:
    written = some(6)
    written.entries = linked([(one.at, one.actor, one.act, "iom", one.details) for one in written.entries])
    written.checkpoints = [checkpoint(one, OTHER_KEY) for one in written.entries]
    assert written.problems(check=lambda _: True) == []
    assert written.problems() != []
