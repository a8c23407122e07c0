"""The directory of public keys: read at once or not at all, and again when it changes."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts import sealing
from messaging.public_keys import DirectoryError, PublicKeys
from tests.examples import KEYS, RECIPIENT, SENDER, write_directory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_directory(tmp_path / "directory.json")


def test_everybody_has_the_key_that_the_directory_says_the_hub_too(file: Path) -> None:
    assert PublicKeys(file).ids() == {name: {key["kid"]} for name, key in KEYS.items()}


def test_a_key_is_known_by_its_thumbprint_and_not_by_what_the_file_calls_it(tmp_path: Path) -> None:
    called = {name: {**key, "kid": "another"} for name, key in KEYS.items()}
    assert PublicKeys(write_directory(tmp_path / "directory.json", called)).ids()[SENDER] == {KEYS[SENDER]["kid"]}


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
    assert keys.ids()[RECIPIENT] == {new["kid"]}


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
    assert keys.ids()[SENDER] == {new["kid"]}
