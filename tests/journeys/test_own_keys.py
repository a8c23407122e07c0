"""The demo's organisations have made their keys themselves: what is sealed to one of them, the hub cannot open."""

import json
from pathlib import Path

from contracts import sealing
from contracts.key_directory import read_directory
from demo import keys
from demo.stage import Ground


def test_the_hub_has_no_private_key_but_its_own(ground: Ground) -> None:
    state = ground.stack.state
    private = {
        file: said["kid"] for file in state.directory.rglob("*.jwk") if "d" in (said := json.loads(file.read_text()))
    }
    expected = {ground.home(name) / keys.PRIVATE for name in ground.network.declared.organisations}
    assert private.keys() == expected | {state.organisations / "hub" / "private.jwk"}
    assert len(set(private.values())) == len(private)


def test_the_directory_shows_no_custody_and_the_keys_that_the_organisations_have(ground: Ground) -> None:
    for name in ground.network.declared.organisations:
        home = ground.home(name)
        handed_out = json.loads((home / "credentials.json").read_text())
        said = read_directory(ground.stack.state.signed_directory_file.read_text(), handed_out["directory_key"])
        entry = said["organisations"][name]
        assert "custody" not in entry
        key = sealing.load_key(home / keys.PRIVATE)
        assert entry["public_key"] == sealing.public_part(key)
        assert [one["public_key"]["kid"] for one in entry["keys"]] == [key["kid"]]  # nobody ever had another


def test_an_organisation_that_has_a_key_brings_it_again(ground: Ground) -> None:
    before = {file: file.read_text() for file in ground.homes.rglob("*.jwk")}
    signed: Path = ground.stack.state.signed_directory_file
    directory = signed.read_text()
    keys.bring(ground.stack)
    assert {file: file.read_text() for file in ground.homes.rglob("*.jwk")} == before
    assert signed.read_text() == directory
