"""The directory of public keys: read at once or not at all, and again when it changes."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import sealing
from messaging import clock
from messaging.public_keys import DirectoryError, PublicKeys, in_force
from tests.examples import KEYS, RECIPIENT, SENDER, write_directory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_directory(tmp_path / "directory.json")


def test_everybody_has_the_key_that_the_directory_says_the_hub_too(file: Path) -> None:
    assert PublicKeys(file).ids() == {name: {key["kid"]: True} for name, key in KEYS.items()}


def test_a_key_is_known_by_its_thumbprint_and_not_by_what_the_file_calls_it(tmp_path: Path) -> None:
    called = {name: {**key, "kid": "another"} for name, key in KEYS.items()}
    assert PublicKeys(write_directory(tmp_path / "directory.json", called)).ids()[SENDER] == {KEYS[SENDER]["kid"]: True}


NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def several(*keys: dict[str, object]) -> str:
    """A directory in which the sender has these keys, the first of them to be sealed to."""
    said = {name: {"name": name, "public_key": sealing.public_part(key)} for name, key in KEYS.items()}
    listed = [{**key, **{name: at.isoformat() for name, at in key.items() if isinstance(at, datetime)}} for key in keys]
    return json.dumps({"organisations": {**said, SENDER: {"public_key": keys[0]["public_key"], "keys": listed}}})


def test_a_key_is_in_force_until_its_end_or_its_revocation_whichever_comes_first(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [sealing.new_key() for _ in range(3)]
    new, old, stolen = [{"public_key": sealing.public_part(key)} for key in made]
    file.write_text(
        several(
            {**new, "valid_from": NOW},
            {**old, "valid_from": NOW - DAY, "valid_until": NOW + DAY},
            {**stolen, "valid_from": NOW - DAY, "valid_until": NOW + 9 * DAY, "revoked_at": NOW},
        )
    )
    keys = PublicKeys(file)

    def in_force_at(moment: datetime) -> list[bool]:
        monkeypatch.setattr(clock, "now", lambda: moment)
        return [keys.ids()[SENDER][key["kid"]] for key in made]

    instant = timedelta(microseconds=1)
    assert in_force_at(NOW) == [True, True, False]
    assert in_force_at(NOW + DAY - instant) == [True, True, False]
    assert in_force_at(NOW + DAY) == [True, False, False]
    assert in_force_at(NOW - instant) == [True, True, True]  # a clock may be set back
    said = [in_force(keys.ids(), [SENDER], key) for key in (made[1]["kid"], "unknown", None)]
    assert said == [True, None, None]
    in_force_at(NOW + DAY)
    assert in_force(keys.ids(), [SENDER], made[1]["kid"]) is False


def test_of_several_who_may_read_one_with_the_key_in_force_is_enough() -> None:
    keys = {"iom": {"a": True, "b": False}, "fuvadis": {"b": True}}
    assert in_force(keys, ["iom", "fuvadis"], "b") is True
    assert in_force(keys, ["iom"], "b") is False
    assert in_force(keys, [], "a") is None


def make_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "not there": lambda file: file.unlink(),
    "a folder": make_a_folder,
    "empty": lambda file: file.write_text(""),
    "not UTF-8": lambda file: file.write_bytes(b"\xff"),
    "no JSON": lambda file: file.write_text("Yuleisy"),
    "half of it": lambda file: file.write_text(file.read_text()[:200]),
    "too deep": lambda file: file.write_text("[" * 100_000),
    "a list": lambda file: file.write_text("[]"),
    "no organisations": lambda file: file.write_text("{}"),
    "nobody": lambda file: file.write_text('{"organisations": {}}'),
    "without the hub": lambda file: write_directory(file, {SENDER: KEYS[SENDER]}),
    "somebody without a key": lambda file: file.write_text(
        json.dumps({"organisations": {"hub": {"public_key": KEYS["hub"]}, "iom": {"name": "Yuleisy"}}})
    ),
    "somebody whose keys are none": lambda file: file.write_text(
        several({"public_key": KEYS[SENDER]}).replace("[{", "[1, {")
    ),
    "a moment that is none": lambda file: file.write_text(
        several({"public_key": KEYS[SENDER], "valid_until": "Yuleisy"})
    ),
    "a moment without its zone": lambda file: file.write_text(
        several({"public_key": KEYS[SENDER], "valid_until": "2026-03-02T09:00:00"})
    ),
    "somebody with another kind of key": lambda file: write_directory(file, {**KEYS, "iom": {"kty": "oct", "k": "x"}}),
}


@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
def test_a_directory_that_cannot_be_used_is_named_in_one_sentence_without_what_is_in_it(
    file: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(file)
    with pytest.raises(DirectoryError) as error:
        PublicKeys(file)
    said = str(error.value)
    assert said.startswith(f"The directory of public keys {file} (RUTA_DIRECTORY_FILE) cannot be used: ")
    assert said.endswith(".")
    assert "\n" not in said
    assert "Yuleisy" not in said
    assert error.value.__context__ is None


def test_a_new_key_counts_as_soon_as_it_is_in_the_file(file: Path) -> None:
    keys = PublicKeys(file)
    new = sealing.new_key()
    write_directory(file, {**KEYS, RECIPIENT: new})
    assert keys.ids()[RECIPIENT] == {new["kid"]: True}


@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
def test_where_the_file_is_spoilt_the_keys_known_before_count_until_it_is_whole_again(
    file: Path, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    keys = PublicKeys(file)
    before = keys.ids()
    spoil(file)
    with caplog.at_level(logging.WARNING):
        assert [keys.ids(), keys.ids()] == [before, before]
    assert len(caplog.records) == 1  # of however many messages
    assert "Yuleisy" not in caplog.text

    if file.is_dir():
        file.rmdir()
    new = sealing.new_key()
    write_directory(file, {**KEYS, SENDER: new})
    assert keys.ids()[SENDER] == {new["kid"]: True}
