"""The directory of public keys: believed where the hub has signed it and it is not older than the last one, only."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from contracts import sealing
from contracts.__main__ import main as command
from contracts.key_directory import DirectoryError, public_key, read_directory, sign_directory

HUBS, ANOTHERS = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
NAME = "Yuleisy"


def jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    encoded = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return public_key({"kty": "OKP", "crv": "Ed25519", "x": encoded})


KEY = jwk(HUBS)
DIRECTORY = {
    "number": 7,
    "issued_at": "2026-11-27T12:00:00+00:00",
    "organisations": {"redcross": {"name": NAME, "public_key": {"kid": "a"}}},
}
SIGNED = sign_directory(DIRECTORY, KEY, HUBS.sign)


def encoded(said: Any) -> str:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def signed_with(header: Any, payload: Any = DIRECTORY, key: Ed25519PrivateKey = HUBS) -> str:
    """A compact JWS that says anything."""
    said = f"{encoded(header)}.{encoded(payload)}"
    return f"{said}.{encoded(key.sign(said.encode()))}"


HEADER = {"alg": "Ed25519", "kid": KEY["kid"], "typ": "ruta-directory+jws"}


def without(directory: dict[str, Any], name: str) -> dict[str, Any]:
    return {one: value for one, value in directory.items() if one != name}


def test_a_directory_that_the_hub_has_signed_says_what_it_said() -> None:
    assert read_directory(SIGNED, KEY) == DIRECTORY
    assert read_directory(f"{SIGNED}\n", KEY, last=7) == DIRECTORY


def test_any_library_for_jose_reads_it() -> None:
    read = jws.deserialize_compact(SIGNED, OKPKey.import_key({**KEY}), algorithms=["Ed25519"])
    assert read.headers() == HEADER
    assert json.loads(read.payload or b"") == DIRECTORY


def test_an_older_directory_that_is_served_again_is_refused() -> None:
    with pytest.raises(DirectoryError) as refusal:
        read_directory(SIGNED, KEY, last=8)
    assert refusal.value.code == "older"


def test_each_changed_character_is_refused() -> None:
    for place, character in enumerate(SIGNED):
        for other in "AB.":
            changed = SIGNED[:place] + other + SIGNED[place + 1 :]
            if other != character:
                with pytest.raises(DirectoryError) as refusal:
                    read_directory(changed, KEY)
                assert refusal.value.code in ("changed", "not_a_directory", "signed_by_another")


REFUSED = {
    "nothing": ("", "not_a_directory"),
    "a problem of HTTP": ('{"code": "key_unknown"}', "not_a_directory"),
    "a directory that nobody has signed": (json.dumps(DIRECTORY), "not_a_directory"),
    "another's": (sign_directory(DIRECTORY, jwk(ANOTHERS), ANOTHERS.sign), "signed_by_another"),
    "another's under the hub's name": (signed_with(HEADER, key=ANOTHERS), "changed"),
    "another content": (".".join((SIGNED.split(".")[0], encoded({**DIRECTORY, "number": 9}), SIGNED.split(".")[2])),
                        "changed"),
    "no signature": (SIGNED.rpartition(".")[0] + ".", "changed"),
    "no algorithm": (signed_with({**HEADER, "alg": "none"}), "not_a_directory"),
    "a name that is no longer used": (signed_with({**HEADER, "alg": "EdDSA"}), "not_a_directory"),
    "a list of algorithms": (signed_with({**HEADER, "alg": ["Ed25519"]}), "not_a_directory"),
    "something else by the same key": (signed_with({**HEADER, "typ": "ruta-proof+jws"}), "not_a_directory"),
    "a key of its own": (signed_with({**HEADER, "jwk": jwk(ANOTHERS)}, key=ANOTHERS), "not_a_directory"),
    "a header that we must understand": (signed_with({**HEADER, "crit": ["b64"], "b64": False}), "not_a_directory"),
    "a header that is no object": (signed_with([]), "not_a_directory"),
    "padding": (SIGNED + "==", "not_a_directory"),
    "no ASCII": (SIGNED + "ñ", "not_a_directory"),
    "four parts": (SIGNED + ".AAAA", "not_a_directory"),
    "no object": (signed_with(HEADER, [NAME]), "not_a_directory"),
    "no JSON": (signed_with(HEADER, b"\xff" + NAME.encode()), "not_a_directory"),
    "too deep": (signed_with(HEADER, b"[" * 100_000), "not_a_directory"),
    "no number": (signed_with(HEADER, without(DIRECTORY, "number")), "not_a_directory"),
    "a number that is none": (signed_with(HEADER, {**DIRECTORY, "number": "9"}), "not_a_directory"),
    "true for a number": (signed_with(HEADER, {**DIRECTORY, "number": True}), "not_a_directory"),
    "no organisations": (signed_with(HEADER, without(DIRECTORY, "organisations")), "not_a_directory"),
}  # fmt: skip


@pytest.mark.parametrize(("signed", "code"), REFUSED.values(), ids=REFUSED)
def test_what_the_hub_has_not_signed_as_it_stands_is_refused_without_what_is_in_it(signed: str, code: str) -> None:
    with pytest.raises(DirectoryError) as refusal:
        read_directory(signed, KEY)
    assert refusal.value.code == code
    assert refusal.value.__context__ is None
    assert NAME not in str(refusal.value)


NO_KEYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a secret that both know": {"kty": "oct", "k": KEY["x"]},
    "a key to seal to": sealing.public_part(sealing.new_key()),
    "another curve": {**KEY, "crv": "X25519"},
    "half a key": {**KEY, "x": KEY["x"][:20]},
    "a number": {**KEY, "x": 1},
}


@pytest.mark.parametrize("key", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_to_check_with_is_refused(key: dict[str, Any]) -> None:
    with pytest.raises(DirectoryError) as refusal:
        read_directory(SIGNED, key)
    assert refusal.value.code == "not_a_key"
    assert refusal.value.__context__ is None


def test_the_name_that_stands_beside_a_key_is_not_believed() -> None:
    anothers = sign_directory(DIRECTORY, {**jwk(ANOTHERS), "kid": "x"}, ANOTHERS.sign)
    with pytest.raises(DirectoryError) as refusal:
        read_directory(anothers, {**KEY, "kid": "x"})
    assert refusal.value.code == "signed_by_another"


# -- the command -------------------------------------------------------------------------------------------------------

Check = Callable[..., int]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Run `directory` with something on its standard input, and the credentials that the hub has handed out."""
    (tmp_path / "credentials.json").write_text(json.dumps({"organisation": "redcross", "directory_key": KEY}))

    def run(signed: str, *words: str, key: str = "credentials.json") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(signed))
        return command(["directory", str(tmp_path / key), *words])

    return run


