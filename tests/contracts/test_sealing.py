"""Sealed blocks: opened by the organisation they are for, and by nobody else, whatever arrives."""

import base64
import json
import stat
import traceback
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from contracts import Invalid, NoteBlock, PersonBlock, read_block
from contracts.sealing import (
    MAX_PLAIN_BYTES,
    SealingError,
    load_key,
    new_key,
    open_sealed,
    public_part,
    save_key,
    seal,
)

OURS = new_key()
THEIRS = new_key()
PERSON = {"given_names": "Yuleisy", "family_names": "Paternina", "phone": "+573005550123"}


def header_of(sealed: str) -> dict[str, Any]:
    encoded = sealed.partition(".")[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return header


def with_header(sealed: str, **changes: object) -> str:
    header = json.dumps({**header_of(sealed), **changes}).encode()
    return base64.urlsafe_b64encode(header).decode().rstrip("=") + "." + sealed.partition(".")[2]


def with_part(sealed: str, number: int) -> str:
    """The block with the first letter of one of its five parts changed."""
    parts = sealed.split(".")
    parts[number] = ("A" if parts[number][0] != "A" else "B") + parts[number][1:]
    return ".".join(parts)


def compressed() -> str:
    algorithms = ["ECDH-ES+A256KW", "A256GCM", "DEF"]
    header = {"alg": algorithms[0], "enc": algorithms[1], "zip": "DEF", "kid": OURS["kid"]}
    return jwe.encrypt_compact(header, b"{}" + b" " * 200_000, ECKey.import_key(OURS), algorithms=algorithms)


def test_a_sealed_block_is_opened_by_whom_it_is_for() -> None:
    assert open_sealed(seal(PERSON, public_part(OURS)), OURS) == PERSON


def test_a_sealed_block_shows_nothing_of_what_is_inside() -> None:
    sealed = seal(PERSON, public_part(OURS))
    assert header_of(sealed).keys() == {"alg", "enc", "kid", "epk"}
    for part in sealed.split("."):
        assert b"Yuleisy" not in base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_the_same_block_sealed_twice_looks_different() -> None:
    assert seal(PERSON, public_part(OURS)) != seal(PERSON, public_part(OURS))


def test_sealing_with_a_private_key_uses_only_its_public_part() -> None:
    assert "d" not in header_of(seal(PERSON, OURS))["epk"]


def test_a_key_is_named_by_its_thumbprint() -> None:
    assert OURS["kid"] == ECKey.import_key(public_part(OURS)).thumbprint()
    assert header_of(seal(PERSON, public_part(OURS)))["kid"] == OURS["kid"]


SEALED = seal(PERSON, public_part(OURS))
HOSTILE = {
    "nothing": ("", "not_sealed"),
    "clear text": ("Yuleisy Paternina", "not_sealed"),
    "a signed token instead": ("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", "not_sealed"),
    "far too long": ("eyJ" + "A" * 70_000, "not_sealed"),
    "a header that is no JSON": ("eyJ" + "A" * 40 + "." + SEALED.partition(".")[2], "sealed_to_another_key"),
    "sealed to somebody else": (seal(PERSON, public_part(THEIRS)), "sealed_to_another_key"),
    "sealed to somebody else under our name": (
        with_header(seal(PERSON, public_part(THEIRS)), kid=OURS["kid"]),
        "cannot_open",
    ),
    "another wrapped key": (with_part(SEALED, 1), "cannot_open"),
    "another nonce": (with_part(SEALED, 2), "cannot_open"),
    "other content": (with_part(SEALED, 3), "cannot_open"),
    "another tag": (with_part(SEALED, 4), "cannot_open"),
    "an algorithm we do not use": (with_header(SEALED, alg="dir"), "cannot_open"),
    "an algorithm that does not exist": (with_header(SEALED, alg=["x"]), "cannot_open"),
    "a header that we must understand": (with_header(SEALED, crit=["x"], x=1), "cannot_open"),
    "a point that is not on the curve": (
        with_header(SEALED, epk={"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
        "cannot_open",
    ),
    "a compressed block that could grow": (compressed(), "cannot_open"),
}


@pytest.mark.parametrize(("sealed", "code"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_block_is_refused_with_a_code(sealed: str, code: str) -> None:
    with pytest.raises(SealingError) as refusal:
        open_sealed(sealed, OURS)
    assert refusal.value.code == code
    assert refusal.value.__context__ is None


def test_a_block_that_holds_no_object_is_refused() -> None:
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": OURS["kid"]}
    for inside in (b"[]", b"Yuleisy", b"\xff", b"[" * 10_000):
        sealed = jwe.encrypt_compact(header, inside, ECKey.import_key(OURS), algorithms=["ECDH-ES+A256KW", "A256GCM"])
        with pytest.raises(SealingError) as refusal:
            open_sealed(sealed, OURS)
        assert refusal.value.code == "not_an_object"
        assert "Yuleisy" not in "".join(traceback.format_exception(refusal.value))


def test_a_block_that_is_too_long_is_not_sealed() -> None:
    with pytest.raises(SealingError) as refusal:
        seal({"notes": "x" * MAX_PLAIN_BYTES}, public_part(OURS))
    assert refusal.value.code == "too_large"


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        ECKey.generate_key("P-384").as_dict(private=True),
    ],
    ids=["nothing", "a symmetric key", "a point off the curve", "another curve"],
)
def test_what_is_no_key_of_ours_is_refused(key: dict[str, Any]) -> None:
    with pytest.raises(SealingError) as refusal:
        seal(PERSON, key)
    assert refusal.value.code == "not_a_key"
    with pytest.raises(SealingError) as refusal:
        open_sealed(SEALED, key)
    assert refusal.value.code == "not_a_key"


def test_a_public_key_opens_nothing() -> None:
    with pytest.raises(SealingError) as refusal:
        open_sealed(SEALED, public_part(OURS))
    assert refusal.value.code == "cannot_open"


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    save_key(OURS, tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert load_key(tmp_path / "key") == OURS


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    save_key(OURS, tmp_path / "key")
    with pytest.raises(FileExistsError):
        save_key(THEIRS, tmp_path / "key")
    assert load_key(tmp_path / "key") == OURS


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    save_key(OURS, tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(SealingError) as refusal:
        load_key(tmp_path / "key")
    assert refusal.value.code == "key_file_open_to_others"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kty": "EC"}'])
def test_a_key_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(SealingError) as refusal:
        load_key(path)
    assert refusal.value.code == "not_a_key"


def test_what_is_opened_is_read_as_strictly_as_a_message() -> None:
    assert read_block(PersonBlock, PERSON).phone == PERSON["phone"]


WRONG_PERSONS: list[tuple[dict[str, Any], str]] = [
    ({"phone": "300 555 0123"}, "phone"),
    ({"given_names": "a\0b"}, "given_names"),
    ({"documents": [{"type": "XX"}]}, "documents.0.type"),
    ({"age": "7"}, "age"),
    ({"birth_date": "2019-02-30"}, "birth_date"),
]


@pytest.mark.parametrize(("wrong", "where"), WRONG_PERSONS, ids=[where for _, where in WRONG_PERSONS])
def test_a_wrong_block_is_refused_with_the_field_and_no_value(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_block(PersonBlock, wrong)
    assert (refusal.value.code, refusal.value.where) == ("invalid_field", where)
    assert refusal.value.__context__ is None


def test_a_block_shows_nothing_of_itself_when_printed() -> None:
    assert repr(read_block(PersonBlock, PERSON)) == "<PersonBlock>"
    assert str(NoteBlock(text="Yuleisy")) == "<NoteBlock>"
    assert f"{NoteBlock(text='Yuleisy')}" == "<NoteBlock>"