def numbered(number: int) -> str:
    return sign_directory({**DIRECTORY, "number": number}, KEY, HUBS.sign)


def test_the_command_prints_what_is_signed(check: Check, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "key.jwk").write_text(json.dumps(KEY))
    assert check(SIGNED) == check(SIGNED, "--last", "7", key="key.jwk") == 0
    printed = capsys.readouterr().out
    assert printed == (json.dumps(DIRECTORY, indent=1, ensure_ascii=False) + "\n") * 2


def test_the_command_refuses_with_a_sentence(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(SIGNED, "--last", "8") == 1
    assert check(signed_with(HEADER, key=ANOTHERS)) == 1
    assert check(sign_directory(DIRECTORY, jwk(ANOTHERS), ANOTHERS.sign)) == 1
    assert check(SIGNED, key="nothing") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.partition(": ")[0] for line in said.err.splitlines()][:3] == ["older", "changed", "signed_by_another"]
    assert said.err.splitlines()[3].endswith("No such file or directory")


def test_a_file_takes_only_what_is_not_older_than_it_is(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "directory.json"

    def number() -> int:
        return int(json.loads(kept.read_text())["number"])

    assert check(numbered(4), "--into", str(kept)) == 0
    assert check(numbered(6), "--into", str(kept)) == 0
    assert number() == 6
    assert check(numbered(5), "--into", str(kept)) == 1
    assert check(signed_with(HEADER, {**DIRECTORY, "number": 9}, ANOTHERS), "--into", str(kept)) == 1
    assert check(numbered(7), "--into", str(kept), "--last", "8") == 1
    assert number() == 6
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["older", "changed", "older"]
    kept.write_text('{"organisations": {}}')  # of before directories had numbers
    assert check(numbered(5), "--into", str(kept)) == 0
    assert number() == 5
    assert sorted(one.name for one in tmp_path.iterdir()) == ["credentials.json", "directory.json"]
